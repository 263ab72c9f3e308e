/*
 * own_mail - a mail that belfryd itself writes: the way that its recipient's
 * mail goes, a name before there is a word of it, our signature, the queue.
 *
 * It is from the null path, and NOTIFY_TELLER hears what becomes of it. On the
 * home loop.
 */
#ifndef RELAY_OWN_MAIL_H
#define RELAY_OWN_MAIL_H

#include "deliver/expand.h"
#include "relay/relay.h"

/* Of its text; more does not fit. */
#define OWN_MAIL_MAX ((size_t)16 * 1024)

struct own_mail {
	struct relay *relay; /* borrowed, as what follows, up to the end */
	struct arena *arena;
	const struct address *to; /* may have no domain */
	enum queue_class class;
	const char *flow; /* whose turn of the queue it takes */
	uint64_t handle;  /* the object's of FN */
	/* own_mail_begin() fills these. */
	struct draft *draft;
	uint64_t id;            /* in the queue */
	const char *message_id; /* without its brackets */
	struct expansion way;   /* where it goes */
};

/* 0: own_mail_send() ends it. 1: there is no way to them; -ENOSPC. */
int own_mail_begin(struct own_mail *m);
/* TEXT is header and body, with CRLF. 0: FN follows, as draft_commit() has it;
 * -errno: it doesn't, and nothing remains. */
int own_mail_send(struct own_mail *m, const char *text, size_t len,
		  draft_commit_fn *fn);

/* TO as an envelope has it, in ARENA. ORIGINAL is who was named for them; NULL:
 * they themselves. */
const struct envelope_rcpt *own_mail_rcpts(const struct expansion *to,
					   const char *original,
					   struct arena *arena);

#endif
