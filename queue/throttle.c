/*
 * throttle - how many attempts a destination gets, at a time and in a time.
 *
 * The window is per_destination.connections wide. A connection that fails while
 * others reach the destination is no failure of the whole: the window halves,
 * and grows by one each time as many as it is wide have worked. Those that were
 * given before it was halved don't halve it again: they are one failure.
 * Whether others reach it is known from what they did lately, and that some are
 * out, or that it worked for one since the failed one was given.
 *
 * A narrow window may be full of those that hang: after a while of silence one
 * more may go, to find out. Large mail that goes slowly is no silence.
 *
 * The rate counts what is given, and not what came back untried. Alerts are
 * counted but have as much again for themselves, so that they don't wait for
 * what is less urgent; that then waits longer.
 *
 * Store thread only, but for throttle_reached() and throttle_heard().
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define THROTTLE_LATELY_MS  30000
#define THROTTLE_SILENCE_MS 30000

static int64_t
throttle_worked_ms(const struct dest *d)
{
	return atomic_load(&d->worked_mono_ms);
}

static bool
throttle_is_rated(const struct queue *q, const struct dest *d)
{
	return q->conf.destination.rate.n > 0 && d->agent != NULL &&
	       !d->agent->unrated;
}

int64_t
throttle_rate_opens(const struct queue *q, const struct dest *d, bool alert,
		    int64_t mono)
{
	const struct conf_rate *rate = &q->conf.destination.rate;

	if (d->rate == NULL || !throttle_is_rated(q, d))
		return mono;
	return rate_opens(d->rate, rate, alert ? 2 * rate->n : rate->n, mono);
}

static bool
throttle_is_serial(const struct dest *d)
{
	return d->agent != NULL && d->agent->serial;
}

uint32_t
throttle_window(const struct queue *q, const struct dest *d)
{
	uint32_t most = throttle_is_serial(d)
				? 1
				: (uint32_t)q->conf.destination.connections;

	return d->window > 0 && d->window < most ? d->window : most;
}

/* An alert may have one more than the window. */
int64_t
throttle_opens(const struct queue *q, const struct dest *d, bool alert,
	       int64_t mono)
{
	uint32_t most = (uint32_t)q->conf.destination.connections;
	int64_t at = throttle_rate_opens(q, d, alert, mono), heard;

	if (throttle_is_serial(d))
		return d->busy == 0 ? at : INT64_MAX;
	if (d->busy >= most + alert)
		return INT64_MAX;
	if (d->busy < throttle_window(q, d) + alert)
		return at;
	heard = throttle_worked_ms(d);
	if (heard < d->given_mono_ms)
		heard = d->given_mono_ms;
	heard += THROTTLE_SILENCE_MS;
	return at > heard ? at : heard;
}

void
throttle_given(struct attempt_impl *ai, int64_t mono)
{
	const struct conf_rate *rate = &ai->q->conf.destination.rate;
	struct dest *d = ai->dest;

	ai->narrowed = d->narrowed;
	ai->worked = atomic_load(&d->worked);
	ai->given_mono_ms = d->given_mono_ms = mono;
	ai->counted = throttle_is_rated(ai->q, d);
	if (!ai->counted) {
		free(d->rate);
		d->rate = NULL;
		return;
	}
	if (d->rate == NULL)
		d->rate = xcalloc(1, sizeof(*d->rate));
	rate_count(d->rate, rate, mono);
}

void
throttle_reached(struct attempt_impl *ai)
{
	/* Closed: the destinations are gone. */
	if (ai->q->store == NULL)
		return;
	atomic_store(&ai->dest->worked_mono_ms, clock_mono_ms(ai->q->clock));
	atomic_fetch_add(&ai->dest->worked, 1);
}

void
throttle_heard(struct attempt_impl *ai)
{
	if (ai->q->store != NULL)
		atomic_store_explicit(&ai->dest->worked_mono_ms,
				      clock_mono_ms(ai->q->clock),
				      memory_order_relaxed);
}

/* Do others reach it, or did they since AI was given? */
static bool
throttle_others_work(const struct attempt_impl *ai)
{
	const struct dest *d = ai->dest;

	if (d->busy < 2 && ai->worked == atomic_load(&d->worked))
		return false;
	return throttle_worked_ms(d) + THROTTLE_LATELY_MS >
	       clock_mono_ms(ai->q->clock);
}

bool
throttle_is_partial(const struct attempt_impl *ai)
{
	const struct dest *d = ai->dest;

	if (ai->a.probe || !throttle_others_work(ai))
		return false;
	return throttle_window(ai->q, d) > 1 || ai->narrowed != d->narrowed;
}

void
throttle_narrow(struct attempt_impl *ai)
{
	uint32_t window = throttle_window(ai->q, ai->dest);
	struct dest *d = ai->dest;

	if (ai->narrowed != d->narrowed)
		return;
	d->narrowed++;
	d->good = 0;
	if (window > 1)
		d->window = window / 2;
}

void
throttle_down(struct dest *d)
{
	atomic_store(&d->worked_mono_ms, DEST_NEVER_MS);
}

void
throttle_up(struct queue *q, struct dest *d)
{
	atomic_store(&d->worked_mono_ms, clock_mono_ms(q->clock));
}

static void
throttle_works(struct queue *q, struct dest *d)
{
	if (d->window == 0 || ++d->good < d->window)
		return;
	d->good = 0;
	if (++d->window >= (uint32_t)q->conf.destination.connections)
		d->window = 0;
}

void
throttle_result(struct attempt_impl *ai)
{
	const struct attempt *a = &ai->a;
	bool tried = false;

	if (a->dest_state == ATTEMPT_DEST_OK)
		throttle_works(ai->q, ai->dest);
	for (size_t i = 0; i < a->nrcpt; i++)
		tried |= a->rcpt[i].outcome != ATTEMPT_UNTRIED &&
			 a->rcpt[i].outcome != ATTEMPT_MOVED;
	if (!tried && ai->counted && ai->dest->rate != NULL)
		rate_uncount(ai->dest->rate, ai->given_mono_ms);
}
