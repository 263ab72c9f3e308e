#include "verdict/spf_macro.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/ascii.h"

#define PIECES_MAX                                                             \
	255 /* of one value: a domain has no more labels than 127, and
			* a local part no more octets */

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') ||
	       (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static size_t
part_of_text(struct spf_part *ret, const char *text, size_t len, size_t used)
{
	*ret = (struct spf_part){
		.kind = SPF_PART_TEXT, .text = text, .len = len};
	return used;
}

static size_t
part_bad(struct spf_part *ret)
{
	*ret = (struct spf_part){.kind = SPF_PART_BAD};
	return 1;
}

/* The digits of a transformer: how many there are; a number over what a value
 * can have parts means all of them. -1: zero, which RFC 7208, 7.3 forbids. */
static int
part_digits(const char *s, size_t len, unsigned *ret)
{
	size_t i = 0;

	*ret = 0;
	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++)
		if (*ret < PIECES_MAX)
			*ret = *ret * 10 + (unsigned)(s[i] - '0');
	return i > 0 && *ret == 0 ? -1 : (int)i;
}

/* S is behind "%{", LEN up to and without "}". */
static bool
part_macro(const char *s, size_t len, struct spf_part *ret)
{
	int digits;

	*ret = (struct spf_part){
		.kind = SPF_PART_MACRO, .delimiters = ".", .delimiters_len = 1};
	if (len == 0 || strchr("slodiphcrtv", ascii_lower(s[0])) == NULL)
		return false;
	ret->letter = ascii_lower(s[0]);
	ret->escaped = s[0] != ret->letter;
	s++, len--;
	digits = part_digits(s, len, &ret->keep);
	if (digits < 0)
		return false;
	s += digits, len -= (size_t)digits;
	if (len > 0 && ascii_lower(*s) == 'r') {
		ret->reversed = true;
		s++, len--;
	}
	for (size_t i = 0; i < len; i++)
		if (memchr(".-+,/_=", s[i], 7) == NULL)
			return false;
	if (len > 0) {
		ret->delimiters = s;
		ret->delimiters_len = len;
	}
	return true;
}

static size_t
part_percent(const char *s, size_t len, struct spf_part *ret)
{
	const char *end;

	if (len < 2)
		return part_bad(ret);
	switch (s[1]) {
	case '%':
		return part_of_text(ret, "%", 1, 2);
	case '_':
		return part_of_text(ret, " ", 1, 2);
	case '-':
		return part_of_text(ret, "%20", 3, 2);
	case '{':
		end = memchr(s, '}', len);
		if (end == NULL ||
		    !part_macro(s + 2, (size_t)(end - s - 2), ret))
			return part_bad(ret);
		return (size_t)(end - s) + 1;
	default:
		return part_bad(ret);
	}
}

size_t
spf_part_next(const char *s, size_t len, struct spf_part *ret)
{
	const char *percent;

	if (len == 0)
		return 0;
	if (s[0] == '%')
		return part_percent(s, len, ret);
	percent = memchr(s, '%', len);
	if (percent != NULL)
		len = (size_t)(percent - s);
	return part_of_text(ret, s, len, len);
}

static bool
text_ok(const struct spf_part *part, bool explaining)
{
	char least = explaining ? ' ' : '!';

	for (size_t i = 0; i < part->len; i++)
		if (part->text[i] < least || part->text[i] > '~')
			return false;
	return true;
}

bool
spf_macro_ok(const char *s, size_t len, bool explaining)
{
	struct spf_part part;
	size_t used;

	for (; (used = spf_part_next(s, len, &part)) > 0;
	     s += used, len -= used)
		if (part.kind == SPF_PART_BAD ||
		    (s[0] != '%' && !text_ok(&part, explaining)) ||
		    (part.kind == SPF_PART_MACRO && !explaining &&
		     strchr("crt", part.letter) != NULL))
			return false;
	return true;
}

/* toplabel: letters, digits and hyphens within, and not digits only. */
static bool
toplabel_ok(const char *s, size_t len)
{
	bool digits = true;

	if (len == 0 || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
		digits = digits && s[i] >= '0' && s[i] <= '9';
	}
	return !digits;
}

/* How much of S up to its end is text without a macro. */
static size_t
tail_len(const char *s, size_t len)
{
	struct spf_part part;
	size_t used, tail = 0;

	for (; (used = spf_part_next(s, len, &part)) > 0;
	     s += used, len -= used)
		tail = s[0] == '%' ? 0 : used;
	return tail;
}

bool
spf_domain_ok(const char *s, size_t len)
{
	const char *dot;
	size_t tail;

	if (len == 0 || !spf_macro_ok(s, len, false))
		return false;
	tail = tail_len(s, len);
	if (tail == 0)
		return true; /* the end is a macro */
	s += len - tail;
	if (s[tail - 1] == '.')
		tail--;
	dot = memrchr(s, '.', tail);
	return dot != NULL &&
	       toplabel_ok(dot + 1, tail - (size_t)(dot + 1 - s));
}

static bool
is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int
append_escaped(struct buf *out, const char *s, size_t len)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++)
		r = is_unreserved(s[i])
			    ? buf_append_char(out, s[i])
			    : buf_printf(out, "%%%02X", (unsigned char)s[i]);
	return r;
}

struct pieces {
	size_t n;
	struct {
		const char *s;
		size_t len;
	} v[PIECES_MAX];
};

/* Beyond PIECES_MAX the rest is one piece. */
static void
pieces_split(struct pieces *p, const char *value, const struct spf_part *part)
{
	const char *start = value;

	p->n = 0;
	for (; *value != '\0'; value++)
		if (p->n + 1 < PIECES_MAX &&
		    memchr(part->delimiters, *value, part->delimiters_len)) {
			p->v[p->n].s = start;
			p->v[p->n++].len = (size_t)(value - start);
			start = value + 1;
		}
	p->v[p->n].s = start;
	p->v[p->n++].len = (size_t)(value - start);
}

int
spf_part_transform(const struct spf_part *part, const char *value,
		   struct buf *out)
{
	struct pieces p;
	size_t skip, at;
	int r = 0;

	pieces_split(&p, value, part);
	skip = part->keep > 0 && part->keep < p.n ? p.n - part->keep : 0;
	for (size_t i = skip; i < p.n && r == 0; i++) {
		at = part->reversed ? p.n - 1 - i : i;
		if (i > skip)
			r = buf_append_char(out, '.');
		if (r == 0)
			r = part->escaped
				    ? append_escaped(out, p.v[at].s,
						     p.v[at].len)
				    : buf_append(out, p.v[at].s, p.v[at].len);
	}
	return r;
}
