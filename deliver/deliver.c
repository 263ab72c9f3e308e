/*
 * deliver - the agents that take a message out of the queue, and the DSN.
 */
#include "deliver/deliver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "net/fetch.h"

static const struct metric_desc sent_8bit_desc = {
	.name = "belfry_sent_8bit_total",
	.type = METRIC_COUNTER,
	.help = "Messages with octets above 127 sent to a host that does not "
		"offer 8BITMIME.",
};

struct deliver_loop *
deliver_find_loop(struct deliver *d, const struct loop *loop)
{
	for (size_t i = 0; i < d->nloops; i++)
		if (d->loops[i].loop == loop)
			return &d->loops[i];
	must(!"a loop of ours");
	return NULL;
}

static void
deliver_attempt(void *ctx, struct loop *loop, struct attempt *a)
{
	smtp_try_start(deliver_find_loop(ctx, loop), a);
}

static void
deliver_maildir(void *ctx, struct loop *loop, struct attempt *a)
{
	maildir_try_start(deliver_find_loop(ctx, loop), a);
}

static void
deliver_pipe(void *ctx, struct loop *loop, struct attempt *a)
{
	pipe_try_start(deliver_find_loop(ctx, loop), a);
}

static void
deliver_ask(void *ctx, struct loop *loop, struct attempt *a)
{
	endpoint_try_start(deliver_find_loop(ctx, loop), a, ENDPOINT_WEB);
}

static void
deliver_exec(void *ctx, struct loop *loop, struct attempt *a)
{
	endpoint_try_start(deliver_find_loop(ctx, loop), a, ENDPOINT_EXEC);
}

static void
deliver_tell(void *ctx, struct loop *loop, struct tell *tell)
{
	bounce_tell(deliver_find_loop(ctx, loop), tell);
}

/* --- room below a ceiling --------------------------------------------------------- */

struct deliver_wanted {
	struct post post;
	struct deliver_loop *dl;
	char key[];
};

static void
deliver_make_room(void *arg)
{
	struct deliver_wanted *w = arg;

	smtp_conn_make_room(w->dl, w->key);
	free(w);
}

/* Idle connections hold places, perhaps on another loop. */
static void
deliver_on_wanted(void *ctx, const char *key)
{
	struct deliver *d = ctx;
	size_t len = strlen(key);

	for (size_t i = 0; i < d->nloops; i++) {
		struct deliver_wanted *w = xcalloc(1, sizeof(*w) + len + 1);

		w->dl = &d->loops[i];
		memcpy(w->key, key, len + 1);
		loop_post(w->dl->loop, &w->post, deliver_make_room, w);
	}
}

/* --- the start ---------------------------------------------------------------------- */

static void
deliver_grace_over(void *arg)
{
	struct deliver_loop *dl = arg;
	struct endpoint_try *e, *next_e;
	struct pipe_try *t, *next;

	while (!TAILQ_EMPTY(&dl->busy))
		smtp_conn_abort(TAILQ_FIRST(&dl->busy));
	for (t = LIST_FIRST(&dl->pipes); t; t = next) {
		next = pipe_try_next(t);
		pipe_try_abort(t);
	}
	for (e = LIST_FIRST(&dl->endpoint_tries); e; e = next_e) {
		next_e = endpoint_try_next(e);
		endpoint_try_abort(e);
	}
	deliver_loop_check(dl);
}

static void
deliver_loop_init(struct deliver_loop *dl, struct deliver *d, struct loop *loop,
		  struct dns *dns)
{
	dl->deliver = d;
	dl->loop = loop;
	dl->dns = dns;
	buf_init(&dl->out, SMTP_OUT_MAX);
	TAILQ_INIT(&dl->tries);
	TAILQ_INIT(&dl->waiting);
	TAILQ_INIT(&dl->busy);
	smtp_idle_init(&dl->idle);
	LIST_INIT(&dl->pipes);
	LIST_INIT(&dl->endpoint_tries);
	loop_timer_init(&dl->grace, loop, deliver_grace_over, dl);
}

