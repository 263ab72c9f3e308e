#include "mail/alias_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mail/mailboxes.h"

/* Of one entry with all its lines. */
#define AF_ENTRY_MAX ((size_t)1024 * 1024)

struct af {
	const char *file;
	const char *at, *end;
	int line; /* of what AT is in */
	struct arena *arena;
	struct conf_errors *errors;
	struct buf entry;      /* the lines of one, put together */
	struct conf_mark mark; /* where it began */
	size_t cap;
	struct conf_map map;
	bool ok;
};

/* --- lines ------------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3)))
af_error(struct af *af, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_error(af->errors, &af->mark, "%s", text);
	af->ok = false;
}

static bool
af_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line without its end. */
static bool
af_line(struct af *af, const char **ret, size_t *ret_len)
{
	const char *nl;

	if (af->at == af->end)
		return false;
	nl = memchr(af->at, '\n', (size_t)(af->end - af->at));
	*ret = af->at;
	*ret_len = (size_t)((nl != NULL ? nl : af->end) - af->at);
	af->at = nl != NULL ? nl + 1 : af->end;
	af->line++;
	return true;
}

/* Nothing but white space, or a comment. */
static bool
af_is_empty(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && af_is_blank(line[i]))
		i++;
	return i == len || line[i] == '#';
}

static void
af_begin(struct af *af)
{
	buf_clear(&af->entry);
	af->mark = (struct conf_mark){af->file, af->line, 1};
}

/* --- entries ----------------------------------------------------------------- */

static char *
af_trimmed(struct af *af, const char *s, size_t len)
{
	while (len > 0 && af_is_blank(*s)) {
		s++;
		len--;
	}
	while (len > 0 && af_is_blank(s[len - 1]))
		len--;
	return arena_strndup(af->arena, s, len);
}

/* Where S, outside of quotes, comments and <brackets>, has STOP; or LEN. */
static size_t
af_find(const char *s, size_t len, char stop)
{
	bool quoted = false, angle = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"' && depth == 0)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (s[i] == '(')
			depth++;
		else if (s[i] == ')' && depth > 0)
			depth--;
		else if (s[i] == '<' || s[i] == '>')
			angle = s[i] == '<';
		else if (s[i] == stop && depth == 0 && !angle)
			return i;
	}
	return len;
}

/* What Postfix would do with TEXT and we don't; NULL: it is an address. */
static const char *
af_is_more(const char *text)
{
	text += *text == '"';
	if (*text == '|')
		return "a command; write a route with `deliver: pipe`";
	if (*text == '/')
		return "a file; write a route with `deliver: maildir`";
	if (strncasecmp(text, ":include:", 9) == 0)
		return "a list in another file; write its addresses here";
	return NULL;
}

/* What a header's field may have beside MAILBOX, a group's name or an address
 * before the one in brackets, would get no mail and nobody told. */
static bool
af_is_alone(struct af *af, struct mailboxes *m, const char *text,
	    const struct mailbox *mailbox)
{
	struct mailbox second;
	const char *why;

	return af_find(text, mailbox->start, ':') == mailbox->start &&
	       af_find(text, mailbox->start, '@') == mailbox->start &&
	       mailboxes_next(m, af->arena, &second, &why) == 0;
}

static const char *
af_address(struct af *af, const char *text)
{
	const char *more = af_is_more(text), *why = "there is none";
	struct mailbox mailbox;
	struct mailboxes m;

	if (more != NULL) {
		af_error(af, "`%s` is %s", text, more);
		return NULL;
	}
	mailboxes_init(&m, text, strlen(text));
	if (mailboxes_next(&m, af->arena, &mailbox, &why) != 1) {
		af_error(af, "`%s` is no address: %s", text, why);
		return NULL;
	}
	if (af_is_alone(af, &m, text, &mailbox))
		return mailbox.text;
	af_error(af, "`%s` is more than an address; a comma goes between two",
		 text);
	return NULL;
}

static void
af_add(struct af *af, const char *name, const struct conf_strings *to)
{
	struct conf_map *map = &af->map;
	size_t n = map->n;

	if (n == af->cap) {
		struct conf_map old = *map;

		af->cap = af->cap > 0 ? 2 * af->cap : 16;
		map->names =
			arena_alloc(af->arena, af->cap * sizeof(*map->names));
		map->marks =
			arena_alloc(af->arena, af->cap * sizeof(*map->marks));
		map->v = arena_alloc(af->arena, af->cap * sizeof(*map->v));
		if (n > 0) {
			memcpy(map->names, old.names, n * sizeof(*old.names));
			memcpy(map->marks, old.marks, n * sizeof(*old.marks));
			memcpy(map->v, old.v, n * sizeof(*old.v));
		}
	}
	map->names[n] = arena_strdup(af->arena, name);
	map->marks[n] = af->mark;
	map->v[n] = *to;
	map->n++;
}

static void
af_targets(struct af *af, const char *s, size_t len, struct conf_strings *to)
{
	size_t max = 1, part;

	for (size_t i = 0; i < len; i++)
		max += s[i] == ',';
	to->v = arena_alloc(af->arena, max * sizeof(*to->v));
	to->marks = arena_alloc(af->arena, max * sizeof(*to->marks));
	for (; len > 0; s += part, len -= part) {
		const char *text, *address;

		part = af_find(s, len, ',');
		text = af_trimmed(af, s, part);
		part += part < len;
		if (text[0] == '\0')
			continue;
		address = af_address(af, text);
		if (address == NULL)
			continue;
		to->marks[to->n] = af->mark;
		to->v[to->n++] = arena_strdup(af->arena, address);
	}
}

/* The lines that were gathered. */
static void
af_entry(struct af *af)
{
	size_t len = af->entry.len, colon;
	const char *s = buf_str(&af->entry), *name;
	struct conf_strings to = {0};

	if (len == 0)
		return;
	if (memchr(s, '\0', len) != NULL) {
		af_error(af, "a NUL is no text");
		return;
	}
	colon = af_find(s, len, ':');
	if (colon == len) {
		af_error(af, "an entry is `name: address, address`");
		return;
	}
	name = af_trimmed(af, s, colon);
	af_targets(af, s + colon + 1, len - colon - 1, &to);
	af_add(af, name, &to);
}

int
alias_file_parse(const char *file, const char *data, size_t len,
		 struct arena *arena, struct conf_errors *errors,
		 struct conf_map *ret)
{
	struct af af = {
		.file = arena_strdup(arena, file),
		.at = data,
		.end = data + len,
		.arena = arena,
		.errors = errors,
		.ok = true,
	};
	const char *line;
	size_t line_len;

	buf_init(&af.entry, AF_ENTRY_MAX);
	while (af_line(&af, &line, &line_len)) {
		if (af_is_empty(line, line_len))
			continue;
		if (!af_is_blank(line[0])) {
			af_entry(&af);
			af_begin(&af);
		} else if (af.entry.len == 0) {
			af_begin(&af);
			af_error(&af, "a line that begins with a blank goes on "
				      "with an entry, and there is none");
			continue;
		}
		if (buf_append(&af.entry, line, line_len) < 0 ||
		    buf_append_char(&af.entry, ' ') < 0)
			af_error(&af, "an entry this long is not taken");
	}
	af_entry(&af);
	buf_done(&af.entry);
	if (!af.ok)
		return -EINVAL;
	*ret = af.map;
	return 0;
}
