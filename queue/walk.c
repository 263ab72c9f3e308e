#include "queue/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/lookup.h"
#include "queue/queue_impl.h"

#define WALK_ROWS_MAX 1000 /* a read transaction */
#define WALK_ASK      100  /* routes a turn of the loop */
#define WALK_MOST     200  /* changes a job */
#define WALK_LEAST    10   /* ... of a store that is full */
#define WALK_EVERY_MS (INT64_C(24) * 60 * 60 * 1000)
#define WALK_LOOK_MS  60000 /* the wall may jump while we sleep */
#define WALK_ERROR_MS 1000
#define WALK_BUSY_MS  100 /* the disk pool is */

/* A record that lost its wait row, or a destination to be probed. */
struct walk_mend {
	struct store_key key;
	uint64_t version;
};

/* Rows that were read together, on their way from the disk pool over a loop to
 * the store thread. */
struct walk_page {
	struct queue *q;
	struct loop *loop;
	uint32_t epoch;
	bool routes;
	int64_t now_ms;
	/* Read. */
	struct store_key from, next;
	bool end; /* nothing is behind it */
	uint64_t seen;
	struct lookup lookup;
	size_t nmends;
	struct walk_mend mends[WALK_ROWS_MAX];
	uint64_t sender_of; /* the message that SENDER is the one of */
	const char *sender;
	/* Written: mends first. The job starts at AT and ends before TO. */
	size_t at, to;
	uint64_t moved, mended;
	struct effects effects;
	struct post post;
	struct store_job job;
};

void
walk_init(struct walk *w)
{
	memset(w, 0, sizeof(*w));
	w->most = WALK_MOST;
}

static struct walk_page *
walk_page_new(struct queue *q, int64_t now_ms)
{
	struct walk_page *p = xcalloc(1, sizeof(*p));

	p->q = q;
	p->loop = queue_any_loop(q);
	p->epoch = q->walk.epoch;
	p->routes = q->walk.rec.work == WALK_ROUTES;
	p->from = q->walk.rec.at;
	p->now_ms = now_ms;
	lookup_init(&p->lookup);
	effects_init(&p->effects);
	return p;
}

static void
walk_page_free(struct walk_page *p)
{
	lookup_done(&p->lookup);
	effects_done(&p->effects);
	free(p);
}

/* --- where it is --------------------------------------------------------- */

/* The kinds of records: destinations first, since a probe is soon done; then in
 * the order of their timers. 't' is no record's. */
static bool
walk_kind(const struct queue *q, size_t at, struct store_key *ret)
{
	*ret = (struct store_key){.kind = 'd'};
	for (size_t i = 0; at > 0 && i < q->ndues; i++) {
		if (q->dues[i].class != STORE_CLASS_OTHER ||
		    q->dues[i].kind == 't' || q->dues[i].kind == 'd')
			continue;
		at--;
		ret->kind = q->dues[i].kind;
	}
	return at == 0;
}

static bool
walk_next_kind(const struct queue *q, struct store_key *key)
{
	struct store_key other;

	for (size_t at = 0; walk_kind(q, at, &other); at++)
		if (other.kind == key->kind)
			return walk_kind(q, at + 1, key);
	return walk_kind(q, 0, key); /* of another release */
}

/* The least key behind KEY. */
static struct store_key
walk_behind(struct store_key key)
{
	if (key.len < STORE_KEY_MAX) {
		key.bytes[key.len++] = 0;
		return key;
	}
	for (size_t i = key.len; i-- > 0;)
		if (++key.bytes[i] != 0)
			break;
	return key;
}

/* --- read: in the disk pool ---------------------------------------------- */

static const char *
walk_sender(struct walk_page *p, struct store_txn *txn, uint64_t id)
{
	struct store_rec rec;
	struct message m;

	if (p->sender != NULL && p->sender_of == id)
		return p->sender;
	p->sender_of = id;
	/* Without its message it goes nowhere: whoever takes it sees. */
	p->sender = queue_get_message(txn, id, &p->lookup.arena, &m, &rec) == 0
			    ? m.sender
			    : "";
	return p->sender;
}

