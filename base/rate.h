/*
 * rate - how often something happened lately, against a struct conf_rate.
 *
 * Strict: in no time of the rate's period do more happen than it says. What is
 * kept are spans, each up to a sixteenth of the period, and a span counts until
 * its last event is a period ago; so a steady flow may be slower than the rate
 * by that sixteenth, never faster.
 *
 * Zeroed memory is a rate of which nothing happened yet. The times are
 * monotonic, in milliseconds, and never go back. The rate itself may be another
 * at each call.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include "base/conf.h"

#define RATE_SPANS 17

struct rate_span {
	int64_t first_ms, last_ms;
	int64_t n;
};

struct rate {
	size_t nspans; /* oldest first */
	struct rate_span span[RATE_SPANS];
};

/* The first time from NOW on at which fewer than MOST were in the last
 * CONF->period_ms; MOST is at least 1. */
int64_t rate_opens(const struct rate *r, const struct conf_rate *conf,
		   int64_t most, int64_t now);
/* It happens NOW, whether there is room or not. */
void rate_count(struct rate *r, const struct conf_rate *conf, int64_t now);
/* What was counted at WHEN did not happen. */
void rate_uncount(struct rate *r, int64_t when);

#endif
