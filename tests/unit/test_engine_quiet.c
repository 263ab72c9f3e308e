/*
 * When people are not told, and what they hear afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

/* --- silences ---------------------------------------------------------------- */

static char silence_id[ENGINE_SILENCE_ID];

static void
silenced(void *arg, int result, const char *id)
{
	engine_rig_answered(arg, result);
	snprintf(silence_id, sizeof(silence_id), "%s", id);
}

static int
silence(struct engine_rig *er, const char *id, const char *matchers,
	int64_t from, int64_t until)
{
	int64_t now = clock_wall_ms(er->rig.clock);
	struct engine_silence s = {
		.starts_ms = now + from,
		.ends_ms = now + until,
		.created_by = "anna",
		.comment = "disk is being replaced",
	};
	struct arena arena;
	char *why = NULL;

	arena_init(&arena);
	snprintf(s.id, sizeof(s.id), "%s", id);
	assert_int_equal(matchers_parse(matchers, &arena, &s.matchers, &why),
			 0);
	engine_silence_set(er->e, &s, silenced, er);
	matchers_done(&s.matchers);
	arena_done(&arena);
	engine_rig_settle(er);
	return er->result;
}

/* Silenced: nobody hears. It ends while it is open: as new. */
static void
test_silence(void **state)
{
	struct engine_rig *er = *state;

	assert_int_equal(silence(er, "", "host=\"a\"", 0, HOUR), 0);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 50 * MINUTE, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 11 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* It was told, was silenced, and the silence ended: as new. */
static void
test_silence_between(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	assert_int_equal(silence(er, "", "host=a", 0, HOUR), 0);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	engine_silence_expire(er->e, silence_id, engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna more Disk: +a\n");
	engine_silence_expire(er->e, silence_id, engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -EALREADY);
}

/* One that waits in the queue is taken back. */
static void
test_silence_queued(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_int_equal(silence(er, "", "host=a", 0, 2 * HOUR), 0);
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* Who refuses what comes after it hears it with the next reminder, not again
 * and again. */
static void
test_silence_refused(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	assert_int_equal(silence(er, "", "host=a", 0, HOUR), 0);
	engine_rig_advance(er, 50 * MINUTE, MINUTE);
	er->far = FAR_REFUSES;
	er->written = 0;
	for (int i = 0; i < 10; i++) {
		clock_advance(er->rig.clock, 2 * MINUTE);
		engine_turn(er->e);
		rig_settle(&er->rig);
	}
	assert_int_equal(er->written, 1);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 4 * HOUR, MINUTE);
	assert_told(er, "anna reminder Disk: a\n");
}

/* Whatever was refused before, the end of a silence is news. */
static void
test_silence_after_refusal(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	er->far = FAR_REFUSES;
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	assert_told(er, "anna firing Disk: +a\n");
	assert_int_equal(silence(er, "", "host=a", 0, 20 * MINUTE), 0);
	engine_rig_advance(er, 30 * MINUTE, MINUTE);
	assert_told(er, "anna more Disk: +a +b\n");
}

/* An acknowledgement survives a silence. */
static void
test_silence_ack(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, A), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(silence(er, "", "host=a", 0, HOUR), 0);
	engine_rig_advance(er, 12 * HOUR, MINUTE);
	assert_told(er, "");
}

static const struct {
	const char *name, *matchers;
	int64_t from, until;
	int result;
} silence_rows[] = {
	{"no matcher", "", 0, HOUR, -EINVAL},
	{"it ends before it starts", "a=b", HOUR, MINUTE, -EINVAL},
	{"in the past", "a=b", -2 * HOUR, -HOUR, -EINVAL},
	{"to come", "a=b", HOUR, 2 * HOUR, 0},
	{"from before", "a=b", -HOUR, HOUR, 0},
};

static bool
see_silence(void *arg, const struct engine_silence *s)
{
	struct engine_silence *ret = arg;

	ret->starts_ms = s->starts_ms;
	ret->ends_ms = s->ends_ms;
	ret->state = s->state;
	return true;
}

static void
test_silence_rows(void **state)
{
	struct engine_rig *er = *state;
	struct engine_silence seen;
	int64_t now = clock_wall_ms(er->rig.clock);

	for (size_t i = 0; i < sizeof(silence_rows) / sizeof(silence_rows[0]);
	     i++) {
		int r = silence(er, "", silence_rows[i].matchers,
				silence_rows[i].from, silence_rows[i].until);

		if (r != silence_rows[i].result)
			fail_msg("%s: %d", silence_rows[i].name, r);
	}
	/* The past is not silenced. */
	assert_true(engine_find_silence(er->e, silence_id, see_silence, &seen));
	assert_int_equal(seen.starts_ms, now);
	assert_int_equal(seen.state, SILENCE_ACTIVE);
	assert_false(engine_find_silence(er->e, "none", see_silence, &seen));
	engine_silence_expire(er->e, "none", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -ENOENT);
}

/* Longer: the same. Other matchers: another one, and the first ends. */
static void
test_silence_update(void **state)
{
	struct engine_rig *er = *state;
	char first[ENGINE_SILENCE_ID];
	struct engine_silence seen;

	assert_int_equal(silence(er, "", "host=a", 0, HOUR), 0);
	memcpy(first, silence_id, sizeof(first));
	assert_int_equal(silence(er, first, "host=a", 0, 3 * HOUR), 0);
	assert_string_equal(silence_id, first);
	engine_rig_advance(er, 2 * HOUR, HOUR);
	assert_true(engine_find_silence(er->e, first, see_silence, &seen));
	assert_int_equal(seen.state, SILENCE_ACTIVE);
	assert_int_equal(silence(er, first, "host=b", 0, HOUR), 0);
	assert_string_not_equal(silence_id, first);
	assert_true(engine_find_silence(er->e, first, see_silence, &seen));
	assert_int_equal(seen.state, SILENCE_EXPIRED);
	assert_int_equal(silence(er, "e0000000-0000-4000-8000-000000000000",
				 "host=b", 0, HOUR),
			 -ENOENT);
}

/* It is there after a restart, and goes five days after its end. */
static void
test_silence_kept(void **state)
{
	struct engine_rig *er = *state;
	struct engine_silence seen;

	assert_int_equal(silence(er, "", "host=~\"a|b\"", 0, HOUR), 0);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Load: +c\n");
	engine_rig_advance(er, 4 * DAY, HOUR);
	assert_true(engine_find_silence(er->e, silence_id, see_silence, &seen));
	engine_rig_advance(er, 2 * DAY, HOUR);
	assert_false(
		engine_find_silence(er->e, silence_id, see_silence, &seen));
	engine_rig_close(er);
	engine_rig_open(er);
	assert_false(
		engine_find_silence(er->e, silence_id, see_silence, &seen));
}

/* --- inhibition ----------------------------------------------------------------- */

#define INHIBIT                                                                \
	"mail: [anna@example.org]\n"                                           \
	"route: {receiver: default, group_by: ['...']}\n"                      \
	"inhibit_rules:\n"                                                     \
	"- {source_matchers: [kind=\"down\"], target_matchers: "               \
	"[kind=~\"down|slow\"], equal: [site]}\n"

#define DOWN  "alertname=Down kind=down site=x host=d"
#define DOWN2 "alertname=Down kind=down site=x host=d2"
#define SLOW  "alertname=Slow kind=slow site=x host=s"
#define FAR   "alertname=Slow kind=slow site=y host=f"
#define BARE  "alertname=Down kind=down host=n"
#define BARE2 "alertname=Slow kind=slow host=m"

static void
test_inhibit(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, INHIBIT);
	/* Within the group's wait it is not too late; the other site is told;
	 * two that match both sides don't keep each other quiet. */
	engine_rig_fire(er, SLOW);
	engine_rig_fire(er, FAR);
	engine_rig_fire(er, DOWN);
	engine_rig_fire(er, DOWN2);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing [x] Down: +d\n"
			"anna firing [x] Down: +d2\n"
			"anna firing [y] Slow: +f\n");
	/* The inhibitors are over: as new, after one group wait. */
	engine_rig_resolve(er, DOWN);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_resolve(er, DOWN2);
	engine_rig_advance(er, 29 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "anna firing [x] Slow: +s\n");
}

