/*
 * timer - what waits for a time.
 *
 * Time is read by class and kind, alerts first, each by its own job, one at a
 * time: a million reports to make stand before no retry, and nothing stands
 * before what belongs to an alert. Kind 't' are messages that have something to
 * tell, 'm' deferred recipients and messages that grow too old, 'd'
 * destinations to be probed, 'b' loose blobs, 'p' what is kept of messages that
 * are over, 'k' keys of callers, '0' the end
 * of a pause; other kinds are their owners'.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "queue/queue_impl.h"

#define DUE_EFFECTS  1000      /* a job stops when it noted so many */
#define DUE_FREED    (1 << 20) /* or so many bytes of what was kept */
#define DUE_AGAIN_MS (5 * 60 * 1000)
#define DUE_ERROR_MS 1000

enum due_next { DUE_STOP = 1 };

/* What is due at NOW has a time up to this. */
static int64_t
due_horizon(const struct due *d, int64_t now)
{
	if (d->ahead_ms > 0)
		return d->ahead_ms;
	if (d->kind == 'p' && !store_has_room(d->q->store, STORE_NEED_KEEP))
		return INT64_MAX;
	return d->kind == 't' && d->q->leased_before_ms > now
		       ? d->q->leased_before_ms - 1
		       : now;
}

/* --- a message's time ---------------------------------------------------- */

static int
due_tell(struct due *d, struct store_txn *txn, uint64_t id, struct message *m,
	 struct store_rec *rec, int64_t now)
{
	struct queue *q = d->q;
	size_t noted = 0;

	for (size_t i = 0; i < d->effects.n; i++)
		noted += d->effects.v[i].kind == EFFECT_TELL;
	if (q->ntells + noted >= QUEUE_TELLS)
		return DUE_STOP;
	/* A lease: were we killed now, it would be due again. */
	m->tell_ms = now + DUE_TELL_LEASE_MS;
	effect_tell(&d->effects, id);
	return queue_put_message(q, txn, id, m, rec);
}

struct due_expiry {
	struct due *d;
	struct store_txn *txn;
	uint64_t id;
	int64_t now;
	const struct message *m;
	struct dest_look look;
	/* SOME failed; of SILENT ones nobody is told; FAILED: not only copies
	 * did; AGAIN: some are left; DAMAGED: some cannot be read. */
	bool some, silent, failed, again, damaged;
};

/* Nobody will try it any more: it says so, unless a server said something. */
static void
due_nobody_serves(struct rcpt *r)
{
	static const struct reply reply = {
		.code = 451,
		.dsn = "4.3.5",
		.ours = true,
		.text = "nobody here delivers to such destinations any more",
	};

	if (r->reply_code == 0)
		rcpt_set_reply(r, &reply, "");
}

/* Too late: but not before a try since we are awake. */
static int
due_expire_rcpt(struct due_expiry *x, uint32_t n, struct rcpt *r,
		const struct store_rec *rec)
{
	struct queue *q = x->d->q;
	int shown = (int)rcpt_shown_state(r, &rec->place);
	int64_t last = r->last_ms;
	bool served = queue_find_agent(q, r->agent) != NULL;
	struct store_key key;

	dest_look(&x->look, x->txn, &x->d->effects.arena, r->dest);
	if (x->look.failed && x->look.rec.last_ms > last &&
	    x->look.rec.last_ms >= r->arrival_ms)
		last = x->look.rec.last_ms;
	if (out_has(q, x->id, n) || (served && last < q->awake_since_ms &&
				     place_is_ready(&rec->place))) {
		x->again = true;
		return 0;
	}
	if (served && (last == 0 || last < q->awake_since_ms)) {
		x->again = true;
		effect_wake(&x->d->effects, x->id, r);
		count_note_rcpt(&x->d->effects.counts, x->id, r, shown,
				QUEUE_RCPT_READY);
		return queue_put_rcpt(q, x->txn, x->id, n, r,
				      rcpt_place_ready(r));
	}
	if (x->look.failed)
		rcpt_take_dest(r, &x->look.rec);
	if (!served)
		due_nobody_serves(r);
	r->state = RCPT_FAILED;
	r->expired = true;
	effect_expired(&x->d->effects, x->id, r);
	x->failed = x->failed || !r->copy;
	if (!wish_failure(x->m, r)) {
		x->silent = true;
		key = key_message(x->id, n);
		count_note_rcpt(&x->d->effects.counts, x->id, r, shown,
				COUNT_NONE);
		return store_del(x->txn, &key);
	}
	x->some = true;
	count_note_rcpt(&x->d->effects.counts, x->id, r, shown,
			QUEUE_RCPT_FAILED);
	return queue_put_rcpt(q, x->txn, x->id, n, r, store_place_none());
}

