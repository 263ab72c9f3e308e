/*
 * Any JSON or form. Where things are is said by JSON pointers (of a form "/name");
 * where it is not said, the usual names are tried at the top:
 *
 *	dedup_key   dedup_key, key, alias, fingerprint, id
 *	title       title, summary, subject, name, message, text, msg
 *	text        description, text, message, body, msg
 *	status      status, state
 *	severity    severity, priority, level
 *	url         url, link
 *
 * An array is as many alerts. What has no status fires. Without an `alertname`
 * among the labels, it is the key, or else the title.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

static const char *const gen_keys[] = {"/dedup_key",   "/key", "/alias",
				       "/fingerprint", "/id",  NULL};
static const char *const gen_titles[] = {"/title", "/summary", "/subject",
					 "/name",  "/message", "/text",
					 "/msg",   NULL};
static const char *const gen_texts[] = {"/description", "/text", "/message",
					"/body",        "/msg",  NULL};
static const char *const gen_statuses[] = {"/status", "/state", NULL};
static const char *const gen_severities[] = {"/severity", "/priority", "/level",
					     NULL};
static const char *const gen_urls[] = {"/url", "/link", NULL};

static const char *const gen_resolved[] = {
	"resolved", "ok",    "up",    "recovered", "recovery", "normal",
	"closed",   "green", "clear", "success",   "healthy",  NULL};

/* What stands at POINTER, or else at one of the usual places; "": nothing. */
static const char *
gen_find(struct intake *in, const struct doc *d, const char *pointer,
	 const char *const *usual)
{
	const char *text;

	if (*pointer != '\0') {
		text = doc_at(d, pointer, in->arena);
		return text != NULL ? text : "";
	}
	for (; *usual != NULL; usual++) {
		text = doc_at(d, *usual, in->arena);
		if (text != NULL && *text != '\0')
			return text;
	}
	return "";
}

static bool
gen_is_resolved(const struct source_map *map, const char *status)
{
	if (map->nresolved == 0)
		return intake_is_one_of(status, gen_resolved);
	for (size_t i = 0; i < map->nresolved; i++) {
		const char *const word[] = {map->resolved[i], NULL};

		if (intake_is_one_of(status, word))
			return true;
	}
	return false;
}

static void
gen_labels(struct intake *in, struct maker *m, const struct doc *d)
{
	const struct source_map *map = &in->source->map;

	for (size_t i = 0; i < map->nlabels; i++)
		maker_label(m, map->labels[i].name,
			    doc_at(d, map->labels[i].at, in->arena));
}

/* What it is known by, and has a thread of its own by: its key, since a title may
 * say something else each time. */
static void
gen_name(struct maker *m, const char *key, const char *title)
{
	if (!maker_has_label(m, "alertname"))
		maker_label(m, "alertname", intake_either(key, title));
	else if (*key == '\0')
		maker_label(m, "title", title);
}

static int
gen_alert(struct intake *in, const struct doc *d)
{
	const struct source_map *map = &in->source->map;
	const char *key = gen_find(in, d, map->dedup_key, gen_keys);
	const char *title = gen_find(in, d, map->title, gen_titles);
	const char *text = gen_find(in, d, map->text, gen_texts);
	const char *status = gen_find(in, d, map->status, gen_statuses);
	struct maker m;

	if (*map->dedup_key != '\0' && *key == '\0')
		return intake_refuse(in,
				     "nothing at %s, where the dedup_key "
				     "is",
				     map->dedup_key);
	title = intake_either(title, intake_either(text, key));
	if (*title == '\0')
		return intake_refuse(in, "nothing that could be a title");
	maker_begin(&m, in);
	m.key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
	gen_labels(in, &m, d);
	maker_label(&m, "severity",
		    gen_find(in, d, map->severity, gen_severities));
	maker_note(&m, "summary", title);
	if (strcmp(text, title) != 0)
		maker_note(&m, "description", text);
	if (gen_is_resolved(map, status))
		m.status = ALERT_RESOLVED;
	maker_url(&m, gen_find(in, d, map->url, gen_urls));
	gen_name(&m, key, title);
	return maker_end(&m);
}

int
intake_generic(struct intake *in)
{
	const json_t *json = in->doc.json;
	struct doc one = {0};
	int r = 0;

	if (!json_is_array(json))
		return gen_alert(in, &in->doc);
	for (size_t i = 0; i < json_array_size(json); i++) {
		const char *why = in->why;

		one.json = json_array_get(json, i);
		if (gen_alert(in, &one) == 0)
			continue;
		if (r < 0)
			in->why = why; /* the first is told */
		r = -EINVAL;
	}
	return r;
}
