/*
 * teller - from "there is something to tell" to told.
 *
 *	due --lease--> READING --disk pool--> COMPOSING (the teller's, on a loop)
 *	COMPOSING --tell_commit--> COMMITTING --> told, or changed: due again
 *	COMPOSING --tell_drop--> due again in a minute
 *
 * At most QUEUE_TELLS are under way. The message's version is the token.
 */
#include "queue/teller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/publish.h"

#define TELL_AGAIN_MS 60000
#define TELL_SOON_MS  1000

struct tell_impl {
	struct tell t;
	struct queue *q;
	struct loop *loop;
	struct queue_teller *teller;
	uint64_t version;
	size_t nall; /* NRCPT as the teller got it */
	struct reader reader;
	struct store_job job;
	struct post post;
	/* tell_commit() */
	struct publish *report; /* owned; NULL: nothing can be said */
	store_fn *fn;
	void *fn_arg;
	bool changed;     /* composed in vain */
	int64_t again_ms; /* with a drop */
	int64_t now_ms;
	struct effects effects;
	UT_hash_handle hh;
};

bool
tell_is_out(struct queue *q, uint64_t id)
{
	struct tell_impl *ti;

	HASH_FIND(hh, q->tells, &id, sizeof(id), ti);
	return ti != NULL;
}

void
tell_forget_all(struct queue *q)
{
	HASH_CLEAR(hh, q->tells);
}

static void
tell_free(struct tell_impl *ti)
{
	reader_done(&ti->reader);
	publish_free(&ti->report);
	effects_done(&ti->effects);
	arena_done(&ti->t.arena);
	free(ti);
}

/* --- under way ----------------------------------------------------------- */

static enum tell_what
tell_what(const struct rcpt *r)
{
	if (r->state == RCPT_LIVE)
		return TELL_LATE;
	if (r->state == RCPT_SERVED && r->expanded)
		return TELL_EXPANDED;
	if (r->state == RCPT_SERVED)
		return r->relayed ? TELL_RELAYED : TELL_DELIVERED;
	return r->expired ? TELL_EXPIRED : TELL_FAILED;
}

static void
tell_fill_rcpt(struct tell_impl *ti, uint32_t n, const struct rcpt *r)
{
	const struct queue_agent *agent = queue_find_agent(ti->q, r->agent);
	struct tell_rcpt *tr = &ti->t.rcpt[ti->t.nrcpt++];

	tr->n = n;
	tr->address = r->address;
	tr->shown = log_name(r->address, agent != NULL && agent->secret);
	tr->original = r->original[0] != '\0' ? r->original : r->address;
	tr->orcpt = r->orcpt[0] != '\0' ? r->orcpt : NULL;
	tr->notify = r->notify;
	tr->what = tell_what(r);
	rcpt_get_reply(r, &tr->reply);
	tr->relay = r->relay;
	tr->tries = r->tries;
	tr->last_attempt_ms = r->last_ms;
}

/* Those that are late, behind those that are over. */
static int
tell_read_late(struct tell_impl *ti, struct store_txn *txn,
	       const struct message *m)
{
	struct dest_look look = {.known = false};
	struct tell *t = &ti->t;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, t->id, &n, &t->arena, &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0 && t->nrcpt < m->nrcpt &&
		    wish_is_late(&look, txn, &t->arena, m, &rcpt) &&
		    rcpt.last_ms > 0)
			tell_fill_rcpt(ti, n, &rcpt);
	}
	return 0;
}

static int
tell_read_rcpts(struct tell_impl *ti, struct store_txn *txn,
		const struct message *m)
{
	struct tell *t = &ti->t;
	struct store_rec rec;
	struct rcpt rcpt;
	uint32_t left = 0;
	int r;

	t->rcpt = arena_alloc(&t->arena, (m->nrcpt + 1) * sizeof(t->rcpt[0]));
	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, t->id, &n, &t->arena, &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0 && t->nrcpt < m->nrcpt &&
		    (rcpt.state == RCPT_FAILED || rcpt.state == RCPT_SERVED))
			tell_fill_rcpt(ti, n, &rcpt);
		else
			left += r < 0 || !rcpt.copy;
	}
	t->over = left == 0 || m->flags & MESSAGE_CORRUPT;
	t->reached = m->flags & MESSAGE_SERVED;
	t->doubted = m->flags & MESSAGE_DOUBTED;
	t->delivered =
		t->nrcpt == 0 && left == 0 && !(m->flags & MESSAGE_FAILED);
	r = m->flags & MESSAGE_WARN ? tell_read_late(ti, txn, m) : 0;
	ti->nall = t->nrcpt;
	return r;
}

