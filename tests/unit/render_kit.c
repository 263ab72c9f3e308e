#include "tests/unit/render_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "mail/header.h"

#define NOW INT64_C(1795354800000) /* 2026-11-22 13:40 UTC */
#define MIN INT64_C(60000)

static struct label disk_labels[] = {
	{"alertname", "DiskWillFill"}, {"cluster", "london"},
	{"instance", "db1"},           {"mountpoint", "/srv"},
	{"severity", "critical"},      {"team", "db"},
};
static struct label disk_notes[] = {
	{"description", "7.3% left on /srv.\nFull in 3h 40m."},
	{"runbook_url", "https://runbooks.example.org/DiskWillFill"},
	{"summary", "Disk 7.3% left"},
};
static struct label other_labels[] = {
	{"alertname", "DiskWillFill"}, {"cluster", "london"},
	{"instance", "db2"},           {"mountpoint", "/var"},
	{"severity", "critical"},      {"team", "db"},
};
static struct label foreign_labels[] = {
	{"alertname", "Storage <full> & \"hot\""},
	{"instance", "M\xc3\xbcnchen"},
	{"severity", "warning"},
};
static struct label foreign_notes[] = {
	{"description",
	 "\xe7\xa3\x81\xe7\x9b\x98\xe5\xb7\xb2\xe6\xbb\xa1 <b>90%</b>\r\n"
	 "\xd0\x94\xd0\xb8\xd1\x81\xd0\xba \xd0\xbf\xd0\xbe\xd0\xbb\xd0\xbe"
	 "\xd0\xbd"},
	{"summary", "Gr\xc3\xb6\xc3\x9f"
		    "e \xf0\x9f\x94\xa5"},
};
static struct label group_labels[] = {{"alertname", "DiskWillFill"},
				      {"cluster", "london"}};

static const struct labels disk = {6, disk_labels}, disk_note = {3, disk_notes};
static const struct labels other = {6, other_labels};
static const struct labels foreign = {3, foreign_labels};
static const struct labels foreign_note = {2, foreign_notes};
static const struct labels group = {2, group_labels}, none;

#define GRAPH "https://prom.example.org/graph?g0.expr=a+%3C+b&g0.tab=1"

static const struct render_alert firing[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .url = GRAPH,
	 .starts_ms = NOW - 12 * MIN,
	 .is_new = true,
	 .critical = true,
	 .incident = 17},
};

static const struct render_alert joined[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .url = GRAPH,
	 .starts_ms = NOW - 72 * MIN,
	 .critical = true,
	 .acked_by = "ben",
	 .incident = 17},
	{.labels = &other,
	 .annotations = &none,
	 .starts_ms = NOW - 2 * MIN,
	 .is_new = true,
	 .critical = true,
	 .flapping = true,
	 .incident = 18},
};

static const struct render_alert partly[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .url = GRAPH,
	 .state = INCIDENT_RESOLVED,
	 .starts_ms = NOW - 72 * MIN,
	 .ends_ms = NOW - MIN,
	 .is_new = true,
	 .critical = true,
	 .incident = 17},
	{.labels = &other,
	 .annotations = &none,
	 .starts_ms = NOW - 32 * MIN,
	 .critical = true,
	 .incident = 18},
};

static const struct render_alert resolved[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .url = GRAPH,
	 .state = INCIDENT_RESOLVED,
	 .starts_ms = NOW - 41 * MIN,
	 .ends_ms = NOW,
	 .is_new = true,
	 .critical = true,
	 .incident = 17},
};

static const struct render_alert ended_before[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .state = INCIDENT_RESOLVED,
	 .starts_ms = NOW,
	 .ends_ms = NOW - 10 * MIN,
	 .is_new = true,
	 .incident = 17},
};

static const struct render_alert stale[] = {
	{.labels = &disk,
	 .annotations = &disk_note,
	 .state = INCIDENT_STALE,
	 .starts_ms = NOW - 26 * 60 * MIN,
	 .is_new = true,
	 .critical = true,
	 .incident = 17},
};

static const struct render_alert multilingual[] = {
	{.labels = &foreign,
	 .annotations = &foreign_note,
	 .url = "javascript:alert(1)",
	 .starts_ms = NOW - 30000,
	 .is_new = true,
	 .incident = 19},
};

#define ALERTS(a) .n = ROWS(a), .v = (a)

