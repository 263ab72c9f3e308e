/*
 * ahead - what a clock that was ahead has put off too far.
 *
 * Rows of time are wall times. When the clock is set back, what was put off
 * would wait for as long as the clock was wrong; so each row that is further
 * away than its kind can be is taken as due. Only the age at which a message
 * expires stays: it was counted from an arrival by the same clock.
 */
#include <string.h>

#include "queue/queue_impl.h"

/* What is put off while we look through the rows is not meant. */
#define AHEAD_SLACK_MS 60000

/* The longest that a row of this kind is put off. */
static int64_t
due_longest(const struct queue *q, uint8_t kind)
{
	const struct queue_retry_conf *c = &q->conf.retry;
	int64_t retry = (int64_t)((double)c->max_ms * (1.0 + c->jitter)) + 1;

	if (kind == 't')
		return DUE_TELL_LEASE_MS;
	return kind == 'd' && retry < DUE_PROBE_MS ? DUE_PROBE_MS : retry;
}

static void
due_ahead_start(struct due *d, int64_t now_ms, int64_t before_ms)
{
	int64_t longest = due_longest(d->q, d->kind);

	if (d->ahead_ms < before_ms + longest)
		d->ahead_ms = before_ms + longest;
	d->ahead_at = (struct due_at){
		.place = store_place_time(d->class, d->kind,
					  now_ms + longest + AHEAD_SLACK_MS),
	};
}

void
due_clock_back(struct queue *q, int64_t now_ms, int64_t before_ms)
{
	for (size_t i = 0; i < q->ndues; i++)
		if (strchr("mtd", q->dues[i].kind) != NULL)
			due_ahead_start(&q->dues[i], now_ms, before_ms);
}

/* The age at which a message expires was not counted from the wrong time. */
static bool
due_is_age(const struct due *d, const struct store_key *key)
{
	uint64_t id;
	uint32_t n;

	return d->kind == 'm' && key_message_parse(key, &id, &n) && n == 0;
}

/* Step behind the row that stays where it is. */
static void
due_ahead_step(struct due_at *at, const struct store_place *place,
	       const struct store_key *key)
{
	at->place = *place;
	at->key = key_message(key_number(key), 1);
	at->has_key = true;
}

int
due_ahead_job(struct store_txn *txn, void *arg)
{
	struct due *d = arg;
	struct due_at *at = &d->ahead_next;
	int64_t now = clock_wall_ms(d->q->clock);
	struct store_place place;
	struct store_key key;
	int r = 0;

	effects_clear(&d->effects);
	*at = d->ahead_at;
	for (int rows = 0; r == 0 && rows < DUE_ROWS; rows++) {
		if (store_next_waiting(txn, &at->place,
				       at->has_key ? &at->key : NULL,
				       PLACE_PREFIX_KIND, &place, &key) <= 0 ||
		    place_when(&place) > d->ahead_ms) {
			at->place = store_place_none();
			return 0;
		}
		if (due_is_age(d, &key))
			due_ahead_step(at, &place, &key);
		else
			r = due_row(d, txn, &place, &key, now);
	}
	return r < 0 ? r : 0;
}

void
due_ahead_after(struct due *d)
{
	struct store_place none = store_place_none();

	d->ahead_at = d->ahead_next;
	if (store_place_equal(&d->ahead_at.place, &none))
		d->ahead_ms = 0;
}
