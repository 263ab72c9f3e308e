/*
 * turn - who is next.
 *
 * Runs in the store thread at the beginning of every batch and sees what is
 * committed. A destination has a window of attempts; those that have something
 * to do take turns. Within one, lanes (class, tried before or not) are served
 * as the table says, and within a lane flows take turns, so that one sender's
 * heap does not stand before another's single message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define TURN_GIVE_MAX    256 /* attempts a turn */
#define TURN_JUMP_MS     (10 * 60 * 1000)
#define TURN_BACK_MS     1000
#define TURN_WALL_MS     60000 /* the wall may jump while we sleep */
#define TURN_HURRY_MS    5000  /* alerts wait at a destination that is down */
#define TURN_OTHER_LANES 4

struct turn_now {
	int64_t wall_ms, mono_ms;
};

/*
 * The order of lanes when all hold something: fresh before tried 3 : 1, normal
 * before bulk 4 : 1. A lane that is empty gives its turn to the next best.
 * Alerts come before all of it, in the same 3 : 1.
 */
#define LANE_NORMAL_FRESH 2
#define LANE_NORMAL_TRIED 3
#define LANE_BULK_FRESH   4
#define LANE_BULK_TRIED   5
static const uint8_t turn[] = {
	LANE_NORMAL_FRESH, LANE_NORMAL_FRESH, LANE_NORMAL_FRESH,
	LANE_NORMAL_TRIED, LANE_BULK_FRESH,   LANE_NORMAL_FRESH,
	LANE_NORMAL_FRESH, LANE_NORMAL_TRIED, LANE_NORMAL_FRESH,
	LANE_BULK_FRESH,   LANE_NORMAL_FRESH, LANE_NORMAL_TRIED,
	LANE_NORMAL_FRESH, LANE_NORMAL_FRESH, LANE_BULK_FRESH,
	LANE_NORMAL_TRIED, LANE_NORMAL_FRESH, LANE_NORMAL_FRESH,
	LANE_NORMAL_FRESH, LANE_BULK_TRIED,
};
#define TURNS (sizeof(turn) / sizeof(turn[0]))

enum give { GIVE_DONE, GIVE_BLOCKED, GIVE_WAIT };

static int
take_alert(struct queue *q, struct store_txn *txn, struct dest *d,
	   struct attempt_impl **ret)
{
	bool tried = turn[d->turn] == LANE_NORMAL_TRIED ||
		     turn[d->turn] == LANE_BULK_TRIED;
	uint8_t lanes[2] = {lane_of(QUEUE_ALERT, tried),
			    lane_of(QUEUE_ALERT, !tried)};

	return take_lanes(q, txn, d, lanes, 2, ret);
}

static int
take_other(struct queue *q, struct store_txn *txn, struct dest *d,
	   struct attempt_impl **ret)
{
	uint8_t first = turn[d->turn];
	uint8_t other =
		first >= LANE_BULK_FRESH ? LANE_NORMAL_FRESH : LANE_BULK_FRESH;
	uint8_t lanes[TURN_OTHER_LANES] = {first, first ^ 1, other, other + 1};

	return take_lanes(q, txn, d, lanes, TURN_OTHER_LANES, ret);
}

static int64_t
turn_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- a destination ------------------------------------------------------- */

/* What its record says, once. */
static void
turn_load(struct queue *q, struct store_txn *txn, struct dest *d)
{
	struct dest_rec rec;
	struct arena a;
	bool was_down = d->down;

	arena_init(&a);
	d->agent = queue_find_agent(q, d->agent_name);
	d->loaded = true;
	d->down = dest_get(txn, d->key, &a, &rec) == 0;
	/* What came while it was down stands before the cursors. */
	if (was_down && !d->down)
		dest_reset_lanes(d, LANES_ALL);
	if (d->down) {
		d->not_before_ms = rec.not_before_ms;
		if (rec.probe != 0) {
			d->flow[rec.probe_lane] = rec.probe_flow;
			dest_cursor_set(d, rec.probe_lane, rec.probe_flow,
					rec.probe + 1, 0);
		}
	}
	arena_done(&a);
}

struct hurry {
	struct queue *q;
	uint64_t dest;
	int64_t when;
	struct store_job job;
};

