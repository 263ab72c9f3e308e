/*
 * How many attempts a destination gets: rates, and windows that narrow.
 */
#include "queue/queue_impl.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

static void
set_rate(struct rig *rig, int64_t n, int64_t period_ms)
{
	rig->conf.destination.rate =
		(struct conf_rate){.n = n, .period_ms = period_ms};
	queue_set_conf(rig->q, &rig->conf);
}

static void
post(struct rig *rig, int n, const struct rig_mail *mail)
{
	for (int i = 0; i < n; i++)
		rig_post(rig, mail);
	rig_settle(rig);
}

static void
answer_all(struct rig *rig, enum attempt_outcome outcome)
{
	for (size_t n = rig->nout; n > 0; n--)
		rig_answer(rig, 0, outcome, 250);
	rig_settle(rig);
}

/* --- rates --------------------------------------------------------------- */

static void
test_a_rate(void **state)
{
	struct rig *rig = *state;
	int64_t began = clock_wall_ms(rig->clock);
	struct queue_message_info *mi;

	set_rate(rig, 3, MINUTE);
	post(rig, 10, RIG_MAIL(.dest = "slow"));
	assert_int_equal(rig->nout, 3);
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_stats(rig)->v[0].rate_until_ms, began + MINUTE);
	/* Whoever waits for it was not tried. */
	mi = rig_show(rig, rig->id);
	assert_int_equal(mi->rcpt[0].state, QUEUE_RCPT_READY);
	assert_int_equal(mi->rcpt[0].tries, 0);
	/* Nobody else waits. */
	post(rig, 2, RIG_MAIL(.dest = "other"));
	assert_int_equal(rig->nout, 2);
	answer_all(rig, ATTEMPT_DONE);
	rig_advance(rig, MINUTE - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 3);
	answer_all(rig, ATTEMPT_DONE);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 3);
	answer_all(rig, ATTEMPT_DONE);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	rig_deliver_rest(rig);
}

/* No turn of the store thread but for what happens. */
static void
test_who_waits_is_idle(void **state)
{
	struct rig *rig = *state;
	struct dest *d;

	set_rate(rig, 1, MINUTE);
	post(rig, 3, RIG_MAIL(.dest = "slow"));
	answer_all(rig, ATTEMPT_DONE);
	d = dest_find(&rig->q->dests, queue_dest_key("test", "slow"));
	assert_int_equal(d->list, DEST_WAITING);
	assert_int_equal(d->until_mono_ms, MINUTE);
	post(rig, 1, RIG_MAIL(.dest = "slow"));
	assert_int_equal(d->list, DEST_WAITING);
	assert_int_equal(rig->nout, 0);
}

/* Those whose time comes first are woken first, whenever they began to wait. */
static void
test_several_wait(void **state)
{
	static const char *const dests[] = {"a", "b", "c"};
	struct rig *rig = *state;

	set_rate(rig, 2, MINUTE);
	for (size_t i = 0; i < 3; i++) {
		post(rig, 1, RIG_MAIL(.dest = dests[i]));
		answer_all(rig, ATTEMPT_DONE);
		rig_advance(rig, 10000);
	}
	for (size_t i = 3; i-- > 0;) {
		post(rig, 2, RIG_MAIL(.dest = dests[i]));
		assert_int_equal(rig->nout, 1);
		answer_all(rig, ATTEMPT_DONE);
		assert_int_equal(rig->nout, 0);
		rig_advance(rig, 10000);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rig->nout, 1);
		assert_string_equal(rig->out[0]->dest, dests[i]);
		answer_all(rig, ATTEMPT_DONE);
		assert_int_equal(rig->nout, 0);
		rig_advance(rig, 10000);
	}
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_what_was_not_tried_is_not_counted(void **state)
{
	struct rig *rig = *state;

	set_rate(rig, 2, MINUTE);
	post(rig, 3, RIG_MAIL(.dest = "slow"));
	assert_int_equal(rig->nout, 2);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_UNKNOWN, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 2);
	/* What was refused was sent. */
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
}

