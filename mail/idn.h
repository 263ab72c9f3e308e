/*
 * idn - domains beyond ASCII as the DNS has them (IDNA 2008, RFC 5891):
 * "münchen.example" is "xn--mnchen-3ya.example".
 */
#ifndef MAIL_IDN_H
#define MAIL_IDN_H

#include <stddef.h>

#include "base/arena.h"

/* The ASCII form of S[0..LEN), which is UTF-8, in ARENA. 0 or -EINVAL. */
int idn_to_ascii(const char *s, size_t len, struct arena *arena,
		 const char **ret);

#endif