static int
due_expire_rcpts(struct due_expiry *x)
{
	struct arena *a = &x->d->effects.arena;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1;
	     (r = queue_next_rcpt(x->txn, x->id, &n, a, &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0)
			x->damaged = true;
		if (r < 0 || rcpt.state != RCPT_LIVE)
			continue;
		r = due_expire_rcpt(x, n, &rcpt, &rec);
		if (r < 0)
			return r;
	}
	/* Nobody else is left: the message is set aside with them. */
	return x->damaged && !x->some && !x->silent && !x->again ? -EBADMSG : 0;
}

static int
due_expire(struct due *d, struct store_txn *txn, uint64_t id, struct message *m,
	   struct store_rec *rec, int64_t now)
{
	struct due_expiry x = {
		.d = d, .txn = txn, .id = id, .now = now, .m = m};
	int r = due_expire_rcpts(&x);

	if (r < 0)
		return r;
	if (x.failed)
		m->flags |= MESSAGE_FAILED;
	if (x.some)
		m->tell_ms = now;
	/* Those that are left are looked at again a little later. */
	if (x.again)
		m->expires_ms = now + DUE_AGAIN_MS;
	m->warn_ms = 0; /* too late for that */
	r = queue_put_message(d->q, txn, id, m, rec);
	if (r == 0 && x.silent)
		r = message_settle(d->q, txn, id, m, rec, &d->effects, now);
	return r;
}

/* Kept until now; or the room is needed for what still has a fate to come. */
static int
due_kept(struct due *d, struct store_txn *txn, uint64_t id,
	 const struct message *m, const struct store_rec *rec, int64_t now)
{
	if (m->expires_ms > due_horizon(d, now))
		return 0;
	d->freed += (rec->pages + 1) * (uint64_t)STORE_PAGE_MAX;
	return message_del(txn, id, m, rec, &d->effects, now);
}

static int
due_message(struct due *d, struct store_txn *txn, uint64_t id,
	    struct store_rec *rec, int64_t now)
{
	int64_t grace = d->q->awake_since_ms + QUEUE_GRACE_MS;
	struct message m;
	int r = message_decode(rec->value, rec->len, &d->effects.arena, &m);

	if (r < 0)
		return r;
	if (m.flags & MESSAGE_KEPT)
		return due_kept(d, txn, id, &m, rec, now);
	if (m.tell_ms > 0 && m.tell_ms <= due_horizon(d, now))
		return due_tell(d, txn, id, &m, rec, now);
	if ((m.flags & MESSAGE_HELD) || now < message_next_ms(&m))
		return queue_put_message(d->q, txn, id, &m, rec);
	if (now < grace) {
		message_not_before(&m, grace);
		return queue_put_message(d->q, txn, id, &m, rec);
	}
	if (now >= m.expires_ms)
		return due_expire(d, txn, id, &m, rec, now);
	r = wish_warn(d->q, txn, id, &m, &d->effects.arena, now);
	return r < 0 ? r : queue_put_message(d->q, txn, id, &m, rec);
}

static int
due_rcpt(struct due *d, struct store_txn *txn, const struct store_key *key,
	 struct store_rec *rec)
{
	struct rcpt rcpt;
	int r = rcpt_decode(rec->value, rec->len, &d->effects.arena, &rcpt);

	if (r < 0)
		return r;
	rec->place = rcpt.state == RCPT_LIVE ? rcpt_place_ready(&rcpt)
					     : store_place_none();
	if (rcpt.state == RCPT_LIVE) {
		effect_wake(&d->effects, key_number(key), &rcpt);
		count_note_rcpt(&d->effects.counts, key_number(key), &rcpt,
				QUEUE_RCPT_DEFERRED, QUEUE_RCPT_READY);
	}
	return store_put(txn, key, rec);
}