static void
test_recipients_of_several_transactions(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.recipients_per_message = 4;
	set_rate(rig, 2, MINUTE);
	post(rig, 1, RIG_MAIL(.nrcpt = 10));
	assert_int_equal(rig->nout, 2);
	assert_int_equal(rig->out[0]->nrcpt + rig->out[1]->nrcpt, 8);
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->out[0]->nrcpt, 2);
	rig_deliver_rest(rig);
}

/* They have as much again for themselves, and the others pay it back. */
static void
test_alerts_do_not_wait_for_others(void **state)
{
	struct rig *rig = *state;

	set_rate(rig, 2, MINUTE);
	post(rig, 4, RIG_MAIL(.dest = "slow"));
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 30000);
	post(rig, 3, RIG_MAIL(.dest = "slow", .alert = true));
	assert_int_equal(rig->nout, 2);
	assert_int_equal(rig->out[0]->class, QUEUE_ALERT);
	assert_int_equal(rig->out[1]->class, QUEUE_ALERT);
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->out[0]->class, QUEUE_ALERT);
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->out[0]->class, QUEUE_NORMAL);
}

static void
test_alerts_wait_while_mail_is_paused(void **state)
{
	struct rig *rig = *state;

	set_rate(rig, 1, MINUTE);
	assert_int_equal(rig_pause(rig, false, 0), 0);
	post(rig, 3, RIG_MAIL(.dest = "slow", .alert = true));
	assert_int_equal(rig->nout, 2);
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	rig_deliver_rest(rig);
}

static void
test_another_rate_holds_at_once(void **state)
{
	struct rig *rig = *state;

	set_rate(rig, 1, HOUR);
	post(rig, 9, RIG_MAIL(.dest = "slow"));
	assert_int_equal(rig->nout, 1);
	set_rate(rig, 3, HOUR);
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	set_rate(rig, 0, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 9);
	rig_deliver_rest(rig);
}

static void
test_an_agent_without_a_rate(void **state)
{
	struct rig *rig = *state;

	rig_close(rig);
	rig->conf.destination.rate =
		(struct conf_rate){.n = 1, .period_ms = HOUR};
	rig_open(rig);
	queue_unrated_agent(rig->q, "test");
	rig_start(rig);
	post(rig, 5, RIG_MAIL(.dest = "here"));
	assert_int_equal(rig->nout, 5);
	assert_int_equal(rig_stats(rig)->v[0].rate_until_ms, 0);
	rig_deliver_rest(rig);
}

/* Down by three drops, each of which was sent. */
static void
test_a_probe_keeps_to_the_rate(void **state)
{
	struct rig *rig = *state;

	set_rate(rig, 3, HOUR);
	post(rig, 5, RIG_MAIL(.dest = "slow"));
	for (int i = 0; i < 3; i++) {
		rig_answer_dest(rig, 0, ATTEMPT_LATER, ATTEMPT_DEST_DROPPED,
				421);
		rig_settle(rig);
	}
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
	rig_advance(rig, HOUR - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->probe);
	/* It got nowhere: the next one can. */
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_advance(rig, HOUR);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 2);
}

/* --- windows ------------------------------------------------------------- */

static void
fail_one(struct rig *rig)
{
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
}

/* N of EIGHT connections fail at once while the others are at work. */
static void
eight_and_fail(struct rig *rig, int n)
{
	rig->conf.destination.connections = 8;
	queue_set_conf(rig->q, &rig->conf);
	post(rig, 60, RIG_MAIL(.dest = "hop"));
	assert_int_equal(rig->nout, 8);
	attempt_reached(rig->out[7]);
	for (int i = 0; i < n; i++)
		fail_one(rig);
	rig_settle(rig);
}

static void
test_a_window_halves_once_for_one_failure(void **state)
{
	struct rig *rig = *state;

	eight_and_fail(rig, 3);
	assert_int_equal(rig_logged(rig, "destination_down"), 0);
	assert_int_equal(rig_logged(rig, "destination_narrow"), 1);
	assert_int_equal(rig_stats(rig)->v[0].window, 4);
	assert_false(rig_stats(rig)->v[0].down);
	assert_int_equal(rig->nout, 5); /* more than four, from before */
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 4);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 4);
	/* One from before, and one that was given since. */
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->v[0].window, 4);
	assert_int_equal(rig->nout, 4);
	rig_answer_dest(rig, 3, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->v[0].window, 2);
	assert_int_equal(rig_logged(rig, "destination_narrow"), 1);
}

