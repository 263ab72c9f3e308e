#include "cli/route_payload.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "cli/text.h"

#define PAYLOAD_MAX (8 << 20)

/* --- labels --------------------------------------------------------------------- */

static int
rp_bad_label(const char *word, const char *why)
{
	char *clean = text_clean(word);

	cli_say("`%s`: %s", clean, why);
	free(clean);
	return CLI_USAGE;
}

static int
rp_label(struct labels_builder *b, const char *word)
{
	const char *equal = strchr(word, '=');
	char *name;
	int r;

	if (equal == NULL)
		return rp_bad_label(word, "write labels as NAME=VALUE");
	name = xasprintf("%.*s", (int)(equal - word), word);
	r = labels_set(b, name, equal + 1);
	free(name);
	if (r == -EINVAL)
		return rp_bad_label(word, "that is no label");
	return r < 0 ? rp_bad_label(word, "too many labels") : CLI_OK;
}

/* The label that the intake of a source gives. */
static void
rp_label_source(const struct route_payload *p, const struct rules *rules,
		struct labels_builder *b)
{
	const struct rules_source *known =
		p->source != NULL ? rules_source(rules, p->source) : NULL;
	struct labels l = {.n = b->n, .v = b->v};

	if (known != NULL && known->kind != SOURCE_ALERTMANAGER &&
	    labels_get(&l, "source") == NULL)
		(void)labels_set(b, "source", p->source);
}

static int
rp_labels(const struct route_payload *p, const struct rules *rules, int n,
	  char **words, struct alert_batch *ret)
{
	struct alert *a = alert_batch_add(ret);
	struct labels_builder b;
	int r = CLI_OK;

	labels_builder_init(&b, &ret->arena);
	for (int i = 0; i < n && r == CLI_OK; i++)
		r = rp_label(&b, words[i]);
	if (r != CLI_OK)
		return r;
	rp_label_source(p, rules, &b);
	a->source =
		p->source != NULL ? p->source : source_kind_names[SOURCE_CLI];
	if (labels_finish(&b, &a->labels) == 0)
		return CLI_OK;
	cli_say("the labels are too long");
	return CLI_USAGE;
}

/* --- documents -------------------------------------------------------------------- */

static int
rp_read_file(const char *name, struct buf *ret)
{
	bool standard = strcmp(name, "-") == 0;
	FILE *file = standard ? stdin : fopen(name, "re");
	char piece[8192], *clean;
	size_t n;
	int r = file == NULL ? -errno : 0;

	while (r == 0 && (n = fread(piece, 1, sizeof(piece), file)) > 0)
		r = buf_append(ret, piece, n);
	if (r == 0 && ferror(file))
		r = -EIO;
	if (file != NULL && !standard)
		fclose(file);
	if (r == 0)
		return CLI_OK;
	clean = text_clean(name);
	cli_say("can't read %s: %s", clean,
		r == -EMSGSIZE ? "it is too large" : strerror(-r));
	free(clean);
	return r == -EMSGSIZE ? CLI_WRONG : CLI_NO_ID;
}

static bool
rp_is_json(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '{' || *text == '[';
}

/* What Prometheus posts is a list of alerts; one of them alone will do. Else it
 * is what an Alertmanager posts to a webhook. */
static bool
rp_is_postable(const char *text, size_t len, bool *ret_alone)
{
	json_t *json = json_loadb(text, len, 0, NULL);
	bool postable =
		json_is_array(json) || json_object_get(json, "labels") != NULL;

	*ret_alone = json_is_object(json);
	json_decref(json);
	return postable;
}

/* What the one of that name, or of that kind, would be. False: said. */
static bool
rp_source(const struct route_payload *p, const struct rules *rules,
	  struct rules_source *ret)
{
	const char *name = p->source != NULL
				   ? p->source
				   : source_kind_names[SOURCE_ALERTMANAGER];
	const struct rules_source *known = rules_source(rules, name);
	char *clean;

	if (known != NULL) {
		*ret = *known;
		return true;
	}
	for (size_t i = 0; i < SOURCE_NKIND; i++)
		if (strcmp(source_kind_names[i], name) == 0) {
			*ret = (struct rules_source){
				.name = name,
				.kind = (enum source_kind)i,
				.builtin = true,
			};
			return true;
		}
	clean = text_clean(name);
	cli_say("there is no source and no kind of sources called `%s`", clean);
	free(clean);
	return false;
}

/* CLI_WRONG: it was refused, as a post would be. */
static int
rp_refused(int r, char *why)
{
	char *clean = text_clean(why != NULL ? why : "");

	if (r == -EOPNOTSUPP)
		cli_say("that is an event that is no alert");
	else
		cli_say("it would be refused: %s", clean);
	free(clean);
	free(why);
	return CLI_WRONG;
}

static int
rp_document(const struct route_payload *p, const struct rules *rules,
	    const char *text, size_t len, struct alert_batch *ret)
{
	struct intake_request req = {.now_ms = p->now_ms};
	struct rules_source source;
	bool alone = false;
	char *whole, *why = NULL;
	int r;

	if (!rp_source(p, rules, &source))
		return CLI_USAGE;
	memcpy(req.header, p->header, sizeof(req.header));
	if (req.header[INTAKE_CONTENT_TYPE] == NULL)
		req.header[INTAKE_CONTENT_TYPE] =
			rp_is_json(text) ? "application/json"
					 : "application/x-www-form-urlencoded";
	req.postable = source.kind == SOURCE_ALERTMANAGER &&
		       rp_is_postable(text, len, &alone);
	whole = req.postable && alone ? xasprintf("[%s]", text) : xstrdup(text);
	req.body = whole;
	req.body_len = strlen(whole);
	alert_batch_done(ret); /* which is begun anew */
	r = intake_read(&source, &req, NULL, ret, &why);
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i].source = arena_strdup(&ret->arena, source.name);
	free(whole);
	if (r < 0)
		return rp_refused(r, why);
	if (ret->n > 0)
		return CLI_OK;
	cli_say("there is no alert in it");
	return CLI_WRONG;
}

/* --- the face ---------------------------------------------------------------------- */

int
route_payload_header(struct route_payload *p, const char *text)
{
	for (size_t i = 0; i < INTAKE_NHEADER; i++) {
		size_t n = strlen(intake_header_names[i]);

		if (strncasecmp(text, intake_header_names[i], n) == 0 &&
		    text[n] == ':') {
			p->header[i] =
				text + n + 1 + strspn(text + n + 1, " \t");
			return CLI_OK;
		}
	}
	cli_say("--header is one that a source's kind looks at, like "
		"\"%s: issues\"",
		intake_header_names[INTAKE_GITHUB_EVENT]);
	return CLI_USAGE;
}

int
route_payload_read(const struct route_payload *p, const struct rules *rules,
		   int n, char **words, struct alert_batch *ret)
{
	struct buf document;
	int r = CLI_OK;

	alert_batch_init(ret);
	if (!rp_is_json(words[0]) && strchr(words[0], '=') != NULL)
		return rp_labels(p, rules, n, words, ret);
	if (n > 1)
		return rp_bad_label(words[1], "write one document, or labels "
					      "as NAME=VALUE");
	buf_init(&document, PAYLOAD_MAX);
	if (rp_is_json(words[0]))
		buf_append_str(&document, words[0]);
	else
		r = rp_read_file(words[0], &document);
	if (r == CLI_OK)
		r = rp_document(p, rules, buf_str(&document), document.len,
				ret);
	buf_done(&document);
	return r;
}
