/*
 * history - what happened to an incident, one record an entry.
 */
#ifndef ALERT_HISTORY_H
#define ALERT_HISTORY_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdint.h>

enum history_what {
	HISTORY_OPENED,
	HISTORY_REOPENED,
	HISTORY_RESOLVED,
	HISTORY_STALE,
	HISTORY_CHANGED, /* its labels */
	HISTORY_FLAPPING,
	HISTORY_STEADY,    /* ... no more */
	HISTORY_PUBLISHED, /* a notice is on its way */
	HISTORY_ACCEPTED,
	HISTORY_FAILED,
	HISTORY_WITHDRAWN,
	HISTORY_ACKED,
	HISTORY_UNACKED,
	HISTORY_CLOSED,
	HISTORY_NOISE,
	HISTORY_ENDED, /* its group was: the receiver is no more */
};
#define HISTORY_NWHAT 16
extern const char *const history_what_names[];

#define HISTORY_TEXT_MAX 512 /* of who and text, each; longer is cut */

struct history {
	int64_t when_ms;
	enum history_what what;
	const char *who, *text;
};

void history_encode(const struct history *h, struct buf *out);
/* Strings in ARENA. 0, -EBADMSG, -EPROTONOSUPPORT. */
int history_decode(const void *value, size_t len, struct arena *arena,
		   struct history *ret);

#endif
