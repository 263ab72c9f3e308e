/*
 * stats - what is counted and what is said: the background count after a start,
 * figures for people and scrapes, the log line of a delivery.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define STATS_TOP         50
#define STATS_COUNT_ROWS  200 /* a turn */
#define STATS_OLDEST_ROWS 64  /* looked at for a destination's oldest */
/* A scrape waits for nobody: it shows what was so at the one before, and has it
 * looked at anew, but no more often. */
#define STATS_SNAPSHOT_MS 2000

static const double stats_latency_buckets[] = {
	0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 300, 1800, 3600, 21600, 86400, 0};

static const struct metric_desc stats_deliveries = {
	.name = "belfry_deliveries_total",
	.type = METRIC_COUNTER,
	.help = "Deliveries tried, by the agent and what came of it: "
		"delivered, deferred, bounced or expired.",
	.labels = {"agent", "result"},
};
static const struct metric_desc stats_latency = {
	.name = "belfry_delivery_latency_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "From arrival to delivery, by the message's class.",
	.labels = {"class"},
	.buckets = stats_latency_buckets,
};
static const struct metric_desc stats_stored = {
	.name = "belfry_queue_deliveries",
	.type = METRIC_GAUGE,
	.help = "Deliveries in the queue, by state (ready, deferred, held, "
		"failed, served, set_aside) and class.",
	.labels = {"state", "class"},
};
static const struct metric_desc stats_oldest = {
	.name = "belfry_queue_oldest_seconds",
	.type = METRIC_GAUGE,
	.help = "Age of the oldest message in the queue, by class, "
		"within a minute.",
	.labels = {"class"},
};
static const struct metric_desc stats_dest_deliveries = {
	.name = "belfry_destination_deliveries",
	.type = METRIC_GAUGE,
	.help = "Deliveries that wait at a destination: the 50 longest of "
		"those that are active, failing or wait for their "
		"rate.",
	.labels = {"destination"},
};
static const struct metric_desc stats_dest_oldest = {
	.name = "belfry_destination_oldest_seconds",
	.type = METRIC_GAUGE,
	.help = "Age of the oldest delivery that is ready at a destination: "
		"of the same destinations.",
	.labels = {"destination"},
};
static const struct metric_desc stats_paused = {
	.name = "belfry_paused",
	.type = METRIC_GAUGE,
	.help = "1 while delivery is paused, by scope: mail, alerts.",
	.labels = {"scope"},
};
static const struct metric_desc stats_double = {
	.name = "belfry_double_bounces_total",
	.type = METRIC_COUNTER,
	.help = "Recipients that failed and of whom nobody could be told.",
};
static const struct metric_desc stats_corrupt = {
	.name = "belfry_queue_corrupt_total",
	.type = METRIC_COUNTER,
	.help = "Stored values that were found damaged and set aside.",
};

const char *const queue_tls_names[] = {
	[QUEUE_TLS_NONE] = "",
	[QUEUE_TLS_UNVERIFIED] = "unverified",
	[QUEUE_TLS_VERIFIED] = "verified",
	NULL,
};

/* --- the log line -------------------------------------------------------- */

const char *
log_name(const char *address, bool secret)
{
	const char *at = secret ? strrchr(address, '@') : address;

	return at != NULL ? at : "@";
}

void
log_deliver(const struct log_context *log, uint64_t id, bool secret,
	    const struct rcpt *r, const char *relay,
	    const struct attempt_tls *tls, const char *status,
	    const struct reply *reply, uint32_t tries, int64_t now)
{
	char text[QUEUE_ID_LEN], line[REPLY_TEXT_MAX + 32] = "";
	char dsn[REPLY_DSN_MAX], delay[32];
	int64_t ms = now > r->arrival_ms ? now - r->arrival_ms : 0;
	bool other =
		r->original[0] != '\0' && strcmp(r->original, r->address) != 0;

	/* A path is that of a mailbox. */
	queue_id_text(id, text);
	if (reply->code != 0)
		reply_line(reply, line, sizeof(line));
	snprintf(delay, sizeof(delay), "%lld.%03lld", (long long)(ms / 1000),
		 (long long)(ms % 1000));
	log_event(log, LOG_INFO, "deliver", LOG_STR("id", text),
		  LOG_ADDR("to", log_name(r->address, secret)),
		  LOG_ADDR("orig_to",
			   other ? log_name(r->original, secret) : NULL),
		  relay != NULL && relay[0] == '/' ? LOG_ADDR("relay", relay)
						   : LOG_STR("relay", relay),
		  LOG_STR("tls", tls != NULL ? tls->version : NULL),
		  LOG_STR("cipher", tls != NULL ? tls->cipher : NULL),
		  LOG_STR("verified", tls == NULL     ? NULL
				      : tls->verified ? "yes"
						      : "no"),
		  LOG_STR("status", status),
		  LOG_STR("dsn", reply_dsn(reply, dsn)),
		  LOG_STR("delay", delay), LOG_INT("tries", tries),
		  LOG_STR("reply", line));
}

