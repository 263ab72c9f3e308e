/*
 * lines - the line discipline of SMTP: only CRLF ends a line, only CRLF.CRLF
 * ends the data.
 *
 * Bare CR, bare LF and NUL are refused (SMTP smuggling). No byte of the content
 * is changed but the transparency dots (RFC 5321, 4.5.2).
 */
#ifndef MAIL_LINES_H
#define MAIL_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Why a line or the data is refused. */
enum lines_fault {
	LINES_OK,
	LINES_BARE_CR,
	LINES_BARE_LF,
	LINES_NUL,
	LINES_TOO_LONG,
};

extern const char *const lines_fault_names[];

/*
 * Commands: find one line in DATA. 1: a line of *RET_LEN bytes (without CRLF),
 * *RET_USED taken; 0: no end of line yet; -EINVAL: *RET_FAULT (the line up to
 * and with the next LF is in *RET_USED, so the session can go on). MAX is
 * without CRLF. When no LF came in MAX + 2 bytes it is LINES_TOO_LONG with all
 * of LEN in *RET_USED: the rest of the line is still to come.
 */
int lines_command(const char *data, size_t len, size_t max, size_t *ret_len,
		  size_t *ret_used, enum lines_fault *ret_fault);

/*
 * Data: a machine fed with what comes after 354. It writes the content without
 * the transparency dots. After a fault it goes on to look for the end of data,
 * writing nothing, so that the refusal can be said in its place.
 */
struct lines_data {
	int state;
	size_t line_len, max_line;
	enum lines_fault fault; /* the first one */
	bool long_lines;        /* some line had more than 998 octets */
	bool eight_bit;         /* some octet was above 127 */
};

/* MAX_LINE is without CRLF. */
void lines_data_init(struct lines_data *d, size_t max_line);
/* Take from DATA into OUT (room for at least LEN + 2 bytes). *RET_USED bytes
 * taken, *RET_OUT written. 1: the final dot was seen, the rest of DATA belongs
 * to the next command; 0: more. */
int lines_data_feed(struct lines_data *d, const char *data, size_t len,
		    char *out, size_t *ret_used, size_t *ret_out);

/*
 * The same rules for what comes in chunks (RFC 3030): no transparency dots, no
 * end. Takes all of DATA into OUT (room for LEN + 1 bytes); returns the bytes
 * written, none after a fault.
 */
size_t lines_chunk_feed(struct lines_data *d, const char *data, size_t len,
			char *out);
/* Nothing follows. True: the last line has no end. */
bool lines_chunk_end(struct lines_data *d);

/* The other way: content to the wire, dots doubled. */
struct lines_stuff {
	int state; /* 0: at the start of a line */
};

void lines_stuff_init(struct lines_stuff *s);
/* OUT must have room for 2 * LEN bytes. Returns the bytes written. */
size_t lines_stuff_feed(struct lines_stuff *s, const char *data, size_t len,
			char *out);
/* What ends the data: ".\r\n", with a CRLF before it when the content did not
 * end in one. */
const char *lines_stuff_end(const struct lines_stuff *s);

#endif
