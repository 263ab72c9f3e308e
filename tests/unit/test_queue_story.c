/*
 * The queue's meaning as a table of stories. Each is told to a child that is
 * killed at every point where something becomes durable, then to the next life,
 * which drives the same story to its end. Whatever the moment: what was said to
 * be accepted is served, one report a message, nothing is left over, and the
 * store's invariant holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"
#include "queue/key.h"
#include "tests/unit/crash_kit.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* What the world saw; outlives every child. */
struct seen {
	int accepted;    /* answers of 0 */
	int64_t wall_ms; /* of the last life */
	int served[8];   /* deliveries, by the digit of rN@x.org */
	int reports;     /* different ones that reached the sender */
	uint64_t report; /* the last of them; one in flight may repeat */
	bool rerouted;   /* round what is dead */
};

static struct seen *seen; /* shared with the children */

struct story {
	struct crash_story crash;
	/* AGAIN: a later life. */
	void (*tell)(struct rig *rig, bool again);
	/* What there must be at the end. */
	void (*judge)(const struct seen *s);
};

/* --- the far end --------------------------------------------------------- */

static void
far_note(const struct attempt *a, const struct attempt_rcpt *ar)
{
	if (ar->outcome != ATTEMPT_DONE)
		return;
	if (ar->address[0] == 'r')
		seen->served[ar->address[1] - '0']++;
	if (ar->address[0] != 'a')
		return;
	seen->reports += seen->report != a->id;
	seen->report = a->id;
}

/* r0 is delivered, r1 deferred twice, r2 refused; `dead` can't be reached. */
static void
far_end(struct rig *rig, struct attempt *a)
{
	int64_t age = clock_wall_ms(rig->clock) - a->arrival_ms;

	a->dest_state = ATTEMPT_DEST_OK;
	if (strcmp(a->dest, "dead") == 0 && age < DAY) {
		a->dest_state = ATTEMPT_DEST_FAILED;
		reply_set(&a->dest_reply, 421, "4.4.1", "no route to host");
		attempt_result(&a);
		return;
	}
	if (a->probe)
		attempt_reached(a);
	for (size_t i = 0; i < a->nrcpt; i++) {
		struct attempt_rcpt *ar = &a->rcpt[i];

		ar->outcome = ATTEMPT_DONE;
		ar->reach = ATTEMPT_DELIVERED;
		reply_set(&ar->reply, 250, "2.0.0", "ok");
		if (strncmp(ar->address, "r1", 2) == 0 && ar->tries < 2) {
			ar->outcome = ATTEMPT_LATER;
			reply_set(&ar->reply, 450, "4.2.0", "later");
		}
		if (strncmp(ar->address, "r2", 2) == 0) {
			ar->outcome = ATTEMPT_NEVER;
			reply_set(&ar->reply, 550, "5.1.1", "no");
			seen->served[2]++;
		}
		far_note(a, ar);
	}
	attempt_result(&a);
}

static void
drive(struct rig *rig, int64_t step, int64_t most)
{
	for (int64_t t = 0; t < most; t += step) {
		rig_advance(rig, step);
		seen->wall_ms = clock_wall_ms(rig->clock);
		if (rig_stats(rig)->messages == 0)
			return;
	}
}

static void
send(struct rig *rig, const struct rig_mail *mail)
{
	if (rig_send(rig, mail) == 0)
		seen->accepted++;
	rig_settle(rig);
}

/* --- stories ------------------------------------------------------------- */

static void
tell_accept(struct rig *rig, bool again)
{
	if (!again)
		send(rig, RIG_MAIL(.nrcpt = 1));
	drive(rig, MINUTE, HOUR);
}

static void
judge_accept(const struct seen *s)
{
	if (s->accepted)
		assert_in_range(s->served[0], 1, 2);
}

static void
tell_three(struct rig *rig, bool again)
{
	if (!again)
		send(rig, RIG_MAIL(.nrcpt = 3));
	drive(rig, MINUTE, 2 * HOUR);
}

static void
judge_three(const struct seen *s)
{
	if (!s->accepted && s->served[0] == 0)
		return;
	assert_in_range(s->served[0], 1, 2);
	assert_in_range(s->served[1], 1, 2);
	assert_in_range(s->served[2], 1, 2);
	assert_int_equal(s->reports, 1);
}

static void
tell_dead(struct rig *rig, bool again)
{
	if (!again)
		for (int i = 0; i < 2; i++)
			send(rig, RIG_MAIL(.nrcpt = 1, .dest = "dead"));
	drive(rig, 30 * MINUTE, 3 * DAY);
}