const struct kit_row kit_rows[] = {
	{"firing",
	 {.kind = NOTICE_FIRING,
	  .nfiring = 1,
	  ALERTS(firing),
	  .critical = true,
	  .since_ms = NOW - 12 * MIN,
	  .next_ms = NOW + 15 * MIN,
	  .next_what = "escalation to boss"}},
	{"more",
	 {.kind = NOTICE_MORE,
	  .seq = 2,
	  .nfiring = 2,
	  ALERTS(joined),
	  .critical = true,
	  .since_ms = NOW - 72 * MIN}},
	{"reminder",
	 {.kind = NOTICE_REMINDER,
	  .seq = 3,
	  .nfiring = 1,
	  ALERTS(firing),
	  .critical = true,
	  .since_ms = NOW - 240 * MIN,
	  .next_ms = NOW + 240 * MIN,
	  .next_what = "reminder"}},
	{"escalation",
	 {.kind = NOTICE_ESCALATION,
	  .nfiring = 1,
	  ALERTS(firing),
	  .critical = true,
	  .since_ms = NOW - 15 * MIN}},
	{"fallback",
	 {.kind = NOTICE_FALLBACK,
	  .nfiring = 1,
	  ALERTS(firing),
	  .critical = true,
	  .since_ms = NOW - 15 * MIN,
	  .who = "ben@example.org, oncall/slack/ops"}},
	{"recovery",
	 {.kind = NOTICE_RECOVERY,
	  .seq = 4,
	  .nresolved = 1,
	  ALERTS(resolved),
	  .critical = true,
	  .since_ms = NOW - 41 * MIN,
	  .until_ms = NOW}},
	{"partly",
	 {.kind = NOTICE_PARTLY,
	  .seq = 3,
	  .nfiring = 1,
	  .nresolved = 1,
	  ALERTS(partly),
	  .critical = true,
	  .since_ms = NOW - 72 * MIN}},
	{"was_down",
	 {.kind = NOTICE_WAS_DOWN,
	  .nresolved = 1,
	  ALERTS(resolved),
	  .critical = true,
	  .since_ms = NOW - 100 * MIN,
	  .until_ms = NOW - 93 * MIN}},
	{"ended_before",
	 {.kind = NOTICE_RECOVERY,
	  .seq = 4,
	  .nresolved = 1,
	  ALERTS(ended_before),
	  .since_ms = NOW,
	  .until_ms = NOW - 10 * MIN}},
	{"stale",
	 {.kind = NOTICE_STALE,
	  .seq = 5,
	  .nstale = 1,
	  ALERTS(stale),
	  .critical = true,
	  .since_ms = NOW - 26 * 60 * MIN}},
	{"flapping",
	 {.kind = NOTICE_FLAPPING,
	  .seq = 6,
	  .nfiring = 2,
	  ALERTS(joined),
	  .critical = true,
	  .since_ms = NOW - 72 * MIN}},
	{"digest",
	 {.kind = NOTICE_DIGEST,
	  .nfiring = 1,
	  .nresolved = 7,
	  ALERTS(partly),
	  .since_ms = NOW - 72 * MIN}},
	{"mute_begin",
	 {.kind = NOTICE_MUTE_BEGIN,
	  .group_subject = "Muted",
	  .group_labels = &none,
	  .who = "anna",
	  .note = "new switches <b>",
	  .until_ms = NOW + 30 * MIN}},
	{"mute_end",
	 {.kind = NOTICE_MUTE_END,
	  .seq = 2,
	  .nfiring = 3,
	  .nresolved = 1,
	  ALERTS(resolved),
	  .who = "",
	  .note = "",
	  .group_subject = "Muted",
	  .group_labels = &none}},
	{"closed",
	 {.kind = NOTICE_CLOSED,
	  .seq = 2,
	  .nresolved = 1,
	  ALERTS(resolved),
	  .who = "ben",
	  .note = "not ours",
	  .since_ms = NOW - 41 * MIN}},
	{"acked",
	 {.kind = NOTICE_ACKED,
	  .seq = 2,
	  .nfiring = 2,
	  ALERTS(joined),
	  .critical = true,
	  .who = "ben",
	  .since_ms = NOW - 72 * MIN}},
	{"multilingual",
	 {.kind = NOTICE_FIRING,
	  .group_subject = "Storage <full> & \"hot\" on M\xc3\xbcnchen",
	  .nfiring = 120,
	  ALERTS(multilingual),
	  .person = "J\xc3\xbcrgen",
	  .time_zone = "Europe/Berlin",
	  .since_ms = NOW - 30000}},
	{NULL, {0}},
};

