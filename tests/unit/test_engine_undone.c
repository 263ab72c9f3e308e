/*
 * What was about to be told and is not, since somebody else is at it or the
 * store would not take it: it is as if it had never been tried.
 */
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

/* Until the first of the groups is due. */
static void
advance_to_due(struct engine_rig *er)
{
	int64_t now = clock_wall_ms(er->rig.clock);
	int64_t when = due_heap_first(&er->e->group_dues)->when_ms;

	assert_true(when >= now);
	clock_advance(er->rig.clock, when - now);
}

static struct notice *
notice_to(struct engine_rig *er, const char *address)
{
	struct alert_group *g = er->e->groups;

	for (uint32_t i = 0; i < g->nnotices; i++)
		if (strcmp(g->notices[i]->address, address) == 0)
			return g->notices[i];
	fail_msg("nobody is told at %s", address);
	return NULL;
}

/* --- who is told by several ------------------------------------------------------- */

#define SHARED                                                                 \
	"own: []\nreceivers:\n"                                                \
	"- {name: one, mail: [anna@example.org], "                             \
	"rate: {limit: 2/1d, burst: 2, digest: 30m}}\n"                        \
	"- {name: two, mail: [anna@example.org]}\n"                            \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: one, routes: [{matchers: ['alertname=Load'], "      \
	"receiver: two, escalate: [{after: 10m, receiver: boss}]}]}\n"

/* Their mail is out, so it can't be taken back while the other group has its next
 * step: the rate has room for the news as before. */
static void
test_cancelled(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, SHARED);
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 10 * MINUTE + SECOND, SECOND);
	assert_int_equal(er->written, 1);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 25 * SECOND, SECOND);
	for (size_t i = 1; i <= 2; i++) {
		advance_to_due(er);
		engine_turn(er->e);
		assert_int_equal(er->e->nflushes, i);
	}
	engine_rig_settle(er);
	assert_int_equal(er->written, 2);
	/* It comes back when no turn of the queue meets one of the engine. */
	engine_rig_advance(er, 3 * SECOND, SECOND);
	er->far = FAR_DOWN;
	engine_rig_fail(er);
	engine_rig_advance(er, 17 * SECOND, SECOND);
	assert_told(er, "boss escalation Load: +c\n");
	er->far = FAR_TAKES;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk and 2 more: +a +b +c\n");
}

#define TWICE                                                                  \
	"own: []\nreceivers:\n"                                                \
	"- {name: one, mail: [anna@example.org]}\n"                            \
	"- {name: two, mail: [anna@example.org, ben@example.org]}\n"           \
	"route: {receiver: one, routes: [{matchers: ['alertname=Load'], "      \
	"receiver: two}]}\n"

/* Her mail of the one group is out, so that of both waits for it; and who goes on
 * after a kill tells her of the other one, too. */
static void
test_killed(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, TWICE);
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 5 * MINUTE, SECOND);
	engine_rig_fire(er, B);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 32 * SECOND, SECOND);
	assert_told(er, "ben firing Load: +c\n");
	engine_rig_close(er);
	er->yaml = TWICE;
	er->far = FAR_TAKES;
	engine_rig_open(er);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n"
			"anna firing Load: +c\nanna more Disk: +b a\n");
}

/* --- a digest --------------------------------------------------------------------- */

/* It can't be written, and its group is looked at before the next try. */
static void
test_digest(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\nreceivers:\n"
			     "- {name: ops, mail: [anna@example.org], "
			     "rate: {limit: 1/1d, burst: 1, digest: 30m}}\n"
			     "route: {receiver: ops, group_by: [host]}\n");
	engine_rig_fire(er, C);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Load: +c\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * MINUTE, SECOND);
	er->unwritten = "anna@example.org";
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_int_equal(er->written, 2);
	er->unwritten = NULL;
	engine_look_all(er->e);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna digest Disk: +a\n");
}

/* --- an address that is left alone -------------------------------------------------- */

#define TWO                                                                    \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org, ben@example.org]}\n"           \
	"route: {receiver: ops, repeat_interval: 30d}\n"

static void
suspend_ben(struct engine_rig *er)
{
	struct engine_status st;

	engine_rig_rules(er, TWO);
	er->far = FAR_REFUSES;
	er->dsn = "5.1.1";
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 1);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 25 * HOUR, MINUTE);
	assert_told(er, "");
}

/* The store did not take the message that probes: it is still to be sent. */
static void
test_probe(void **state)
{
	struct engine_rig *er = *state;

	suspend_ben(er);
	engine_rig_fire(er, B);
	advance_to_due(er);
	er->e->groups->version++;
	engine_rig_settle(er);
	assert_told(er, "");
	er->e->groups->version--;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\nben firing Disk: +a +b\n");
}

/* That it works again is written once the store takes it. */
static void
test_works(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;
	struct notice *ben;

	suspend_ben(er);
	er->far = FAR_SLOW;
	engine_rig_fire(er, B);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_int_equal(er->nout, 1);
	er->far = FAR_TAKES;
	ben = notice_to(er, "ben@example.org");
	ben->version++;
	engine_rig_answer(er, true);
	ben->version--;
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_int_equal(ben->c.message, 0);
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 0);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_cancelled), ENGINE_TEST(test_killed),
		ENGINE_TEST(test_digest),    ENGINE_TEST(test_probe),
		ENGINE_TEST(test_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
