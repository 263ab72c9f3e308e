/*
 * act - what the operator does to one message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/lookup.h"
#include "queue/queue_impl.h"

#define ACT_ASK 100 /* routes a turn of the loop */

struct act {
	struct queue *q;
	enum queue_action action;
	uint64_t id;
	queue_done_fn *done;
	void *done_arg;
	struct effects effects;
	int64_t now_ms;
	struct message m; /* read by the job */
	struct store_rec rec;
	struct lookup lookup; /* REQUEUE: what routing names now */
	struct loop *loop;
	struct post post;
	struct store_job job;
};

static int
act_put(struct act *x, struct store_txn *txn, uint32_t n, struct rcpt *r,
	const struct store_place *old, struct store_place place)
{
	count_note_rcpt(
		&x->effects.counts, x->id, r, (int)rcpt_shown_state(r, old),
		place_is_ready(&place) ? QUEUE_RCPT_READY : QUEUE_RCPT_HELD);
	if (place_is_ready(&place)) {
		r->state = RCPT_LIVE;
		effect_wake(&x->effects, x->id, r);
	} else {
		r->state = RCPT_HELD;
	}
	return queue_put_rcpt(x->q, txn, x->id, n, r, place);
}

/* Its destination's back-off is forgotten: the next turn may probe. */
static int
act_flush_dest(struct act *x, struct store_txn *txn, uint64_t dest)
{
	struct store_key key = key_dest(dest);
	struct store_rec rec;
	struct dest_rec dr;
	int r = store_get(txn, &key, &rec);

	if (r == 0)
		r = dest_decode(rec.value, rec.len, &x->effects.arena, &dr);
	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	dr.not_before_ms = x->now_ms;
	buf_clear(&x->q->scratch);
	r = dest_encode(&dr, &x->q->scratch);
	if (r < 0)
		return r;
	rec.value = x->q->scratch.data;
	rec.len = x->q->scratch.len;
	rec.place = store_place_time(STORE_CLASS_OTHER, 'd', x->now_ms);
	return store_put(txn, &key, &rec);
}

/* Ready now, where routing names it now, as if it had never been tried. */
static int
act_requeue(struct act *x, struct store_txn *txn, uint32_t n, struct rcpt *r,
	    const struct store_rec *rec)
{
	const struct queue_lookup *to = lookup_find(&x->lookup, n);
	int e = -EMSGSIZE;

	r->tries = 0;
	if (to != NULL && lookup_differs(to, r))
		e = lookup_move(x->q, txn, &x->effects, x->id, n, r,
				rcpt_shown_state(r, &rec->place), false, to);
	if (e == -EMSGSIZE)
		e = act_put(x, txn, n, r, &rec->place, rcpt_place_ready(r));
	return e == 0 ? act_flush_dest(x, txn, r->dest) : e;
}

/* One recipient that is not out. */
static int
act_rcpt(struct act *x, struct store_txn *txn, uint32_t n, struct rcpt *r,
	 const struct store_rec *rec)
{
	const struct store_place *place = &rec->place;
	int e = 0;

	switch (x->action) {
	case QUEUE_HOLD:
		return r->state == RCPT_LIVE ? act_put(x, txn, n, r, place,
						       store_place_none())
					     : 0;
	case QUEUE_RELEASE:
		return r->state == RCPT_HELD ? act_put(x, txn, n, r, place,
						       rcpt_place_ready(r))
					     : 0;
	case QUEUE_REQUEUE:
		return r->state == RCPT_LIVE ? act_requeue(x, txn, n, r, rec)
					     : 0;
	case QUEUE_FLUSH:
		if (r->state != RCPT_LIVE)
			return 0;
		e = act_flush_dest(x, txn, r->dest);
		if (e == 0 && place_is_time(place))
			e = act_put(x, txn, n, r, place, rcpt_place_ready(r));
		return e;
	case QUEUE_REMOVE:
		break;
	}
	return -EINVAL;
}

static int
act_rcpts(struct act *x, struct store_txn *txn)
{
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, x->id, &n, &x->effects.arena, &rcpt,
				  &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0 || out_has(x->q, x->id, n))
			continue;
		r = act_rcpt(x, txn, n, &rcpt, &rec);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
act_hold(struct act *x, struct store_txn *txn, bool hold)
{
	bool held = x->m.flags & MESSAGE_HELD;
	int r;

	if (held == hold)
		return -EALREADY;
	if (hold) {
		x->m.flags |= MESSAGE_HELD;
	} else {
		x->m.flags &= (uint16_t)~MESSAGE_HELD;
		/* It did not age meanwhile: time for another try. */
		message_not_before(&x->m, x->now_ms + QUEUE_GRACE_MS);
	}
	r = queue_put_message(x->q, txn, x->id, &x->m, &x->rec);
	return r < 0 ? r : act_rcpts(x, txn);
}

static int
act_forget_rcpt(struct act *x, struct store_txn *txn, uint32_t n)
{
	struct store_key key = key_message(x->id, n);

	return store_del(txn, &key);
}

/* One that is told of, unless it is a copy. */
static int
act_fail_rcpt(struct act *x, struct store_txn *txn, uint32_t n, struct rcpt *r,
	      const struct store_rec *rec)
{
	struct reply reply = {0};

	count_note_rcpt(&x->effects.counts, x->id, r,
			(int)rcpt_shown_state(r, &rec->place),
			r->copy ? COUNT_NONE : QUEUE_RCPT_FAILED);
	if (r->copy)
		return act_forget_rcpt(x, txn, n);
	reply_set(&reply, 550, "5.7.1", "removed by the operator");
	r->state = RCPT_FAILED;
	rcpt_set_reply(r, &reply, "");
	return queue_put_rcpt(x->q, txn, x->id, n, r, store_place_none());
}

