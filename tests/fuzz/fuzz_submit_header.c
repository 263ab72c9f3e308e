/*
 * A header on its way through sendmail: no recipient could break out of its
 * SMTP command, no Bcc remains, and what was made is still a header.
 */
#include <string.h>

#include "base/must.h"
#include "mail/header.h"
#include "mail/submit_header.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define HEADER_MAX (1 << 20)

/* Input as spool_read() makes it: lines end in CRLF, no NUL or CR elsewhere. */
static void
spooled(const unsigned char *data, size_t len, struct buf *in)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			buf_append_str(in, "\r\n");
		else
			buf_append_char(in, data[i] == '\r' || data[i] == '\0'
						    ? ' '
						    : (char)data[i]);
	}
	if (len > 0 && data[len - 1] != '\n')
		buf_append_str(in, "\r\n");
}

static void
check_out(const struct buf *out)
{
	size_t scanned = 0, end = 0;
	struct header_field f;

	must(header_end(out->data, out->len, &scanned, &end) == 1);
	must(end == out->len);
	for (size_t at = 0; header_next(out->data + at, out->len - at, &f) == 1;
	     at += f.raw_len) {
		must(!header_is(&f, "Bcc") && !header_is(&f, "Resent-Bcc"));
		must(!header_is(&f, "Return-Path"));
	}
}

static void
check_rcpts(const struct submit_rcpts *rcpts)
{
	for (size_t i = 0; i < rcpts->n; i++) {
		must(rcpts->v[i][0] != '\0');
		for (const char *p = rcpts->v[i]; *p != '\0'; p++)
			must((unsigned char)*p >= ' ' && *p != 0x7f);
		must(strchr(rcpts->v[i], '@') != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static const struct submit_who who = {"root@example.org", "J\xc3\xbc",
					      "example.org"};
	static struct submit_rcpts rcpts;
	const char *why = NULL;
	size_t start, end;
	struct arena arena;
	struct buf in, out;

	if (len > HEADER_MAX / 4)
		return 0;
	arena_init(&arena);
	buf_init(&in, HEADER_MAX);
	buf_init(&out, 16 * HEADER_MAX);
	spooled(data, len, &in);
	end = submit_header_find(buf_str(&in), in.len, &start);
	must(start <= end && end <= in.len);
	rcpts.n = 0;
	if (submit_header_compose(buf_str(&in) + start, end - start, &who,
				  &arena, &rcpts, &out, &why) == 0)
		check_out(&out);
	check_rcpts(&rcpts);
	buf_done(&out);
	buf_done(&in);
	arena_done(&arena);
	return 0;
}
