/*
 * What becomes of a message: told, expired, held, paused, watched, damaged.
 */
#include <errno.h>
#include <string.h>

#include "queue/key.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* --- told ---------------------------------------------------------------- */

static void
test_three_recipients(void **state)
{
	struct rig *rig = *state;
	struct queue_message_info *mi;
	struct attempt *a;
	uint64_t id;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.nrcpt = 3));
	id = rig->id;
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 3);
	a->rcpt[0].outcome = ATTEMPT_DONE;
	reply_set(&a->rcpt[0].reply, 250, "2.0.0", "ok");
	a->rcpt[1].outcome = ATTEMPT_LATER;
	reply_set(&a->rcpt[1].reply, 451, "4.2.0", "later");
	a->rcpt[2].outcome = ATTEMPT_NEVER;
	reply_set(&a->rcpt[2].reply, 550, "5.1.1", "no such user");
	rig->nout = 0;
	attempt_result(&a);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_true(rig->told[0].id == id);
	assert_int_equal(rig->told[0].nrcpt, 1);
	assert_string_equal(rig->told[0].first, "r2@x.org");
	assert_int_equal(rig->told[0].code, 550);
	assert_false(rig->told[0].expired);
	/* The report is on its way, and one recipient is left. */
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->sender, "");
	assert_string_equal(rig->out[0]->rcpt[0].address, "a@example.org");
	mi = rig_show(rig, id);
	assert_int_equal(mi->nrcpt, 1);
	assert_int_equal(mi->rcpt[0].n, 2);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, MINUTE);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig_logged(rig, "status=bounced"), 1);
	assert_int_equal(rig_logged(rig, "status=deferred"), 1);
	assert_int_equal(rig_logged(rig, "double_bounce"), 0);
}

static void
test_double_bounce(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.sender = "", .to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 1);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_tell_not_now(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig->tell_busy = 2;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->nout, 1);
}

/* --- too late ------------------------------------------------------------ */

static void
test_expires_after_its_lifetime(void **state)
{
	struct rig *rig = *state;
	size_t tries = 0;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	while (rig->ntold == 0) {
		if (rig->nout > 0) {
			rig_answer(rig, 0, ATTEMPT_LATER, 450);
			rig_settle(rig);
			tries++;
		}
		rig_advance(rig, HOUR);
		assert_in_range(tries, 0, 130);
	}
	assert_in_range(tries, 110, 125);
	assert_true(rig->told[0].expired);
	assert_int_equal(rig->told[0].code, 450);
	assert_int_equal(rig->told[0].tries, tries);
	assert_int_equal(rig_logged(rig, "status=expired"), 1);
}

static void
test_a_dead_destination_expires_too(void **state)
{
	struct rig *rig = *state;
	size_t probes = 0;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	while (rig->ntold == 0) {
		if (rig->nout > 0) {
			rig_answer_dest(rig, 0, ATTEMPT_UNTRIED,
					ATTEMPT_DEST_FAILED, 421);
			rig_settle(rig);
			probes++;
		}
		rig_advance(rig, 30 * MINUTE);
		assert_in_range(probes, 0, 250);
	}
	assert_true(rig->told[0].expired);
	assert_int_equal(rig->told[0].code, 421);
	assert_int_equal(rig->told[0].tries, probes);
}

/* Off for a week: nothing expires before it was tried again. */
static void
test_grace_after_a_start(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_close(rig);
	clock_advance(rig->clock, 7 * DAY);
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig->nout, 1);
	rig_advance(rig, 9 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, 20 * MINUTE);
	assert_int_equal(rig->ntold, 0); /* it is still out */
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 10 * MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_true(rig->told[0].expired);
}

static void
test_grace_after_a_jump(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	clock_jump(rig->clock, 30 * DAY);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->ntold, 0);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 9 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 6 * MINUTE);
	assert_int_equal(rig->ntold, 1);
}

/* --- the operator -------------------------------------------------------- */

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
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, id), -ENOENT);
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

/* --- waiting for its fate ------------------------------------------------ */

static void
fated(void *object, bool delivered, const struct reply *last)
{
	struct rig *rig = object;

	rig->fated = true;
	rig->delivered = delivered;
	rig->fate = *last;
}

static void
test_watch(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_false(rig->fated);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_true(rig->fated && rig->delivered);
	assert_int_equal(rig->fate.code, 250);
	/* A moment too late is early enough. */
	rig->fated = false;
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_true(rig->fated && rig->delivered);
	rig->fated = false;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_true(rig->fated && !rig->delivered);
	assert_int_equal(rig->fate.code, 550);
}

