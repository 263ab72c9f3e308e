/*
 * take - the next recipient of a destination's lanes, and its neighbours, as an
 * attempt.
 *
 * In a lane flows take turns, and within a flow the oldest message goes first.
 * Rows of what is out are passed over; what no record stands behind is mended
 * by a job, since the turn itself writes nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

/* --- the next row of a lane ---------------------------------------------- */

struct pick {
	struct queue *q;
	struct store_txn *txn;
	struct dest *d;
	uint8_t lane;
	bool wrapped;
	struct store_place at;
	struct store_key key;
	bool has_key;
	struct store_place place; /* what was found */
	uint64_t id;
	uint32_t n;
};

static void
pick_to(struct pick *w, uint32_t flow, uint64_t id, uint32_t n)
{
	w->at = store_place_ready(w->d->key, w->lane, flow);
	w->key = key_message(id, n);
	w->has_key = true;
}

static void
pick_start(struct pick *w)
{
	uint32_t flow = w->d->flow[w->lane] + 1;

	w->wrapped = flow == 0;
	w->has_key = false;
	w->at = store_place_ready(w->d->key, w->lane, flow);
}

/* Nothing that was not ready when it was taken stands between its first and its
 * last: such a one may be ready by now. */
static bool
pick_is_whole(const struct attempt_impl *ai)
{
	return ai->last - ai->first + 1 == ai->a.nrcpt;
}

static bool
pick_holds(const struct attempt_impl *ai, uint32_t n)
{
	if (n < ai->first || n > ai->last)
		return false;
	if (pick_is_whole(ai))
		return true;
	for (size_t i = 0; i < ai->a.nrcpt; i++)
		if (ai->a.rcpt[i].n == n)
			return true;
	return false;
}

/* The attempt of this destination and lane that holds row (ID, N). */
static const struct attempt_impl *
pick_out(const struct pick *w)
{
	for (struct attempt_impl *ai = out_find(w->q, w->id); ai != NULL;
	     ai = ai->same)
		if (ai->dest == w->d && ai->lane == w->lane &&
		    pick_holds(ai, w->n))
			return ai;
	return NULL;
}

/* 1: W has a row; 0: the lane is through. */
static int
pick_seek(struct pick *w)
{
	struct store_key key;
	int r;

	for (;;) {
		r = store_next_waiting(w->txn, &w->at,
				       w->has_key ? &w->key : NULL,
				       PLACE_PREFIX_LANE, &w->place, &key);
		if (r < 0)
			return r;
		if (r > 0)
			break;
		if (w->wrapped)
			return 0;
		w->wrapped = true;
		w->has_key = false;
		w->at = store_place_ready(w->d->key, w->lane, 0);
	}
	/* All flows above the last one were looked at before the wrap. */
	if (w->wrapped && place_flow(&w->place) > w->d->flow[w->lane])
		return 0;
	if (!key_message_parse(&key, &w->id, &w->n))
		return -EBADMSG;
	return 1;
}

/* The next row that is not out, flows in turns. */
static int
pick_next(struct pick *w)
{
	const struct dest_cursor *c;
	const struct attempt_impl *out;
	uint32_t flow;
	int r;

	while ((r = pick_seek(w)) > 0) {
		flow = place_flow(&w->place);
		c = dest_cursor_find(w->d, w->lane, flow);
		if (c != NULL &&
		    (w->id < c->id || (w->id == c->id && w->n < c->n))) {
			pick_to(w, flow, c->id, c->n);
			continue;
		}
		out = pick_out(w);
		if (out == NULL)
			return 1;
		pick_to(w, flow, w->id,
			(pick_is_whole(out) ? out->last : w->n) + 1);
	}
	return r;
}

/* --- jobs for what the turn may not write itself ------------------------- */

struct mend {
	struct queue *q;
	struct store_place place;
	struct store_key key;
	struct effects effects;
	struct store_job job;
};

/* Its checksum may be right and only its content make no sense: then the record
 * still names the row. */
static int
mend_damaged(struct mend *me, struct store_txn *txn, uint64_t id, uint32_t n)
{
	struct store_rec rec;
	int r = store_get(txn, &me->key, &rec);

	effect_corrupt(&me->effects, 'm', id, n);
	if (r < 0 || !store_place_equal(&rec.place, &me->place))
		return store_drop_hint(txn, &me->place, &me->key);
	rec.place = store_place_none();
	return store_put(txn, &me->key, &rec);
}

