/*
 * spf_suite - the suite of RFC 7208, in its flat form: lines of fields with tabs
 * between them, percent-encoded.
 *
 *	S description				a scenario: no records
 *	R name type data...			a record; TIMEOUT as in zone.h
 *	T name ip helo mailfrom results explanation
 */
#ifndef TESTS_UNIT_SPF_SUITE_H
#define TESTS_UNIT_SPF_SUITE_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/unit/zone.h"
#include "verdict/spf.h"

#define SPF_SUITE_CASES       203
#define SPF_SUITE_QUESTIONS   200
#define SPF_SUITE_EXPLANATION "DEFAULT" /* for none of the domain's */

struct spf_case {
	const char *name;
	struct spf_question question;
	const char *results;     /* with commas between them */
	const char *explanation; /* "-": any */
};

/* NULL: it is not here; the test is to be skipped. */
FILE *spf_suite_open(void);
typedef void spf_case_fn(void *arg, struct zone *zone,
			 const struct spf_case *c);
/* Each case, with the records of its scenario; how many there were. */
unsigned spf_suite_each(FILE *f, spf_case_fn *fn, void *arg);
/* Is this what C wants? */
bool spf_case_wants(const struct spf_case *c, const struct spf_verdict *v);
bool spf_case_wants_result(const struct spf_case *c, enum spf_result result);

#endif
