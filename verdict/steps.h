/*
 * steps - how a verdict came about, line by line, for people.
 *
 * Evaluators say each step as they take it; whoever only wants the verdict gives
 * no list, and nothing is written. An evaluator that starts anew clears its list
 * first. The texts hold what the DNS and the message said: escape them.
 */
#ifndef VERDICT_STEPS_H
#define VERDICT_STEPS_H

#include <sys/queue.h>

#include "base/arena.h"

struct step {
	STAILQ_ENTRY(step) link;
	unsigned depth; /* of an include or a redirect */
	const char *text;
};

struct steps {
	struct arena *arena; /* borrowed */
	unsigned depth;
	STAILQ_HEAD(, step) list;
};

void steps_init(struct steps *s, struct arena *arena);
/* Forget what was said. NULL is fine. */
void steps_clear(struct steps *s);
/* One step at the present depth. NULL is fine. */
void steps_say(struct steps *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What follows belongs to the step before, or no longer. NULL is fine. */
void steps_enter(struct steps *s);
void steps_leave(struct steps *s);

#endif
