#include "alert/render_names.h"

#include <stddef.h>
#include <string.h>

#include "base/conf.h"
#include "base/must.h"

#define NEAREST_MAX 128 /* names */

const struct render_name render_notice_names[] = {
	{"kind", "firing, more, reminder, escalation, fallback, recovery, "
		 "partly, was_down, stale, flapping, digest, mute_begin, "
		 "mute_end, closed or acked"},
	{"is", "the same as a section: {{#is.reminder}}...{{/is.reminder}}"},
	{"status", "resolved when all is over, else firing"},
	{"over", "true when all is over"},
	{"critical", "true when one of the alerts is critical"},
	{"severity", "the severity they share, or the critical one's"},
	{"emoji", "a sign for the state"},
	{"title", "the group: the same in all of its notices"},
	{"short_title", "the same in at most 100 characters"},
	{"headline", "what happened, in one line"},
	{"explain", "a sentence on what that means; often empty"},
	{"who", "who acknowledged, closed or muted it; of a fallback the "
		"addresses that were not reached"},
	{"note", "what they said"},
	{"message", "the notice in at most 1,000 bytes, for small screens"},
	{"text", "the notice as the text of its mail, in at most 15,000 bytes"},
	{"alerts", "the list of alerts, at most 50"},
	{"more", "how many are not in the list; empty when all are"},
	{"not_shown", "the same as a number: 0 when all are"},
	{"nalerts", "how many alerts, in the list or not"},
	{"nfiring", "how many are firing"},
	{"nresolved", "how many are over"},
	{"nstale", "how many are no longer reported"},
	{"labels", "the labels of the group: {{labels.team}}"},
	{"label_list", "the same as a list of name and value"},
	{"common_labels", "the labels that all listed alerts share"},
	{"common_label_list", "the same as a list"},
	{"common_annotation_list", "the annotations that all listed alerts "
				   "share, as a list"},
	{"receiver", "the receiver"},
	{"route", "the route that led to it; empty when a mute begins or ends"},
	{"person", "the person; empty for a mere address"},
	{"now", "when this was written, in the time zone of the person"},
	{"now_at", "the same as 2026-11-22T13:05:00.000Z"},
	{"since", "when the first of them began"},
	{"since_at", "the same as 2026-11-22T13:05:00.000Z"},
	{"until", "when it was over, or when a mute ends; empty before"},
	{"until_at", "the same as 2026-11-22T13:05:00.000Z"},
	{"duration", "how long it has lasted, or did"},
	{"next", "what comes next, unless something changes: reminder, or "
		 "escalation to somebody"},
	{"next_at", "when, in the time zone of the person"},
	{"ack_url", "the page that acknowledges; empty without alerts.url, and "
		    "when nothing is left to do"},
	{"silence_url", "the page that silences; likewise"},
	{"show_url", "the page that shows all of it; likewise"},
	{"url", "where the source shows the first alert"},
	{"runbook", "the runbook of the first alert that has one"},
	{"page_links", "a list of url and label: the pages of Belfry that can "
		       "be of use now"},
	{"links", "the same with the runbook and the page of the source"},
	{"reply", "true when an answer by mail acknowledges"},
	{"key", "the group's own key, the same in all of its notices, at most "
		"255 characters"},
	{"seq", "the number of the notice in its group"},
	{"id", "the notice's own id"},
	{"source", "instance or host of the first alert, or Belfry's own host"},
	{"host", "Belfry's host name"},
	{"external_url", "alerts.url"},
	{"pagerduty",
	 "{{pagerduty.action}} is trigger, acknowledge or resolve, "
	 "{{pagerduty.severity}} critical, error, warning or info"},
	{"priority", "from 1 to 5, as ntfy has it"},
	{NULL, NULL},
};

const struct render_name render_alert_names[] = {
	{"title", "its name and where: DiskWillFill on db1; without a name of "
		  "its own its summary"},
	{"name", "the label alertname"},
	{"summary", "the annotation summary, or the first line of its "
		    "description; empty where the title says it"},
	{"description", "the annotation description"},
	{"description_lines", "its lines: {{.}} is one"},
	{"details", "the labels in which it differs from the others, in one "
		    "line"},
	{"severity", "the label severity"},
	{"state", "firing, no longer reported or resolved"},
	{"status", "firing or resolved"},
	{"firing", "true unless it is resolved"},
	{"stale", "true when it is no longer reported"},
	{"change", "new, where that sets it apart from the others"},
	{"critical", "true when it is critical"},
	{"flapping", "true when it comes and goes"},
	{"since", "when it began"},
	{"since_at", "the same as 2026-11-22T13:05:00.000Z"},
	{"duration", "how long it has lasted, or did"},
	{"ended", "when it ended; empty before"},
	{"ended_at", "the same as 2026-11-22T13:05:00.000Z, and "
		     "0001-01-01T00:00:00Z before"},
	{"url", "where its source shows it"},
	{"runbook", "its runbook"},
	{"acked_by", "who has acknowledged it"},
	{"incident", "its id: belfry alert show ID"},
	{"fingerprint", "Alertmanager's number of its labels"},
	{"labels", "its labels: {{labels.instance}}"},
	{"label_list", "the same as a list of name and value"},
	{"annotations", "its annotations: {{annotations.summary}}"},
	{"annotation_list", "the same as a list of name and value"},
	{NULL, NULL},
};

const struct render_name render_label_names[] = {
	{"name", "the name"},
	{"value", "the value"},
	{"label", "of a link: what to call it"},
	{NULL, NULL},
};

static bool
names_have(const struct render_name *names, const char *name, size_t len)
{
	for (; names->name != NULL; names++)
		if (strncmp(names->name, name, len) == 0 &&
		    names->name[len] == '\0')
			return true;
	return false;
}

bool
render_name_is_known(const char *name)
{
	size_t len = strcspn(name, ".");

	return len == 0 || strcmp(name, "-first") == 0 ||
	       strcmp(name, "-last") == 0 ||
	       names_have(render_notice_names, name, len) ||
	       names_have(render_alert_names, name, len) ||
	       names_have(render_label_names, name, len);
}

const char *
render_name_nearest(const char *name)
{
	static const struct render_name *const lists[] = {
		render_notice_names, render_alert_names, render_label_names};
	const char *names[NEAREST_MAX];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct render_name *r = lists[i]; r->name != NULL;
		     r++) {
			must(n < NEAREST_MAX);
			names[n++] = r->name;
		}
	return conf_nearest(name, names, n);
}