static void
judge_dead(const struct seen *s)
{
	/* Both may have been in flight, and repeat. */
	assert_in_range(s->served[0], s->accepted, 2 * 2);
	assert_int_equal(s->reports, 0);
}

/* Round a dead host: all moves within the hour, whenever we are killed. */
static void
route_round(void *ctx, struct loop *loop, struct arena *arena,
	    struct queue_lookup *v, size_t n)
{
	(void)ctx;
	(void)loop;
	(void)arena;
	for (size_t i = 0; seen->rerouted && i < n; i++)
		if (strcmp(v[i].dest, "dead") == 0)
			v[i].dest = "hop";
}

static void
tell_round(struct rig *rig, bool again)
{
	if (!again) {
		for (int i = 0; i < 3; i++)
			send(rig, RIG_MAIL(.nrcpt = 1, .dest = "dead"));
		seen->rerouted = true;
		rig->routes[0] = 1;
		queue_set_routes(rig->q, rig->routes);
		rig_settle(rig);
	}
	drive(rig, MINUTE, HOUR);
	if (seen->rerouted)
		must(rig_stats(rig)->messages == 0);
	drive(rig, HOUR, 3 * DAY);
}

static void
judge_round(const struct seen *s)
{
	assert_in_range(s->served[0], s->accepted, 2 * 3);
	assert_int_equal(s->reports, 0);
}

/* Success was asked for: it is told. */
static void
tell_success(struct rig *rig, bool again)
{
	if (!again)
		send(rig, RIG_MAIL(.nrcpt = 2, .notify = {DSN_NOTIFY_SUCCESS,
							  DSN_NOTIFY_SUCCESS}));
	drive(rig, MINUTE, 2 * HOUR);
}

/* One report, or two where a crash came between the ends of the two; the second
 * recipient is deferred for a while. */
static void
judge_success(const struct seen *s)
{
	if (!s->accepted && s->served[0] == 0)
		return;
	assert_in_range(s->served[0], 1, 2);
	assert_in_range(s->served[1], 1, 2);
	assert_in_range(s->reports, 1, 2);
}

/* A day late: a warning, once, and then it is served. */
static void
tell_late(struct rig *rig, bool again)
{
	rig->conf.warn_after_ms = 4 * HOUR;
	queue_set_conf(rig->q, &rig->conf);
	if (!again)
		send(rig, RIG_MAIL(.nrcpt = 1, .dest = "dead"));
	drive(rig, 10 * MINUTE, 3 * DAY);
}

static void
judge_late(const struct seen *s)
{
	if (!s->accepted && s->served[0] == 0)
		return;
	assert_in_range(s->served[0], 1, 2);
	assert_int_equal(s->reports, 1);
}

static void
tell_pause(struct rig *rig, bool again)
{
	if (!again) {
		if (rig_pause(rig, true, clock_wall_ms(rig->clock) + HOUR) == 0)
			send(rig, RIG_MAIL(.nrcpt = 1));
		assert_int_equal(rig->given, 0);
	}
	drive(rig, MINUTE, 3 * HOUR);
}

static void
tell_large(struct rig *rig, bool again)
{
	if (!again) {
		struct draft *d = rig_draft(rig, RIG_MAIL(.size = 50 << 20));

		crash_kit_rest();
		rig_settle(rig);
		draft_abandon(&d);
		send(rig, RIG_MAIL(.nrcpt = 1, .size = 300000));
	}
	drive(rig, MINUTE, 3 * HOUR);
	rig_advance(rig, HOUR);
	for (int i = 0; i < 300; i++)
		rig_settle(rig);
}

/* --- a record that publishes, is told, and withdraws --------------------- */

struct bell {
	struct rig *rig;
	struct publish *publish;
	uint64_t id; /* of the message: the record's value */
};

static int
bell_delete(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('i', 1);
	int r = store_del(txn, &key);

	(void)arg;
	return r == -ENOENT ? 0 : r;
}

static void
bell_publish(struct bell *b, const char *to)
{
	struct rig *rig = b->rig;
	struct envelope_rcpt rcpt = {
		.address = to, .agent = "test", .dest = "dead"};
	struct envelope env = {.sender = "alert@x.org",
			       .class = QUEUE_ALERT,
			       .teller = 'i',
			       .teller_key = store_kit_key('i', 1),
			       .nrcpt = 1,
			       .rcpt = &rcpt};
	struct draft *d = rig_draft(rig, RIG_MAIL(.flow = 0));

	b->id = draft_id(d);
	b->publish = publish_prepare(&d, &env);
}

