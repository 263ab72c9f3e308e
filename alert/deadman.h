/*
 * deadman - an alert that must keep coming, and what it means when it does not.
 *
 * Monitoring that is well sends an alert which always fires (Prometheus' usual
 * name for it is Watchdog). When it has not come for so long, monitoring is
 * what is down: that is told, and that it is back. Such an alert is no
 * incident of its own.
 *
 * Silence counts from the last time it was heard, but never from before
 * AWAKE_SINCE_MS, nor from before it was expected: what nobody listened for is
 * not missed. Where the clock was set back, what was heard later than now was
 * heard now.
 *
 * Pure; not thread-safe. Times are wall milliseconds.
 */
#ifndef ALERT_DEADMAN_H
#define ALERT_DEADMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alert.h"
#include "alert/matcher.h"

enum deadman_change {
	DEADMAN_SAME,
	DEADMAN_SILENT, /* to be told as firing */
	DEADMAN_BACK,   /* as resolved: it came, or is not expected any more */
};
extern const char *const deadman_change_names[]; /* "same", "silent", "back" */

struct deadman {
	int64_t within_ms; /* 0: nothing is expected */
	int64_t since_ms;  /* from when it is expected */
	int64_t heard_ms;  /* 0: not yet in this life */
	bool silent;       /* as last told */
};

/* SILENT: as it was told in an earlier life and is still open. */
void deadman_init(struct deadman *d, int64_t within_ms, bool silent);
/* After a reload. */
void deadman_set(struct deadman *d, int64_t within_ms, int64_t now_ms);

/* True: A is what is expected, whether it fires or not, and goes no further;
 * only one that fires is heard. An empty list expects nothing. */
bool deadman_hear(struct deadman *d, const struct matchers *expect,
		  const struct alert *a, int64_t now_ms);
/* What has changed since it was last asked. */
enum deadman_change deadman_look(struct deadman *d, int64_t now_ms,
				 int64_t awake_since_ms);
/* When to look again when nothing is heard; INT64_MAX: not by time. */
int64_t deadman_next(const struct deadman *d, int64_t awake_since_ms);

/* One line for people, in ARENA: "alertname="Watchdog" has not come for 12m",
 * or that it comes again. */
const char *deadman_words(const struct deadman *d,
			  const struct matchers *expect, int64_t now_ms,
			  int64_t awake_since_ms, struct arena *arena);

#endif