/* --- records of others --------------------------------------------------- */

/* An alert-like record: its timer publishes, its fate is told, it withdraws. */
struct thing {
	struct rig *rig;
	struct publish *publish;
	uint64_t id;
	int due, result;
};

static int
thing_put(struct store_txn *txn, void *arg)
{
	struct thing *t = arg;
	struct store_key key = store_kit_key('i', 1);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_ALERT, 'i',
					  clock_wall_ms(t->rig->clock) + 5000),
		.value = "quiet",
		.len = 5};
	int r;

	if (t->publish != NULL) {
		r = publish_in(txn, t->publish);
		if (r != 0)
			return r;
	}
	return store_put(txn, &key, &rec);
}

static void
thing_after(void *arg, int result)
{
	struct thing *t = arg;

	if (t->publish != NULL)
		publish_after(&t->publish, result);
}

static void
thing_done(void *arg, int result)
{
	struct thing *t = arg;

	t->result = result;
	loop_stop(t->rig->loop);
}

static void
thing_run(struct thing *t, store_fn *fn)
{
	struct store_job job = {.fn = fn,
				.after = thing_after,
				.done = thing_done,
				.arg = t,
				.loop = t->rig->loop};

	store_run(queue_store(t->rig->q), &job);
	loop_run(t->rig->loop);
}

static int
thing_due(struct store_txn *txn, void *ctx, const struct store_key *key,
	  const struct store_rec *rec, int64_t now)
{
	struct thing *t = ctx;
	struct store_rec next = *rec;

	(void)now;
	t->due++;
	next.place = store_place_none();
	next.value = "rang";
	next.len = 4;
	return store_put(txn, key, &next);
}

static int
thing_told(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('i', 1);

	(void)arg;
	return store_del(txn, &key);
}

static int
thing_withdraw(struct store_txn *txn, void *arg)
{
	struct thing *t = arg;

	return publish_withdraw_in(txn, t->rig->q, t->id);
}

static void
thing_publish(struct thing *t)
{
	struct envelope_rcpt to = {
		.address = "duty@x.org", .agent = "test", .dest = "hop"};
	struct envelope env = {.sender = "alerts@example.org",
			       .class = QUEUE_ALERT,
			       .teller = 'i',
			       .teller_key = store_kit_key('i', 1),
			       .nrcpt = 1,
			       .rcpt = &to};
	struct draft *d = rig_draft(t->rig, RIG_MAIL(.flow = 0));

	t->id = draft_id(d);
	t->publish = publish_prepare(&d, &env);
	thing_run(t, thing_put);
}

static void
test_a_record_of_another_kind(void **state)
{
	struct rig rig;
	struct thing t = {.rig = &rig};

	(void)state;
	rig_init(&rig, NULL);
	rig_open(&rig);
	queue_set_due(rig.q, 'i', thing_due, &t);
	rig.tell_fn = thing_told;
	rig_start(&rig);
	thing_publish(&t);
	assert_int_equal(t.result, 0);
	rig_settle(&rig);
	assert_int_equal(rig.nout, 1);
	thing_run(&t, thing_withdraw);
	assert_int_equal(t.result, -EBUSY);
	rig_advance(&rig, 4999);
	assert_int_equal(t.due, 0);
	rig_advance(&rig, 1);
	assert_int_equal(t.due, 1);
	/* All is delivered: it is told, and changes its own record with that.
	 */
	rig_answer(&rig, 0, ATTEMPT_DONE, 250);
	rig_settle(&rig);
	assert_int_equal(rig.ntold, 1);
	assert_int_equal(rig.told[0].kind, 'i');
	assert_true(rig.told[0].delivered);
	assert_int_equal(rig_stats(&rig)->messages, 0);
	thing_run(&t, thing_told);
	assert_int_equal(t.result, -ENOENT);
	/* Withdrawn before it left. */
	rig_pause(&rig, true, 0);
	thing_publish(&t);
	rig_settle(&rig);
	assert_int_equal(rig_stats(&rig)->messages, 1);
	thing_run(&t, thing_withdraw);
	assert_int_equal(t.result, 0);
	rig_settle(&rig);
	assert_int_equal(rig_stats(&rig)->messages, 0);
	thing_run(&t, thing_withdraw);
	assert_int_equal(t.result, -ENOENT);
	rig_resume(&rig);
	rig_settle(&rig);
	assert_int_equal(rig.nout, 0);
	assert_int_equal(rig.ntold, 1);
	rig_done(&rig);
}

