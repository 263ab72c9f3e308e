/*
 * Who is next: lanes, flows, windows, destinations that are down.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/queue_impl.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* SENDER's message is among the next MOST that leave, one by one. */
static void
leaves_within(struct rig *rig, const char *sender, int most)
{
	for (int i = 0; i < most; i++) {
		bool it;

		assert_true(rig->nout > 0);
		it = strcmp(rig->out[0]->sender, sender) == 0;
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
		if (it)
			return;
	}
	fail_msg("%s did not leave within %d", sender, most);
}

static size_t
backlog(void)
{
	const char *n = getenv("QUEUE_BACKLOG");

	return n != NULL ? (size_t)atol(n) : 2000;
}

static void
fill(struct rig *rig, size_t n, const struct rig_mail *mail)
{
	for (size_t i = 0; i < n; i++) {
		rig_post(rig, mail);
		if (i % 500 == 499)
			rig_settle(rig);
	}
	rig_settle(rig);
}

static void
test_one_flow_does_not_stand_before_another(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	fill(rig, backlog(), RIG_MAIL(.sender = "news@x.org", .flow = 7));
	rig_post(rig, RIG_MAIL(.sender = "reset@x.org", .flow = 3));
	rig_settle(rig);
	leaves_within(rig, "reset@x.org", 10);
	rig_post(rig, RIG_MAIL(.sender = "again@x.org", .flow = 9));
	rig_settle(rig);
	leaves_within(rig, "again@x.org", 10);
}

static void
test_deferred_do_not_delay_a_fresh_one(void **state)
{
	struct rig *rig = *state;
	size_t n = backlog();

	fill(rig, n, RIG_MAIL(.sender = "old@x.org", .flow = 7));
	for (size_t i = 0; i < n; i++) {
		while (rig->nout == 0)
			rig_settle(rig);
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
	}
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	rig_advance(rig, 2 * MINUTE);
	assert_int_equal(rig->nout, 1);
	/* The same flow, even. */
	rig_post(rig, RIG_MAIL(.sender = "fresh@x.org", .flow = 7));
	rig_settle(rig);
	leaves_within(rig, "fresh@x.org", 10);
}

static void
test_lanes_have_their_shares(void **state)
{
	struct rig *rig = *state;
	int normal = 0, bulk = 0;

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	rig_post(rig, RIG_MAIL(.sender = "first@x.org"));
	rig_settle(rig);
	for (int i = 0; i < 100; i++) {
		rig_post(rig, RIG_MAIL(.bulk = true));
		rig_post(rig, RIG_MAIL(.flow = 0));
	}
	rig_post(rig, RIG_MAIL(.sender = "alert@x.org", .alert = true));
	rig_settle(rig);
	/* An alert does not wait for the window. */
	assert_int_equal(rig->nout, 2);
	assert_string_equal(rig->out[1]->sender, "alert@x.org");
	rig_answer(rig, 1, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	for (int i = 0; i < 101; i++) {
		if (i > 0 && rig->out[0]->class == QUEUE_BULK)
			bulk++;
		else if (i > 0)
			normal++;
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
	}
	assert_int_equal(normal, 80);
	assert_int_equal(bulk, 20);
}

static void
test_windows(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.connections = 3;
	rig->conf.connections = 8;
	queue_set_conf(rig->q, &rig->conf);
	for (int i = 0; i < 10; i++) {
		rig_post(rig, RIG_MAIL(.dest = "one"));
		rig_post(rig, RIG_MAIL(.dest = "two"));
		rig_post(rig, RIG_MAIL(.dest = "three"));
	}
	rig_settle(rig);
	/* A quarter of eight is kept for alerts. */
	assert_int_equal(rig->nout, 6);
	for (int i = 0; i < 4; i++)
		rig_post(rig, RIG_MAIL(.dest = "one", .alert = true));
	rig_settle(rig);
	assert_in_range(rig->nout, 7, 8);
	while (rig->given < 34) {
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
		assert_in_range(rig->nout, 0, 8);
	}
}

static void
test_neighbours_travel_together(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.recipients_per_message = 4;
	queue_set_conf(rig->q, &rig->conf);
	rig_post(rig, RIG_MAIL(.nrcpt = 10));
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	assert_int_equal(rig->out[0]->nrcpt, 4);
	assert_int_equal(rig->out[1]->nrcpt, 4);
	assert_int_equal(rig->out[2]->nrcpt, 2);
	assert_string_equal(rig->out[1]->rcpt[0].address, "r4@x.org");
	rig_deliver_rest(rig);
}

static void
test_an_agent_that_takes_one_at_a_time(void **state)
{
	struct rig *rig = *state;

	rig_close(rig);
	rig_open(rig);
	queue_limit_agent(rig->q, "test", 1);
	rig_start(rig);
	rig_post(rig, RIG_MAIL(.nrcpt = 3));
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rig->out[i]->nrcpt, 1);
	assert_string_equal(rig->out[2]->rcpt[0].address, "r2@x.org");
	rig_deliver_rest(rig);
}

