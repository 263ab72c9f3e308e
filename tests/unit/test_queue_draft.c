/*
 * Drafts: keys, large contents, what is left when one is cut off.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/queue_rig.h"
#include "tests/unit/store_check.h"
#include "tests/unit/test.h"

/* Nothing is left behind and the invariant holds. */
static void
check_empty(struct rig *rig, uint64_t pages)
{
	struct store_check check;

	rig_close(rig);
	assert_int_equal(store_check(rig->dir, &check), 0);
	assert_string_equal(check.fault, "");
	assert_int_equal(check.pages, pages);
}

static void
test_key(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig_pause(rig, true, 0);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 10,
						.prefix = "Received: a\r\n")),
			 0);
	id = rig->id;
	/* Ours may differ, the caller's may not. */
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 10,
						.prefix = "Received: bb\r\n")),
			 1);
	assert_true(rig->id == id);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 11)),
			 -EEXIST);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 10,
						.to = {"other@x.org"})),
			 -EEXIST);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "two", .size = 10)), 0);
	assert_int_equal(rig_stats(rig)->messages, 2);
	rig_advance(rig, 24 * HOUR - 1);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 11)),
			 -EEXIST);
	rig_advance(rig, 1);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "one", .size = 11)), 0);
}

/* A month, or a day from when its owner says that it won't come again. */
static void
test_key_kept(void **state)
{
	struct rig *rig = *state;

	rig_pause(rig, true, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			rig_send(rig, RIG_MAIL(.key = "one", .key_kept = true)),
			i);
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.key = "two", .key_kept = true)), 0);
	rig_advance(rig, 72 * HOUR);
	queue_forget_key(rig->q, "one", rig->loop);
	queue_forget_key(rig->q, "none", rig->loop);
	rig_settle(rig);
	rig_advance(rig, 24 * HOUR - 1);
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.key = "one", .key_kept = true)), 1);
	rig_advance(rig, 1);
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.key = "one", .key_kept = true)), 0);
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.key = "two", .key_kept = true)), 1);
	rig_advance(rig, 26 * 24 * HOUR);
	assert_int_equal(
		rig_send(rig, RIG_MAIL(.key = "two", .key_kept = true)), 0);
}

static void
test_key_of_a_large_one(void **state)
{
	struct rig *rig = *state;

	rig_pause(rig, true, 0);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "k", .size = 300000)),
			 0);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "k", .size = 300000)),
			 1);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "k", .size = 300000,
						.fill = 'y')),
			 -EEXIST);
	assert_int_equal(rig_send(rig, RIG_MAIL(.key = "k", .size = 300001)),
			 -EEXIST);
	/* The copies are cleared away. */
	rig_settle(rig);
	check_empty(rig, (300000 + STORE_PAGE_MAX - 1) / STORE_PAGE_MAX);
}

static void
test_equal_recipients_are_made_once(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org", "c@x.org", "b@x.org"}));
	rig_settle(rig);
	assert_int_equal(rig->out[0]->nrcpt, 2);
	assert_string_equal(rig->out[0]->rcpt[1].address, "c@x.org");
}

static void
test_a_thousand_recipients_of_one_body(void **state)
{
	struct rig *rig = *state;

	rig->conf.destination.connections = 100;
	queue_set_conf(rig->q, &rig->conf);
	rig_pause(rig, true, 0);
	assert_int_equal(rig_send(rig, RIG_MAIL(.nrcpt = 1000, .size = 9000)),
			 0);
	rig_settle(rig);
	check_empty(rig, 3);
	rig_open(rig);
	rig_start(rig);
	rig_resume(rig);
	rig_settle(rig);
	assert_int_equal(rig->nout, 10);
	rig_deliver_rest(rig);
	check_empty(rig, 0);
}

static void
test_too_large(void **state)
{
	struct rig *rig = *state;
	struct draft *d;
	char piece[1000] = {0};

	assert_int_equal(draft_open(rig->q, 1500, STORE_NEED_MAIL, rig->loop,
				    rig->handle, NULL, &d),
			 0);
	assert_int_equal(draft_write(d, piece, sizeof(piece)), 0);
	assert_int_equal(draft_write(d, piece, sizeof(piece)), -EMSGSIZE);
	assert_int_equal(draft_write(d, piece, 1), -EMSGSIZE);
	draft_abandon(&d);
	assert_null(d);
}

