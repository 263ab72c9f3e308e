/*
 * walk - over every record, some rows at a time, for what no single event
 * reaches.
 *
 *	routes  what routing reads is another than before: the route of each
 *		recipient that waits is looked up anew, and it moves, ready, to
 *		the destination that is named now. Destinations that are down
 *		are probed.
 *	rows    once a day; and on the way of the other one: a wait row that is
 *		missing is put back, since rows have no checksum of their own.
 *
 * It reads a page of records in the disk pool, asks the router on a loop, and
 * writes in the store thread, together with its cursor: killed at any moment it
 * goes on from there. Other routes during a walk begin it anew. What is out is
 * passed over: its own next try finds the new route.
 */
#ifndef QUEUE_WALK_H
#define QUEUE_WALK_H

#include "queue/walk_record.h"

struct walk_page;

/* The store thread's. */
struct walk {
	bool loaded;
	struct walk_rec rec;
	uint32_t epoch;         /* begun so often */
	int64_t again_mono_ms;  /* after an error */
	size_t most;            /* rows that a job writes */
	struct walk_page *page; /* under way: its job's or loop's */
};

void walk_init(struct walk *w);
/* Begin or go on when there is something to do; the monotonic time when to come
 * back. */
int64_t walk_turn(struct queue *q, struct store_txn *txn, int64_t wall_ms,
		  int64_t mono_ms);
void walk_info(const struct walk *w, struct queue_walk_info *ret);

#endif
