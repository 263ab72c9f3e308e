/*
 * Nobody is told for a while: that is said at both ends, and nothing is lost in
 * between.
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

static void
mute(struct engine_rig *er, int64_t ms)
{
	engine_mute(er->e, clock_wall_ms(er->rig.clock) + ms, "storm", "anna",
		    engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
}

/* It says so at both ends, ends by itself, and what came and went meanwhile is
 * told at once. */
static void
test_mute(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	mute(er, HOUR);
	assert_told(er, "anna mute_begin Mute of alerts: storm\n");
	engine_status(er->e, &st);
	assert_int_equal(st.muted_until_ms,
			 clock_wall_ms(er->rig.clock) + HOUR);
	assert_string_equal(st.muted_by, "anna");
	engine_rig_fire(er, B);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	engine_rig_resolve(er, C);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 49 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	assert_int_equal(engine_rig_state(er, C), INCIDENT_RESOLVED);
	engine_rig_advance(er, 2 * MINUTE, 10 * SECOND);
	assert_told(er, "anna more Disk: -a +b\n"
			"anna mute_end Mute of alerts: -c (1 1 0) "
			"storm\n");
	engine_status(er->e, &st);
	assert_int_equal(st.muted_until_ms, 0);
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "");
	assert_int_equal(engine_rig_state(er, C), -1);
}

/* It survives a restart, and ends at one when its time is over. */
static void
test_mute_restart(void **state)
{
	struct engine_rig *er = *state;

	mute(er, HOUR);
	engine_rig_mails(er);
	engine_rig_fire(er, A);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	engine_rig_close(er);
	clock_advance(er->rig.clock, HOUR);
	engine_rig_open(er);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n"
			"anna mute_end Mute of alerts: (1 0 0) "
			"storm\n");
}

static void
test_unmute(void **state)
{
	struct engine_rig *er = *state;

	engine_unmute(er->e, "ben", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -EALREADY);
	mute(er, HOUR);
	engine_rig_mails(er);
	engine_unmute(er->e, "ben", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna mute_end Mute of alerts: storm\n");
	engine_mute(er->e, clock_wall_ms(er->rig.clock), "", "ben",
		    engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -EINVAL);
}

/* Who was told before that it fires hears at its end that it is over. */
static void
test_mute_recovery(void **state)
{
	struct engine_rig *er = *state;
	int64_t now;
	const char *told;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	now = clock_wall_ms(er->rig.clock);
	engine_mute(er->e, now + HOUR, "move", "anna", engine_rig_answered, er);
	engine_rig_settle(er);
	engine_rig_mails(er);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 55 * MINUTE, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	told = engine_rig_mails(er);
	assert_non_null(strstr(told, "recovery Disk: -a"));
}

/* What came and went is in the digest, also after a start. */
static void
test_mute_digest_restart(void **state)
{
	struct engine_rig *er = *state;
	int64_t now = clock_wall_ms(er->rig.clock);
	const char *told;

	engine_mute(er->e, now + 3 * HOUR, "move", "anna", engine_rig_answered,
		    er);
	engine_rig_settle(er);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_advance(er, HOUR, MINUTE);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_mails(er);
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	told = engine_rig_mails(er);
	if (strstr(told, "-a") == NULL)
		fail_msg("%s", told);
}

static void
unmute(struct engine_rig *er)
{
	engine_unmute(er->e, "ben", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
}

/* --- what each end does to the mail of the other ------------------------------ */

/* That it began is on its way, and stays; that it ended, and what was missed,
 * goes all the same. */
static void
test_ended_while_out(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_SLOW;
	mute(er, HOUR);
	assert_int_equal(er->nout, 1);
	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	er->far = FAR_TAKES;
	unmute(er);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
	engine_rig_answer(er, true);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "anna mute_begin Mute of alerts: storm\n");
}

/* That it began has not left yet: nobody needs to hear that any more. */
static void
test_ended_while_queued(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	mute(er, HOUR);
	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	unmute(er);
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
}

/* What was missed waits to leave, and the next mute does not take it back. */
static void
test_begun_while_queued(void **state)
{
	struct engine_rig *er = *state;

	mute(er, HOUR);
	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	engine_rig_mails(er);
	er->far = FAR_DOWN;
	unmute(er);
	engine_rig_advance(er, SECOND, SECOND);
	mute(er, HOUR);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 30 * MINUTE, MINUTE);
	assert_told(er, "anna mute_begin Mute of alerts: storm\n"
			"anna mute_end Mute of alerts: -a storm\n");
}