static void
check_backs_off(struct rig *rig, bool alert, const int64_t *wait, size_t n)
{
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .alert = alert)), 0);
	rig_settle(rig);
	for (size_t i = 0; i < n; i++) {
		struct queue_rcpt_info *info;

		assert_int_equal(rig->nout, 1);
		assert_int_equal(rig->out[0]->rcpt[0].tries, i);
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_advance(rig, wait[i] * MINUTE - 1);
		assert_int_equal(rig->nout, 0);
		info = rig_show(rig, rig->id)->rcpt;
		assert_int_equal(info->state, QUEUE_RCPT_DEFERRED);
		assert_int_equal(info->tries, i + 1);
		assert_string_equal(info->last_reply, "450 said so");
		rig_advance(rig, 1);
	}
	rig_deliver_rest(rig);
}

/* Whoever could not be paged for half an hour is not paged an hour later. */
static void
test_retry_backs_off(void **state)
{
	static const int64_t mail[] = {1, 2, 4, 8, 16, 32, 60, 60};
	static const int64_t alert[] = {1, 2, 2, 2, 2, 2, 2, 2};

	check_backs_off(*state, false, mail, 8);
	check_backs_off(*state, true, alert, 8);
}

/* Down: one probe at a time, each time another message; up: all drain. */
static void
test_a_destination_fails_and_returns(void **state)
{
	struct rig *rig = *state;
	uint64_t first;

	for (int i = 0; i < 5; i++)
		rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	assert_int_equal(rig->nout, 5);
	for (int i = 0; i < 5; i++)
		rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED,
				421);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
	rig_advance(rig, MINUTE - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->probe);
	first = rig->out[0]->id;
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_advance(rig, 2 * MINUTE - 1);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->id != first);
	/* A failed probe is a try of all that waits. */
	assert_int_equal(rig_show(rig, rig->id)->rcpt[0].tries, 2);
	assert_string_equal(rig_show(rig, rig->id)->rcpt[0].last_reply,
			    "421 no connection");
	assert_true(rig_stats(rig)->v[0].down);
	assert_int_equal(rig_stats(rig)->v[0].fails, 2);
	attempt_reached(rig->out[0]);
	rig_settle(rig);
	assert_int_equal(rig->nout, 5);
	assert_int_equal(rig_logged(rig, "destination_up"), 1);
	rig_deliver_rest(rig);
}

static void
test_a_probe_without_reached_is_enough(void **state)
{
	struct rig *rig = *state;

	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 1);
	/* Learnt nothing: soon again. */
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_UNKNOWN, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 5000);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_false(rig->out[0]->probe);
}

static void
test_three_drops_are_the_destinations(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	for (int i = 0; i < 5; i++)
		rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig->nout, 1);
		rig_answer_dest(rig, 0, ATTEMPT_LATER, ATTEMPT_DEST_DROPPED,
				421);
		rig_settle(rig);
	}
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_logged(rig, "destination_down"), 1);
}

