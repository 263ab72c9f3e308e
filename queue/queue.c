/*
 * queue - the face: opened, started, stopped; and what all parts use.
 */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"

const char *const queue_class_names[] = {
	[QUEUE_ALERT] = "alert",
	[QUEUE_NORMAL] = "normal",
	[QUEUE_BULK] = "bulk",
};

const char *const queue_rcpt_state_names[] = {
	[QUEUE_RCPT_READY] = "ready",
	[QUEUE_RCPT_DEFERRED] = "deferred",
	[QUEUE_RCPT_HELD] = "held",
	[QUEUE_RCPT_FAILED] = "failed",
	[QUEUE_RCPT_SET_ASIDE] = "set_aside",
	[QUEUE_RCPT_SERVED] = "served",
};

/* --- records ------------------------------------------------------------- */

int
queue_put_message(struct queue *q, struct store_txn *txn, uint64_t id,
		  const struct message *m, struct store_rec *rec)
{
	struct store_key key = key_message(id, 0);
	int r;

	buf_clear(&q->scratch);
	r = message_encode(m, &q->scratch);
	if (r < 0)
		return r;
	rec->place = message_place(m);
	rec->value = q->scratch.data;
	rec->len = q->scratch.len;
	return store_put(txn, &key, rec);
}

int
queue_put_rcpt(struct queue *q, struct store_txn *txn, uint64_t id, uint32_t n,
	       const struct rcpt *r, struct store_place place)
{
	struct store_key key = key_message(id, n);
	struct store_rec rec = {.place = place};
	int e;

	buf_clear(&q->scratch);
	e = rcpt_encode(r, &q->scratch);
	if (e < 0)
		return e;
	rec.value = q->scratch.data;
	rec.len = q->scratch.len;
	return store_put(txn, &key, &rec);
}

int
queue_get_message(struct store_txn *txn, uint64_t id, struct arena *a,
		  struct message *ret, struct store_rec *ret_rec)
{
	struct store_key key = key_message(id, 0);
	int r = store_get(txn, &key, ret_rec);

	if (r < 0)
		return r;
	return message_decode(ret_rec->value, ret_rec->len, a, ret);
}

int
queue_get_rcpt(struct store_txn *txn, uint64_t id, uint32_t n, struct arena *a,
	       struct rcpt *ret, struct store_rec *ret_rec)
{
	struct store_key key = key_message(id, n);
	int r = store_get(txn, &key, ret_rec);

	if (r < 0)
		return r;
	return rcpt_decode(ret_rec->value, ret_rec->len, a, ret);
}

int
queue_next_rcpt(struct store_txn *txn, uint64_t id, uint32_t *n,
		struct arena *a, struct rcpt *ret, struct store_rec *ret_rec)
{
	struct store_key from = key_message(id, *n), key = {0};
	struct store_rec rec = {0};
	uint64_t found;
	int r = store_next(txn, &from, &key, &rec);

	if (r == 0 || (r < 0 && r != -EBADMSG))
		return r;
	if (!key_message_parse(&key, &found, n) || found != id)
		return 0;
	if (r > 0 && a != NULL && rcpt_decode(rec.value, rec.len, a, ret) < 0)
		r = -EBADMSG;
	if (ret_rec != NULL)
		*ret_rec = rec;
	return r;
}

/* --- small things all parts use ------------------------------------------ */

void
queue_conf_copy(struct queue *q, struct queue_conf *ret)
{
	pthread_mutex_lock(&q->lock);
	*ret = q->conf_shared;
	pthread_mutex_unlock(&q->lock);
}

struct queue_agent *
queue_find_agent(struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->nagents; i++)
		if (strcmp(q->agents[i].name, name) == 0)
			return &q->agents[i];
	return NULL;
}

struct queue_teller *
queue_find_teller(struct queue *q, uint8_t kind)
{
	for (size_t i = 0; i < q->ntellers; i++)
		if (q->tellers[i].kind == kind)
			return &q->tellers[i];
	return NULL;
}

void
queue_run(struct queue *q, struct store_job *job)
{
	if (q->store != NULL) {
		store_run(q->store, job);
		return;
	}
	/* Closed: only what must be freed goes on. */
	job->result = -ESHUTDOWN;
	if (job->loop != NULL && job->done != NULL)
		job->done(job->arg, job->result);
}

