#include "cli/postfix_map.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "cli/postfix_settings.h"

static const struct {
	const char *name;
	enum postfix_map_kind kind;
} pm_types[] = {
	{"hash", POSTFIX_MAP_KEYS},       {"btree", POSTFIX_MAP_KEYS},
	{"lmdb", POSTFIX_MAP_KEYS},       {"cdb", POSTFIX_MAP_KEYS},
	{"dbm", POSTFIX_MAP_KEYS},        {"texthash", POSTFIX_MAP_KEYS},
	{"regexp", POSTFIX_MAP_PATTERNS}, {"pcre", POSTFIX_MAP_PATTERNS},
	{"cidr", POSTFIX_MAP_NETWORKS},   {"inline", POSTFIX_MAP_KEYS},
	{"static", POSTFIX_MAP_STATIC},
};

int
postfix_read_file(void *arg, const char *path, struct buf *ret)
{
	char piece[65536];
	int fd = conf_file_open(path), r = 0;
	ssize_t n;

	(void)arg;
	if (fd < 0)
		return fd;
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) != 0)
		r = n < 0 ? -errno : buf_append(ret, piece, (size_t)n);
	close(fd);
	return r;
}

/* --- the text ------------------------------------------------------------ */

static void
pm_add(struct arena *a, struct postfix_map *m, const char *key,
       const char *value, size_t line)
{
	size_t cap = 64;

	while (cap < m->n)
		cap *= 2;
	if (m->n == 0 || m->n == cap) {
		struct postfix_map_entry *v =
			arena_alloc(a, 2 * cap * sizeof(*v));

		if (m->n > 0)
			memcpy(v, m->v, m->n * sizeof(*v));
		m->v = v;
	}
	if (m->n < POSTFIX_MAP_ENTRIES_MAX)
		m->v[m->n++] = (struct postfix_map_entry){
			.key = key, .value = value, .line = line};
}

/* Where the key at S ends: an expression goes to its closing slash and the
 * flags behind it. */
static size_t
pm_key_len(const struct postfix_map *m, const char *s)
{
	size_t len = 1;

	if (m->kind != POSTFIX_MAP_PATTERNS)
		return strcspn(s, " \t");
	while (s[len] != '\0' && s[len] != s[0])
		len += s[len] == '\\' && s[len + 1] != '\0' ? 2 : 1;
	return len + strcspn(s + len, " \t");
}

static void
pm_entry(struct arena *a, struct postfix_map *m, const char *text, size_t line)
{
	size_t len = pm_key_len(m, text);
	const char *value = text + len;

	pm_add(a, m, arena_strndup(a, text, len), value + strspn(value, " \t"),
	       line);
}

/* Lines; one that begins with a blank goes on with the one before. */
static void
pm_parse(struct arena *a, struct postfix_map *m, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	const char *logical = NULL;
	size_t first = 0;

	for (size_t n = 1; at < end; n++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t stop = (size_t)((nl != NULL ? nl : end) - at);
		char *line = arena_strndup(a, at, stop);
		size_t blank = strspn(line, " \t\r");

		at = nl != NULL ? nl + 1 : end;
		for (stop = strlen(line);
		     stop > 0 && isspace((unsigned char)line[stop - 1]);)
			line[--stop] = '\0';
		if (line[0] == '\0' || line[blank] == '#')
			continue;
		if (blank > 0) {
			if (logical != NULL)
				logical = arena_printf(a, "%.65535s %s",
						       logical, line + blank);
			continue;
		}
		if (logical != NULL)
			pm_entry(a, m, logical, first);
		logical = line;
		first = n;
	}
	if (logical != NULL)
		pm_entry(a, m, logical, first);
}

/* { {key = value}, key=value ... } */
static void
pm_inline(struct arena *a, struct postfix_map *m, const char *text)
{
	size_t len = strlen(text);
	struct postfix_list list;

	if (len < 2 || text[0] != '{' || text[len - 1] != '}') {
		m->kind = POSTFIX_MAP_UNKNOWN;
		m->why = "it is not between { and }";
		return;
	}
	list = postfix_list(a, arena_strndup(a, text + 1, len - 2));
	for (size_t i = 0; i < list.n; i++) {
		char *entry = arena_strdup(a, list.v[i]), *is, *key = entry;

		len = strlen(entry);
		if (entry[0] == '{' && entry[len - 1] == '}') {
			entry[len - 1] = '\0';
			key = entry + 1;
		}
		key += strspn(key, " \t");
		is = strchr(key, '=');
		if (is == NULL)
			continue;
		len = strcspn(key, " \t=");
		pm_add(a, m, arena_strndup(a, key, len),
		       is + 1 + strspn(is + 1, " \t"), 0);
	}
}

static void
pm_file(struct arena *a, struct postfix_map *m, postfix_read_fn *fn, void *arg)
{
	struct buf text;
	int r;

	buf_init(&text, POSTFIX_MAP_FILE_MAX);
	r = fn(arg, m->path, &text);
	if (r < 0) {
		m->kind = POSTFIX_MAP_UNKNOWN;
		m->why = arena_printf(a, "%s: %s", m->path, conf_file_error(r));
	} else {
		pm_parse(a, m, buf_str(&text), text.len);
	}
	buf_done(&text);
}

struct postfix_map *
postfix_map_read(struct arena *a, const char *spec, postfix_read_fn *fn,
		 void *arg)
{
	struct postfix_map *m = arena_alloc(a, sizeof(*m));
	const char *plain = strncmp(spec, "proxy:", 6) == 0 ? spec + 6 : spec;
	size_t len = strcspn(plain, ":");

	/* What stands in it may be a secret. */
	m->spec = strstr(spec, "inline:") || strstr(spec, "static:")
			  ? arena_printf(a, "%.*s:...", (int)len, plain)
			  : arena_strdup(a, spec);
	m->type = arena_strndup(a, plain, len);
	m->path = arena_strdup(a, plain[len] == ':' ? plain + len + 1 : "");
	m->kind = POSTFIX_MAP_UNKNOWN;
	for (size_t i = 0; i < sizeof(pm_types) / sizeof(pm_types[0]); i++)
		if (strcmp(pm_types[i].name, m->type) == 0)
			m->kind = pm_types[i].kind;
	if (m->kind == POSTFIX_MAP_UNKNOWN)
		m->why = arena_printf(a, "tables of the type %s are not read",
				      m->type);
	else if (strcmp(m->type, "inline") == 0)
		pm_inline(a, m, m->path);
	else if (m->kind == POSTFIX_MAP_STATIC)
		pm_add(a, m, "*", m->path, 0);
	else
		pm_file(a, m, fn, arg);
	return m;
}
