/*
 * quoted_printable - RFC 2045, 6.7.
 */
#ifndef MAIL_QUOTED_PRINTABLE_H
#define MAIL_QUOTED_PRINTABLE_H

#include <stddef.h>

#include "base/buf.h"

/* Append LEN octets of lines that end in CRLF. A blank at the end of a line is
 * encoded too, since relays may cut it off there. 0 or -EMSGSIZE. */
int quoted_printable_encode(const char *data, size_t len, struct buf *out);

#endif
