/*
 * endpoint_name - what an endpoint of a receiver is called:
 * RECEIVER/CHANNEL/NAME.
 *
 * NAME is its `name`; without one, a short sum of what it is: its URL or topic,
 * the file or the variable of a secret one or of its key, its command. So it
 * stays the same wherever it stands in the list, and tells no secret.
 */
#ifndef ALERT_ENDPOINT_NAME_H
#define ALERT_ENDPOINT_NAME_H

#include "alert/alerts_conf.h"
#include "alert/channel.h"
#include "base/arena.h"

/* ENTRY is the struct alert_X_conf of CHANNEL, which is not mail. */
const char *endpoint_name(struct arena *a, const char *receiver,
			  enum channel channel, const void *entry);

#endif
