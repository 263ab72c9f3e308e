/*
 * Reports: whatever stands in addresses, in the words of a server and in the
 * message, it is one report with the parts, recipients and fields that were
 * asked for, and none that the words made.
 *
 *	input: flags (1), texts, each behind a number of how many octets it has
 *	(1), the message
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "mail/dsn.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define RCPT_MAX   4
#define FIELDS_MAX 16
#define LINE_MAX   998

enum { HAS_MESSAGE = 1, WHOLE = 2, UTF8 = 4, NO_REMOTE = 8 };

struct input {
	const unsigned char *data;
	size_t len;
	struct arena arena;
};

/* The next text; "" at the end. */
static const char *
take(struct input *in)
{
	const char *text = (const char *)in->data + 1;
	size_t len = in->len > 0 ? in->data[0] : 0;

	if (in->len == 0)
		return "";
	if (len > in->len - 1)
		len = in->len - 1;
	in->data += len + 1;
	in->len -= len + 1;
	return arena_strndup(&in->arena, text, len);
}

static const char *
take_some(struct input *in)
{
	const char *text = take(in);

	return text[0] != '\0' ? text : NULL;
}

/* Lines as they are in the queue. */
static char *
message(const struct input *in, size_t *ret_len)
{
	char *text = xmalloc(2 * in->len + 3);
	size_t n = 0;

	for (size_t i = 0; i < in->len; i++) {
		if (in->data[i] == '\n')
			text[n++] = '\r';
		if (in->data[i] != '\r')
			text[n++] = (char)in->data[i];
	}
	memcpy(text + n, "\r\n", 3);
	*ret_len = n + 2;
	return text;
}

/* --- what came out -------------------------------------------------------------- */

/* Lines end in CRLF and are not too long; ASCII or UTF-8. */
static void
check_lines(const char *s, size_t len, bool utf8)
{
	const char *end = s + len, *nl;
	uint32_t c;

	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		must(nl != NULL && nl > s && nl[-1] == '\r');
		must(nl - 1 - s <= LINE_MAX);
		for (const char *p = s; p < nl - 1;) {
			size_t n = utf8_next(p, (size_t)(end - p), &c);

			must(n > 0 && (c >= ' ' || c == '\t') && c != 0x7f);
			must(utf8 || c < 0x7f);
			p += n;
		}
	}
}

/* Fields up to an empty line or the end; how often NAME is one of them. Each
 * name once. */
static size_t
fields(const char *s, size_t len, const char *name)
{
	struct header_field f, seen[FIELDS_MAX];
	size_t n = 0, found = 0;

	for (; header_next(s, len, &f) == 1; s += f.raw_len, len -= f.raw_len) {
		must(n < FIELDS_MAX);
		for (size_t i = 0; i < n; i++)
			must(seen[i].name_len != f.name_len ||
			     memcmp(seen[i].name, f.name, f.name_len) != 0);
		seen[n++] = f;
		found += header_is(&f, name);
	}
	return found;
}

/* What lies in front of the first NEEDLE, which must be there. *S goes behind
 * it. */
static size_t
cut(const char **s, size_t *len, const char *needle)
{
	const char *at = memmem(*s, *len, needle, strlen(needle));
	size_t before;

	must(at != NULL);
	before = (size_t)(at - *s);
	*s += before + strlen(needle);
	*len -= before + strlen(needle);
	return before;
}

static void
check_header(const char *s, size_t len, bool utf8)
{
	static const char *const names[] = {"From",         "To",
					    "Subject",      "Date",
					    "Message-ID",   "Auto-Submitted",
					    "MIME-Version", "Content-Type"};

	check_lines(s, len, utf8);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		must(fields(s, len, names[i]) == 1);
}

/* The fields of the part, those of the message, and those of each recipient. */
static void
check_status(const struct dsn *d, const char *s, size_t len, bool utf8)
{
	static const char *const names[] = {"Final-Recipient", "Action",
					    "Status"};
	const char *at = s;
	size_t n;

	check_lines(s, len, utf8);
	n = cut(&at, &len, "\r\n\r\n");
	must(fields(s, n + 2, "Content-Type") == 1);
	for (size_t i = 0; i <= d->nrcpt; i++) {
		s = at;
		n = i < d->nrcpt ? cut(&at, &len, "\r\n\r\n") + 2 : len;
		if (i == 0) {
			must(fields(s, n, "Reporting-MTA") == 1);
			continue;
		}
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			must(fields(s, n, names[k]) == 1);
		must(fields(s, n, "Remote-MTA") ==
		     (d->rcpt[i - 1].remote_mta != NULL));
		must(fields(s, n, "Diagnostic-Code") ==
		     (d->rcpt[i - 1].reply != NULL));
	}
	must(memmem(s, len, "\r\n\r\n", 4) == NULL);
}

