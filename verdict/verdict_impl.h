/*
 * verdict_impl - what the parts of a verdict share. Not for others than
 * verdict*.c and judge.c.
 */
#ifndef VERDICT_VERDICT_IMPL_H
#define VERDICT_VERDICT_IMPL_H

#include "verdict/resolve.h"
#include "verdict/verdict.h"

/* --- judge.c ------------------------------------------------------------------- */

struct judge {
	unsigned refs; /* atomic */
	struct arena arena;
	struct verdict_conf conf; /* its texts and lists in ARENA */
	const char *hostname, *authserv_id;
	struct dkim_library *dkim; /* owned */
	struct suffixes *suffixes; /* owned; NULL: not wanted */
};

/* --- verdict.c ----------------------------------------------------------------- */

struct verdict {
	struct judge *judge; /* a reference */
	struct arena arena;
	struct verdict_message message; /* its texts in ARENA */
	struct answers answers;
	struct resolve resolve;
	bool resolving; /* RESOLVE is in use */
	verdict_fn *fn;
	void *arg;

	struct author author;
	struct spf_question spf; /* of MAIL FROM */
	struct spf_verdict helo, mail_from;
	bool helo_known, mail_from_known, keys_known, dmarc_known;
	struct dkim_verification *verification; /* owned; NULL: none */
	struct dkim_verdict no_signatures;
	struct dmarc_identifier signers[DKIM_SIGNATURES_MAX];
	struct dmarc_verdict dmarc;
	struct verdict_steps steps;
	struct verdict_result result;
};

/* --- verdict_decide.c ---------------------------------------------------------- */

/* Disposition, reason and reply, from what the parts came to. */
void verdict_decide(struct verdict *v);

/* --- verdict_fields.c ---------------------------------------------------------- */

/* The fields to be put in front. */
void verdict_write_fields(struct verdict *v);

/* --- verdict_header.c ---------------------------------------------------------- */

/* The fields to be taken out. */
void verdict_find_forged(struct verdict *v);
/* The result, from the field of who is trusted; without one it stays as it is. */
void verdict_believe(struct verdict *v);

#endif
