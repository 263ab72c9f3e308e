#include "verdict/auth_results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verdict/field_text.h"

/* token of RFC 2045, and what RFC 6532 adds. */
static bool
ar_token_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f &&
	       strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool
ar_is_token(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0' && ar_token_char(s[n]))
		n++;
	return n > 0 && s[n] == '\0';
}

/* What stands without quotes behind a property: a token, or two with an @ between
 * them, of which the first may be empty. */
static bool
ar_is_plain(const char *s)
{
	while (*s != '\0' && ar_token_char(*s))
		s++;
	return *s == '\0' || (*s == '@' && ar_is_token(s + 1));
}

/* Words of ours: letters, digits and what joins them. */
static void
ar_keyword(const char *s, char ret[static AUTH_KEYWORD_MAX + 1])
{
	size_t n = 0;

	for (; *s != '\0' && n < AUTH_KEYWORD_MAX; s++)
		ret[n++] = (*s >= 'a' && *s <= 'z') ||
					   (*s >= 'A' && *s <= 'Z') ||
					   (*s >= '0' && *s <= '9') || *s == '_'
				   ? *s
				   : '-';
	ret[n] = '\0';
}

static void
ar_named(struct field_text *t, const char *type, const char *name,
	 const char *text)
{
	char value[FIELD_VALUE_MAX + 1];
	char left[AUTH_KEYWORD_MAX + 1], right[AUTH_KEYWORD_MAX + 1];
	char word[sizeof(value) + sizeof(left) + sizeof(right) + 3];

	ar_keyword(type, left);
	ar_keyword(name, right);
	field_value(t, text, text[0] == '\0' ? ar_is_token : ar_is_plain,
		    value);
	snprintf(word, sizeof(word), "%s%s%s=%s", left,
		 left[0] != '\0' ? "." : "", right, value);
	field_text_word(t, word);
}

static void
ar_result(struct field_text *t, const struct auth_result *r)
{
	field_text_join(t, ";");
	field_text_fold(t);
	ar_named(t, "", r->method, r->result);
	if (r->comment != NULL)
		field_text_comment(t, r->comment);
	if (r->reason != NULL && r->reason[0] != '\0')
		ar_named(t, "", "reason", r->reason);
	for (size_t i = 0; i < r->n; i++)
		ar_named(t, r->props[i].type, r->props[i].name,
			 r->props[i].value);
}

int
auth_results_write(const struct auth_results *a, bool utf8, struct buf *out)
{
	char id[FIELD_VALUE_MAX + 1];
	struct field_text t;

	field_text_init(&t, AUTH_RESULTS_NAME, utf8, out);
	field_value(&t, a->authserv_id, ar_is_token, id);
	field_text_word(&t, id);
	for (size_t i = 0; i < a->n; i++)
		ar_result(&t, &a->v[i]);
	if (a->n == 0)
		field_text_join(&t, "; none");
	return field_text_end(&t);
}
