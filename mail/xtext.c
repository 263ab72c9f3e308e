#include "mail/xtext.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

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

/* The hexchar at S; -1: it is none, or stands for nothing printable. */
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
	return c >= ' ' && c <= '~' ? c : -1;
}

int
xtext_decode(const char *s, size_t len, struct arena *arena, const char **ret)
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
	*ret = out;
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