/* A label that is missing on both sides is equal; a silenced one inhibits. */
static void
test_inhibit_silenced(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, INHIBIT);
	assert_int_equal(silence(er, "", "host=n", 0, HOUR), 0);
	engine_rig_fire(er, BARE);
	engine_rig_fire(er, BARE2);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "");
}

/* --- whatever it is that keeps it quiet ------------------------------------------ */

#define Z "alertname=Down host=z"

static const char boss[] =
	"own: []\n"
	"mail: [anna@example.org]\n"
	"receivers:\n- {name: boss, mail: [boss@example.org]}\n"
	"inhibit_rules: [{source_matchers: [host=z], target_matchers: "
	"[host=a]}]\n"
	"route: {receiver: default, escalate: [{after: 15m, receiver: "
	"boss}]}\n";

enum cause { BY_SILENCE, BY_INHIBITION, BY_MUTE };

static void
quiet_begins(struct engine_rig *er, enum cause cause)
{
	switch (cause) {
	case BY_SILENCE:
		assert_int_equal(silence(er, "", "host=a", 0, DAY), 0);
		break;
	case BY_INHIBITION: /* by one that nobody hears of */
		assert_int_equal(silence(er, "", "host=z", 0, DAY), 0);
		engine_rig_fire(er, Z);
		break;
	case BY_MUTE:
		engine_mute(er->e, clock_wall_ms(er->rig.clock) + DAY, "storm",
			    "anna", engine_rig_answered, er);
		engine_rig_settle(er);
		break;
	}
}

