#include "alert/intake_text.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

#define TEXT_BAD "\xef\xbf\xbd" /* U+FFFD */
#define TEXT_CUT "..."

/* Line ends of Unicode's, too: C1's NEL, U+2028 and U+2029. */
static bool
text_is_line_end(uint32_t c)
{
	return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool
text_is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f);
}

/* What character C at S, of N octets, becomes. */
static const char *
text_map(const char *s, size_t *n, uint32_t c, bool lines)
{
	const char *as = s;

	if (*n == 0) {
		*n = strlen(TEXT_BAD);
		return TEXT_BAD;
	}
	if (text_is_line_end(c))
		as = lines ? "\n" : " ";
	else if (text_is_control(c))
		as = c == '\t' && lines ? "\t" : " ";
	if (as != s)
		*n = 1;
	return as;
}

static bool
text_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static const char *
text_clean(struct arena *a, const char *s, size_t len, size_t max, bool lines)
{
	/* One more than fits, so that it shows: a character and the cut. */
	size_t room = (len < max ? len * strlen(TEXT_BAD) : max) + 8, at = 0;
	size_t keep = 0; /* up to where it stays when it is cut */
	char *out = arena_alloc(a, room);
	uint32_t c = 0;

	while (len > 0 && at <= max) {
		size_t n = utf8_next(s, len, &c), step = n > 0 ? n : 1;
		const char *as = text_map(s, &n, c, lines);
		bool blank = n == 1 && text_is_blank(*as);

		s += step;
		len -= step;
		if (c == '\r' && step == 1 && len > 0 && *s == '\n')
			continue;
		if (blank && (at == 0 || (!lines && out[at - 1] == ' ')))
			continue;
		memcpy(out + at, as, n);
		at += n;
		if (at <= max - strlen(TEXT_CUT))
			keep = at;
	}
	while (at > 0 && text_is_blank(out[at - 1]))
		at--;
	if (at > max) {
		memcpy(out + keep, TEXT_CUT, strlen(TEXT_CUT));
		at = keep + strlen(TEXT_CUT);
	}
	out[at] = '\0';
	return out;
}

const char *
intake_line(struct arena *a, const char *s, size_t len, size_t max)
{
	return text_clean(a, s, len, max, false);
}

const char *
intake_text(struct arena *a, const char *s, size_t len, size_t max)
{
	return text_clean(a, s, len, max, true);
}

const char *
intake_url(struct arena *a, const char *s, size_t max)
{
	const char *host = NULL;

	if (s != NULL && strncasecmp(s, "http://", 7) == 0)
		host = s + 7;
	else if (s != NULL && strncasecmp(s, "https://", 8) == 0)
		host = s + 8;
	if (host == NULL || *host == '\0' || *host == '/' || strlen(s) > max ||
	    !utf8_is_valid(s))
		return "";
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '<' ||
		    *p == '>' || *p == '"')
			return "";
	return arena_strdup(a, s);
}

static bool
name_may(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

const char *
intake_name(struct arena *a, const char *s, size_t max)
{
	size_t len = strnlen(s, max);
	char *name;

	if (len == 0)
		return "_";
	if (len < max && *s >= '0' && *s <= '9')
		name = arena_printf(a, "_%.*s", (int)len, s);
	else
		name = arena_strndup(a, s, len);
	for (char *p = name; *p != '\0'; p++)
		if (!name_may(*p, p == name))
			*p = '_';
	return name;
}