struct deliver *
deliver_new(struct queue *q, struct routing *routing, struct loop *const *loops,
	    struct dns *const *dns, size_t nloops,
	    const struct log_context *log, struct metrics *metrics)
{
	struct deliver *d = xcalloc(1, sizeof(*d));

	d->queue = q;
	d->log = log;
	d->routing = routing_ref(routing);
	must(pthread_mutex_init(&d->lock, NULL) == 0);
	d->slots = slots_new(deliver_on_wanted, d);
	if (metrics)
		d->sent_8bit = metric_cell(
			metric_register(metrics, &sent_8bit_desc), NULL);
	smtp_tls_metrics_init(&d->tls, metrics);
	d->nloops = nloops;
	d->loops = xcalloc(nloops, sizeof(*d->loops));
	for (size_t i = 0; i < nloops; i++)
		deliver_loop_init(&d->loops[i], d, loops[i],
				  dns ? dns[i] : NULL);
	queue_set_routes(q, routing_print(routing));
	queue_set_agent(q, "smtp", deliver_attempt, d);
	queue_set_agent(q, "lmtp", deliver_attempt, d);
	queue_unrated_agent(q, "lmtp");
	queue_set_teller(q, 'm', deliver_tell, d);
	queue_set_router(q, deliver_look_up, d);
	return d;
}

void
deliver_sign(struct deliver *d, struct pool *cpu)
{
	d->cpu = cpu;
}

void
deliver_local(struct deliver *d, struct pool *disk, struct spawner *spawner)
{
	d->disk = disk;
	d->spawner = spawner;
	queue_set_agent(d->queue, "maildir", deliver_maildir, d);
	queue_limit_agent(d->queue, "maildir", 1);
	queue_unrated_agent(d->queue, "maildir");
	queue_set_agent(d->queue, "pipe", deliver_pipe, d);
	queue_limit_agent(d->queue, "pipe", 1);
	queue_unrated_agent(d->queue, "pipe");
}

int
deliver_web(struct deliver *d)
{
	for (size_t i = 0; i < d->nloops; i++) {
		struct deliver_loop *dl = &d->loops[i];
		int r = fetcher_new(dl->loop, dl->dns, &dl->fetcher);

		if (r < 0)
			return r;
	}
	queue_set_agent(d->queue, "web", deliver_ask, d);
	queue_limit_agent(d->queue, "web", 1);
	if (d->spawner == NULL)
		return 0;
	queue_set_agent(d->queue, "exec", deliver_exec, d);
	queue_limit_agent(d->queue, "exec", 1);
	queue_unrated_agent(d->queue, "exec");
	return 0;
}

void
deliver_set_endpoints(struct deliver *d, struct endpoints *endpoints)
{
	struct endpoints *old;

	endpoints_ref(endpoints);
	pthread_mutex_lock(&d->lock);
	old = d->endpoints;
	d->endpoints = endpoints;
	pthread_mutex_unlock(&d->lock);
	endpoints_unref(&old);
}

struct endpoints *
deliver_endpoints(struct deliver *d)
{
	struct endpoints *e;

	pthread_mutex_lock(&d->lock);
	e = d->endpoints != NULL ? endpoints_ref(d->endpoints) : NULL;
	pthread_mutex_unlock(&d->lock);
	return e;
}

void
deliver_set_routing(struct deliver *d, struct routing *routing)
{
	struct routing *old;

	routing_ref(routing);
	pthread_mutex_lock(&d->lock);
	old = d->routing;
	d->routing = routing;
	pthread_mutex_unlock(&d->lock);
	queue_set_routes(d->queue, routing_print(routing));
	routing_unref(&old);
}

struct routing *
deliver_routing(struct deliver *d)
{
	struct routing *r;

	pthread_mutex_lock(&d->lock);
	r = routing_ref(d->routing);
	pthread_mutex_unlock(&d->lock);
	return r;
}

/* --- back to the queue ---------------------------------------------------------------- */

