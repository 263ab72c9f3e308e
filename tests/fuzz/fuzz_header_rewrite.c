/*
 * Other addresses in a header: only they change. What was put in is found again
 * at the same place, and what is put in as it stood changes nothing.
 */
#include <string.h>

#include "base/must.h"
#include "mail/header.h"
#include "mail/header_rewrite.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define OTHER    "new@example.net"
#define SEEN_MAX 4096

struct seen {
	size_t n;
	bool expected; /* each is OTHER already */
	enum header_mailbox kind[SEEN_MAX];
};

static const char *
other(void *arg, enum header_mailbox field, const char *text, bool bare,
      struct arena *arena)
{
	struct seen *seen = arg;

	(void)arena;
	must(seen->n < SEEN_MAX && text[0] != '\0');
	must(bare || strchr(text, '@') != NULL);
	if (seen->expected)
		must(strcmp(text, OTHER) == 0 && seen->kind[seen->n] == field);
	seen->kind[seen->n++] = field;
	return OTHER;
}

static const char *
none(void *arg, enum header_mailbox field, const char *text, bool bare,
     struct arena *arena)
{
	(void)arg;
	(void)field;
	(void)text;
	(void)bare;
	(void)arena;
	return NULL;
}

/* The same fields in the same order. */
static void
check_fields(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct header_field fa, fb;

	while (header_next(a, a_len, &fa) == 1) {
		must(header_next(b, b_len, &fb) == 1);
		must(fa.name_len == fb.name_len &&
		     memcmp(fa.name, fb.name, fa.name_len) == 0);
		a += fa.raw_len;
		a_len -= fa.raw_len;
		b += fb.raw_len;
		b_len -= fb.raw_len;
	}
	must(a_len == b_len && memcmp(a, b, a_len) == 0);
}

static void
check(const char *header, size_t len)
{
	static struct seen seen;
	struct buf out, again;
	size_t n;
	int r;

	buf_init(&out, 64 * len + 64);
	buf_init(&again, 64 * len + 64);
	must(header_rewrite(header, len, none, NULL, &out) == 0);
	must(out.len == 0);
	seen = (struct seen){.n = 0};
	r = header_rewrite(header, len, other, &seen, &out);
	must(r == (seen.n > 0));
	must(r == 1 || out.len == 0);
	if (r == 1) {
		check_fields(header, len, out.data, out.len);
		n = seen.n;
		seen.n = 0;
		seen.expected = true;
		must(header_rewrite(out.data, out.len, other, &seen, &again) ==
		     1);
		must(seen.n == n && again.len == out.len);
		must(memcmp(again.data, out.data, out.len) == 0);
	}
	buf_done(&again);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static char header[SEEN_MAX];
	size_t scanned = 0, end = 0;

	/* Each address takes two octets at least. */
	if (len > SEEN_MAX)
		return 0;
	/* Neither SMTP nor sendmail lets a NUL through. */
	for (size_t i = 0; i < len; i++)
		header[i] = data[i] == '\0' ? '?' : (char)data[i];
	if (header_end(header, len, &scanned, &end) == 1)
		check(header, end);
	return 0;
}
