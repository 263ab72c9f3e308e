#include "cli/alert_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/text.h"

#define TITLE_MAX 65536

/* --- what it is ------------------------------------------------------------- */

static bool
alert_is_silenced(const json_t *incident)
{
	return json_array_size(json_object_get(incident, "silences")) > 0;
}

static bool
alert_is_quiet(const json_t *incident)
{
	return alert_is_silenced(incident) ||
	       api_str(incident, "inhibited_by")[0] != '\0' ||
	       api_str(incident, "maintenance")[0] != '\0';
}

enum alert_need
alert_need(const json_t *incident)
{
	const char *state = api_str(incident, "state");

	if (strcmp(state, "resolved") == 0)
		return ALERT_IS_OVER;
	if (alert_is_quiet(incident))
		return ALERT_IS_QUIET;
	if (api_str(incident, "acked_by")[0] != '\0')
		return ALERT_IS_ACKED;
	return strcmp(state, "stale") == 0 ? ALERT_IS_STALE
					   : ALERT_NEEDS_SOMEBODY;
}

const char *
alert_state_word(const json_t *incident)
{
	switch (alert_need(incident)) {
	case ALERT_IS_OVER:
		return api_true(incident, "closed") ? "closed" : "resolved";
	case ALERT_IS_QUIET:
		if (alert_is_silenced(incident))
			return "silenced";
		return api_str(incident, "inhibited_by")[0] != '\0'
			       ? "inhibited"
			       : "maintenance";
	case ALERT_IS_ACKED:
		return "acked";
	case ALERT_IS_STALE:
		return "stale";
	case ALERT_NEEDS_SOMEBODY:
		return api_true(incident, "flapping") ? "flapping" : "open";
	}
	abort();
}

const char *
alert_label(const json_t *incident, const char *name)
{
	return api_str(json_object_get(incident, "labels"), name);
}

const char *
alert_severity(const json_t *incident)
{
	const char *severity = alert_label(incident, "severity");

	return severity[0] != '\0' ? severity : "-";
}

/* --- its title -------------------------------------------------------------- */

/* What tells it from others of its name. */
static void
title_add_labels(struct buf *title, const json_t *incident)
{
	const json_t *value;
	const char *name, *sep = title->len > 0 ? " " : "";

	json_object_foreach(json_object_get(incident, "labels"), name, value)
	{
		if (strcmp(name, "alertname") == 0 ||
		    strcmp(name, "severity") == 0)
			continue;
		buf_printf(title, "%s%s=\"%s\"", sep, name,
			   json_string_value(value));
		sep = ", ";
	}
}

/* Where it is, unless the summary says so. */
static void
title_add_place(struct buf *title, const json_t *incident)
{
	static const char *const names[] = {"instance", "host", "hostname",
					    "node", "service"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = alert_label(incident, names[i]);

		if (value[0] == '\0')
			continue;
		if (strstr(buf_str(title), value) == NULL)
			buf_printf(title, " on %s", value);
		return;
	}
}

char *
alert_title(const json_t *incident)
{
	const char *summary =
		api_str(json_object_get(incident, "annotations"), "summary");
	const char *name = alert_label(incident, "alertname");
	struct buf title;
	char *text;

	buf_init(&title, TITLE_MAX);
	if (summary[0] == '\0' || strstr(summary, name) == NULL)
		buf_append_str(&title, name);
	if (summary[0] == '\0')
		title_add_labels(&title, incident);
	else
		buf_printf(&title, "%s%s", title.len > 0 ? ": " : "", summary);
	if (summary[0] != '\0')
		title_add_place(&title, incident);
	text = text_clean(buf_str(&title));
	buf_done(&title);
	return text;
}

/* --- the commands' ----------------------------------------------------------- */

void
alert_print_mute(const json_t *mute, FILE *out)
{
	char since[TEXT_MAX], until[TEXT_MAX], left[TEXT_MAX];

	if (!api_true(mute, "muted"))
		return;
	text_time(api_int(mute, "since_ms"), since);
	text_time(api_int(mute, "until_ms"), until);
	text_age(api_int(mute, "until_ms") - text_now(), left);
	fprintf(out, "MUTED since %s until %s (%s more) by ", since, until,
		left);
	text_put(api_str(mute, "who"), out);
	fputs(": ", out);
	text_put(api_str(mute, "reason"), out);
	fputc('\n', out);
}

json_t *
alert_body(const char *name, const char *note)
{
	char *who = api_who();
	json_t *body = json_pack("{s:s}", "who", who);

	free(who);
	if (body != NULL && note != NULL &&
	    json_object_set_new(body, name, json_string(note)) < 0) {
		cli_say("the %s is not UTF-8", name);
		json_decref(body);
		return NULL;
	}
	return body;
}

bool
alert_is_id(const char *text)
{
	char *clean;

	if (text_is_id(text))
		return true;
	clean = text_clean(text);
	cli_say("`%s` is no id of an incident; `belfry alert list` shows them",
		clean);
	free(clean);
	return false;
}
