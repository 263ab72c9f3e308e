/*
 * dkim_lib - libopendkim behind guards: it verifies, and nobody else calls it.
 *
 * What libopendkim does with hostile input is guarded against, here and in
 * dkim_field, which reads every signature before the library may:
 *
 *  - Only its calls header, eoh, body and eom are used. dkim_chunk() with
 *    FIXCRLF aborts on "\n\n", dkim_ohdrs() overflows the heap.
 *  - It never asks the DNS. The keys are known before eoh, and a signature
 *    whose key isn't is never given to it: when its callback says "try again"
 *    and the caller goes on, it answers "bad signature".
 *  - A signature that it could misread is not shown to it: one with anything
 *    but printable ASCII, a tag twice, an `i=` over 200 octets or with a
 *    malformed `=XX` (it reads past heap and stack), an `h=` over 4,000 octets
 *    (it cuts it off) or of more than 200 names, or one over 16 KiB. One that
 *    it can't parse would make the others fail.
 *  - At most 10 signatures and 1,000 fields of the header: it compares names
 *    with fields anew for each signature.
 *  - A tab between a field's name and the colon becomes a blank: it passes over
 *    such a field.
 *  - A field that no `h=` can name is added, as it writes one pointer behind
 *    its list when a signature covers all fields and names one more.
 *  - It gets only what it needs of a key's record: its buffer has 1,025 octets.
 *  - A header with a NUL, or a body with a CR or LF by itself, passes nothing:
 *    it would stop there, or leave octets of the line out of the hash. A body
 *    whose last line has no end gets one: it refuses it without.
 *  - Nor does a body with a line over 1 MiB: what has no blank it keeps in memory,
 *    octet by octet.
 *  - It accepts rsa-sha1: dkim_field refuses it. Keys of less than 1,024 bits
 *    it refuses by itself.
 *  - What stands behind the end that `l=` says anybody can have added, and it
 *    does not count that: dkim_body does.
 *  - It fails all signatures where it can't read the From field: told not to.
 *  - What is wrong about time (x=, t=) the caller's clock decides, not its own.
 *  - The texts of its results are NULL for some: its numbers have names here.
 *  - For each signature it has libcrypto's d2i_PUBKEY_bio() read the key, for
 *    which OpenSSL 3.0 builds a chain of decoders from all that it has: several
 *    times the work of verifying. A function of that name is defined here, and
 *    the program's own stands before a library's. It reads RSA keys of the plain
 *    form straight away; everything else goes the long way, as ever.
 *  - It does not sign: it leaves 550 octets behind for each signature of
 *    Ed25519, and reads each key anew for each message. dkim_sign does that.
 *
 * One library is shared by all threads; a check belongs to one at a time.
 */
#ifndef VERDICT_DKIM_LIB_H
#define VERDICT_DKIM_LIB_H

#include <stdbool.h>
#include <stddef.h>

#include "verdict/dkim_field.h"
#include "verdict/dkim_record.h"

struct dkim_library;

struct dkim_library *dkim_library_new(void);
/* No check may be left. NULL is fine. */
void dkim_library_free(struct dkim_library **lib);

/* The library's arguments are not const, and it changes none of them. */
static inline unsigned char *
dkim_octets(const char *s)
{
	union {
		const char *in;
		unsigned char *out;
	} u = {.in = s};

	return u.out;
}

enum dkim_outcome {
	DKIM_OUTCOME_PASS,
	DKIM_OUTCOME_BAD_SIGNATURE, /* the header was changed, or the key is
				     * another one */
	DKIM_OUTCOME_BAD_BODY,      /* the body was changed */
	DKIM_OUTCOME_SHORT_BODY,    /* it has less than l= says */
	DKIM_OUTCOME_LONG_BODY,     /* passes, and it has more than l= says */
	DKIM_OUTCOME_BAD_KEY,       /* the key can't be used */
	DKIM_OUTCOME_WEAK_KEY,      /* RSA of less than 1,024 bits */
	DKIM_OUTCOME_BAD_HEADER,    /* it has a NUL, or over 1,000 fields */
	DKIM_OUTCOME_BAD_LINES,     /* a CR or LF by itself in the body, or a
				     * line over 1 MiB */
	DKIM_OUTCOME_ERROR,         /* the library failed */
};

extern const char *const dkim_outcome_names[];

/* A signature to be checked. */
struct dkim_subject {
	const struct dkim_field *field;   /* borrowed */
	const struct dkim_record *record; /* borrowed */
	enum dkim_outcome outcome;        /* after the end */
	unsigned key_bits;                /* ... 0: not known */
};

struct dkim_check;

/* A message with HEADER, its lines with CRLF, in which the fields of SUBJECTS
 * stand, at most DKIM_SIGNATURES_MAX and in their order. Both are borrowed until
 * it is freed. */
struct dkim_check *dkim_check_new(struct dkim_library *lib, const char *header,
				  size_t len, struct dkim_subject *subjects,
				  size_t n);
/* The next piece of the body, of any length. */
void dkim_check_body(struct dkim_check *c, const void *data, size_t len);
/* The outcome of each subject is there. */
void dkim_check_end(struct dkim_check *c);
/* At any time. NULL is fine. */
void dkim_check_free(struct dkim_check **c);

#endif
