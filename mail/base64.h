/*
 * base64 - RFC 4648, 4, strictly: with its padding, nothing between, and no bit
 * set that stands for nothing.
 */
#ifndef MAIL_BASE64_H
#define MAIL_BASE64_H

#include <stddef.h>

#include "base/buf.h"

/* Appended to OUT. 0; -EINVAL: TEXT is none; or -EMSGSIZE. */
int base64_decode(const char *text, size_t len, struct buf *out);
/* Appended to OUT. 0 or -EMSGSIZE. */
int base64_encode(const void *data, size_t len, struct buf *out);

#endif
