/*
 * unix_lines - CRLF to LF, piece by piece: what files and programs of a Unix
 * host expect. A CR by itself stays.
 */
#ifndef DELIVER_UNIX_LINES_H
#define DELIVER_UNIX_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct unix_lines {
	bool cr; /* a CR was the last octet */
};

/* LEN octets of DATA into OUT, which has room for one more; how many. */
size_t unix_lines_feed(struct unix_lines *u, const char *data, size_t len,
		       char *out);
/* What was held back at the end: "\r" or "". */
const char *unix_lines_end(const struct unix_lines *u);

#endif
