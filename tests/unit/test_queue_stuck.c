/*
 * What could be forgotten, or done without end: a recipient between two that
 * are out, a row that leads nowhere, a result that cannot be written, an answer
 * that is too long, an alert at a dead destination while all else is paused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "queue/queue_impl.h"
#include "queue/store_impl.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define SECOND INT64_C(1000)

/* Two of three are out again while the one between them becomes due. */
static void
test_one_between_two_that_are_out(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;

	rig_send(rig, RIG_MAIL(.nrcpt = 3));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 2 * MINUTE);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 3);
	a->rcpt[1].outcome = ATTEMPT_LATER;
	reply_set(&a->rcpt[1].reply, 450, "4.2.0", "later");
	rig->nout = 0;
	attempt_result(&a);
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 2);
	assert_int_equal(a->rcpt[1].n, 3);
	rig_advance(rig, 10 * MINUTE);
	for (int i = 0; i < 2 && rig->nout > 0; i++) {
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
	}
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig->given, 4);
}

/* --- rows that lead nowhere ---------------------------------------------- */

static int
del_message(struct store_txn *txn, void *arg)
{
	struct store_key key = key_message(*(uint64_t *)arg, 0);

	return store_del(txn, &key);
}

static int
spoil_rcpt(struct store_txn *txn, void *arg)
{
	struct store_key key = key_message(*(uint64_t *)arg, 1);
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	rec.value = "?";
	rec.len = 1;
	return r < 0 ? r : store_put(txn, &key, &rec);
}

static void
restart(struct rig *rig, store_fn *fn, uint64_t *id)
{
	rig_close(rig);
	rig->nout = 0;
	rig_open(rig);
	if (fn != NULL)
		assert_int_equal(store_kit_run(queue_store(rig->q), fn, id), 0);
	rig_start(rig);
	rig_advance(rig, 2 * SECOND);
}

static void
a_bad_row_is_said_once(struct rig *rig, store_fn *fn)
{
	uint64_t bad;

	assert_int_equal(rig_pause(rig, true, 0), 0);
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	bad = rig->id;
	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}));
	assert_int_equal(rig_resume(rig), 0);
	restart(rig, fn, &bad);
	assert_int_equal(rig_logged(rig, "event=corrupt"), 1);
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->id == rig->id);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	restart(rig, NULL, NULL);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(rig_logged(rig, "event=corrupt"), 1);
	/* Another's records stand behind it. */
	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"d@x.org"})), 0);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, bad), 0);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, bad), -ENOENT);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->messages, 1);
}

static void
test_recipients_without_a_message(void **state)
{
	a_bad_row_is_said_once(*state, del_message);
}

static void
test_the_first_row_is_damaged(void **state)
{
	a_bad_row_is_said_once(*state, spoil_rcpt);
}

/* --- results that cannot be written -------------------------------------- */

static void
limit_files(rlim_t bytes)
{
	struct rlimit rl;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
	rl.rlim_cur = bytes == RLIM_INFINITY ? rl.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void
a_full_disk_repeats_nothing(struct rig *rig, enum attempt_outcome outcome,
			    int code, uint64_t left)
{
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	limit_files(8192);
	rig_answer(rig, 0, outcome, code);
	for (int i = 0; i < 5; i++)
		rig_advance(rig, 2 * SECOND);
	limit_files(RLIM_INFINITY);
	assert_int_equal(rig->given, 1);
	assert_int_equal(rig_logged(rig, "event=deliver"), 0);
	rig_advance(rig, 2 * SECOND);
	assert_int_equal(rig->given, 1);
	assert_int_equal(rig_logged(rig, "event=deliver"), 1);
	assert_int_equal(rig_stats(rig)->messages, left);
}

static void
test_delivered_on_a_full_disk(void **state)
{
	a_full_disk_repeats_nothing(*state, ATTEMPT_DONE, 250, 0);
}

static void
test_deferred_on_a_full_disk(void **state)
{
	a_full_disk_repeats_nothing(*state, ATTEMPT_LATER, 450, 1);
}

/* Closed while a result waits for room: nothing is left of it. */
static void
test_closed_on_a_full_disk(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	limit_files(8192);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, 2 * SECOND);
	limit_files(RLIM_INFINITY);
	restart(rig, NULL, NULL);
	assert_int_equal(rig->nout, 1);
}

/* Room comes back while we stop: what was delivered is not repeated. */
static void
test_room_again_at_the_end(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	limit_files(8192);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	limit_files(RLIM_INFINITY);
	queue_stop(rig->q);
	rig_advance(rig, 2 * SECOND);
	restart(rig, NULL, NULL);
	assert_int_equal(rig->nout, 0);
}

/* --- destinations that are forgotten -------------------------------------- */

static int
spoil_dest(struct store_txn *txn, void *arg)
{
	struct store_key key = key_dest(queue_dest_key("test", "hop"));
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	(void)arg;
	rec.value = "?";
	rec.len = 1;
	return r < 0 ? r : store_put(txn, &key, &rec);
}

