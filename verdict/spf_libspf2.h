/*
 * spf_libspf2 - the same question as spf_check(), answered by libspf2.
 *
 * The library as Debian 12 has it is not fit for the records of strangers. What
 * stands between them:
 *
 *	a record that spf_record_parse() does not take never gets there: it
 *	checks macros and domains badly, and writes beyond its stack for some
 *	(CVE-2023-42118);
 *	nor one whose compiled form, which it keeps in 511 octets, would not fit:
 *	the rest of such a record it forgets, "-all" with it;
 *	nor an explanation: it compiles those in the same way;
 *	terms that ask the DNS are counted over the whole evaluation here, since
 *	its own count begins anew in each include, and so are questions without
 *	an answer, and the mail exchangers of a name, which it does not count;
 *	a prefix length of zero, which it refuses, a client on loopback, which
 *	passes for it, and a sender with octets that a line of SMTP has no room
 *	or use for are not its to judge;
 *	results that it leaves out are set right by its error.
 *
 * Where a guard refuses, Belfry's own evaluator answers, and a step says so.
 * Each call makes the library's objects anew: it may be called by many threads.
 */
#ifndef VERDICT_SPF_LIBSPF2_H
#define VERDICT_SPF_LIBSPF2_H

#include "verdict/spf.h"

/* As spf_check(). There is no term and no explanation, and fewer steps. */
int spf_libspf2_check(const struct spf_question *question,
		      struct answers *answers, struct arena *arena,
		      struct steps *steps, struct spf_verdict *ret);
/* The same without our own evaluator: -ENOTSUP, with a reason in *RET_REFUSED
 * (in ARENA), where a guard refuses. */
int spf_libspf2_try(const struct spf_question *question,
		    struct answers *answers, struct arena *arena,
		    struct steps *steps, struct spf_verdict *ret,
		    const char **ret_refused);
/* Why the library may not have this record, or NULL. */
const char *spf_libspf2_refuses(const char *text, size_t len,
				struct arena *arena);

#endif
