/*
 * pause - the red button: accept and keep, deliver nothing.
 *
 * One record says so; it waits for the end of the pause, if there is one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/pack.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define PAUSE_FORMAT 1

struct pause {
	struct queue *q;
	struct queue_paused p;
	queue_done_fn *done;
	void *done_arg;
	struct store_job job;
};

static void
pause_encode(const struct queue_paused *p, struct buf *out)
{
	struct pack pk = {.out = out};

	pack_u8(&pk, PAUSE_FORMAT);
	pack_u8(&pk, p->alerts);
	pack_u64(&pk, (uint64_t)p->until_ms);
	pack_u64(&pk, (uint64_t)p->since_ms);
	pack_str(&pk, p->reason);
	must(!pk.bad);
}

static int
pause_decode(const struct store_rec *rec, struct queue_paused *ret)
{
	struct queue_paused p = {.paused = true};
	struct arena a;
	struct unpack u;

	arena_init(&a);
	unpack_init(&u, rec->value, rec->len);
	if (unpack_u8(&u) != PAUSE_FORMAT)
		u.bad = true;
	p.alerts = unpack_u8(&u) != 0;
	p.until_ms = (int64_t)unpack_u64(&u);
	p.since_ms = (int64_t)unpack_u64(&u);
	snprintf(p.reason, sizeof(p.reason), "%s", unpack_str(&u, &a));
	arena_done(&a);
	if (!unpack_end(&u))
		return -EBADMSG;
	*ret = p;
	return 0;
}

/* In the store thread, or before there is one. */
static void
pause_set(struct queue *q, const struct queue_paused *p)
{
	bool resumed = q->paused.paused && !p->paused;

	q->paused = *p;
	pthread_mutex_lock(&q->lock);
	q->paused_shared = *p;
	pthread_mutex_unlock(&q->lock);
	queue_poke(q);
	if (!resumed)
		return;
	q->awake_since_ms = clock_wall_ms(q->clock);
	scan_start(q);
}

static int
pause_put(struct store_txn *txn, void *arg)
{
	struct pause *x = arg;
	struct store_key key = key_pause();
	struct store_rec rec = {0};
	struct buf *b = &x->q->scratch;

	if (!x->p.paused) {
		int r = store_del(txn, &key);

		return r == -ENOENT ? -EALREADY : r;
	}
	if (x->p.until_ms > 0)
		rec.place =
			store_place_time(STORE_CLASS_OTHER, '0', x->p.until_ms);
	buf_clear(b);
	pause_encode(&x->p, b);
	rec.value = b->data;
	rec.len = b->len;
	return store_put(txn, &key, &rec);
}

int
pause_put_until_resumed(struct store_txn *txn, const char *reason,
			int64_t now_ms)
{
	struct queue_paused p = {.alerts = true, .since_ms = now_ms};
	struct store_key key = key_pause();
	struct store_rec rec = {0};
	struct buf value;
	int r;

	snprintf(p.reason, sizeof(p.reason), "%s", reason);
	buf_init(&value, STORE_VALUE_MAX);
	pause_encode(&p, &value);
	rec.value = value.data;
	rec.len = value.len;
	r = store_put(txn, &key, &rec);
	buf_done(&value);
	return r;
}

static void
pause_after(void *arg, int result)
{
	struct pause *x = arg;

	if (result == 0)
		pause_set(x->q, &x->p);
}

static void
pause_done(void *arg, int result)
{
	struct pause *x = arg;

	if (x->done != NULL)
		x->done(x->done_arg, result);
	free(x);
}

static void
pause_submit(struct queue *q, const struct queue_paused *p, struct loop *loop,
	     queue_done_fn *done, void *arg)
{
	struct pause *x = xcalloc(1, sizeof(*x));

	x->q = q;
	x->p = *p;
	x->done = done;
	x->done_arg = arg;
	x->job = (struct store_job){
		.fn = pause_put,
		.need = STORE_NEED_RESULT,
		.after = pause_after,
		.done = pause_done,
		.arg = x,
		.loop = loop,
		.bytes = 512,
	};
	queue_run(q, &x->job);
}

void
queue_pause(struct queue *q, const struct queue_paused *p, struct loop *loop,
	    queue_done_fn *done, void *arg)
{
	struct queue_paused copy = *p;

	copy.paused = true;
	if (copy.since_ms == 0)
		copy.since_ms = clock_wall_ms(q->clock);
	pause_submit(q, &copy, loop, done, arg);
}

void
queue_resume(struct queue *q, struct loop *loop, queue_done_fn *done, void *arg)
{
	struct queue_paused none = {0};

	pause_submit(q, &none, loop, done, arg);
}

void
queue_get_paused(struct queue *q, struct queue_paused *ret)
{
	pthread_mutex_lock(&q->lock);
	*ret = q->paused_shared;
	pthread_mutex_unlock(&q->lock);
}

/* Its time is over. */
int
pause_due(struct queue *q, struct store_txn *txn, const struct store_key *key,
	  struct effects *e)
{
	(void)q;
	effect_resume(e);
	return store_del(txn, key);
}

void
pause_over(struct queue *q)
{
	struct queue_paused none = {0};

	pause_set(q, &none);
	log_event(q->log, LOG_INFO, "operator", LOG_STR("action", "resume"),
		  LOG_STR("reason", "the pause is over"));
}

/* --- at open ------------------------------------------------------------- */

static int
pause_read(struct store_txn *txn, void *arg)
{
	struct queue *q = arg;
	struct store_key key = key_pause();
	struct queue_paused p;
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	if (r == 0)
		r = pause_decode(&rec, &p);
	if (r == 0)
		pause_set(q, &p);
	/* Doubt defers: a pause that cannot be read is a pause. */
	if (r == -EBADMSG) {
		p = (struct queue_paused){.paused = true,
					  .reason = "the record is damaged"};
		pause_set(q, &p);
		r = 0;
	}
	return r == -ENOENT ? 0 : r;
}

/* What a backup holds may have been delivered since: a person decides. */
static int
pause_restored(struct queue *q, int64_t of_ms)
{
	struct pause x = {.q = q, .p = {.paused = true, .alerts = true}};
	char when[CLOCK_RFC3339_LEN];
	int r;

	clock_rfc3339(of_ms, when);
	x.p.since_ms = clock_wall_ms(q->clock);
	snprintf(x.p.reason, sizeof(x.p.reason),
		 "the store was put back as it was at %s: what was delivered "
		 "since would go out again; `belfry queue remove` drops, "
		 "`belfry resume` delivers what is left",
		 when);
	r = store_run_wait(q->store, pause_put, &x);
	if (r == 0)
		r = store_adopt(q->store);
	/* Full: the next start will see it again. */
	if (r < 0 && r != -ENOSPC)
		return r;
	pause_set(q, &x.p);
	log_event(q->log, LOG_WARNING, "store_restored", LOG_STR("of", when),
		  LOG_STR("help", "delivery is paused: `belfry queue remove` "
				  "what must not go out again, then "
				  "`belfry resume`"));
	return 0;
}

int
pause_load(struct queue *q)
{
	int64_t of_ms;

	if (store_is_restored(q->store, &of_ms))
		return pause_restored(q, of_ms);
	return store_run_wait(q->store, pause_read, q);
}
