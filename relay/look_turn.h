/*
 * look_turn - how long a listing may hold the home loop.
 *
 * What it looks at may be 100,000 alerts, and what it compares them with comes
 * from whoever asks: it goes by time, not by number, and goes on in a turn of
 * its own. Machine's time, also where the loop's clock is a test's.
 */
#ifndef RELAY_LOOK_TURN_H
#define RELAY_LOOK_TURN_H

#include <stdbool.h>
#include <stdint.h>

/* Listings that take more than a turn, at once. */
#define LOOK_AT_ONCE 4
/* Comparisons that took too much to know (expression_is_asked()): from here on
 * the question is refused. */
#define LOOK_LIMITS_MAX 100
#define LOOK_LIMITS_WHY                                                        \
	"these regular expressions take too much to compare: with fewer * "    \
	"and "                                                                 \
	"+ within brackets, or with a plain text"

struct look_turn {
	int64_t ends_ms;
};

void look_turn_begin(struct look_turn *t);
/* Enough for now? */
bool look_turn_is_over(const struct look_turn *t);

#endif
