/*
 * attempt - given, read, and what came of it.
 */
#include "queue/attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define ATTEMPT_ALERT_PROBE_MS 5000
#define ATTEMPT_ALERT_SLOW_MS  30000
#define ATTEMPT_ALERT_EAGER_MS (15 * 60 * 1000)
#define ATTEMPT_UNKNOWN_MS     5000
#define ATTEMPT_REST_MS        1000
#define ATTEMPT_FRUITLESS      64

const char *const attempt_outcome_names[] = {
	[ATTEMPT_UNTRIED] = "untried", [ATTEMPT_DONE] = "done",
	[ATTEMPT_LATER] = "later",     [ATTEMPT_NEVER] = "never",
	[ATTEMPT_MOVED] = "moved",
};

enum { RESULT_DELIVERED, RESULT_DEFERRED, RESULT_BOUNCED };

struct attempt_impl *
attempt_new(struct queue *q, struct dest *d)
{
	struct attempt_impl *ai = xcalloc(1, sizeof(*ai));

	arena_init(&ai->a.arena);
	effects_init(&ai->effects);
	ai->a.impl = ai;
	ai->a.agent = d->agent->name;
	ai->a.dest = arena_strdup(&ai->a.arena, d->name);
	ai->q = q;
	ai->dest = d;
	ai->log = q->log;
	memcpy(ai->result_cell, d->agent->result_cell,
	       sizeof(ai->result_cell));
	return ai;
}

void
attempt_free(struct attempt_impl *ai)
{
	reader_done(&ai->reader);
	effects_done(&ai->effects);
	arena_done(&ai->a.arena);
	free(ai);
}

/* On the loop. */
static void
attempt_arrives(void *arg)
{
	struct attempt_impl *ai = arg;

	ai->agent->fn(ai->agent->ctx, ai->loop, &ai->a);
}

void
attempt_give(struct attempt_impl *ai)
{
	ai->latency_cell = ai->q->metric.latency_cell[ai->a.class];
	loop_post(ai->loop, &ai->post, attempt_arrives, ai);
}

/* --- the content ------------------------------------------------------------- */

static void
attempt_read_cb(void *arg, const char *data, ssize_t len)
{
	struct attempt_impl *ai = arg;

	if (len == -EBADMSG)
		ai->corrupt = true;
	ai->read_fn(ai->read_arg, data, len);
}

void
attempt_read(struct attempt *a, attempt_read_fn *fn, void *arg)
{
	struct attempt_impl *ai = a->impl;

	ai->read_fn = fn;
	ai->read_arg = arg;
	reader_next(&ai->reader, attempt_read_cb, ai);
}

void
attempt_rewind(struct attempt *a)
{
	reader_rewind(&a->impl->reader);
}

/* --- the destination ------------------------------------------------------------ */

static int
dest_put(struct queue *q, struct store_txn *txn, uint64_t dest,
	 const struct dest_rec *dr, enum store_class class)
{
	struct store_key key = key_dest(dest);
	struct store_rec rec = {
		.place = store_place_time(class, 'd', dr->not_before_ms),
	};

	buf_clear(&q->scratch);
	must(dest_encode(dr, &q->scratch) == 0);
	rec.value = q->scratch.data;
	rec.len = q->scratch.len;
	return store_put(txn, &key, &rec);
}

static bool
dest_alerts_wait(struct store_txn *txn, uint64_t dest)
{
	struct store_place list = store_place_ready(dest, 0, 0), place;
	struct store_key key;

	return store_next_waiting(txn, &list, NULL, PLACE_PREFIX_DEST, &place,
				  &key) > 0 &&
	       place_lane(&place) <= lane_of(QUEUE_ALERT, true);
}

