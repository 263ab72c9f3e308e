/*
 * What time does that did not pass for us: stopped, asleep, or with a clock that
 * was set while nobody looked.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"

/* Stopped, and started when the wall clock shows MS more. */
static void
rest(struct engine_rig *er, int64_t ms)
{
	engine_rig_close(er);
	if (ms >= 0)
		clock_advance(er->rig.clock, ms);
	else
		clock_jump(er->rig.clock, ms);
	engine_rig_open(er);
}

static void
tell_one(struct engine_rig *er, const char *told)
{
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, told);
}

/* --- recoveries ------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool reload;
} hold_rows[] = {
	{"a start", false},
	{"a reload", true},
};

/* One that has not lasted yet is held over it. */
static void
test_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hold_rows) / sizeof(hold_rows[0]); i++) {
		struct engine_rig er;

		print_message("%s\n", hold_rows[i].name);
		engine_rig_init(&er, NULL);
		tell_one(&er, "anna firing Disk: +a\n");
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 10 * SECOND, SECOND);
		if (hold_rows[i].reload)
			engine_rig_rules(&er, "mail: [anna@example.org]\n");
		else
			rest(&er, 0);
		engine_rig_advance(&er, 100 * SECOND, SECOND);
		assert_told(&er, "");
		engine_rig_advance(&er, 11 * SECOND, SECOND);
		assert_told(&er, "anna recovery Disk: -a\n");
		engine_rig_done(&er);
	}
}

/* --- who else is told -------------------------------------------------------------- */

static const char steps[] = "own: []\n"
			    "receivers:\n"
			    "- {name: oncall, mail: [anna@example.org]}\n"
			    "- {name: boss, mail: [boss@example.org]}\n"
			    "- {name: chief, mail: [chief@example.org]}\n"
			    "route:\n"
			    "  receiver: oncall\n"
			    "  escalate: [{after: 1h, receiver: boss}, {after: "
			    "2h, receiver: chief}]\n";

static const char fallback[] = "own: []\n"
			       "receivers:\n"
			       "- {name: oncall, mail: [anna@example.org],\n"
			       "   fallback: {receiver: boss, after: 10m}}\n"
			       "- {name: boss, mail: [boss@example.org]}\n"
			       "route: {receiver: oncall}\n";

/* Steps that fell due meanwhile don't come before the source could say that it
 * is over, and not together. */
static void
test_steps(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, steps);
	tell_one(er, "anna firing Disk: +a\n");
	rest(er, 3 * HOUR);
	engine_rig_advance(er, 4 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	engine_rig_advance(er, 58 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "chief escalation Disk: +a\n");
}

/* What opens after the start does not wait for that. */
static void
test_steps_new(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\n"
			     "receivers:\n"
			     "- {name: oncall, mail: [anna@example.org]}\n"
			     "- {name: boss, mail: [boss@example.org]}\n"
			     "route:\n"
			     "  receiver: oncall\n"
			     "  escalate: [{after: 1m, receiver: boss}]\n");
	rest(er, HOUR);
	tell_one(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
}

/* Asleep: that time did not pass. */
static void
test_steps_asleep(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, steps);
	tell_one(er, "anna firing Disk: +a\n");
	clock_jump(er->rig.clock, 3 * HOUR);
	engine_rig_advance(er, 50 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	engine_rig_advance(er, HOUR, SECOND);
	assert_told(er, "chief escalation Disk: +a\n");
}

static const struct {
	const char *name;
	int64_t down, jump;
} fallback_rows[] = {
	{"stopped", HOUR, 0},
	{"asleep", 0, HOUR},
};

/* Nobody could be told meanwhile, so nobody else is told in their place. */
static void
test_fallback(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fallback_rows) / sizeof(fallback_rows[0]);
	     i++) {
		struct engine_rig er;

		print_message("%s\n", fallback_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, fallback);
		er.far = FAR_DOWN;
		er.only = "anna@example.org";
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 5 * MINUTE, SECOND);
		clock_jump(er.rig.clock, fallback_rows[i].jump);
		if (fallback_rows[i].down > 0)
			rest(&er, fallback_rows[i].down);
		engine_rig_advance(&er, 9 * MINUTE, SECOND);
		assert_told(&er, "");
		engine_rig_advance(&er, 2 * MINUTE, SECOND);
		assert_told(&er, "boss fallback Disk: +a\n");
		engine_rig_done(&er);
	}
}

/* --- the clock, set back ------------------------------------------------------------ */

/* While it was stopped: what comes is told as soon as ever. */
static void
test_back_stopped(void **state)
{
	struct engine_rig *er = *state;

	tell_one(er, "anna firing Disk: +a\n");
	rest(er, -5 * HOUR);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n");
}

/* So is what had come and was not told yet. */
static void
test_back_stopped_due(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	rest(er, -5 * HOUR);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

static struct post stop_post;

static void
stop_loop(void *arg)
{
	struct engine_rig *er = arg;

	loop_stop(er->rig.loop);
}

/* While a group is on its way to the disk. */
static void
test_back_job(void **state)
{
	struct engine_rig *er = *state;
	struct label l[] = {{"alertname", "Disk"}, {"host", "a"}};
	struct alert a = {
		.source = "test",
		.status = ALERT_FIRING,
		.labels = {.n = 2, .v = l},
		.url = "",
	};

	engine_take(er->e, &a, 1, engine_rig_answered, er);
	loop_post(er->rig.loop, &stop_post, stop_loop, er);
	loop_run(er->rig.loop);
	assert_true(engine_is_busy(er->e));
	assert_int_equal(er->answers, 0);
	clock_jump(er->rig.clock, -5 * HOUR);
	engine_rig_settle(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* What is over the rate waits for a digest that comes in time. */
static void
test_back_digest(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\n"
			     "receivers:\n"
			     "- {name: ops, mail: [ops@example.org],\n"
			     "   rate: {limit: 1/10m, burst: 1, digest: 5m}}\n"
			     "route: {receiver: ops, group_by: [host]}\n");
	engine_rig_fire(er, "alertname=X host=1");
	engine_rig_fire(er, "alertname=X host=2");
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "ops firing X: +1\n");
	clock_jump(er->rig.clock, -5 * HOUR);
	engine_rig_settle(er);
	engine_rig_fire(er, "alertname=X host=3");
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_int_equal(er->nmails, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),
		ENGINE_TEST(test_steps),
		ENGINE_TEST(test_steps_new),
		ENGINE_TEST(test_steps_asleep),
		cmocka_unit_test(test_fallback),
		ENGINE_TEST(test_back_stopped),
		ENGINE_TEST(test_back_stopped_due),
		ENGINE_TEST(test_back_job),
		ENGINE_TEST(test_back_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
