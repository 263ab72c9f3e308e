/*
 * spf_run - one evaluation of SPF under way: what its parts share. Not for
 * others than spf*.c.
 *
 * The parts return 0 or more, or -EAGAIN (the DNS must be asked), SPF_PERM or
 * SPF_TEMP (the evaluation ends with that error; run->why says why).
 */
#ifndef VERDICT_SPF_RUN_H
#define VERDICT_SPF_RUN_H

#include "verdict/spf.h"

#define SPF_PERM (-EPROTO)
#define SPF_TEMP (-EIO)

struct spf_run {
	const struct spf_question *question;
	struct answers *answers;
	struct steps *steps;
	struct arena arena; /* of this run alone */
	bool is4;
	const char *sender; /* whole: "postmaster@" at least */
	const char *sender_domain;
	unsigned lookups, voids;
	const char *why; /* in ARENA */
	/* What the macro p stands for below this domain: a record may have it
	 * thousands of times. */
	const char *named_domain, *named;
};

/* Whom to ask about (4.1, 4.3), in a RUN with an arena; false: a name that can
 * have no record. */
bool spf_run_begin(struct spf_run *run, const struct spf_question *question);
/* Ends the evaluation: returns ERROR, and keeps the reason. */
int spf_fail(struct spf_run *run, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What the DNS says, once it has: 0 or -EAGAIN. */
int spf_ask(struct spf_run *run, const char *name, enum answer_type type,
	    const struct answer **ret);
/* The same for what a term is about: an answer without records counts, and a
 * failure of the DNS is ours. */
int spf_ask_term(struct spf_run *run, const char *name, enum answer_type type,
		 const struct answer **ret);
/* A or AAAA, as the client's address is. */
enum answer_type spf_address_type(const struct spf_run *run);
/* True when one of the addresses is the client's, as far as the prefixes go. */
bool spf_has_client(const struct spf_run *run, const struct answer *a,
		    unsigned prefix4, unsigned prefix6);

/* Names of the client that lead back to its address (5.5): calls FN with each
 * until one is true, which is copied to *RET; NULL: none. The DNS's failures
 * mean that there is none. COUNTED: an empty answer counts as a term's. */
typedef bool spf_name_fn(const char *name, const void *arg);
int spf_client_name(struct spf_run *run, bool counted, spf_name_fn *fn,
		    const void *arg, const char **ret);
/* True when NAME is DOMAIN (a C string), or below it. */
bool spf_name_within(const char *name, const void *domain);

/* SPEC with its macros expanded: a name of at most 253 octets, without a final
 * dot, from whose left labels are taken until it fits (7.3). */
int spf_expand_domain(struct spf_run *run, struct spf_text spec,
		      const char *domain, const char **ret);
/* The explanation TEXT expanded; -EINVAL: it is none. */
int spf_expand_explanation(struct spf_run *run, struct spf_text text,
			   const char *domain, const char **ret);

#endif