/* No recipient is left that is told of. */
static int
act_copies_gone(struct act *x, struct store_txn *txn)
{
	if (x->m.flags & MESSAGE_FAILED) /* it was told already */
		return message_del(txn, x->id, &x->m, &x->rec, &x->effects,
				   x->now_ms);
	x->m.tell_ms = x->now_ms;
	return queue_put_message(x->q, txn, x->id, &x->m, &x->rec);
}

/* A message of an alert's: whoever published it is told that it was removed, or
 * delivered, where only copies were left. */
static int
act_fail_all(struct act *x, struct store_txn *txn)
{
	bool named = false;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, x->id, &n, &x->effects.arena, &rcpt,
				  &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		named |= r < 0 || !rcpt.copy;
		/* Of a damaged one nothing can be told. */
		r = r < 0 ? act_forget_rcpt(x, txn, n)
			  : act_fail_rcpt(x, txn, n, &rcpt, &rec);
		if (r < 0)
			return r;
	}
	if (!named)
		return act_copies_gone(x, txn);
	x->m.flags |= MESSAGE_FAILED;
	x->m.tell_ms = x->now_ms;
	return queue_put_message(x->q, txn, x->id, &x->m, &x->rec);
}

static int
act_remove(struct act *x, struct store_txn *txn, bool damaged)
{
	if (out_find(x->q, x->id) != NULL || tell_is_out(x->q, x->id))
		return -EBUSY;
	if (!damaged && x->m.teller != 'm' &&
	    !(x->m.flags & (MESSAGE_CORRUPT | MESSAGE_KEPT)) &&
	    queue_find_teller(x->q, x->m.teller) != NULL)
		return act_fail_all(x, txn);
	return message_del_all(x->q, txn, x->id, &x->effects, x->now_ms);
}

static int
act_job(struct store_txn *txn, void *arg)
{
	struct act *x = arg;
	int r;

	effects_clear(&x->effects);
	x->now_ms = clock_wall_ms(x->q->clock);
	r = queue_get_message(txn, x->id, &x->effects.arena, &x->m, &x->rec);
	if ((r == -EBADMSG || r == -ENOENT) && x->action == QUEUE_REMOVE)
		return act_remove(x, txn, true);
	if (r < 0)
		return r;
	if ((x->m.flags & MESSAGE_CORRUPT) && x->action != QUEUE_REMOVE)
		return -EBADMSG;
	if ((x->m.flags & MESSAGE_KEPT) && x->action != QUEUE_REMOVE)
		return -ESTALE;
	if ((x->m.flags & MESSAGE_HELD) &&
	    (x->action == QUEUE_FLUSH || x->action == QUEUE_REQUEUE))
		return -EPERM;
	switch (x->action) {
	case QUEUE_HOLD:
		return act_hold(x, txn, true);
	case QUEUE_RELEASE:
		return act_hold(x, txn, false);
	case QUEUE_FLUSH:
	case QUEUE_REQUEUE:
		return act_rcpts(x, txn);
	case QUEUE_REMOVE:
		return act_remove(x, txn, false);
	}
	return -EINVAL;
}

static void
act_after(void *arg, int result)
{
	struct act *x = arg;

	if (result == 0)
		effects_apply(x->q, &x->effects);
	queue_poke(x->q);
}

static void
act_done(void *arg, int result)
{
	struct act *x = arg;

	x->done(x->done_arg, result);
	effects_done(&x->effects);
	lookup_done(&x->lookup);
	free(x);
}

static void
act_submit(struct act *x)
{
	x->job = (struct store_job){
		.fn = act_job,
		.need = STORE_NEED_RESULT,
		.after = act_after,
		.done = act_done,
		.arg = x,
		.loop = x->loop,
		.bytes = 4096,
	};
	queue_run(x->q, &x->job);
}

/* --- routes, looked up anew ---------------------------------------------- */

static int
act_note_job(struct store_txn *txn, void *arg)
{
	struct act *x = arg;
	struct lookup *l = &x->lookup;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	lookup_done(l);
	lookup_init(l);
	r = queue_get_message(txn, x->id, &l->arena, &x->m, &rec);
	if (r < 0)
		return r;
	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, x->id, &n, &l->arena, &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0 && rcpt.state == RCPT_LIVE)
			lookup_add(l, x->id, n, x->m.sender, &rcpt);
	}
	return 0;
}

static void
act_ask(void *arg)
{
	struct act *x = arg;

	if (lookup_some(&x->lookup, x->q, x->loop, ACT_ASK))
		loop_post(x->loop, &x->post, act_ask, x);
	else
		act_submit(x);
}

static void
act_noted(void *arg, int result)
{
	if (result < 0)
		act_done(arg, result);
	else
		act_ask(arg);
}

static void
act_note(struct act *x)
{
	x->job = (struct store_job){
		.fn = act_note_job,
		.need = STORE_NEED_RESULT,
		.done = act_noted,
		.arg = x,
		.loop = x->loop,
	};
	queue_run(x->q, &x->job);
}

void
queue_act(struct queue *q, enum queue_action action, uint64_t id,
	  struct loop *loop, queue_done_fn *done, void *arg)
{
	struct act *x = xcalloc(1, sizeof(*x));

	x->q = q;
	x->action = action;
	x->id = id;
	x->done = done;
	x->done_arg = arg;
	x->loop = loop;
	effects_init(&x->effects);
	lookup_init(&x->lookup);
	if (action == QUEUE_REQUEUE && q->router != NULL)
		act_note(x);
	else
		act_submit(x);
}
