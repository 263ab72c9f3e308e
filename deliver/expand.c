#include "deliver/expand.h"

#include <string.h>

#include "deliver/aliases.h"
#include "deliver/local_names.h"
#include "deliver/route_impl.h"
#include "deliver/routes_conf.h"

const char *const expand_result_names[] = {
	[EXPAND_OK] = "ok",
	[EXPAND_NO_DOMAIN] = "no_domain",
	[EXPAND_FOREIGN] = "foreign",
	[EXPAND_SOURCE] = "source",
	[EXPAND_UNKNOWN] = "unknown",
	[EXPAND_EXCLUDED] = "excluded",
	NULL,
};

#define EXPAND_DEPTH (ALIASES_DEPTH + 2)

struct expand {
	const struct routing *r;
	const char *sender;
	struct arena *arena;
	struct expansion *out;
	size_t cap;
	enum expand_result bad; /* of the first that can't be delivered */
	bool copies;            /* what is added now was named by a route */
	/* The aliases that led here: one that lists itself is not followed. */
	const struct alias *path[EXPAND_DEPTH];
	size_t depth;
};

static struct expanded *
ex_room(struct expand *ex)
{
	struct expansion *out = ex->out;
	struct expanded *more;

	if (out->n == ex->cap) {
		ex->cap = ex->cap > 0 ? 4 * ex->cap : 2;
		more = arena_alloc(ex->arena, ex->cap * sizeof(*more));
		if (out->n > 0)
			memcpy(more, out->v, out->n * sizeof(*more));
		out->v = more;
	}
	return &out->v[out->n];
}

static void
ex_fail(struct expand *ex, enum expand_result why)
{
	if (ex->bad == EXPAND_OK)
		ex->bad = why;
}

static void
ex_deliver(struct expand *ex, const struct address *a)
{
	struct address to = *a;
	struct route route;

	if (to.domain[0] == '\0')
		to.domain = ex->r->origin;
	to.domain = arena_strdup(ex->arena, to.domain); /* the route names it */
	if (route_find(ex->r, ex->sender, &to, &route) < 0) {
		ex_fail(ex, rt_is_closed(ex->r, to.domain) ? EXPAND_UNKNOWN
							   : EXPAND_EXCLUDED);
		return;
	}
	if (route.entry != NULL &&
	    !local_takes(route.entry, address_text(&to, ex->arena),
			 routing_delimiter(ex->r), ex->arena)) {
		ex_fail(ex, EXPAND_UNKNOWN);
		return;
	}
	if (ex->out->n == EXPAND_MAX) {
		ex_fail(ex, EXPAND_TOO_MANY);
		return;
	}
	*ex_room(ex) = (struct expanded){
		.address = address_text(&to, ex->arena),
		.copy = ex->copies,
		.route = route,
	};
	ex->out->n++;
}

static bool
ex_on_path(const struct expand *ex, const struct alias *alias)
{
	for (size_t i = 0; i < ex->depth; i++)
		if (ex->path[i] == alias)
			return true;
	return false;
}

/* "anna: anna, copy@..." is for whatever address of anna's it was. */
static bool
ex_is_itself(const struct routing *r, const struct alias *alias,
	     const struct address *to)
{
	return to->domain[0] == '\0' && aliases_find(r->aliases, to) == alias;
}

static void
ex_follow(struct expand *ex, const struct address *a)
{
	const struct alias *alias = aliases_find(ex->r->aliases, a);

	if (alias == NULL || ex_on_path(ex, alias) ||
	    ex->depth == EXPAND_DEPTH) {
		ex_deliver(ex, a);
		return;
	}
	ex->path[ex->depth++] = alias;
	for (size_t i = 0; i < alias->n; i++)
		if (ex_is_itself(ex->r, alias, &alias->to[i]))
			ex_deliver(ex, a);
		else
			ex_follow(ex, &alias->to[i]);
	ex->depth--;
}

/* "user%other", "other!user" and "user@other" in quotes: a host behind us might
 * send it on, though we would not. */
static bool
ex_names_host(const char *local)
{
	char text[ADDRESS_MAX];

	address_local_key(local, text, sizeof(text));
	return strpbrk(text, "%!@") != NULL;
}

static enum expand_result
ex_stranger_may(const struct routing *r, const struct address *rcpt)
{
	bool bare = rcpt->domain[0] == '\0';

	if (bare && aliases_find(r->aliases, rcpt) == NULL)
		return EXPAND_NO_DOMAIN;
	if (bare && strcasecmp(rcpt->local, "postmaster") != 0)
		return EXPAND_NO_DOMAIN;
	if (!bare && !routing_is_ours(r, rcpt->domain))
		return EXPAND_FOREIGN;
	return ex_names_host(rcpt->local) ? EXPAND_SOURCE : EXPAND_OK;
}