/* --- the background count ------------------------------------------------ */

static int
count_one(struct queue *q, uint64_t id, const struct store_key *key,
	  const struct store_rec *rec, uint32_t n)
{
	struct effects *e = &q->count_effects;
	struct message m;
	struct rcpt rcpt;

	(void)key;
	if (n == 0) {
		if (message_decode(rec->value, rec->len, &e->arena, &m) == 0 &&
		    !(m.flags & MESSAGE_KEPT))
			count_note_message(&e->counts, id, m.class,
					   m.arrival_ms, true);
		return 0;
	}
	if (rcpt_decode(rec->value, rec->len, &e->arena, &rcpt) == 0)
		count_note_rcpt(&e->counts, id, &rcpt, COUNT_NONE,
				(int)rcpt_shown_state(&rcpt, &rec->place));
	return 0;
}

/* Whole messages from the cursor on. */
static int
count_job(struct store_txn *txn, void *arg)
{
	struct queue *q = arg;
	struct store_key from = key_message(q->count.cursor, 0), key = {0};
	struct store_rec rec;
	uint64_t id, last = q->count.cursor;
	uint32_t n;
	int r;

	effects_clear(&q->count_effects);
	q->count_end = false;
	for (int rows = 0;; rows++) {
		r = store_next(txn, &from, &key, &rec);
		if (r == 0 || (r < 0 && r != -EBADMSG))
			break;
		if (!key_message_parse(&key, &id, &n))
			break;
		if (rows >= STATS_COUNT_ROWS && id != last) {
			q->count_next = id;
			return 0;
		}
		last = id;
		if (r > 0)
			count_one(q, id, &key, &rec, n);
		from = n == UINT32_MAX ? key_message(id + 1, 0)
				       : key_message(id, n + 1);
	}
	q->count_end = true;
	return 0;
}

static void
count_after(void *arg, int result)
{
	struct queue *q = arg;

	q->count_busy = false;
	if (result == 0) {
		count_add(&q->count, &q->count_effects.counts);
		q->count.cursor = q->count_next;
		if (q->count_end)
			q->count.counting = false;
	}
	effects_clear(&q->count_effects);
	queue_poke(q);
}

void
stats_count_turn(struct queue *q)
{
	if (!q->count.counting || q->count_busy)
		return;
	q->count_busy = true;
	q->count_job = (struct store_job){
		.fn = count_job,
		.need = STORE_NEED_RESULT,
		.after = count_after,
		.arg = q,
	};
	queue_run(q, &q->count_job);
}

/* --- figures ------------------------------------------------------------- */

void
queue_stats_free(struct queue_stats **sp)
{
	if (*sp == NULL)
		return;
	arena_done(&(*sp)->arena);
	free(*sp);
	*sp = NULL;
}

/* Keep the longest. */
static void
stats_offer(const struct count_dest **top, size_t *n,
	    const struct count_dest *cd)
{
	size_t i = *n;

	if (*n == STATS_TOP && top[STATS_TOP - 1]->waiting >= cd->waiting)
		return;
	if (*n == STATS_TOP)
		i--;
	else
		++*n;
	for (; i > 0 && top[i - 1]->waiting < cd->waiting; i--)
		top[i] = top[i - 1];
	top[i] = cd;
}

static void
stats_dest(struct queue *q, struct queue_stats *s, const struct count_dest *cd)
{
	struct queue_dest_info *di = &s->v[s->n++];
	const struct dest *d = dest_find(&q->dests, cd->key);
	int64_t mono = clock_mono_ms(q->clock), opens;

	di->agent = arena_strdup(&s->arena, cd->agent);
	di->name = arena_strdup(&s->arena, cd->name);
	di->waiting = cd->waiting;
	di->window = (uint32_t)q->conf.destination.connections;
	di->last_reply = "";
	if (d == NULL)
		return;
	di->active = d->out;
	di->tls = d->tls;
	di->window = throttle_window(q, d);
	opens = throttle_rate_opens(q, d, false, mono);
	if (opens > mono)
		di->rate_until_ms = clock_wall_ms(q->clock) + opens - mono;
	di->down = d->loaded && d->down;
	di->not_before_ms = di->down ? d->not_before_ms : 0;
}

