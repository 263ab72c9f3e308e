/*
 * dmarc - may this message say that it is from its author's domain? RFC 9989.
 *
 * Pure: asks the answers and nobody else. A domain's record is at _dmarc.DOMAIN.
 * The organisational domain is found by walking up the DNS (4.10): eight
 * questions at most, asked all at once; or by the public suffix list. What SPF
 * or DKIM vouch for is aligned when its organisational domain is the author's,
 * found by a walk of its own, or in strict mode when it is the same name.
 *
 * A domain that vouches, but is neither the author's organisational domain nor
 * below it, can't be aligned: nothing is asked about it, and the failures of its
 * DNS are of no use to whoever owns it.
 *
 * Several author domains (11.5): each is judged, and the verdict is that of the
 * one which fares worst: one whose policy for it is the strictest; among equals
 * the one that fails, then that can't be judged, then that publishes nothing.
 * More of them than AUTHOR_DOMAINS_MAX fail, as if they asked for rejection. With
 * several From fields nothing passes, since a signature need not cover the one
 * that is shown. No domain at all is a permanent error.
 */
#ifndef VERDICT_DMARC_H
#define VERDICT_DMARC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "verdict/answers.h"
#include "verdict/author.h"
#include "verdict/dmarc_record.h"
#include "verdict/steps.h"
#include "verdict/suffixes.h"

enum dmarc_method { DMARC_TREEWALK, DMARC_PSL };

extern const char *const dmarc_method_names[]; /* "treewalk", "psl" */

enum dmarc_result {
	DMARC_NONE, /* no policy is published */
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR,
	DMARC_PERMERROR, /* no author's domain, or a record without a policy */
};

extern const char *const dmarc_result_names[]; /* "none" ... */

/* What SPF or one signature of DKIM came to. */
enum dmarc_auth { DMARC_AUTH_FAIL, DMARC_AUTH_PASS, DMARC_AUTH_TEMPERROR };

struct dmarc_identifier {
	const char *domain; /* any spelling; NULL or "": there is none */
	enum dmarc_auth auth;
};

#define DMARC_DKIM_MAX 32 /* signatures that count; the first ones */

struct dmarc_question {
	const struct author *author;
	struct dmarc_identifier spf; /* of MAIL FROM, never of HELO: but with a
				      * null path its domain is HELO's */
	const struct dmarc_identifier *dkim; /* d= of each signature */
	size_t ndkim;
	enum dmarc_method method;
	const struct suffixes *suffixes; /* for DMARC_PSL */
};

/* Which tag the policy was taken from. */
enum dmarc_tag { DMARC_TAG_P, DMARC_TAG_SP, DMARC_TAG_NP };

extern const char *const dmarc_tag_names[]; /* "p" ... */

struct dmarc_verdict {
	enum dmarc_result result;
	const char *author; /* the domain it is about; "": there is none */
	const char *organisation;   /* the author's; "": not known */
	const char *policy_domain;  /* where the record is; "": there is none */
	struct dmarc_record record; /* if there is one */
	enum dmarc_policy policy;   /* that it has for this author, t=y or not;
				     * ABSENT without a record */
	enum dmarc_tag tag;         /* where that stands */
	/* What is asked for this message. DMARC_FAIL: the policy after t=y.
	 * DMARC_TEMPERROR: the strictest that it might come to. Otherwise NONE;
	 * never ABSENT. */
	enum dmarc_policy asked;
	bool spf_aligned;      /* SPF passes, and is aligned */
	uint32_t dkim_aligned; /* the same, bit I for dkim[I] */
	const char *why;       /* for people; never "" */
};

/* 0; or -EAGAIN: ANSWERS has open questions. What *RET points to lives in ARENA.
 * STEPS may be NULL.
 *
 * All that it can ever want to know is asked when every identifier is said to
 * pass: so the DNS can be done with before a message's body is there. What a
 * sender makes SPF ask may spend the budget of ANSWERS, and DMARC can't be told
 * then: ask about the author first, without identifiers. */
int dmarc_check(const struct dmarc_question *question, struct answers *answers,
		struct arena *arena, struct steps *steps,
		struct dmarc_verdict *ret);

#endif
