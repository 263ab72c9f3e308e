/*
 * route - where a recipient goes.
 *
 * routing_new() copies what it needs of the configuration into an arena of its
 * own, compiles the patterns, gives each list its name, and checks what the
 * option tables can't: that lists of one name are one list.
 */
#include "deliver/route.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/pack.h"
#include "base/xalloc.h"
#include "mail/pattern.h"

#define DELIMITER '+'
#define DEST_MAX  1024 /* of a list's name */

struct route_list {
	const char *dest;
	const char *rule;
	const struct delivery_rule *match; /* NULL: everybody */
	const struct hop *hops;
	size_t nhops;
};

struct routing {
	atomic_uint refs;
	struct arena arena;
	struct delivery_conf conf;
	const char *hostname;
	size_t nlists;
	struct route_list *lists; /* in the order of lookup */
	unsigned char print[ROUTING_PRINT_LEN];
};

/* --- the copy -------------------------------------------------------------- */

static char *
rt_dup(struct routing *r, const char *s)
{
	return arena_strdup(&r->arena, s ? s : "");
}

static void
rt_dup_mark(struct routing *r, struct conf_mark *mark)
{
	if (mark->file)
		mark->file = rt_dup(r, mark->file);
}

static void
rt_dup_hops(struct routing *r, struct conf_list *list)
{
	struct hop *hops = arena_alloc(&r->arena, list->n * sizeof(*hops));

	if (list->n > 0)
		memcpy(hops, list->v, list->n * sizeof(*hops));
	for (size_t i = 0; i < list->n; i++) {
		hops[i].name = rt_dup(r, hops[i].name);
		hops[i].host = rt_dup(r, hops[i].host);
		hops[i].helo = rt_dup(r, hops[i].helo);
		hops[i].bind = rt_dup(r, hops[i].bind);
		rt_dup_mark(r, &hops[i].mark);
	}
	list->v = hops;
}

static void
rt_dup_rules(struct routing *r, struct conf_list *list)
{
	struct delivery_rule *rules =
		arena_alloc(&r->arena, list->n * sizeof(*rules));

	if (list->n > 0)
		memcpy(rules, list->v, list->n * sizeof(*rules));
	for (size_t i = 0; i < list->n; i++) {
		rules[i].match = rt_dup(r, rules[i].match);
		rules[i].pattern = NULL;
		rt_dup_mark(r, &rules[i].mark);
		rt_dup_hops(r, &rules[i].via);
	}
	list->v = rules;
}

static void
rt_dup_conf(struct routing *r, const struct delivery_conf *conf)
{
	struct conf_strings *bind = &r->conf.bind;

	r->conf = *conf;
	rt_dup_hops(r, &r->conf.smarthost);
	rt_dup_rules(r, &r->conf.by_domain);
	r->conf.helo = rt_dup(r, conf->helo);
	bind->marks = NULL;
	bind->v = arena_alloc(&r->arena, bind->n * sizeof(*bind->v));
	for (size_t i = 0; i < bind->n; i++)
		bind->v[i] = rt_dup(r, conf->bind.v[i]);
}

/* --- the checks -------------------------------------------------------------- */

static bool
rt_same_hops(const struct route_list *a, const struct route_list *b)
{
	if (a->nhops != b->nhops)
		return false;
	for (size_t i = 0; i < a->nhops; i++)
		if (strcasecmp(a->hops[i].host, b->hops[i].host) != 0 ||
		    a->hops[i].port != b->hops[i].port)
			return false;
	return true;
}

/* A destination is its name: two lists of one name must be one list. */
static void
rt_check_names(const struct routing *r, struct conf_errors *errors)
{
	for (size_t i = 0; i < r->nlists; i++)
		for (size_t j = 0; j < i; j++) {
			const struct route_list *a = &r->lists[i];
			const struct route_list *b = &r->lists[j];

			if (strcmp(a->dest, b->dest) != 0 || rt_same_hops(a, b))
				continue;
			conf_error(errors, &a->hops[0].mark,
				   "another list of hosts is named \"%s\" too, "
				   "and is not the same; give this one its own "
				   "name",
				   a->dest);
			break;
		}
}

/* --- lists and patterns ---------------------------------------------------------- */

static const char *
rt_dest(struct routing *r, const struct hop *hops, size_t nhops)
{
	struct buf name;
	const char *dest;
	int e = 0;

	if (hops[0].name[0] != '\0')
		return hops[0].name;
	buf_init(&name, DEST_MAX);
	for (size_t i = 0; i < nhops && e == 0; i++) {
		const char *literal = strchr(hops[i].host, ':') ? "[" : "";

		e = buf_printf(&name, "%s%s%s%s:%" PRId64, i ? "," : "",
			       literal, hops[i].host, literal[0] ? "]" : "",
			       hops[i].port);
	}
	dest = rt_dup(r, buf_str(&name));
	buf_done(&name);
	return dest;
}

static void
rt_add(struct routing *r, const char *rule, const struct delivery_rule *match,
       const struct conf_list *hops)
{
	struct route_list *l = &r->lists[r->nlists++];

	l->rule = rule;
	l->match = match;
	l->hops = hops->v;
	l->nhops = hops->n;
	l->dest = rt_dest(r, l->hops, l->nhops);
}