/* What is refused for good may be a mistake of ours: it waits. */
static void
deliver_soften(struct attempt_rcpt *rcpt)
{
	struct reply *reply = &rcpt->reply;
	char dsn[REPLY_DSN_MAX];

	reply_dsn(reply, dsn);
	dsn[0] = '4';
	rcpt->outcome = ATTEMPT_LATER;
	reply->code -= 100;
	memcpy(reply->dsn, dsn, sizeof(dsn));
}

void
deliver_hand_back(struct deliver_loop *dl, struct attempt *a,
		  struct routing *routing)
{
	bool soft = routing_conf(routing)->soft_bounce;

	for (size_t i = 0; soft && i < a->nrcpt; i++)
		if (a->rcpt[i].outcome == ATTEMPT_NEVER)
			deliver_soften(&a->rcpt[i]);
	routing_unref(&routing);
	dl->under_way--;
	attempt_result(&a);
	deliver_loop_check(dl);
}

/* Shorter or longer than it was is damaged, too. */
const char *
deliver_unread(ssize_t why)
{
	return why < 0 && why != -EBADMSG ? "can't be read now" : "is damaged";
}

/* --- the stop ------------------------------------------------------------------------- */

void
deliver_loop_check(struct deliver_loop *dl)
{
	struct deliver *d = dl->deliver;

	if (!dl->stopping || dl->closed || dl->under_way > 0 ||
	    !TAILQ_EMPTY(&dl->busy) || dl->idle.n > 0)
		return;
	dl->closed = true;
	loop_timer_done(&dl->grace);
	if (atomic_fetch_sub(&d->open, 1) == 1)
		loop_post(d->loops[0].loop, &d->done_post, d->done,
			  d->done_arg);
}

static void
deliver_loop_stop(void *arg)
{
	struct deliver_loop *dl = arg;
	struct smtp_conn *c, *next_conn;
	struct smtp_try *t, *next;

	dl->stopping = true;
	loop_timer_set(&dl->grace, dl->deliver->grace_ms);
	while (dl->idle.n > 0)
		smtp_conn_quit(TAILQ_FIRST(&dl->idle.all));
	while (!TAILQ_EMPTY(&dl->waiting))
		smtp_try_give_up(TAILQ_FIRST(&dl->waiting));
	for (t = TAILQ_FIRST(&dl->tries); t; t = next) {
		next = TAILQ_NEXT(t, link);
		smtp_try_give_up(t);
	}
	for (c = TAILQ_FIRST(&dl->busy); c; c = next_conn) {
		next_conn = TAILQ_NEXT(c, link);
		if (!c->try)
			smtp_conn_quit(c);
	}
	deliver_loop_check(dl);
}

void
deliver_stop(struct deliver *d, int64_t grace_ms, loop_fn *done, void *arg)
{
	d->grace_ms = grace_ms;
	d->done = done;
	d->done_arg = arg;
	atomic_store(&d->open, d->nloops);
	for (size_t i = 0; i < d->nloops; i++)
		loop_post(d->loops[i].loop, &d->loops[i].stop,
			  deliver_loop_stop, &d->loops[i]);
}

/* A place may still be on its way to one who no longer wants it, and so may be
 * the word that room is wanted. */
static void
deliver_run_rest(const struct deliver *d)
{
	bool any;

	do {
		any = false;
		for (size_t i = 0; i < d->nloops; i++)
			any |= loop_run_rest(d->loops[i].loop);
	} while (any);
}

void
deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	deliver_run_rest(d);
	for (size_t i = 0; i < d->nloops; i++) {
		must(TAILQ_EMPTY(&d->loops[i].busy) && d->loops[i].idle.n == 0);
		buf_done(&d->loops[i].out);
		host_memory_done(&d->loops[i].memory);
		maildir_seen_done(&d->loops[i]);
		fetcher_free(&d->loops[i].fetcher);
	}
	whole_agents_free(d);
	slots_free(&d->slots);
	routing_unref(&d->routing);
	endpoints_unref(&d->endpoints);
	pthread_mutex_destroy(&d->lock);
	free(d->loops);
	free(d);
}
