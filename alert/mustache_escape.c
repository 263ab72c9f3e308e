/*
 * mustache_escape - a value, made harmless for the place where it goes.
 */
#include <stdio.h>
#include <string.h>

#include "alert/mustache.h"
#include "base/utf8.h"

/* What C becomes in HTML; NULL: it stays. The number for the apostrophe, as
 * not every reader knows its name. */
static const char *
html_entity(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* RFC 8259, 7. The line separators are allowed there, but not everywhere that
 * JSON goes. */
static const char *
json_escape(uint32_t c, char code[static 8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		if (c >= ' ' && c != 0x7f && c != 0x2028 && c != 0x2029)
			return NULL;
		snprintf(code, 8, "\\u%04x", (unsigned)c & 0xffff);
		return code;
	}
}

static bool
is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0);
}

static bool
is_line_end(uint32_t c)
{
	return c == '\n' || c == 0x2028 || c == 0x2029;
}

static bool
is_unreserved(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != 0 && c < 0x80 && strchr("-._~", (int)c) != NULL);
}

/* What stands for C instead; NULL: C itself. */
static const char *
replacement(uint32_t c, enum mustache_escape escape, char code[static 8])
{
	const char *entity;

	switch (escape) {
	case MUSTACHE_HTML:
		entity = html_entity(c);
		if (entity != NULL)
			return entity;
		break;
	case MUSTACHE_SLACK:
		if (c == '&' || c == '<' || c == '>')
			return html_entity(c);
		return json_escape(c, code);
	case MUSTACHE_JSON:
		return json_escape(c, code);
	case MUSTACHE_LINE:
		if (c == '\t' || c == '\r' || is_line_end(c))
			return " ";
		break;
	case MUSTACHE_PLAIN:
	case MUSTACHE_URL:
	case MUSTACHE_NESCAPE:
		break;
	}
	if (c == '\r')
		return "";
	return is_control(c) && c != '\n' && c != '\t' ? " " : NULL;
}

static int
write_url(const char *s, size_t len, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++)
		r = is_unreserved((unsigned char)s[i])
			    ? buf_append_char(out, s[i])
			    : buf_printf(out, "%%%02X", (unsigned char)s[i]);
	return r;
}

int
mustache_write(const char *text, enum mustache_escape escape, struct buf *out)
{
	const char *kept = text; /* from here on nothing is written yet */
	size_t len = strlen(text), n;
	int r = 0;

	if (escape == MUSTACHE_URL)
		return write_url(text, len, out);
	for (; len > 0 && r == 0; text += n, len -= n) {
		const char *instead = "\xef\xbf\xbd";
		char code[8];
		uint32_t c;

		n = utf8_next(text, len, &c);
		if (n > 0)
			instead = replacement(c, escape, code);
		else
			n = 1;
		if (instead == NULL)
			continue;
		r = buf_append(out, kept, (size_t)(text - kept));
		if (r == 0)
			r = buf_append_str(out, instead);
		kept = text + n;
	}
	return r < 0 ? r : buf_append(out, kept, (size_t)(text - kept));
}
