/*
 * teller - saying what became of a message.
 *
 * When some recipients failed for good or too late, or were served or are late
 * and the sender wants to hear it, the message is due. The queue gives the
 * teller of its kind a tell: what became of whom, and why. The teller
 * composes what is to be said outside the writer (it may read the original),
 * and one transaction checks that nothing changed, publishes the report for all
 * untold recipients and removes them. Changed meanwhile: composed anew. Killed
 * before: due again. Killed after: nothing left to tell.
 */
#ifndef QUEUE_TELLER_H
#define QUEUE_TELLER_H

#include "queue/attempt.h"
#include "queue/draft.h"

enum tell_what {
	TELL_FAILED,
	TELL_EXPIRED,   /* too late, rather than refused */
	TELL_RELAYED,   /* to a host that does not report further */
	TELL_DELIVERED, /* to its end */
	TELL_EXPANDED,  /* to others that stand for it */
	TELL_LATE,      /* it goes on being tried; these come last */
};

struct tell_rcpt {
	uint32_t n;
	const char *address, *original;
	const char *shown; /* the address as the log may have it */
	const char *orcpt; /* RFC 3461, decoded; NULL: none */
	uint8_t notify;    /* enum dsn_notify; 0: not said */
	enum tell_what what;
	struct reply reply; /* the last that was said */
	const char *relay;  /* who said it; "" ourselves */
	uint32_t tries;
	int64_t last_attempt_ms; /* 0: never */
};

struct tell {
	struct arena arena;
	uint64_t id;
	uint8_t kind; /* the teller's */
	struct store_key teller_key;
	const char *sender;
	int64_t size, arrival_ms, expires_ms;
	bool utf8_header; /* it is an SMTPUTF8 message's (RFC 6531) */
	bool quotes;      /* as its envelope said */
	enum dsn_ret ret;
	const char *envid; /* decoded; NULL: none */
	enum queue_class class;
	/* Of kinds but 'm', who are told of the first that is served or may have
	 * been, and once more when all is over. */
	bool delivered; /* all recipients were served */
	bool reached;   /* some were, so far */
	bool doubted;   /* some may have been, though nobody said so */
	bool over;      /* nobody is tried any more; with nobody reached and no
			 * RCPT the message was damaged */
	size_t nrcpt;   /* the untold ones; a teller whose report can't hold
			 * them all lowers it, and may bring others to the
			 * front: the rest is due at once */
	struct tell_rcpt *rcpt;
	struct tell_impl *impl;
};

/* The original's content from its beginning, as attempt_read(). */
void tell_read(struct tell *t, attempt_read_fn *fn, void *arg);
/* A draft for the report, on the tell's loop. */
int tell_draft(struct tell *t, struct draft **ret_draft);

/* Consume *T and *REPORT (NULL: nothing can be said to anyone; the untold are
 * removed all the same, those that failed logged and counted as double_bounce).
 * Who is late is told that once, and stays. With a kind but
 * 'm', FN (may be NULL) runs in the same transaction for the record's own
 * change. */
void tell_commit(struct tell **t, struct draft **report,
		 const struct envelope *env, store_fn *fn, void *arg);
/* Not now (e.g. the store is full): due again in a minute. Leaves NULL. */
void tell_drop(struct tell **t);

#endif