static void
quiet_ends(struct engine_rig *er, enum cause cause)
{
	switch (cause) {
	case BY_SILENCE:
		engine_silence_expire(er->e, silence_id, engine_rig_answered,
				      er);
		break;
	case BY_INHIBITION:
		engine_rig_resolve(er, Z);
		break;
	case BY_MUTE:
		engine_unmute(er->e, "anna", engine_rig_answered, er);
		break;
	}
	engine_rig_settle(er);
}

static const struct {
	const char *name;
	enum cause cause;
	const char *begins, *ends;
} pause_rows[] = {
	{"a silence", BY_SILENCE, "", "anna more Disk: +a\n"},
	{"inhibition", BY_INHIBITION, "", "anna more Disk: +a\n"},
	{"a mute", BY_MUTE, "anna mute_begin Mute of alerts: storm\n",
	 "anna more Disk: +a\n"
	 "anna mute_end Mute of alerts: (1 0 0) storm\n"},
};

/* The clock of the escalation stands. */
static void
test_escalation_pauses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pause_rows) / sizeof(pause_rows[0]);
	     i++) {
		struct engine_rig er;

		print_message("%s\n", pause_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, boss);
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 30 * SECOND, SECOND);
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, "anna firing Disk: +a\n");
		quiet_begins(&er, pause_rows[i].cause);
		engine_rig_advance(&er, HOUR, 10 * SECOND);
		assert_told(&er, pause_rows[i].begins);
		quiet_ends(&er, pause_rows[i].cause);
		engine_rig_advance(&er, 31 * SECOND, SECOND);
		assert_told(&er, pause_rows[i].ends);
		engine_rig_advance(&er, 4 * MINUTE, SECOND);
		assert_told(&er, "");
		engine_rig_advance(&er, 70 * SECOND, SECOND);
		assert_told(&er, "boss escalation Disk: +a\n");
		engine_rig_done(&er);
	}
}

/* Whoever was told is told the recovery all the same, and of nothing else. */
static void
test_recovery(void **state)
{
	static const enum cause causes[] = {BY_SILENCE, BY_INHIBITION};

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct engine_rig er;

		print_message("%s\n", pause_rows[causes[i]].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, boss);
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 31 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk: +a\n");
		quiet_begins(&er, causes[i]);
		/* No reminder. */
		engine_rig_advance(&er, 5 * HOUR, MINUTE);
		assert_told(&er, "");
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		assert_told(&er, "anna recovery Disk: -a\n");
		engine_rig_done(&er);
	}
}

/* --- windows --------------------------------------------------------------------- */

