#include "mail/html_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"

struct html {
	const char *at, *end;
	struct buf *out; /* borrowed */
	bool blank;      /* there is one to come, before a word */
	int error;
};

static void
html_put(struct html *h, const char *s, size_t len)
{
	if (h->error == 0)
		h->error = buf_append(h->out, s, len);
}

static bool
html_at_line_start(const struct html *h)
{
	return h->out->len == 0 || h->out->data[h->out->len - 1] == '\n';
}

/* A piece of a word. */
static void
html_word(struct html *h, const char *s, size_t len)
{
	if (h->blank && !html_at_line_start(h))
		html_put(h, " ", 1);
	h->blank = false;
	html_put(h, s, len);
}

/* At most one empty line. */
static void
html_break(struct html *h)
{
	const char *s = h->out->data;
	size_t n = h->out->len;

	h->blank = false;
	if (n > 0 && (n < 2 || s[n - 1] != '\n' || s[n - 2] != '\n'))
		html_put(h, "\n", 1);
}

/* --- entities ---------------------------------------------------------------- */

static size_t
html_utf8(uint32_t c, char ret[static 4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* What NAME stands for; 0: nobody knows. */
static uint32_t
html_entity(const char *name)
{
	static const struct {
		const char *name;
		uint32_t c;
	} known[] = {
		{"amp", '&'},      {"lt", '<'},       {"gt", '>'},
		{"quot", '"'},     {"apos", '\''},    {"nbsp", ' '},
		{"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026},
		{"copy", 0xa9},    {"reg", 0xae},     {"deg", 0xb0},
		{"euro", 0x20ac},  {"bull", 0x2022},  {"rarr", 0x2192},
		{"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},
		{"Auml", 0xc4},    {"Ouml", 0xd6},    {"Uuml", 0xdc},
		{"szlig", 0xdf},   {"eacute", 0xe9},  {"egrave", 0xe8},
	};
	unsigned long c;

	if (name[0] == '#') {
		bool hex = ascii_lower(name[1]) == 'x';

		c = strtoul(name + (hex ? 2 : 1), NULL, hex ? 16 : 10);
		return c == 0xa0 ? ' '
		       : c >= ' ' && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff)
			       ? (uint32_t)c
			       : 0;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].c;
	return 0;
}

/* At a "&": what it is, or the character itself. */
static void
html_reference(struct html *h)
{
	char name[12], text[4];
	size_t n = 0;
	uint32_t c;

	while (n < sizeof(name) - 1 && h->at + 1 + n < h->end &&
	       (h->at[1 + n] == '#' ||
		(h->at[1 + n] >= '0' && h->at[1 + n] <= '9') ||
		(ascii_lower(h->at[1 + n]) >= 'a' &&
		 ascii_lower(h->at[1 + n]) <= 'z'))) {
		name[n] = h->at[1 + n];
		n++;
	}
	name[n] = '\0';
	c = n > 0 && h->at + 1 + n < h->end && h->at[1 + n] == ';'
		    ? html_entity(name)
		    : 0;
	if (c == 0) {
		html_word(h, "&", 1);
		h->at++;
		return;
	}
	h->at += n + 2;
	if (c == ' ')
		h->blank = true;
	else
		html_word(h, text, html_utf8(c, text));
}

/* --- tags -------------------------------------------------------------------- */

static bool
html_is(const char *tag, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(tag, *names) == 0)
			return true;
	return false;
}

/* Behind "</TAG", or the end. */
static void
html_skip_to_end(struct html *h, const char *tag)
{
	size_t n = strlen(tag);

	for (; h->at < h->end; h->at++) {
		const char *lt = memchr(h->at, '<', (size_t)(h->end - h->at));

		if (lt == NULL)
			break;
		h->at = lt;
		if ((size_t)(h->end - lt) > n + 2 && lt[1] == '/' &&
		    strncasecmp(lt + 2, tag, n) == 0)
			return;
	}
	h->at = h->end;
}

/* Behind the ">" that ends a tag; quotes in it may hold others. */
static void
html_skip_tag(struct html *h)
{
	char quote = '\0';

	for (; h->at < h->end; h->at++) {
		char c = *h->at;

		if (quote != '\0') {
			quote = c == quote ? '\0' : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			h->at++;
			return;
		}
	}
}

static void
html_comment(struct html *h)
{
	const char *end = memmem(h->at, (size_t)(h->end - h->at), "-->", 3);

	h->at = end != NULL ? end + 3 : h->end;
}

/* At a "<" that begins a tag. */
static void
html_tag(struct html *h)
{
	static const char *const hidden[] = {"script", "style", "head", "title",
					     NULL};
	static const char *const lines[] = {"div", "tr", "li", "hr", NULL};
	static const char *const blocks[] = {
		"br", "p",  "ul", "ol", "table", "h1",         "h2",
		"h3", "h4", "h5", "h6", "pre",   "blockquote", NULL};
	const char *start = h->at + 1;
	bool ends = start < h->end && *start == '/';
	char tag[12];
	size_t n = 0;

	start += ends;
	while (n < sizeof(tag) - 1 && start + n < h->end &&
	       ((ascii_lower(start[n]) >= 'a' &&
		 ascii_lower(start[n]) <= 'z') ||
		(n > 0 && start[n] >= '0' && start[n] <= '9'))) {
		tag[n] = ascii_lower(start[n]);
		n++;
	}
	tag[n] = '\0';
	html_skip_tag(h);
	if (!ends && html_is(tag, hidden))
		html_skip_to_end(h, tag);
	else if (html_is(tag, blocks) ||
		 (html_is(tag, lines) && !html_at_line_start(h)))
		html_break(h);
	else if (strcmp(tag, "td") == 0 || strcmp(tag, "th") == 0)
		h->blank = true;
}

static bool
html_begins_tag(const struct html *h)
{
	char c = h->at + 1 < h->end ? ascii_lower(h->at[1]) : '\0';

	return (c >= 'a' && c <= 'z') || c == '/' || c == '!' || c == '?';
}

int
html_text(const char *html, size_t len, struct buf *out)
{
	struct html h = {.at = html, .end = html + len, .out = out};

	while (h.at < h.end && h.error == 0) {
		char c = *h.at;

		if (c == '<' && h.end - h.at >= 4 &&
		    memcmp(h.at, "<!--", 4) == 0) {
			html_comment(&h);
		} else if (c == '<' && html_begins_tag(&h)) {
			html_tag(&h);
		} else if (c == '&') {
			html_reference(&h);
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			h.blank = true;
			h.at++;
		} else {
			html_word(&h, &c, 1);
			h.at++;
		}
	}
	return h.error;
}
