/*
 * Who is told what, and when: a table of stories for each rule.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A    "alertname=Disk host=a"
#define B    "alertname=Disk host=b"
#define C    "alertname=Load host=c"
#define CRIT "alertname=Fire host=x severity=critical"

/* The group's wait, and then what it gathered. */
static void
test_wait(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 19 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	/* A third one waits for the interval. */
	engine_rig_fire(er, "alertname=Disk host=c");
	engine_rig_advance(er, 4 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	engine_rig_advance(er, MINUTE + SECOND, 10 * SECOND);
	assert_told(er, "anna more Disk: +c a b\n");
}

/* What waits for nobody does not wait for the engine's next look either. */
static void
test_at_once(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "route: {group_wait: 0s}\n");
	er->unturned = true;
	engine_rig_fire(er, A);
	assert_told(er, "anna firing Disk: +a\n");
}

static void
test_critical(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, CRIT);
	engine_rig_advance(er, 4 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna firing Fire: +x\n");
}

/* What came and went within the group's wait is history only. */
static void
test_came_and_went(void **state)
{
	struct engine_rig *er = *state;
	uint64_t id;

	engine_rig_fire(er, A);
	id = engine_rig_id(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	assert_string_equal(engine_rig_history(er, id), "opened, resolved");
}

/* A recovery is told when it has lasted, in the same thread. */
static void
test_recovery(void **state)
{
	struct engine_rig *er = *state;
	char first[64];

	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	snprintf(first, sizeof(first), "%s", er->mails[0].id);
	assert_string_equal(er->mails[0].root, "");
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 119 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].root, first);
	assert_non_null(strstr(first, "@mx.example.org"));
	assert_true(strncmp(first, "g.", 2) == 0);
	assert_told(er, "anna recovery Disk: -a\n");
}

/* The first mail says what its alerts have in common, and all that follow are
 * called the same, also after a restart. */
static void
test_subject(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A " site=london disk=sda");
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].subject, "[london] Disk on a");
	engine_rig_mails(er);
	engine_rig_fire(er, B " site=paris");
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].subject, "[london] Disk on a");
	engine_rig_mails(er);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_resolve(er, A " site=london disk=sda");
	engine_rig_resolve(er, B " site=paris");
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].subject, "[london] Disk on a");
}

/* Several from the beginning: what differs is left out. */
static void
test_subject_of_several(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A " site=london");
	engine_rig_fire(er, B " site=london");
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].subject, "[london] Disk");
}

#define LONG_60 "123456789-123456789-123456789-123456789-123456789-123456789-"

/* What is only named after a host, a key or its source is called what it says;
 * too long is too long in all mails of the thread. */
static void
test_subject_of_sources(void **state)
{
	static const struct {
		const char *name, *source, *labels, *annotations, *subject;
	} rows[] = {
		{"a rule", NULL, "alertname=Disk host=a", "summary=full",
		 "Disk on a"},
		{"a key", "cli", "alertname=backup source=cli",
		 "summary=no_space_left", "backup: no_space_left"},
		{"a key in the words", "cli", "alertname=dump source=cli",
		 "summary=The_dump_failed", "The_dump_failed"},
		{"a monitor", "uptimerobot",
		 "alertname=shop source=uptimerobot instance=https://shop",
		 "summary=shop_is_down", "shop_is_down on https://shop"},
		{"a host in the words", "nas",
		 "alertname=raid source=nas host=nas1 site=london",
		 "summary=nas1_lost_a_disk", "[london] raid: nas1_lost_a_disk"},
		{"no name at all", "shop", "alertname=shop source=shop",
		 "summary=The_disk_is_full", "The_disk_is_full"},
		{"no words", "door", "alertname=door source=door", NULL,
		 "door"},
		{"long", "cli", "alertname=k source=cli",
		 "summary=" LONG_60 LONG_60 LONG_60,
		 "k: " LONG_60 LONG_60 "1..."},
	};
	struct engine_rig *er = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_alert a = {.source = rows[i].source,
					 .labels = rows[i].labels,
					 .annotations = rows[i].annotations};

		engine_rig_take(er, &a, 1);
		engine_rig_advance(er, 30 * SECOND, SECOND);
		print_message("%s\n", rows[i].name);
		assert_int_equal(er->nmails, 1);
		assert_string_equal(er->mails[0].subject, rows[i].subject);
		engine_rig_mails(er);
		a.resolved = true;
		engine_rig_take(er, &a, 1);
		engine_rig_advance(er, 5 * MINUTE, 10 * SECOND);
		assert_int_equal(er->nmails, 1);
		assert_string_equal(er->mails[0].subject, rows[i].subject);
		engine_rig_mails(er);
	}
}