/* A failed alert tells its record, never a DSN; so does the operator's remove.
 */
static void
test_a_failed_one_tells_its_record(void **state)
{
	struct rig rig;
	struct thing t = {.rig = &rig};

	(void)state;
	rig_init(&rig, NULL);
	rig_open(&rig);
	queue_set_due(rig.q, 'i', thing_due, &t);
	rig_start(&rig);
	thing_publish(&t);
	rig_settle(&rig);
	rig_answer(&rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(&rig);
	assert_int_equal(rig.ntold, 1);
	assert_int_equal(rig.told[0].kind, 'i');
	assert_false(rig.told[0].delivered);
	assert_int_equal(rig.told[0].code, 550);
	assert_int_equal(rig_logged(&rig, "double_bounce"), 0);
	rig_pause(&rig, true, 0);
	thing_publish(&t);
	rig_settle(&rig);
	assert_int_equal(rig_act(&rig, QUEUE_REMOVE, t.id), 0);
	rig_resume(&rig);
	rig_settle(&rig);
	assert_int_equal(rig.ntold, 2);
	assert_int_equal(rig_stats(&rig)->messages, 0);
	rig_done(&rig);
}

/* --- damaged ------------------------------------------------------------- */

static ssize_t rig_read_len;

static void
got(void *arg, const char *data, ssize_t len)
{
	struct rig *rig = arg;

	(void)data;
	rig_read_len = len;
	loop_stop(rig->loop);
}

static void
test_a_damaged_page(void **state)
{
	struct rig *rig = *state;
	struct queue_message_info *mi;
	uint64_t id;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .size = 100000));
	id = rig->id;
	rig_close(rig);
	assert_int_equal(store_check_flip_page(rig->dir, id, 20, 100), 0);
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig->nout, 1);
	attempt_read(rig->out[0], got, rig);
	loop_run(rig->loop);
	assert_int_equal(rig_read_len, 16 * STORE_PAGE_MAX);
	attempt_read(rig->out[0], got, rig);
	loop_run(rig->loop);
	assert_int_equal(rig_read_len, -EBADMSG);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_OK, 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_logged(rig, "event=corrupt"), 1);
	mi = rig_show(rig, id);
	assert_true(mi->corrupt);
	assert_int_equal(mi->rcpt[0].state, QUEUE_RCPT_SET_ASIDE);
	rig_advance(rig, 10 * DAY);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, id), 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_damaged_records(void **state)
{
	struct rig *rig = *state;
	struct store_key key;
	struct store_check check;
	uint64_t id[3];

	for (int i = 0; i < 3; i++) {
		rig_send(rig, RIG_MAIL(.nrcpt = 2, .flow = (uint32_t)i));
		id[i] = rig->id;
	}
	rig_close(rig);
	key = key_message(id[0], 0);
	assert_int_equal(store_check_flip_rec(rig->dir, &key, -6), 0);
	key = key_message(id[1], 1);
	assert_int_equal(store_check_flip_rec(rig->dir, &key, -6), 0);
	rig_open(rig);
	rig_start(rig);
	/* The second message's other recipient, and the third. */
	assert_int_equal(rig->nout, 2);
	assert_in_range(rig_logged(rig, "event=corrupt"), 2, 3);
	assert_true(rig_show(rig, id[0])->corrupt);
	assert_int_equal(rig_show(rig, id[1])->rcpt[0].state,
			 QUEUE_RCPT_SET_ASIDE);
	while (rig->nout > 0)
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_advance(rig, 6 * DAY);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig_act(rig, QUEUE_REMOVE, id[i]), 0);
	rig_settle(rig);
	rig_close(rig);
	assert_int_equal(store_check(rig->dir, &check), 0);
	assert_string_equal(check.fault, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_three_recipients),
		CASE(test_double_bounce),
		CASE(test_tell_not_now),
		CASE(test_expires_after_its_lifetime),
		CASE(test_a_dead_destination_expires_too),
		CASE(test_grace_after_a_start),
		CASE(test_grace_after_a_jump),
		CASE(test_hold_and_release),
		CASE(test_flush_requeue_remove),
		CASE(test_pause_and_resume),
		CASE(test_watch),
		cmocka_unit_test(test_a_record_of_another_kind),
		cmocka_unit_test(test_a_failed_one_tells_its_record),
		CASE(test_a_damaged_page),
		CASE(test_damaged_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