/* Both are asked for in one moment: each is answered as if it was alone. */
static void
test_at_once(void **state)
{
	struct engine_rig *er = *state;
	int64_t now = clock_wall_ms(er->rig.clock);
	struct engine_status st;

	engine_mute(er->e, now + HOUR, "storm", "anna", engine_rig_answered,
		    er);
	er->result = 1;
	engine_unmute(er->e, "ben", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->answers, 2);
	assert_int_equal(er->result, 0);
	engine_status(er->e, &st);
	assert_int_equal(st.muted_until_ms, 0);
	assert_non_null(strstr(engine_rig_mails(er), "anna mute_end"));
}

/* It is prolonged in the moment in which it would end: it goes on. */
static void
test_prolonged(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;
	int64_t now;

	mute(er, HOUR);
	engine_rig_mails(er);
	clock_advance(er->rig.clock, HOUR);
	now = clock_wall_ms(er->rig.clock);
	engine_mute(er->e, now + HOUR, "storm", "anna", engine_rig_answered,
		    er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	engine_status(er->e, &st);
	assert_int_equal(st.muted_until_ms, now + HOUR);
	assert_null(strstr(engine_rig_mails(er), "mute_end"));
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: storm\n");
}

/* --- who was missed ------------------------------------------------------------- */

/* It began before the mute, which took its mail back, and is over in it. */
static void
test_taken_back(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	mute(er, HOUR);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	assert_told(er, "anna mute_begin Mute of alerts: storm\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
}

/* One that was no longer reported is missed, too. */
static void
test_stale(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.source = "alertmanager", .labels = A};

	engine_rig_advance(er, HOUR, HOUR);
	mute(er, HOUR);
	engine_rig_mails(er);
	a.ends_ms = clock_wall_ms(er->rig.clock) + 5 * MINUTE;
	engine_rig_take(er, &a, 1);
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: ~a storm\n");
}

#define OTHER(more)                                                            \
	"mail: [anna@example.org]\n"                                           \
	"receivers:\n- {name: boss, mail: [boss@example.org]}\n" more          \
	"route: {receiver: default, routes: "                                  \
	"[{matchers: ['alertname=Load'], receiver: boss}]}\n"
#define NEWCOMER "- {name: boss2, mail: [new@example.org]}\n"

/* A receiver that came with a reload meanwhile hears of what it missed. */
static void
test_reload(void **state)
{
	struct engine_rig *er = *state;

	mute(er, HOUR);
	engine_rig_mails(er);
	engine_rig_rules(er, OTHER(NEWCOMER));
	engine_rig_fire(er, C);
	engine_rig_resolve(er, C);
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: storm\n"
			"boss mute_end Mute of alerts: -c storm\n");
}

#define MANY 2500

/* It ends while nobody is there, with more than a job routes. */
static void
test_restart_many(void **state)
{
	struct engine_rig *er = *state;
	char labels[64];

	mute(er, HOUR);
	for (int i = 0; i < MANY; i++) {
		struct engine_alert v[2] = {{.labels = labels},
					    {.labels = labels}};

		v[1].resolved = true;
		snprintf(labels, sizeof(labels), "alertname=N host=h%d", i);
		engine_rig_take(er, v, 2);
	}
	engine_rig_mails(er);
	engine_rig_close(er);
	clock_advance(er->rig.clock, 2 * HOUR);
	engine_rig_open(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "(0 2500 0)"));
}

/* The clock is set back: it lasts as long as was said, and nothing is missed. */
static void
test_clock_back(void **state)
{
	struct engine_rig *er = *state;

	mute(er, HOUR);
	engine_rig_mails(er);
	clock_jump(er->rig.clock, -3 * HOUR);
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 50 * MINUTE, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 15 * MINUTE, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
}