int
queue_read(struct queue *q, struct store_job *job)
{
	return q->store != NULL ? store_read(q->store, job) : -ESHUTDOWN;
}

void
queue_poke(struct queue *q)
{
	if (q->poked)
		return;
	q->poked = true;
	store_poke(q->store);
}

struct loop *
queue_any_loop(struct queue *q)
{
	return q->loops[atomic_fetch_add(&q->next_loop, 1) % q->nloops];
}

/* xorshift: good enough to spread retries. */
static double
queue_random(struct queue *q)
{
	q->rng ^= q->rng << 13;
	q->rng ^= q->rng >> 17;
	q->rng ^= q->rng << 5;
	return (double)q->rng / (double)UINT32_MAX;
}

int64_t
queue_backoff(struct queue *q, enum queue_class class, uint32_t tries)
{
	const struct queue_retry_conf *c = &q->conf.retry;
	bool soon = class == QUEUE_ALERT && c->max_ms > QUEUE_ALERT_RETRY_MAX;
	double max = (double)(soon ? QUEUE_ALERT_RETRY_MAX : c->max_ms);
	double ms = (double)c->first_ms;

	for (uint32_t i = 1; i < tries && ms < max; i++)
		ms *= c->factor;
	if (ms > max)
		ms = max;
	ms *= 1.0 + c->jitter * (2.0 * queue_random(q) - 1.0);
	return ms < 1.0 ? 1 : (int64_t)ms;
}

struct store *
queue_store(struct queue *q)
{
	return q->store;
}

/* --- who takes part ------------------------------------------------------ */

void
queue_set_agent(struct queue *q, const char *agent, queue_agent_fn *fn,
		void *ctx)
{
	static const char *const result[] = {"delivered", "deferred",
					     "bounced"};
	struct queue_agent *qa = &q->agents[q->nagents];

	must(q->nagents < QUEUE_AGENTS && !atomic_load(&q->started));
	*qa = (struct queue_agent){.name = agent, .fn = fn, .ctx = ctx};
	for (size_t i = 0; q->metric.deliveries != NULL && i < 3; i++)
		qa->result_cell[i] = metric_cell(q->metric.deliveries, agent,
						 result[i], NULL);
	q->nagents++;
}

void
queue_limit_agent(struct queue *q, const char *agent, size_t most_rcpts)
{
	struct queue_agent *qa = queue_find_agent(q, agent);

	must(qa != NULL && most_rcpts > 0 && !atomic_load(&q->started));
	qa->most_rcpts = most_rcpts;
}

void
queue_serial_agent(struct queue *q, const char *agent)
{
	struct queue_agent *qa = queue_find_agent(q, agent);

	must(qa != NULL && !atomic_load(&q->started));
	qa->serial = true;
}

void
queue_unrated_agent(struct queue *q, const char *agent)
{
	struct queue_agent *qa = queue_find_agent(q, agent);

	must(qa != NULL && !atomic_load(&q->started));
	qa->unrated = true;
}

void
queue_secret_agent(struct queue *q, const char *agent)
{
	struct queue_agent *qa = queue_find_agent(q, agent);

	must(qa != NULL && !atomic_load(&q->started));
	qa->secret = true;
}

void
queue_set_teller(struct queue *q, uint8_t kind, queue_teller_fn *fn, void *ctx)
{
	must(q->ntellers < QUEUE_TELLERS && !atomic_load(&q->started));
	q->tellers[q->ntellers++] = (struct queue_teller){kind, fn, ctx};
}

void
queue_set_due(struct queue *q, uint8_t kind, queue_due_fn *fn, void *ctx)
{
	must(!atomic_load(&q->started));
	due_register(q, kind, fn, ctx);
}

void
queue_set_router(struct queue *q, queue_router_fn *fn, void *ctx)
{
	must(!atomic_load(&q->started));
	q->router = fn;
	q->router_ctx = ctx;
}

void
queue_set_conf(struct queue *q, const struct queue_conf *conf)
{
	pthread_mutex_lock(&q->lock);
	q->conf_shared = *conf;
	q->conf_changed = true;
	pthread_mutex_unlock(&q->lock);
	store_poke(q->store);
}

