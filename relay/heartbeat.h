/*
 * heartbeat - the dead man's switch, both ways.
 *
 * Out: a URL is asked for by GET every so often, for as long as the home loop
 * and the store thread are alive and alerts are not paused: whoever counts
 * these requests knows when nobody would be told anything any more.
 *
 * In: an alert that monitoring sends all the time (`heartbeat.expect`). When it
 * has not come for `within`, that is an alert of our own; see
 * alert/deadman.h.
 *
 * On the home loop.
 */
#ifndef RELAY_HEARTBEAT_H
#define RELAY_HEARTBEAT_H

#include "alert/engine.h"
#include "base/log.h"
#include "base/metric.h"
#include "net/dns.h"

#define HEARTBEAT_KIND "heartbeat" /* of engine_own() */

struct heartbeat;
struct rules;

/* All borrowed. */
struct heartbeat_deps {
	struct loop *loop;
	struct dns *dns;
	struct clock *clock;
	struct queue *queue;
	const struct log_context *log;
	struct metrics *metrics; /* NULL: none */
};

/* 0 or -errno. Nothing happens yet. */
int heartbeat_new(const struct heartbeat_deps *deps, struct heartbeat **ret);
/* What the rules say, at the start and after a reload; they are referenced.
 * PING_URL, which is a secret, is copied; NULL: nobody is asked. */
void heartbeat_set(struct heartbeat *h, struct rules *rules,
		   const char *ping_url);
/* When the queue has started; ENGINE is borrowed. */
void heartbeat_start(struct heartbeat *h, struct engine *engine);
/* Look now, as it does by itself every few seconds. */
void heartbeat_look(struct heartbeat *h);
/* Is A the sign of life? Then it has been heard, and is no incident. For
 * engine_deps. */
bool heartbeat_hear(void *heartbeat, const struct alert *a);
/* Nothing more; before the engine stops. NULL is fine. */
void heartbeat_stop(struct heartbeat *h);
/* When what was posted to the loop has run, and before it and DNS are freed.
 * NULL is fine. */
void heartbeat_free(struct heartbeat **h);

#endif
