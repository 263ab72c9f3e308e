/*
 * count - how much there is, kept in memory from the records' changes.
 *
 * A start doesn't scan: after it a background count goes over the messages, a
 * few hundred rows a turn. What stands before its cursor is counted and follows
 * every change; what stands behind it will be counted when the cursor comes
 * there. A job notes its changes while it runs and they are applied in its
 * AFTER, so a batch that is split counts once. Store thread only.
 */
#ifndef QUEUE_COUNT_H
#define QUEUE_COUNT_H

#include <uthash.h>

#include "queue/rcpt.h"

#define COUNT_NSTATE QUEUE_RCPT_NSTATE
#define COUNT_NONE   (-1)
#define COUNT_INLINE 4

/* A recipient (DEST set) went from one state to another, or a message (DEST 0)
 * came (FROM none) or went (TO none). */
struct count_change {
	uint64_t id;
	uint64_t dest;
	int64_t arrival_ms;
	const char *agent, *name; /* borrowed until applied */
	uint8_t class;
	int8_t from, to;
};

struct count_list {
	size_t n, cap;
	struct count_change *v; /* owned unless FIRST */
	struct count_change first[COUNT_INLINE];
};

void count_list_init(struct count_list *l);
void count_list_done(struct count_list *l);
void count_list_clear(struct count_list *l);
void count_note_message(struct count_list *l, uint64_t id,
			enum queue_class class, int64_t arrival_ms, bool came);
/* FROM and TO: enum queue_rcpt_state or COUNT_NONE. */
void count_note_rcpt(struct count_list *l, uint64_t id, const struct rcpt *r,
		     int from, int to);

/* Deliveries waiting at a destination, ready or deferred. */
struct count_dest {
	uint64_t key;
	uint64_t waiting;
	char *agent, *name; /* one block, owned with this */
	UT_hash_handle hh;
};

/* Messages by the minute of their arrival, so that the oldest is known. */
#define COUNT_MINUTES (8 * 24 * 60)
struct count_minute {
	uint32_t n;
	uint32_t first_ms; /* of those that came since it was empty; from the
			    * minute's beginning */
};

struct count {
	bool counting;
	uint64_t cursor; /* ids below it are counted */
	uint64_t messages;
	uint64_t deliveries[COUNT_NSTATE][QUEUE_NCLASS];
	struct count_dest *dests;
	struct count_minute *minutes[QUEUE_NCLASS]; /* owned; by minute modulo
						     * the ring */
	int64_t first_minute[QUEUE_NCLASS]; /* none is older, but in ANCIENT */
	uint64_t ancient[QUEUE_NCLASS];     /* before the ring at counting */
	int64_t ancient_ms[QUEUE_NCLASS];   /* the oldest of those */
	uint64_t in_ring[QUEUE_NCLASS];
};

void count_init(struct count *c);
void count_done(struct count *c);
void count_apply(struct count *c, const struct count_list *l);
/* The same for what the background count found: behind the cursor. */
void count_add(struct count *c, const struct count_list *l);
/* Wall time of the oldest message's arrival, or of one that left and came
 * within the same minute; 0: none. */
int64_t count_oldest(struct count *c, enum queue_class class);

#endif