/* Its message was held while it was out, and the result was lost. */
static int
mend_held(struct mend *me, struct store_txn *txn, uint64_t id, uint32_t n,
	  struct rcpt *r)
{
	if (out_has(me->q, id, n))
		return 0;
	r->state = RCPT_HELD;
	count_note_rcpt(&me->effects.counts, id, r, QUEUE_RCPT_READY,
			QUEUE_RCPT_HELD);
	return queue_put_rcpt(me->q, txn, id, n, r, store_place_none());
}

/* A row that its record does not name goes; a damaged record, or one whose
 * message is damaged or gone, is set aside; one whose message is held waits
 * nowhere. */
static int
mend_job(struct store_txn *txn, void *arg)
{
	struct mend *me = arg;
	struct message m;
	struct rcpt rcpt;
	struct store_rec rec;
	uint64_t id;
	uint32_t n;
	int r;

	effects_clear(&me->effects);
	if (!key_message_parse(&me->key, &id, &n))
		return store_drop_hint(txn, &me->place, &me->key);
	r = queue_get_rcpt(txn, id, n, &me->effects.arena, &rcpt, &rec);
	if (r == -EBADMSG)
		return mend_damaged(me, txn, id, n);
	if (r == -ENOENT ||
	    (r == 0 && !store_place_equal(&rec.place, &me->place)))
		return store_drop_hint(txn, &me->place, &me->key);
	if (r < 0)
		return r;
	r = queue_get_message(txn, id, &me->effects.arena, &m, &rec);
	if (r == -EBADMSG || r == -ENOENT)
		return message_set_aside(me->q, txn, id, &me->effects);
	if (r == 0 && (m.flags & MESSAGE_HELD))
		return mend_held(me, txn, id, n, &rcpt);
	return r;
}

static void
mend_after(void *arg, int result)
{
	struct mend *me = arg;

	if (result == 0)
		effects_apply(me->q, &me->effects);
	/* More may stand behind it, of a destination that nobody knows yet. */
	me->q->dests.forgot = true;
	queue_poke(me->q);
	effects_done(&me->effects);
	free(me);
}

void
take_mend(struct queue *q, const struct store_place *place,
	  const struct store_key *key)
{
	struct mend *me = xcalloc(1, sizeof(*me));

	me->q = q;
	me->place = *place;
	me->key = *key;
	effects_init(&me->effects);
	me->job = (struct store_job){
		.fn = mend_job,
		.need = STORE_NEED_RESULT,
		.after = mend_after,
		.arg = me,
		.bytes = 4096,
	};
	queue_run(q, &me->job);
}

/* --- an attempt ---------------------------------------------------------- */

static void
take_fill_rcpt(struct attempt_rcpt *ar, uint32_t n, uint64_t version,
	       const struct rcpt *r)
{
	ar->n = n;
	ar->version = version;
	ar->address = r->address;
	ar->original = r->original[0] != '\0' ? r->original : r->address;
	ar->orcpt = r->orcpt[0] != '\0' ? r->orcpt : NULL;
	ar->notify = r->notify;
	ar->copy = r->copy;
	ar->route = r->route;
	ar->tries = r->tries;
	ar->relay = "";
}

static void
take_fill(struct attempt_impl *ai, uint64_t id, const struct message *m,
	  const struct store_rec *rec)
{
	struct attempt *a = &ai->a;

	a->id = id;
	a->sender = m->sender;
	a->size = m->size;
	a->arrival_ms = m->arrival_ms;
	a->eight_bit = m->flags & MESSAGE_EIGHT_BIT;
	a->smtputf8 = m->flags & MESSAGE_SMTPUTF8;
	a->utf8_header = m->flags & MESSAGE_UTF8_HEADER;
	a->submitted = m->flags & MESSAGE_SUBMITTED;
	a->verdict = m->verdict;
	a->ret = m->ret;
	a->envid = m->envid[0] != '\0' ? m->envid : NULL;
	a->class = m->class;
	reader_init(&ai->reader, ai->q, ai->loop, rec->blob, rec->pages,
		    m->size);
	ai->reader.body = body_ref(&ai->q->bodies, id);
}