void
queue_set_routes(struct queue *q,
		 const unsigned char print[static QUEUE_ROUTES_LEN])
{
	pthread_mutex_lock(&q->lock);
	memcpy(q->routes_shared, print, QUEUE_ROUTES_LEN);
	pthread_mutex_unlock(&q->lock);
	store_poke(q->store);
}

/* --- opened and closed --------------------------------------------------- */

static void
queue_init(struct queue *q, const struct queue_conf *conf, struct clock *clock,
	   struct loop *const *loops, size_t nloops,
	   const struct log_context *log, struct metrics *metrics)
{
	static const uint8_t kinds[] = {'t', 'm', 'd', 'b', 'p', 'k', '0'};

	q->clock = clock;
	q->log = log;
	q->metrics = metrics;
	q->loops = xcalloc(nloops, sizeof(q->loops[0]));
	memcpy(q->loops, loops, nloops * sizeof(q->loops[0]));
	q->nloops = nloops;
	q->conf = q->conf_shared = *conf;
	q->rng = (uint32_t)clock_wall_ms(clock) * 2654435761u | 1;
	pthread_mutex_init(&q->lock, NULL);
	buf_init(&q->scratch, 2 * STORE_VALUE_MAX);
	dest_table_init(&q->dests, nloops);
	count_init(&q->count);
	body_table_init(&q->bodies);
	STAILQ_INIT(&q->unwritten);
	STAILQ_INIT(&q->returned);
	effects_init(&q->count_effects);
	walk_init(&q->walk);
	for (size_t i = 0; i < sizeof(kinds); i++)
		due_register(q, kinds[i], NULL, NULL);
	stats_init(q);
}

static void
queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->ndues; i++)
		effects_done(&q->dues[i].effects);
	watch_done(q);
	queue_stats_free(&q->snapshot);
	effects_done(&q->count_effects);
	count_done(&q->count);
	body_table_done(&q->bodies);
	dest_table_done(&q->dests);
	buf_done(&q->scratch);
	pthread_mutex_destroy(&q->lock);
	free(q->ends);
	free(q->loops);
	free(q);
}

int
queue_open(const struct queue_conf *conf, struct clock *clock,
	   struct loop *const *loops, size_t nloops, struct pool *disk,
	   const struct log_context *log, struct metrics *metrics,
	   struct queue **ret_queue, char **ret_why)
{
	struct queue *q = xcalloc(1, sizeof(*q));
	struct store_conf sc = {
		.dir = conf->dir,
		.max_size = conf->max_size,
		.reserve = conf->reserve,
		.clock = clock,
		.disk = disk,
		.log = log,
		.metrics = metrics,
	};
	int r;

	queue_init(q, conf, clock, loops, nloops, log, metrics);
	r = store_open(&sc, &q->store, ret_why);
	if (r < 0) {
		queue_free(q);
		return r;
	}
	r = pause_load(q);
	if (r < 0) {
		store_close(&q->store);
		queue_free(q);
		*ret_why =
			xasprintf("the store cannot be read: %s", strerror(-r));
		return r;
	}
	*ret_queue = q;
	return 0;
}

void
queue_start(struct queue *q)
{
	q->awake_since_ms = clock_wall_ms(q->clock);
	q->leased_before_ms = q->awake_since_ms + DUE_TELL_LEASE_MS;
	scan_start(q);
	q->count.counting = true;
	atomic_store(&q->started, true);
	store_set_turn(q->store, queue_turn, q);
	store_poke(q->store);
}

void
queue_stop(struct queue *q)
{
	atomic_store(&q->stopping, true);
}

/* What the loops still hold of it is through when they are freed. */
static void
queue_unref(void *arg)
{
	struct queue *q = arg;

	if (atomic_fetch_sub(&q->refs, 1) == 1)
		queue_free(q);
}

void
queue_close(struct queue **qp)
{
	struct queue *q = *qp;

	if (q == NULL)
		return;
	*qp = NULL;
	queue_stop(q);
	store_close(&q->store);
	q->store = NULL;
	/* What is out stays its holder's. */
	HASH_CLEAR(hh, q->outs);
	attempt_unwritten_free(q);
	tell_forget_all(q);
	q->refs = (unsigned)q->nloops;
	q->ends = xcalloc(q->nloops, sizeof(q->ends[0]));
	for (size_t i = 0; i < q->nloops; i++)
		loop_end_add(q->loops[i], &q->ends[i], queue_unref, q);
}
