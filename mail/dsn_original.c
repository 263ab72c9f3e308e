/*
 * dsn_original - the part of a report that holds the original, and how it gets
 * shorter afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/dsn_impl.h"
#include "mail/header.h"
#include "mail/quoted_printable.h"

static const char *const encoding_names[] = {
	[DSN_7BIT] = "7bit",
	[DSN_8BIT] = "8bit",
	[DSN_QUOTED] = "quoted-printable",
};

static bool
has_long_line(const char *data, size_t len)
{
	while (len > 0) {
		const char *nl = memchr(data, '\n', len);
		size_t line = nl != NULL ? (size_t)(nl - data) + 1 : len;

		if (line > 1000)
			return true;
		data += line;
		len -= line;
	}
	return false;
}

/* A header may be encoded (RFC 6522, 4; RFC 6533, 6.3), and so passes where
 * 8BITMIME is not offered. A message/rfc822 may not (RFC 2046, 5.2.1): it
 * leaves as it came. */
enum dsn_encoding
dsn_encoding(const struct dsn *d, bool global)
{
	bool eight = utf8_has_8bit(d->original, d->original_len);

	if (!d->original_whole &&
	    (has_long_line(d->original, d->original_len) || (eight && !global)))
		return DSN_QUOTED;
	return eight ? DSN_8BIT : DSN_7BIT;
}

static void
dsn_quoted(struct dsn_out *o, const char *data, size_t len)
{
	int r = quoted_printable_encode(data, len, o->buf);

	if (r < 0 && o->error == 0)
		o->error = r;
}

void
dsn_original(struct dsn_out *o, const struct dsn *d, enum dsn_encoding e)
{
	static const char *const types[2][2] = {
		{"text/rfc822-headers", "message/rfc822"},
		{"message/global-headers", "message/global"},
	};

	dsn_str(o, "Content-Type: ");
	dsn_str(o, types[d->original_utf8][d->original_whole]);
	dsn_str(o, "\r\n");
	dsn_str(o, "Content-Transfer-Encoding: ");
	dsn_str(o, encoding_names[e]);
	dsn_str(o, "\r\n\r\n");
	if (e == DSN_QUOTED)
		dsn_quoted(o, d->original, d->original_len);
	else
		dsn_put(o, d->original, d->original_len);
}

/* --- shorter ------------------------------------------------------------- */

/* A report of ours, in pieces. */
struct dsn_read {
	const char *part[3]; /* behind each boundary line */
	size_t part_len[3];  /* up to the CRLF in front of the next */
	char boundary[80];   /* "\r\n--" and so on */
};

/* Of the report's own field: an address in front of it may look like one. */
static int
dsn_read_boundary(struct dsn_read *r, const char *header, size_t len)
{
	static const char mark[] = "\tboundary=\"";
	struct header_field f;
	const char *at, *end;

	do {
		if (header_next(header, len, &f) == 0)
			return -EINVAL;
		header += f.raw_len;
		len -= f.raw_len;
	} while (!header_is(&f, "Content-Type"));
	at = memmem(f.value, f.value_len, mark, strlen(mark));
	if (at == NULL)
		return -EINVAL;
	at += strlen(mark);
	end = memchr(at, '"', (size_t)(f.value + f.value_len - at));
	if (end == NULL || end == at || end - at > 70)
		return -EINVAL;
	snprintf(r->boundary, sizeof(r->boundary), "\r\n--%.*s",
		 (int)(end - at), at);
	return 0;
}

/* Three parts, each behind the boundary and CRLF, and "--" at the end. */
static int
dsn_read(struct dsn_read *r, const char *report, size_t len)
{
	const char *end = report + len, *at = report;
	const char *head = memmem(report, len, "\r\n\r\n", 4);
	size_t blen;

	if (head == NULL ||
	    dsn_read_boundary(r, report, (size_t)(head - report) + 2) < 0)
		return -EINVAL;
	blen = strlen(r->boundary);
	for (size_t i = 0; i < 4; i++) {
		at = memmem(at, (size_t)(end - at), r->boundary, blen);
		if (at == NULL || (size_t)(end - at) < blen + 2)
			return -EINVAL;
		if (i > 0)
			r->part_len[i - 1] = (size_t)(at - r->part[i - 1]);
		at += blen;
		if (memcmp(at, i < 3 ? "\r\n" : "--", 2) != 0)
			return -EINVAL;
		at += 2;
		if (i < 3)
			r->part[i] = at;
	}
	return 0;
}

