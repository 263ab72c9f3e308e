#include "verdict/author.h"

#include <string.h>

#include "mail/header.h"
#include "mail/mailboxes.h"
#include "verdict/domain.h"

static void
author_complain(struct author *a, const char *why)
{
	if (a->why[0] == '\0')
		a->why = why;
}

static void
author_add(struct author *a, const char *s, size_t len, struct arena *arena)
{
	const char *domain = domain_canonical(s, len, arena);

	if (domain == NULL) {
		author_complain(a, "a domain that the DNS can't have");
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->domains[i], domain) == 0)
			return;
	if (a->n == AUTHOR_DOMAINS_MAX)
		a->more = true;
	else
		a->domains[a->n++] = domain;
}

/* The addr-spec of a mailbox. A quoted local part may hold an @, a domain does
 * not. */
static void
author_add_mailbox(struct author *a, const char *text, struct arena *arena)
{
	const char *at = strrchr(text, '@');
	size_t len = strlen(text);

	if (at == NULL)
		author_complain(a, "an address without a domain");
	else if (text[len - 1] == ']')
		author_complain(a, "an address with a literal for its domain");
	else
		author_add(a, at + 1, strlen(at + 1), arena);
}

static bool
is_domain_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
	       (unsigned char)c >= 0x80;
}

/* Beginnings without an end that are looked for: each costs the whole field. */
#define OPEN_MAX 10

/* Behind the quoted string or comment at S; without an end it is none, and only
 * its first octet is passed. Nor is one beyond OPEN_MAX of those. */
static const char *
skip_quoted(const char *s, const char *end, unsigned *open)
{
	char close = *s == '"' ? '"' : ')';
	size_t depth = 0;

	for (const char *p = s; p < end && *open < OPEN_MAX; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (p > s && *p == close && --depth == 0)
			return p + 1;
		else if (*p == *s)
			depth++;
	}
	++*open;
	return s + 1;
}

static const char *
skip_blanks(const char *s, const char *end)
{
	while (s < end && strchr(" \t\r\n", *s) != NULL && *s != '\0')
		s++;
	return s;
}

/* All that an @ stands before in a field of which nobody knows how it is meant.
 */
static void
author_search(struct author *a, const char *s, size_t len, struct arena *arena)
{
	const char *end = s + len, *start;
	unsigned open = 0;

	while (s < end) {
		if (*s == '"' || *s == '(') {
			s = skip_quoted(s, end, &open);
		} else if (*s++ == '@') {
			start = s = skip_blanks(s, end);
			while (s < end && is_domain_octet(*s))
				s++;
			if (s > start)
				author_add(a, start, (size_t)(s - start),
					   arena);
		}
	}
}

static void
author_add_field(struct author *a, const struct header_field *f,
		 struct arena *arena)
{
	struct mailboxes m;
	struct mailbox box;
	const char *why = NULL;
	int r;

	mailboxes_init(&m, f->value, f->value_len);
	while ((r = mailboxes_next(&m, arena, &box, &why)) == 1)
		author_add_mailbox(a, box.text, arena);
	if (r == 0 && m.odd)
		why = "an address where a name should be";
	else if (r == 0 && memchr(f->value, '\0', f->value_len) != NULL)
		why = "a NUL";
	if (why == NULL)
		return;
	author_complain(a, why);
	author_search(a, f->value, f->value_len, arena);
}

void
author_find(const char *header, size_t len, struct arena *arena,
	    struct author *ret)
{
	struct header_field f;

	*ret = (struct author){.why = ""};
	for (size_t at = 0; header_next(header + at, len - at, &f) == 1;
	     at += f.raw_len) {
		if (!header_is(&f, "From"))
			continue;
		if (ret->fields++ == 1)
			author_complain(ret, "several From fields");
		author_add_field(ret, &f, arena);
	}
	if (ret->fields == 0)
		author_complain(ret, "no From field");
	else if (ret->n == 0)
		author_complain(ret, "no address in From");
}
