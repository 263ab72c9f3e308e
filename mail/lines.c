#include "mail/lines.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

const char *const lines_fault_names[] = {
	[LINES_OK] = "ok",
	[LINES_BARE_CR] = "bare_cr",
	[LINES_BARE_LF] = "bare_lf",
	[LINES_NUL] = "nul",
	[LINES_TOO_LONG] = "too_long",
};

static enum lines_fault
command_fault(const char *line, size_t len, size_t max)
{
	if (len == 0 || line[len - 1] != '\r')
		return LINES_BARE_LF;
	len--;
	if (len > max)
		return LINES_TOO_LONG;
	if (memchr(line, '\r', len) != NULL)
		return LINES_BARE_CR;
	if (memchr(line, '\0', len) != NULL)
		return LINES_NUL;
	return LINES_OK;
}

int
lines_command(const char *data, size_t len, size_t max, size_t *ret_len,
	      size_t *ret_used, enum lines_fault *ret_fault)
{
	const char *nl = len > 0 ? memchr(data, '\n', len) : NULL;
	enum lines_fault fault;

	if (nl == NULL && len < max + 2)
		return 0;
	if (nl == NULL) {
		*ret_used = len;
		*ret_fault = LINES_TOO_LONG;
		return -EINVAL;
	}
	*ret_used = (size_t)(nl - data) + 1;
	fault = command_fault(data, (size_t)(nl - data), max);
	if (fault != LINES_OK) {
		*ret_fault = fault;
		return -EINVAL;
	}
	*ret_len = (size_t)(nl - data) - 1;
	return 1;
}

/*
 * Where the machine stands between two octets:
 *
 *	          +--- CRLF ----------------------+
 *	          v                               |
 *	START --"."--> DOT --CR--> DOT_CR --LF--> end of data
 *	  |             |             |
 *	  |other        |other        |other: bare CR
 *	  v             v             v
 *	TEXT <------------------------+
 *	  |  ^
 *	 CR  | other: bare CR
 *	  v  |
 *	CR --LF--> START
 *
 * Only a CRLF leads to START and only START leads to DOT, so nothing but
 * CRLF.CRLF ends the data (the CRLF of the DATA command is the first one).
 */
enum data_state { DATA_START, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOT_CR };

#define SMTP_TEXT_LINE 998 /* RFC 5321, 4.5.3.1.6, without the CRLF */

void
lines_data_init(struct lines_data *d, size_t max_line)
{
	*d = (struct lines_data){.state = DATA_START, .max_line = max_line};
}

static void
data_fault(struct lines_data *d, enum lines_fault fault)
{
	if (d->fault == LINES_OK)
		d->fault = fault;
}

#define EACH_OCTET(v) (UINT64_C(0x0101010101010101) * (v))

/* How many octets there are before the next CR, LF or NUL; all of them or'ed
 * go to *RET_BITS. Eight at a time while none of them is a control character.
 */
static size_t
text_run(const char *data, size_t len, uint64_t *ret_bits)
{
	uint64_t bits = 0, word;
	size_t at = 0;

	while (len - at >= sizeof(word)) {
		memcpy(&word, data + at, sizeof(word));
		if (((word - EACH_OCTET(0x0e)) & ~word & EACH_OCTET(0x80)) != 0)
			break;
		bits |= word;
		at += sizeof(word);
	}
	for (; at < len; at++) {
		char c = data[at];

		if (c == '\r' || c == '\n' || c == '\0')
			break;
		bits |= (unsigned char)c;
	}
	*ret_bits = bits;
	return at;
}

struct data_out {
	char *at;
};

static void
data_write(struct lines_data *d, struct data_out *out, const char *data,
	   size_t len)
{
	if (d->fault != LINES_OK)
		return;
	memcpy(out->at, data, len);
	out->at += len;
}

/* Text of a line up to the octet that may end it. Returns how much was taken.
 */
static size_t
data_text(struct lines_data *d, const char *data, size_t len,
	  struct data_out *out)
{
	uint64_t bits;
	size_t run = text_run(data, len, &bits);

	if ((bits & EACH_OCTET(0x80)) != 0)
		d->eight_bit = true;
	d->line_len += run;
	if (d->line_len > SMTP_TEXT_LINE)
		d->long_lines = true;
	if (d->line_len > d->max_line)
		data_fault(d, LINES_TOO_LONG);
	data_write(d, out, data, run);
	return run;
}