static void
test_a_window_grows_on_success(void **state)
{
	struct rig *rig = *state;
	size_t given;

	eight_and_fail(rig, 4);
	assert_int_equal(rig->nout, 4);
	for (size_t window = 4; window < 8; window++) {
		for (size_t i = 0; i < window; i++) {
			assert_int_equal(rig_stats(rig)->v[0].window, window);
			assert_int_equal(rig->nout, window);
			rig_answer(rig, 0, ATTEMPT_DONE, 250);
			rig_settle(rig);
		}
	}
	assert_int_equal(rig_stats(rig)->v[0].window, 8);
	assert_int_equal(rig->nout, 8);
	given = rig->given;
	answer_all(rig, ATTEMPT_DONE);
	assert_int_equal(rig->given - given, 8);
}

/* The last one: then it is down, as one that never worked. */
static void
test_a_window_of_one_fails(void **state)
{
	static const uint32_t windows[] = {4, 4, 2};
	struct rig *rig = *state;

	eight_and_fail(rig, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rig_stats(rig)->v[0].window, windows[i]);
		assert_int_equal(rig->nout, windows[i]);
		while (i < 2 && rig->nout > 0)
			fail_one(rig);
		rig_settle(rig);
	}
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->v[0].window, 1);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig_logged(rig, "destination_down"), 0);
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->probe);
}

static void
test_a_whole_failure_is_one_at_once(void **state)
{
	struct rig *rig = *state;

	/* Nobody else was out. */
	post(rig, 1, RIG_MAIL(.dest = "hop"));
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	post(rig, 1, RIG_MAIL(.dest = "hop"));
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
	assert_int_equal(rig_logged(rig, "destination_narrow"), 0);
}

/* Two are out. One is over when the other fails, and it worked: its result is
 * written already, or not. */
static void
test_the_other_worked_meanwhile(void **state)
{
	struct rig *rig = *state;

	for (int written = 0; written < 2; written++) {
		post(rig, 2, RIG_MAIL(.dest = written ? "one" : "two"));
		assert_int_equal(rig->nout, 2);
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		if (written)
			rig_settle(rig);
		fail_one(rig);
		rig_settle(rig);
		assert_int_equal(rig_logged(rig, "destination_down"), written);
		assert_int_equal(rig_logged(rig, "destination_narrow"),
				 written + 1);
		/* It is given again, and nobody has worked since. */
		assert_int_equal(rig->nout, 1);
		fail_one(rig);
		rig_settle(rig);
		assert_int_equal(rig_logged(rig, "destination_down"),
				 written + 1);
		assert_int_equal(rig->nout, 0);
	}
}

static void
test_the_other_was_there_meanwhile(void **state)
{
	struct rig *rig = *state;

	post(rig, 2, RIG_MAIL(.dest = "hop"));
	attempt_reached(rig->out[0]);
	rig_answer_dest(rig, 0, ATTEMPT_LATER, ATTEMPT_DEST_DROPPED, 421);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 0);
	assert_int_equal(rig_logged(rig, "destination_narrow"), 1);
}

static void
test_what_worked_long_ago_is_no_news(void **state)
{
	struct rig *rig = *state;

	post(rig, 3, RIG_MAIL(.dest = "hop"));
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 2);
	fail_one(rig);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
}

/* After a whole failure half of it; a probe that fails doesn't halve it. */
static void
test_a_window_after_a_failure(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.connections = 8;
	queue_set_conf(rig->q, &rig->conf);
	post(rig, 30, RIG_MAIL(.dest = "hop"));
	while (rig->nout > 0)
		fail_one(rig);
	rig_advance(rig, MINUTE);
	fail_one(rig);
	rig_advance(rig, 2 * MINUTE);
	attempt_reached(rig->out[0]);
	rig_settle(rig);
	assert_int_equal(rig->nout, 4);
}

