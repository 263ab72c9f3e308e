/*
 * Restarts, reloads, and clocks that are set.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

static void
restart(struct engine_rig *er, int64_t down_ms)
{
	engine_rig_close(er);
	clock_advance(er->rig.clock, down_ms);
	engine_rig_open(er);
}

/* --- restarts ------------------------------------------------------------------ */

/* What was told is not told again; timers go on. */
static void
test_told(void **state)
{
	struct engine_rig *er = *state;
	char first[64];

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	snprintf(first, sizeof(first), "%s", er->mails[0].id);
	engine_rig_mails(er);
	restart(er, MINUTE);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 3 * HOUR, MINUTE);
	assert_told(er, "anna reminder Disk: a\n");
	restart(er, 0);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_string_equal(er->mails[0].root, first);
	assert_told(er, "anna recovery Disk: -a\n");
	restart(er, 0);
	engine_rig_advance(er, 12 * HOUR, MINUTE);
	assert_told(er, "");
}

/* The group's wait goes on over it. */
static void
test_waiting(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 20 * SECOND, SECOND);
	restart(er, 0);
	engine_rig_advance(er, 9 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* A message that was in the queue comes to its notice all the same; its
 * acknowledgement, too. */
static void
test_queued(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_take(
		er, (struct engine_alert[]){{.labels = A}, {.labels = C}}, 2);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, C), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	restart(er, MINUTE);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_int_equal(er->nmails, 1);
	engine_rig_mails(er);
	/* Both know: nothing comes twice, and the reminder is of one. */
	engine_rig_advance(er, 5 * HOUR, MINUTE);
	assert_told(er, "anna reminder Disk and 1 more: a\n");
}

/* Down for a day under many alerts: what fell due doesn't come all at once. */
static void
test_spread(void **state)
{
	struct engine_rig *er = *state;
	char labels[64];
	int64_t first, last;

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "route: {receiver: default, group_by: ['...']}\n");
	for (int i = 0; i < 100; i++) {
		snprintf(labels, sizeof(labels), "alertname=N%d", i);
		engine_rig_fire(er, labels);
	}
	engine_rig_advance(er, MINUTE, SECOND);
	assert_int_equal(er->nmails, 100);
	engine_rig_mails(er);
	restart(er, DAY);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 10 * MINUTE, 100);
	assert_int_equal(er->nmails, 100);
	first = last = er->mails[0].when_ms;
	for (int i = 0; i < 100; i++) {
		if (er->mails[i].when_ms < first)
			first = er->mails[i].when_ms;
		if (er->mails[i].when_ms > last)
			last = er->mails[i].when_ms;
	}
	assert_true(last - first >= 1500);
}

/* A thousand firing alerts, an hour down: no mail on return. */
static void
test_down(void **state)
{
	struct engine_rig *er = *state;
	static struct engine_alert v[1000];
	static char labels[1000][48];

	for (int i = 0; i < 1000; i++) {
		snprintf(labels[i], sizeof(labels[i]), "alertname=N host=h%d",
			 i);
		v[i] = (struct engine_alert){.source = "alertmanager",
					     .labels = labels[i]};
	}
	engine_rig_take(er, v, 1000);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	restart(er, HOUR);
	engine_rig_advance(er, 4 * MINUTE, SECOND);
	/* Its source speaks of it again in time. */
	engine_rig_take(er, v, 1000);
	engine_rig_advance(er, 4 * MINUTE, SECOND);
	assert_told(er, "");
}

/* --- reloads --------------------------------------------------------------------- */

#define ONE "mail: [anna@example.org]\n"
#define TWO                                                                    \
	"mail: [anna@example.org]\n"                                           \
	"receivers:\n- {name: disks, mail: [dora@example.org]}\n"              \
	"route: {receiver: default, routes: [{matchers: "                      \
	"[alertname=\"Disk\"], receiver: disks}]}\n"

/* Open incidents are routed anew. Anna, who was told, hears of the end. */
static void
test_rerouted(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_rules(er, TWO);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "dora firing Disk: +a\n");
	engine_rig_advance(er, 5 * HOUR, MINUTE);
	assert_told(er, "dora reminder Disk: a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\ndora recovery Disk: -a\n");
}