/* Several whose name is that of a project. */
static void
test_subject_of_issues(void **state)
{
	static const struct engine_alert two[] = {
		{.key = "1",
		 .labels = "alertname=shop source=sentry",
		 .annotations = "summary=No_answer"},
		{.key = "2",
		 .labels = "alertname=shop source=sentry",
		 .annotations = "summary=No_memory"},
	};
	struct engine_rig *er = *state;

	engine_rig_take(er, two, 2);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].subject, "shop: No_answer and 1 more");
}

/* It came back within the hold: nobody hears of it. */
static void
test_hold(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "");
}

static void
test_partly(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna partly Disk: -a b\n");
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -b\n");
}

static void
test_repeat(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, "alertname=Disk host=a");
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_string_equal(er->mails[0].next, "reminder");
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, 4 * HOUR - SECOND, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "anna reminder Disk: a\n");
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
}

/* Anna was told and hears of the recovery; Ben's message was not out and is
 * taken back: he gets one line in its place. */
static void
test_was_down(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org, ben@example.org]\n");
	er->far = FAR_DOWN;
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
	er->far = FAR_TAKES;
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "ben was_down Disk: -a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* His message is out: its outcome makes his notice due. */
static void
test_out(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_SLOW;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_int_equal(er->nout, 1);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "");
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\nanna recovery Disk: -a\n");
}

/* Two groups of one address, due in the same turn: one mail. */
static void
test_one_mail(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_take(
		er, (struct engine_alert[]){{.labels = A}, {.labels = C}}, 2);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_non_null(strstr(er->mails[0].text, "+a"));
	assert_non_null(strstr(er->mails[0].text, "+c"));
	engine_rig_mails(er);
	/* It counts as told for both. */
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	engine_rig_resolve(er, C);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk and 1 more: -c\n");
}

/* Each alert by itself is what it says. */
static void
test_by_itself(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "route: {receiver: default, group_by: ['...']}\n");
	engine_rig_take(
		er, (struct engine_alert[]){{.labels = A}, {.labels = B}}, 2);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n"
			"anna firing Disk: +b\n");
}

/* An outage of 200 hosts is one mail: 50 shown, the rest counted. */
static void
test_outage(void **state)
{
	struct engine_rig *er = *state;
	static struct engine_alert v[200];
	static char labels[200][64];

	for (int i = 0; i < 200; i++) {
		snprintf(labels[i], sizeof(labels[i]), "alertname=Net host=h%d",
			 i);
		v[i].labels = labels[i];
	}
	engine_rig_take(er, v, 200);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_int_equal(er->mails[0].shown, 50);
	assert_non_null(strstr(er->mails[0].text, "(200 0 0)"));
}

/* --- stale ----------------------------------------------------------------- */

static void
test_stale(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.source = "alertmanager", .labels = A};

	engine_rig_advance(er, HOUR, HOUR);
	a.ends_ms = clock_wall_ms(er->rig.clock) + 4 * MINUTE;
	engine_rig_take(er, &a, 1);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna stale Disk: ~a\n");
	assert_int_equal(engine_rig_state(er, A), INCIDENT_STALE);
	engine_rig_advance(er, 25 * HOUR, MINUTE);
	assert_told(er, "");
	assert_int_equal(engine_rig_state(er, A), -1);
}

#define SILENT                                                                 \
	"Nothing has come from alertmanager any more, with 3 alerts open "     \
	"there"

/* A source that falls silent with all of its incidents is one alert. */
static void
test_silent(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.source = "alertmanager", .labels = A},
		{.source = "alertmanager", .labels = B},
		{.source = "alertmanager", .labels = C},
	};

	engine_rig_advance(er, HOUR, HOUR);
	for (int i = 0; i < 3; i++)
		v[i].ends_ms = clock_wall_ms(er->rig.clock) + 4 * MINUTE;
	engine_rig_take(er, v, 3);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing BelfrySourceSilent: " SILENT
			": +BelfrySourceSilent\n");
	assert_int_equal(engine_rig_state(er, A), INCIDENT_STALE);
	/* It speaks again: all is as it was. */
	for (int i = 0; i < 3; i++)
		v[i].ends_ms = clock_wall_ms(er->rig.clock) + 14 * MINUTE;
	engine_rig_take(er, v, 3);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery BelfrySourceSilent: " SILENT
			": -BelfrySourceSilent\n");
}