/* What stands in PART behind "Content-Type: ", up to the end of the line. */
static bool
dsn_part_is(const struct dsn_read *r, size_t part, const char *type)
{
	static const char name[] = "Content-Type: ";
	size_t len = strlen(type), at = strlen(name);
	const char *s = r->part[part];

	return r->part_len[part] >= at + len + 2 && memcmp(s, name, at) == 0 &&
	       memcmp(s + at, type, len) == 0 &&
	       memcmp(s + at + len, "\r\n", 2) == 0;
}

/* The header of the message in the third part, at most MOST octets in whole
 * lines. */
static int
dsn_read_header(const struct dsn_read *r, size_t most, struct dsn *d)
{
	const char *at = memmem(r->part[2], r->part_len[2], "\r\n\r\n", 4);
	size_t len, scanned = 0, head;

	if (at == NULL)
		return -EINVAL;
	at += 4;
	len = r->part_len[2] - (size_t)(at - r->part[2]);
	if (header_end(at, len, &scanned, &head) == 1)
		len = head;
	if (len > most)
		for (len = most; len > 0 && at[len - 1] != '\n'; len--)
			;
	d->original = at;
	d->original_len = len;
	d->original_utf8 = dsn_part_is(r, 2, "message/global");
	return len > 0 ? 0 : -EINVAL;
}

/* S up to END, with NEW in place of the only line OLD, if it is there. */
static void
dsn_put_instead(struct dsn_out *o, const char *s, const char *end,
		const char *old, const char *new)
{
	size_t len = (size_t)(end - s), n = strlen(old);

	if (len >= n && memcmp(end - n, old, n) == 0) {
		dsn_put(o, s, len - n);
		dsn_str(o, new);
	} else {
		dsn_put(o, s, len);
	}
}

/* The header of the report under another Message-ID. */
static void
dsn_put_header(struct dsn_out *o, const char *s, const char *end,
	       const char *message_id)
{
	static const char name[] = "\r\nMessage-ID: <";
	const char *at = memmem(s, (size_t)(end - s), name, strlen(name));
	const char *close =
		at != NULL ? memchr(at, '>', (size_t)(end - at)) : NULL;

	if (close == NULL) {
		dsn_put(o, s, (size_t)(end - s));
		return;
	}
	dsn_put(o, s, (size_t)(at - s) + strlen(name));
	dsn_str(o, message_id);
	dsn_put(o, close, (size_t)(end - close));
}

int
dsn_shorten(const char *report, size_t len, const char *message_id, size_t most,
	    struct buf *out)
{
	struct dsn_out o = {.buf = out};
	struct dsn d = {.original_whole = false};
	struct dsn_read r;
	const char *end;

	if (dsn_read(&r, report, len) < 0 ||
	    !(dsn_part_is(&r, 2, "message/rfc822") ||
	      dsn_part_is(&r, 2, "message/global")) ||
	    dsn_read_header(&r, most, &d) < 0)
		return -EINVAL;
	o.global = dsn_part_is(&r, 1, "message/global-delivery-status");
	dsn_put_header(&o, report, r.part[0], message_id);
	dsn_put_instead(&o, r.part[0], r.part[0] + r.part_len[0],
			DSN_SAYS_WHOLE, DSN_SAYS_HEADER);
	end = r.part[0] + r.part_len[0];
	dsn_put(&o, end, (size_t)(r.part[2] - end));
	dsn_original(&o, &d, dsn_encoding(&d, o.global));
	dsn_str(&o, r.boundary);
	dsn_str(&o, "--\r\n");
	return o.error;
}