static int
hurry_job(struct store_txn *txn, void *arg)
{
	struct hurry *h = arg;
	struct store_key key = key_dest(h->dest);
	struct store_rec rec;
	struct dest_rec dr;
	struct arena a;
	int r;

	arena_init(&a);
	r = store_get(txn, &key, &rec);
	if (r == 0)
		r = dest_decode(rec.value, rec.len, &a, &dr);
	if (r == 0 && dr.not_before_ms > h->when) {
		dr.not_before_ms = h->when;
		buf_clear(&h->q->scratch);
		must(dest_encode(&dr, &h->q->scratch) == 0);
		rec.value = h->q->scratch.data;
		rec.len = h->q->scratch.len;
		rec.place = store_place_time(STORE_CLASS_ALERT, 'd', h->when);
		r = store_put(txn, &key, &rec);
	}
	arena_done(&a);
	return r == -ENOENT ? 0 : r;
}

static void
hurry_after(void *arg, int result)
{
	struct hurry *h = arg;
	struct dest *d = dest_find(&h->q->dests, h->dest);

	if (d != NULL) {
		d->hurrying = false;
		if (result == 0 && d->not_before_ms > h->when)
			d->not_before_ms = h->when;
	}
	queue_poke(h->q);
	free(h);
}

/* An alert waits where the next probe is far: have it soon, unless that is what
 * the destination asked for. */
static void
turn_hurry(struct queue *q, struct store_txn *txn, struct dest *d, int64_t now)
{
	struct dest_rec rec;
	struct arena a;
	struct hurry *h;
	int64_t pace = INT64_MAX;

	if (d->hurrying || d->not_before_ms - now <= TURN_HURRY_MS ||
	    !(d->lanes & LANES_ALERT))
		return;
	arena_init(&a);
	if (dest_get(txn, d->key, &a, &rec) == 0 &&
	    dest_rec_asked(&rec, now) == now)
		pace = dest_alert_pace(txn, d->key, rec.first_ms, now);
	arena_done(&a);
	if (d->not_before_ms - now <= pace)
		return;
	h = xcalloc(1, sizeof(*h));
	h->q = q;
	h->dest = d->key;
	h->when = now + TURN_HURRY_MS;
	h->job = (struct store_job){
		.fn = hurry_job,
		.need = STORE_NEED_RESULT,
		.after = hurry_after,
		.arg = h,
		.bytes = 4096,
	};
	d->hurrying = true;
	queue_run(q, &h->job);
}

static size_t
turn_loop_for(struct queue *q, const struct dest *d)
{
	size_t best = q->next_give++ % q->nloops;

	for (size_t i = 0; i < q->nloops; i++)
		if (d->kept[i] > d->kept[best])
			best = i;
	return best;
}

static void
turn_hand_out(struct queue *q, struct dest *d, struct attempt_impl *ai,
	      int64_t mono)
{
	size_t at = turn_loop_for(q, d);

	if (d->kept[at] > 0)
		d->kept[at]--;
	d->turn = (uint8_t)((d->turn + 1) % TURNS);
	ai->loop_at = at;
	ai->loop = ai->reader.loop = q->loops[at];
	ai->agent = d->agent;
	ai->epoch = d->epoch;
	ai->a.probe = d->down;
	if (d->down)
		d->probing = true;
	out_add(q, ai);
	throttle_given(ai, mono);
	ai->patient = 2 * d->busy < throttle_window(q, d);
	attempt_give(ai);
}

static bool
turn_has_slot(const struct queue *q, bool alert)
{
	uint32_t all = (uint32_t)q->conf.connections;
	uint32_t kept =
		all / 4 < QUEUE_ALERT_SLOTS ? all / 4 : QUEUE_ALERT_SLOTS;

	if (alert)
		return q->nbusy < all;
	return q->nbusy - q->nbusy_alert < all - kept && q->nbusy < all;
}

/* Its window or its rate opens at AT. */
static enum give
turn_wait(struct queue *q, struct dest *d, int64_t at)
{
	if (at == INT64_MAX)
		return GIVE_BLOCKED;
	dest_wait(&q->dests, d, DEST_WAITING, at);
	return GIVE_WAIT;
}

