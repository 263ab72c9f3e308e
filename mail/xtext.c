#include "mail/xtext.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

/* xtext   = *( xchar / hexchar )
 * xchar   = %x21-2A / %x2C-3C / %x3E-7E     no "+", no "="
 * hexchar = "+" 2HEXDIG                      small letters are taken too */

static bool
is_xchar(char c)
{
	return c > ' ' && c <= '~' && c != '+' && c != '=';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The octet that the hexchar at S stands for; -1: it is none, or a control
 * character. */
static int
xtext_hexchar(const char *s, size_t len)
{
	int high, low, c;

	if (len < 3)
		return -1;
	high = hex_value(s[1]);
	low = hex_value(s[2]);
	if (high < 0 || low < 0)
		return -1;
	c = 16 * high + low;
	return c >= ' ' && c != 0x7f ? c : -1;
}

int
xtext_decode_utf8(const char *s, size_t len, struct arena *arena,
		  const char **ret)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = 0;
	int c;

	for (size_t i = 0; i < len; i++) {
		if (is_xchar(s[i])) {
			out[n++] = s[i];
			continue;
		}
		c = s[i] == '+' ? xtext_hexchar(s + i, len - i) : -1;
		if (c < 0)
			return -EINVAL;
		out[n++] = (char)c;
		i += 2;
	}
	if (!utf8_is_valid(out))
		return -EINVAL;
	*ret = out;
	return 0;
}

int
xtext_decode(const char *s, size_t len, struct arena *arena, const char **ret)
{
	const char *text;
	int r = xtext_decode_utf8(s, len, arena, &text);

	if (r < 0 || !utf8_is_ascii(text))
		return -EINVAL;
	*ret = text;
	return 0;
}

int
xtext_encode(const char *s, struct buf *out)
{
	int r = 0;

	for (; *s != '\0' && r == 0; s++) {
		if (is_xchar(*s))
			r = buf_append_char(out, *s);
		else
			r = buf_printf(out, "+%02X", (unsigned char)*s);
	}
	return r;
}

/* QCHAR = %x21-2A / %x2C-3C / %x3E-5B / %x5D-7E    no "+", "=" and "\\" */
static int
xtext_put_utf8(uint32_t c, struct buf *out)
{
	if (c <= '~' && c != '\\' && is_xchar((char)c))
		return buf_append_char(out, (char)c);
	return buf_printf(out, "\\x{%X}", c);
}

int
xtext_encode_utf8(const char *s, struct buf *out)
{
	size_t len = strlen(s), n;
	uint32_t c;
	int r = 0;

	for (; len > 0 && r == 0; s += n, len -= n) {
		n = utf8_next(s, len, &c);
		if (n == 0) {
			n = 1;
			c = 0xfffd; /* it is none: the replacement character */
		}
		r = xtext_put_utf8(c, out);
	}
	return r;
}

/* EmbeddedUnicodeChar = "\\x{" 2*6HEXDIG "}"; how long it is, 0: it is none. */
static size_t
xtext_embedded(const char *s, size_t len, uint32_t *ret)
{
	uint32_t c = 0;
	size_t i = 3;

	if (len < 6 || memcmp(s, "\\x{", 3) != 0)
		return 0;
	for (; i < len && i < 9 && hex_value(s[i]) >= 0; i++)
		c = 16 * c + (uint32_t)hex_value(s[i]);
	if (i == 3 || i == len || s[i] != '}' || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return i + 1;
}

int
xtext_to_utf8_form(const char *s, size_t len, struct buf *out)
{
	size_t n;
	uint32_t c = 0; /* of what is no UTF-8 */
	int r = 0;

	for (; len > 0 && r == 0; s += n, len -= n) {
		int hex = *s == '+' ? xtext_hexchar(s, len) : -1;

		if (hex >= 0 && hex <= '~') {
			c = (uint32_t)hex;
			n = 3;
		} else if (*s == '\\') {
			n = xtext_embedded(s, len, &c);
		} else {
			n = utf8_next(s, len, &c);
			if (c <= ' ' || c == '+' || c == '=')
				n = 0;
		}
		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0))
			return -EINVAL;
		r = xtext_put_utf8(c, out);
	}
	return r;
}