/* One of several is no longer said, and the others are: it is stale by itself. */
static void
test_stale_one(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.source = "alertmanager", .labels = A},
		{.source = "alertmanager", .labels = C},
	};

	engine_rig_advance(er, HOUR, HOUR);
	for (int i = 0; i < 12; i++) {
		int64_t now = clock_wall_ms(er->rig.clock);

		v[0].ends_ms = v[1].ends_ms = now + 4 * MINUTE;
		engine_rig_take(er, v, i == 0 ? 2 : 1);
		engine_rig_advance(er, MINUTE, 10 * SECOND);
	}
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
	assert_int_equal(engine_rig_state(er, C), INCIDENT_STALE);
	assert_int_equal(er->nmails, 2);
	assert_non_null(
		strstr(engine_rig_mails(er), "stale Disk and 1 more: ~c"));
}

/* One incident by two ways to one address: one mail. */
static void
test_one_address(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "receivers:\n"
			     "- {name: disks, mail: [anna@example.org]}\n"
			     "- {name: all, mail: [anna@example.org]}\n"
			     "route: {receiver: all, routes: [{matchers: "
			     "[alertname=\"Disk\"], receiver: disks, continue: "
			     "true}, {receiver: all}]}\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_int_equal(er->nmails, 1);
}

/* Nothing of one mail has left, and some of it is over: all is said anew. */
static void
test_one_mail_back(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_take(
		er, (struct engine_alert[]){{.labels = A}, {.labels = C}}, 2);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_int_equal(er->written, 1);
	engine_rig_resolve(er, C);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna digest Load and 1 more: -c +a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Load and 1 more: -a\n");
}

/* `send_resolved: false` is obeyed, also of what was not out. */
static void
test_not_resolved(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_rules(er, "receivers:\n- {name: quiet, mail: "
			     "[anna@example.org], send_resolved: false}\n"
			     "route: {receiver: quiet}\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	er->far = FAR_DOWN;
	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_resolve(er, C);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	engine_status(er->e, &st);
	assert_int_equal(st.groups, 0);
}

/* What is counted. */
static void
test_metrics(void **state)
{
	struct engine_rig *er = *state;
	struct buf out;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	er->far = FAR_REFUSES;
	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	buf_init(&out, 1 << 20);
	assert_int_equal(metrics_render(er->rig.metrics, &out), 0);
	assert_non_null(
		strstr(out.data, "belfry_alert_incidents{state=\"open\"} 3\n"));
	assert_non_null(strstr(out.data, "\nbelfry_alert_bytes "));
	assert_non_null(strstr(out.data, "\nbelfry_alert_full_total 0\n"));
	assert_non_null(strstr(out.data,
			       "belfry_alert_notifications_total{channel="
			       "\"mail\",result=\"accepted\"} 1\n"));
	assert_non_null(strstr(out.data,
			       "belfry_alert_notifications_total{channel="
			       "\"mail\",result=\"failed\"} 1\n"));
	assert_non_null(strstr(
		out.data, "belfry_alert_notification_latency_seconds_bucket{"
			  "le=\"30\"} 1\n"));
	buf_done(&out);
}

/* Told while another joined, whose turn has not come: he waits for it. */
static void
test_joined_meanwhile(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_SLOW;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_fire(er, B);
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, 4 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_wait),
		ENGINE_TEST(test_at_once),
		ENGINE_TEST(test_critical),
		ENGINE_TEST(test_came_and_went),
		ENGINE_TEST(test_recovery),
		ENGINE_TEST(test_subject),
		ENGINE_TEST(test_subject_of_several),
		ENGINE_TEST(test_subject_of_sources),
		ENGINE_TEST(test_subject_of_issues),
		ENGINE_TEST(test_hold),
		ENGINE_TEST(test_partly),
		ENGINE_TEST(test_repeat),
		ENGINE_TEST(test_was_down),
		ENGINE_TEST(test_out),
		ENGINE_TEST(test_one_mail),
		ENGINE_TEST(test_by_itself),
		ENGINE_TEST(test_outage),
		ENGINE_TEST(test_stale),
		ENGINE_TEST(test_silent),
		ENGINE_TEST(test_stale_one),
		ENGINE_TEST(test_one_mail_back),
		ENGINE_TEST(test_not_resolved),
		ENGINE_TEST(test_one_address),
		ENGINE_TEST(test_metrics),
		ENGINE_TEST(test_joined_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
