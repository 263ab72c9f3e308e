/*
 * spf_record - the text of an SPF record, read whole before anything of it is
 * evaluated (RFC 7208, 4.6, 5, 6 and 12): one mistake anywhere, and the record
 * is none.
 */
#ifndef VERDICT_SPF_RECORD_H
#define VERDICT_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};

extern const char *const spf_result_names[]; /* "none" ... */

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
};

/* Text with its length, within the record. */
struct spf_text {
	const char *s; /* NULL: not given */
	size_t len;
};

struct spf_term {
	STAILQ_ENTRY(spf_term) link;
	struct spf_text text; /* the term as it stands */
	enum spf_mechanism mechanism;
	enum spf_result effect; /* of its qualifier */
	struct spf_text domain; /* a domain-spec with macros */
	uint8_t ip[16];         /* of ip4 (the first four) and ip6 */
	unsigned prefix4, prefix6;
};

STAILQ_HEAD(spf_terms, spf_term);

struct spf_record {
	struct spf_terms terms;
	struct spf_text redirect, exp;
};

/* A record of more octets is an error: the longest in use have a quarter of
 * them. */
#define SPF_RECORD_MAX 16384

/* True for a TXT record that begins as one of SPF does. */
bool spf_record_is(const char *text, size_t len);
/* TEXT is borrowed as long as the record lives, which is in ARENA. 0, or -EINVAL
 * with a reason in *RET_WHY (in ARENA). */
int spf_record_parse(const char *text, size_t len, struct arena *arena,
		     struct spf_record *ret, const char **ret_why);

#endif
