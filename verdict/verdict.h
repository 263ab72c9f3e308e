/*
 * verdict - what is to be thought of one message, and done with it: SPF, DKIM and
 * DMARC over one table of DNS answers.
 *
 *	struct judge      what all verdicts share: configuration, libraries.
 *	                  Immutable; by reference, from any thread.
 *	struct verdict    one message, from its header to the result.
 *
 * The stages of a verdict:
 *
 *	verdict_new()      the envelope, and the header whole, as it came
 *	verdict_resolve()  on a loop: until all is known that the DNS has to say
 *	verdict_body()     in pieces of any length
 *	verdict_end()      the result
 *
 * It belongs to one thread at a time, not always the same: a thread of a milter
 * makes it, lends it to the loop that resolves, and gets it back when FN has
 * run. Nothing of it is left on the loop by then. verdict_free() ends it at any
 * stage; while it is being resolved, only on that loop.
 *
 * A temporary failure of the DNS is a temporary result and never a wrong one.
 * ARC, when it comes, is one more part beside the others, and a reason to
 * override DMARC.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/smtp_reply.h"
#include "net/dns.h"
#include "net/loop.h"
#include "net/sockaddr.h"
#include "verdict/author.h"
#include "verdict/dkim_verify.h"
#include "verdict/dmarc.h"
#include "verdict/spf.h"
#include "verdict/steps.h"
#include "verdict/verdict_conf.h"

/* --- the judge ----------------------------------------------------------------- */

struct judge;

/* CONF is borrowed as long as the judge lives: whoever reloads it makes a new
 * judge, and keeps the old one's until the last reference is gone. HOSTNAME is
 * copied. 0, or -errno with a reason in *RET_WHY (static): what the method of
 * DMARC wants is not there. */
int judge_new(const struct verdict_conf *conf, const char *hostname,
	      struct judge **ret, const char **ret_why);
struct judge *judge_ref(struct judge *judge);
/* Leaves NULL. NULL is fine. */
void judge_unref(struct judge **judge);
/* Who speaks in our fields. */
const char *judge_authserv_id(const struct judge *judge);

/* --- one message --------------------------------------------------------------- */

enum verdict_how {
	VERDICT_EVALUATE,
	VERDICT_TRUST, /* a trusted_authserv has judged: what its field says is
			* the result; nothing is asked, and nothing refused */
};

struct verdict_message {
	enum verdict_how how;
	bool utf8; /* it came with SMTPUTF8: our fields may have UTF-8, too */
	bool explain;               /* keep each step */
	struct sockaddr_any client; /* whose mail it is */
	struct sockaddr_any peer;   /* who connected: the same, or a proxy */
	const char *helo;           /* as it was said */
	const char *sender; /* of MAIL FROM, without brackets; "": null path */
	/* Lines with CRLF, with or without the empty one. */
	const char *header; /* borrowed until the verdict is freed */
	size_t header_len;
	int64_t now_ms; /* wall */
};

enum verdict_disposition {
	VERDICT_NONE, /* nothing speaks against it */
	VERDICT_MARK, /* deliver, with X-Belfry-Quarantine */
	VERDICT_HOLD,
	VERDICT_TEMPFAIL,
	VERDICT_REJECT,
	VERDICT_DISCARD, /* say yes, and drop it */
};

extern const char *const verdict_disposition_names[]; /* "none" ... */

/* A field to be put in front, the first one on top. VALUE begins with a space, is
 * folded by CRLF and TAB, and has no end. */
struct verdict_field {
	const char *name, *value;
};
#define VERDICT_FIELDS_MAX 3
/* A ceiling for the value of one. */
#define VERDICT_FIELD_MAX 32768
#define VERDICT_MARK_NAME "X-Belfry-Quarantine"

/* A field of the header to be taken out: an Authentication-Results that speaks
 * in our name, or in that of a host that is trusted elsewhere. */
struct verdict_forged {
	size_t at, len; /* in the header, with its line end */
	unsigned nth;   /* Authentication-Results of the header, from 1 */
};

/* What each part of the verdict said as it went along. */
struct verdict_steps {
	struct steps helo, mail_from, dkim, dmarc;
};

struct verdict_result {
	enum verdict_disposition disposition;
	const char *reason; /* for people, one line; "" with VERDICT_NONE */
	struct reply reply; /* of TEMPFAIL and REJECT; code 0 with others */

	/* NULL: not asked. MAIL FROM is not with a null path, of which HELO is
	 * all that there is. */
	const struct spf_verdict *helo, *mail_from;
	const char *spf_domain; /* whom DMARC looks at: of MAIL FROM, or HELO;
				 * "": none */
	const struct dkim_verdict *dkim;
	const struct dmarc_verdict *dmarc;
	const struct author *author;

	size_t nfields;
	struct verdict_field fields[VERDICT_FIELDS_MAX];
	size_t nforged; /* in the order of the header */
	const struct verdict_forged *forged;

	const struct verdict_steps *steps; /* NULL unless they were wanted */
	unsigned questions;                /* to the DNS */
	const char *believed; /* the trusted_authserv whose field this is;
			       * NULL: none */
};

struct verdict;

/* Everything but the header is copied. */
struct verdict *verdict_new(struct judge *judge,
			    const struct verdict_message *message);

/* The fields to be taken out, as the result will have them; how many. */
size_t verdict_forged(const struct verdict *v,
		      const struct verdict_forged **ret);

typedef void verdict_fn(void *arg);

/* On LOOP's thread, whose resolver is DNS: true: FN(ARG) runs once, never from
 * within this call, as soon as the body may come, and no later than the
 * configuration's deadline; it may free V. False: the body may come now. */
bool verdict_resolve(struct verdict *v, struct loop *loop, struct dns *dns,
		     verdict_fn *fn, void *arg);
/* For who has answers of his own: 0, or -EAGAIN: verdict_answers() has open
 * questions; settle them, and call this again. */
int verdict_look(struct verdict *v);
struct answers *verdict_answers(struct verdict *v);

void verdict_body(struct verdict *v, const void *data, size_t len);
/* Once. The result lives as long as V, and is never NULL. */
const struct verdict_result *verdict_end(struct verdict *v);
/* The envelope again, for who keeps only the verdict. */
const struct verdict_message *verdict_message(const struct verdict *v);
/* NULL is fine. */
void verdict_free(struct verdict **v);

#endif
