/*
 * spf_macro - macro strings of SPF (RFC 7208, 7).
 *
 *	macro-string = *( macro-expand / macro-literal )
 *	macro-expand = "%{" letter [digits] ["r"] *delimiter "}" / "%%" / "%_" /
 *	               "%-"
 *	domain-spec  = macro-string ( "." toplabel [ "." ] / macro-expand )
 */
#ifndef VERDICT_SPF_MACRO_H
#define VERDICT_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The parts of a macro string, from the front. */
enum spf_part_kind { SPF_PART_TEXT, SPF_PART_MACRO, SPF_PART_BAD };

struct spf_part {
	enum spf_part_kind kind;
	const char *text; /* borrowed, or a literal: of TEXT */
	size_t len;
	char letter;  /* of MACRO, in lower case */
	bool escaped; /* it was a capital: percent-encoded */
	bool reversed;
	unsigned keep;          /* so many parts at the right; 0: all */
	const char *delimiters; /* borrowed, and DELIMITERS_LEN of them; "." */
	size_t delimiters_len;
};

/* The part at S; how many octets it took, 0 at the end. */
size_t spf_part_next(const char *s, size_t len, struct spf_part *ret);

/* EXPLAINING: spaces, and the letters c, r and t may stand there too. */
bool spf_macro_ok(const char *s, size_t len, bool explaining);
bool spf_domain_ok(const char *s, size_t len);

/* Append VALUE as PART of kind MACRO wants it: split, reversed, cut, escaped.
 * 0 or -EMSGSIZE. */
int spf_part_transform(const struct spf_part *part, const char *value,
		       struct buf *out);

#endif