static void
walk_read_rcpt(struct walk_page *p, struct store_txn *txn, uint64_t id,
	       uint32_t n, const struct store_rec *rec)
{
	struct rcpt rcpt;

	p->seen++;
	if (!p->routes || p->q->router == NULL ||
	    rcpt_decode(rec->value, rec->len, &p->lookup.arena, &rcpt) < 0 ||
	    (rcpt.state != RCPT_LIVE && rcpt.state != RCPT_HELD))
		return;
	lookup_add(&p->lookup, id, n, walk_sender(p, txn, id), &rcpt);
}

static int
walk_read_row(struct walk_page *p, struct store_txn *txn,
	      const struct store_key *key, const struct store_rec *rec)
{
	uint64_t id;
	uint32_t n;
	int has = store_has_hint(txn, &rec->place, key);
	bool probe = p->routes && key->kind == 'd' &&
		     place_when(&rec->place) > p->now_ms;

	if (has < 0)
		return has;
	if (!has || probe)
		p->mends[p->nmends++] = (struct walk_mend){*key, rec->version};
	if (key_message_parse(key, &id, &n) && n > 0)
		walk_read_rcpt(p, txn, id, n, rec);
	return 0;
}

static int
walk_read_job(struct store_txn *txn, void *arg)
{
	struct walk_page *p = arg;
	struct store_key at = p->from, key = {0};
	struct store_rec rec;
	int r;

	for (int rows = 0; rows < WALK_ROWS_MAX; rows++) {
		r = store_next(txn, &at, &key, &rec);
		if (r == 0) {
			p->end = !walk_next_kind(p->q, &at);
			if (p->end)
				return 0;
			continue;
		}
		/* A damaged one is shown by whoever needs it. */
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0)
			r = walk_read_row(p, txn, &key, &rec);
		if (r < 0 && r != -EBADMSG)
			return r;
		at = walk_behind(key);
	}
	p->next = at;
	return 0;
}

/* --- write: in the store thread ------------------------------------------ */

static int
walk_probe(struct walk_page *p, struct store_txn *txn,
	   const struct store_key *key, struct store_rec *rec)
{
	struct dest_rec dr;

	if (dest_decode(rec->value, rec->len, &p->effects.arena, &dr) < 0)
		return 0;
	dr.not_before_ms = p->now_ms;
	buf_clear(&p->q->scratch);
	must(dest_encode(&dr, &p->q->scratch) == 0);
	rec->value = p->q->scratch.data;
	rec->len = p->q->scratch.len;
	rec->place = store_place_time(STORE_CLASS_OTHER, 'd', p->now_ms);
	return store_put(txn, key, rec);
}

static int
walk_mend(struct walk_page *p, struct store_txn *txn,
	  const struct walk_mend *mend)
{
	struct store_rec rec;
	struct rcpt rcpt;
	int r = store_get(txn, &mend->key, &rec);

	if (r < 0 || rec.version != mend->version)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	r = store_has_hint(txn, &rec.place, &mend->key);
	if (r > 0)
		return mend->key.kind == 'd'
			       ? walk_probe(p, txn, &mend->key, &rec)
			       : 0;
	if (r < 0)
		return r;
	p->mended++;
	if (place_is_ready(&rec.place) &&
	    rcpt_decode(rec.value, rec.len, &p->effects.arena, &rcpt) == 0)
		effect_wake(&p->effects, key_number(&mend->key), &rcpt);
	return store_put_hint(txn, &rec.place, &mend->key);
}

static int
walk_move(struct walk_page *p, struct store_txn *txn, size_t at)
{
	const struct queue_lookup *to = &p->lookup.ask[at];
	uint64_t id = p->lookup.rows[at].id;
	uint32_t n = p->lookup.rows[at].n;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	if (!lookup_moves(&p->lookup, at) || out_has(p->q, id, n))
		return 0;
	r = queue_get_rcpt(txn, id, n, &p->effects.arena, &rcpt, &rec);
	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	if ((rcpt.state != RCPT_LIVE && rcpt.state != RCPT_HELD) ||
	    !lookup_differs(to, &rcpt))
		return 0;
	r = lookup_move(p->q, txn, &p->effects, id, n, &rcpt,
			rcpt_shown_state(&rcpt, &rec.place),
			rcpt.state == RCPT_HELD, to);
	p->moved += r == 0;
	return r == -EMSGSIZE ? 0 : r;
}

