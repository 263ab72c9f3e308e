/*
 * attempt - given, read, and what came of it.
 */
#include "queue/attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/lookup.h"
#include "queue/queue_impl.h"

const char *const attempt_outcome_names[] = {
	[ATTEMPT_UNTRIED] = "untried", [ATTEMPT_DONE] = "done",
	[ATTEMPT_LATER] = "later",     [ATTEMPT_NEVER] = "never",
	[ATTEMPT_MOVED] = "moved",
};

#define ATTEMPT_UNWRITTEN_MS 1000
#define ATTEMPT_AHEAD        2 /* windows of results that are not written */
#define ATTEMPT_GATHER_MS    60000

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
	ai->secret = d->agent->secret;
	memcpy(ai->result_cell, d->agent->result_cell, sizeof(ai->result_cell));
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
	struct attempt *a = &ai->a;

	/* The agent may be gone already. */
	if (atomic_load(&ai->q->stopping))
		attempt_result(&a);
	else
		ai->agent->fn(ai->agent->ctx, ai->loop, a);
}

void
attempt_give(struct attempt_impl *ai)
{
	ai->latency_cell = ai->q->metric.latency_cell[ai->a.class];
	loop_post(ai->loop, &ai->post, attempt_arrives, ai);
}

/* --- the content --------------------------------------------------------- */

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

/* --- the result ---------------------------------------------------------- */

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

	count_note_rcpt(&ai->effects.counts, ai->a.id, r, QUEUE_RCPT_READY, to);
	return queue_put_rcpt(ai->q, x->txn, ai->a.id, n, r, place);
}

