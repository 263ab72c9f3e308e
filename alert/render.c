/*
 * render - the templates, ours or those of the folder, and the endpoints' own.
 */
#include "alert/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/render_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

/* Slack: a section has 3,000 characters, a message 50 blocks. Teams takes 28
 * KB. ntfy makes an attachment of what is longer than 4,096 bytes. */
const struct render_limits render_limits[] = {
	[RENDER_MAIL_TXT] = {.name = "mail.txt",
			     .escape = MUSTACHE_PLAIN,
			     .json = false,
			     .summary = 300,
			     .description = 4000,
			     .value = 500,
			     .url = 4096,
			     .alerts = RENDER_ALERTS_MAX,
			     .max = RENDER_MAIL_MAX},
	[RENDER_MAIL_HTML] = {.name = "mail.html",
			      .escape = MUSTACHE_HTML,
			      .json = false,
			      .summary = 300,
			      .description = 4000,
			      .value = 500,
			      .url = 4096,
			      .alerts = RENDER_ALERTS_MAX,
			      .max = RENDER_MAIL_MAX},
	[RENDER_MESSAGE_TXT] = {.name = "message.txt",
				.escape = MUSTACHE_PLAIN,
				.json = false,
				.summary = 120,
				.description = 300,
				.value = 100,
				.url = 300,
				.alerts = 10,
				.max = 1000},
	[RENDER_SLACK_JSON] = {.name = "slack.json",
			       .escape = MUSTACHE_SLACK,
			       .json = true,
			       .summary = 150,
			       .description = 250,
			       .value = 200,
			       .url = 700,
			       .alerts = 20,
			       .max = 30000},
	[RENDER_WEBHOOK_JSON] = {.name = "webhook.json",
				 .escape = MUSTACHE_JSON,
				 .json = true,
				 .summary = 16384,
				 .description = 16384,
				 .value = 16384,
				 .url = 8192,
				 .alerts = RENDER_ALERTS_MAX,
				 .max = RENDER_BODY_MAX},
	[RENDER_PAGERDUTY_JSON] = {.name = "pagerduty.json",
				   .escape = MUSTACHE_JSON,
				   .json = true,
				   .summary = 300,
				   .description = 1000,
				   .value = 500,
				   .url = 2048,
				   .alerts = RENDER_ALERTS_MAX,
				   .max = 100000},
	[RENDER_NTFY_TXT] = {.name = "ntfy.txt",
			     .escape = MUSTACHE_PLAIN,
			     .json = false,
			     .summary = 120,
			     .description = 300,
			     .value = 100,
			     .url = 1000,
			     .alerts = 20,
			     .max = 4000},
	[RENDER_TEAMS_JSON] = {.name = "teams.json",
			       .escape = MUSTACHE_JSON,
			       .json = true,
			       .summary = 300,
			       .description = 500,
			       .value = 200,
			       .url = 2048,
			       .alerts = 20,
			       .max = 27000},
};

/* --- templates ------------------------------------------------------------------ */

/* All of PATH. 0, -ENOENT, another -errno, or -EFBIG. */
static int
file_read(const char *path, struct buf *out)
{
	int fd = conf_file_open(path), r = 0;
	char piece[4096];
	ssize_t n;

	if (fd < 0)
		return fd;
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : buf_append(out, piece, (size_t)n);
	}
	close(fd);
	return r == -EMSGSIZE ? -EFBIG : r;
}

/* What is not in the folder is ours; a folder that is not there is a mistake. */
static void
folder_check(const char *path, const struct conf_mark *mark,
	     struct conf_errors *e)
{
	struct stat st;
	int r = 0;

	if (path[0] == '\0')
		return;
	if (stat(path, &st) < 0)
		r = errno;
	else if (!S_ISDIR(st.st_mode))
		r = ENOTDIR;
	if (r != 0)
		conf_error(e, mark, "the folder of `templates`, %s: %s", path,
			   strerror(r));
}

/* Text of one template, from the folder or ours. False: an error in E. */
static bool
text_find(const struct render_conf *conf, enum render_text which,
	  const struct conf_mark *mark, struct conf_errors *e, struct buf *out,
	  struct conf_mark *ret_mark)
{
	const char *name = render_limits[which].name;
	int r = -ENOENT;