struct reading {
	struct rig *rig;
	int64_t len;
	ssize_t last;
	bool same;
};

static void
read_on(void *arg, const char *data, ssize_t len)
{
	struct reading *x = arg;

	for (ssize_t i = 0; i < len; i++)
		x->same &= data[i] == 'z';
	x->last = len;
	if (len > 0) {
		x->len += len;
		attempt_read(x->rig->out[0], read_on, x);
		return;
	}
	loop_stop(x->rig->loop);
}

static void
test_fifty_megabytes(void **state)
{
	struct rig *rig = *state;
	struct reading x = {.rig = rig, .same = true};
	const size_t size = 50 << 20;
	struct mallinfo2 before = mallinfo2(), after;
	struct draft *d = rig_draft(rig, RIG_MAIL(.size = size, .fill = 'z'));

	after = mallinfo2();
	assert_non_null(d);
	/* Bounded by the pieces under way, not by the message. */
	assert_true(after.uordblks + after.hblkhd <
		    before.uordblks + before.hblkhd + (1 << 20));
	draft_abandon(&d);
	rig_settle(rig);
	for (int i = 0; i < 300; i++)
		rig_settle(rig);
	assert_int_equal(rig_send(rig, RIG_MAIL(.size = size, .fill = 'z')), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	attempt_read(rig->out[0], read_on, &x);
	loop_run(rig->loop);
	assert_int_equal(x.last, 0);
	assert_int_equal(x.len, size);
	assert_true(x.same);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	for (int i = 0; i < 300; i++)
		rig_settle(rig);
	check_empty(rig, 0);
}

static void
committed(void *object, int result, uint64_t id)
{
	struct rig *rig = object;

	(void)id;
	rig->result = result;
	loop_stop(rig->loop);
}

/* The client went: what was written goes too. */
static void
test_cut_off(void **state)
{
	struct envelope_rcpt to = {
		.address = "b@x.org", .agent = "test", .dest = "hop"};
	struct envelope env = {.sender = "", .nrcpt = 1, .rcpt = &to};
	struct rig *rig = *state;
	struct draft *d = rig_draft(rig, RIG_MAIL(.size = 1 << 20));

	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->messages, 0);
	draft_abandon(&d);
	d = rig_draft(rig, RIG_MAIL(.size = 1 << 20));
	rig_settle(rig);
	/* One that hangs for an hour is cleared away as well, and can't be
	 * published any more. */
	rig_advance(rig, HOUR);
	for (int i = 0; i < 20; i++)
		rig_settle(rig);
	draft_commit(&d, &env, committed);
	loop_run(rig->loop);
	assert_int_equal(rig->result, -ESTALE);
	rig_settle(rig);
	check_empty(rig, 0);
}

/* --- what comes in front at the end ---------------------------------------- */

static const char late_text[] = "Signature: of all that follows\r\n";
static const char own_text[] = "Received: a\r\n";

struct content {
	struct rig *rig;
	struct buf text;
	uint32_t page;
};

static void
content_take(void *arg, const char *data, ssize_t len, bool cut)
{
	struct content *c = arg;

	assert_true(len >= 0 && !cut);
	assert_int_equal(buf_append(&c->text, data, (size_t)len), 0);
	c->page += QUEUE_PIECE_PAGES;
	if (len > 0)
		assert_int_equal(queue_piece(c->rig->q, c->rig->id, c->page,
					     c->rig->loop, content_take, c),
				 0);
	else
		loop_stop(c->rig->loop);
}

