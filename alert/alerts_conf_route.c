/* The keys of `route`, `inhibit_rules` and `maintenance`. */
#include <stddef.h>
#include <string.h>

#include "alert/alerts_conf_impl.h"
#include "alert/labels.h"
#include "alert/rules.h"

#define DAY_MS  (INT64_C(24) * 3600 * 1000)
#define YEAR_MS (366 * DAY_MS)

/* --- route -------------------------------------------------------------------- */

static bool
check_label_names(const struct conf_strings *s, struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < s->n; i++) {
		if (label_name_is_valid(s->v[i]))
			continue;
		conf_error(errors, &s->marks[i], "`%s` is no name of a label",
			   s->v[i]);
		ok = false;
	}
	return ok;
}

static bool
route_check_group_by(void *field, const struct conf_mark *mark,
		     struct conf_errors *errors)
{
	const struct conf_strings *s = field;

	(void)mark;
	if (s->n == 1 && strcmp(s->v[0], RULES_GROUP_BY_ALL) == 0)
		return true;
	return check_label_names(s, errors);
}

static const struct conf_option escalation_options[] = {
	{.name = "after",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_escalation_conf, after_ms),
	 .help = "How long nobody acknowledged it.",
	 .min = 1000,
	 .max = YEAR_MS,
	 .example = "15m"},
	{.name = "receiver",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_escalation_conf, receiver),
	 .help = "Who is told then, too.",
	 .example = "boss"},
	{.name = NULL},
};

static const struct conf_table escalation_table = {
	.size = sizeof(struct alert_escalation_conf),
	.options = escalation_options,
	.mark_offset = offsetof(struct alert_escalation_conf, mark),
};

#define ABOVE(dflt_) dflt_ " at the top, below that of the route above"

static const struct conf_option route_options[] = {
	{.name = "receiver",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_route_conf, receiver),
	 .dflt = "\"\"",
	 .help = "Who is told; empty: at the top `default`, below that of the "
		 "route above.",
	 .example = "oncall"},
	{.name = "matchers",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_route_conf, matchers),
	 .dflt = "[]",
	 .help = "What alerts it is for: labels compared with `=`, `!=`, or as "
		 "a whole with a regular expression by `=~`, `!~`. All have to "
		 "match. Not at the top.",
	 .example = "['severity=\"critical\"', 'team=~\"db|web\"']"},
	{.name = "continue",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct alert_route_conf, goes_on),
	 .dflt = "false",
	 .help = "true: the routes behind it are asked, too."},
	{.name = "group_by",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_route_conf, group_by),
	 .unset = ABOVE("[alertname]"),
	 .help = "Alerts with the same values of these labels are told of "
		 "together; ['...']: each by itself.",
	 .check = route_check_group_by,
	 .example = "[alertname, cluster]"},
	{.name = "group_wait",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_route_conf, group_wait_ms),
	 .unset = ABOVE("30s, 5s of what is critical,"),
	 .help = "How long the first alert of a group waits for others.",
	 .min = 0,
	 .max = DAY_MS,
	 .example = "10s"},
	{.name = "group_interval",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_route_conf, group_interval_ms),
	 .unset = ABOVE("5m"),
	 .help = "How long a change of a group waits for others.",
	 .min = 1000,
	 .max = YEAR_MS,
	 .example = "10m"},
	{.name = "repeat_interval",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_route_conf, repeat_ms),
	 .unset = ABOVE("4h"),
	 .help = "How often people are reminded of what nobody acknowledged.",
	 .min = 60000,
	 .max = YEAR_MS,
	 .example = "12h"},
	{.name = "resolve_hold",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_route_conf, resolve_hold_ms),
	 .unset = ABOVE("2m"),
	 .help = "A recovery is told when it has lasted so long.",
	 .min = 0,
	 .max = DAY_MS,
	 .example = "5m"},
	{.name = "escalate",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alert_route_conf, escalate),
	 .unset = ABOVE("[]"),
	 .help = "Who is told later, as long as nobody acknowledged it.",
	 .table = &escalation_table,
	 .example = "[{after: 15m, receiver: boss}]"},
	{.name = "mute_time_intervals",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_route_conf, mute),
	 .dflt = "[]",
	 .help = "Names of time_intervals in which nobody is told. Not at the "
		 "top.",
	 .example = "[nights]"},
	{.name = "active_time_intervals",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_route_conf, active),
	 .dflt = "[]",
	 .help = "Names of time_intervals outside of which nobody is told. Not "
		 "at the top.",
	 .example = "[office]"},
	{.name = "routes",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alert_route_conf, routes),
	 .dflt = "[]",
	 .help = "Routes below, with the same keys: the first that matches is "
		 "taken, and this one when none does.",
	 .table = &alert_route_table,
	 .example = "[{matchers: ['severity=\"critical\"'], receiver: "
		    "oncall}]"},
	{.name = NULL},
};

