/*
 * An address as it stands in text that others wrote, mostly in a reply:
 *
 *	address = local "@" domain
 *	local   = 1*atext-or-dot / quoted-string
 *	domain  = *domain-char / "[" *( alphanumeric / "." / ":" / "-" ) "]"
 *
 * Bytes above 127 belong to it (RFC 6531). Punctuation of the text around it,
 * as in `'anna@example.org'.`, does not. In doubt more is taken than less.
 */
#include "base/log_find.h"

#include <ctype.h>
#include <string.h>

static bool
lf_is_local(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c > 0x7f ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

/* Where the local part begins that ends before AT. */
static const char *
lf_local(const char *s, const char *at)
{
	const char *begin = at;

	if (at > s && at[-1] == '"') {
		begin = at - 1;
		while (begin > s && (begin[-1] != '"' ||
				     (begin - 1 > s && begin[-2] == '\\')))
			begin--;
		return begin > s ? begin - 1 : begin;
	}
	while (begin > s && lf_is_local(begin[-1]))
		begin--;
	while (begin < at && strchr("'`{*/=|", *begin) != NULL)
		begin++;
	return begin;
}

/* Where the literal ends that begins at S; S: it is none. An address may stand
 * behind a bracket too. */
static const char *
lf_literal(const char *s)
{
	const char *end = s + 1;

	while (isalnum((unsigned char)*end) ||
	       (*end != '\0' && strchr(".:-", *end) != NULL))
		end++;
	return *end == ']' ? end + 1 : s;
}

/* Where the domain ends that begins at S. */
static const char *
lf_domain(const char *s)
{
	const char *end = s;

	if (*s == '[')
		return lf_literal(s);
	while (isalnum((unsigned char)*end) || (unsigned char)*end > 0x7f ||
	       *end == '.' || *end == '-' || *end == '_')
		end++;
	while (end > s && (end[-1] == '.' || end[-1] == '-'))
		end--;
	return end;
}

/* Is the @ at AT, the first of S, within a quoted local part? Then its own. */
static const char *
lf_quoted(const char *s, const char *at)
{
	const char *end = strstr(s, "\"@");

	return end != NULL && lf_local(s, end + 1) <= at ? end + 1 : at;
}

bool
log_find_address(const char *s, struct log_found *ret)
{
	const char *at = strchr(s, '@');

	if (at != NULL)
		at = lf_quoted(s, at);
	for (; at != NULL; at = strchr(at + 1, '@')) {
		const char *begin = lf_local(s, at);

		if (begin == at)
			continue;
		ret->begin = begin;
		ret->at = at;
		ret->end = lf_domain(at + 1);
		return true;
	}
	return false;
}