/* --- other kinds --------------------------------------------------------- */

/* A destination may be probed, when something waits there. */
static int
due_dest(struct due *d, struct store_txn *txn, const struct store_key *key,
	 struct store_rec *rec, int64_t now)
{
	uint64_t dest = key_number(key);
	struct store_place list = store_place_ready(dest, 0, 0), place;
	struct store_key first;
	struct dest_rec dr;
	int r;

	r = dest_decode(rec->value, rec->len, &d->effects.arena, &dr);
	if (r < 0)
		return r;
	effect_probe(&d->effects, dest, dr.agent, dr.name);
	r = store_next_waiting(txn, &list, NULL, PLACE_PREFIX_DEST, &place,
			       &first);
	if (r < 0)
		return r;
	if (r == 0)
		return store_del(txn, key);
	if (dr.not_before_ms > now) {
		dr.not_before_ms = now;
		buf_clear(&d->q->scratch);
		must(dest_encode(&dr, &d->q->scratch) == 0);
		rec->value = d->q->scratch.data;
		rec->len = d->q->scratch.len;
	}
	rec->place = store_place_time(d->class, 'd', now + DUE_PROBE_MS);
	return store_put(txn, key, rec);
}

static int
due_other(struct due *d, struct store_txn *txn, const struct store_key *key,
	  struct store_rec *rec, int64_t now)
{
	struct store_rec after;
	uint64_t version = rec->version;
	int r;

	if (d->fn == NULL)
		return -EBADMSG;
	r = d->fn(txn, d->ctx, key, rec, now);
	if (r < 0)
		return r;
	r = store_get(txn, key, &after);
	if (r == 0 && after.version == version)
		return -EBADMSG;
	return r == -ENOENT ? 0 : r;
}

static int
due_fire(struct due *d, struct store_txn *txn, const struct store_key *key,
	 struct store_rec *rec, int64_t now)
{
	uint64_t id;
	uint32_t n;

	switch (key->kind) {
	case 'm':
		if (!key_message_parse(key, &id, &n))
			return -EBADMSG;
		return n == 0 ? due_message(d, txn, id, rec, now)
			      : due_rcpt(d, txn, key, rec);
	case 'd':
		return due_dest(d, txn, key, rec, now);
	case 'b':
		return blob_due(d->q, txn, key, rec, now);
	case 'k':
		return store_del(txn, key);
	case '0':
		return pause_due(d->q, txn, key, &d->effects);
	default:
		return due_other(d, txn, key, rec, now);
	}
}

/* --- the job ------------------------------------------------------------- */

/* A record that cannot be read: out of the index, and said once. */
static int
due_set_aside(struct due *d, struct store_txn *txn,
	      const struct store_place *place, const struct store_key *key)
{
	struct store_rec rec;
	uint64_t id = key_number(key);
	uint32_t n;
	int r;

	if (key->kind == 'm' && key_message_parse(key, &id, &n) && n == 0) {
		r = message_set_aside(d->q, txn, id, &d->effects);
		if (r < 0)
			return r;
	} else {
		effect_corrupt(&d->effects, key->kind, id, 0);
	}
	/* Nothing is lost with it: the destination is tried anew. */
	if (key->kind == 'd') {
		d->q->dests.forgot = true;
		r = store_del(txn, key);
		return r == -ENOENT ? store_drop_hint(txn, place, key) : r;
	}
	r = store_get(txn, key, &rec);
	if (r == 0 && store_place_equal(&rec.place, place)) {
		rec.place = store_place_none();
		return store_put(txn, key, &rec);
	}
	r = store_drop_hint(txn, place, key);
	return r == -ENOENT ? 0 : r;
}

int
due_row(struct due *d, struct store_txn *txn, const struct store_place *place,
	const struct store_key *key, int64_t now)
{
	struct store_rec rec;
	int r = store_get(txn, key, &rec);

	if (r == -ENOENT || (r == 0 && !store_place_equal(&rec.place, place)))
		r = store_drop_hint(txn, place, key);
	else if (r == 0)
		r = due_fire(d, txn, key, &rec, now);
	if (r == -EBADMSG)
		r = due_set_aside(d, txn, place, key);
	return r;
}