const struct conf_table alert_route_table = {
	.size = sizeof(struct alert_route_conf),
	.options = route_options,
	.mark_offset = offsetof(struct alert_route_conf, mark),
};

/* --- inhibit_rules ------------------------------------------------------------- */

static bool
inhibit_check(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const struct alert_inhibit_conf *i = field;

	(void)mark;
	return check_label_names(&i->equal, errors);
}

static const struct conf_option inhibit_options[] = {
	{.name = "source_matchers",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_inhibit_conf, source),
	 .help = "While an alert fires that these match,",
	 .example = "['alertname=\"SiteDown\"']"},
	{.name = "target_matchers",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_inhibit_conf, target),
	 .help = "nobody is told of those that these match,",
	 .example = "['severity=\"warning\"']"},
	{.name = "equal",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_inhibit_conf, equal),
	 .dflt = "[]",
	 .help = "when both have the same values of these labels.",
	 .example = "[site]"},
	{.name = NULL},
};

const struct conf_table alert_inhibit_table = {
	.size = sizeof(struct alert_inhibit_conf),
	.options = inhibit_options,
	.mark_offset = offsetof(struct alert_inhibit_conf, mark),
	.check = inhibit_check,
};

/* --- maintenance --------------------------------------------------------------- */

static bool
maintenance_check(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const struct alert_maintenance_conf *m = field;
	bool start = m->start.text[0] != '\0', end = m->end.text[0] != '\0';
	bool intervals = m->intervals.n > 0;

	if (start == end && start != intervals &&
	    (start || m->time_zone.text[0] == '\0'))
		return true;
	conf_error(errors, mark,
		   "maintenance has `start` and `end`, with a `time_zone`, or "
		   "`time_intervals`, which have zones of their own");
	return false;
}

static const struct conf_option maintenance_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_maintenance_conf, name),
	 .help = "What the history calls it.",
	 .check = alert_check_name,
	 .example = "backup"},
	{.name = "matchers",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_maintenance_conf, matchers),
	 .help = "What alerts it is about.",
	 .example = "['host=\"db1\"']"},
	{.name = "start",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_maintenance_conf, start),
	 .dflt = "\"\"",
	 .help = "When it begins, once: a time or a day.",
	 .example = "2026-12-24T22:00"},
	{.name = "end",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_maintenance_conf, end),
	 .dflt = "\"\"",
	 .help = "When it ends: a time, or the last day of it.",
	 .example = "2026-12-25T04:00"},
	{.name = "time_zone",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_maintenance_conf, time_zone),
	 .dflt = "\"\"",
	 .help = "Of `start` and `end`; empty: the machine's.",
	 .example = "Europe/Berlin"},
	{.name = "time_intervals",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_maintenance_conf, intervals),
	 .dflt = "[]",
	 .help = "Names of time_intervals in which it is, again and again.",
	 .example = "[nights]"},
	{.name = NULL},
};

const struct conf_table alert_maintenance_table = {
	.size = sizeof(struct alert_maintenance_conf),
	.options = maintenance_options,
	.mark_offset = offsetof(struct alert_maintenance_conf, mark),
	.check = maintenance_check,
};
