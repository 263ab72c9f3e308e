/*
 * What the postmaster is to hear, with a store that refuses it at first.
 */
#include "relay/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/queue_rig.h"
#include "tests/unit/snapshot_kit.h"
#include "tests/unit/store_fail.h"
#include "tests/unit/test.h"

/* A look comes every two seconds, by the machine's clock. */
#define LOOK_MS 2300
#define WAIT_MS 50

struct fixture {
	struct rig rig;
	struct relay relay; /* what a notice needs of it */
	struct relay_loop loop;
	struct loop_timer timer;
	struct buf content;
};

static void
on_timer(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->rig.loop);
}

static void
open_snapshot(struct fixture *f)
{
	static const char text[] =
		"hostname: relay.example.org\n"
		"postmaster: boss@example.net\n"
		"notify: {postmaster: [store]}\n"
		"delivery: {smarthost: [{host: 127.0.0.1}]}\n";

	f->relay.snapshot = snapshot_kit_new(&f->relay, text);
}

static void
begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	rig_init(&f->rig, NULL);
	f->rig.no_agent = true;
	rig_open(&f->rig);
	open_snapshot(f);
	f->loop.loop = f->rig.loop;
	f->relay.loops = &f->loop;
	f->relay.nloops = 1;
	f->relay.clock = f->rig.clock;
	f->relay.log = f->rig.log;
	f->relay.log_root = f->rig.log_ctx;
	f->relay.queue = f->rig.q;
	loop_timer_init(&f->timer, f->rig.loop, on_timer, f);
	buf_init(&f->content, 64 * 1024);
	notify_init(&f->relay);
	notify_start(&f->relay);
	rig_start(&f->rig);
}

static void
end(struct fixture *f)
{
	notify_free(&f->relay.notify);
	loop_timer_done(&f->timer);
	snapshot_unref(&f->relay.snapshot);
	metrics_free(&f->relay.metrics);
	buf_done(&f->content);
	rig_done(&f->rig);
}

/* Until it looked once; how many messages there are then. */
static uint64_t
look(struct fixture *f)
{
	loop_timer_set(&f->timer, LOOK_MS);
	loop_run(f->rig.loop);
	rig_settle(&f->rig);
	return rig_stats(&f->rig)->messages;
}

/* A look, and what comes of it at a store that fails: when the disk was asked, in
 * another thread, the rest of that is before what the queue is asked next. */
static void
look_in_vain(struct fixture *f)
{
	while (store_fail_calls() == 0) {
		loop_timer_set(&f->timer, WAIT_MS);
		loop_run(f->rig.loop);
	}
	rig_settle(&f->rig);
}

/* The store takes nothing for some seconds after it was full. */
static uint64_t
look_for_one(struct fixture *f)
{
	uint64_t n = 0;

	for (int i = 0; i < 10 && n == 0; i++)
		n = look(f);
	return n;
}

static void
on_piece(void *arg, const char *data, ssize_t len, bool cut)
{
	struct fixture *f = arg;

	assert_true(len > 0 && !cut);
	assert_int_equal(buf_append(&f->content, data, (size_t)len), 0);
	loop_stop(f->rig.loop);
}

static void
on_list(void *arg, struct queue_listing *l)
{
	struct fixture *f = arg;

	assert_int_equal(l->n, 1);
	f->rig.id = l->v[0].id;
	queue_listing_free(&l);
	loop_stop(f->rig.loop);
}

/* The content of the only message. */
static const char *
read_mail(struct fixture *f)
{
	struct queue *q = f->rig.q;

	buf_clear(&f->content);
	assert_int_equal(queue_list(q, 0, 100, NULL, f->rig.loop, on_list, f),
			 0);
	loop_run(f->rig.loop);
	assert_int_equal(queue_piece(q, f->rig.id, 0, f->rig.loop, on_piece, f),
			 0);
	loop_run(f->rig.loop);
	return buf_str(&f->content);
}

static void
test_a_commit_that_fails(void **state)
{
	static const struct store_fail full = {.n = 1,
					       .how = STORE_FAIL_ERRNO,
					       .error = ENOSPC,
					       .sticky = true,
					       .durable_only = true};
	static struct fixture f;

	(void)state;
	begin(&f);
	log_event(&f.relay.log_root, LOG_ERROR, "corrupt",
		  LOG_STR("what", "first"));
	store_fail_arm(&full);
	look_in_vain(&f);
	store_fail_disarm();
	rig_settle(&f.rig);
	assert_int_equal(rig_stats(&f.rig)->messages, 0);
	/* What was not told is told anew, with what came meanwhile. */
	log_event(&f.relay.log_root, LOG_ERROR, "corrupt",
		  LOG_STR("what", "second"));
	clock_advance(f.rig.clock, 61 * 1000);
	assert_int_equal(look_for_one(&f), 1);
	assert_non_null(strstr(read_mail(&f), "what=first"));
	assert_non_null(strstr(read_mail(&f), "what=second"));
	/* And that was that, for an hour. */
	log_event(&f.relay.log_root, LOG_ERROR, "corrupt",
		  LOG_STR("what", "third"));
	clock_advance(f.rig.clock, 61 * 1000);
	assert_int_equal(look(&f), 1);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_commit_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
