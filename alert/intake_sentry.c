/*
 * Sentry's integration platform (`Sentry-Hook-Resource` says what it is), and the
 * old webhooks plugin, which neither signs nor says.
 *
 *	event_alert    a rule on issues fired: `issue/ID`, there is no end of it
 *	issue          the issue itself: created, unresolved; resolved ends it
 *	metric_alert   critical, warning; resolved ends it: `metric/ID`
 *
 * Others (installation, comment, ...) and what people do to an issue are no
 * alerts.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

/* Sentry's level is a severity, but for its name of the worst. */
static void
sentry_level(struct maker *m, const char *level)
{
	maker_label(m, "severity",
		    strcmp(level, "fatal") == 0 ? "critical" : level);
}

/* The second name behind "/projects/" in an API URL, which has the project by
 * its name, as `issue` does. */
static const char *
sentry_slug_of(struct intake *in, const char *url)
{
	const char *p = strstr(url, "/projects/");
	size_t len;

	p = p != NULL ? strchr(p + strlen("/projects/"), '/') : NULL;
	if (p == NULL)
		return "";
	len = strcspn(p + 1, "/?#");
	return arena_strndup(in->arena, p + 1, len);
}

/* Of Sentry's pairs [name, value]. */
static const char *
sentry_tag(struct intake *in, const json_t *event, const char *name)
{
	const json_t *tags = json_object_get(event, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const json_t *pair = json_array_get(tags, i);
		const char *key = json_string_value(json_array_get(pair, 0));

		if (key != NULL && strcmp(key, name) == 0)
			return intake_at(in, pair, "/1");
	}
	return "";
}

static int
sentry_key(struct intake *in, struct maker *m, const char *what, const char *id)
{
	if (*id == '\0')
		return intake_refuse(in, "no id of the %s", what);
	m->key = clean_line(in->arena,
			    arena_printf(in->arena, "%s/%s", what, id),
			    strlen(what) + 1 + strlen(id), INTAKE_KEY_MAX);
	return 0;
}

/* What an event has, in event_alert and in the plugin's body. */
static void
sentry_event(struct intake *in, struct maker *m, const json_t *event)
{
	const char *title = intake_get(in, event, "title");
	const char *value = intake_at(in, event, "/metadata/value");

	sentry_level(m, intake_get(in, event, "level"));
	maker_label(m, "environment", intake_get(in, event, "environment"));
	maker_label(m, "server_name", sentry_tag(in, event, "server_name"));
	maker_note(m, "summary", intake_either(title, value));
	maker_note(m, "culprit", intake_get(in, event, "culprit"));
	maker_note(m, "release", intake_get(in, event, "release"));
	maker_note(m, "description",
		   intake_either(intake_get(in, event, "message"), value));
	m->starts_ms = intake_time(intake_get(in, event, "timestamp"));
}

static int
sentry_event_alert(struct intake *in, const json_t *data)
{
	const json_t *event = json_object_get(data, "event");
	const char *slug;
	struct maker m;

	if (!json_is_object(event))
		return intake_refuse(in, "no data.event");
	maker_begin(&m, in);
	if (sentry_key(in, &m, "issue", intake_get(in, event, "issue_id")) < 0)
		return -EINVAL;
	slug = intake_either(sentry_slug_of(in, intake_get(in, event, "url")),
			     intake_get(in, event, "project"));
	maker_label(&m, "alertname", slug);
	maker_label(&m, "project", slug);
	sentry_event(in, &m, event);
	maker_note(&m, "rule", intake_get(in, data, "triggered_rule"));
	maker_url(&m, intake_get(in, event, "web_url"));
	return maker_end(&m);
}

/* What it is about, of which one of FIRES is said while it fires: an issue that
 * is archived is no longer told of, and not mended. */
static int
sentry_status(const char *action, const char *const fires[],
	      enum alert_status *ret)
{
	if (intake_is_one_of(action, fires))
		*ret = ALERT_FIRING;
	else if (strcmp(action, "resolved") == 0)
		*ret = ALERT_RESOLVED;
	else
		return -EOPNOTSUPP;
	return 0;
}

