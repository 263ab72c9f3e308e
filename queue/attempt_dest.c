/*
 * attempt_dest - what an attempt says of its destination: it works, it failed,
 * it dropped us, nothing; and the probe that gets through before its result.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "queue/queue_impl.h"

#define ATTEMPT_ALERT_PROBE_MS 5000
#define ATTEMPT_ALERT_SLOW_MS  30000
#define ATTEMPT_ALERT_EAGER_MS (15 * 60 * 1000)
#define ATTEMPT_UNKNOWN_MS     5000
#define ATTEMPT_REST_MS        1000
#define ATTEMPT_FRUITLESS      64

/* --- the destination ----------------------------------------------------- */

static int
dest_put(struct queue *q, struct store_txn *txn, uint64_t dest,
	 const struct dest_rec *dr, enum store_class class)
{
	struct store_key key = key_dest(dest);
	struct store_rec rec = {
		.place = store_place_time(class, 'd', dr->not_before_ms),
	};

	buf_clear(&q->scratch);
	must(dest_encode(dr, &q->scratch) == 0);
	rec.value = q->scratch.data;
	rec.len = q->scratch.len;
	return store_put(txn, &key, &rec);
}

/* Often at first: since it is down and since the alert came. */
int64_t
dest_alert_pace(struct store_txn *txn, uint64_t dest, int64_t first_ms,
		int64_t now)
{
	struct store_place list = store_place_ready(dest, 0, 0), place;
	int64_t since = first_ms;
	struct store_key key;
	struct store_rec rec;
	struct arena a;
	struct rcpt rcpt;

	if (store_next_waiting(txn, &list, NULL, PLACE_PREFIX_DEST, &place,
			       &key) <= 0 ||
	    place_lane(&place) > lane_of(QUEUE_ALERT, true))
		return INT64_MAX;
	arena_init(&a);
	if (store_get(txn, &key, &rec) == 0 &&
	    rcpt_decode(rec.value, rec.len, &a, &rcpt) == 0 &&
	    rcpt.arrival_ms > since)
		since = rcpt.arrival_ms;
	arena_done(&a);
	return now - since < ATTEMPT_ALERT_EAGER_MS ? ATTEMPT_ALERT_PROBE_MS
						    : ATTEMPT_ALERT_SLOW_MS;
}

/* One more failure: only the record moves. */
static int
ar_dest_fails(struct attempt_impl *ai, struct store_txn *txn)
{
	struct queue *q = ai->q;
	struct dest_rec dr = {.agent = ai->dest->agent_name,
			      .name = ai->dest->name};
	enum store_class class = STORE_CLASS_OTHER;
	int64_t pace, asked;
	int r;

	r = dest_get(txn, ai->dest->key, &ai->effects.arena, &dr);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	/* Others that were out failed with it: one failure, counted once, also
	 * when all of them come back in one batch. */
	if (r == 0 && !ai->a.probe)
		return 0;
	ai->first_fail = r < 0;
	dest_rec_failed(&dr, ai->now_ms);
	reply_copy(&dr.reply, &ai->a.dest_reply);
	dr.probe = ai->a.id;
	dr.probe_lane = ai->lane;
	dr.probe_flow = ai->flow;
	dr.asked_ms = ai->a.dest_not_before_ms;
	dr.not_before_ms = ai->now_ms + queue_backoff(q, ai->a.class, dr.fails);
	pace = dest_alert_pace(txn, ai->dest->key, dr.first_ms, ai->now_ms);
	if (pace < INT64_MAX)
		class = STORE_CLASS_ALERT;
	if (dr.not_before_ms - ai->now_ms > pace)
		dr.not_before_ms = ai->now_ms + pace;
	asked = dest_rec_asked(&dr, ai->now_ms);
	if (asked > ai->now_ms)
		dr.not_before_ms = asked;
	ai->down = true;
	ai->not_before_ms = dr.not_before_ms;
	return dest_put(q, txn, ai->dest->key, &dr, class);
}