static void
stats_dests(struct queue *q, struct queue_stats *s)
{
	const struct count_dest *top[STATS_TOP];
	struct count_dest *cd, *next;
	size_t n = 0;

	HASH_ITER(hh, q->count.dests, cd, next)
	if (cd->waiting > 0)
		stats_offer(top, &n, cd);
	s->v = arena_alloc(&s->arena, (n + 1) * sizeof(s->v[0]));
	for (size_t i = 0; i < n; i++)
		stats_dest(q, s, top[i]);
}

static struct queue_stats *
stats_take(struct queue *q)
{
	struct queue_stats *s = xcalloc(1, sizeof(*s));

	arena_init(&s->arena);
	s->counting = q->count.counting;
	memcpy(s->deliveries, q->count.deliveries, sizeof(s->deliveries));
	s->messages = q->count.messages;
	s->active = q->nout;
	for (int c = 0; c < QUEUE_NCLASS; c++)
		s->oldest_ms[c] = count_oldest(&q->count, (enum queue_class)c);
	s->used_bytes = store_used_bytes(q->store);
	s->limit_bytes = store_limit_bytes(q->store);
	s->reserve_bytes = store_reserve_bytes(q->store);
	s->paused = q->paused;
	walk_info(&q->walk, &s->walk);
	stats_dests(q, s);
	return s;
}

struct stats {
	struct queue *q;
	queue_stats_fn *fn;
	void *fn_arg;
	struct queue_stats *s;
	struct store_job job;
};

/* Is something of this message being tried there? */
static bool
stats_is_out(struct queue *q, uint64_t dest, uint64_t id)
{
	for (struct attempt_impl *ai = out_find(q, id); ai; ai = ai->same)
		if (ai->dest->key == dest)
			return true;
	return false;
}

static void
stats_older(int64_t *oldest_ms, int64_t arrival_ms)
{
	if (*oldest_ms == 0 || arrival_ms < *oldest_ms)
		*oldest_ms = arrival_ms;
}

static struct store_place
stats_next_flow(uint64_t dest, const struct store_place *at)
{
	return place_flow(at) == UINT32_MAX
		       ? store_place_ready(dest, place_lane(at) + 1, 0)
		       : store_place_ready(dest, place_lane(at),
					   place_flow(at) + 1);
}

/* The oldest that is ready: the first of its flows, not all of them; and the
 * first of each that is not out. */
static void
stats_read_oldest(struct queue *q, struct store_txn *txn, uint64_t dest,
		  struct arena *a, struct queue_dest_info *di)
{
	struct store_place at = store_place_ready(dest, 0, 0), place;
	struct store_key key, from, *behind = NULL;
	struct store_rec rec;
	struct rcpt rcpt;
	uint64_t id = 0;
	uint32_t n;

	for (int i = 0; i < STATS_OLDEST_ROWS; i++) {
		bool out;

		if (store_next_waiting(txn, &at, behind, PLACE_PREFIX_DEST,
				       &place, &key) <= 0)
			break;
		out = key_message_parse(&key, &id, &n) &&
		      stats_is_out(q, dest, id);
		if (store_get(txn, &key, &rec) == 0 &&
		    rcpt_decode(rec.value, rec.len, a, &rcpt) == 0) {
			stats_older(&di->oldest_ms, rcpt.arrival_ms);
			if (!out)
				stats_older(&di->idle_ms, rcpt.arrival_ms);
		}
		at = out ? place : stats_next_flow(dest, &place);
		behind = out ? &from : NULL;
		from = key_message(id + 1, 0);
	}
}

static void
stats_read_dest(struct queue *q, struct store_txn *txn, struct queue_stats *s,
		struct queue_dest_info *di)
{
	uint64_t key = queue_dest_key(di->agent, di->name);
	char line[REPLY_TEXT_MAX + 32];
	struct dest_rec dr;

	stats_read_oldest(q, txn, key, &s->arena, di);
	if (dest_get(txn, key, &s->arena, &dr) < 0)
		return;
	di->down = true;
	di->fails = dr.fails;
	di->not_before_ms = dr.not_before_ms;
	reply_line(&dr.reply, line, sizeof(line));
	di->last_reply = arena_strdup(&s->arena, line);
}

static void
stats_read(struct queue *q, struct store_txn *txn, struct queue_stats *s)
{
	for (size_t i = 0; i < s->n; i++)
		stats_read_dest(q, txn, s, &s->v[i]);
}

/* A job, so that memory and store are seen at one moment; it writes nothing. */
static int
stats_job(struct store_txn *txn, void *arg)
{
	struct stats *x = arg;

	queue_stats_free(&x->s);
	x->s = stats_take(x->q);
	stats_read(x->q, txn, x->s);
	return 0;
}

static void
stats_done(void *arg, int result)
{
	struct stats *x = arg;

	if (x->s == NULL)
		x->s = xcalloc(1, sizeof(*x->s));
	(void)result;
	x->fn(x->fn_arg, x->s);
	free(x);
}

