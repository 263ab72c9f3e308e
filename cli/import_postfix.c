#include "cli/import_postfix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "config/config.h"

/* --- what the parts use -------------------------------------------------- */

void
import_put(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)buf_vprintf(b, fmt, ap); /* what is too long is no YAML then */
	va_end(ap);
}

/* Was the line from BEGIN on said already? */
static bool
import_is_said(struct import *im, size_t begin)
{
	const char *line = arena_strdup(im->arena, buf_str(&im->notes) + begin);
	const char *first = strstr(buf_str(&im->notes), line);

	return first != NULL && first < im->notes.data + begin;
}

void
import_note(struct import *im, const char *name, const char *fmt, ...)
{
	size_t begin = im->notes.len;
	va_list ap;

	if (im->nnotes++ >= IMPORT_NOTES_MAX)
		return;
	import_put(&im->notes, "- %s: ", name);
	va_start(ap, fmt);
	(void)buf_vprintf(&im->notes, fmt, ap);
	va_end(ap);
	import_put(&im->notes, "\n");
	if (begin > 0 && import_is_said(im, begin)) {
		im->notes.len = begin;
		im->notes.data[begin] = '\0';
		im->nnotes--;
	}
}

static bool
import_is_plain(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@";

	return s[0] != '\0' && strspn(s, safe) == strlen(s) &&
	       strchr("-@", s[0]) == NULL;
}

/* What YAML does not take as it is. */
static void
import_quote_char(struct buf *b, uint32_t c)
{
	if (c == '"' || c == '\\')
		import_put(b, "\\%c", (int)c);
	else
		import_put(b, "\\U%08x", (unsigned)c);
}

static bool
import_is_printable(uint32_t c)
{
	if (c == '"' || c == '\\' || c < ' ' || utf8_is_turn(c))
		return false;
	return c < 0x7f || (c >= 0xa0 && c != 0xfeff && c < 0xd800 &&
			    c != 0x2028 && c != 0x2029);
}

const char *
import_quote(struct import *im, const char *s)
{
	const char *quoted;
	struct buf b;

	if (import_is_plain(s))
		return s;
	buf_init(&b, IMPORT_TEXT_MAX);
	import_put(&b, "\"");
	while (*s != '\0') {
		uint32_t c;
		size_t n = utf8_next(s, strlen(s), &c);

		if (n == 0) {
			c = (unsigned char)*s;
			import_quote_char(&b, c);
			n = 1;
		} else if (!import_is_printable(c)) {
			import_quote_char(&b, c);
		} else {
			import_put(&b, "%s%.*s",
				   c == '$' && s[1] == '{' ? "$" : "", (int)n,
				   s);
		}
		s += n;
	}
	import_put(&b, "\"");
	quoted = arena_strdup(im->arena, buf_str(&b));
	buf_done(&b);
	return quoted;
}

static struct import_tables *
import_read_tables(struct import *im, const char *name)
{
	const char *value = postfix_get(&im->settings, name);
	struct postfix_list list =
		postfix_list(im->arena, value != NULL ? value : "");
	struct import_tables *t = arena_alloc(im->arena, sizeof(*t));

	t->name = arena_strdup(im->arena, name);
	t->v = arena_alloc(im->arena, (list.n + 1) * sizeof(*t->v));
	for (size_t i = 0; i < list.n; i++) {
		struct postfix_map *m = postfix_map_read(
			im->arena, list.v[i], im->read, im->read_arg);

		if (m->kind == POSTFIX_MAP_UNKNOWN)
			import_note(im, name, "%s was not read: %s", m->spec,
				    m->why);
		else
			t->v[t->n++] = m;
	}
	t->next = im->tables;
	im->tables = t;
	return t;
}

struct postfix_map **
import_maps(struct import *im, const char *name, size_t *ret_n)
{
	struct import_tables *t = im->tables;

	while (t != NULL && strcmp(t->name, name) != 0)
		t = t->next;
	if (t == NULL)
		t = import_read_tables(im, name);
	*ret_n = t->n;
	return t->v;
}

struct postfix_map_entry *
import_find_entry(struct import *im, const char *name, const char *key,
		  const struct postfix_map **ret_map)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++)
			if (maps[i]->kind == POSTFIX_MAP_STATIC ||
			    (maps[i]->kind == POSTFIX_MAP_KEYS &&
			     strcasecmp(maps[i]->v[k].key, key) == 0)) {
				*ret_map = maps[i];
				return &maps[i]->v[k];
			}
	return NULL;
}