/* In so much time, all in vain. */
static int
count_probes(struct rig *rig, int64_t ms)
{
	int n = 0;

	for (; ms > 0; ms -= 5000) {
		rig_advance(rig, 5000);
		if (rig->nout == 0)
			continue;
		n++;
		rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED,
				421);
		rig_settle(rig);
	}
	return n;
}

static void
test_alerts_have_a_dead_destination_probed(void **state)
{
	struct rig *rig = *state;

	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	rig_post(rig, RIG_MAIL(.alert = true, .to = {"c@x.org"}));
	rig_settle(rig);
	assert_in_range(count_probes(rig, 15 * MINUTE), 170, 180);
	assert_in_range(count_probes(rig, 15 * MINUTE), 28, 32);
}

/* However far the next probe is, and however long it has been dead. */
static void
an_alert_comes(struct rig *rig, int64_t down_ms, int64_t left_ms)
{
	int64_t probe;

	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	(void)count_probes(rig, down_ms);
	probe = rig_stats(rig)->v[0].not_before_ms;
	rig_advance(rig, probe - left_ms - clock_wall_ms(rig->clock));
	assert_int_equal(rig->nout, 0);
	rig_post(rig, RIG_MAIL(.alert = true, .to = {"c@x.org"}));
	rig_settle(rig);
	rig_advance(rig, 4999);
	assert_int_equal(rig->nout, left_ms < 5000 ? 1 : 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->probe);
	assert_int_equal(rig->out[0]->class, QUEUE_ALERT);
}

static void
test_an_alert_is_tried_within_five_seconds(void **state)
{
	static const struct {
		const char *name;
		int64_t down_ms, left_ms;
	} row[] = {
		{"far", 0, 50000},
		{"not so far", 0, 29000},
		{"near", 0, 6000},
		{"nearer than that", 0, 3000},
		{"dead for long", 30 * MINUTE, 20 * MINUTE},
		{"dead for long, not so far", 30 * MINUTE, 29000},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rig *rig = *state;

		print_message("%s\n", row[i].name);
		an_alert_comes(rig, row[i].down_ms, row[i].left_ms);
		rig_teardown(state);
		rig_setup(state);
	}
}

/* Those that hang, perhaps for minutes, don't keep the probe back; what they
 * say later is about another time. */
static void
test_a_probe_waits_for_nobody(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 5; i++)
		rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig->nout, 4);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 5);
	assert_true(rig->out[4]->probe);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_OK, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	assert_int_equal(rig_stats(rig)->v[0].fails, 1);
	attempt_reached(rig->out[2]);
	rig_settle(rig);
	assert_int_equal(rig->nout, 5);
	rig_deliver_rest(rig);
}

/* A window that is full of those that hang is full for the probe as well, but
 * for an alert's. */
static void
test_a_probe_keeps_to_the_window(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++)
		rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig->conf.destination.connections = 2;
	queue_set_conf(rig->q, &rig->conf);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->nout, 2);
	rig_post(rig, RIG_MAIL(.alert = true, .to = {"c@x.org"}));
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	assert_int_equal(rig->out[2]->class, QUEUE_ALERT);
	rig_answer(rig, 2, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->nout, 2); /* up again, and full */
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_deliver_rest(rig);
}

static void
test_moved(void **state)
{
	struct rig *rig = *state;

	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig->out[0]->rcpt[0].moved_agent = "test";
	rig->out[0]->rcpt[0].moved_dest = "elsewhere";
	rig_answer_dest(rig, 0, ATTEMPT_MOVED, ATTEMPT_DEST_UNKNOWN, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->dest, "elsewhere");
	assert_int_equal(rig->out[0]->rcpt[0].tries, 0);
	rig_deliver_rest(rig);
}

/* An agent that can only hand back gets a rest instead of a busy loop. */
static void
hand_back(struct rig *rig, struct attempt *a)
{
	(void)rig;
	attempt_result(&a);
}

