/*
 * dkim_lib - libopendkim behind guards; nobody else calls it.
 *
 * libopendkim does what is worth a library: canonical forms, hashes, RSA and
 * Ed25519. What it does with hostile input is guarded against, here and in
 * dkim_field, which reads every signature before the library may:
 *
 *  - Only its calls header, eoh, body and eom are used. dkim_chunk() with
 *    FIXCRLF aborts on "\n\n", dkim_ohdrs() overflows the heap.
 *  - It never asks the DNS. The keys are known before eoh, and a signature
 *    whose key isn't is never given to it: when its callback says "try again"
 *    and the caller goes on, it answers "bad signature".
 *  - A signature that it could misread is not shown to it: one with anything
 *    but printable ASCII, a tag twice, an `i=` over 200 bytes or with a
 *    malformed `=XX` (it reads past heap and stack), an `h=` over 4,000 bytes
 *    (it cuts it off) or of more than 200 names, or a field over 16 KiB (all
 *    signatures would fail). One that it can't parse would fail the others.
 *  - At most 10 signatures and 1,000 fields of the header: it does names times
 *    fields for each signature.
 *  - A field that no `h=` can name is added, as it writes one pointer behind
 *    its list when a signature covers all fields and names one more.
 *  - It gets only what it needs of a key's record: its buffer has 1,025 bytes.
 *  - A header with a NUL, or a body with a bare CR or LF, passes nothing: it
 *    would stop there, or not hash all of it. A body without a last line end
 *    gets one, which the canonical forms want and it refuses.
 *  - It accepts rsa-sha1, and keys of less than 1,024 bits in places:
 *    dkim_field and dkim_record refuse both.
 *  - Text behind the end that `l=` says is an addition by anybody: how much of
 *    the body there was is compared with what was hashed.
 *  - Two From fields pass where only one is signed: signing covers one From
 *    more than there is, and the count of them is in the verdict's facts.
 *  - What is wrong about time (x=, t=) is decided by the caller's clock, not by
 *    its own.
 *  - The texts of its results are NULL for some: its numbers have names here.
 *
 * One library is shared by all threads; what is made of it belongs to one
 * thread at a time.
 */
#ifndef VERDICT_DKIM_LIB_H
#define VERDICT_DKIM_LIB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "verdict/dkim_field.h"
#include "verdict/dkim_key.h"
#include "verdict/dkim_record.h"

struct dkim_library;

struct dkim_library *dkim_library_new(void);
/* Nothing made of it may be left. NULL is fine. */
void dkim_library_free(struct dkim_library **lib);

/* --- verifying ------------------------------------------------------------- */

enum dkim_outcome {
	DKIM_OUTCOME_PASS,
	DKIM_OUTCOME_BAD_SIGNATURE, /* the header was changed, or the key is
				     * another one */
	DKIM_OUTCOME_BAD_BODY,      /* the body was changed */
	DKIM_OUTCOME_BAD_KEY,       /* the key can't be used */
	DKIM_OUTCOME_BAD_LINES,     /* a NUL in the header, a bare CR or LF in
				     * the body */
	DKIM_OUTCOME_ADDED,         /* passes, but for text behind its l= */
	DKIM_OUTCOME_TOO_LONG_L,    /* l= says more than there is */
	DKIM_OUTCOME_ERROR,         /* the library failed */
};

extern const char *const dkim_outcome_names[];

/* A signature to be checked. */
struct dkim_subject {
	const struct dkim_field *field;   /* borrowed */
	const struct dkim_record *record; /* borrowed */
	enum dkim_outcome outcome;        /* after the end */
};

struct dkim_check;

/* A message with HEADER, its lines with CRLF, in which the fields of SUBJECTS
 * stand, at most DKIM_SIGNATURES_MAX and in their order; both are borrowed until
 * it is freed. */
struct dkim_check *dkim_check_new(struct dkim_library *lib, const char *header,
				  size_t len, struct dkim_subject *subjects,
				  size_t n);
/* The next piece of the body, of any length. */
void dkim_check_body(struct dkim_check *c, const void *data, size_t len);
/* The outcome of each subject is there. */
void dkim_check_end(struct dkim_check *c);
/* NULL is fine. */
void dkim_check_free(struct dkim_check **c);

/* --- signing --------------------------------------------------------------- */

struct dkim_seal;

/* One signature for a message with HEADER, of which some fields are covered (see
 * dkim_sign.h); KEY is borrowed. 0, or -EBADMSG: it has no From, or too much of
 * what would be covered, or a NUL. */
int dkim_seal_new(struct dkim_library *lib, const struct dkim_key *key,
		  const char *domain, const char *selector, const char *header,
		  size_t len, struct dkim_seal **ret);
void dkim_seal_body(struct dkim_seal *s, const void *data, size_t len);
/* The field, with CRLF, behind what is in RET; this is the part that takes long
 * with RSA. 0; -EBADMSG: the body has a bare CR or LF; -EIO: the library failed;
 * -EMSGSIZE: RET is full. */
int dkim_seal_end(struct dkim_seal *s, struct buf *ret);
/* NULL is fine. */
void dkim_seal_free(struct dkim_seal **s);

#endif