/* The message, as it was or encoded. */
static void
check_message(const struct dsn *d, const char *s, size_t len)
{
	size_t head, all = len;
	const char *at = s;

	head = cut(&at, &len, "\r\n\r\n") + 2;
	must(fields(s, head, "Content-Type") == 1);
	if (memmem(s, head, "quoted", strlen("quoted")) == NULL)
		must(len == d->original_len &&
		     memcmp(at, d->original, len) == 0);
	else
		check_lines(s, all, false);
}

/* "\r\n--" and the boundary that the header names. */
static void
find_boundary(const char *s, size_t len, size_t size, char *ret)
{
	static const char mark[] = "boundary=\"";
	struct header_field f;
	const char *at = NULL;

	for (; header_next(s, len, &f) == 1; s += f.raw_len, len -= f.raw_len)
		if (header_is(&f, "Content-Type"))
			at = memmem(f.value, f.value_len, mark, strlen(mark));
	must(at != NULL);
	at += strlen(mark);
	len = strcspn(at, "\"");
	must(len > 0 && len + 5 < size);
	snprintf(ret, size, "\r\n--%.*s", (int)len, at);
}

static void
check(const struct dsn *d, const char *s, size_t len)
{
	bool global = !utf8_is_ascii(d->to);
	const char *at = s, *part;
	char boundary[80];
	size_t n;

	n = cut(&at, &len, "\r\n\r\n");
	check_header(s, n + 2, global);
	find_boundary(s, n + 2, sizeof(boundary), boundary);
	must(cut(&at, &len, boundary) > 0);
	for (int i = 0; i < (d->original_len > 0 ? 3 : 2); i++) {
		must(len > 2 && memcmp(at, "\r\n", 2) == 0);
		at += 2;
		len -= 2;
		part = at;
		n = cut(&at, &len, boundary);
		if (i == 0)
			check_lines(part, n, true);
		else if (i == 1)
			check_status(d, part, n, global);
		else
			check_message(d, part, n);
	}
	must(len == 4 && memcmp(at, "--\r\n", 4) == 0);
}

/* The same report with the header only, which is one again. */
static void
check_shorter(const struct dsn *whole, const struct buf *report)
{
	struct dsn d = *whole;
	struct buf out;
	size_t scanned = 0, head;
	int r;

	if (header_end(d.original, d.original_len, &scanned, &head) == 1)
		d.original_len = head;
	d.original_whole = false;
	buf_init(&out, 1 << 22);
	r = dsn_shorten(buf_str(report), report->len, "2@mx.example.com",
			report->len, &out);
	must(r == (whole->original_whole && d.original_len > 0 ? 0 : -EINVAL));
	if (r == 0)
		check(&d, buf_str(&out), out.len);
	buf_done(&out);
}

/* What is no report. */
static void
check_no_report(const unsigned char *data, size_t len)
{
	struct buf out;

	buf_init(&out, 1 << 22);
	(void)dsn_shorten((const char *)data, len, "2@mx.example.com", len,
			  &out);
	buf_done(&out);
}

/* --- what goes in --------------------------------------------------------------- */

static void
take_rcpt(struct input *in, unsigned flags, struct dsn_recipient *r)
{
	*r = (struct dsn_recipient){
		.final = take(in),
		.original = take_some(in),
		.orcpt = take_some(in),
		.reply = take_some(in),
		.action = (enum dsn_action)(flags % 4),
		.status = "5.1.1",
		.reason = "it was refused",
	};
	if ((flags & NO_REMOTE) == 0)
		r->remote_mta = take_some(in);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct input in = {.data = data + 1, .len = len - 1};
	struct dsn_recipient rcpt[RCPT_MAX];
	char *original = NULL;
	struct buf out;
	struct dsn d;

	if (len == 0)
		return 0;
	arena_init(&in.arena);
	d = (struct dsn){
		.reporting_mta = "mx.example.com",
		.message_id = "1@mx.example.com",
		.queue_id = "1F2E",
		.to = take(&in),
		.envid = take_some(&in),
		.rcpt = rcpt,
		.nrcpt = 1 + (data[0] >> 4) % RCPT_MAX,
		.original_whole = data[0] & WHOLE,
		.original_utf8 = data[0] & UTF8,
	};
	for (size_t i = 0; i < d.nrcpt; i++)
		take_rcpt(&in, data[0] + (unsigned)i, &rcpt[i]);
	if (data[0] & HAS_MESSAGE)
		d.original = original = message(&in, &d.original_len);
	buf_init(&out, 1 << 22);
	must(dsn_compose(&d, &out) == 0);
	check(&d, buf_str(&out), out.len);
	if (d.original_len > 0)
		check_shorter(&d, &out);
	check_no_report(data, len);
	buf_done(&out);
	free(original);
	arena_done(&in.arena);
	return 0;
}