	ret_mark->line = ret_mark->column = 1;
	ret_mark->file = name;
	if (conf->templates[0] != '\0') {
		ret_mark->file =
			arena_printf(&e->arena, "%s/%s", conf->templates, name);
		r = file_read(ret_mark->file, out);
	}
	if (r == -ENOENT)
		must(buf_append_str(out, render_texts[which]) == 0);
	else if (r < 0)
		conf_error(e, mark, "%s: %s", ret_mark->file,
			   conf_file_error(r));
	return r == 0 || r == -ENOENT;
}

/* `message` and `text` are made of these two. */
static bool
text_is_round(enum render_text which, const struct mustache *m,
	      const struct conf_mark *mark, struct conf_errors *e)
{
	if ((which != RENDER_MAIL_TXT && which != RENDER_MESSAGE_TXT) ||
	    (!mustache_uses(m, "message") && !mustache_uses(m, "text")))
		return false;
	conf_error(e, mark,
		   "`message` and `text` are made of this template: it "
		   "can't hold them");
	return true;
}

static void
text_load(struct render *r, const struct render_conf *conf,
	  enum render_text which, const struct conf_mark *mark,
	  struct conf_errors *e)
{
	struct mustache *m = NULL;
	struct conf_mark at;
	struct buf text;

	buf_init(&text, MUSTACHE_TEXT_MAX + 1);
	if (text_find(conf, which, mark, e, &text, &at))
		m = render_compile(buf_str(&text), text.len, &at, e);
	if (m != NULL && text_is_round(which, m, &at, e))
		mustache_free(&m);
	r->texts[which] = m;
	buf_done(&text);
}

/* Each is tried out when all are there, as some hold others. */
static void
texts_check(const struct render *r, const struct render_conf *conf,
	    struct conf_errors *e)
{
	for (int i = 0; i < RENDER_NTEXT; i++) {
		const struct render_limits *b = &render_limits[i];
		struct conf_mark at = {
			.file = conf->templates[0] != '\0'
					? arena_printf(&e->arena, "%s/%s",
						       conf->templates, b->name)
					: b->name,
			.line = 1,
			.column = 1};

		(void)render_check(r, r->texts[i], b, &at, e);
	}
}

/* --- the whole ------------------------------------------------------------------ */

/* "Name <address>", or an address alone. */
static void
from_set(struct render *r, const char *from)
{
	const char *open = strrchr(from, '<');
	size_t len;

	if (from[0] == '\0') {
		r->from_name = "Belfry";
		r->from = arena_printf(&r->arena, "alerts@%s", r->hostname);
		return;
	}
	if (open == NULL) {
		r->from_name = "";
		r->from = arena_strdup(&r->arena, from);
		return;
	}
	len = (size_t)(open - from);
	while (len > 0 && from[len - 1] == ' ')
		len--;
	if (len >= 2 && from[0] == '"' && from[len - 1] == '"') {
		from++;
		len -= 2;
	}
	r->from_name = arena_strndup(&r->arena, from, len);
	r->from = arena_strndup(&r->arena, open + 1, strcspn(open + 1, ">"));
}

int
render_new(const struct render_conf *conf, const struct conf_mark *mark,
	   struct conf_errors *e, struct render **ret)
{
	struct render *r = xcalloc(1, sizeof(*r));
	size_t before = e->total;

	atomic_init(&r->refs, 1);
	arena_init(&r->arena);
	r->hostname = arena_strdup(&r->arena, conf->hostname);
	r->url = arena_strdup(&r->arena, conf->url);
	r->reply = arena_strdup(&r->arena, conf->reply);
	from_set(r, conf->from);
	folder_check(conf->templates, mark, e);
	for (int i = 0; i < RENDER_NTEXT; i++)
		text_load(r, conf, (enum render_text)i, mark, e);
	if (e->total == before)
		texts_check(r, conf, e);
	if (e->total > before) {
		render_unref(&r);
		return -EINVAL;
	}
	*ret = r;
	return 0;
}

struct render *
render_ref(struct render *r)
{
	atomic_fetch_add(&r->refs, 1);
	return r;
}

static void
own_free(struct render_own *own)
{
	for (; own != NULL; own = own->next)
		mustache_free(&own->text);
}

void
render_unref(struct render **render)
{
	struct render *r = render != NULL ? *render : NULL;

	if (r == NULL)
		return;
	*render = NULL;
	if (atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	for (int i = 0; i < RENDER_NTEXT; i++)
		mustache_free(&r->texts[i]);
	for (struct render_entry *p = r->entries; p != NULL; p = p->next) {
		mustache_free(&p->url);
		mustache_free(&p->body);
		own_free(p->headers);
		own_free(p->args);
	}
	arena_done(&r->arena);
	free(r);
}
