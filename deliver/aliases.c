#include "deliver/aliases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "base/must.h"

enum alias_mark { ALIAS_NEW, ALIAS_ON_PATH, ALIAS_CHECKED };

struct alias_impl {
	UT_hash_handle hh;
	struct alias *alias;
	enum alias_mark mark;
	size_t depth, total; /* once checked */
};

struct aliases {
	const struct alias_domains *domains; /* borrowed */
	struct arena *arena;                 /* borrowed */
	struct alias_impl *by_name;          /* hash; in ARENA */
};

/* --- whose names ------------------------------------------------------------- */

static int
al_compare(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

bool
alias_domain_is_ours(const struct alias_domains *d, const char *domain)
{
	const struct conf_strings *s = &d->domains;

	return s->n > 0 &&
	       bsearch(&domain, s->v, s->n, sizeof(*s->v), al_compare) != NULL;
}

/* `hostname` or localhost. */
static bool
al_domain_is_host(const struct alias_domains *d, const char *domain)
{
	return strcasecmp(domain, "localhost") == 0 ||
	       strcasecmp(domain, d->hostname) == 0;
}

/* --- looking up ---------------------------------------------------------------- */

static const struct alias *
al_get(const struct aliases *t, const char *name)
{
	struct alias_impl *found;

	HASH_FIND_STR(t->by_name, name, found);
	return found != NULL ? found->alias : NULL;
}

/* LOCAL at DOMAIN, then LOCAL alone. */
static const struct alias *
al_get_either(const struct aliases *t, const char *local, const char *domain)
{
	char text[ADDRESS_MAX];
	const struct alias *a = NULL;
	size_t len = strlen(local), dlen = strlen(domain);

	if (dlen > 0 && len + 1 + dlen < sizeof(text)) {
		memcpy(text, local, len);
		text[len] = '@';
		memcpy(text + len + 1, domain, dlen + 1);
		a = al_get(t, text);
	}
	return a != NULL ? a : al_get(t, local);
}

const struct alias *
aliases_find(const struct aliases *t, const struct address *a)
{
	const struct alias_domains *d = t->domains;
	char local[ADDRESS_MAX];
	const struct alias *found;
	size_t len, base;

	if (a->domain[0] != '\0' && !alias_domain_is_ours(d, a->domain) &&
	    !al_domain_is_host(d, a->domain))
		return NULL;
	address_local_key(a->local, local, sizeof(local));
	found = al_get_either(t, local, a->domain);
	if (found != NULL)
		return found;
	len = strlen(local);
	base = address_base_len(local, len, d->delimiter);
	if (base == len || a->local[0] == '"')
		return NULL;
	local[base] = '\0';
	return al_get_either(t, local, a->domain);
}

const struct alias *
aliases_next(const struct aliases *t, const struct alias *a)
{
	const struct alias_impl *next =
		a == NULL ? t->by_name : a->impl->hh.next;

	return next != NULL ? next->alias : NULL;
}

/* --- making the table -------------------------------------------------------- */

/* A name as it is kept, or NULL after saying why not. */
static const char *
al_name(struct aliases *t, const char *name, const struct conf_mark *mark,
	struct conf_errors *errors)
{
	char local[ADDRESS_MAX];
	struct address a;
	const char *why;

	if (address_parse_bare(name, t->arena, &a, &why) < 0) {
		conf_error(errors, mark, "alias `%s`: %s", name, why);
		return NULL;
	}
	if (a.domain[0] != '\0' &&
	    !alias_domain_is_ours(t->domains, a.domain) &&
	    !al_domain_is_host(t->domains, a.domain)) {
		conf_error(errors, mark,
			   "alias `%s`: %s is not one of `domains`, and not "
			   "this host",
			   name, a.domain);
		return NULL;
	}
	address_local_key(a.local, local, sizeof(local));
	if (a.domain[0] == '\0')
		return arena_strdup(t->arena, local);
	return arena_printf(t->arena, "%s@%s", local, a.domain);
}

static struct alias *
al_add(struct aliases *t, const char *name, size_t n,
       const struct conf_mark *mark)
{
	struct alias *a = arena_alloc(t->arena, sizeof(*a));

	a->impl = arena_alloc(t->arena, sizeof(*a->impl));
	a->impl->alias = a;
	a->name = name;
	a->to = arena_alloc(t->arena, (n + 1) * sizeof(*a->to));
	a->mark = *mark;
	if (mark->file != NULL)
		a->mark.file = arena_strdup(t->arena, mark->file);
	HASH_ADD_KEYPTR(hh, t->by_name, a->name, strlen(a->name), a->impl);
	return a;
}

static void
al_twice(const char *text, const struct alias *old,
	 const struct conf_mark *mark, struct conf_errors *errors)
{
	if (old->mark.file == NULL)
		conf_error(errors, mark,
			   "alias `%s`: who that is says the key `postmaster`",
			   text);
	else
		conf_error(errors, mark,
			   "alias `%s` is given twice; the first is in line %d "
			   "of %s",
			   text, old->mark.line, old->mark.file);
}

static bool
al_add_targets(struct aliases *t, struct alias *a, const char *text,
	       const struct conf_strings *to, struct conf_errors *errors)
{
	const char *why;
	bool ok = true;

	for (size_t i = 0; i < to->n; i++) {
		if (address_parse_bare(to->v[i], t->arena, &a->to[a->n],
				       &why) == 0) {
			a->n++;
			continue;
		}
		conf_error(errors, &to->marks[i],
			   "alias `%s`: `%s` is no address: %s", text, to->v[i],
			   why);
		ok = false;
	}
	return ok;
}

static bool
al_add_entry(struct aliases *t, const char *text, const struct conf_strings *to,
	     const struct conf_mark *mark, bool of_file,
	     struct conf_errors *errors)
{
	const char *name = al_name(t, text, mark, errors);
	const struct alias *old;

	if (name == NULL)
		return false;
	old = al_get(t, name);
	/* Every system's file has a postmaster. */
	if (old != NULL && old->mark.file == NULL && of_file)
		return true;
	if (old != NULL) {
		al_twice(text, old, mark, errors);
		return false;
	}
	if (to->n == 0) {
		conf_error(errors, mark, "alias `%s` stands for nobody", text);
		return false;
	}
	return al_add_targets(t, al_add(t, name, to->n, mark), text, to,
			      errors);
}

static bool
al_add_map(struct aliases *t, const struct conf_map *map, bool of_file,
	   struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < map->n; i++)
		ok = al_add_entry(t, map->names[i], &map->v[i], &map->marks[i],
				  of_file, errors) &&
		     ok;
	return ok;
}

