/*
 * render_body - a notice as the other channels take it: a header for whoever
 * sends, and the body.
 */
#include <errno.h>
#include <string.h>

#include "alert/render_impl.h"
#include "base/must.h"
#include "mail/encoded_word.h"
#include "net/fetch.h"

struct request {
	const struct render *render;
	const struct render_notice *notice;
	struct buf *out;
	int error;
};

static void
failed(struct request *q, int r)
{
	if (r < 0 && q->error == 0)
		q->error = r;
}

/* As one line, whatever VALUE holds. */
static void
put_field(struct request *q, const char *name, const char *value)
{
	failed(q, buf_printf(q->out, "%s: ", name));
	failed(q, mustache_write(value, MUSTACHE_LINE, q->out));
	failed(q, buf_append_str(q->out, "\r\n"));
}

static const struct render_limits field_limits = {.summary = 300,
						  .description = 1000,
						  .value = 500,
						  .url = 2048,
						  .alerts = RENDER_ALERTS_MAX,
						  .max = 8000};

/* A value of M. */
static void
put_template(struct request *q, const char *name, const struct mustache *m,
	     enum mustache_escape escape)
{
	struct render_limits limits = field_limits;
	struct buf value;

	limits.escape = escape;
	if (escape == MUSTACHE_URL)
		limits.max = FETCH_URL_MAX;
	buf_init(&value, limits.max);
	failed(q, render_fit(q->render, q->notice, &limits, m, escape, &value));
	put_field(q, name, buf_str(&value));
	buf_done(&value);
}

static void
put_id(struct request *q)
{
	const char *id = q->notice->message_id;

	if (id != NULL)
		put_field(q, "Idempotency-Key", id);
}

/* --- ntfy ------------------------------------------------------------------------- */

/* Beyond ASCII as encoded words, which ntfy reads; on one line. */
static void
put_words(struct request *q, const char *name, const char *text)
{
	struct buf line, words;

	buf_init(&line, field_limits.max);
	buf_init(&words, field_limits.max);
	failed(q, mustache_write(text, MUSTACHE_LINE, &line));
	failed(q, encoded_word_text(buf_str(&line), 0, &words));
	failed(q, buf_printf(q->out, "%s: ", name));
	for (const char *p = buf_str(&words); *p != '\0'; p++)
		if (*p != '\r' && *p != '\n')
			failed(q, buf_append_char(q->out, *p));
	failed(q, buf_append_str(q->out, "\r\n"));
	buf_done(&words);
	buf_done(&line);
}

#define NTFY_ACTIONS 3 /* that it shows */

static const struct mustache_value *
tree_find(const struct mustache_value *object, const char *name)
{
	for (size_t i = 0; i < object->n; i++)
		if (strcmp(object->fields[i].name, name) == 0)
			return &object->fields[i].value;
	must(!"a variable that there is");
	return NULL;
}

static const char *
tree_text(const struct mustache_value *object, const char *name)
{
	const struct mustache_value *v = tree_find(object, name);

	must(v->kind == MUSTACHE_TEXT);
	return v->text;
}

static void
put_ntfy_links(struct request *q, const struct mustache_value *root)
{
	const char *click = tree_text(root, "show_url"), *between = "[";
	const struct mustache_value *links = tree_find(root, "links");

	if (click[0] == '\0')
		click = tree_text(root, "url");
	if (click[0] != '\0')
		put_field(q, "Click", click);
	if (links->n == 0)
		return;
	failed(q, buf_append_str(q->out, "Actions: "));
	for (size_t i = 0; i < links->n && i < NTFY_ACTIONS; i++) {
		failed(q,
		       buf_printf(q->out,
				  "%s{\"action\":\"view\",\"label\":\"%s\","
				  "\"url\":\"%s\"}",
				  between, tree_text(&links->items[i], "label"),
				  tree_text(&links->items[i], "url")));
		between = ",";
	}
	failed(q, buf_append_str(q->out, "]\r\n"));
}

static const char *
ntfy_tags(const struct render_notice *n)
{
	if (render_is_over(n))
		return "white_check_mark,resolved";
	if (n->kind == NOTICE_ACKED)
		return "eyes";
	return n->critical ? "rotating_light,critical" : "warning";
}