/* Groups are keyed by name: what moves in the file stays what it is. */
static void
test_same(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, TWO);
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Load: +c\ndora firing Disk: +a\n");
	engine_rig_rules(er,
			 "mail: [anna@example.org]\n"
			 "receivers:\n- {name: x, mail: [x@example.org]}\n"
			 "- {name: disks, mail: [dora@example.org]}\n"
			 "route: {receiver: default, routes: [{matchers: "
			 "[alertname=\"Other\"], receiver: x}, {matchers: "
			 "[alertname=~\"Disk|Other\"], receiver: disks}]}\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	restart(er, 0);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* A receiver is no more: its groups end, with a line in the history. */
static void
test_vanished(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;
	const char *history;

	engine_rig_rules(er, TWO);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "dora firing Disk: +a\n");
	engine_rig_rules(er, ONE);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	history = engine_rig_history(er, engine_rig_id(er, A));
	assert_non_null(strstr(history, "group ended"));
	engine_status(er->e, &st);
	assert_int_equal(st.groups, 1);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
	engine_status(er->e, &st);
	assert_int_equal(st.groups, 0);
}

/* The same while it was down. */
static void
test_vanished_down(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, TWO);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_rig_close(er);
	er->yaml = ONE;
	engine_rig_open(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* --- clocks ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int64_t by_ms;
	bool synced, doubted;
} clock_rows[] = {
	{"back", -10 * MINUTE, false, true},
	{"two hours on", 2 * HOUR, false, true},
	{"half an hour on", 30 * MINUTE, false, false},
	{"two hours on, and synchronised", 2 * HOUR, true, false},
};

static void
test_clock(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(clock_rows) / sizeof(clock_rows[0]);
	     i++) {
		struct engine_rig er;
		struct engine_status st;

		engine_rig_init(&er, NULL);
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, HOUR, MINUTE);
		er.synced = clock_rows[i].synced;
		clock_jump(er.rig.clock, clock_rows[i].by_ms);
		engine_rig_advance(&er, SECOND, SECOND);
		engine_status(er.e, &st);
		if (st.clock_doubt != clock_rows[i].doubted)
			fail_msg("%s", clock_rows[i].name);
		engine_rig_done(&er);
	}
}

/* Nothing expires until it is accepted; one alert says so. */
static void
test_doubt(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.source = "alertmanager", .labels = A};

	engine_rig_take(er, &a, 1);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	er->synced = false;
	clock_jump(er->rig.clock, 2 * HOUR);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(
		er,
		"anna firing BelfryClockDoubted: The clock was set: no alert "
		"expires until it is synchronised, or `belfry clock "
		"accept`: +BelfryClockDoubted\n");
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
	engine_clock_accept(er->e, engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_STALE);
	engine_rig_advance(er, 4 * MINUTE, 10 * SECOND);
	assert_non_null(
		strstr(engine_rig_mails(er), "recovery BelfryClockDoubted"));
	engine_clock_accept(er->e, engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -EALREADY);
}

/* ... or it is synchronised, or a day has passed. */
static void
test_doubt_ends(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	for (int i = 0; i < 2; i++) {
		er->synced = false;
		clock_jump(er->rig.clock, 3 * HOUR);
		engine_rig_advance(er, MINUTE, SECOND);
		engine_status(er->e, &st);
		assert_true(st.clock_doubt);
		er->synced = i == 0;
		engine_rig_advance(er, i == 0 ? SECOND : DAY, MINUTE);
		engine_status(er->e, &st);
		assert_false(st.clock_doubt);
	}
}

/* What was to expire, and fires on without end, does so in the next life. */
static void
test_endless(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.labels = A};

	a.ends_ms = clock_wall_ms(er->rig.clock) + 2 * MINUTE;
	engine_rig_take(er, &a, 1);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	restart(er, 0);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
}

/* --- kept ---------------------------------------------------------------------------- */

/* What is over, and its history, goes after `retention`: nothing is left. */
static void
test_retention(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\nretention: 10d\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 9 * DAY, HOUR);
	assert_int_equal(engine_rig_rows(er, "ijhgs"),
			 7); /* j, and h: opened, told twice, ... */
	engine_rig_advance(er, 2 * DAY, HOUR);
	assert_int_equal(engine_rig_rows(er, "ijhgs"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_told),          ENGINE_TEST(test_waiting),
		ENGINE_TEST(test_queued),        ENGINE_TEST(test_spread),
		ENGINE_TEST(test_down),          ENGINE_TEST(test_rerouted),
		ENGINE_TEST(test_same),          ENGINE_TEST(test_vanished),
		ENGINE_TEST(test_vanished_down), ENGINE_TEST(test_clock),
		ENGINE_TEST(test_doubt),         ENGINE_TEST(test_doubt_ends),
		ENGINE_TEST(test_endless),       ENGINE_TEST(test_retention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
