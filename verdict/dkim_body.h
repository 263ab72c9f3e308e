/*
 * dkim_body - a body in its canonical form (RFC 6376, 3.4.3 and 3.4.4): how long
 * it is and, if that is wanted, its SHA-256.
 *
 * It comes in pieces that may end anywhere. One thread at a time.
 */
#ifndef VERDICT_DKIM_BODY_H
#define VERDICT_DKIM_BODY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DKIM_BODY_PIECE 4096

struct dkim_body {
	bool relaxed;
	bool bare;      /* there was a CR or LF by itself */
	uint64_t len;   /* of the canonical form; whole after the end */
	EVP_MD_CTX *md; /* owned; NULL: only the length is wanted */
	bool cr, blank; /* a CR, blanks that wait for what is behind them */
	bool in_line;   /* this line has something */
	uint64_t empty; /* empty lines that wait */
	/* Octets of text in this line so far, and in the longest. */
	size_t line, longest;
	size_t held; /* of PIECE */
	char piece[DKIM_BODY_PIECE];
};

void dkim_body_init(struct dkim_body *b, bool relaxed, bool hash);
void dkim_body_add(struct dkim_body *b, const void *data, size_t len);
/* RET is of 32 octets; NULL without a hash. */
void dkim_body_end(struct dkim_body *b, unsigned char *ret);
void dkim_body_done(struct dkim_body *b);

#endif