/* Something is to be told at WHEN, or before. */
static void
ar_tell(struct ar *x, int64_t when)
{
	if (x->m.tell_ms == 0 || when < x->m.tell_ms)
		x->m.tell_ms = when;
	x->message_changed = true;
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

/* Its sender asked to hear of it. What other recipients bring within a minute
 * goes into the same report. */
static int
ar_served(struct ar *x, uint32_t n, struct rcpt *r)
{
	bool whole = x->ai->a.nrcpt == x->m.nrcpt;

	r->state = RCPT_SERVED;
	ar_tell(x, x->ai->now_ms + (whole ? 0 : ATTEMPT_GATHER_MS));
	return ar_put(x, n, r, QUEUE_RCPT_SERVED, store_place_none());
}

/* Nobody said that it arrived, and it may have. */
static void
ar_doubt(struct ar *x)
{
	if (x->m.teller == 'm' ||
	    x->m.flags & (MESSAGE_SERVED | MESSAGE_DOUBTED))
		return;
	x->m.flags |= MESSAGE_DOUBTED;
	ar_tell(x, x->ai->now_ms);
}

static int
ar_done(struct ar *x, const struct attempt_rcpt *ar, struct rcpt *r)
{
	struct store_key key = key_message(x->ai->a.id, ar->n);

	r->relayed = ar->reach == ATTEMPT_RELAYED;
	/* Whoever published it may not believe any more that nobody has it. */
	if (x->m.teller != 'm' && !r->copy && !(x->m.flags & MESSAGE_SERVED)) {
		x->m.flags |= MESSAGE_SERVED;
		ar_tell(x, x->ai->now_ms);
	}
	if (ar->reach != ATTEMPT_PASSED_ON && wish_success(&x->m, r->notify))
		return ar_served(x, ar->n, r);
	count_note_rcpt(&x->ai->effects.counts, x->ai->a.id, r,
			QUEUE_RCPT_READY, COUNT_NONE);
	return store_del(x->txn, &key);
}

static int
ar_later(struct ar *x, uint32_t n, struct rcpt *r)
{
	int64_t when =
		x->ai->now_ms + queue_backoff(x->ai->q, x->m.class, r->tries);

	if (x->m.flags & MESSAGE_HELD)
		return ar_hold(x, n, r);
	return ar_put(x, n, r, QUEUE_RCPT_DEFERRED, rcpt_place_later(r, when));
}

static int
ar_never(struct ar *x, uint32_t n, struct rcpt *r)
{
	struct store_key key = key_message(x->ai->a.id, n);

	if (!r->copy) {
		x->m.flags |= MESSAGE_FAILED;
		x->message_changed = true;
	}
	if (!wish_failure(&x->m, r)) {
		count_note_rcpt(&x->ai->effects.counts, x->ai->a.id, r,
				QUEUE_RCPT_READY, COUNT_NONE);
		return store_del(x->txn, &key);
	}
	r->state = RCPT_FAILED;
	ar_tell(x, x->ai->now_ms);
	return ar_put(x, n, r, QUEUE_RCPT_FAILED, store_place_none());
}

/* To a destination whose name has no place in the record: it stays where it is,
 * until the routes are better. */
static int
ar_too_long(struct ar *x, uint32_t n, struct rcpt *r)
{
	static const struct reply reply = {
		.code = 451,
		.dsn = "4.3.5",
		.text = "the name of the new destination is too long",
	};

	r->tries++;
	r->last_ms = x->ai->now_ms;
	rcpt_set_reply(r, &reply, "");
	return ar_later(x, n, r);
}

static int
ar_moved(struct ar *x, const struct attempt_rcpt *ar, struct rcpt *r)
{
	struct attempt_impl *ai = x->ai;
	const struct queue_lookup to = {
		.agent = ar->moved_agent,
		.dest = ar->moved_dest,
		.route = ar->moved_route != NULL ? ar->moved_route : r->route,
	};
	int e = lookup_move(ai->q, x->txn, &ai->effects, ai->a.id, ar->n, r,
			    QUEUE_RCPT_READY, x->m.flags & MESSAGE_HELD, &to);

	return e == -EMSGSIZE ? ar_too_long(x, ar->n, r) : e;
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
	if (ar->outcome != ATTEMPT_UNTRIED && ar->outcome != ATTEMPT_MOVED) {
		rcpt.tries++;
		rcpt.last_ms = ai->now_ms;
		rcpt_set_reply(&rcpt, &ar->reply, ar->relay);
	}
	if (ar->doubted && !rcpt.copy)
		ar_doubt(x);
	switch (ar->outcome) {
	case ATTEMPT_DONE:
		return ar_done(x, ar, &rcpt);
	case ATTEMPT_LATER:
		return ar_later(x, ar->n, &rcpt);
	case ATTEMPT_NEVER:
		return ar_never(x, ar->n, &rcpt);
	case ATTEMPT_MOVED:
		return ar_moved(x, ar, &rcpt);
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
	return message_settle(ai->q, txn, ai->a.id, &x.m, &x.rec, &ai->effects,
			      ai->now_ms);
}

static int
ar_job(struct store_txn *txn, void *arg)
{
	struct attempt_impl *ai = arg;
	int r;

	effects_clear(&ai->effects);
	memset(ai->applied, 0, ai->a.nrcpt * sizeof(ai->applied[0]));
	ai->down = ai->up = ai->first_fail = ai->narrow = false;
	ai->not_before_ms = 0;
	r = ar_message(ai, txn);
	return r < 0 ? r : attempt_dest_result(ai, txn);
}

/* The last words, for who waits for this message's fate, or soon will. */
static void
ar_note_words(struct attempt_impl *ai)
{
	const struct attempt *a = &ai->a;

	for (size_t i = 0; i < a->nrcpt; i++)
		if (ai->applied[i] && a->rcpt[i].reply.code != 0 &&
		    !a->rcpt[i].copy)
			watch_note(ai->q, a->id, &a->rcpt[i].reply);
}

/*
 * The next hop can have its next message while this one's result is on its way
 * to the disk: a crash in between means one more duplicate, for a connection
 * that was at work in any case. Not where the result says something of the
 * destination, and not when results find no room or the store is far behind:
 * there the window is what bounds the duplicates.
 */
void
attempt_free_slots(struct queue *q)
{
	uint32_t most =
		ATTEMPT_AHEAD * (uint32_t)q->conf.destination.connections;
	STAILQ_HEAD(, attempt_impl) list = STAILQ_HEAD_INITIALIZER(list);
	struct attempt_impl *ai;

	pthread_mutex_lock(&q->lock);
	STAILQ_CONCAT(&list, &q->returned);
	pthread_mutex_unlock(&q->lock);
	while ((ai = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, returned);
		if (!STAILQ_EMPTY(&q->unwritten) ||
		    ai->dest->out - ai->dest->busy >= most)
			continue;
		out_free_slot(q, ai);
		dest_run(&q->dests, ai->dest);
	}
}

static bool
attempt_frees_slot(const struct attempt_impl *ai)
{
	if (ai->a.probe || ai->a.dest_state != ATTEMPT_DEST_OK)
		return false;
	for (size_t i = 0; i < ai->a.nrcpt; i++)
		if (ai->a.rcpt[i].outcome == ATTEMPT_UNTRIED)
			return false;
	return true;
}

/* No room: it stays out, so that nothing is delivered twice for that. */
static void
ar_wait_for_room(struct attempt_impl *ai)
{
	struct queue *q = ai->q;

	if (STAILQ_EMPTY(&q->unwritten))
		q->unwritten_mono_ms =
			clock_mono_ms(q->clock) + ATTEMPT_UNWRITTEN_MS;
	STAILQ_INSERT_TAIL(&q->unwritten, ai, unwritten);
	queue_poke(q);
}

int64_t
attempt_unwritten_turn(struct queue *q, int64_t now_mono_ms)
{
	struct attempt_impl *ai;

	if (STAILQ_EMPTY(&q->unwritten))
		return INT64_MAX;
	if (now_mono_ms < q->unwritten_mono_ms)
		return q->unwritten_mono_ms;
	while ((ai = STAILQ_FIRST(&q->unwritten)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->unwritten, unwritten);
		attempt_submit(ai);
	}
	return INT64_MAX;
}

void
attempt_unwritten_free(struct queue *q)
{
	struct attempt_impl *ai;

	while ((ai = STAILQ_FIRST(&q->unwritten)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->unwritten, unwritten);
		attempt_free(ai);
	}
}

static void ar_told(void *arg);

static void
ar_after(void *arg, int result)
{
	struct attempt_impl *ai = arg;
	struct dest *d = ai->dest;
	struct queue *q = ai->q;

	attempt_free_slots(q);
	if (result == -ENOSPC) {
		ar_wait_for_room(ai);
		return;
	}
	out_del(q, ai);
	/* Before anything else can make it look like one to be forgotten. */
	dest_run(&q->dests, d);
	if (result == 0) {
		ar_note_words(ai);
		attempt_dest_after(ai);
		effects_apply(q, &ai->effects);
	} else {
		/* Not written: ready again, as after a crash. */
		if (ai->a.probe && ai->epoch == d->epoch)
			d->probing = false;
		dest_rest(q, d);
	}
	effects_clear(&ai->effects);
	queue_poke(q);
	ai->result = result;
	loop_post(ai->loop, &ai->post, ar_told, ai);
}

/* --- what is said of it -------------------------------------------------- */

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
	log_deliver(ai->log, ai->a.id, ai->secret, &r, ar->relay, ar->tls,
		    status[ar->outcome], &ar->reply, ar->tries + 1, now);
	if (ai->result_cell[0] != NULL)
		metric_add(ai->result_cell[cell[ar->outcome]], 1);
	if (ar->outcome == ATTEMPT_DONE && ai->latency_cell != NULL)
		metric_observe(ai->latency_cell,
			       (double)(now - ai->a.arrival_ms) / 1000.0);
}

/* On the loop, after the commit; the queue may be closed by now. */
static void
ar_told(void *arg)
{
	struct attempt_impl *ai = arg;

	for (size_t i = 0; ai->result == 0 && i < ai->a.nrcpt; i++)
		if (ai->applied[i])
			ar_log_rcpt(ai, &ai->a.rcpt[i], ai->now_ms);
	attempt_free(ai);
}

void
attempt_submit(struct attempt_impl *ai)
{
	if (ai->q->store == NULL) {
		attempt_free(ai);
		return;
	}
	ai->job = (struct store_job){
		.fn = ar_job,
		.need = STORE_NEED_RESULT,
		.patient = ai->patient,
		.after = ar_after,
		.arg = ai,
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
	ai->applied =
		arena_alloc(&ai->a.arena, ai->a.nrcpt * sizeof(ai->applied[0]));
	/* Now, as the slot: another's failure may be judged with it. */
	if (ai->a.dest_state == ATTEMPT_DEST_OK)
		throttle_reached(ai);
	if (ai->q->store != NULL && attempt_frees_slot(ai)) {
		pthread_mutex_lock(&ai->q->lock);
		STAILQ_INSERT_TAIL(&ai->q->returned, ai, returned);
		pthread_mutex_unlock(&ai->q->lock);
	}
	/* Else it follows when the news of the probe is written. */
	if (!ai->reaching)
		attempt_submit(ai);
}