static int
sentry_issue(struct intake *in, const json_t *data, const char *action)
{
	static const char *const fires[] = {"created", "unresolved", NULL};
	const json_t *issue = json_object_get(data, "issue");
	const char *slug = intake_at(in, issue, "/project/slug");
	struct maker m;
	int r;

	if (!json_is_object(issue))
		return intake_refuse(in, "no data.issue");
	maker_begin(&m, in);
	r = sentry_status(action, fires, &m.status);
	if (r == 0)
		r = sentry_key(in, &m, "issue", intake_get(in, issue, "id"));
	if (r < 0)
		return r;
	maker_label(&m, "alertname", slug);
	maker_label(&m, "project", slug);
	sentry_level(&m, intake_get(in, issue, "level"));
	maker_note(&m, "summary", intake_get(in, issue, "title"));
	maker_note(&m, "culprit", intake_get(in, issue, "culprit"));
	maker_note(&m, "description", intake_at(in, issue, "/metadata/value"));
	maker_note(&m, "short_id", intake_get(in, issue, "shortId"));
	if (m.status == ALERT_FIRING)
		m.starts_ms = intake_time(intake_get(in, issue, "firstSeen"));
	maker_url(&m, intake_either(intake_get(in, issue, "web_url"),
				    intake_get(in, issue, "permalink")));
	return maker_end(&m);
}

static int
sentry_metric(struct intake *in, const json_t *data, const char *action)
{
	static const char *const fires[] = {"critical", "warning", NULL};
	const json_t *metric = json_object_get(data, "metric_alert");
	const char *project = intake_at(in, metric, "/projects/0");
	const char *rule = intake_at(in, metric, "/alert_rule/name");
	struct maker m;
	int r;

	if (!json_is_object(metric))
		return intake_refuse(in, "no data.metric_alert");
	maker_begin(&m, in);
	r = sentry_status(action, fires, &m.status);
	if (r == 0)
		r = sentry_key(in, &m, "metric", intake_get(in, metric, "id"));
	if (r < 0)
		return r;
	maker_label(&m, "alertname", intake_either(project, rule));
	maker_label(&m, "project", project);
	maker_label(&m, "rule", rule);
	if (m.status == ALERT_FIRING)
		maker_label(&m, "severity", action);
	maker_note(&m, "summary",
		   intake_either(intake_get(in, data, "description_title"),
				 intake_get(in, metric, "title")));
	maker_note(&m, "description", intake_get(in, data, "description_text"));
	m.starts_ms = intake_time(intake_get(in, metric, "date_started"));
	m.ends_ms = intake_time(intake_get(in, metric, "date_closed"));
	maker_url(&m, intake_get(in, data, "web_url"));
	return maker_end(&m);
}

static int
sentry_plugin(struct intake *in)
{
	const json_t *json = in->doc.json;
	const json_t *event = json_object_get(json, "event");
	const char *slug;
	struct maker m;

	if (!json_is_object(event))
		return intake_refuse(in, "neither Sentry-Hook-Resource nor "
					 "what the webhooks plugin sends");
	maker_begin(&m, in);
	if (sentry_key(in, &m, "issue", intake_get(in, json, "id")) < 0)
		return -EINVAL;
	slug = intake_either(intake_get(in, json, "project_slug"),
			     intake_get(in, json, "project"));
	maker_label(&m, "alertname", slug);
	maker_label(&m, "project", slug);
	sentry_event(in, &m, event);
	maker_note(&m, "culprit", intake_get(in, json, "culprit"));
	maker_note(&m, "description", intake_get(in, json, "message"));
	maker_note(&m, "rule", intake_at(in, json, "/triggering_rules/0"));
	maker_url(&m, intake_get(in, json, "url"));
	return maker_end(&m);
}

int
intake_sentry(struct intake *in)
{
	const char *what = in->req->header[INTAKE_SENTRY_RESOURCE];
	const json_t *data = json_object_get(in->doc.json, "data");
	const char *action = intake_get(in, in->doc.json, "action");

	if (!json_is_object(in->doc.json))
		return intake_refuse(in, "no JSON object");
	if (what == NULL)
		return sentry_plugin(in);
	if (strcmp(what, "event_alert") == 0)
		return sentry_event_alert(in, data);
	if (strcmp(what, "issue") == 0)
		return sentry_issue(in, data, action);
	if (strcmp(what, "metric_alert") == 0)
		return sentry_metric(in, data, action);
	return -EOPNOTSUPP;
}
