/*
 * alert_mail - the agent `alert`: mail to the address of alerts.
 *
 * A message is read in the CPU pool and done only when what it caused is durable:
 * an alert, an answer to a notice, a notice that came back. What means nothing is
 * done too, and logged: there is nobody to tell it to. While the engine can't take
 * it, it waits in the queue.
 */
#ifndef RELAY_ALERT_MAIL_H
#define RELAY_ALERT_MAIL_H

#include "deliver/expand.h"
#include "relay/relay.h"

/* Registers the agent; before queue_start(). */
void alert_mail_init(struct relay *r);

/* Are all recipients TO such as the agent may know, if they are its at all? From
 * any thread. */
bool alert_mail_takes(const struct snapshot *s, const struct expansion *to);
/* ADDRESS as the log may have it: without the token where it is the agent's. NULL
 * is fine. From any thread; in A, or itself. */
const char *alert_mail_shown(const struct snapshot *s, const char *address,
			     struct arena *a);

#endif