static int
ar_dest_works(struct attempt_impl *ai, struct store_txn *txn)
{
	struct store_key key = key_dest(ai->dest->key);
	int r = store_del(txn, &key);

	ai->up = r == 0 || (r == -ENOENT && ai->dest->down);
	return r == -ENOENT ? 0 : r;
}

static bool
ar_all_moved(const struct attempt_impl *ai)
{
	for (size_t i = 0; i < ai->a.nrcpt; i++)
		if (ai->a.rcpt[i].outcome != ATTEMPT_MOVED)
			return false;
	return true;
}

/* The probe came back without having learnt anything. One that went elsewhere
 * was none: the next follows at once. */
static int
ar_dest_unknown(struct attempt_impl *ai, struct store_txn *txn)
{
	struct dest_rec dr;
	int r = dest_get(txn, ai->dest->key, &ai->effects.arena, &dr);

	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	dr.not_before_ms =
		ai->now_ms + (ar_all_moved(ai) ? 0 : ATTEMPT_UNKNOWN_MS);
	ai->not_before_ms = dr.not_before_ms;
	return dest_put(ai->q, txn, ai->dest->key, &dr,
			store_class_of(ai->a.class));
}

/* Would this one be the third different message in a row? */
static bool
ar_third_drop(const struct attempt_impl *ai)
{
	const struct dest *d = ai->dest;

	for (uint32_t i = 0; i < d->ndrops; i++)
		if (d->drops[i] == ai->a.id)
			return false;
	return d->ndrops + 1 >= DEST_DROPS;
}

int
attempt_dest_result(struct attempt_impl *ai, struct store_txn *txn)
{
	/* Went down or up since: that was counted then. */
	bool old = ai->epoch != ai->dest->epoch;

	switch (ai->a.dest_state) {
	case ATTEMPT_DEST_FAILED:
		ai->narrow = !old && ai->a.dest_not_before_ms == 0 &&
			     throttle_is_partial(ai);
		return old || ai->narrow ? 0 : ar_dest_fails(ai, txn);
	case ATTEMPT_DEST_DROPPED:
		if (ai->reached || old || !ar_third_drop(ai))
			return ai->a.probe && !old && !ai->reached
				       ? ar_dest_works(ai, txn)
				       : 0;
		return ar_dest_fails(ai, txn);
	case ATTEMPT_DEST_OK:
		return ai->a.probe && !old ? ar_dest_works(ai, txn) : 0;
	case ATTEMPT_DEST_UNKNOWN:
		return ai->a.probe && !old ? ar_dest_unknown(ai, txn) : 0;
	}
	return 0;
}

static void
dest_log(struct queue *q, const struct dest *d, const char *event,
	 const struct reply *reply)
{
	char line[REPLY_TEXT_MAX + 32] = "";

	if (reply != NULL && reply->code != 0)
		reply_line(reply, line, sizeof(line));
	log_event(q->log, reply != NULL ? LOG_WARNING : LOG_INFO, event,
		  LOG_STR("agent", d->agent_name), LOG_STR("dest", d->name),
		  LOG_STR("reply", reply != NULL ? line : NULL));
}

static void
dest_came_up(struct queue *q, struct dest *d)
{
	d->down = d->probing = false;
	d->epoch++;
	d->ndrops = 0;
	throttle_up(q, d);
	dest_wake_all(&q->dests, d);
	dest_log(q, d, "destination_up", NULL);
}

static void
dest_went_down(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;

	d->down = true;
	d->probing = false;
	d->not_before_ms = ai->not_before_ms;
	d->epoch++;
	d->ndrops = 0;
	memset(d->kept, 0, ai->q->nloops * sizeof(d->kept[0]));
	if (!ai->a.probe)
		throttle_narrow(ai);
	throttle_down(d);
	if (ai->first_fail)
		dest_log(ai->q, d, "destination_down", &ai->a.dest_reply);
}

