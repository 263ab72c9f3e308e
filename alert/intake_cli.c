/*
 * What `belfry alert send` submits: a JSON object of strings, and `labels`, an
 * object of strings. Its name is its key. Who it was comes beside it, as QUERY's
 * `user` and `uid`; nobody ends or changes the incidents of another user.
 */
#include "alert/intake_impl.h"

#include <string.h>

static const char *
cli_query(const struct intake *in, const char *name)
{
	for (size_t i = 0; i < in->req->nquery; i++)
		if (strcmp(in->req->query[i].name, name) == 0)
			return in->req->query[i].value;
	return "";
}

static void
cli_who(struct intake *in, struct maker *m)
{
	maker_label(m, "user", cli_query(in, "user"));
	maker_label(m, "uid", cli_query(in, "uid"));
}

/* Whose it is comes first, so that there is room for it, and last, so that
 * nobody says otherwise. */
static void
cli_labels(struct intake *in, struct maker *m)
{
	const char *name;
	json_t *value;

	cli_who(in, m);
	json_object_foreach(json_object_get(in->doc.json, "labels"), name,
			    value)
	{
		maker_label(m, name, doc_text(value, in->arena));
	}
	maker_label(m, "source", intake_get(in, in->doc.json, "source"));
	maker_label(m, "severity", intake_get(in, in->doc.json, "severity"));
	cli_who(in, m);
}

int
intake_cli(struct intake *in)
{
	const json_t *json = in->doc.json;
	const char *title = intake_get(in, json, "title");
	const char *key = intake_either(intake_get(in, json, "key"), title);
	struct maker m;

	if (!json_is_object(json))
		return intake_refuse(in, "no JSON object");
	if (*key == '\0')
		return intake_refuse(in, "neither title nor key");
	maker_begin(&m, in);
	maker_label(&m, "alertname", key);
	cli_labels(in, &m);
	key = arena_printf(in->arena, "%s/%s", cli_query(in, "user"), key);
	m.key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
	maker_note(&m, "summary", intake_either(title, key));
	maker_note(&m, "description", intake_get(in, json, "text"));
	if (strcmp(intake_get(in, json, "status"), "resolved") == 0)
		m.status = ALERT_RESOLVED;
	maker_url(&m, intake_get(in, json, "url"));
	return maker_end(&m);
}
