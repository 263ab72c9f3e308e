#include "base/rate.h"

#include <string.h>

#define RATE_PARTS (RATE_SPANS - 1) /* of a period */

int64_t
rate_opens(const struct rate *r, const struct conf_rate *conf, int64_t most,
	   int64_t now)
{
	int64_t at = now, left = 0;

	for (size_t i = 0; i < r->nspans; i++)
		left += r->span[i].n;
	for (size_t i = 0; i < r->nspans; i++) {
		int64_t over = r->span[i].last_ms + conf->period_ms;

		if (over > now && left < most)
			break;
		if (over > at)
			at = over;
		left -= r->span[i].n;
	}
	return at;
}

static void
rate_forget(struct rate *r, const struct conf_rate *conf, int64_t now)
{
	size_t over = 0;

	while (over < r->nspans &&
	       r->span[over].last_ms + conf->period_ms <= now)
		over++;
	r->nspans -= over;
	memmove(r->span, r->span + over, r->nspans * sizeof(r->span[0]));
}

/* Spans begin a sixteenth apart, so that there is always room for one more; but
 * for a period that is longer than before: then the last one grows. */
void
rate_count(struct rate *r, const struct conf_rate *conf, int64_t now)
{
	struct rate_span *last;

	rate_forget(r, conf, now);
	last = r->nspans > 0 ? &r->span[r->nspans - 1] : NULL;
	if (last == NULL ||
	    (r->nspans < RATE_SPANS &&
	     now - last->first_ms >= conf->period_ms / RATE_PARTS)) {
		last = &r->span[r->nspans++];
		*last = (struct rate_span){.first_ms = now};
	}
	last->last_ms = now;
	last->n++;
}

void
rate_uncount(struct rate *r, int64_t when)
{
	for (size_t i = r->nspans; i-- > 0;) {
		if (r->span[i].first_ms > when)
			continue;
		if (r->span[i].last_ms >= when && r->span[i].n > 0)
			r->span[i].n--;
		return;
	}
}