/* What is out may hang for minutes. */
static void
test_a_narrow_window_that_hangs(void **state)
{
	struct rig *rig = *state;

	eight_and_fail(rig, 2);
	assert_int_equal(rig->nout, 6);
	rig_advance(rig, 29999);
	assert_int_equal(rig->nout, 6);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 7);
	rig_advance(rig, 29999);
	assert_int_equal(rig->nout, 7);
	/* It fails: nobody has worked for long. */
	rig_answer_dest(rig, 6, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
}

/* Large mail goes slowly: nothing is over, and nothing hangs. */
static void
test_a_narrow_window_that_is_busy(void **state)
{
	struct rig *rig = *state;

	eight_and_fail(rig, 4);
	assert_int_equal(rig->nout, 4);
	for (int i = 0; i < 4; i++) {
		rig_advance(rig, 20000);
		assert_int_equal(rig->nout, 4);
		attempt_heard(rig->out[0]);
	}
	rig_advance(rig, 29999);
	assert_int_equal(rig->nout, 4);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 5);
	/* The others do work: the one more was too many. */
	attempt_heard(rig->out[0]);
	rig_answer_dest(rig, 4, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "destination_down"), 0);
	assert_int_equal(rig_stats(rig)->v[0].window, 2);
}

static void
test_an_alert_and_a_narrow_window(void **state)
{
	struct rig *rig = *state;

	eight_and_fail(rig, 4);
	assert_int_equal(rig->nout, 4);
	post(rig, 2, RIG_MAIL(.dest = "hop", .alert = true));
	assert_int_equal(rig->nout, 5);
	assert_int_equal(rig->out[4]->class, QUEUE_ALERT);
}

/* --- it says when -------------------------------------------------------- */

static void
ask(struct rig *rig, size_t at, int64_t after_ms)
{
	rig->out[at]->dest_not_before_ms = clock_wall_ms(rig->clock) + after_ms;
	rig_answer_dest(rig, at, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 429);
	rig_settle(rig);
}

/* Neither others that work nor an alert change what it asked for; also after a
 * restart. */
static void
test_a_destination_asks_to_be_left_alone(void **state)
{
	struct rig *rig = *state;

	post(rig, 3, RIG_MAIL(.dest = "hop"));
	attempt_reached(rig->out[2]);
	ask(rig, 0, 20 * MINUTE);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	post(rig, 1, RIG_MAIL(.dest = "hop", .alert = true));
	assert_int_equal(rig->nout, 0);
	rig_close(rig);
	rig_open(rig);
	rig_start(rig);
	rig_advance(rig, 20 * MINUTE - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	/* The next failure asks for nothing: the usual pace. */
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 1);
	ask(rig, 0, 20 * MINUTE);
	/* Unless the operator wants to know. */
	assert_int_equal(rig_act(rig, QUEUE_FLUSH, rig->id), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	/* More than a day is no answer. */
	ask(rig, 0, 2 * DAY);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 1);
	ask(rig, 0, -MINUTE);
	rig_advance(rig, 30000);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_deliver_rest(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_a_rate),
		RIG_TEST(test_who_waits_is_idle),
		RIG_TEST(test_several_wait),
		RIG_TEST(test_what_was_not_tried_is_not_counted),
		RIG_TEST(test_recipients_of_several_transactions),
		RIG_TEST(test_alerts_do_not_wait_for_others),
		RIG_TEST(test_alerts_wait_while_mail_is_paused),
		RIG_TEST(test_another_rate_holds_at_once),
		RIG_TEST(test_an_agent_without_a_rate),
		RIG_TEST(test_a_probe_keeps_to_the_rate),
		RIG_TEST(test_a_window_halves_once_for_one_failure),
		RIG_TEST(test_a_window_grows_on_success),
		RIG_TEST(test_a_window_of_one_fails),
		RIG_TEST(test_a_whole_failure_is_one_at_once),
		RIG_TEST(test_the_other_worked_meanwhile),
		RIG_TEST(test_the_other_was_there_meanwhile),
		RIG_TEST(test_what_worked_long_ago_is_no_news),
		RIG_TEST(test_a_window_after_a_failure),
		RIG_TEST(test_a_narrow_window_that_hangs),
		RIG_TEST(test_a_narrow_window_that_is_busy),
		RIG_TEST(test_an_alert_and_a_narrow_window),
		RIG_TEST(test_a_destination_asks_to_be_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