void
queue_stats(struct queue *q, struct loop *loop, queue_stats_fn *fn, void *arg)
{
	struct stats *x = xcalloc(1, sizeof(*x));

	x->q = q;
	x->fn = fn;
	x->fn_arg = arg;
	x->job = (struct store_job){
		.fn = stats_job,
		.need = STORE_NEED_RESULT,
		.done = stats_done,
		.arg = x,
		.loop = loop,
	};
	queue_run(q, &x->job);
}

/* --- for scrapes --------------------------------------------------------- */

void
stats_turn(struct queue *q, struct store_txn *txn, int64_t now_mono_ms)
{
	struct queue_stats *s, *old;

	if (q->metrics == NULL || !atomic_load(&q->scraped) ||
	    now_mono_ms - q->snapshot_mono_ms < STATS_SNAPSHOT_MS)
		return;
	atomic_store(&q->scraped, false);
	q->snapshot_mono_ms = now_mono_ms;
	s = stats_take(q);
	stats_read(q, txn, s);
	pthread_mutex_lock(&q->lock);
	old = q->snapshot;
	q->snapshot = s;
	pthread_mutex_unlock(&q->lock);
	queue_stats_free(&old);
}

static double
stats_age(int64_t since_ms, int64_t now_ms)
{
	return since_ms > 0 && since_ms < now_ms
		       ? (double)(now_ms - since_ms) / 1000.0
		       : 0;
}

static void
stats_show(struct queue *q, const struct queue_stats *s, int64_t now)
{
	struct queue_metrics *m = &q->metric;

	for (int c = 0; c < QUEUE_NCLASS; c++) {
		for (int st = 0; st < COUNT_NSTATE; st++)
			metric_set(metric_cell(m->stored,
					       queue_rcpt_state_names[st],
					       queue_class_names[c], NULL),
				   (double)s->deliveries[st][c]);
		metric_set(metric_cell(m->oldest, queue_class_names[c], NULL),
			   stats_age(s->oldest_ms[c], now));
	}
	metric_family_clear(m->dest_deliveries);
	metric_family_clear(m->dest_oldest);
	for (size_t i = 0; i < s->n; i++) {
		const struct queue_dest_info *di = &s->v[i];

		if (di->active == 0 && !di->down && di->rate_until_ms == 0)
			continue;
		metric_set(metric_cell(m->dest_deliveries, di->name, NULL),
			   (double)di->waiting);
		metric_set(metric_cell(m->dest_oldest, di->name, NULL),
			   stats_age(di->oldest_ms, now));
	}
	metric_set(metric_cell(m->paused, "mail", NULL), s->paused.paused);
	metric_set(metric_cell(m->paused, "alerts", NULL),
		   s->paused.paused && s->paused.alerts);
}

static void
stats_scrape(void *arg)
{
	struct queue *q = arg;
	bool paused, alerts;

	if (q->store == NULL)
		return;
	atomic_store(&q->scraped, true);
	store_poke(q->store);
	pthread_mutex_lock(&q->lock);
	if (q->snapshot != NULL) {
		/* A pause is never shown late. */
		paused = q->paused_shared.paused;
		alerts = q->paused_shared.alerts;
		q->snapshot->paused.paused = paused;
		q->snapshot->paused.alerts = alerts;
		stats_show(q, q->snapshot, clock_wall_ms(q->clock));
	}
	pthread_mutex_unlock(&q->lock);
}

void
stats_init(struct queue *q)
{
	struct queue_metrics *m = &q->metric;

	atomic_store(&q->scraped, true);
	q->snapshot_mono_ms = -STATS_SNAPSHOT_MS;
	if (q->metrics == NULL)
		return;
	m->deliveries = metric_register(q->metrics, &stats_deliveries);
	m->latency = metric_register(q->metrics, &stats_latency);
	m->stored = metric_register(q->metrics, &stats_stored);
	m->oldest = metric_register(q->metrics, &stats_oldest);
	m->dest_deliveries =
		metric_register(q->metrics, &stats_dest_deliveries);
	m->dest_oldest = metric_register(q->metrics, &stats_dest_oldest);
	m->paused = metric_register(q->metrics, &stats_paused);
	m->double_bounces =
		metric_cell(metric_register(q->metrics, &stats_double), NULL);
	m->corrupt =
		metric_cell(metric_register(q->metrics, &stats_corrupt), NULL);
	for (int c = 0; c < QUEUE_NCLASS; c++)
		m->latency_cell[c] =
			metric_cell(m->latency, queue_class_names[c], NULL);
	metrics_on_scrape(q->metrics, stats_scrape, q);
}
