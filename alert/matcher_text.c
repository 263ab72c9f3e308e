#include <errno.h>
#include <string.h>

#include "alert/matcher.h"
#include "base/buf.h"
#include "base/xalloc.h"

/* --- one matcher ----------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static const char *
skip_space(const char *s)
{
	while (is_space(*s))
		s++;
	return s;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == ':';
}

/* The operator at *AT, which moves behind it. */
static bool
take_op(const char **at, enum matcher_op *ret)
{
	/* The longer one first: "=" begins "=~". */
	static const enum matcher_op order[] = {
		MATCHER_REGEX, MATCHER_NOT_REGEX, MATCHER_NOT_EQUAL,
		MATCHER_EQUAL};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const char *name = matcher_op_names[order[i]];

		if (strncmp(*at, name, strlen(name)) == 0) {
			*at += strlen(name);
			*ret = order[i];
			return true;
		}
	}
	return false;
}

/* The character at *AT, of which END is the end, with what a backslash makes of
 * it; a backslash before anything else is one, and so is the last. */
static char
take_char(const char **at, const char *end)
{
	char c = *(*at)++;

	if (c != '\\' || *at == end)
		return c;
	if (**at == 'n') {
		(*at)++;
		return '\n';
	}
	if (**at == '"' || **at == '\\')
		return *(*at)++;
	return c;
}

/* VALUE up to END as the value it stands for; false: a quote that is not
 * closed, or one inside. */
static bool
value_read(const char *value, const char *end, char *ret)
{
	bool quoted = value < end && *value == '"';

	value += quoted;
	while (value < end && *value != '"')
		*ret++ = take_char(&value, end);
	*ret = '\0';
	return quoted ? value + 1 == end : value == end;
}

static int
bad_format(const char *text, char **ret_why)
{
	*ret_why = xasprintf("\"%s\" is no matcher: write name=\"value\", or "
			     "with != =~ !~",
			     text);
	return -EINVAL;
}

int
matcher_parse(const char *text, struct arena *arena, struct matcher *ret,
	      char **ret_why)
{
	const char *name = skip_space(text), *at = name, *end;
	size_t name_len;
	enum matcher_op op;
	char *value;

	while (is_name_char(*at))
		at++;
	name_len = (size_t)(at - name);
	at = skip_space(at);
	if (name_len == 0 || !take_op(&at, &op))
		return bad_format(text, ret_why);
	at = skip_space(at);
	end = at + strlen(at);
	while (end > at && is_space(end[-1]))
		end--;
	value = arena_alloc(arena, (size_t)(end - at) + 1);
	if (!value_read(at, end, value)) {
		*ret_why =
			xasprintf("a quote of \"%s\" has no other one", text);
		return -EINVAL;
	}
	return matcher_set(op, arena_strndup(arena, name, name_len), value,
			   arena, ret, ret_why);
}

/* --- a list ---------------------------------------------------------------- */

/* The end of the matcher at S: a comma outside of quotes, or END. */
static const char *
matcher_end(const char *s, const char *end)
{
	bool quoted = false;

	for (; s < end && (quoted || *s != ','); s++) {
		if (*s == '\\' && s + 1 < end && (s[1] == '"' || s[1] == '\\'))
			s++;
		else if (*s == '"')
			quoted = !quoted;
	}
	return s;
}

/* As many as there can be between the commas of TEXT. */
static size_t
count_most(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n < MATCHERS_MAX ? n : MATCHERS_MAX;
}

static int
parse_list(const char *at, const char *end, struct arena *arena,
	   struct matchers *m, char **ret_why)
{
	while (at < end) {
		const char *next = matcher_end(at, end);
		char *one = arena_strndup(arena, at, (size_t)(next - at));

		if (m->n == MATCHERS_MAX) {
			*ret_why = xasprintf("more than %d matchers",
					     MATCHERS_MAX);
			return -EINVAL;
		}
		if (matcher_parse(one, arena, &m->v[m->n], ret_why) < 0)
			return -EINVAL;
		m->n++;
		at = next + (next < end);
	}
	return 0;
}

int
matchers_parse(const char *text, struct arena *arena, struct matchers *ret,
	       char **ret_why)
{
	const char *at = text, *end = text + strlen(text);
	struct matchers m = {.n = 0};

	if (at < end && *at == '{')
		at++;
	if (at < end && end[-1] == '}')
		end--;
	m.v = arena_alloc(arena, count_most(text) * sizeof(m.v[0]));
	if (parse_list(at, end, arena, &m, ret_why) < 0) {
		matchers_done(&m);
		return -EINVAL;
	}
	*ret = m;
	return 0;
}

/* --- and back -------------------------------------------------------------- */

static void
add_text(struct buf *out, const struct matcher *m)
{
	buf_printf(out, "%s%s\"", m->name, matcher_op_names[m->op]);
	for (const char *s = m->value; *s != '\0'; s++) {
		if (*s == '\n') {
			buf_append_str(out, "\\n");
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, *s);
	}
	buf_append_char(out, '"');
}

static const char *
text_take(struct buf *out, struct arena *arena)
{
	char *text = arena_strndup(arena, buf_str(out), out->len);

	buf_done(out);
	return text;
}

const char *
matcher_text(const struct matcher *m, struct arena *arena)
{
	struct buf out;

	buf_init(&out, MATCHERS_TEXT_MAX);
	add_text(&out, m);
	return text_take(&out, arena);
}

const char *
matchers_text(const struct matchers *m, struct arena *arena)
{
	struct buf out;

	buf_init(&out, MATCHERS_TEXT_MAX);
	for (size_t i = 0; i < m->n; i++) {
		if (i > 0)
			buf_append_str(&out, ", ");
		add_text(&out, &m->v[i]);
	}
	return text_take(&out, arena);
}
