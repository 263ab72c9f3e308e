/*
 * Records of another kind that live with the queue's, and damaged ones.
 */
#include <errno.h>

#include "queue/key.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

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

/* A rig with the thing published. */
static void
thing_begin(struct thing *t, store_fn *tell_fn)
{
	rig_init(t->rig, NULL);
	rig_open(t->rig);
	queue_set_due(t->rig->q, 'i', thing_due, t);
	t->rig->tell_fn = tell_fn;
	rig_start(t->rig);
	thing_publish(t);
	assert_int_equal(t->result, 0);
	rig_settle(t->rig);
}

static void
test_a_record_of_another_kind(void **state)
{
	struct rig rig;
	struct thing t = {.rig = &rig};

	(void)state;
	thing_begin(&t, thing_told);
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
	thing_begin(&t, NULL);
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

/* A message for two of whom R0's record is damaged, in a new life. */
static uint64_t
damaged_neighbour(struct rig *rig, const struct rig_mail *mail)
{
	struct store_key key;

	assert_int_equal(rig_send(rig, mail), 0);
	key = key_message(rig->id, 1);
	rig_close(rig);
	assert_int_equal(store_check_flip_rec(rig->dir, &key, -6), 0);
	rig_open(rig);
	rig_start(rig);
	rig_settle(rig);
	return rig->id;
}

/* What is wrong with one recipient is not the other's: a warning, tries, and
 * at the end a bounce. */
static void
test_a_damaged_neighbour(void **state)
{
	static const int64_t warn_ms[] = {0, 4 * HOUR};
	struct queue_message_info *mi;
	struct store_check check;
	struct rig rig;
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(warn_ms) / sizeof(warn_ms[0]); i++) {
		rig_init(&rig, NULL);
		rig.conf.warn_after_ms = warn_ms[i];
		rig_open(&rig);
		rig_start(&rig);
		id = damaged_neighbour(&rig, RIG_MAIL(.nrcpt = 2));
		for (int h = 0; h < 4 * 24; h++) {
			while (rig.nout > 0) {
				rig_answer(&rig, 0, ATTEMPT_LATER, 450);
				rig_settle(&rig);
			}
			rig_advance(&rig, HOUR);
		}
		mi = rig_show(&rig, id);
		assert_false(mi->corrupt);
		assert_int_equal(mi->nrcpt, 2);
		assert_int_equal(rig.ntold, i);
		assert_int_equal(rig_logged(&rig, "event=corrupt"), 1);
		for (int h = 0; h < 2 * 24; h++) {
			while (rig.nout > 0) {
				rig_answer(&rig, 0, ATTEMPT_LATER, 450);
				rig_settle(&rig);
			}
			rig_advance(&rig, HOUR);
		}
		assert_int_equal(rig.ntold, i + 1);
		assert_int_equal(rig.told[i].what, TELL_EXPIRED);
		assert_string_equal(rig.told[i].first, "r1@x.org");
		/* The damaged one is all that is left. */
		mi = rig_show(&rig, id);
		assert_true(mi->corrupt);
		assert_int_equal(mi->nrcpt, 1);
		assert_int_equal(rig_act(&rig, QUEUE_REMOVE, id), 0);
		rig_advance(&rig, MINUTE);
		assert_int_equal(rig_stats(&rig)->messages, 0);
		rig_close(&rig);
		assert_int_equal(store_check(rig.dir, &check), 0);
		assert_string_equal(check.fault, "");
		rig_open(&rig);
		rig_done(&rig);
	}
}

/* An alert's, removed: whoever published it hears of those that can be read. */
static void
test_a_damaged_one_is_removed(void **state)
{
	struct rig *rig = *state;
	struct store_check check;
	uint64_t id = damaged_neighbour(
		rig, RIG_MAIL(.nrcpt = 2, .teller = 'i',
			      .teller_key = store_kit_key('i', 1)));

	while (rig->nout > 0) {
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
	}
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, id), 0);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].nrcpt, 1);
	assert_int_equal(rig->told[0].code, 550);
	assert_string_equal(rig->told[0].first, "r1@x.org");
	assert_int_equal(rig_stats(rig)->messages, 0);
	rig_close(rig);
	assert_int_equal(store_check(rig->dir, &check), 0);
	assert_string_equal(check.fault, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_record_of_another_kind),
		cmocka_unit_test(test_a_failed_one_tells_its_record),
		RIG_TEST(test_a_damaged_page),
		RIG_TEST(test_damaged_records),
		cmocka_unit_test(test_a_damaged_neighbour),
		RIG_TEST(test_a_damaged_one_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