/* What the walk is when the job is committed. */
static struct walk_rec
walk_rec_after(const struct walk_page *p)
{
	struct walk_rec wr = p->q->walk.rec;
	bool all = p->to == p->nmends + p->lookup.n;

	wr.moved += p->moved;
	wr.mended += p->mended;
	if (!all)
		return wr; /* from the page's beginning, if we are killed */
	wr.at = p->next;
	wr.seen += p->seen;
	if (p->end) {
		wr.work = WALK_NONE;
		wr.ended_ms = p->now_ms;
	}
	return wr;
}

static int
walk_write_job(struct store_txn *txn, void *arg)
{
	struct walk_page *p = arg;
	struct walk *w = &p->q->walk;
	size_t changes = 0;
	struct walk_rec wr;
	int r = 0;

	effects_clear(&p->effects);
	p->moved = p->mended = 0;
	p->to = p->at;
	if (p->epoch != w->epoch)
		return 0; /* by routes that are no more */
	for (; p->to < p->nmends + p->lookup.n && changes < w->most; p->to++) {
		if (p->to < p->nmends) {
			r = walk_mend(p, txn, &p->mends[p->to]);
			changes++;
		} else {
			r = walk_move(p, txn, p->to - p->nmends);
			changes += lookup_moves(&p->lookup, p->to - p->nmends);
		}
		if (r < 0)
			return r;
	}
	wr = walk_rec_after(p);
	return walk_rec_put(txn, &p->q->scratch, &wr);
}

/* WR is what it is now; its work may be over. */
static void
walk_log(struct queue *q, const struct walk_rec *wr, const char *state)
{
	log_event(q->log, wr->mended > 0 ? LOG_WARNING : LOG_INFO, "walk",
		  LOG_STR("state", state),
		  LOG_STR("work", walk_work_names[q->walk.rec.work]),
		  LOG_INT("seen", wr->seen), LOG_INT("moved", wr->moved),
		  LOG_INT("mended", wr->mended));
}

static void walk_submit(struct walk_page *p);

/* True: the page is not through yet. */
static bool
walk_wrote(struct walk_page *p)
{
	struct queue *q = p->q;
	struct walk *w = &q->walk;
	struct walk_rec wr = walk_rec_after(p);

	effects_apply(q, &p->effects);
	if (wr.work == WALK_NONE)
		walk_log(q, &wr, "end");
	w->rec = wr;
	p->at = p->to;
	if (w->most < WALK_MOST)
		w->most++; /* slowly: each error costs a second */
	return p->at < p->nmends + p->lookup.n;
}

static void
walk_write_after(void *arg, int result)
{
	struct walk_page *p = arg;
	struct queue *q = p->q;
	struct walk *w = &q->walk;

	if (result < 0) {
		w->again_mono_ms = clock_mono_ms(q->clock) + WALK_ERROR_MS;
		w->most = WALK_LEAST;
	} else if (p->epoch == w->epoch && walk_wrote(p)) {
		walk_submit(p);
		return;
	}
	w->page = NULL;
	walk_page_free(p);
	queue_poke(q);
}

static void
walk_submit(struct walk_page *p)
{
	p->job = (struct store_job){
		.fn = walk_write_job,
		.need = STORE_NEED_RESULT,
		.patient = true,
		.after = walk_write_after,
		.arg = p,
		.bytes = 1024 * WALK_MOST,
	};
	queue_run(p->q, &p->job);
}

/* --- ask: on a loop ------------------------------------------------------ */

static void
walk_ask(void *arg)
{
	struct walk_page *p = arg;
	struct queue *q = p->q;

	if (atomic_load(&q->stopping) || q->store == NULL)
		walk_page_free(p); /* the store knows where to go on */
	else if (lookup_some(&p->lookup, q, p->loop, WALK_ASK))
		loop_post(p->loop, &p->post, walk_ask, p);
	else
		walk_submit(p);
}

