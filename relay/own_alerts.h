/*
 * own_alerts - Belfry's own events as alerts: a look every half minute, and
 * after each reload. What they are is in relay/own_judge.h; sources that fall
 * silent and notices that can't be told the engine sees by itself.
 *
 * On the home loop.
 */
#ifndef RELAY_OWN_ALERTS_H
#define RELAY_OWN_ALERTS_H

#include "alert/engine.h"
#include "relay/relay.h"

struct own_alerts;

/* When the queue has started. ENGINE is borrowed. */
struct own_alerts *own_alerts_new(struct relay *r, struct engine *engine);
/* There is another snapshot: look now. */
void own_alerts_look(struct own_alerts *o);
/* What SOURCE said was refused, for WHY: the next look tells. HELP is a
 * constant. */
void own_alerts_refused(struct own_alerts *o, const char *source,
			const char *why, const char *help);
/* No more looks; before the engine stops. NULL is fine. */
void own_alerts_stop(struct own_alerts *o);
/* When what was posted to the home loop has run. NULL is fine. */
void own_alerts_free(struct own_alerts **o);

#endif