static void
check_content(struct rig *rig, size_t size)
{
	size_t own = strlen(late_text) + strlen(own_text);
	struct content c = {.rig = rig};

	buf_init(&c.text, 32 << 20);
	assert_int_equal(
		queue_piece(rig->q, rig->id, 0, rig->loop, content_take, &c),
		0);
	loop_run(rig->loop);
	assert_int_equal(c.text.len, own + size);
	assert_memory_equal(c.text.data, late_text, strlen(late_text));
	assert_memory_equal(c.text.data + strlen(late_text), own_text,
			    strlen(own_text));
	for (size_t i = own; i < c.text.len; i++)
		assert_int_equal(c.text.data[i], 'z');
	assert_int_equal(rig_show(rig, rig->id)->size, own + size);
	buf_done(&c.text);
}

static void
test_prefix(void **state)
{
	static const size_t sizes[] = {
		1,      4000,   65000,  65200,   65216,   65300,
		100000, 130432, 140000, 1000000, 3000000,
	};
	struct rig *rig = *state;

	rig_pause(rig, true, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(
			rig_send(rig, RIG_MAIL(.size = sizes[i], .fill = 'z',
					       .prefix = own_text,
					       .late = late_text)),
			0);
		check_content(rig, sizes[i]);
		assert_int_equal(rig_act(rig, QUEUE_REMOVE, rig->id), 0);
	}
	for (int i = 0; i < 100; i++)
		rig_settle(rig);
	check_empty(rig, 0);
}

static ssize_t
deliver_length(struct rig *rig)
{
	struct reading x = {.rig = rig};

	attempt_read(rig->out[0], read_on, &x);
	loop_run(rig->loop);
	assert_int_equal(x.last, 0);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	return x.len;
}

/* What leaves is all of it, whether it is still in memory or not. */
static void
test_prefix_leaves(void **state)
{
	static const size_t sizes[] = {100, 65216, 100000, 400000};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		rig_send(rig, RIG_MAIL(.size = sizes[i], .late = late_text));
		rig_settle(rig);
		assert_int_equal(deliver_length(rig),
				 sizes[i] + strlen(late_text));
	}
}

/* It is not what the caller sent. */
static void
test_prefix_and_key(void **state)
{
	static const size_t sizes[] = {10, 100000, 300000};
	struct rig *rig = *state;

	rig_pause(rig, true, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i];
		char key[] = {(char)('a' + i), '\0'};

		assert_int_equal(
			rig_send(rig, RIG_MAIL(.key = key, .size = size,
					       .late = "A: b\r\n")),
			0);
		assert_int_equal(
			rig_send(rig, RIG_MAIL(.key = key, .size = size,
					       .late = "A: cc\r\n")),
			1);
		assert_int_equal(
			rig_send(rig, RIG_MAIL(.key = key, .size = size + 1,
					       .late = "A: b\r\n")),
			-EEXIST);
	}
}

static void
test_prefix_cut_off(void **state)
{
	struct rig *rig = *state;

	for (size_t size = 1000; size < 1000000; size *= 3) {
		struct draft *d = rig_draft(
			rig, RIG_MAIL(.size = size, .late = late_text));

		draft_abandon(&d);
	}
	for (int i = 0; i < 100; i++)
		rig_settle(rig);
	check_empty(rig, 0);
}

static void
test_prefix_too_large(void **state)
{
	struct rig *rig = *state;
	struct draft *d;
	char piece[1000] = {0};

	assert_int_equal(draft_open(rig->q, 1500, STORE_NEED_MAIL, rig->loop,
				    rig->handle, NULL, &d),
			 0);
	draft_reserve(d, 5000);
	assert_int_equal(draft_write(d, piece, sizeof(piece)), 0);
	assert_int_equal(draft_prefix(d, piece, sizeof(piece)), -EMSGSIZE);
	draft_abandon(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_key),
		RIG_TEST(test_key_kept),
		RIG_TEST(test_key_of_a_large_one),
		RIG_TEST(test_equal_recipients_are_made_once),
		RIG_TEST(test_a_thousand_recipients_of_one_body),
		RIG_TEST(test_too_large),
		RIG_TEST(test_fifty_megabytes),
		RIG_TEST(test_cut_off),
		RIG_TEST(test_prefix),
		RIG_TEST(test_prefix_leaves),
		RIG_TEST(test_prefix_and_key),
		RIG_TEST(test_prefix_cut_off),
		RIG_TEST(test_prefix_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
