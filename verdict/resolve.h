/*
 * resolve - has the open questions of a table of answers resolved.
 *
 * One per message, on the loop of its resolver: embedded, initialised once, and
 * asked again as often as the evaluators leave questions open. All that are open
 * are asked side by side. After the deadline, which counts from the
 * initialisation, whatever is open is settled as ANSWER_TEMPFAIL, also what is
 * asked for later.
 */
#ifndef VERDICT_RESOLVE_H
#define VERDICT_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/dns.h"
#include "net/loop.h"
#include "verdict/answers.h"

typedef void resolve_fn(void *arg);

struct resolve {
	struct dns *dns;         /* borrowed */
	struct answers *answers; /* borrowed */
	struct loop_timer deadline;
	bool late;
	LIST_HEAD(, resolve_question) questions; /* in the answers' arena */
	resolve_fn *fn;
	void *arg;
};

void resolve_init(struct resolve *r, struct loop *loop, struct dns *dns,
		  struct answers *answers, int64_t deadline_ms, resolve_fn *fn,
		  void *arg);
/* No callback any more. What was open stays open: the table is of no more use
 * then. To be called before the resolver and the table end. */
void resolve_done(struct resolve *r);

/* Ask what is open. True: FN(ARG) runs once when all of it is settled, never
 * from within this call; it may end R. False: there was nothing. Not again
 * before FN. */
bool resolve_open(struct resolve *r);

#endif