static void
rt_compile(struct delivery_rule *rule, struct conf_errors *errors)
{
	char *why = NULL;

	if (pattern_new(rule->match, DELIMITER, &rule->pattern, &why) == 0)
		return;
	conf_error(errors, &rule->mark, "match: \"%s\": %s", rule->match, why);
	free(why);
}

static void
rt_make_lists(struct routing *r, struct conf_errors *errors)
{
	struct delivery_rule *rules = r->conf.by_domain.v;
	size_t n = r->conf.by_domain.n;

	r->lists = arena_alloc(&r->arena, (n + 1) * sizeof(*r->lists));
	for (size_t i = 0; i < n; i++) {
		rt_compile(&rules[i], errors);
		must(rules[i].via.n > 0); /* the tables see to it */
		rt_add(r, rules[i].match, &rules[i], &rules[i].via);
	}
	if (r->conf.smarthost.n > 0)
		rt_add(r, "smarthost", NULL, &r->conf.smarthost);
}

/* --- the fingerprint ---------------------------------------------------------- */

#define PRINT_MAX (64 << 20)

static void
rt_print_str(struct pack *p, const char *s)
{
	pack_u8(p, s != NULL);
	pack_str(p, s ? s : "");
}

static void
rt_print_list(struct pack *p, const struct route_list *l)
{
	pack_u8(p, l->match != NULL);
	rt_print_str(p, l->rule);
	rt_print_str(p, l->dest);
	pack_u64(p, l->nhops);
	for (size_t i = 0; i < l->nhops; i++) {
		rt_print_str(p, l->hops[i].host);
		pack_u64(p, (uint64_t)l->hops[i].port);
	}
}

/* Of all that route_find() reads and of the hosts it names: whoever lets it
 * read more puts that in here too. */
static void
rt_print(struct routing *r)
{
	struct buf all;
	struct pack p = {.out = &all};

	buf_init(&all, PRINT_MAX);
	pack_u64(&p, r->nlists);
	for (size_t i = 0; i < r->nlists; i++)
		rt_print_list(&p, &r->lists[i]);
	SHA256((const unsigned char *)buf_str(&all), all.len, r->print);
	buf_done(&all);
}

/* --- the public functions ---------------------------------------------------------- */

int
routing_new(const struct delivery_conf *conf, const char *hostname,
	    struct conf_errors *errors, struct routing **ret_routing)
{
	struct routing *r = xcalloc(1, sizeof(*r));
	size_t before = errors->total;

	atomic_init(&r->refs, 1);
	arena_init(&r->arena);
	r->hostname = rt_dup(r, hostname);
	rt_dup_conf(r, conf);
	rt_make_lists(r, errors);
	rt_check_names(r, errors);
	if (errors->total > before) {
		routing_unref(&r);
		return -EINVAL;
	}
	rt_print(r);
	*ret_routing = r;
	return 0;
}

struct routing *
routing_ref(struct routing *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void
routing_unref(struct routing **r)
{
	struct routing *old = *r;
	struct delivery_rule *rules;

	*r = NULL;
	if (!old || atomic_fetch_sub(&old->refs, 1) > 1)
		return;
	rules = old->conf.by_domain.v;
	for (size_t i = 0; i < old->conf.by_domain.n; i++)
		pattern_free(&rules[i].pattern);
	arena_done(&old->arena);
	free(old);
}

const unsigned char *
routing_print(const struct routing *r)
{
	return r->print;
}

const struct delivery_conf *
routing_conf(const struct routing *r)
{
	return &r->conf;
}

const char *
routing_hostname(const struct routing *r)
{
	return r->hostname;
}

const char *
routing_helo(const struct routing *r, const struct hop *hop)
{
	if (hop->helo[0] != '\0')
		return hop->helo;
	return r->conf.helo[0] != '\0' ? r->conf.helo : r->hostname;
}

static bool
rt_bind_is(const char *text, int family, struct sockaddr_any *ret)
{
	struct sockaddr_any addr;

	must(sockaddr_parse_ip(text, 0, &addr) == 0); /* the tables see to it */
	if (addr.ss.ss_family != family)
		return false;
	*ret = addr;
	return true;
}

bool
routing_bind(const struct routing *r, const struct hop *hop, int family,
	     struct sockaddr_any *ret)
{
	if (hop->bind[0] != '\0')
		return rt_bind_is(hop->bind, family, ret);
	for (size_t i = 0; i < r->conf.bind.n; i++)
		if (rt_bind_is(r->conf.bind.v[i], family, ret))
			return true;
	return false;
}

int
route_find(const struct routing *r, const struct address *rcpt,
	   struct route *ret_route)
{
	for (size_t i = 0; i < r->nlists; i++) {
		const struct route_list *l = &r->lists[i];

		if (l->match && !pattern_match(l->match->pattern, rcpt))
			continue;
		*ret_route = (struct route){"smtp", l->dest, l->rule, l->hops,
					    l->nhops};
		return 0;
	}
	return -ENOENT;
}
