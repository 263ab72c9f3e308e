#include "queue/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

void
lookup_init(struct lookup *l)
{
	memset(l, 0, sizeof(*l));
	arena_init(&l->arena);
}

void
lookup_done(struct lookup *l)
{
	arena_done(&l->arena);
	free(l->rows);
	free(l->ask);
	memset(l, 0, sizeof(*l));
}

void
lookup_add(struct lookup *l, uint64_t id, uint32_t n, const char *sender,
	   const struct rcpt *r)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : 2 * l->cap;
		l->rows = xreallocarray(l->rows, l->cap, sizeof(*l->rows));
		l->ask = xreallocarray(l->ask, l->cap, sizeof(*l->ask));
	}
	l->rows[l->n] = (struct lookup_row){
		.id = id,
		.n = n,
		.agent = r->agent,
		.dest = r->dest_name,
	};
	l->ask[l->n++] = (struct queue_lookup){
		.sender = sender,
		.address = r->address,
		.original = r->original[0] != '\0' ? r->original : r->address,
		.agent = r->agent,
		.dest = r->dest_name,
		.route = r->route,
	};
}

bool
lookup_some(struct lookup *l, struct queue *q, struct loop *loop, size_t most)
{
	size_t n = l->n - l->asked < most ? l->n - l->asked : most;

	/* At the end the router may be gone. */
	if (n > 0 && q->router != NULL && !atomic_load(&q->stopping))
		q->router(q->router_ctx, loop, &l->arena, &l->ask[l->asked], n);
	l->asked += n;
	return l->asked < l->n;
}

bool
lookup_moves(const struct lookup *l, size_t at)
{
	return strcmp(l->ask[at].agent, l->rows[at].agent) != 0 ||
	       strcmp(l->ask[at].dest, l->rows[at].dest) != 0;
}

const struct queue_lookup *
lookup_find(const struct lookup *l, uint32_t n)
{
	size_t low = 0, high = l->n;

	/* They were noted in their order. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->rows[mid].n < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->n && l->rows[low].n == n ? &l->ask[low] : NULL;
}

bool
lookup_differs(const struct queue_lookup *to, const struct rcpt *r)
{
	return strcmp(to->agent, r->agent) != 0 ||
	       strcmp(to->dest, r->dest_name) != 0;
}

static bool
lookup_fits(struct queue *q, const struct rcpt *r)
{
	buf_clear(&q->scratch);
	return dest_name_fits(r->agent, r->dest_name) &&
	       rcpt_encode(r, &q->scratch) == 0;
}

int
lookup_move(struct queue *q, struct store_txn *txn, struct effects *e,
	    uint64_t id, uint32_t n, struct rcpt *r, enum queue_rcpt_state from,
	    bool held, const struct queue_lookup *to)
{
	struct rcpt moved = *r;

	moved.agent = to->agent;
	moved.dest_name = to->dest;
	moved.route = to->route;
	if (!lookup_fits(q, &moved))
		return -EMSGSIZE;
	/* Gone from here, and come there, for the counts. */
	count_note_rcpt(&e->counts, id, r, (int)from, COUNT_NONE);
	moved.dest = queue_dest_key(moved.agent, moved.dest_name);
	moved.state = held ? RCPT_HELD : RCPT_LIVE;
	*r = moved;
	count_note_rcpt(&e->counts, id, r, COUNT_NONE,
			held ? QUEUE_RCPT_HELD : QUEUE_RCPT_READY);
	if (held)
		return queue_put_rcpt(q, txn, id, n, r, store_place_none());
	effect_wake(e, id, r);
	return queue_put_rcpt(q, txn, id, n, r, rcpt_place_ready(r));
}
