/*
 * The machine's clock was ahead, mail was put off by it, and it is set right.
 */
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

#define AHEAD (12 * HOUR)

static void
ahead(struct rig *rig)
{
	clock_jump(rig->clock, AHEAD);
	rig_settle(rig);
}

static void
right(struct rig *rig)
{
	clock_jump(rig->clock, -AHEAD);
	rig_settle(rig);
}

/* More of them than one job takes; their ages end among what was put off. */
static void
test_deferred_mail_does_not_wait(void **state)
{
	struct rig *rig = *state;

	rig->conf.lifetime_ms = 30 * MINUTE;
	rig->conf.destination.connections = 300;
	queue_set_conf(rig->q, &rig->conf);
	ahead(rig);
	for (int i = 0; i < 150; i++)
		rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	while (rig->nout > 0)
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig->agent = rig_deliver;
	right(rig);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig_logged(rig, "status=delivered"), 150);
	assert_int_equal(rig->ntold, 0);
}

/* What is not further away than its back-off waits as it would have. */
static void
test_what_is_near_waits(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	clock_jump(rig->clock, -30 * 1000);
	rig_settle(rig);
	assert_int_equal(rig->given, 1);
	rig_advance(rig, 2 * MINUTE);
	assert_int_equal(rig->given, 2);
}

static void
test_a_dead_destination_is_probed(void **state)
{
	struct rig *rig = *state;

	ahead(rig);
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 451);
	rig_settle(rig);
	right(rig);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	rig_deliver_rest(rig);
}

/* A report that could not be made yet. */
static void
test_a_report_does_not_wait(void **state)
{
	struct rig *rig = *state;

	ahead(rig);
	rig->tell_busy = 1;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 0);
	right(rig);
	rig_advance(rig, 2 * MINUTE);
	assert_int_equal(rig->ntold, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_deferred_mail_does_not_wait),
		RIG_TEST(test_what_is_near_waits),
		RIG_TEST(test_a_dead_destination_is_probed),
		RIG_TEST(test_a_report_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