/* In the disk pool. */
static int
tell_load(struct store_txn *txn, void *arg)
{
	struct tell_impl *ti = arg;
	struct tell *t = &ti->t;
	struct store_rec rec;
	struct message m;
	int r;

	r = queue_get_message(txn, t->id, &t->arena, &m, &rec);
	if (r < 0)
		return r;
	ti->version = rec.version;
	t->kind = m.teller;
	t->teller_key = m.teller_key;
	t->sender = m.sender;
	t->size = m.size;
	t->arrival_ms = m.arrival_ms;
	t->expires_ms = m.expires_ms;
	t->class = m.class;
	t->utf8_header = m.flags & MESSAGE_UTF8_HEADER;
	t->quotes = m.flags & MESSAGE_QUOTES;
	t->ret = m.ret;
	t->envid = m.envid[0] != '\0' ? m.envid : NULL;
	reader_init(&ti->reader, ti->q, ti->loop, rec.blob, rec.pages, m.size);
	return tell_read_rcpts(ti, txn, &m);
}

static void
tell_loaded(void *arg, int result)
{
	struct tell_impl *ti = arg;
	struct tell *t = &ti->t;

	/* While we stop the teller may be gone already. */
	if (result == 0 && !atomic_load(&ti->q->stopping))
		ti->teller = queue_find_teller(ti->q, t->kind);
	if (ti->teller == NULL) {
		tell_drop(&t);
		return;
	}
	if (t->kind == 'm' && t->nrcpt == 0) /* late, and served meanwhile */
		tell_commit(&t, NULL, NULL, NULL, NULL);
	else
		ti->teller->fn(ti->teller->ctx, ti->loop, t);
}

static void
tell_done(void *arg, int result)
{
	(void)result;
	tell_free(arg);
}

static void
tell_submit(struct tell_impl *ti, store_fn *fn, store_done_fn *after,
	    enum store_need need, size_t bytes)
{
	ti->job = (struct store_job){
		.fn = fn,
		.after = after,
		.done = tell_done,
		.arg = ti,
		.loop = ti->loop,
		.bytes = bytes,
		.need = need,
	};
	queue_run(ti->q, &ti->job);
}

/* On the loop. */
static void
tell_begins(void *arg)
{
	struct tell_impl *ti = arg;
	struct tell *t = &ti->t;

	ti->job = (struct store_job){
		.fn = tell_load,
		.done = tell_loaded,
		.arg = ti,
		.loop = ti->loop,
	};
	if (queue_read(ti->q, &ti->job) < 0)
		tell_drop(&t);
}

void
tell_start(struct queue *q, uint64_t id)
{
	struct tell_impl *ti;

	if (tell_is_out(q, id) || atomic_load(&q->stopping))
		return;
	ti = xcalloc(1, sizeof(*ti));
	arena_init(&ti->t.arena);
	effects_init(&ti->effects);
	ti->q = q;
	ti->loop = queue_any_loop(q);
	ti->t.id = id;
	ti->t.impl = ti;
	ti->again_ms = TELL_SOON_MS;
	q->ntells++;
	HASH_ADD(hh, q->tells, t.id, sizeof(ti->t.id), ti);
	loop_post(ti->loop, &ti->post, tell_begins, ti);
}

/* --- over ---------------------------------------------------------------- */

static void
tell_forget(struct tell_impl *ti)
{
	HASH_DEL(ti->q->tells, ti);
	ti->q->ntells--;
	queue_poke(ti->q);
}

/* Due again, unless it changed and is due by itself. */
static int
drop_put(struct store_txn *txn, void *arg)
{
	struct tell_impl *ti = arg;
	struct store_rec rec;
	struct message m;
	int r;

	effects_clear(&ti->effects);
	r = queue_get_message(txn, ti->t.id, &ti->effects.arena, &m, &rec);
	if (r == -EBADMSG)
		return message_set_aside(ti->q, txn, ti->t.id, &ti->effects);
	if (r < 0 || m.tell_ms == 0)
		return r == -ENOENT ? 0 : r;
	m.tell_ms = ti->now_ms + ti->again_ms;
	return queue_put_message(ti->q, txn, ti->t.id, &m, &rec);
}

static void
drop_after(void *arg, int result)
{
	struct tell_impl *ti = arg;

	if (result == 0)
		effects_apply(ti->q, &ti->effects);
	/* Not so soon as what an earlier life had leased. */
	if (ti->again_ms < DUE_TELL_LEASE_MS)
		ti->q->leased_before_ms = 0;
	tell_forget(ti);
}

void
tell_drop(struct tell **tp)
{
	struct tell_impl *ti = (*tp)->impl;

	*tp = NULL;
	/* The teller had it: it says "not now". Else it was only a full pool.
	 */
	if (ti->teller != NULL)
		ti->again_ms = TELL_AGAIN_MS;
	ti->now_ms = clock_wall_ms(ti->q->clock);
	tell_submit(ti, drop_put, drop_after, STORE_NEED_RESULT, 1024);
}

void
tell_read(struct tell *t, attempt_read_fn *fn, void *arg)
{
	reader_next(&t->impl->reader, fn, arg);
}

int
tell_draft(struct tell *t, struct draft **ret_draft)
{
	struct tell_impl *ti = t->impl;

	return draft_open(ti->q, STORE_BLOB_IN_PLACE * STORE_PAGE_MAX,
			  STORE_NEED_NOTICE, ti->loop, 0, NULL, ret_draft);
}

