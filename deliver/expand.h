/*
 * expand - what becomes of a recipient as it was given: its deliveries.
 *
 *	recipient -> aliases, again and again -> routes -> copies (bcc)
 *
 * Asked once, when the recipient is named; what goes into the queue is
 * addresses, and where each of them goes is looked up anew at each try.
 */
#ifndef DELIVER_EXPAND_H
#define DELIVER_EXPAND_H

#include "deliver/route.h"

/* More deliveries than this come of no recipient. */
#define EXPAND_MAX 1000

enum expand_result {
	EXPAND_OK,
	EXPAND_NO_DOMAIN, /* a bare name from somebody who must complete it */
	EXPAND_FOREIGN,   /* not ours, from somebody who may not send on */
	EXPAND_SOURCE,    /* the local part names another host: user%other@ */
	EXPAND_UNKNOWN,   /* ours, and nobody there */
	EXPAND_EXCLUDED,  /* not in delivery.only_recipients */
	EXPAND_TOO_MANY,  /* it stands for more than EXPAND_MAX */
};
extern const char *const expand_result_names[];

struct expanded {
	const char *address; /* in the arena */
	bool copy;           /* nobody named it: `bcc` of a route */
	struct route route;
};

struct expansion {
	size_t n;
	struct expanded *v; /* in the arena; never empty after EXPAND_OK */
};

/* RCPT may have no domain. SENDER "" is the null path. TRUSTED: the client may
 * send anywhere, and the names of this host are its own. */
enum expand_result expand_rcpt(const struct routing *r, const char *sender,
			       const struct address *rcpt, bool trusted,
			       struct arena *arena, struct expansion *ret);

/* Warns of aliases that lead nowhere; an error when the postmaster's does. */
void expand_check(const struct routing *r, const struct conf_mark *mark,
		  struct conf_errors *errors);

#endif