/* Did a route that came before ask for the same copies? */
static bool
ex_has_copies(const struct expand *ex, size_t n, const struct route_rule *rule)
{
	for (size_t i = 0; i < n; i++)
		if (ex->out->v[i].route.entry == rule)
			return true;
	return false;
}

/* A copy has no copies of its own. */
static void
ex_add_copies(struct expand *ex)
{
	size_t named = ex->out->n;

	ex->copies = true;
	for (size_t i = 0; i < named; i++) {
		const struct route_rule *rule = ex->out->v[i].route.entry;

		if (rule == NULL || ex_has_copies(ex, i, rule))
			continue;
		for (size_t n = 0; n < rule->bcc.n; n++)
			ex_follow(ex, &rule->copies[n]);
	}
}

enum expand_result
expand_rcpt(const struct routing *r, const char *sender,
	    const struct address *rcpt, bool trusted, struct arena *arena,
	    struct expansion *ret)
{
	struct expand ex = {
		.r = r, .sender = sender, .arena = arena, .out = ret};
	enum expand_result no = trusted ? EXPAND_OK : ex_stranger_may(r, rcpt);

	*ret = (struct expansion){0};
	if (no != EXPAND_OK)
		return no;
	ex_follow(&ex, rcpt);
	if (ex.bad == EXPAND_OK)
		ex_add_copies(&ex);
	return ex.bad;
}

/* --- what the configuration promises ------------------------------------------- */

/* The first address that A names and there is no way to, or NULL. */
static const char *
ex_dead_end(const struct routing *r, const struct alias *a, struct arena *arena)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct alias *to = aliases_find(r->aliases, &a->to[i]);
		struct expansion out = {0};
		struct expand ex = {
			.r = r, .sender = "", .arena = arena, .out = &out};

		if ((to != NULL && to != a) || ex_is_itself(r, a, &a->to[i]))
			continue; /* it is told of by itself */
		ex_deliver(&ex, &a->to[i]);
		if (ex.bad != EXPAND_OK)
			return address_text(&a->to[i], arena);
	}
	return NULL;
}

/* One line is enough: a system's file may have many names for one person. */
static void
ex_check_aliases(const struct routing *r, struct arena *arena,
		 struct conf_errors *errors)
{
	const struct alias *first = NULL;
	const char *where = NULL;
	size_t more = 0;

	for (const struct alias *a = aliases_next(r->aliases, NULL); a != NULL;
	     a = aliases_next(r->aliases, a)) {
		const char *dead = ex_dead_end(r, a, arena);

		if (dead == NULL || a->mark.file == NULL)
			continue;
		if (first != NULL) {
			more++;
			continue;
		}
		first = a;
		where = dead;
	}
	if (first == NULL)
		return;
	if (more == 0)
		conf_warning(errors, &first->mark,
			     "alias `%s`: there is no way to %s; its mail is "
			     "refused",
			     first->name, where);
	else
		conf_warning(errors, &first->mark,
			     "alias `%s`: there is no way to %s; its mail is "
			     "refused, and so is that of %zu more",
			     first->name, where, more);
}

/* A copy without a way would have everything of its route refused. */
static void
ex_check_copies(const struct routing *r, struct arena *arena,
		struct conf_errors *errors)
{
	const struct route_rule *rules = r->routes.v;

	for (size_t i = 0; i < r->routes.n; i++)
		for (size_t n = 0; n < rules[i].bcc.n; n++) {
			struct expansion out = {0};
			struct expand ex = {
				.r = r,
				.sender = "",
				.arena = arena,
				.out = &out,
			};

			ex_follow(&ex, &rules[i].copies[n]);
			if (ex.bad != EXPAND_OK)
				conf_error(errors, &rules[i].mark,
					   "`bcc`: there is no way to %s",
					   address_text(&rules[i].copies[n],
							arena));
		}
}

void
expand_check(const struct routing *r, const struct conf_mark *mark,
	     struct conf_errors *errors)
{
	struct address postmaster = {"postmaster", ""};
	const struct conf_strings *ours = &r->domains.domains;
	struct expansion out;
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ours->n; i++) {
		postmaster.domain = ours->v[i];
		if (expand_rcpt(r, "", &postmaster, false, &arena, &out) ==
		    EXPAND_OK)
			continue;
		conf_error(errors, mark,
			   "mail for postmaster@%s would be refused: there is "
			   "no way to who `postmaster` is",
			   ours->v[i]);
		break;
	}
	ex_check_copies(r, &arena, errors);
	ex_check_aliases(r, &arena, errors);
	arena_done(&arena);
}
