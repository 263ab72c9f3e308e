/*
 * lookup - routes of waiting recipients, looked up anew.
 *
 * In three steps: recipients are noted inside a job that reads them, the router
 * names their routes on a loop, some at a time, and what goes elsewhere now is
 * moved inside a job of the writer. Anything may happen to a recipient in
 * between, but what a route is looked up by never changes.
 */
#ifndef QUEUE_LOOKUP_H
#define QUEUE_LOOKUP_H

#include "queue/effect.h"

struct lookup_row {
	uint64_t id;
	uint32_t n;
	const char *agent, *dest; /* as it was noted */
};

/* Rows and what is asked of each, side by side. */
struct lookup {
	struct arena arena;
	size_t n, cap;
	struct lookup_row *rows;  /* owned */
	struct queue_lookup *ask; /* owned */
	size_t asked;             /* so many have their answer */
};

void lookup_init(struct lookup *l);
void lookup_done(struct lookup *l);
/* Note recipient N of ID; SENDER and R live in L's arena. */
void lookup_add(struct lookup *l, uint64_t id, uint32_t n, const char *sender,
		const struct rcpt *r);
/* Ask for at most MOST of them, on LOOP. True: some are left. */
bool lookup_some(struct lookup *l, struct queue *q, struct loop *loop,
		 size_t most);
/* Does row AT go elsewhere now? */
bool lookup_moves(const struct lookup *l, size_t at);
/* What is said of recipient N, where all are of one message; NULL: nothing. */
const struct queue_lookup *lookup_find(const struct lookup *l, uint32_t n);
/* Does R, as it is now, go elsewhere by TO? */
bool lookup_differs(const struct queue_lookup *to, const struct rcpt *r);

/* Recipient N of ID, R, shown as FROM, goes to TO: ready there, or held. 0;
 * -EMSGSIZE: the destination's name has no place in the record; other -errno.
 */
int lookup_move(struct queue *q, struct store_txn *txn, struct effects *e,
		uint64_t id, uint32_t n, struct rcpt *r,
		enum queue_rcpt_state from, bool held,
		const struct queue_lookup *to);

#endif