static void
test_a_destinations_record_is_damaged(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 451);
	rig_settle(rig);
	assert_int_equal(store_kit_run(queue_store(rig->q), spoil_dest, NULL),
			 0);
	rig_advance(rig, 5 * MINUTE);
	rig_advance(rig, 5 * SECOND);
	assert_int_equal(rig_logged(rig, "event=corrupt"), 1);
	assert_int_equal(rig->nout, 1);
	rig_deliver_rest(rig);
}

static int
crowd_comes(struct store_txn *txn, void *arg)
{
	struct dest_table *t = arg;

	(void)txn;
	for (uint64_t key = 1; HASH_COUNT(t->hash) < DEST_MAX; key++)
		dest_enter(t, key, "test", "crowd")->out = 1;
	return 0;
}

/* The new destination takes the place of the one that has just become idle. */
static void
test_moved_where_nobody_has_room(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .dest = "old"));
	rig_settle(rig);
	assert_int_equal(
		store_kit_run(queue_store(rig->q), crowd_comes, &rig->q->dests),
		0);
	a = rig->out[0];
	rig->nout = 0;
	a->rcpt[0].outcome = ATTEMPT_MOVED;
	a->rcpt[0].moved_agent = "test";
	a->rcpt[0].moved_dest = "fresh";
	attempt_result(&a);
	rig_settle(rig);
	rig_advance(rig, 2 * SECOND);
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->dest, "fresh");
}

/* The record of a dead destination goes in the very batch in which mail becomes
 * ready there, behind the cursor of its flow. */
static void
test_ready_while_it_comes_up(void **state)
{
	struct rig *rig = *state;
	uint64_t first;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	first = rig->id;
	rig_settle(rig);
	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 61 * SECOND);
	assert_int_equal(rig->nout, 2);
	assert_true(rig->out[0]->id == first);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_send(rig, RIG_MAIL(.to = {"x@x.org"}, .alert = true));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 451);
	rig_settle(rig);
	assert_int_equal(rig_act(rig, QUEUE_REMOVE, rig->id), 0);
	rig_advance(rig, 5 * MINUTE); /* both are due in one turn */
	assert_int_equal(rig->nout, 1);
	assert_true(rig->out[0]->id == first);
	rig_deliver_rest(rig);
}

/* --- too long ------------------------------------------------------------ */

static char *
long_text(char *text, size_t len)
{
	memset(text, 'a', len);
	text[len] = '\0';
	return text;
}

static void
test_an_answer_that_does_not_fit(void **state)
{
	struct rig *rig = *state;
	char to[3850], relay[300];
	struct queue_message_info *mi;

	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {long_text(to, 3849)})),
			 0);
	rig_settle(rig);
	rig->out[0]->rcpt[0].relay = long_text(relay, 299);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig->given, 1);
	mi = rig_show(rig, rig->id);
	assert_int_equal(mi->rcpt[0].state, QUEUE_RCPT_DEFERRED);
	assert_int_equal(mi->rcpt[0].tries, 1);
}

static void
test_moved_to_where_no_name_fits(void **state)
{
	struct rig *rig = *state;
	char dest[1100];
	struct attempt *a;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	a = rig->out[0];
	rig->nout = 0;
	a->rcpt[0].outcome = ATTEMPT_MOVED;
	a->rcpt[0].moved_agent = "test";
	a->rcpt[0].moved_dest = long_text(dest, 1099);
	attempt_result(&a);
	rig_settle(rig);
	assert_int_equal(rig->given, 1);
	assert_int_equal(rig_show(rig, rig->id)->rcpt[0].state,
			 QUEUE_RCPT_DEFERRED);
	/* Nor may a message begin there. */
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .dest = dest)),
		-EMSGSIZE);
}

/* All of it at its longest: the destination's record is one page. */
static void
test_a_long_name_fails(void **state)
{
	struct rig *rig = *state;
	char dest[1025], text[REPLY_TEXT_MAX];
	struct attempt *a;

	rig_send(rig,
		 RIG_MAIL(.to = {"b@x.org"}, .dest = long_text(dest, 1024)));
	rig_settle(rig);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(rig->nout, 1);
		a = rig->out[0];
		rig->nout = 0;
		a->dest_state = ATTEMPT_DEST_FAILED;
		reply_set(&a->dest_reply, 421, "4.4.2", "%s",
			  long_text(text, sizeof(text) - 1));
		attempt_result(&a);
		rig_settle(rig);
		rig_advance(rig, HOUR);
	}
}

/* --- time ---------------------------------------------------------------- */

/* The pause lets alerts through, and with them the probe of a destination that
 * was down before the alert came. */
