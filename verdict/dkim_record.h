/*
 * dkim_record - a public key as the DNS has it (RFC 6376, 3.6.1; RFC 8463).
 */
#ifndef VERDICT_DKIM_RECORD_H
#define VERDICT_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "verdict/dkim_field.h"

#define DKIM_RECORD_MAX     16384 /* octets */
#define DKIM_RECORD_KEY_MAX 1000  /* of p=: what the library has room for */
#define DKIM_RSA_BITS_MIN   1024  /* RFC 8301 */

struct dkim_record {
	enum dkim_algorithm algorithm; /* of k= */
	const char *key;               /* p=, base64 without white space */
	bool revoked;                  /* p= is empty */
	bool testing;                  /* t=y */
	bool no_subs;                  /* t=s: the domain of i= is d= */
};

/* True for a TXT that means to be a key. */
bool dkim_record_is(const char *text, size_t len);
/* In ARENA. 0; or -EINVAL with a reason in *RET_WHY (static): it can't be read,
 * is not for mail, or not for SHA-256. A revoked key is one that can be read. */
int dkim_record_parse(const char *text, size_t len, struct arena *arena,
		      struct dkim_record *ret, const char **ret_why);
/* How many bits its key has; 0: it is none of its type, or revoked. */
unsigned dkim_record_bits(const struct dkim_record *r);
/* NULL, or why F can't be verified with R (static). */
const char *dkim_record_wrong(const struct dkim_record *r,
			      const struct dkim_field *f);

#endif
