/*
 * spf - is this address allowed to send for this domain? RFC 7208, check_host().
 *
 * Pure: asks the answers and nobody else. One call is one question, for HELO or
 * for MAIL FROM. At most 10 terms that ask the DNS and 2 answers without a
 * record over the whole evaluation (4.6.4); the explanation of a failure is
 * fetched beyond them.
 */
#ifndef VERDICT_SPF_H
#define VERDICT_SPF_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"
#include "verdict/answers.h"
#include "verdict/spf_record.h"
#include "verdict/steps.h"

#define SPF_LOOKUPS_MAX 10
#define SPF_VOIDS_MAX   2

enum spf_scope { SPF_HELO, SPF_MAIL_FROM };

extern const char *const spf_scope_names[]; /* "helo", "mfrom" */

struct spf_question {
	uint8_t ip[16]; /* IPv4 as mapped IPv6 */
	enum spf_scope scope;
	const char *helo;
	const char *sender;   /* of MAIL FROM; "" for the null path and for
			       * SPF_HELO: then it is postmaster at HELO */
	const char *receiver; /* who asks, for the macro r */
	time_t now;           /* for the macro t */
};

struct spf_verdict {
	enum spf_result result;
	const char *domain;      /* whose record decided in the end */
	const char *term;        /* what matched; "" when nothing did */
	const char *why;         /* of an error, for people; "" */
	const char *explanation; /* the domain's, of a SPF_FAIL; NULL: none. In
				  * ASCII, but anything may stand in it */
	unsigned lookups, voids;
};

/* 0; or -EAGAIN: ANSWERS has open questions. What *RET points to lives in ARENA.
 * STEPS may be NULL. */
int spf_check(const struct spf_question *question, struct answers *answers,
	      struct arena *arena, struct steps *steps,
	      struct spf_verdict *ret);

#endif