void
import_each_address(struct import *im, const char *name,
		    void (*fn)(struct import *im, const char *name,
			       const struct postfix_map *map,
			       const struct postfix_map_entry *entry))
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	for (int domains = 0; domains < 2; domains++)
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < maps[i]->n; k++)
				if ((maps[i]->v[k].key[0] == '@') ==
				    (domains == 1))
					fn(im, name, maps[i], &maps[i]->v[k]);
}

/* --- the whole ----------------------------------------------------------- */

static struct buf *
import_bufs(struct import *im, size_t i)
{
	struct buf *const all[] = {
		&im->top,         &im->networks,  &im->listeners, &im->limits,
		&im->domain_list, &im->aliases,   &im->rewrite,   &im->routes,
		&im->smarthost,   &im->by_sender, &im->by_domain, &im->delivery,
		&im->notes,       &im->secrets,
	};

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

void
import_init(struct import *im, postfix_read_fn *fn, void *arg)
{
	memset(im, 0, sizeof(*im));
	arena_init(&im->settings.arena);
	im->arena = &im->settings.arena;
	im->read = fn;
	im->read_arg = arg;
	for (size_t i = 0; import_bufs(im, i) != NULL; i++)
		buf_init(import_bufs(im, i), IMPORT_TEXT_MAX);
}

void
import_done(struct import *im)
{
	for (size_t i = 0; import_bufs(im, i) != NULL; i++)
		buf_done(import_bufs(im, i));
	HASH_CLEAR(hh, im->domains);
	postfix_settings_done(&im->settings);
}

static void
import_rest(struct import *im)
{
	for (size_t i = 0; i < im->settings.n; i++) {
		const struct postfix_setting *s = &im->settings.v[i];

		if (!s->seen)
			import_note(im, s->name,
				    "nothing here is like it; see what you "
				    "used it for");
	}
}

void
import_section(struct buf *out, const char *key, const struct buf *text)
{
	if (text->len > 0)
		import_put(out, "%s:\n%s", key, text->data);
}

static void
import_write(struct import *im, struct buf *out)
{
	import_put(out, "# Made of Postfix's settings by `belfry import "
			"postfix`.\n");
	if (im->secrets.len > 0)
		import_put(out,
			   "#\n# Passwords are not in it. As root, on the "
			   "machine that has Postfix:\n#\n%s\n",
			   im->secrets.data);
	import_put(out, "hostname: %s\n%s", import_quote(im, im->hostname),
		   buf_str(&im->top));
	import_section(out, "networks", &im->networks);
	import_section(out, "listeners", &im->listeners);
	import_section(out, "limits", &im->limits);
	import_section(out, "domains", &im->domain_list);
	if (im->domain_list.len > 0)
		import_put(out, "postmaster: %s\n",
			   import_quote(im, im->postmaster));
	import_section(out, "aliases", &im->aliases);
	import_section(out, "rewrite", &im->rewrite);
	import_section(out, "routes", &im->routes);
	if (im->smarthost.len + im->by_sender.len + im->by_domain.len +
		    im->delivery.len >
	    0)
		import_put(out, "delivery:\n");
	import_section(out, "  smarthost", &im->smarthost);
	import_section(out, "  by_sender", &im->by_sender);
	import_section(out, "  by_domain", &im->by_domain);
	import_put(out, "%s", buf_str(&im->delivery));
}

/* With `domains` somebody must be it. */
static void
import_postmaster(struct import *im)
{
	if (im->domain_list.len == 0 || im->postmaster_named)
		return;
	if (im->postmaster == NULL)
		im->postmaster = arena_printf(im->arena, "postmaster@%s",
					      im->domains->name);
	import_note(im, "postmaster",
		    "no table says who reads its mail; %s "
		    "is a guess",
		    im->postmaster);
}

int
import_postfix(struct import *im, const char *text, size_t len,
	       struct buf *ret_yaml, size_t *ret_line)
{
	struct postfix_settings *s = &im->settings;
	int r;

	postfix_settings_done(s);
	r = postfix_settings_parse(text, len, s, ret_line);
	if (r < 0)
		return r;
	for (const struct import_row *row = import_rows; row->name; row++) {
		const char *value = postfix_get(s, row->name);

		if (row->fn != NULL && (value != NULL || row->always))
			row->fn(im, row->name, value);
		else if (value != NULL && row->fn == NULL &&
			 row->why[0] != '\0')
			import_note(im, row->name, "%s", row->why);
	}
	import_rest(im);
	import_postmaster(im);
	import_write(im, ret_yaml);
	return 0;
}