static void
test_an_alert_at_a_dead_one_while_paused(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	rig_advance(rig, 40 * SECOND);
	assert_int_equal(rig_pause(rig, false, 0), 0);
	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}, .alert = true));
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	rig_advance(rig, 25 * SECOND);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->out[0]->class, QUEUE_ALERT);
}

/* The monotonic clock says nothing of the wall: who waits for it looks. */
static void
test_the_wall_is_looked_at(void **state)
{
	struct rig *rig = *state;
	struct store *s = queue_store(rig->q);
	int64_t due;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	for (int i = 0; i < 8; i++) {
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
		if (i < 7)
			rig_advance(rig, HOUR);
	}
	pthread_mutex_lock(&s->mutex);
	due = s->turn_due;
	pthread_mutex_unlock(&s->mutex);
	assert_in_range(due - clock_mono_ms(rig->clock), 1, MINUTE);
}

/* --- more destinations than fit ------------------------------------------- */

struct crowd {
	struct rig *rig;
	struct dest *last;
};

/* All places in memory taken by those that have something out. */
static int
crowd_come(struct store_txn *txn, void *arg)
{
	struct crowd *c = arg;
	struct dest_table *t = &c->rig->q->dests;

	(void)txn;
	for (uint64_t key = 1; HASH_COUNT(t->hash) < DEST_MAX; key++) {
		c->last = dest_enter(t, key, "test", "crowd");
		c->last->out = 1;
	}
	return 0;
}

static int
crowd_leave(struct store_txn *txn, void *arg)
{
	struct crowd *c = arg;

	(void)txn;
	c->last->out = 0;
	return 0;
}

static int
by_key(const void *a, const void *b)
{
	uint64_t ka = queue_dest_key("test", *(const char *const *)a);
	uint64_t kb = queue_dest_key("test", *(const char *const *)b);

	return ka < kb ? -1 : ka > kb;
}

/* Who was looked for in vain is next, and not who stands before it. */
static void
test_a_scan_goes_on_where_it_was(void **state)
{
	struct rig *rig = *state;
	const char *dest[] = {"one", "two", "three"};
	struct crowd c = {.rig = rig};
	struct store *store = queue_store(rig->q);

	qsort(dest, 3, sizeof(dest[0]), by_key);
	assert_int_equal(store_kit_run(store, crowd_come, &c), 0);
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .dest = dest[1]));
	rig_settle(rig);
	rig_advance(rig, SECOND);
	for (int i = 0; i < 3; i += 2)
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .dest = dest[i]));
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
	assert_int_equal(store_kit_run(store, crowd_leave, &c), 0);
	for (int i = 0; i < 3; i++) {
		for (int s = 0; s < 4 && rig->nout == 0; s++)
			rig_advance(rig, SECOND);
		assert_int_equal(rig->nout, 1);
		assert_string_equal(rig->out[0]->dest, dest[(i + 1) % 3]);
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
	}
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* Those that are out are passed once, not each time that room is made. */
static void
test_room_is_found_at_once(void **state)
{
	struct dest_table t;
	struct dest *d;

	(void)state;
	dest_table_init(&t, 1);
	for (uint64_t key = 1; key <= DEST_MAX; key++)
		dest_enter(&t, key, "test", "d")->out = key <= DEST_MAX / 2;
	assert_non_null(dest_enter(&t, DEST_MAX + 1, "test", "d"));
	assert_null(dest_find(&t, DEST_MAX / 2 + 1));
	d = TAILQ_FIRST(&t.lists[DEST_IDLE]);
	assert_int_equal(d->key, DEST_MAX / 2 + 2);
	assert_int_equal(HASH_COUNT(t.hash), DEST_MAX);

	/* Where all are out there is none. */
	TAILQ_FOREACH (d, &t.lists[DEST_IDLE], link)
		d->out = 1;
	assert_null(dest_enter(&t, DEST_MAX + 2, "test", "d"));
	assert_true(t.forgot);
	dest_table_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_one_between_two_that_are_out),
		RIG_TEST(test_recipients_without_a_message),
		RIG_TEST(test_the_first_row_is_damaged),
		RIG_TEST(test_delivered_on_a_full_disk),
		RIG_TEST(test_deferred_on_a_full_disk),
		RIG_TEST(test_closed_on_a_full_disk),
		RIG_TEST(test_room_again_at_the_end),
		RIG_TEST(test_a_destinations_record_is_damaged),
		RIG_TEST(test_moved_where_nobody_has_room),
		RIG_TEST(test_ready_while_it_comes_up),
		RIG_TEST(test_an_answer_that_does_not_fit),
		RIG_TEST(test_moved_to_where_no_name_fits),
		RIG_TEST(test_a_long_name_fails),
		RIG_TEST(test_an_alert_at_a_dead_one_while_paused),
		RIG_TEST(test_the_wall_is_looked_at),
		RIG_TEST(test_a_scan_goes_on_where_it_was),
		cmocka_unit_test(test_room_is_found_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