static int
commit_del_told(struct tell_impl *ti, struct store_txn *txn)
{
	struct store_rec rec;
	struct store_key key;
	struct rcpt rcpt;
	int r;

	for (size_t i = 0; i < ti->t.nrcpt; i++) {
		uint32_t n = ti->t.rcpt[i].n;

		if (ti->t.rcpt[i].what == TELL_LATE)
			continue;
		r = queue_get_rcpt(txn, ti->t.id, n, &ti->effects.arena, &rcpt,
				   &rec);
		if (r == 0)
			count_note_rcpt(
				&ti->effects.counts, ti->t.id, &rcpt,
				(int)rcpt_shown_state(&rcpt, &rec.place),
				COUNT_NONE);
		key = key_message(ti->t.id, n);
		r = store_del(txn, &key);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

static bool
tell_has_late(const struct tell *t)
{
	return t->nrcpt > 0 && t->rcpt[t->nrcpt - 1].what == TELL_LATE;
}

/* Did the report not hold all? */
static bool
tell_is_more(const struct tell_impl *ti)
{
	return ti->t.nrcpt < ti->nall && !tell_has_late(&ti->t);
}

static int
commit_message(struct tell_impl *ti, struct store_txn *txn, struct message *m,
	       struct store_rec *rec)
{
	int r = message_next_left(txn, ti->t.id, m, &ti->effects);

	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == 0)
		return message_end(ti->q, txn, ti->t.id, m, rec, &ti->effects,
				   ti->now_ms);
	/* A warning is given once, even where it could not name all. */
	if (tell_has_late(&ti->t) || ti->t.nrcpt == ti->nall)
		m->flags &= (uint16_t)~MESSAGE_WARN;
	m->tell_ms = tell_is_more(ti) ? ti->now_ms : 0;
	return queue_put_message(ti->q, txn, ti->t.id, m, rec);
}

/* It was composed of what is no longer so: due at once. */
static int
tell_anew(struct tell_impl *ti, struct store_txn *txn, struct message *m,
	  struct store_rec *rec)
{
	if (m->tell_ms <= ti->now_ms)
		return 0;
	m->tell_ms = ti->now_ms;
	return queue_put_message(ti->q, txn, ti->t.id, m, rec);
}

static int
tell_put(struct store_txn *txn, void *arg)
{
	struct tell_impl *ti = arg;
	struct store_rec rec;
	struct message m;
	int r;

	effects_clear(&ti->effects);
	ti->changed = false;
	r = queue_get_message(txn, ti->t.id, &ti->effects.arena, &m, &rec);
	if (r == -ENOENT || (r == 0 && rec.version != ti->version)) {
		ti->changed = true;
		return r == 0 ? tell_anew(ti, txn, &m, &rec) : 0;
	}
	if (r == 0 && ti->report != NULL)
		r = publish_in(txn, ti->report);
	if (r != 0)
		return r > 0 ? -EEXIST : r;
	r = commit_del_told(ti, txn);
	if (r == 0 && ti->fn != NULL)
		r = ti->fn(txn, ti->fn_arg);
	return r < 0 ? r : commit_message(ti, txn, &m, &rec);
}

static void
tell_log_double(struct tell_impl *ti)
{
	char id[QUEUE_ID_LEN], reply[REPLY_TEXT_MAX + 32];
	int64_t n = 0;

	queue_id_text(ti->t.id, id);
	for (size_t i = 0; i < ti->t.nrcpt; i++) {
		if (ti->t.rcpt[i].what != TELL_FAILED &&
		    ti->t.rcpt[i].what != TELL_EXPIRED)
			continue;
		n++;
		reply_line(&ti->t.rcpt[i].reply, reply, sizeof(reply));
		log_event(ti->q->log, LOG_WARNING, "double_bounce",
			  LOG_STR("id", id), LOG_ADDR("from", ti->t.sender),
			  LOG_ADDR("to", ti->t.rcpt[i].shown),
			  LOG_STR("reply", reply));
	}
	if (ti->q->metric.double_bounces != NULL)
		metric_add(ti->q->metric.double_bounces, n);
}

static void
tell_after(void *arg, int result)
{
	struct tell_impl *ti = arg;

	if (result == 0 && !ti->changed) {
		if (ti->t.kind == 'm' && ti->report == NULL)
			tell_log_double(ti);
		effects_apply(ti->q, &ti->effects);
		if (ti->report != NULL)
			publish_committed(ti->report);
	}
	/* What could not be written is due again when its lease is over. */
	tell_forget(ti);
}

void
tell_commit(struct tell **tp, struct draft **report, const struct envelope *env,
	    store_fn *fn, void *arg)
{
	struct tell_impl *ti = (*tp)->impl;
	size_t bytes = 1024 * (ti->t.nrcpt + 1);

	*tp = NULL;
	if (report != NULL && *report != NULL) {
		ti->report = publish_prepare(report, env);
		bytes += publish_bytes(ti->report);
	}
	ti->fn = fn;
	ti->fn_arg = arg;
	ti->now_ms = clock_wall_ms(ti->q->clock);
	tell_submit(ti, tell_put, tell_after, STORE_NEED_NOTICE, bytes);
}