/* A destination that is down: one message, each time another one. */
static enum give
turn_probe(struct queue *q, struct store_txn *txn, struct dest *d, bool alerts,
	   const struct turn_now *now, struct attempt_impl **ret)
{
	uint32_t window = (uint32_t)q->conf.destination.connections;
	int64_t alert_at = throttle_rate_opens(q, d, true, now->mono_ms);
	int64_t at = throttle_rate_opens(q, d, false, now->mono_ms);
	bool others = !alerts && d->busy < window && at <= now->mono_ms;

	/* Those that are out from before may hang for long; an alert may have
	 * one more than the window. */
	if (d->probing || d->busy > window)
		return GIVE_BLOCKED;
	if (now->wall_ms < d->not_before_ms) {
		turn_hurry(q, txn, d, now->wall_ms);
		return GIVE_BLOCKED;
	}
	if (alert_at > now->mono_ms)
		return turn_wait(q, d, alert_at);
	for (int again = 0; again < 2; again++) {
		if (take_alert(q, txn, d, ret) == 0 ||
		    (others && take_other(q, txn, d, ret) == 0))
			return GIVE_DONE;
		/* All had their turn: from the beginning. */
		dest_reset_lanes(d, others ? LANES_ALL : LANES_ALERT);
	}
	if (!alerts && at > now->mono_ms)
		return turn_wait(q, d, at);
	return GIVE_BLOCKED;
}

static enum give
turn_take(struct queue *q, struct store_txn *txn, struct dest *d, bool alerts,
	  const struct turn_now *now, struct attempt_impl **ret)
{
	int64_t at, alert_at = INT64_MAX;

	if (!d->loaded)
		turn_load(q, txn, d);
	if (d->agent == NULL || d->list == DEST_RESTING)
		return GIVE_BLOCKED;
	if (d->down)
		return turn_probe(q, txn, d, alerts, now, ret);
	if (d->lanes & LANES_ALERT) {
		at = throttle_opens(q, d, true, now->mono_ms);
		if (at > now->mono_ms)
			alert_at = at;
		else if (turn_has_slot(q, true) &&
			 take_alert(q, txn, d, ret) == 0)
			return GIVE_DONE;
	}
	if (alerts || !(d->lanes & LANES_OTHER))
		return turn_wait(q, d, alert_at);
	at = throttle_opens(q, d, false, now->mono_ms);
	if (at > now->mono_ms)
		return turn_wait(q, d, turn_earlier(at, alert_at));
	if (turn_has_slot(q, false) && take_other(q, txn, d, ret) == 0)
		return GIVE_DONE;
	return GIVE_BLOCKED;
}

/* --- all destinations ---------------------------------------------------- */

/* The number of attempts that were given. */
static int
turn_give_alerts(struct queue *q, struct store_txn *txn,
		 const struct turn_now *now, int most)
{
	struct dest_head *list = &q->dests.alerts;
	struct attempt_impl *ai;
	struct dest *d;
	int given = 0;

	while (given < most && turn_has_slot(q, true) &&
	       (d = TAILQ_FIRST(list)) != NULL) {
		enum give give = turn_take(q, txn, d, true, now, &ai);

		dest_off_alerts(&q->dests, d);
		if (give != GIVE_DONE)
			continue;
		turn_hand_out(q, d, ai, now->mono_ms);
		dest_on_alerts(&q->dests, d);
		given++;
	}
	return given;
}

static int
turn_give_all(struct queue *q, struct store_txn *txn,
	      const struct turn_now *now, int most)
{
	struct dest_head *list = &q->dests.lists[DEST_RUN];
	struct attempt_impl *ai;
	struct dest *d;
	int given = 0;

	while (given < most && turn_has_slot(q, false) &&
	       (d = TAILQ_FIRST(list)) != NULL) {
		enum give give = turn_take(q, txn, d, false, now, &ai);

		if (give == GIVE_BLOCKED)
			dest_move(&q->dests, d, DEST_IDLE);
		if (give != GIVE_DONE)
			continue;
		turn_hand_out(q, d, ai, now->mono_ms);
		dest_move(&q->dests, d, DEST_RUN);
		given++;
	}
	return given;
}

