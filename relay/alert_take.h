/*
 * alert_take - what an intake read, into the engine: counted, kept where it was
 * not understood, and answered when it is in the store. On the home loop.
 */
#ifndef RELAY_ALERT_TAKE_H
#define RELAY_ALERT_TAKE_H

#include "alert/engine.h"
#include "alert/source.h"
#include "relay/http_who.h"
#include "relay/relay.h"

/* What became of what a source sent, a label value of
 * belfry_alert_events_total. */
enum alert_event {
	ALERT_EVENT_FIRING,
	ALERT_EVENT_RESOLVED,
	ALERT_EVENT_IGNORED,      /* an event that is no alert */
	ALERT_EVENT_MALFORMED,    /* 400 */
	ALERT_EVENT_UNAUTHORIZED, /* 401 */
	ALERT_EVENT_FORBIDDEN,    /* 403 */
	ALERT_EVENT_LARGE,        /* 413 */
	ALERT_EVENT_LIMITED,      /* 429 */
	ALERT_EVENT_LATER,        /* 503: the sender has to come again */
};
extern const char *const alert_event_names[];

/* SOURCE is the name of one of the configuration, never a peer's word. */
void alert_take_count(struct relay *r, const char *source,
		      enum alert_event event, size_t n);

/* All alerts of BATCH, which is copied; then DONE with 0 when they are durable,
 * or as engine_done_fn() has it. -ESHUTDOWN at once where there is no engine any
 * more: DONE is then called from within. */
void alert_take(struct relay *r, const struct rules_source *source,
		const struct alert_batch *batch, engine_done_fn *done,
		void *arg);
/* It was refused unread, being too large or coming too often; whose it was is
 * known. Most sources don't come again with it, so people are told. */
void alert_take_lost(struct relay *r, const struct rules_source *source,
		     enum alert_event event);
/* WHO posts to a name that no source has: 404, and logged for who may post at
 * all. The name is not, since it may be a token. */
int alert_take_nowhere(struct relay *r, const struct http_who *who);
/* It was not understood: counted, and kept for people to look at. */
void alert_take_malformed(struct relay *r, const struct rules_source *source,
			  const char *why, const void *body, size_t len);

#endif
