#include "cli/postfix_settings.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

#define EXPAND_DEPTH 12

/* What Postfix has without being told, where others speak of it. */
static const struct {
	const char *name, *value;
} ps_defaults[] = {
	{"myorigin", "$myhostname"},
	{"mydestination", "$myhostname, localhost.$mydomain, localhost"},
};

/* --- reading ------------------------------------------------------------- */

static bool
ps_is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* The line at *AT without its end and the blanks there; *AT goes behind. */
static char *
ps_line(struct arena *a, const char **at, const char *end)
{
	const char *begin = *at;
	const char *nl = memchr(begin, '\n', (size_t)(end - begin));
	const char *stop = nl != NULL ? nl : end;

	*at = nl != NULL ? nl + 1 : end;
	while (stop > begin && isspace((unsigned char)stop[-1]))
		stop--;
	return arena_strndup(a, begin, (size_t)(stop - begin));
}

static bool
ps_is_setting(char *line, const char **ret_name, const char **ret_value)
{
	char *at = line;

	while (ps_is_name(*at))
		at++;
	*ret_name = line;
	*ret_value = strchr(at, '=');
	if (at == line || *ret_value == NULL ||
	    strspn(at, " \t") != (size_t)(*ret_value - at))
		return false;
	*at = '\0';
	++*ret_value;
	*ret_value += strspn(*ret_value, " \t");
	return true;
}

/* What is written later counts. */
static struct postfix_setting *
ps_add(struct postfix_settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	if (s->n == POSTFIX_SETTINGS_MAX)
		return NULL;
	s->v[s->n].name = name;
	return &s->v[s->n++];
}

int
postfix_settings_parse(const char *text, size_t len, struct postfix_settings *s,
		       size_t *ret_line)
{
	struct postfix_setting *last = NULL;
	const char *at = text, *end = text + len;

	memset(s, 0, sizeof(*s));
	arena_init(&s->arena);
	s->v = arena_alloc(&s->arena, POSTFIX_SETTINGS_MAX * sizeof(*s->v));
	for (size_t n = 1; at < end; n++) {
		char *line = ps_line(&s->arena, &at, end);
		const char *name, *value;

		if (line[strspn(line, " \t")] == '\0' ||
		    line[strspn(line, " \t")] == '#')
			continue;
		*ret_line = n;
		if (isspace((unsigned char)*line)) {
			if (last == NULL)
				return -EINVAL;
			last->value = arena_printf(&s->arena, "%s%s",
						   last->value, line);
			if (strlen(last->value) > POSTFIX_VALUE_MAX)
				return -E2BIG;
			continue;
		}
		if (!ps_is_setting(line, &name, &value))
			return -EINVAL;
		last = ps_add(s, name);
		if (last == NULL)
			return -E2BIG;
		last->value = value;
	}
	return 0;
}

void
postfix_settings_done(struct postfix_settings *s)
{
	arena_done(&s->arena);
	s->v = NULL;
	s->n = 0;
}

/* --- $name --------------------------------------------------------------- */

static void ps_expand(struct postfix_settings *s, const char *text,
		      unsigned depth, struct buf *out);

static const char *
ps_raw(struct postfix_settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return s->v[i].value;
	for (size_t i = 0; i < sizeof(ps_defaults) / sizeof(ps_defaults[0]);
	     i++)
		if (strcmp(ps_defaults[i].name, name) == 0)
			return ps_defaults[i].value;
	return NULL;
}

/* Postfix takes it from the host's name. */
static void
ps_mydomain(struct postfix_settings *s, unsigned depth, struct buf *out)
{
	const char *host = ps_raw(s, "myhostname"), *dot;
	struct buf name;

	buf_init(&name, 256);
	if (host != NULL)
		ps_expand(s, host, depth, &name);
	dot = strchr(buf_str(&name), '.');
	(void)buf_append_str(out, dot != NULL ? dot + 1 : "localdomain");
	buf_done(&name);
}

/* "name", "name?text", "name:text" between braces. */
static void
ps_named(struct postfix_settings *s, const char *text, unsigned depth,
	 struct buf *out)
{
	size_t len = strcspn(text, "?:");
	const char *name = arena_strndup(&s->arena, text, len);
	const char *value = ps_raw(s, name), *then = text + len + 1;
	bool set = value != NULL && value[0] != '\0';

	if (text[len] == '\0') {
		if (value != NULL)
			ps_expand(s, value, depth, out);
		else if (strcmp(name, "mydomain") == 0)
			ps_mydomain(s, depth, out);
		return;
	}
	if ((text[len] == '?') == set)
		ps_expand(s, then, depth, out);
}

/* The end of what the bracket OPEN at S begins; its end when none does. */
static const char *
ps_closing(const char *s, char open, char close)
{
	unsigned depth = 0;

	for (; *s != '\0'; s++) {
		if (*s == open)
			depth++;
		else if (*s == close && --depth == 0)
			break;
	}
	return s;
}

/* S stands behind a $. */
static const char *
ps_reference(struct postfix_settings *s, const char *at, unsigned depth,
	     struct buf *out)
{
	const char *end = at;

	if (*at == '$') {
		(void)buf_append_char(out, '$');
		return at + 1;
	}
	if (*at == '{' || *at == '(') {
		end = ps_closing(at, *at, *at == '{' ? '}' : ')');
		ps_named(s,
			 arena_strndup(&s->arena, at + 1,
				       (size_t)(end - at - 1)),
			 depth + 1, out);
		return *end != '\0' ? end + 1 : end;
	}
	while (ps_is_name(*end))
		end++;
	ps_named(s, arena_strndup(&s->arena, at, (size_t)(end - at)), depth + 1,
		 out);
	return end;
}

static void
ps_expand(struct postfix_settings *s, const char *text, unsigned depth,
	  struct buf *out)
{
	if (depth > EXPAND_DEPTH)
		return;
	while (*text != '\0' && out->len < out->max) {
		size_t len = strcspn(text, "$");

		if (buf_append(out, text, len) < 0)
			return;
		text += len;
		if (*text == '$')
			text = ps_reference(s, text + 1, depth, out);
	}
}

const char *
postfix_expand(struct postfix_settings *s, const char *text)
{
	struct buf out;
	char *value;

	buf_init(&out, POSTFIX_VALUE_MAX);
	ps_expand(s, text, 0, &out);
	value = arena_strdup(&s->arena, buf_str(&out));
	buf_done(&out);
	return value;
}

const char *
postfix_get(struct postfix_settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0) {
			s->v[i].seen = true;
			return postfix_expand(s, s->v[i].value);
		}
	return NULL;
}

/* --- lists --------------------------------------------------------------- */

static const char *
ps_word_end(const char *s)
{
	const char *end = s;

	while (*end != '\0' && strchr(" \t\r\n,", *end) == NULL) {
		if (*end == '{')
			end = ps_closing(end, '{', '}');
		if (*end != '\0')
			end++;
	}
	return end;
}

struct postfix_list
postfix_list(struct arena *a, const char *text)
{
	struct postfix_list list = {0};

	list.v = arena_alloc(a, (strlen(text) / 2 + 1) * sizeof(*list.v));
	for (;;) {
		const char *end;

		text += strspn(text, " \t\r\n,");
		if (*text == '\0')
			return list;
		end = ps_word_end(text);
		list.v[list.n++] = arena_strndup(a, text, (size_t)(end - text));
		text = end;
	}
}
