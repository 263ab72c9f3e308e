/*
 * dkim_record - a public key as the DNS has it (RFC 6376, 3.6.1; RFC 8463).
 */
#ifndef VERDICT_DKIM_RECORD_H
#define VERDICT_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "verdict/dkim_field.h"

#define DKIM_RSA_BITS_MIN 1024 /* RFC 8301 */

struct dkim_record {
	enum dkim_algorithm algorithm; /* of k= */
	const char *key;               /* p= in base64, without white space */
	unsigned bits;
	bool revoked; /* p= is empty */
	bool testing; /* t=y */
	bool no_subs; /* t=s: i= is d= */
	bool weak;    /* RSA of less than DKIM_RSA_BITS_MIN */
};

/* True for a TXT that means to be a key. */
bool dkim_record_is(const char *text, size_t len);
/* 0; or -EINVAL with a reason in *RET_WHY: it can't be read, is not for mail, or
 * not for SHA-256. A revoked or weak key is one that can be read. */
int dkim_record_parse(const char *text, size_t len, struct arena *arena,
		      struct dkim_record *ret, const char **ret_why);
/* NULL, or why F may not be verified with R; in ARENA. */
const char *dkim_record_wrong(const struct dkim_record *r,
			      const struct dkim_field *f, struct arena *arena);

#endif
