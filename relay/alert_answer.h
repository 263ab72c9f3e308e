/*
 * alert_answer - who answered a notice in vain is told so, and what would have
 * done something.
 *
 * Only for an address that was shown to be the sender's, and never for what a
 * program may have sent (RFC 3834, 2): who asks has seen to both. An address gets
 * one an hour.
 */
#ifndef RELAY_ALERT_ANSWER_H
#define RELAY_ALERT_ANSWER_H

#include "relay/relay.h"

struct alert_answer_conf {
	const char *to;         /* who answered */
	const char *asked;      /* the address that they wrote to */
	const char *why;        /* one line of ASCII */
	const char *message_id; /* of what they wrote; may be none, or NULL */
};

/* Strings are copied. DONE on the home loop, maybe from within: 0 when it is
 * durable, or they had one lately; -ENOSPC and other -errno: it is not. On the
 * home loop. */
typedef void alert_answer_fn(void *arg, int result);
void alert_answer(struct relay *r, const struct alert_answer_conf *conf,
		  alert_answer_fn *done, void *arg);

#endif
