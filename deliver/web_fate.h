/*
 * web_fate - what becomes of a recipient by how its request ended.
 *
 *	answered as `done` says      it has arrived
 *	answered as `dead` says      never: nobody is at this URL any more
 *	429, 502, 503, 504           the destination is away: it is left alone
 *				     for as long as it says, an hour at most
 *	3xx                          the same, for a minute: it is not the
 *				     right URL
 *	408, 425, other 5xx          this message later; three messages in a row
 *				     are the destination's failure
 *	other 4xx                    never (400 when a plainer body got it, too)
 *	it may have been heard, but
 *	nobody answered              this message later, and doubted; so are
 *				     5xx but 503
 *	nothing was asked            the destination is away
 */
#ifndef DELIVER_WEB_FATE_H
#define DELIVER_WEB_FATE_H

#include "deliver/endpoint.h"
#include "net/fetch.h"
#include "queue/attempt.h"

/* Into the only recipient of A, and what A says of its destination. */
void web_fate(struct attempt *a, const struct endpoint *ep,
	      const struct fetch_answer *answer, int64_t now_wall_ms);

#endif