static bool
due_next(struct due *d, struct store_txn *txn, struct store_place *ret_place,
	 struct store_key *ret_key)
{
	struct store_place from = store_place_time(d->class, d->kind, 0);

	return store_next_waiting(txn, &from, NULL, PLACE_PREFIX_KIND,
				  ret_place, ret_key) > 0;
}

static int
due_job(struct store_txn *txn, void *arg)
{
	struct due *d = arg;
	int64_t now = clock_wall_ms(d->q->clock);
	int rows = d->kind == 'b' ? 1 : DUE_ROWS;
	struct store_place place;
	struct store_key key;
	int r = 0;

	effects_clear(&d->effects);
	d->freed = 0;
	while (r == 0 && rows-- > 0 && d->effects.n < DUE_EFFECTS &&
	       d->freed < DUE_FREED) {
		if (!due_next(d, txn, &place, &key) ||
		    place_when(&place) > due_horizon(d, now))
			return 0;
		r = due_row(d, txn, &place, &key, now);
	}
	return r < 0 ? r : 0;
}

static void
due_after(void *arg, int result)
{
	struct due *d = arg;

	d->busy = false;
	if (result == 0 && d->job.fn == due_ahead_job)
		due_ahead_after(d);
	if (result == 0) {
		effects_apply(d->q, &d->effects);
		store_note_freed(d->q->store, d->freed);
		d->freed = 0;
	} else {
		d->not_before_mono_ms =
			clock_mono_ms(d->q->clock) + DUE_ERROR_MS;
	}
	effects_clear(&d->effects);
	queue_poke(d->q);
}

static void
due_submit(struct due *d)
{
	d->busy = true;
	d->job = (struct store_job){
		.fn = d->ahead_ms > 0 ? due_ahead_job : due_job,
		.need = STORE_NEED_RESULT,
		.after = due_after,
		.arg = d,
		.bytes = 64 * 1024,
	};
	queue_run(d->q, &d->job);
}

/* While paused only class alert goes on, nothing at all with --alerts; but the
 * store's own housekeeping does, and what wakes a destination: an alert may
 * have come there since, and the turn knows who may go. */
static bool
due_is_paused(const struct due *d)
{
	const struct queue *q = d->q;

	if (!q->paused.paused || strchr("bdkp0", d->kind) != NULL)
		return false;
	return q->paused.alerts || d->class != STORE_CLASS_ALERT;
}

/* Start D's job when its first row is due; the wall time when it will be. */
static int64_t
due_look(struct due *d, struct store_txn *txn, int64_t now_wall_ms,
	 int64_t now_mono_ms)
{
	struct store_place place;
	struct store_key key;
	int64_t when;

	if (d->busy || due_is_paused(d) ||
	    (d->kind == 't' && d->q->ntells >= QUEUE_TELLS) ||
	    (d->ahead_ms == 0 && !due_next(d, txn, &place, &key)))
		return INT64_MAX;
	when = d->ahead_ms > 0 ? now_wall_ms : place_when(&place);
	if (now_mono_ms < d->not_before_mono_ms)
		return now_wall_ms + d->not_before_mono_ms - now_mono_ms;
	if (when > due_horizon(d, now_wall_ms))
		return when;
	due_submit(d);
	return INT64_MAX;
}

int64_t
due_turn(struct queue *q, struct store_txn *txn, int64_t now_wall_ms,
	 int64_t now_mono_ms)
{
	int64_t next = INT64_MAX;

	for (int class = STORE_CLASS_ALERT; class <= STORE_CLASS_OTHER;
	     class ++) {
		for (size_t i = 0; i < q->ndues; i++) {
			int64_t when;

			if ((int)q->dues[i].class != class)
				continue;
			when = due_look(&q->dues[i], txn, now_wall_ms,
					now_mono_ms);
			if (when < next)
				next = when;
		}
	}
	return next;
}

void
due_register(struct queue *q, uint8_t kind, queue_due_fn *fn, void *ctx)
{
	for (int class = STORE_CLASS_ALERT; class <= STORE_CLASS_OTHER;
	     class ++) {
		struct due *d = &q->dues[q->ndues++];

		must(q->ndues <= QUEUE_DUES);
		d->q = q;
		d->class = (enum store_class) class;
		d->kind = kind;
		d->fn = fn;
		d->ctx = ctx;
		effects_init(&d->effects);
	}
}
