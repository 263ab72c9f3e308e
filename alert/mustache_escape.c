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
	case '\t':
		return "\\t";
	default:
		if (c != 0x2028 && c != 0x2029)
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

/* What C becomes wherever it goes; NULL: it stays. */
static const char *
tamed(uint32_t c, bool lines)
{
	if (utf8_is_turn(c))
		return "";
	if (is_line_end(c))
		return lines ? NULL : " ";
	if (c == '\r' && lines)
		return "";
	return is_control(c) && c != '\t' ? " " : NULL;
}

/* What stands for C instead; NULL: C itself. */
static const char *
replacement(uint32_t c, enum mustache_escape escape, bool lines,
	    char code[static 8])
{
	const char *instead = tamed(c, lines && escape != MUSTACHE_LINE);

	if (instead != NULL)
		return instead;
	switch (escape) {
	case MUSTACHE_HTML:
		return html_entity(c);
	case MUSTACHE_SLACK:
		if (c == '&' || c == '<' || c == '>')
			return html_entity(c);
		return json_escape(c, code);
	case MUSTACHE_JSON:
		return json_escape(c, code);
	case MUSTACHE_LINE:
		return c == '\t' ? " " : NULL;
	case MUSTACHE_PLAIN:
	case MUSTACHE_URL:
	case MUSTACHE_NESCAPE:
		break;
	}
	return NULL;
}

static int
write_piece(const char *s, size_t len, enum mustache_escape escape,
	    struct buf *out)
{
	int r = 0;

	if (escape != MUSTACHE_URL)
		return buf_append(out, s, len);
	for (size_t i = 0; i < len && r == 0; i++)
		r = is_unreserved((unsigned char)s[i])
			    ? buf_append_char(out, s[i])
			    : buf_printf(out, "%%%02X", (unsigned char)s[i]);
	return r;
}

static int
write_value(const char *text, enum mustache_escape escape, bool lines,
	    struct buf *out)
{
	const char *kept = text; /* from here on nothing is written yet */
	size_t len = strlen(text), n;
	int r = 0;

	for (; len > 0 && r == 0; text += n, len -= n) {
		const char *instead = "\xef\xbf\xbd";
		char code[8];
		uint32_t c;

		n = utf8_next(text, len, &c);
		if (n > 0)
			instead = replacement(c, escape, lines, code);
		n = n > 0 ? n : 1;
		if (instead == NULL)
			continue;
		r = write_piece(kept, (size_t)(text - kept), escape, out);
		if (r == 0)
			r = write_piece(instead, strlen(instead), escape, out);
		kept = text + n;
	}
	return r < 0 ? r
		     : write_piece(kept, (size_t)(text - kept), escape, out);
}

int
mustache_write(const char *text, enum mustache_escape escape, struct buf *out)
{
	return write_value(text, escape, false, out);
}

int
mustache_write_lines(const char *text, enum mustache_escape escape,
		     struct buf *out)
{
	return write_value(text, escape, true, out);
}
