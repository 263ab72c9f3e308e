/*
 * scan - find the destinations that have ready lists, one by one.
 *
 * After a start, and when more had something to do than fit into memory. A scan
 * goes in a circle. When memory is full it stops at the first that does not
 * fit, and the next one begins there, so that each has its turn.
 */
#include "queue/queue_impl.h"

#define SCAN_MAX      64 /* destinations a turn */
#define SCAN_AGAIN_MS 1000

void
scan_start(struct queue *q)
{
	q->scanning = true;
	q->scan_wrapped = false;
	q->scan_end = q->scan_at;
}

/* Past the last destination; false: the circle is closed. */
static bool
scan_wrap(struct queue *q)
{
	if (q->scan_wrapped || q->scan_end == 0)
		return false;
	q->scan_wrapped = true;
	q->scan_at = 0;
	return true;
}

/* The first row of the next destination; false: the circle is closed. */
static bool
scan_next(struct queue *q, struct store_txn *txn, struct store_place *ret_place,
	  struct store_key *ret_key)
{
	struct store_place at = store_place_ready(q->scan_at, 0, 0);
	int r = store_next_waiting(txn, &at, NULL, 1, ret_place, ret_key);

	if (r <= 0 && scan_wrap(q)) {
		at = store_place_ready(0, 0, 0);
		r = store_next_waiting(txn, &at, NULL, 1, ret_place, ret_key);
	}
	return r > 0 &&
	       !(q->scan_wrapped && place_dest(ret_place) >= q->scan_end);
}

/* Enter the destination of the row (PLACE, KEY); false: it does not fit. */
static bool
scan_enter(struct queue *q, struct store_txn *txn, struct arena *a,
	   const struct store_place *place, const struct store_key *key,
	   int64_t wall)
{
	struct dest_rec dr;
	struct store_rec rec;
	struct rcpt rcpt;
	struct dest *d;

	/* One that is down comes back by its own timer. */
	if (dest_get(txn, place_dest(place), a, &dr) == 0 &&
	    dr.not_before_ms > wall)
		return true;
	if (store_get(txn, key, &rec) < 0 ||
	    rcpt_decode(rec.value, rec.len, a, &rcpt) < 0) {
		take_mend(q, place, key);
		return true;
	}
	d = dest_enter(&q->dests, place_dest(place), rcpt.agent,
		       rcpt.dest_name);
	if (d != NULL)
		dest_wake_all(&q->dests, d);
	return d != NULL;
}

void
scan_turn(struct queue *q, struct store_txn *txn, int64_t wall)
{
	struct store_place place;
	struct store_key key;
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < SCAN_MAX && q->scanning; i++) {
		if (!scan_next(q, txn, &place, &key)) {
			q->scanning = false;
			q->scan_at = 0;
		} else if (!scan_enter(q, txn, &a, &place, &key, wall)) {
			q->scanning = false;
			q->scan_at = place_dest(&place);
		} else {
			q->scan_at = place_dest(&place) + 1;
			q->scanning = q->scan_at != 0 || scan_wrap(q);
		}
	}
	arena_done(&a);
}

int64_t
scan_again(struct queue *q, int64_t mono)
{
	if (!q->dests.forgot || q->scanning)
		return INT64_MAX;
	if (mono < q->scan_again_mono_ms)
		return q->scan_again_mono_ms;
	q->scan_again_mono_ms = mono + SCAN_AGAIN_MS;
	q->dests.forgot = false;
	scan_start(q);
	return mono;
}