/* The neighbours of W's row that belong to the same message and wait at the
 * same place: one transaction for all. */
static void
take_neighbours(struct pick *w, struct attempt_impl *ai, size_t most)
{
	struct store_place place = w->place, got;
	struct store_key key;
	struct store_rec rec;
	struct rcpt rcpt;
	uint64_t id;
	uint32_t n = w->n;

	while (ai->a.nrcpt < most) {
		key = key_message(w->id, n + 1);
		if (store_next_waiting(w->txn, &place, &key, place.len, &got,
				       &key) <= 0 ||
		    !key_message_parse(&key, &id, &n) || id != w->id)
			return;
		if (queue_get_rcpt(w->txn, id, n, &ai->a.arena, &rcpt, &rec) <
			    0 ||
		    !store_place_equal(&rec.place, &place))
			return;
		/* Another attempt that is out may hold it. */
		w->n = n;
		if (pick_out(w) != NULL)
			return;
		take_fill_rcpt(&ai->a.rcpt[ai->a.nrcpt++], n, rec.version,
			       &rcpt);
		ai->last = n;
	}
}

/* W's row becomes an attempt. 0; -EAGAIN: the row was no good. */
static int
take_row(struct pick *w, struct attempt_impl **ret)
{
	struct attempt_impl *ai = attempt_new(w->q, w->d);
	struct attempt *a = &ai->a;
	size_t most = (size_t)w->q->conf.destination.recipients_per_message;
	struct store_rec rec, of_message;
	struct store_key key;
	struct message m;
	struct rcpt rcpt;
	int r;

	r = queue_get_rcpt(w->txn, w->id, w->n, &a->arena, &rcpt, &rec);
	if (r == 0 && !store_place_equal(&rec.place, &w->place))
		r = -ENOENT;
	if (r == 0)
		r = queue_get_message(w->txn, w->id, &a->arena, &m,
				      &of_message);
	if (r == 0 && (m.flags & MESSAGE_HELD))
		r = -EBUSY;
	if (r != 0) {
		key = key_message(w->id, w->n);
		attempt_free(ai);
		take_mend(w->q, &w->place, &key);
		return -EAGAIN;
	}
	if (w->d->agent->most_rcpts > 0 && most > w->d->agent->most_rcpts)
		most = w->d->agent->most_rcpts;
	if (most > m.nrcpt)
		most = m.nrcpt > 0 ? m.nrcpt : 1;
	a->rcpt = arena_alloc(&a->arena, most * sizeof(a->rcpt[0]));
	take_fill(ai, w->id, &m, &of_message);
	take_fill_rcpt(&a->rcpt[0], w->n, rec.version, &rcpt);
	a->nrcpt = 1;
	ai->lane = w->lane;
	ai->flow = place_flow(&w->place);
	ai->first = ai->last = w->n;
	if (most > 1)
		take_neighbours(w, ai, most);
	*ret = ai;
	return 0;
}

/* 0, or -ENOENT when the lane holds nothing that is not out. */
static int
take_lane(struct queue *q, struct store_txn *txn, struct dest *d, uint8_t lane,
	  struct attempt_impl **ret)
{
	struct pick w = {.q = q, .txn = txn, .d = d, .lane = lane};

	pick_start(&w);
	while (pick_next(&w) > 0) {
		if (take_row(&w, ret) == 0) {
			d->flow[lane] = (*ret)->flow;
			dest_cursor_set(d, lane, (*ret)->flow, (*ret)->a.id,
					(*ret)->last + 1);
			return 0;
		}
		pick_to(&w, place_flow(&w.place), w.id, w.n + 1);
	}
	dest_lane_empty(&q->dests, d, lane);
	return -ENOENT;
}

int
take_lanes(struct queue *q, struct store_txn *txn, struct dest *d,
	   const uint8_t *lanes, size_t n, struct attempt_impl **ret)
{
	for (size_t i = 0; i < n; i++)
		if ((d->lanes & (1u << lanes[i])) &&
		    take_lane(q, txn, d, lanes[i], ret) == 0)
			return 0;
	return -ENOENT;
}