static void
test_untried_without_end(void **state)
{
	struct rig *rig = *state;

	rig->agent = hand_back;
	rig_post(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	assert_in_range(rig->given, 1, 200);
	rig->agent = rig_deliver;
	rig_advance(rig, 1000);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_restart_finds_all_destinations(void **state)
{
	struct rig *rig = *state;
	char dest[16];

	rig->conf.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	for (int i = 0; i < 300; i++) {
		snprintf(dest, sizeof(dest), "hop%d", i);
		rig_post(rig, RIG_MAIL(.dest = dest, .nrcpt = 2));
	}
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	rig_close(rig);
	rig->conf.connections = 1000;
	rig->given = 0;
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig->nout, 300);
	assert_int_equal(rig_stats(rig)->messages, 300);
	assert_int_equal(rig->stats->deliveries[QUEUE_RCPT_READY][QUEUE_NORMAL],
			 600);
	assert_false(rig->stats->counting);
	assert_int_equal(rig->stats->n, 50);
	assert_int_equal(rig->stats->v[0].waiting, 2);
}

static void
stop_loop(void *arg)
{
	loop_stop(arg);
}

/* What was posted to the loop so far has run. */
static void
run_posts(struct rig *rig)
{
	struct post post;

	loop_post(rig->loop, &post, stop_loop, rig->loop);
	loop_run(rig->loop);
}

/*
 * One connection, two messages: what the first one's answer is makes room for
 * the second before it is written, unless the answer is that nothing was tried.
 */
static void
check_slot(struct rig *rig, enum attempt_outcome outcome, size_t given)
{
	struct store_gate first, second;

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	for (int i = 0; i < 2; i++)
		rig_send(rig, RIG_MAIL(.flow = (uint32_t)i));
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	store_gate_init(&first, 0);
	store_gate_init(&second, 0);
	store_gate_hold(&first, rig->q->store);
	rig_answer(rig, 0, outcome, 250);
	store_gate_queue(&second, rig->q->store);
	store_gate_open(&first);
	store_gate_reached(&second); /* in one batch with the result */
	run_posts(rig);
	assert_int_equal(rig->nout, given);
	assert_int_equal(rig_logged(rig, "status=delivered"), 0);
	store_gate_open(&second);
	rig_settle(rig);
	store_gate_done(&first);
	store_gate_done(&second);
	rig->agent = rig_deliver;
	rig_deliver_rest(rig);
}

static void
test_a_free_connection_waits_for_no_commit(void **state)
{
	check_slot(*state, ATTEMPT_DONE, 1);
}

static void
test_what_was_not_tried_keeps_its_slot(void **state)
{
	check_slot(*state, ATTEMPT_UNTRIED, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_one_flow_does_not_stand_before_another),
		RIG_TEST(test_deferred_do_not_delay_a_fresh_one),
		RIG_TEST(test_lanes_have_their_shares),
		RIG_TEST(test_windows),
		RIG_TEST(test_neighbours_travel_together),
		RIG_TEST(test_an_agent_that_takes_one_at_a_time),
		RIG_TEST(test_retry_backs_off),
		RIG_TEST(test_a_destination_fails_and_returns),
		RIG_TEST(test_a_probe_without_reached_is_enough),
		RIG_TEST(test_three_drops_are_the_destinations),
		RIG_TEST(test_alerts_have_a_dead_destination_probed),
		RIG_TEST(test_an_alert_is_tried_within_five_seconds),
		RIG_TEST(test_a_probe_waits_for_nobody),
		RIG_TEST(test_a_probe_keeps_to_the_window),
		RIG_TEST(test_a_free_connection_waits_for_no_commit),
		RIG_TEST(test_what_was_not_tried_keeps_its_slot),
		RIG_TEST(test_moved),
		RIG_TEST(test_untried_without_end),
		RIG_TEST(test_restart_finds_all_destinations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
