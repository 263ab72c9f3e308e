/*
 * dkim_verify - who signed this message, and is it still as it was signed?
 * RFC 6376, with RFC 8301 (no SHA-1, 1,024 bits) and RFC 8463 (Ed25519).
 *
 * The header whole; then the keys, asked of the answers; then the body in
 * pieces; then the verdict. One thread at a time. What takes its time, the
 * arithmetic of the signatures, is done by the first piece of the body, or the
 * verdict where there is none.
 */
#ifndef VERDICT_DKIM_VERIFY_H
#define VERDICT_DKIM_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/arena.h"
#include "verdict/answers.h"
#include "verdict/dkim_lib.h"
#include "verdict/steps.h"

/* The words of RFC 8601, 2.7.1. */
enum dkim_result {
	DKIM_NONE, /* of a message without any signature */
	DKIM_PASS,
	DKIM_FAIL,
	DKIM_POLICY,  /* a pass that we don't take: what l= left out */
	DKIM_NEUTRAL, /* can't be read */
	DKIM_TEMPERROR,
	DKIM_PERMERROR,
};

extern const char *const dkim_result_names[];

/* Texts are what the message says, printable ASCII, and "" where it can't be
 * read. */
struct dkim_signature {
	const char *domain; /* lower case */
	const char *selector;
	const char *algorithm;
	const char *identity; /* i=, or "@" and the domain */
	const char *start;    /* the first eight of b= (RFC 6008) */
	enum dkim_result result;
	const char *why;   /* for people; "" with DKIM_PASS */
	unsigned key_bits; /* 0: no key was seen */
	bool testing;      /* t=y: treat a failure as no signature */
	bool authentic;    /* DNSSEC vouches for the key */
};

struct dkim_verdict {
	size_t n; /* in the order of the header */
	struct dkim_signature *signatures;
	size_t left_out; /* signatures beyond DKIM_SIGNATURES_MAX */
};

struct dkim_verify_conf {
	bool allow_length; /* l= that leaves something out may pass */
};

struct dkim_verification;

/* HEADER, of LEN octets with CRLF as line ends, with or without the empty line,
 * is borrowed until the verification is freed; what is told of lives in ARENA. */
struct dkim_verification *
dkim_verification_new(struct dkim_library *lib,
		      const struct dkim_verify_conf *conf, const char *header,
		      size_t len, time_t now, struct arena *arena);
/* 0: the body may come; or -EAGAIN: ANSWERS has open questions, call again.
 * STEPS may be NULL; it is cleared first. */
int dkim_verification_keys(struct dkim_verification *v, struct answers *answers,
			   struct steps *steps);
/* The signatures that there are, also before their results are known: their
 * domains say whom DMARC may have to ask about. */
const struct dkim_verdict *
dkim_verification_signatures(const struct dkim_verification *v);
/* False: no signature needs the body; it may be given all the same. */
bool dkim_verification_wants_body(const struct dkim_verification *v);
void dkim_verification_body(struct dkim_verification *v, const void *data,
			    size_t len);
/* The verdict, in the arena. STEPS as above, not cleared. */
const struct dkim_verdict *dkim_verification_end(struct dkim_verification *v,
						 struct steps *steps);
/* At any time. NULL is fine. */
void dkim_verification_free(struct dkim_verification **v);

#endif
