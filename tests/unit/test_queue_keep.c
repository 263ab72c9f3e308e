/*
 * What is kept of messages that are over: listed as such, gone on time, and
 * before mail is refused for want of room.
 */
#include <errno.h>
#include <string.h>

#include "queue/store.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

static void
start(struct rig *rig, int64_t delivered_ms, int64_t bounced_ms)
{
	rig_init(rig, NULL);
	rig->conf.keep_delivered_ms = delivered_ms;
	rig->conf.keep_bounced_ms = bounced_ms;
	rig_open(rig);
	rig_start(rig);
}

static bool
is_kept(struct rig *rig, uint64_t id)
{
	struct queue_message_info *m = rig_show(rig, id);

	if (rig->listing->n == 0)
		return false;
	assert_true(m->kept);
	assert_int_equal(m->nrcpt, 0);
	return true;
}

static void
test_delivered(void **state)
{
	struct rig rig;
	uint64_t id;

	(void)state;
	start(&rig, HOUR, 0);
	rig.agent = rig_deliver;
	assert_int_equal(rig_send(&rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	id = rig.id;
	rig_settle(&rig);
	assert_true(is_kept(&rig, id));
	/* It is over: not in the figures, and nothing is to be done to it. */
	assert_int_equal(rig_stats(&rig)->messages, 0);
	for (int action = QUEUE_HOLD; action < QUEUE_REMOVE; action++)
		assert_int_equal(rig_act(&rig, action, id), -ESTALE);
	rig_advance(&rig, HOUR - MINUTE);
	assert_true(is_kept(&rig, id));
	/* Also after a restart, and while paused. */
	rig_close(&rig);
	rig_open(&rig);
	rig_start(&rig);
	rig_settle(&rig);
	assert_int_equal(rig_stats(&rig)->messages, 0);
	assert_true(is_kept(&rig, id));
	assert_int_equal(rig_pause(&rig, true, 0), 0);
	rig_advance(&rig, 2 * MINUTE);
	assert_false(is_kept(&rig, id));
	assert_int_equal(rig_resume(&rig), 0);
	rig_done(&rig);
}

static void
test_removed(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, HOUR, 0);
	rig.agent = rig_deliver;
	assert_int_equal(rig_send(&rig, RIG_MAIL(.to = {"b@x.org"},
						 .size = 100000, .fill = 'x')),
			 0);
	rig_settle(&rig);
	assert_true(is_kept(&rig, rig.id));
	assert_int_equal(rig_act(&rig, QUEUE_REMOVE, rig.id), 0);
	assert_false(is_kept(&rig, rig.id));
	assert_int_equal(rig_stats(&rig)->messages, 0);
	rig_done(&rig);
}

static void
test_bounced(void **state)
{
	struct rig rig;
	uint64_t id;

	(void)state;
	start(&rig, 0, HOUR);
	assert_int_equal(rig_send(&rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	id = rig.id;
	rig_settle(&rig);
	rig_answer(&rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(&rig);
	assert_int_equal(rig.ntold, 1);
	assert_true(is_kept(&rig, id));
	/* What was delivered is not kept here. */
	assert_int_equal(rig_send(&rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	rig_settle(&rig);
	rig_answer(&rig, 0, ATTEMPT_DONE, 250);
	rig_settle(&rig);
	assert_false(is_kept(&rig, rig.id));
	rig_advance(&rig, HOUR + MINUTE);
	assert_false(is_kept(&rig, id));
	rig_done(&rig);
}

#define SIZE  60000
#define LIMIT (16 << 20)
#define MAILS 700 /* more than twice what fits */

/* The store is never full for what is kept: the oldest goes first. */
static void
test_room(void **state)
{
	struct rig rig;
	uint64_t first = 0;

	(void)state;
	rig_init(&rig, NULL);
	rig.conf.keep_delivered_ms = DAY;
	rig.conf.max_size = LIMIT;
	rig.conf.reserve = LIMIT / 20;
	rig_open(&rig);
	rig_start(&rig);
	rig.agent = rig_deliver;
	for (int i = 0; i < MAILS; i++) {
		int r = rig_send(&rig, RIG_MAIL(.to = {"b@x.org"}, .size = SIZE,
						.fill = 'x'));

		if (r < 0)
			fail_msg("mail %d: %s", i, strerror(-r));
		if (first == 0)
			first = rig.id;
		rig_settle(&rig);
		rig_advance(&rig, 1);
	}
	assert_false(is_kept(&rig, first));
	assert_true(store_used_bytes(queue_store(rig.q)) > LIMIT / 2);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delivered),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_bounced),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
