/*
 * Uptime Kuma's webhook: {heartbeat, monitor, msg}, as JSON or as the field
 * `data` of a form.
 *
 *	heartbeat.status   0 down, 1 up, 2 pending, 3 maintenance
 *
 * Without a heartbeat it is a word of its own: that a certificate expires, or a
 * test, which is one on purpose.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

static const char *
uk_line(struct intake *in, const char *text)
{
	return clean_line(in->arena, text, strlen(text), INTAKE_KEY_MAX);
}

/* "PostgreSQL" has no URL, but a host. */
static const char *
uk_instance(struct intake *in, const json_t *monitor)
{
	const char *url = intake_get(in, monitor, "url");
	const char *host = intake_get(in, monitor, "hostname");
	const char *port = intake_get(in, monitor, "port");

	if (*host != '\0' && *port != '\0')
		return arena_printf(in->arena, "%.150s:%.10s", host, port);
	return intake_either(host, strcmp(url, "https://") != 0 ? url : "");
}

static void
uk_tags(struct intake *in, struct maker *m, const json_t *monitor)
{
	const json_t *tags = json_object_get(monitor, "tags");

	for (size_t i = 0; i < json_array_size(tags) && i < 20; i++) {
		const json_t *tag = json_array_get(tags, i);
		const char *name = intake_get(in, tag, "name");
		const char *value = intake_get(in, tag, "value");

		if (*name != '\0')
			maker_label(m, name, intake_either(value, "true"));
	}
}

static int
uk_word(struct intake *in, const char *msg)
{
	struct maker m;

	if (*msg == '\0')
		return intake_refuse(in, "neither heartbeat nor msg");
	maker_begin(&m, in);
	m.key = uk_line(in, msg);
	maker_label(&m, "severity", "info");
	maker_note(&m, "summary", msg);
	return maker_end(&m);
}

int
intake_uptimekuma(struct intake *in)
{
	const json_t *json = in->doc.json;
	const json_t *beat = json_object_get(json, "heartbeat");
	const json_t *monitor = json_object_get(json, "monitor");
	const char *status = intake_get(in, beat, "status");
	const char *id = intake_either(intake_get(in, beat, "monitorID"),
				       intake_get(in, monitor, "id"));
	int64_t when = intake_time(intake_get(in, beat, "time"));
	const char *msg = intake_get(in, json, "msg");
	struct maker m;

	if (!json_is_object(json))
		return intake_refuse(in, "no JSON object");
	if (!json_is_object(beat))
		return uk_word(in, msg);
	if (strcmp(status, "0") != 0 && strcmp(status, "1") != 0)
		return *status != '\0' ? -EOPNOTSUPP
				       : intake_refuse(in, "no "
							   "heartbeat.status");
	if (*id == '\0')
		return intake_refuse(in, "no heartbeat.monitorID");
	maker_begin(&m, in);
	m.key = uk_line(in, id);
	uk_tags(in, &m, monitor);
	maker_label(&m, "alertname",
		    intake_either(intake_get(in, monitor, "name"), id));
	maker_label(&m, "instance", uk_instance(in, monitor));
	maker_label(&m, "severity", "critical");
	maker_note(&m, "summary", msg);
	maker_note(&m, "description", intake_get(in, beat, "msg"));
	m.status = *status == '1' ? ALERT_RESOLVED : ALERT_FIRING;
	*(m.status == ALERT_FIRING ? &m.starts_ms : &m.ends_ms) = when;
	maker_url(&m, intake_get(in, monitor, "url"));
	return maker_end(&m);
}