static void
test_maintenance(void **state)
{
	struct engine_rig *er = *state;

	/* The rig's clock begins at 2026-01-01T00:00Z. */
	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "maintenance:\n- {name: move, matchers: "
			     "[host=\"a\"], start: 2026-01-01T00:00, end: "
			     "2026-01-01T01:00, time_zone: UTC}\n");
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 59 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Load: +c\n");
	engine_rig_advance(er, 2 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

static void
test_interval(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(
		er, "mail: [anna@example.org]\n"
		    "time_intervals:\n- {name: night, time_intervals: [{times: "
		    "[{start_time: \"00:00\", end_time: \"06:00\"}]}]}\n"
		    "route: {receiver: default, routes: [{matchers: "
		    "[alertname=\"Disk\"], mute_time_intervals: [night]}]}\n");
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 350 * MINUTE, MINUTE);
	assert_string_equal(er->mails[0].text, "firing Load: +c");
	engine_rig_mails(er);
	engine_rig_advance(er, 12 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* --- flapping ---------------------------------------------------------------------- */

/* Four changes in ten minutes: one message says so, and then what it is when it
 * has been steady for as long. */
static void
test_flap(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er,
			 "mail: [anna@example.org]\n"
			 "route: {receiver: default, group_interval: 1m}\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	for (int i = 0; i < 4; i++) {
		engine_rig_advance(er, MINUTE, SECOND);
		engine_rig_resolve(er, A);
		engine_rig_advance(er, MINUTE, SECOND);
		engine_rig_fire(er, A);
	}
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna flapping Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 9 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
}

/* --- expressions that take too long -------------------------------------------- */

static const struct {
	const char *name, *yaml, *silence;
} limit_rows[] = {
	{"a silence", "own: []\nmail: [anna@example.org]\n", "x=~\"(a+)+\""},
	{"inhibition",
	 "own: []\nmail: [anna@example.org]\n"
	 "inhibit_rules: [{source_matchers: ['host=b'], "
	 "target_matchers: ['x=~\"(a+)+\"']}]\n",
	 NULL},
	{"maintenance",
	 "own: []\nmail: [anna@example.org]\n"
	 "maintenance: [{name: move, matchers: ['x=~\"(a+)+\"'], start: "
	 "2026-01-01T00:00, end: 2026-01-02T00:00, time_zone: UTC}]\n",
	 NULL},
};

/* Whoever chooses a label's value keeps nobody quiet by it; it is logged. */
static void
test_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]);
	     i++) {
		struct engine_rig er;

		print_message("%s\n", limit_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, limit_rows[i].yaml);
		engine_rig_fire(&er, B);
		engine_rig_advance(&er, MINUTE, SECOND);
		assert_told(&er, "anna firing Disk: +b\n");
		if (limit_rows[i].silence != NULL)
			assert_int_equal(
				silence(&er, "", limit_rows[i].silence, 0, DAY),
				0);
		engine_rig_fire(&er, "alertname=Load host=c x="
				     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
		engine_rig_advance(&er, MINUTE, SECOND);
		assert_told(&er, "anna firing Load: +c\n");
		assert_true(rig_logged(&er.rig, "event=alert_limit") > 0);
		engine_rig_done(&er);
	}
}

/* Nor for ever. */
static void
test_silence_far(void **state)
{
	struct engine_rig *er = *state;

	assert_int_equal(silence(er, "", "host=a", 0,
				 INT64_MAX - clock_wall_ms(er->rig.clock)),
			 -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_silence),
		ENGINE_TEST(test_silence_between),
		ENGINE_TEST(test_silence_queued),
		ENGINE_TEST(test_silence_refused),
		ENGINE_TEST(test_silence_after_refusal),
		ENGINE_TEST(test_silence_ack),
		ENGINE_TEST(test_silence_rows),
		ENGINE_TEST(test_silence_update),
		ENGINE_TEST(test_silence_kept),
		ENGINE_TEST(test_inhibit),
		ENGINE_TEST(test_inhibit_silenced),
		cmocka_unit_test(test_escalation_pauses),
		cmocka_unit_test(test_recovery),
		ENGINE_TEST(test_maintenance),
		ENGINE_TEST(test_interval),
		ENGINE_TEST(test_flap),
		cmocka_unit_test(test_limit),
		ENGINE_TEST(test_silence_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