/* One more failure: only the record moves. */
static int
ar_dest_fails(struct attempt_impl *ai, struct store_txn *txn)
{
	struct queue *q = ai->q;
	struct dest_rec dr = {.agent = ai->dest->agent_name,
			      .name = ai->dest->name};
	enum store_class class = STORE_CLASS_OTHER;
	int r;

	r = dest_get(txn, ai->dest->key, &ai->effects.arena, &dr);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	/* Others that were out failed with it: one failure, counted once, also
	 * when all of them come back in one batch. */
	if (r == 0 && !ai->a.probe)
		return 0;
	ai->first_fail = r < 0;
	dest_rec_failed(&dr, ai->now_ms);
	reply_copy(&dr.reply, &ai->a.dest_reply);
	dr.probe = ai->a.id;
	dr.probe_lane = ai->lane;
	dr.probe_flow = ai->flow;
	dr.not_before_ms = ai->now_ms + queue_backoff(q, dr.fails);
	if (dest_alerts_wait(txn, ai->dest->key)) {
		int64_t every = ai->now_ms - dr.first_ms <
						ATTEMPT_ALERT_EAGER_MS
					? ATTEMPT_ALERT_PROBE_MS
					: ATTEMPT_ALERT_SLOW_MS;

		class = STORE_CLASS_ALERT;
		if (dr.not_before_ms > ai->now_ms + every)
			dr.not_before_ms = ai->now_ms + every;
	}
	ai->down = true;
	ai->not_before_ms = dr.not_before_ms;
	return dest_put(q, txn, ai->dest->key, &dr, class);
}