/* The record comes with its message, or not at all. */
static int
bell_put(struct store_txn *txn, void *arg)
{
	struct bell *b = arg;
	struct store_key key = store_kit_key('i', 1);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_ALERT, 'i',
					  clock_wall_ms(b->rig->clock) + HOUR),
		.value = &b->id,
		.len = sizeof(b->id)};
	int r = publish_in(txn, b->publish);

	return r == 0 ? store_put(txn, &key, &rec) : r;
}

static void
bell_after(void *arg, int result)
{
	struct bell *b = arg;

	publish_after(&b->publish, result);
}

static void
bell_done(void *arg, int result)
{
	struct bell *b = arg;

	if (result == 0)
		seen->accepted++;
	loop_stop(b->rig->loop);
}

/* Nobody was told within the hour: withdraw and forget. */
static int
bell_due(struct store_txn *txn, void *ctx, const struct store_key *key,
	 const struct store_rec *rec, int64_t now)
{
	struct rig *rig = ctx;
	struct store_rec next = *rec;
	uint64_t id;
	int r;

	must(rec->len == sizeof(id));
	memcpy(&id, rec->value, sizeof(id));
	next.value = &id;
	r = publish_withdraw_in(txn, rig->q, id);

	if (r == 0 || r == -ENOENT)
		return store_del(txn, key);
	next.place = store_place_time(STORE_CLASS_ALERT, 'i', now + MINUTE);
	return r == -EBUSY ? store_put(txn, key, &next) : r;
}

static void
tell_bell(struct rig *rig, bool again)
{
	struct bell b = {.rig = rig};
	struct store_job job = {.fn = bell_put,
				.after = bell_after,
				.done = bell_done,
				.arg = &b,
				.loop = rig->loop};

	rig->tell_fn = bell_delete;
	if (!again) {
		bell_publish(&b, "r5@x.org");
		store_run(queue_store(rig->q), &job);
		loop_run(rig->loop);
		rig_settle(rig);
	}
	drive(rig, MINUTE, 2 * HOUR);
	rig_advance(rig, 2 * HOUR);
}

static void
judge_bell(const struct seen *s)
{
	/* Its destination is dead for a day: withdrawn, never delivered. */
	assert_int_equal(s->served[5], 0);
	assert_int_equal(s->reports, 0);
}

static const struct story stories[] = {
	{{.name = "accept", .least = 5}, tell_accept, judge_accept},
	{{.name = "three recipients", .least = 8}, tell_three, judge_three},
	{{.name = "dead for a day", .least = 8}, tell_dead, judge_dead},
	{{.name = "round a dead host", .least = 8}, tell_round, judge_round},
	{{.name = "success is told", .least = 8}, tell_success, judge_success},
	{{.name = "late is told", .least = 8}, tell_late, judge_late},
	{{.name = "paused", .least = 8}, tell_pause, judge_accept},
	{{.name = "fifty megabytes cut off", .least = 8, .alike = true},
	 tell_large,
	 judge_accept},
	{{.name = "a bell", .least = 8}, tell_bell, judge_bell},
};

/* --- lives --------------------------------------------------------------- */

static void
begin(struct rig *rig, const char *dir)
{
	rig_init(rig, dir);
	if (seen->wall_ms > 0)
		clock_advance(rig->clock,
			      seen->wall_ms - clock_wall_ms(rig->clock));
	rig->agent = far_end;
	rig->router = route_round;
	rig->routes[0] = seen->rerouted;
	rig->report = true;
	rig_open(rig);
	queue_set_due(rig->q, 'i', bell_due, rig);
}

static void
live(const void *arg, const char *dir, bool again)
{
	static struct rig rig;
	const struct story *story = arg;

	begin(&rig, dir);
	crash_kit_begin();
	rig_start(&rig);
	story->tell(&rig, again);
	if (!again)
		return;
	/* Keys and what else has a time. */
	rig_advance(&rig, 2 * DAY);
	must(rig_stats(&rig)->messages == 0);
	rig_done(&rig);
}

static void
judge(const void *arg, const struct crash_end *end)
{
	const struct story *story = arg;

	assert_int_equal(end->store.waits, 0);
	story->judge(seen);
}

static void
test_stories(void **state)
{
	struct crash_kit kit = {.stories = stories,
				.n = sizeof(stories) / sizeof(stories[0]),
				.size = sizeof(stories[0]),
				.points = 12,
				.live = live,
				.judge = judge,
				.seen_len = sizeof(*seen)};

	(void)state;
	kit.seen = seen = crash_kit_share(sizeof(*seen));
	crash_kit_run(&kit);
	munmap(seen, sizeof(*seen));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
