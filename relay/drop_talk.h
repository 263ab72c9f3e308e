/*
 * drop_talk - the client's side of one message from the drop folder, on the
 * home loop.
 *
 * At the other end of a socket pair is a session as any other, so that what
 * comes from the folder is treated as what comes through the submit socket:
 * checks, limits, routes, log, metrics.
 */
#ifndef RELAY_DROP_TALK_H
#define RELAY_DROP_TALK_H

#include <stdbool.h>

#include "mail/drop.h"
#include "mail/smtp_reply.h"
#include "net/loop.h"

enum drop_fate {
	DROP_TAKEN, /* it is in the queue; some recipients may be refused */
	DROP_MORE,  /* likewise, but the rest of them asks for a message of its
		     * own: drop_talk_again() */
	DROP_LATER,
	DROP_NEVER,
};

struct drop_talk_conf {
	const struct drop_envelope *env; /* borrowed */
	/* Give the next piece by drop_talk_give(); never from within. */
	void (*more)(void *arg);
	/* Once, and nothing after it; the talk is still to be freed. Once more
	 * after each drop_talk_again(). */
	void (*done)(void *arg, enum drop_fate fate);
	void *arg;
};

struct drop_talk;

/* FD is taken over. CONF is copied. */
struct drop_talk *drop_talk_new(struct loop *loop, int fd,
				const struct drop_talk_conf *conf);
/* After DROP_MORE or DROP_NEVER, and not from within: go on with the recipients
 * that are in no message yet and the content from its beginning, in a new
 * session. FD is taken over. */
void drop_talk_again(struct drop_talk *t, int fd);
/* Hangs up: what was not taken yet won't be. Leaves NULL. */
void drop_talk_free(struct drop_talk **t);
/* LEN 0: that was all. */
void drop_talk_give(struct drop_talk *t, const char *data, size_t len);

/* What was said to recipient I, or of the whole message; NULL: it was taken. */
const struct reply *drop_talk_refusal(const struct drop_talk *t, size_t i);
/* The last answer. */
const struct reply *drop_talk_last(const struct drop_talk *t);

#endif