static int
ar_dest_works(struct attempt_impl *ai, struct store_txn *txn)
{
	struct store_key key = key_dest(ai->dest->key);
	int r = store_del(txn, &key);

	ai->up = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* The probe came back without having learnt anything. */
static int
ar_dest_unknown(struct attempt_impl *ai, struct store_txn *txn)
{
	struct dest_rec dr;
	int r = dest_get(txn, ai->dest->key, &ai->effects.arena, &dr);

	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	dr.not_before_ms = ai->now_ms + ATTEMPT_UNKNOWN_MS;
	ai->not_before_ms = dr.not_before_ms;
	return dest_put(ai->q, txn, ai->dest->key, &dr,
			store_class_of(ai->a.class));
}

/* Would this one be the third different message in a row? */
static bool
ar_third_drop(const struct attempt_impl *ai)
{
	const struct dest *d = ai->dest;

	for (uint32_t i = 0; i < d->ndrops; i++)
		if (d->drops[i] == ai->a.id)
			return false;
	return d->ndrops + 1 >= DEST_DROPS;
}

static int
ar_dest(struct attempt_impl *ai, struct store_txn *txn)
{
	/* Went down or up since: that was counted then. */
	bool old = ai->epoch != ai->dest->epoch;

	switch (ai->a.dest_state) {
	case ATTEMPT_DEST_FAILED:
		return old ? 0 : ar_dest_fails(ai, txn);
	case ATTEMPT_DEST_DROPPED:
		if (ai->reached || old || !ar_third_drop(ai))
			return ai->a.probe && !old && !ai->reached
				       ? ar_dest_works(ai, txn)
				       : 0;
		return ar_dest_fails(ai, txn);
	case ATTEMPT_DEST_OK:
		return ai->a.probe && !old ? ar_dest_works(ai, txn) : 0;
	case ATTEMPT_DEST_UNKNOWN:
		return ai->a.probe && !old ? ar_dest_unknown(ai, txn) : 0;
	}
	return 0;
}

static void
dest_log(struct queue *q, const struct dest *d, const char *event,
	 const struct reply *reply)
{
	char line[REPLY_TEXT_MAX + 32] = "";

	if (reply != NULL && reply->code != 0)
		reply_line(reply, line, sizeof(line));
	log_event(q->log, reply != NULL ? LOG_WARNING : LOG_INFO, event,
		  LOG_STR("agent", d->agent_name), LOG_STR("dest", d->name),
		  LOG_STR("reply", reply != NULL ? line : NULL));
}

static void
dest_came_up(struct queue *q, struct dest *d)
{
	d->down = d->probing = false;
	d->epoch++;
	d->ndrops = 0;
	dest_wake_all(&q->dests, d);
	dest_log(q, d, "destination_up", NULL);
}

static void
dest_went_down(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;

	d->down = true;
	d->probing = false;
	d->not_before_ms = ai->not_before_ms;
	d->epoch++;
	d->ndrops = 0;
	memset(d->kept, 0, ai->q->nloops * sizeof(d->kept[0]));
	if (ai->first_fail)
		dest_log(ai->q, d, "destination_down", &ai->a.dest_reply);
}

static void
dest_note_drop(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;

	if (ai->a.dest_state == ATTEMPT_DEST_OK)
		d->ndrops = 0;
	if (ai->a.dest_state != ATTEMPT_DEST_DROPPED)
		return;
	for (uint32_t i = 0; i < d->ndrops; i++)
		if (d->drops[i] == ai->a.id)
			return;
	if (d->ndrops < DEST_DROPS)
		d->drops[d->ndrops++] = ai->a.id;
}

/* An agent that hands everything back untried, again and again, gets a rest. */
static void
dest_note_fruit(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;
	bool fruit = false;

	for (size_t i = 0; i < ai->a.nrcpt; i++)
		fruit |= ai->a.rcpt[i].outcome != ATTEMPT_UNTRIED;
	d->fruitless = fruit || d->down ? 0 : d->fruitless + 1;
	if (d->fruitless < ATTEMPT_FRUITLESS || d->list == DEST_RESTING)
		return;
	d->fruitless = 0;
	d->rest_until_mono_ms = clock_mono_ms(ai->q->clock) + ATTEMPT_REST_MS;
	dest_move(&ai->q->dests, d, DEST_RESTING);
}

/* --- a probe that got through ------------------------------------------------------ */

static int
reached_job(struct store_txn *txn, void *arg)
{
	struct attempt_impl *ai = arg;

	ai->up = false;
	return ai->epoch == ai->dest->epoch ? ar_dest_works(ai, txn) : 0;
}

static void
reached_after(void *arg, int result)
{
	struct attempt_impl *ai = arg;

	if (result == 0 && ai->up) {
		dest_came_up(ai->q, ai->dest);
		queue_poke(ai->q);
	}
}

static void ar_submit(struct attempt_impl *ai);

static void
reached_done(void *arg, int result)
{
	struct attempt_impl *ai = arg;

	(void)result;
	ai->reaching = false;
	if (ai->has_result)
		ar_submit(ai);
}

void
attempt_reached(struct attempt *a)
{
	struct attempt_impl *ai = a->impl;

	if (!a->probe || ai->reached)
		return;
	ai->reached = ai->reaching = true;
	ai->reached_job = (struct store_job){
		.fn = reached_job,
		.need = STORE_NEED_RESULT,
		.after = reached_after,
		.done = reached_done,
		.arg = ai,
		.loop = ai->loop,
		.bytes = 256,
	};
	queue_run(ai->q, &ai->reached_job);
}

/* --- the result ------------------------------------------------------------------------ */

struct ar {
	struct attempt_impl *ai;
	struct store_txn *txn;
	struct message m;
	struct store_rec rec;
	bool message_changed;
};

static int
ar_put(struct ar *x, uint32_t n, const struct rcpt *r, int to,
       struct store_place place)
{
	struct attempt_impl *ai = x->ai;

	count_note_rcpt(&ai->effects.counts, ai->a.id, r, QUEUE_RCPT_READY,
			to);
	return queue_put_rcpt(ai->q, x->txn, ai->a.id, n, r, place);
}

/* Held while it was out: off its place now. */
static int
ar_hold(struct ar *x, uint32_t n, struct rcpt *r)
{
	r->state = RCPT_HELD;
	return ar_put(x, n, r, QUEUE_RCPT_HELD, store_place_none());
}

static int
ar_untried(struct ar *x, uint32_t n, struct rcpt *r)
{
	if (x->m.flags & MESSAGE_HELD)
		return ar_hold(x, n, r);
	effect_wake(&x->ai->effects, x->ai->a.id, r);
	return 0;
}

static int
ar_done(struct ar *x, uint32_t n, const struct rcpt *r)
{
	struct store_key key = key_message(x->ai->a.id, n);

	count_note_rcpt(&x->ai->effects.counts, x->ai->a.id, r,
			QUEUE_RCPT_READY, COUNT_NONE);
	return store_del(x->txn, &key);
}

static int
ar_later(struct ar *x, uint32_t n, struct rcpt *r)
{
	int64_t when = x->ai->now_ms + queue_backoff(x->ai->q, r->tries);

	if (x->m.flags & MESSAGE_HELD)
		return ar_hold(x, n, r);
	return ar_put(x, n, r, QUEUE_RCPT_DEFERRED, rcpt_place_later(r, when));
}

static int
ar_never(struct ar *x, uint32_t n, struct rcpt *r)
{
	r->state = RCPT_FAILED;
	x->m.flags |= MESSAGE_FAILED;
	x->m.tell_ms = x->ai->now_ms;
	x->message_changed = true;
	return ar_put(x, n, r, QUEUE_RCPT_FAILED, store_place_none());
}

static int
ar_moved(struct ar *x, const struct attempt_rcpt *ar, struct rcpt *r)
{
	struct attempt_impl *ai = x->ai;

	/* Gone from here, and come there, for the counts. */
	count_note_rcpt(&ai->effects.counts, ai->a.id, r, QUEUE_RCPT_READY,
			COUNT_NONE);
	r->agent = ar->moved_agent;
	r->dest_name = ar->moved_dest;
	r->route = ar->moved_route != NULL ? ar->moved_route : r->route;
	r->dest = queue_dest_key(r->agent, r->dest_name);
	r->state = x->m.flags & MESSAGE_HELD ? RCPT_HELD : RCPT_LIVE;
	if (r->state == RCPT_LIVE)
		effect_wake(&ai->effects, ai->a.id, r);
	count_note_rcpt(&ai->effects.counts, ai->a.id, r, COUNT_NONE,
			r->state == RCPT_LIVE ? QUEUE_RCPT_READY
					      : QUEUE_RCPT_HELD);
	return queue_put_rcpt(ai->q, x->txn, ai->a.id, ar->n, r,
			      r->state == RCPT_LIVE ? rcpt_place_ready(r)
						    : store_place_none());
}

static int
ar_rcpt(struct ar *x, const struct attempt_rcpt *ar, bool *ret_applied)
{
	struct attempt_impl *ai = x->ai;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	r = queue_get_rcpt(x->txn, ai->a.id, ar->n, &ai->effects.arena, &rcpt,
			   &rec);
	if (r == -ENOENT || (r == 0 && rec.version != ar->version))
		return 0; /* stale: refused */
	if (r < 0)
		return r;
	*ret_applied = true;
	if (ar->outcome == ATTEMPT_DONE)
		return ar_done(x, ar->n, &rcpt);
	if (ar->outcome == ATTEMPT_LATER || ar->outcome == ATTEMPT_NEVER) {
		rcpt.tries++;
		rcpt.last_ms = ai->now_ms;
		rcpt_set_reply(&rcpt, &ar->reply, ar->relay);
	}
	switch (ar->outcome) {
	case ATTEMPT_LATER:
		return ar_later(x, ar->n, &rcpt);
	case ATTEMPT_NEVER:
		return ar_never(x, ar->n, &rcpt);
	case ATTEMPT_MOVED:
		return ar_moved(x, ar, &rcpt);
	case ATTEMPT_DONE:
	case ATTEMPT_UNTRIED:
		break;
	}
	return ar_untried(x, ar->n, &rcpt);
}

static int
ar_rcpts(struct ar *x)
{
	struct attempt_impl *ai = x->ai;

	for (size_t i = 0; i < ai->a.nrcpt; i++) {
		const struct attempt_rcpt *ar = &ai->a.rcpt[i];
		int r = ar_rcpt(x, ar, &ai->applied[i]);

		if (r == -EBADMSG) {
			effect_corrupt(&ai->effects, 'm', ai->a.id, ar->n);
			r = 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int
ar_message(struct attempt_impl *ai, struct store_txn *txn)
{
	struct ar x = {.ai = ai, .txn = txn};
	int r;

	r = queue_get_message(txn, ai->a.id, &ai->effects.arena, &x.m, &x.rec);
	if (r == -ENOENT)
		return 0;
	if (r == -EBADMSG || (r == 0 && ai->corrupt))
		return message_set_aside(ai->q, txn, ai->a.id, &ai->effects);
	if (r == 0)
		r = ar_rcpts(&x);
	if (r == 0 && x.message_changed)
		r = queue_put_message(ai->q, txn, ai->a.id, &x.m, &x.rec);
	if (r < 0)
		return r;
	return message_settle(ai->q, txn, ai->a.id, &x.m, &x.rec,
			      &ai->effects, ai->now_ms);
}

static int
ar_job(struct store_txn *txn, void *arg)
{
	struct attempt_impl *ai = arg;
	int r;

	effects_clear(&ai->effects);
	memset(ai->applied, 0, ai->a.nrcpt * sizeof(ai->applied[0]));
	ai->down = ai->up = ai->first_fail = false;
	ai->not_before_ms = 0;
	r = ar_message(ai, txn);
	return r < 0 ? r : ar_dest(ai, txn);
}

/* The last words, for who waits for this message's fate. */
static void
ar_note_words(struct attempt_impl *ai)
{
	const struct attempt *a = &ai->a;

	for (size_t i = 0; ai->q->watches != NULL && i < a->nrcpt; i++)
		if (ai->applied[i] && a->rcpt[i].reply.code != 0)
			watch_note(ai->q, a->id, &a->rcpt[i].reply);
}

static void
ar_after(void *arg, int result)
{
	struct attempt_impl *ai = arg;
	struct dest *d = ai->dest;
	struct queue *q = ai->q;

	out_del(q, ai);
	if (ai->a.keep)
		d->kept[ai->loop_at]++;
	if (result == 0) {
		ar_note_words(ai);
		dest_note_drop(ai);
		if (ai->down)
			dest_went_down(ai);
		else if (ai->up)
			dest_came_up(q, d);
		else if (ai->not_before_ms > 0)
			d->not_before_ms = ai->not_before_ms;
		if (ai->a.probe && ai->epoch == d->epoch)
			d->probing = false;
		dest_note_fruit(ai);
		effects_apply(q, &ai->effects);
	} else {
		/* What could not be written is ready again, as after a crash. */
		d->probing = ai->a.probe ? false : d->probing;
		dest_wake_all(&q->dests, d);
	}
	effects_clear(&ai->effects);
	dest_run(&q->dests, d);
	queue_poke(q);
}

/* --- what is said of it ------------------------------------------------------------------- */

static void
ar_log_rcpt(struct attempt_impl *ai, const struct attempt_rcpt *ar, int64_t now)
{
	static const char *const status[] = {
		[ATTEMPT_UNTRIED] = NULL,     [ATTEMPT_DONE] = "delivered",
		[ATTEMPT_LATER] = "deferred", [ATTEMPT_NEVER] = "bounced",
		[ATTEMPT_MOVED] = NULL,
	};
	static const int cell[] = {
		[ATTEMPT_DONE] = RESULT_DELIVERED,
		[ATTEMPT_LATER] = RESULT_DEFERRED,
		[ATTEMPT_NEVER] = RESULT_BOUNCED,
	};
	struct rcpt r = {.address = ar->address,
			 .original = ar->original,
			 .arrival_ms = ai->a.arrival_ms};

	if (status[ar->outcome] == NULL)
		return;
	log_deliver(ai->log, ai->a.id, &r, ar->relay, status[ar->outcome],
		    &ar->reply, ar->tries + 1, now);
	if (ai->result_cell[0] != NULL)
		metric_add(ai->result_cell[cell[ar->outcome]], 1);
	if (ar->outcome == ATTEMPT_DONE && ai->latency_cell != NULL)
		metric_observe(ai->latency_cell,
			       (double)(now - ai->a.arrival_ms) / 1000.0);
}

/* On the loop, after the commit; the queue may be closed by now. */
static void
ar_told(void *arg, int result)
{
	struct attempt_impl *ai = arg;

	for (size_t i = 0; result == 0 && i < ai->a.nrcpt; i++)
		if (ai->applied[i])
			ar_log_rcpt(ai, &ai->a.rcpt[i], ai->now_ms);
	attempt_free(ai);
}

static void
ar_submit(struct attempt_impl *ai)
{
	ai->job = (struct store_job){
		.fn = ar_job,
		.need = STORE_NEED_RESULT,
		.after = ar_after,
		.done = ar_told,
		.arg = ai,
		.loop = ai->loop,
		.bytes = 1024 * (ai->a.nrcpt + 1),
	};
	queue_run(ai->q, &ai->job);
}

void
attempt_result(struct attempt **a)
{
	struct attempt_impl *ai = (*a)->impl;

	*a = NULL;
	must(!ai->reader.busy && !ai->has_result);
	ai->has_result = true;
	ai->now_ms = clock_wall_ms(ai->q->clock);
	ai->applied = arena_alloc(&ai->a.arena,
				  ai->a.nrcpt * sizeof(ai->applied[0]));
	/* Else it follows when the news of the probe is written. */
	if (!ai->reaching)
		ar_submit(ai);
}
