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

#include "relay/relay.h"

/* Registers the agent; before queue_start(). */
void alert_mail_init(struct relay *r);

#endif
