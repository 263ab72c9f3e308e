/*
 * What the operator does with a message: hold, release, flush, requeue, remove;
 * and with all of them: pause and resume.
 */
#include <errno.h>

#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

static void
test_hold_and_release(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig->conf.destination.recipients_per_message = 1;
	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	rig_send(rig, RIG_MAIL(.nrcpt = 2));
	id = rig->id;
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, id), -EBUSY);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, id), 0);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, id), -EALREADY);
	assert_true(rig_show(rig, id)->held);
	assert_int_equal(rig_act(rig, QUEUE_FLUSH, id), -EPERM);
	assert_int_equal(rig_act(rig, QUEUE_REQUEUE, id), -EPERM);
	/* One is off its place at once, the one that is out with its result. */
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_HELD][QUEUE_NORMAL], 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_HELD][QUEUE_NORMAL], 2);
	rig_advance(rig, 20 * DAY);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_act(rig, QUEUE_RELEASE, id), 0);
	assert_int_equal(rig_act(rig, QUEUE_RELEASE, id), -EALREADY);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_deliver_rest(rig);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, id), -ENOENT);
}

/* Held while it was out, and the result was lost: held all the same. */
static void
test_held_and_killed(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig_send(rig, RIG_MAIL(.nrcpt = 3));
	id = rig->id;
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, id), 0);
	rig_close(rig);
	rig_open(rig);
	rig_start(rig);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_HELD][QUEUE_NORMAL], 3);
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_READY][QUEUE_NORMAL], 0);
	assert_int_equal(rig_act(rig, QUEUE_RELEASE, id), 0);
	rig_settle(rig);
	rig_deliver_rest(rig);
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig_logged(rig, "status=delivered"), 3);
}

static void
test_flush_requeue_remove(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	id = rig->id;
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_act(rig, QUEUE_FLUSH, id), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_act(rig, QUEUE_REQUEUE, id), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, id), 0);
	assert_null(rig_show(rig, id));
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, id), -ENOENT);
	rig_advance(rig, DAY);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_pause_and_resume(void **state)
{
	struct rig *rig = *state;
	struct queue_paused p;

	assert_int_equal(rig_pause(rig, false, 0), 0);
	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}, .alert = true));
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->out[0]->class, QUEUE_ALERT);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig_pause(rig, true, 0), 0);
	rig_advance(rig, 20 * DAY);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig->ntold, 0);
	/* It outlives a restart. */
	rig_close(rig);
	rig_open(rig);
	rig_start(rig);
	queue_get_paused(rig->q, &p);
	assert_true(p.paused && p.alerts);
	assert_string_equal(p.reason, "a test");
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_resume(rig), 0);
	assert_int_equal(rig_resume(rig), -EALREADY);
	rig_settle(rig);
	assert_int_equal(rig->nout, 2);
	assert_int_equal(rig->ntold, 0);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	/* One with an end. */
	assert_int_equal(
		rig_pause(rig, false, clock_wall_ms(rig->clock) + HOUR), 0);
	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_advance(rig, HOUR - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	queue_get_paused(rig->q, &p);
	assert_false(p.paused);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_hold_and_release),
		RIG_TEST(test_held_and_killed),
		RIG_TEST(test_flush_requeue_remove),
		RIG_TEST(test_pause_and_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
