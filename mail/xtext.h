/*
 * xtext - any octets as printable ASCII without "+", "=" and blanks (RFC 3461,
 * 4): those and what is not printable become "+" and two hexadecimal digits.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* What S[0..LEN) stands for, in ARENA. 0, or -EINVAL: no xtext, or it stands
 * for something else than printable ASCII and blanks. */
int xtext_decode(const char *s, size_t len, struct arena *arena,
		 const char **ret);
/* The same for text that may be UTF-8, octet by octet: not what the RFC has,
 * but what Postfix sends. */
int xtext_decode_utf8(const char *s, size_t len, struct arena *arena,
		      const char **ret);
/* Append S as xtext. 0 or -EMSGSIZE. */
int xtext_encode(const char *s, struct buf *out);

/* The same for type utf-8 (RFC 6533, 3): "\x{E4}" for what is beyond ASCII, or
 * may not stand there. S is UTF-8. */
int xtext_encode_utf8(const char *s, struct buf *out);
/* What came as type utf-8, in that form: UTF-8 itself, "\x{E4}" or xtext. 0,
 * -EINVAL or -EMSGSIZE. */
int xtext_to_utf8_form(const char *s, size_t len, struct buf *out);

#endif
