/*
 * render_check - templates tried out when they are loaded: on notices that lack
 * nothing, lack everything, and hold what would break out.
 */
#include <jansson.h>
#include <string.h>

#include "alert/render_impl.h"
#include "alert/render_names.h"

/* --- names ------------------------------------------------------------------ */

struct names {
	const struct conf_mark *mark;
	struct conf_errors *e;
	bool bad;
};

static bool
name_check(void *arg, const char *name, int line)
{
	struct names *n = arg;
	struct conf_mark at = *n->mark;
	const char *nearest;

	if (render_name_is_known(name))
		return true;
	at.line += line - 1;
	nearest = render_name_nearest(name);
	conf_error(n->e, &at, "no variable is called `%s`%s%s%s", name,
		   nearest != NULL ? "; did you mean `" : "",
		   nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
	n->bad = true;
	return true;
}

struct mustache *
render_compile(const char *text, size_t len, const struct conf_mark *mark,
	       struct conf_errors *e)
{
	struct names names = {.mark = mark, .e = e};
	struct mustache_error error;
	struct mustache *m;

	if (mustache_new(text, len, &m, &error) < 0) {
		struct conf_mark at = *mark;

		at.line += error.line - 1;
		conf_error(e, &at, "%s", error.why);
		return NULL;
	}
	mustache_each_name(m, name_check, &names);
	if (names.bad)
		mustache_free(&m);
	return m;
}

/* --- samples ------------------------------------------------------------------ */

#define EVIL "\"}<&>{{x}}\\'\n\r\t\xc3\xbc\xff|,[]"

static struct label sample_labels[] = {
	{"alertname", "DiskWillFill" EVIL},
	{"instance", "db1" EVIL},
	{"severity", "critical"},
	{"team", EVIL},
};
static struct label sample_notes[] = {
	{"description", "two\nlines" EVIL},
	{"runbook_url", "https://runbooks.example.org/" EVIL},
	{"summary", "Disk 7% left" EVIL},
};
static const struct labels labels = {4, sample_labels};
static const struct labels notes = {3, sample_notes};
static const struct labels none;

#define NOW INT64_C(1795348800000)

static const struct render_alert sample_alerts[] = {
	{.labels = &labels,
	 .annotations = &notes,
	 .url = "https://prom.example.org/graph?g0.expr=" EVIL,
	 .starts_ms = NOW - 720000,
	 .is_new = true,
	 .critical = true,
	 .flapping = true,
	 .acked_by = "anna" EVIL,
	 .incident = 1},
	{.labels = &none,
	 .annotations = &none,
	 .state = INCIDENT_RESOLVED,
	 .starts_ms = NOW - 720000,
	 .ends_ms = NOW},
	{.labels = &labels,
	 .annotations = &notes,
	 .state = INCIDENT_STALE,
	 .starts_ms = NOW - 720000},
};

static const struct render_notice samples[] = {
	{.kind = NOTICE_FIRING,
	 .group_subject = "[london] DiskWillFill on db1" EVIL,
	 .group_labels = &labels,
	 .receiver = "oncall" EVIL,
	 .route = "severity=\"critical\" > team=\"db\"" EVIL,
	 .person = "anna" EVIL,
	 .seq = 1,
	 .nfiring = 100,
	 .nresolved = 50,
	 .nstale = 51,
	 .n = 3,
	 .v = sample_alerts,
	 .now_ms = NOW,
	 .since_ms = NOW - 720000,
	 .next_ms = NOW + 3600000,
	 .next_what = "reminder",
	 .ack_url = "https://belfry.example.org/a/1",
	 .silence_url = "https://belfry.example.org/s/1",
	 .show_url = "https://belfry.example.org/i/1",
	 .reply_token = "t",
	 .message_id = "g.1.1.1@belfry.example.org",
	 .key = "1",
	 .who = "boss" EVIL,
	 .note = EVIL,
	 .critical = true},
	{.kind = NOTICE_MUTE_BEGIN, .now_ms = NOW, .until_ms = NOW + 1},
	{.kind = NOTICE_RECOVERY,
	 .group_subject = "x",
	 .group_labels = &none,
	 .receiver = "oncall",
	 .nresolved = 1,
	 .n = 1,
	 .v = &sample_alerts[1],
	 .now_ms = NOW,
	 .since_ms = NOW - 720000,
	 .until_ms = NOW},
};

bool
render_check(const struct render *r, const struct mustache *m,
	     const struct render_limits *limits, const struct conf_mark *mark,
	     struct conf_errors *e)
{
	struct buf out;
	bool ok = true;

	buf_init(&out, limits->max);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]) && ok;
	     i++) {
		json_error_t why;
		json_t *json = NULL;

		buf_clear(&out);
		ok = render_fit(r, &samples[i], limits, m, limits->escape,
				&out) == 0;
		if (!ok)
			conf_error(e, mark,
				   "what this template makes is longer than "
				   "%zu bytes, even without an alert",
				   limits->max);
		if (!ok || !limits->json)
			continue;
		json = json_loadb(buf_str(&out), out.len, 0, &why);
		ok = json != NULL;
		json_decref(json);
		if (!ok)
			conf_error(e, mark,
				   "what this template makes of a notice of "
				   "kind %s is no JSON: %s, line %d of: %.300s",
				   notice_kind_names[samples[i].kind], why.text,
				   why.line, buf_str(&out));
	}
	buf_done(&out);
	return ok;
}
