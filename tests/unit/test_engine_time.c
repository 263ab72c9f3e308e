/*
 * What is true stays true while time goes by: of what a person closed, over
 * reloads, and when the clock is set back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"

static int64_t
now(const struct engine_rig *er)
{
	return clock_wall_ms(er->rig.clock);
}

/* --- closed ---------------------------------------------------------------------- */

static void
post(struct engine_rig *er, int64_t starts_ms, bool resolved)
{
	struct engine_alert a = {
		.source = "alertmanager",
		.labels = A,
		.starts_ms = starts_ms,
		.ends_ms = resolved ? now(er) : now(er) + 4 * MINUTE,
		.resolved = resolved,
	};

	assert_int_equal(engine_rig_take(er, &a, 1), 0);
}

/* It fires since a while, was told, and is closed. */
static int64_t
close_one(struct engine_rig *er)
{
	int64_t starts = now(er) - MINUTE;

	post(er, starts, false);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_act(er->e, ENGINE_CLOSE, engine_rig_id(er, A), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna closed Disk: -a by anna\n");
	return starts;
}

static const struct {
	const char *name;
	int64_t every_ms;
	int times;
	bool restart; /* between two posts */
} closed_rows[] = {
	{"every minute", MINUTE, 150, false},
	{"every four hours", 4 * HOUR, 4, false},
	{"with restarts between", 20 * MINUTE, 8, true},
};

/* It stays closed for as long as its source goes on about it. */
static void
test_closed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(closed_rows) / sizeof(closed_rows[0]);
	     i++) {
		struct engine_rig er;
		int64_t starts;

		engine_rig_init(&er, NULL);
		starts = close_one(&er);
		for (int n = 0; n < closed_rows[i].times; n++) {
			engine_rig_advance(&er, closed_rows[i].every_ms,
					   10 * MINUTE);
			if (closed_rows[i].restart) {
				engine_rig_close(&er);
				engine_rig_open(&er);
			}
			post(&er, starts, false);
			if (engine_rig_state(&er, A) != INCIDENT_RESOLVED)
				fail_msg("%s: %d", closed_rows[i].name, n);
		}
		assert_told(&er, "");
		engine_rig_done(&er);
	}
}

/* Once nobody speaks of it any more, it goes. */
static void
test_closed_goes(void **state)
{
	struct engine_rig *er = *state;

	close_one(er);
	engine_rig_advance(er, 25 * HOUR, HOUR);
	assert_int_equal(engine_rig_state(er, A), -1);
}

/* What starts after that is news. */
static void
test_closed_again(void **state)
{
	struct engine_rig *er = *state;

	close_one(er);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	post(er, now(er) - SECOND, false);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* So is what fires after the source itself said that it was over, by whatever
 * clock; and that is remembered. */
static void
test_closed_ended(void **state)
{
	struct engine_rig *er = *state;
	int64_t starts = close_one(er);

	post(er, starts, true);
	post(er, starts, true);
	assert_string_equal(
		engine_rig_history(er, engine_rig_id(er, A)),
		"opened, queued, accepted, closed, queued, accepted, "
		"resolved");
	engine_rig_close(er);
	engine_rig_open(er);
	post(er, starts + SECOND, false);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* --- reloads ---------------------------------------------------------------------- */

/* A reload is no sleep: what its source no longer says is stale all the
 * same. */
static void
test_reloads(void **state)
{
	struct engine_rig *er = *state;

	post(er, 0, false);
	for (int i = 0; i < 7; i++) {
		engine_rig_advance(er, MINUTE, MINUTE);
		engine_rig_rules(er, "mail: [anna@example.org]\n");
	}
	assert_int_equal(engine_rig_state(er, A), INCIDENT_STALE);
}

/* --- the clock, set back ------------------------------------------------------------ */

static void
fire_and_resolve(struct engine_rig *er)
{
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_rig_resolve(er, A);
}

/* A recovery is held for no longer than usual. */
static void
test_back_hold(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\n"
			     "mail: [anna@example.org]\n"
			     "route: {receiver: default, resolve_hold: 2m}\n");
	fire_and_resolve(er);
	engine_rig_advance(er, MINUTE, SECOND);
	clock_jump(er->rig.clock, -3 * HOUR);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
}

/* Set back while it was down. */
static void
test_back_down(void **state)
{
	struct engine_rig *er = *state;

	fire_and_resolve(er);
	engine_rig_close(er);
	clock_jump(er->rig.clock, -3 * HOUR);
	engine_rig_open(er);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
	engine_rig_advance(er, 2 * HOUR, HOUR);
	assert_int_equal(engine_rig_state(er, A), -1);
}

/* Nor is somebody else told any later. */
static void
test_back_fallback(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\n"
			     "receivers:\n"
			     "- {name: a, mail: [anna@example.org],\n"
			     "   fallback: {after: 10m, receiver: b}}\n"
			     "- {name: b, mail: [ben@example.org]}\n"
			     "route: {receiver: a}\n");
	er->far = FAR_DOWN;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 5 * MINUTE, SECOND);
	clock_jump(er->rig.clock, -3 * HOUR);
	engine_rig_advance(er, 15 * MINUTE, SECOND);
	assert_told(er, "ben fallback Disk: +a\n");
}

/* What is quiet again is so after the rule's time. */
static void
test_back_flapping(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	for (int i = 0; i < 3; i++) {
		engine_rig_fire(er, A);
		engine_rig_resolve(er, A);
	}
	engine_status(er->e, &st);
	assert_int_equal(st.flapping, 1);
	clock_jump(er->rig.clock, -DAY);
	engine_rig_advance(er, HOUR, MINUTE);
	engine_status(er->e, &st);
	assert_int_equal(st.flapping, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed),
		ENGINE_TEST(test_closed_goes),
		ENGINE_TEST(test_closed_again),
		ENGINE_TEST(test_closed_ended),
		ENGINE_TEST(test_reloads),
		ENGINE_TEST(test_back_hold),
		ENGINE_TEST(test_back_down),
		ENGINE_TEST(test_back_fallback),
		ENGINE_TEST(test_back_flapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