static int
walk_failed_job(struct store_txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

static void
walk_failed_after(void *arg, int result)
{
	(void)result;
	walk_write_after(arg, -EIO);
}

static void
walk_read_done(void *arg, int result)
{
	struct walk_page *p = arg;

	if (result == 0 || atomic_load(&p->q->stopping) ||
	    p->q->store == NULL) {
		walk_ask(p);
		return;
	}
	/* Only the way back into the store thread. */
	p->job = (struct store_job){
		.fn = walk_failed_job,
		.need = STORE_NEED_RESULT,
		.after = walk_failed_after,
		.arg = p,
	};
	queue_run(p->q, &p->job);
}

/* --- begun and gone on --------------------------------------------------- */

static void
walk_read(struct queue *q, int64_t wall, int64_t mono)
{
	struct walk_page *p = walk_page_new(q, wall);

	p->job = (struct store_job){
		.fn = walk_read_job,
		.done = walk_read_done,
		.arg = p,
		.loop = p->loop,
	};
	q->walk.page = p;
	if (queue_read(q, &p->job) == 0)
		return;
	q->walk.page = NULL;
	q->walk.again_mono_ms = mono + WALK_BUSY_MS;
	walk_page_free(p);
}

static void
walk_begin(struct queue *q, enum walk_work work, int64_t wall)
{
	struct walk *w = &q->walk;

	w->rec.work = work;
	w->epoch++;
	w->rec.seen = w->rec.moved = w->rec.mended = 0;
	w->rec.began_ms = wall;
	must(walk_kind(q, 0, &w->rec.at));
	walk_log(q, &w->rec, "begin");
}

/* What the last life wrote. A record that can't be read is none: then it begins
 * anew. */
static void
walk_load(struct queue *q, struct store_txn *txn)
{
	q->walk.loaded = true;
	if (walk_rec_get(txn, &q->walk.rec) == 0)
		q->walk.epoch++;
}

static int64_t
walk_wait(struct walk *w, int64_t wall, int64_t mono)
{
	int64_t left;

	if (w->rec.ended_ms > wall)
		w->rec.ended_ms = wall; /* the clock went back */
	left = w->rec.ended_ms + WALK_EVERY_MS - wall;
	return left <= 0 ? 0
			 : mono + (left < WALK_LOOK_MS ? left : WALK_LOOK_MS);
}

/* What moves must not take the room that results need. Meanwhile each try finds
 * its new route itself, and makes room. */
static bool
walk_wants_room(struct queue *q)
{
	const struct walk_rec *wr = &q->walk.rec;

	return wr->work == WALK_ROUTES && wr->at.kind == 'm' &&
	       !store_has_room(q->store, STORE_NEED_NOTICE);
}

int64_t
walk_turn(struct queue *q, struct store_txn *txn, int64_t wall, int64_t mono)
{
	struct walk *w = &q->walk;
	int64_t next;

	if (!w->loaded)
		walk_load(q, txn);
	if (memcmp(w->rec.routes, q->routes, sizeof(w->rec.routes)) != 0) {
		memcpy(w->rec.routes, q->routes, sizeof(w->rec.routes));
		walk_begin(q, WALK_ROUTES, wall);
	}
	if (w->page != NULL)
		return INT64_MAX; /* its end comes back */
	if (mono < w->again_mono_ms)
		return w->again_mono_ms;
	if (walk_wants_room(q))
		return mono + WALK_ERROR_MS;
	if (w->rec.work == WALK_NONE) {
		next = walk_wait(w, wall, mono);
		if (next > 0)
			return next;
		walk_begin(q, WALK_ROWS, wall);
	}
	walk_read(q, wall, mono);
	return w->page != NULL ? INT64_MAX : w->again_mono_ms;
}

void
walk_info(const struct walk *w, struct queue_walk_info *ret)
{
	*ret = (struct queue_walk_info){
		.work = walk_work_names[w->rec.work],
		.running = w->rec.work != WALK_NONE,
		.seen = w->rec.seen,
		.moved = w->rec.moved,
		.mended = w->rec.mended,
		.began_ms = w->rec.began_ms,
		.ended_ms = w->rec.ended_ms,
	};
}