/* One octet that is not plain text where it stands. Returns the next state; a
 * CR is written together with its LF. */
static enum data_state
data_octet(struct lines_data *d, char c, struct data_out *out)
{
	bool after_cr = d->state == DATA_CR || d->state == DATA_DOT_CR;

	if (c == '\n' && after_cr) {
		data_write(d, out, "\r\n", 2);
		d->line_len = 0;
		return DATA_START;
	}
	if (after_cr)
		data_fault(d, LINES_BARE_CR);
	if (c == '\r')
		return d->state == DATA_DOT ? DATA_DOT_CR : DATA_CR;
	if (c == '\n')
		data_fault(d, LINES_BARE_LF);
	if (c == '\0')
		data_fault(d, LINES_NUL);
	return DATA_TEXT;
}

int
lines_data_feed(struct lines_data *d, const char *data, size_t len, char *out,
		size_t *ret_used, size_t *ret_out)
{
	struct data_out to = {out};
	size_t at = 0;
	bool end = false;

	while (at < len && !end) {
		char c = data[at];

		if (d->state == DATA_START && c == '.') {
			d->state = DATA_DOT; /* the transparency dot */
			at++;
		} else if (d->state == DATA_DOT_CR && c == '\n') {
			end = true;
			at++;
		} else if (c == '\r' || c == '\n' || c == '\0' ||
			   d->state == DATA_CR || d->state == DATA_DOT_CR) {
			d->state = (int)data_octet(d, c, &to);
			at++;
		} else {
			d->state = DATA_TEXT;
			at += data_text(d, data + at, len - at, &to);
		}
	}
	*ret_used = at;
	*ret_out = (size_t)(to.at - out);
	return end ? 1 : 0;
}

size_t
lines_chunk_feed(struct lines_data *d, const char *data, size_t len, char *out)
{
	struct data_out to = {out};
	size_t at = 0;

	while (at < len) {
		char c = data[at];

		if (c == '\r' || c == '\n' || c == '\0' ||
		    d->state == DATA_CR) {
			d->state = (int)data_octet(d, c, &to);
			at++;
		} else {
			d->state = DATA_TEXT;
			at += data_text(d, data + at, len - at, &to);
		}
	}
	return (size_t)(to.at - out);
}

bool
lines_chunk_end(struct lines_data *d)
{
	if (d->state == DATA_CR)
		data_fault(d, LINES_BARE_CR);
	return d->state == DATA_TEXT;
}

enum stuff_state { STUFF_START, STUFF_TEXT, STUFF_CR };

void
lines_stuff_init(struct lines_stuff *s)
{
	s->state = STUFF_START;
}

static enum stuff_state
stuff_state_after(enum stuff_state before, const char *data, size_t len)
{
	bool cr;

	if (len == 0)
		return before;
	if (data[len - 1] == '\r')
		return STUFF_CR;
	cr = len > 1 ? data[len - 2] == '\r' : before == STUFF_CR;
	return data[len - 1] == '\n' && cr ? STUFF_START : STUFF_TEXT;
}

size_t
lines_stuff_feed(struct lines_stuff *s, const char *data, size_t len, char *out)
{
	enum stuff_state before = (enum stuff_state)s->state;
	size_t copied = 0, at = 0; /* of DATA: in OUT, looked at */
	char *to = out;

	if (len == 0)
		return 0;
	/* AT stands behind a line's end: is the next octet a dot? */
	while (at < len) {
		const char *nl;

		if (data[at] == '.' &&
		    stuff_state_after(before, data, at) == STUFF_START) {
			memcpy(to, data + copied, at - copied);
			to += at - copied;
			*to++ = '.';
			copied = at;
		}
		nl = memchr(data + at, '\n', len - at);
		if (nl == NULL)
			break;
		at = (size_t)(nl - data) + 1;
	}
	memcpy(to, data + copied, len - copied);
	to += len - copied;
	s->state = (int)stuff_state_after(before, data, len);
	return (size_t)(to - out);
}

const char *
lines_stuff_end(const struct lines_stuff *s)
{
	return s->state == STUFF_START ? ".\r\n" : "\r\n.\r\n";
}
