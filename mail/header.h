/*
 * header - the fields of a message's header (RFC 5322, 2.2), found and never
 * changed.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* Where the header ends in DATA. 1: *RET_LEN is the number of bytes up to and
 * with the empty line; a line that is no field and no continuation ends the
 * header before it, without an empty line (the body begins there, perhaps at
 * 0). 0: it is not whole yet. *SCANNED is 0 at first and where an earlier call
 * on the same data stopped. */
int header_end(const char *data, size_t len, size_t *scanned, size_t *ret_len);

struct header_field {
	const char *name; /* borrowed */
	size_t name_len;
	const char *value; /* raw, folded, without the last CRLF */
	size_t value_len;
	size_t raw_len; /* of the field as it stands, with CRLF */
};

/* The field at DATA. 1, or 0 at the end of the header. */
int header_next(const char *data, size_t len, struct header_field *ret);
bool header_is(const struct header_field *f, const char *name);
/* Unfolded and trimmed, at most SIZE - 1 bytes, control characters replaced by
 * spaces. Returns RET. */
char *header_value(const struct header_field *f, char *ret, size_t size);

/* What the queue wants to know of a header, read in one pass. */
struct header_facts {
	unsigned received; /* how many Received fields */
	bool has_date, has_message_id, has_from, has_sender;
	bool bulk;            /* Precedence bulk|list|junk, or a List-Id */
	char message_id[256]; /* for the log; "" when absent */
};

void header_facts(const char *data, size_t len, struct header_facts *ret);

#endif
