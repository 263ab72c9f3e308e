/*
 * What Alertmanager and Grafana post (its webhook's version 4; Grafana says 1),
 * and what Prometheus posts to them (POST /api/v2/alerts).
 *
 * A webhook's alerts are known by their `fingerprint`, which stays what it is
 * while groups change. Its endsAt 0001-01-01 is none: it says when it is over,
 * and says nothing meanwhile but every few hours. Labels of Grafana's may have
 * any name.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define AM_NEVER_MS (INT64_C(366) * 24 * 3600 * 1000)

/* --- from a webhook ---------------------------------------------------------------- */

static void
am_labels(struct intake *in, struct maker *m, const json_t *json)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
		maker_label(m, name, doc_text(value, in->arena));
}

static void
am_annotations(struct intake *in, struct maker *m, const json_t *json)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
		maker_note(m, name, doc_text(value, in->arena));
}

/* Of Grafana the panel is where to look, of others the graph. */
static void
am_url(struct intake *in, struct maker *m, const json_t *alert)
{
	static const char *const names[] = {"panelURL", "dashboardURL",
					    "generatorURL", NULL};

	for (size_t i = 0; names[i] != NULL && *m->url == '\0'; i++)
		maker_url(m, intake_get(in, alert, names[i]));
}

static int
am_alert(struct intake *in, const json_t *alert)
{
	const char *status = intake_get(in, alert, "status");
	const char *key = intake_get(in, alert, "fingerprint");
	const json_t *labels = json_object_get(alert, "labels");
	struct maker m;

	if (strcmp(status, "firing") != 0 && strcmp(status, "resolved") != 0)
		return intake_refuse(in, "an alert whose status is neither "
					 "firing nor resolved");
	if (!json_is_object(labels) || json_object_size(labels) == 0)
		return intake_refuse(in, "an alert without labels");
	maker_begin(&m, in);
	am_labels(in, &m, labels);
	am_annotations(in, &m, json_object_get(alert, "annotations"));
	m.key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
	m.starts_ms = intake_time(intake_get(in, alert, "startsAt"));
	m.ends_ms = intake_time(intake_get(in, alert, "endsAt"));
	if (*status == 'r')
		m.status = ALERT_RESOLVED;
	else if (m.ends_ms == 0)
		m.ends_ms = in->req->now_ms + AM_NEVER_MS;
	am_url(in, &m, alert);
	return maker_end(&m);
}

/* What is understood counts, even beside something that is not. */
static int
am_each(struct intake *in, const json_t *alerts,
	int (*one)(struct intake *in, const json_t *alert))
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const char *why = in->why;

		if (one(in, json_array_get(alerts, i)) == 0)
			continue;
		if (r < 0)
			in->why = why; /* the first is told */
		r = -EINVAL;
	}
	return r;
}

int
intake_alertmanager(struct intake *in)
{
	const json_t *alerts = json_object_get(in->doc.json, "alerts");

	if (!json_is_array(alerts))
		return intake_refuse(in, "no JSON object with `alerts`; what "
					 "Prometheus sends goes to "
					 ".../api/v2/alerts");
	return am_each(in, alerts, am_alert);
}

/* --- from Prometheus --------------------------------------------------------------- */

static int
am_exact_labels(struct intake *in, struct maker *m, const json_t *json)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		const char *text = json_string_value(value);
		int r = text != NULL ? maker_exact_label(m, name, text)
				     : -EINVAL;

		if (r == -E2BIG)
			return intake_refuse(in, "more than %d labels",
					     LABELS_TOLD_MAX);
		if (r < 0)
			return intake_refuse(in, "bad label %.100s", name);
	}
	return m->labels.n > 0 ? 0
			       : intake_refuse(in, "an alert without labels");
}

/* A time that is there is one. */
static int
am_time(struct intake *in, const json_t *alert, const char *name,
	int64_t *ret_ms)
{
	const char *text = intake_get(in, alert, name);
	int64_t ms;

	*ret_ms = 0;
	if (*text == '\0')
		return 0;
	if (clock_rfc3339_parse(text, &ms) < 0)
		return intake_refuse(in, "%s is no time", name);
	*ret_ms = intake_time_of(ms);
	return 0;
}

/* As Alertmanager reads it: an end in the past is a recovery, no start is now,
 * or the end. */
static int
am_postable(struct intake *in, const json_t *alert)
{
	const json_t *labels = json_object_get(alert, "labels");
	struct maker m;

	if (!json_is_object(labels))
		return intake_refuse(in, "an alert without labels");
	maker_begin(&m, in);
	if (am_exact_labels(in, &m, labels) < 0 ||
	    am_time(in, alert, "startsAt", &m.starts_ms) < 0 ||
	    am_time(in, alert, "endsAt", &m.ends_ms) < 0)
		return -EINVAL;
	if (m.starts_ms > 0 && m.ends_ms > 0 && m.ends_ms < m.starts_ms)
		return intake_refuse(in, "it ends before it starts");
	if (m.ends_ms > 0 && m.ends_ms <= in->req->now_ms)
		m.status = ALERT_RESOLVED;
	if (m.starts_ms == 0)
		m.starts_ms = m.status == ALERT_RESOLVED ? m.ends_ms
							 : in->req->now_ms;
	am_annotations(in, &m, json_object_get(alert, "annotations"));
	maker_url(&m, intake_get(in, alert, "generatorURL"));
	return maker_end(&m);
}

int
intake_postable(struct intake *in)
{
	if (!json_is_array(in->doc.json))
		return intake_refuse(in, "no JSON array of alerts");
	return am_each(in, in->doc.json, am_postable);
}
