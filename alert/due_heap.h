/*
 * due_heap - what is to be done at a time, soonest first.
 *
 * Nodes are embedded in what they belong to. One owner; not thread-safe.
 */
#ifndef ALERT_DUE_HEAP_H
#define ALERT_DUE_HEAP_H

#include <stdint.h>
#include <stddef.h>

struct due_node {
	int64_t when_ms;
	uint32_t at;    /* place + 1; 0: not in the heap */
	uint32_t order; /* of two at the same time the one that came first */
	uint8_t kind;   /* the owner's */
};

struct due_heap {
	struct due_node **v; /* owned */
	size_t n, cap;
	uint32_t order; /* the last that was given */
};

void due_heap_done(struct due_heap *h);
/* WHEN 0: not at all. */
void due_heap_set(struct due_heap *h, struct due_node *node, int64_t when_ms);
/* NULL: nothing is planned. */
struct due_node *due_heap_first(const struct due_heap *h);

#endif