static void
put_ntfy(struct request *q)
{
	const struct render *r = q->render;
	struct mustache_value root;
	struct render_scope s;
	struct arena arena;

	render_scope_init(&s, r, q->notice, &render_limits[RENDER_NTFY_TXT]);
	arena_init(&arena);
	s.arena = &arena;
	root = render_tree(&s, r->texts[RENDER_NTFY_TXT]);
	put_words(q, "Title", tree_text(&root, "title"));
	put_field(q, "Priority", tree_text(&root, "priority"));
	put_field(q, "Tags", ntfy_tags(q->notice));
	put_ntfy_links(q, &root);
	arena_done(&arena);
}

/* --- Slack ----------------------------------------------------------------------- */

/* One line of JSON without blocks, for when it doesn't like ours. */
static void
put_slack(struct request *q)
{
	static const char *const parts[][2] = {
		{"{\"text\":\"", "emoji"},
		{" ", "title"},
		{": ", "headline"},
		{"\\n", "show_url"},
	};
	const struct render *r = q->render;
	struct mustache_value root;
	struct render_scope s;
	struct arena arena;

	render_scope_init(&s, r, q->notice, &render_limits[RENDER_SLACK_JSON]);
	arena_init(&arena);
	s.arena = &arena;
	root = render_tree(&s, r->texts[RENDER_SLACK_JSON]);
	failed(q, buf_append_str(q->out, "Belfry-Plain: "));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *text = tree_text(&root, parts[i][1]);

		if (*text == '\0')
			continue;
		failed(q, buf_append_str(q->out, parts[i][0]));
		failed(q, mustache_write(text, MUSTACHE_SLACK, q->out));
	}
	failed(q, buf_append_str(q->out, "\"}\r\n"));
	arena_done(&arena);
}

/* --- all of them -------------------------------------------------------------------- */

static void
put_body(struct request *q, const struct render_limits *limits,
	 const struct mustache *m)
{
	failed(q, buf_append_str(q->out, "\r\n"));
	failed(q, render_fit(q->render, q->notice, limits, m, limits->escape,
			     q->out));
}

static void
put_own(struct request *q, const struct render_own *own, const char *name)
{
	for (; own != NULL; own = own->next)
		put_template(q, own->name != NULL ? own->name : name, own->text,
			     MUSTACHE_LINE);
}

/* What a webhook's or a program's entry says goes before what we would. */
static void
put_entry(struct request *q, const struct render_entry *entry)
{
	enum render_text which = RENDER_WEBHOOK_JSON;

	if (entry != NULL && entry->url != NULL)
		put_template(q, "Belfry-URL", entry->url, MUSTACHE_URL);
	if (entry != NULL && entry->args != NULL)
		put_own(q, entry->args->next, "Belfry-Argument");
	if (entry == NULL || !entry->has_type)
		put_field(q, "Content-Type", "application/json");
	put_id(q);
	if (entry != NULL)
		put_own(q, entry->headers, NULL);
	if (entry != NULL && entry->body != NULL)
		put_body(q, &entry->limits, entry->body);
	else
		put_body(q, &render_limits[which], q->render->texts[which]);
}

static void
put_channel(struct request *q, enum channel channel,
	    const struct render_entry *entry)
{
	enum render_text which = RENDER_NTEXT;
	const char *type = "application/json";

	switch (channel) {
	case CHANNEL_WEBHOOK:
	case CHANNEL_EXEC:
		put_entry(q, entry);
		return;
	case CHANNEL_SLACK:
		which = RENDER_SLACK_JSON;
		put_slack(q);
		break;
	case CHANNEL_PAGERDUTY:
		which = RENDER_PAGERDUTY_JSON;
		break;
	case CHANNEL_TEAMS:
		which = RENDER_TEAMS_JSON;
		break;
	case CHANNEL_NTFY:
		which = RENDER_NTFY_TXT;
		type = "text/plain; charset=utf-8";
		put_ntfy(q);
		break;
	case CHANNEL_MAIL:
	case CHANNEL_NCHANNEL:
		must(!"a channel that has a body");
	}
	put_field(q, "Content-Type", type);
	put_body(q, &render_limits[which], q->render->texts[which]);
}

int
render_body(const struct render *r, enum channel channel, const char *name,
	    const struct render_notice *n, struct buf *ret)
{
	struct request q = {.render = r, .notice = n, .out = ret};
	const struct render_entry *entry = r->entries;
	size_t before = ret->len;

	while (entry != NULL && strcmp(entry->name, name) != 0)
		entry = entry->next;
	put_channel(&q, channel, entry);
	if (q.error < 0)
		ret->len = before;
	return q.error;
}
