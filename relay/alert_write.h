/*
 * alert_write - a notice becomes a message of the queue: words, links and
 * tokens, a signature, and the way that the recipient's mail goes.
 */
#ifndef RELAY_ALERT_WRITE_H
#define RELAY_ALERT_WRITE_H

#include "alert/engine.h"
#include "alert/link.h"
#include "relay/relay.h"

/* How long its links and an answer to it are good for. */
#define ALERT_WRITE_TOKENS_MS (INT64_C(30) * 24 * 3600 * 1000)

/* The engine's writer, on the home loop; leads to one engine_written(). */
void alert_write(struct relay *r, const struct alert_link_key *key,
		 struct engine_letter *letter);

#endif
