#include "verdict/auth_results.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define LINE_MAX_COLUMNS 78
#define TAB_COLUMNS      8
/* Of one value or comment: also where each octet needs a backslash, its line
 * stays below 998. */
#define TEXT_MAX 400

/* A field as it grows: words, with folding between them. */
struct ar_out {
	struct buf *buf;
	bool utf8;
	bool folded; /* nothing stands in the line yet */
	size_t column;
	int error;
};

static void
ao_put(struct ar_out *out, const char *s, size_t len)
{
	if (out->error == 0)
		out->error = buf_append(out->buf, s, len);
	out->column += len;
	out->folded = false;
}

static void
ao_fold(struct ar_out *out)
{
	ao_put(out, "\r\n\t", 3);
	out->column = TAB_COLUMNS;
	out->folded = true;
}

/* A word, behind a space or in a line of its own. */
static void
ao_word(struct ar_out *out, const char *word)
{
	size_t len = strlen(word);

	if (!out->folded && out->column + 1 + len > LINE_MAX_COLUMNS)
		ao_fold(out);
	if (!out->folded)
		ao_put(out, " ", 1);
	ao_put(out, word, len);
}

/* --- what may stand where ------------------------------------------------------ */

/* S with control characters, what is no UTF-8 and, unless it is wanted, all
 * beyond ASCII as `?`; cut at TEXT_MAX octets. */
static size_t
ar_clean(const char *s, bool utf8, char ret[static TEXT_MAX + 1])
{
	size_t len = strlen(s), n = 0, step;
	uint32_t c;

	for (; len > 0; s += step, len -= step) {
		size_t width = utf8_next(s, len, &c);

		step = width > 0 ? width : 1;
		if (n + step > TEXT_MAX)
			break;
		if (width == 1 && c >= ' ' && c != 0x7f) {
			ret[n++] = *s;
		} else if (width > 1 && utf8 && c >= 0xa0) {
			memcpy(ret + n, s, width);
			n += width;
		} else {
			ret[n++] = '?';
		}
	}
	ret[n] = '\0';
	return n;
}

/* token of RFC 2045, and what RFC 6532 adds. */
static bool
ar_token_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f &&
	       strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* A token, or with AT_OK two with an @ between them, of which the first may be
 * empty: what stands without quotes. */
static bool
ar_plain(const char *s, bool at_ok)
{
	unsigned ats = at_ok ? 0 : 1;

	for (const char *p = s; *p != '\0'; p++) {
		if (*p == '@' ? ats++ > 0 : !ar_token_char(*p))
			return false;
	}
	return s[0] != '\0' && s[strlen(s) - 1] != '@';
}

/* S as a value: plain, or a quoted string. */
static void
ar_value(const char *s, bool utf8, bool at_ok,
	 char ret[static 2 * TEXT_MAX + 3])
{
	char clean[TEXT_MAX + 1];
	size_t n = 0;

	ar_clean(s, utf8, clean);
	if (ar_plain(clean, at_ok)) {
		memcpy(ret, clean, strlen(clean) + 1);
		return;
	}
	ret[n++] = '"';
	for (const char *p = clean; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			ret[n++] = '\\';
		ret[n++] = *p;
	}
	ret[n++] = '"';
	ret[n] = '\0';
}

/* Words of ours: letters, digits and what joins them. */
static void
ar_keyword(const char *s, char *ret, size_t size)
{
	size_t n = 0;

	for (; *s != '\0' && n + 1 < size; s++)
		ret[n++] = (*s >= 'a' && *s <= 'z') ||
					   (*s >= 'A' && *s <= 'Z') ||
					   (*s >= '0' && *s <= '9') || *s == '_'
				   ? *s
				   : '-';
	ret[n] = '\0';
}

/* --- the parts ----------------------------------------------------------------- */

static void
ao_comment(struct ar_out *out, const char *text)
{
	char clean[TEXT_MAX + 1], word[TEXT_MAX + 4];
	const char *open = "(", *p = clean;

	ar_clean(text, out->utf8, clean);
	/* Readers that know no nesting and no quoting must find its end. */
	for (char *c = clean; *c != '\0'; c++)
		if (strchr("()\\;\"", *c) != NULL)
			*c = *c == ';' ? ',' : '\'';
	p += strspn(p, " ");
	while (*p != '\0') {
		size_t len = strcspn(p, " ");
		const char *next = p + len + strspn(p + len, " ");

		snprintf(word, sizeof(word), "%s%.*s%s", open, (int)len, p,
			 *next == '\0' ? ")" : "");
		ao_word(out, word);
		open = "";
		p = next;
	}
}

static void
ao_named(struct ar_out *out, const char *type, const char *name,
	 const char *text)
{
	char value[2 * TEXT_MAX + 3];
	char left[AUTH_KEYWORD_MAX + 1], right[AUTH_KEYWORD_MAX + 1];
	char word[sizeof(value) + sizeof(left) + sizeof(right) + 3];

	ar_keyword(type, left, sizeof(left));
	ar_keyword(name, right, sizeof(right));
	ar_value(text, out->utf8, true, value);
	snprintf(word, sizeof(word), "%s%s%s=%s", left,
		 left[0] != '\0' ? "." : "", right, value);
	ao_word(out, word);
}

static void
ao_result(struct ar_out *out, const struct auth_result *r)
{
	ao_put(out, ";", 1);
	ao_fold(out);
	ao_named(out, "", r->method, r->result);
	if (r->comment != NULL)
		ao_comment(out, r->comment);
	if (r->reason != NULL && r->reason[0] != '\0')
		ao_named(out, "", "reason", r->reason);
	for (size_t i = 0; i < r->n; i++)
		ao_named(out, r->props[i].type, r->props[i].name,
			 r->props[i].value);
}

int
auth_results_write(const struct auth_results *a, bool utf8, struct buf *out)
{
	struct ar_out ao = {
		.buf = out, .utf8 = utf8, .column = sizeof(AUTH_RESULTS_NAME)};
	char id[2 * TEXT_MAX + 3];
	size_t before = out->len;

	ar_value(a->authserv_id, utf8, false, id);
	ao_word(&ao, id);
	for (size_t i = 0; i < a->n; i++)
		ao_result(&ao, &a->v[i]);
	if (a->n == 0)
		ao_put(&ao, "; none", strlen("; none"));
	if (ao.error < 0 && out->data != NULL) {
		out->len = before;
		out->data[before] = '\0';
	}
	return ao.error;
}
