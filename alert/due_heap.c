#include "alert/due_heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

void
due_heap_done(struct due_heap *h)
{
	free(h->v);
	*h = (struct due_heap){.n = 0};
}

static void
dh_place(struct due_heap *h, size_t at, struct due_node *node)
{
	h->v[at] = node;
	node->at = (uint32_t)at + 1;
}

static bool
dh_before(const struct due_node *a, const struct due_node *b)
{
	if (a->when_ms != b->when_ms)
		return a->when_ms < b->when_ms;
	return (int32_t)(a->order - b->order) < 0;
}

static void
dh_up(struct due_heap *h, size_t at, struct due_node *node)
{
	while (at > 0 && dh_before(node, h->v[(at - 1) / 2])) {
		dh_place(h, at, h->v[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	dh_place(h, at, node);
}

static void
dh_down(struct due_heap *h, size_t at, struct due_node *node)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < h->n && dh_before(h->v[child + 1], h->v[child]))
			child++;
		if (child >= h->n || !dh_before(h->v[child], node))
			break;
		dh_place(h, at, h->v[child]);
		at = child;
	}
	dh_place(h, at, node);
}

static void
dh_remove(struct due_heap *h, struct due_node *node)
{
	size_t at = node->at - 1;
	struct due_node *last = h->v[--h->n];

	node->at = 0;
	if (last == node)
		return;
	if (at > 0 && dh_before(last, h->v[(at - 1) / 2]))
		dh_up(h, at, last);
	else
		dh_down(h, at, last);
}

void
due_heap_set(struct due_heap *h, struct due_node *node, int64_t when_ms)
{
	if (node->at != 0 && node->when_ms == when_ms)
		return;
	if (node->at != 0)
		dh_remove(h, node);
	node->when_ms = when_ms;
	if (when_ms == 0)
		return;
	if (h->n == h->cap) {
		h->cap = h->cap > 0 ? 2 * h->cap : 64;
		h->v = xreallocarray(h->v, h->cap, sizeof(h->v[0]));
	}
	node->order = ++h->order;
	dh_up(h, h->n++, node);
}

struct due_node *
due_heap_first(const struct due_heap *h)
{
	return h->n > 0 ? h->v[0] : NULL;
}