const struct kit_row *
kit_find(const char *name)
{
	const struct kit_row *row = kit_rows;

	while (row->name != NULL && strcmp(row->name, name) != 0)
		row++;
	assert_non_null(row->name);
	return row;
}

#define BASE "https://belfry.example.org/alert/"

struct render_notice
kit_notice(const struct kit_row *row)
{
	struct render_notice n = row->notice;

	if (n.group_subject == NULL)
		n.group_subject = "[london] DiskWillFill on db1";
	if (n.group_labels == NULL)
		n.group_labels = &group;
	n.receiver = n.kind == NOTICE_ESCALATION || n.kind == NOTICE_FALLBACK
			     ? "boss"
			     : "oncall";
	n.route = "severity=\"critical\" > team=\"db\"";
	n.now_ms = NOW;
	n.ack_url = BASE "ACK-TOKEN";
	n.silence_url = BASE "SILENCE-TOKEN";
	n.show_url = BASE "SHOW-TOKEN";
	n.reply_token = "TOKEN";
	n.message_id = "g.5.4.1@relay1.example.org";
	n.root_id = n.seq > 0 ? "g.5.1.1@relay1.example.org" : NULL;
	n.key = "belfry-5";
	n.mark = "5.4.0123456789abcdef";
	if (n.person == NULL)
		n.person = "anna";
	if (n.time_zone == NULL)
		n.time_zone = "UTC";
	return n;
}

/* --- renders ------------------------------------------------------------------- */

#define REPLY "example.org"

static int
render_make(const char *from, const char *reply, const char *templates,
	    struct conf_errors *e, struct render **ret)
{
	const struct render_conf conf = {.hostname = "relay1.example.org",
					 .from = from,
					 .url = "https://belfry.example.org",
					 .reply = reply,
					 .templates = templates};
	const struct conf_mark mark = {
		.file = "test.yaml", .line = 1, .column = 1};

	return render_new(&conf, &mark, e, ret);
}

int
kit_render_try(const char *templates, struct conf_errors *e,
	       struct render **ret)
{
	return render_make("", REPLY, templates, e, ret);
}

static struct render *
render_must(const char *from, const char *reply, const char *templates)
{
	struct render *r = NULL;
	struct conf_errors e;

	conf_errors_init(&e);
	if (render_make(from, reply, templates, &e, &r) < 0) {
		conf_errors_print(&e, stderr);
		fail_msg("the templates are wrong");
	}
	conf_errors_done(&e);
	return r;
}

struct render *
kit_render(const char *templates)
{
	return render_must("", REPLY, templates);
}

struct render *
kit_render_from(const char *from)
{
	return render_must(from, REPLY, "");
}

struct render *
kit_render_reply(const char *reply)
{
	return render_must("", reply, "");
}

/* --- what is sent -------------------------------------------------- */

void
kit_send(const struct render *r, enum channel channel,
	 const struct render_notice *n, struct buf *out)
{
	buf_init(out, RENDER_BODY_MAX + 10000);
	assert_int_equal(render_body(r, channel, "oncall/x/0", n, out), 0);
}

/* Behind the empty line. */
const char *
kit_body(const struct buf *out)
{
	const char *end = strstr(buf_str(out), "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* The value of a field; "" for one that is not there. */
const char *
kit_field(const struct buf *out, const char *name, size_t nth,
	  char ret[static 8192])
{
	struct header_field f;
	const char *at = buf_str(out);
	size_t len = out->len;

	for (; header_next(at, len, &f) == 1; at += f.raw_len, len -= f.raw_len)
		if (header_is(&f, name) && nth-- == 0)
			return header_value(&f, ret, 8192);
	return "";
}

/* --- files ---------------------------------------------------------------------- */

void
kit_compare(const char *name, const char *ext, const struct buf *out)
{
	char *path = xasprintf("%s/%s.%s", RENDER_FILES, name, ext);
	FILE *f = fopen(path, "re");
	char *want = xcalloc(1, 200000);
	size_t len, same = 0;

	if (f == NULL)
		fail_msg("%s is missing", path);
	len = fread(want, 1, 199999, f);
	fclose(f);
	while (same < len && same < out->len && want[same] == out->data[same])
		same++;
	if (len != out->len || same != len)
		fail_msg("%s.%s differs from octet %zu on: %.60s, not %.60s",
			 name, ext, same, buf_str(out) + same, want + same);
	free(want);
	free(path);
}
