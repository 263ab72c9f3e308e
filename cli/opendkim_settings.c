#include "cli/opendkim_settings.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/conf.h"

#define INCLUDE_DEPTH 5

static const char blanks[] = " \t\r\f\v";

static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, blanks);
	for (len = strlen(s); len > 0 && strchr(blanks, s[len - 1]);)
		s[--len] = '\0';
	return s;
}

/* --- lines --------------------------------------------------------------- */

struct lines {
	const char *at, *end;
	size_t line;
};

/* The next line as its first word and the rest, without a comment and the blanks
 * around; false: there is none left. An empty one has an empty word. */
static bool
lines_next(struct lines *l, struct arena *a, const char **ret_word,
	   const char **ret_rest)
{
	const char *nl;
	char *line, *rest;
	size_t len;

	if (l->at == l->end)
		return false;
	nl = memchr(l->at, '\n', (size_t)(l->end - l->at));
	len = nl != NULL ? (size_t)(nl - l->at) : (size_t)(l->end - l->at);
	line = arena_strndup(a, l->at, len);
	l->at += len + (nl != NULL);
	l->line++;
	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	rest = line + strcspn(line, blanks);
	if (*rest != '\0')
		*rest++ = '\0';
	*ret_word = line;
	*ret_rest = rest + strspn(rest, blanks);
	return true;
}

/* --- the settings -------------------------------------------------------- */

static int os_parse(struct opendkim_settings *s, const char *path,
		    const char *text, size_t len, unsigned depth);

static int
os_fail(struct opendkim_settings *s, const char *path, size_t line,
	const char *why)
{
	s->path = arena_strdup(&s->arena, path);
	s->line = line;
	s->why = why;
	return -EINVAL;
}

static int
os_include(struct opendkim_settings *s, const char *path, size_t line,
	   const char *name, unsigned depth)
{
	struct buf text;
	int r;

	if (depth == INCLUDE_DEPTH)
		return os_fail(s, path, line, "files include one another");
	buf_init(&text, POSTFIX_MAP_FILE_MAX);
	r = s->read(s->read_arg, name, &text);
	if (r < 0)
		r = os_fail(s, path, line,
			    arena_printf(&s->arena, "%s: %s", name,
					 conf_file_error(r)));
	else
		r = os_parse(s, name, buf_str(&text), text.len, depth + 1);
	buf_done(&text);
	return r;
}

static struct opendkim_setting *
os_add(struct opendkim_settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->v[i].name, name) == 0)
			return &s->v[i];
	if (s->n == OPENDKIM_SETTINGS_MAX)
		return NULL;
	s->v[s->n].name = name;
	return &s->v[s->n++];
}

static int
os_parse(struct opendkim_settings *s, const char *path, const char *text,
	 size_t len, unsigned depth)
{
	struct lines l = {text, text + len, 0};
	const char *name, *value;
	struct opendkim_setting *setting;
	int r = 0;

	while (r == 0 && lines_next(&l, &s->arena, &name, &value)) {
		if (*name == '\0')
			continue;
		if (*value == '\0')
			return os_fail(s, path, l.line,
				       "this is no setting of opendkim.conf");
		if (strcasecmp(name, "Include") == 0) {
			r = os_include(s, path, l.line, value, depth);
			continue;
		}
		setting = os_add(s, name);
		if (setting == NULL)
			return os_fail(s, path, l.line,
				       "there are more than anybody has");
		setting->value = value;
	}
	return r;
}

int
opendkim_settings_parse(const char *path, const char *text, size_t len,
			postfix_read_fn *read, void *read_arg,
			struct opendkim_settings *s)
{
	*s = (struct opendkim_settings){.read = read, .read_arg = read_arg};
	arena_init(&s->arena);
	s->v = arena_alloc(&s->arena, OPENDKIM_SETTINGS_MAX * sizeof(*s->v));
	return os_parse(s, path, text, len, 0);
}