/* Some connections fail and others work. */
static void
dest_narrows(struct attempt_impl *ai)
{
	bool first = ai->dest->window == 0;

	throttle_narrow(ai);
	if (first && ai->dest->window > 0)
		dest_log(ai->q, ai->dest, "destination_narrow",
			 &ai->a.dest_reply);
}

static void
dest_note_drop(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;

	if (ai->a.dest_state == ATTEMPT_DEST_OK)
		d->ndrops = 0;
	if (ai->a.dest_state != ATTEMPT_DEST_DROPPED)
		return;
	for (uint32_t i = 0; i < d->ndrops; i++)
		if (d->drops[i] == ai->a.id)
			return;
	if (d->ndrops < DEST_DROPS)
		d->drops[d->ndrops++] = ai->a.id;
}

void
dest_rest(struct queue *q, struct dest *d)
{
	d->fruitless = 0;
	if (d->list != DEST_RESTING)
		dest_wait(&q->dests, d, DEST_RESTING,
			  clock_mono_ms(q->clock) + ATTEMPT_REST_MS);
}

static void
dest_note_tls(struct attempt_impl *ai)
{
	for (size_t i = 0; i < ai->a.nrcpt; i++) {
		const struct attempt_rcpt *ar = &ai->a.rcpt[i];

		if (ar->outcome == ATTEMPT_UNTRIED ||
		    ar->outcome == ATTEMPT_MOVED)
			continue;
		ai->dest->tls = ar->tls == NULL     ? QUEUE_TLS_NONE
				: ar->tls->verified ? QUEUE_TLS_VERIFIED
						    : QUEUE_TLS_UNVERIFIED;
	}
}

/* An agent that hands everything back untried, again and again, gets a rest. */
static void
dest_note_fruit(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;
	bool fruit = false;

	for (size_t i = 0; i < ai->a.nrcpt; i++)
		fruit |= ai->a.rcpt[i].outcome != ATTEMPT_UNTRIED;
	d->fruitless = fruit || d->down ? 0 : d->fruitless + 1;
	if (d->fruitless >= ATTEMPT_FRUITLESS)
		dest_rest(ai->q, d);
}

/* --- a probe that got through -------------------------------------------- */

static int
reached_job(struct store_txn *txn, void *arg)
{
	struct attempt_impl *ai = arg;

	ai->up = false;
	return ai->epoch == ai->dest->epoch ? ar_dest_works(ai, txn) : 0;
}

static void
reached_after(void *arg, int result)
{
	struct attempt_impl *ai = arg;

	if (result == 0 && ai->up) {
		dest_came_up(ai->q, ai->dest);
		queue_poke(ai->q);
	}
}

static void
reached_done(void *arg, int result)
{
	struct attempt_impl *ai = arg;

	(void)result;
	ai->reaching = false;
	if (ai->has_result)
		attempt_submit(ai);
}

void
attempt_reached(struct attempt *a)
{
	struct attempt_impl *ai = a->impl;

	throttle_reached(ai);
	if (!a->probe || ai->reached)
		return;
	ai->reached = ai->reaching = true;
	ai->reached_job = (struct store_job){
		.fn = reached_job,
		.need = STORE_NEED_RESULT,
		.after = reached_after,
		.done = reached_done,
		.arg = ai,
		.loop = ai->loop,
		.bytes = 256,
	};
	queue_run(ai->q, &ai->reached_job);
}

void
attempt_heard(struct attempt *a)
{
	throttle_heard(a->impl);
}

void
attempt_dest_after(struct attempt_impl *ai)
{
	struct dest *d = ai->dest;

	dest_note_drop(ai);
	dest_note_tls(ai);
	throttle_result(ai);
	if (ai->down)
		dest_went_down(ai);
	else if (ai->narrow)
		dest_narrows(ai);
	else if (ai->up)
		dest_came_up(ai->q, d);
	else if (ai->not_before_ms > 0)
		d->not_before_ms = ai->not_before_ms;
	if (ai->a.probe && ai->epoch == d->epoch)
		d->probing = false;
	dest_note_fruit(ai);
}
