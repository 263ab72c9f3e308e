/*
 * field - header fields and replies of ours, as libmilter wants them.
 */
#ifndef MILTER_FIELD_H
#define MILTER_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "mail/smtp_reply.h"

/* VALUE of LEN octets, folded by CRLF, with lines that end in LF; RAW: it keeps
 * its leading space. */
char *milter_value(const char *value, size_t len, bool raw,
		   struct arena *arena);
/* The next field of FIELDS, lines with CRLF, from *AT on: false at the end. Both
 * strings are in ARENA, the value as above. */
bool milter_next_field(const char *fields, size_t len, size_t *at, bool raw,
		       struct arena *arena, char **ret_name, char **ret_value);
/* The text of R in one line, each `%` twice: libmilter takes it for a format,
 * and no more than it can carry. */
char *milter_reply_text(const struct reply *r, struct arena *arena);

#endif
