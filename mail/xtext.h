/*
 * xtext - any octets as printable ASCII without "+", "=" and blanks (RFC 3461,
 * 4): those and what is not printable become "+" and two hexadecimal digits.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* What S[0..LEN) stands for, in ARENA. 0, or -EINVAL: no xtext, or it stands
 * for something else than printable ASCII and blanks. */
int xtext_decode(const char *s, size_t len, struct arena *arena,
		 const char **ret);
/* Append S as xtext. 0 or -EMSGSIZE. */
int xtext_encode(const char *s, struct buf *out);

#endif