/* --- when it can't be said -------------------------------------------------------- */

/* It could not be written: in a minute. */
static void
test_unwritten(void **state)
{
	struct engine_rig *er = *state;

	mute(er, HOUR);
	engine_rig_mails(er);
	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	er->unwritten = "anna@example.org";
	er->unwritten_why = -EIO;
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "");
	er->unwritten = NULL;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* It never can be for one of them: that keeps nobody else waiting. */
static void
test_too_long(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\nmail: [anna@example.org, "
			     "ben@example.org]\n");
	mute(er, HOUR);
	engine_rig_mails(er);
	er->unwritten = "ben@example.org";
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "anna mute_end Mute of alerts: storm\n");
	assert_int_equal(rig_logged(&er->rig, "event=alert_failed"), 1);
}

#define RATED                                                                  \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: ops, mail: [anna@example.org],\n"                            \
	"   rate: {limit: 1/10m, burst: 1, digest: 5m}}\n"                     \
	"route: {receiver: ops, group_by: [host]}\n"
#define MUTE_END "anna mute_end Mute of alerts: (1 0 0) storm\n"
#define UNRATED  "own: []\nmail: [anna@example.org]\n"

static const struct {
	const char *name, *yaml;
	int64_t muted_at_ms; /* after it ended */
	bool restart;
	const char *after; /* what is told after the mute */
} unsaid_rows[] = {
	{"held back by the rate", RATED, 30 * SECOND, false,
	 "anna digest Disk: -a\nanna more Load: +c\n" MUTE_END},
	{"held back, and a start", RATED, 30 * SECOND, true,
	 "anna digest Disk: -a\nanna more Load: +c\n" MUTE_END},
	{"held back, and it has lasted", RATED, 150 * SECOND, false,
	 "anna digest Disk: -a\nanna more Load: +c\n" MUTE_END},
	{"in the queue", UNRATED, 30 * SECOND, false,
	 "anna digest Load: +c -a\n" MUTE_END},
	{"in the queue, and a start", UNRATED, 30 * SECOND, true,
	 "anna digest Load: +c -a\n" MUTE_END},
};

/* What came and went before the mute, and nobody had heard of by then, is told
 * after it. */
static void
test_unsaid(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unsaid_rows) / sizeof(unsaid_rows[0]);
	     i++) {
		struct engine_rig er;

		print_message("%s\n", unsaid_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, unsaid_rows[i].yaml);
		engine_rig_fire(&er, C);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		assert_told(&er, "anna firing Load: +c\n");
		er.far = FAR_DOWN;
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, unsaid_rows[i].muted_at_ms, SECOND);
		mute(&er, HOUR);
		engine_rig_advance(&er, 5 * MINUTE, SECOND);
		er.far = FAR_TAKES;
		if (unsaid_rows[i].restart) {
			engine_rig_close(&er);
			engine_rig_open(&er);
		}
		engine_rig_advance(&er, 54 * MINUTE, 10 * SECOND);
		assert_told(&er, "anna mute_begin Mute of alerts: storm\n");
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		/* C is as new. */
		assert_told(&er, unsaid_rows[i].after);
		engine_rig_done(&er);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_mute),
		ENGINE_TEST(test_mute_restart),
		ENGINE_TEST(test_unmute),
		ENGINE_TEST(test_mute_recovery),
		ENGINE_TEST(test_mute_digest_restart),
		cmocka_unit_test(test_unsaid),
		ENGINE_TEST(test_ended_while_out),
		ENGINE_TEST(test_ended_while_queued),
		ENGINE_TEST(test_begun_while_queued),
		ENGINE_TEST(test_at_once),
		ENGINE_TEST(test_prolonged),
		ENGINE_TEST(test_taken_back),
		ENGINE_TEST(test_stale),
		ENGINE_TEST(test_reload),
		ENGINE_TEST(test_restart_many),
		ENGINE_TEST(test_clock_back),
		ENGINE_TEST(test_unwritten),
		ENGINE_TEST(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
