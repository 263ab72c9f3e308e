#include "base/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define CLEAN_BAD "\xef\xbf\xbd" /* U+FFFD */
#define CLEAN_CUT "..."

/* Line ends of Unicode's, too: C1's NEL, U+2028 and U+2029. */
static bool
clean_is_line_end(uint32_t c)
{
	return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool
clean_is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f);
}

/* What character C at S, of N octets, becomes. */
static const char *
clean_map(const char *s, size_t *n, uint32_t c, bool lines)
{
	const char *as = s;

	if (*n == 0) {
		*n = strlen(CLEAN_BAD);
		return CLEAN_BAD;
	}
	if (utf8_is_turn(c)) {
		*n = 0;
		return "";
	}
	if (clean_is_line_end(c))
		as = lines ? "\n" : " ";
	else if (clean_is_control(c))
		as = c == '\t' && lines ? "\t" : " ";
	if (as != s)
		*n = 1;
	return as;
}

static bool
clean_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static const char *
clean_all(struct arena *a, const char *s, size_t len, size_t max, bool lines)
{
	/* One more than fits, so that it shows: a character and the cut. */
	size_t room = (len < max ? len * strlen(CLEAN_BAD) : max) + 8, at = 0;
	size_t keep = 0; /* up to where it stays when it is cut */
	char *out = arena_alloc(a, room);
	uint32_t c = 0;

	while (len > 0 && at <= max) {
		size_t n = utf8_next(s, len, &c), step = n > 0 ? n : 1;
		const char *as = clean_map(s, &n, c, lines);
		bool blank = n == 1 && clean_is_blank(*as);

		s += step;
		len -= step;
		if (c == '\r' && step == 1 && len > 0 && *s == '\n')
			continue;
		if (blank && (at == 0 || (!lines && out[at - 1] == ' ')))
			continue;
		memcpy(out + at, as, n);
		at += n;
		if (at <= max - strlen(CLEAN_CUT))
			keep = at;
	}
	while (at > 0 && clean_is_blank(out[at - 1]))
		at--;
	if (at > max) {
		memcpy(out + keep, CLEAN_CUT, strlen(CLEAN_CUT));
		at = keep + strlen(CLEAN_CUT);
	}
	out[at] = '\0';
	return out;
}

const char *
clean_line(struct arena *a, const char *s, size_t len, size_t max)
{
	return clean_all(a, s, len, max, false);
}

const char *
clean_text(struct arena *a, const char *s, size_t len, size_t max)
{
	return clean_all(a, s, len, max, true);
}