static void
al_add_postmaster(struct aliases *t, const char *postmaster)
{
	static const struct conf_mark nowhere;
	struct alias *a;
	const char *why;

	if (postmaster[0] == '\0')
		return;
	a = al_add(t, "postmaster", 1, &nowhere);
	must(address_parse(postmaster, t->arena, &a->to[0], &why) == 0);
	a->n = 1;
}

/* --- what can't be resolved ------------------------------------------------------ */

static bool al_check(struct aliases *t, struct alias_impl *a, size_t level,
		     struct conf_errors *errors);

/* The names that A leads to. */
static bool
al_check_names(struct aliases *t, struct alias_impl *a, size_t level,
	       struct conf_errors *errors)
{
	for (size_t i = 0; i < a->alias->n; i++) {
		const struct alias *to = aliases_find(t, &a->alias->to[i]);

		if (to == NULL || to == a->alias) {
			a->total++;
			continue;
		}
		if (!al_check(t, to->impl, level + 1, errors))
			return false;
		if (to->impl->depth + 1 > a->depth)
			a->depth = to->impl->depth + 1;
		a->total += to->impl->total;
		if (a->total > ALIASES_TOTAL)
			a->total = ALIASES_TOTAL + 1;
	}
	return true;
}

/* The ceiling on chains is also that of these calls. */
static bool
al_check(struct aliases *t, struct alias_impl *a, size_t level,
	 struct conf_errors *errors)
{
	const struct conf_mark *mark = &a->alias->mark;
	const char *name = a->alias->name;

	if (a->mark == ALIAS_CHECKED)
		return true;
	if (a->mark == ALIAS_ON_PATH) {
		conf_error(errors, mark, "alias `%s` leads back to itself",
			   name);
		return false;
	}
	a->mark = ALIAS_ON_PATH;
	a->depth = 1;
	if (level < ALIASES_DEPTH && !al_check_names(t, a, level, errors))
		return false;
	a->mark = ALIAS_CHECKED;
	if (level >= ALIASES_DEPTH || a->depth > ALIASES_DEPTH)
		conf_error(errors, mark,
			   "alias `%s` leads over more than %d names", name,
			   ALIASES_DEPTH);
	else if (a->total > ALIASES_TOTAL)
		conf_error(errors, mark,
			   "alias `%s` stands for more than %d addresses", name,
			   ALIASES_TOTAL);
	else
		return true;
	return false;
}

int
aliases_init(const struct alias_sources *from, struct arena *arena,
	     struct conf_errors *errors, struct aliases **ret)
{
	struct aliases *t = arena_alloc(arena, sizeof(*t));
	bool ok;

	t->domains = from->domains;
	t->arena = arena;
	*ret = t;
	al_add_postmaster(t, from->postmaster);
	ok = al_add_map(t, from->own, false, errors);
	ok = al_add_map(t, from->file, true, errors) && ok;
	for (struct alias_impl *a = t->by_name; ok && a != NULL; a = a->hh.next)
		ok = al_check(t, a, 0, errors);
	return ok ? 0 : -EINVAL;
}

void
aliases_done(struct aliases **tp)
{
	struct aliases *t = *tp;

	*tp = NULL;
	if (t != NULL)
		HASH_CLEAR(hh, t->by_name);
}