/* Those whose time in LIST is over run again; when the next one's is. */
static int64_t
turn_wake(struct queue *q, enum dest_list list, int64_t now_mono)
{
	struct dest_head *head = &q->dests.lists[list];
	struct dest *d;

	while ((d = TAILQ_FIRST(head)) != NULL) {
		if (d->until_mono_ms > now_mono)
			return d->until_mono_ms;
		dest_move(&q->dests, d, DEST_IDLE);
		/* Those that gave everything back had a rest. */
		if (list == DEST_RESTING)
			dest_wake_all(&q->dests, d);
		else
			dest_run(&q->dests, d);
	}
	return INT64_MAX;
}

/* "Time that did not pass": a jump of the wall against the monotonic clock. */
static void
turn_look_at_clock(struct queue *q, int64_t wall, int64_t mono)
{
	int64_t offset = wall - mono;
	int64_t jump = offset - q->wall_minus_mono_ms;

	if (q->clock_known && (jump > TURN_JUMP_MS || jump < -TURN_BACK_MS)) {
		q->awake_since_ms = wall;
		q->leased_before_ms = 0; /* by another clock */
		if (jump < 0)
			due_clock_back(q, wall, wall - jump);
		log_event(q->log, LOG_WARNING, "clock_jump",
			  LOG_INT("ms", jump));
	}
	q->clock_known = true;
	q->wall_minus_mono_ms = offset;
}

static void
turn_take_conf(struct queue *q, int64_t wall)
{
	pthread_mutex_lock(&q->lock);
	if (q->conf_changed) {
		q->conf = q->conf_shared;
		q->conf_changed = false;
		/* Windows may be larger now. */
		scan_start(q);
	}
	if (memcmp(q->routes, q->routes_shared, sizeof(q->routes)) != 0) {
		memcpy(q->routes, q->routes_shared, sizeof(q->routes));
		q->awake_since_ms = wall;
	}
	pthread_mutex_unlock(&q->lock);
}

/* The monotonic time at which to look for what is DUE. The two clocks may part:
 * the wall is set, or the machine sleeps and only one goes on. */
static int64_t
turn_when(int64_t due, int64_t wall, int64_t mono)
{
	if (due == INT64_MAX)
		return INT64_MAX;
	return mono + (due - wall < TURN_WALL_MS ? due - wall : TURN_WALL_MS);
}

static bool
turn_give(struct queue *q, struct store_txn *txn, const struct turn_now *now)
{
	int given;

	if (q->paused.paused && q->paused.alerts)
		return false;
	given = turn_give_alerts(q, txn, now, TURN_GIVE_MAX);
	if (!q->paused.paused)
		given += turn_give_all(q, txn, now, TURN_GIVE_MAX - given);
	return given >= TURN_GIVE_MAX;
}

int64_t
queue_turn(struct store_txn *txn, void *arg)
{
	struct queue *q = arg;
	int64_t wall = clock_wall_ms(q->clock), mono = clock_mono_ms(q->clock);
	const struct turn_now now = {.wall_ms = wall, .mono_ms = mono};
	int64_t next, due, unwritten;

	q->poked = false;
	turn_look_at_clock(q, wall, mono);
	turn_take_conf(q, wall);
	attempt_free_slots(q);
	unwritten = attempt_unwritten_turn(q, mono);
	if (!atomic_load(&q->started) || atomic_load(&q->stopping))
		return unwritten;
	due = due_turn(q, txn, wall, mono);
	next = turn_earlier(unwritten, turn_when(due, wall, mono));
	next = turn_earlier(next, turn_wake(q, DEST_RESTING, mono));
	next = turn_earlier(next, walk_turn(q, txn, wall, mono));
	scan_turn(q, txn, wall);
	(void)turn_wake(q, DEST_WAITING, mono);
	if (turn_give(q, txn, &now) || q->scanning)
		next = mono;
	/* Some wait since just now. */
	next = turn_earlier(next, turn_wake(q, DEST_WAITING, mono));
	next = turn_earlier(next, scan_again(q, mono));
	stats_count_turn(q);
	stats_turn(q, txn, mono);
	return next;
}
