/*
 * dkim_field - a DKIM-Signature, read strictly (RFC 6376, 3.5) before anybody
 * else looks at it.
 */
#ifndef VERDICT_DKIM_FIELD_H
#define VERDICT_DKIM_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"

#define DKIM_SIGNATURES_MAX 10    /* of a message; others are left out */
#define DKIM_FIELD_MAX      16384 /* octets of a field */
#define DKIM_IDENTITY_MAX   200   /* of i=, as it stands */
#define DKIM_NAMES_TEXT     4000  /* of h= */
#define DKIM_NAMES_MAX      200   /* names in h= */

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

extern const char *const dkim_algorithm_names[]; /* "rsa-sha256" ... */

/* In an arena; "" and 0 for what could not be read. */
struct dkim_field {
	size_t at;            /* which field of the header it is, from 0 */
	const char *domain;   /* d=, lower case */
	const char *selector; /* s= */
	const char *identity; /* i= decoded, or "@" and the domain */
	const char *algorithm_name; /* a= as it stands */
	const char *start;          /* the first of b=: RFC 6008's header.b */
	enum dkim_algorithm algorithm;
	bool relaxed_body;
	bool has_length; /* l= */
	uint64_t length;
	bool has_time, has_expiry; /* t=, x= */
	uint64_t time, expiry;
};

/* VALUE is what stands behind the colon. 0; or with a reason in *RET_WHY
 * -EINVAL: it is malformed, or -EKEYREJECTED: it is made with SHA-1 (RFC 8301);
 * what could be read is in *RET then too. What it takes, libopendkim reads
 * without harm. */
int dkim_field_parse(const char *value, size_t len, struct arena *arena,
		     struct dkim_field *ret, const char **ret_why);
/* NULL, or why it is not valid at NOW. */
const char *dkim_field_time_wrong(const struct dkim_field *f, time_t now);
/* Where its key is; in ARENA. */
const char *dkim_key_name(const char *selector, const char *domain,
			  struct arena *arena);

#endif
