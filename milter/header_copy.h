/*
 * header_copy - the header of a message, put together again from the fields that
 * a mail server hands over one by one, octet by octet as it was.
 *
 * With SMFIP_HDR_LEADSPC the server sends what stands behind the colon as it is,
 * the leading space and the folding with it; only the ends of lines are its own,
 * LF instead of CRLF. Without, one space behind the colon was taken away.
 */
#ifndef MILTER_HEADER_COPY_H
#define MILTER_HEADER_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct header_copy {
	struct buf text; /* owned; lines with CRLF */
	bool raw;        /* values are as they were */
	bool too_long;   /* more than the ceiling: TEXT is not all */
};

/* At most MAX octets. */
void header_copy_init(struct header_copy *h, bool raw, size_t max);
void header_copy_done(struct header_copy *h);
void header_copy_field(struct header_copy *h, const char *name,
		       const char *value);
/* The empty line. */
void header_copy_end(struct header_copy *h);

#endif