void
opendkim_settings_done(struct opendkim_settings *s)
{
	arena_done(&s->arena);
	s->v = NULL;
	s->n = 0;
}

const char *
opendkim_get(const struct opendkim_settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->v[i].name, name) == 0)
			return s->v[i].value;
	return NULL;
}

bool
opendkim_is_yes(const char *value)
{
	return value != NULL && strchr("yYtT1", value[0]) != NULL;
}

/* --- data sets ----------------------------------------------------------- */

static void
od_add(struct opendkim_settings *s, struct opendkim_dataset *d, const char *key,
       const char *value, size_t line)
{
	struct opendkim_entry *more;

	if ((d->n & (d->n - 1)) == 0) { /* the next power of two */
		more = arena_alloc(&s->arena, 2 * (d->n + 1) * sizeof(*more));
		if (d->n > 0)
			memcpy(more, d->v, d->n * sizeof(*more));
		d->v = more;
	}
	d->v[d->n++] = (struct opendkim_entry){key, value, line};
}

static void
od_read(struct opendkim_settings *s, struct opendkim_dataset *d)
{
	const char *key, *value;
	struct lines l;
	struct buf text;
	int r;

	buf_init(&text, POSTFIX_MAP_FILE_MAX);
	r = s->read(s->read_arg, d->path, &text);
	if (r < 0)
		d->why = arena_printf(&s->arena, "%s: %s", d->path,
				      conf_file_error(r));
	l = (struct lines){buf_str(&text), buf_str(&text) + text.len, 0};
	while (d->why == NULL && lines_next(&l, &s->arena, &key, &value)) {
		if (*key == '\0')
			continue;
		if (d->n == OPENDKIM_ENTRIES_MAX)
			d->why = arena_printf(&s->arena,
					      "%s has more entries than "
					      "anybody has",
					      d->path);
		od_add(s, d, key, value, l.line);
	}
	buf_done(&text);
}

/* item = key [ "=" value ] */
static void
od_items(struct opendkim_settings *s, struct opendkim_dataset *d,
	 const char *text)
{
	char *rest = arena_strdup(&s->arena, text), *item;

	while ((item = strsep(&rest, ",")) != NULL) {
		char *value = item, *key = strsep(&value, "=");

		key = trim(key);
		if (d->n == OPENDKIM_ENTRIES_MAX)
			return;
		if (*key != '\0')
			od_add(s, d, key, value != NULL ? trim(value) : "", 0);
	}
}

/* Where WORD leads S, behind it; else NULL. */
static const char *
behind(const char *s, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(s, word, len) == 0 ? s + len : NULL;
}

/* "dsn:mysql://..." */
static const char *
od_other(struct opendkim_settings *s, const char *value)
{
	static const char *const kinds[] = {
		"db:",  "dsn:", "erlang:",   "ldap:",   "ldapi:", "ldaps:",
		"lua:", "mdb:", "memcache:", "repute:", "socket:"};
	size_t len = strlen(value);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (behind(value, kinds[i]) != NULL)
			return arena_printf(&s->arena,
					    "data sets of the type %.*s are "
					    "not read",
					    (int)strlen(kinds[i]) - 1,
					    kinds[i]);
	if (len > 3 && strcmp(value + len - 3, ".db") == 0)
		return "data sets of the type db are not read";
	return NULL;
}

void
opendkim_dataset(struct opendkim_settings *s, const char *value,
		 struct opendkim_dataset *ret)
{
	const char *file = behind(value, "file:");
	const char *patterns = behind(value, "refile:");
	const char *items = behind(value, "csl:");

	*ret = (struct opendkim_dataset){.patterns = patterns != NULL};
	ret->path = patterns != NULL ? patterns : file;
	if (ret->path == NULL && items == NULL) {
		ret->why = od_other(s, value);
		if (value[0] == '/')
			ret->path = value;
	}
	if (ret->why != NULL)
		return;
	if (ret->path != NULL)
		od_read(s, ret);
	else
		od_items(s, ret, items != NULL ? items : value);
}
