#include "verdict/field_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define COLUMNS_MAX 78
#define TAB_COLUMNS 8

void
field_text_init(struct field_text *t, const char *name, bool utf8,
		struct buf *buf)
{
	*t = (struct field_text){.buf = buf,
				 .utf8 = utf8,
				 .column = strlen(name) + 1,
				 .before = buf->len};
}

int
field_text_end(struct field_text *t)
{
	if (t->error < 0 && t->buf->data != NULL) {
		t->buf->len = t->before;
		t->buf->data[t->before] = '\0';
	}
	return t->error;
}

void
field_text_join(struct field_text *t, const char *s)
{
	if (t->error == 0)
		t->error = buf_append_str(t->buf, s);
	t->column += strlen(s);
	t->fresh = false;
}

void
field_text_fold(struct field_text *t)
{
	field_text_join(t, "\r\n\t");
	t->column = TAB_COLUMNS;
	t->fresh = true;
}

void
field_text_word(struct field_text *t, const char *word)
{
	if (!t->fresh && t->column + 1 + strlen(word) > COLUMNS_MAX)
		field_text_fold(t);
	if (!t->fresh)
		field_text_join(t, " ");
	field_text_join(t, word);
}

/* S with control characters, what is no UTF-8 and, unless it is wanted, all
 * beyond ASCII as `?`; cut. */
static void
ft_clean(const char *s, bool utf8, char ret[static FIELD_TEXT_MAX + 1])
{
	size_t len = strlen(s), n = 0, step;
	uint32_t c;

	for (; len > 0; s += step, len -= step) {
		size_t width = utf8_next(s, len, &c);

		step = width > 0 ? width : 1;
		if (n + step > FIELD_TEXT_MAX)
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
}

/* The words of S, with OPEN before the first and CLOSE behind the last. */
static void
ft_words(struct field_text *t, const char *s, const char *open,
	 const char *close)
{
	char word[FIELD_TEXT_MAX + 3];

	s += strspn(s, " ");
	while (*s != '\0') {
		size_t len = strcspn(s, " ");
		const char *next = s + len + strspn(s + len, " ");

		snprintf(word, sizeof(word), "%s%.*s%s", open, (int)len, s,
			 *next == '\0' ? close : "");
		field_text_word(t, word);
		open = "";
		s = next;
	}
}

void
field_text_words(struct field_text *t, const char *text)
{
	char clean[FIELD_TEXT_MAX + 1];

	ft_clean(text, t->utf8, clean);
	ft_words(t, clean, "", "");
}

void
field_text_comment(struct field_text *t, const char *text)
{
	char clean[FIELD_TEXT_MAX + 1];

	ft_clean(text, t->utf8, clean);
	/* Readers that know no nesting and no quoting must find its end. */
	for (char *c = clean; *c != '\0'; c++)
		if (strchr("()\\;\"", *c) != NULL)
			*c = *c == ';' ? ',' : '\'';
	ft_words(t, clean, "(", ")");
}

void
field_value(const struct field_text *t, const char *s,
	    bool (*is_plain)(const char *s),
	    char ret[static FIELD_VALUE_MAX + 1])
{
	char clean[FIELD_TEXT_MAX + 1];
	size_t n = 0;

	ft_clean(s, t->utf8, clean);
	if (is_plain(clean)) {
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
