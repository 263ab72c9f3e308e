#include "deliver/template.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/must.h"

/* Above what a text of TEMPLATE_TEXT_MAX can become. */
#define TEMPLATE_MAX ((size_t)1 << 20)

const char *const template_names[] = {
	[TEMPLATE_TO] = "to",         [TEMPLATE_LOCAL] = "local",
	[TEMPLATE_DOMAIN] = "domain", [TEMPLATE_EXTENSION] = "extension",
	[TEMPLATE_FROM] = "from",     NULL,
};

/* --- values ------------------------------------------------------------------ */

/* `"a \"b"` without its quotes. */
static const char *
tp_unquote(const char *s, size_t len, struct arena *arena)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = 0;

	for (size_t i = 1; i + 1 < len; i++) {
		if (s[i] == '\\' && i + 2 < len)
			i++;
		out[n++] = s[i];
	}
	return out;
}

void
template_values_init(struct template_values *values, const char *sender,
		     const char *rcpt, char delimiter, struct arena *arena)
{
	const char *at = strrchr(rcpt, '@'), *ext = NULL;
	size_t len = at ? (size_t)(at - rcpt) : strlen(rcpt);

	values->v[TEMPLATE_FROM] = sender;
	values->v[TEMPLATE_TO] = rcpt;
	values->v[TEMPLATE_DOMAIN] = at ? at + 1 : "";
	values->v[TEMPLATE_EXTENSION] = "";
	if (rcpt[0] == '"') {
		values->v[TEMPLATE_LOCAL] = tp_unquote(rcpt, len, arena);
		return;
	}
	/* As the patterns see it: not at the beginning. */
	if (delimiter != '\0' && len > 1)
		ext = memchr(rcpt + 1, delimiter, len - 1);
	if (ext) {
		values->v[TEMPLATE_EXTENSION] = arena_strndup(
			arena, ext + 1, len - (size_t)(ext + 1 - rcpt));
		len = (size_t)(ext - rcpt);
	}
	values->v[TEMPLATE_LOCAL] = arena_strndup(arena, rcpt, len);
}

void
template_values_lower(struct template_values *values, struct arena *arena)
{
	for (size_t i = 0; i < TEMPLATE_NNAME; i++) {
		char *copy = arena_strdup(arena, values->v[i]);

		ascii_lower_str(copy);
		values->v[i] = copy;
	}
}

/* --- texts --------------------------------------------------------------------- */

/* The word between braces at S, which begins with one: its length with them;
 * 0: it is none. */
static size_t
tp_word(const char *s)
{
	size_t n = strspn(s + 1, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && s[1 + n] == '}' ? n + 2 : 0;
}

static int
tp_find(const char *word, size_t len)
{
	for (int i = 0; i < TEMPLATE_NNAME; i++)
		if (strlen(template_names[i]) == len - 2 &&
		    memcmp(template_names[i], word + 1, len - 2) == 0)
			return i;
	return -1;
}

/* The next word of TEXT, from AT on; NULL: there is none. */
static const char *
tp_next(const char *at, size_t *ret_len)
{
	while ((at = strchr(at, '{')) != NULL) {
		if (at[1] == '{') {
			at += 2;
			continue;
		}
		*ret_len = tp_word(at);
		if (*ret_len > 0)
			return at;
		at++;
	}
	return NULL;
}

bool
template_check(const char *text, unsigned allowed, const char **ret_bad,
	       size_t *ret_len)
{
	size_t len;

	for (const char *at = text; (at = tp_next(at, &len)) != NULL;
	     at += len) {
		int name = tp_find(at, len);

		if (name >= 0 && (allowed & 1u << name) != 0)
			continue;
		*ret_bad = at;
		*ret_len = len;
		return false;
	}
	return true;
}

unsigned
template_used(const char *text)
{
	unsigned used = 0;
	size_t len;

	for (const char *at = text; (at = tp_next(at, &len)) != NULL;
	     at += len) {
		int name = tp_find(at, len);

		if (name >= 0)
			used |= 1u << name;
	}
	return used;
}

/* One step of TEXT at AT into OUT; where it goes on. */
static const char *
tp_step(const char *at, const struct template_values *values, struct buf *out)
{
	size_t len = at[0] == '{' ? tp_word(at) : 0;
	int name = len > 0 ? tp_find(at, len) : -1;

	if (at[0] == '{' && at[1] == '{') {
		must(buf_append_char(out, '{') == 0);
		return at + 2;
	}
	if (name >= 0) {
		must(buf_append_str(out, values->v[name]) == 0);
		return at + len;
	}
	must(buf_append_char(out, *at) == 0);
	return at + 1;
}

const char *
template_expand(const char *text, const struct template_values *values,
		struct arena *arena)
{
	struct buf out;
	const char *copy;

	buf_init(&out, TEMPLATE_MAX);
	for (const char *at = text; *at != '\0';)
		at = tp_step(at, values, &out);
	copy = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return copy;
}

const char *
template_fixed(const char *text, struct arena *arena)
{
	static const struct template_values none;
	size_t len;
	const char *at = tp_next(text, &len);

	if (at != NULL)
		text = arena_strndup(arena, text, (size_t)(at - text));
	return template_expand(text, &none, arena);
}
