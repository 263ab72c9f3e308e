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
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/must.h"
#include "base/pack.h"
#include "base/xalloc.h"
#include "deliver/hop_conf.h"
#include "deliver/route_impl.h"
#include "verdict/dkim_keys.h"
#include "mail/pattern.h"

#define DEST_MAX 1024 /* of a list's name */

/* --- the copy -------------------------------------------------------------- */

char *
rt_dup(struct routing *r, const char *s)
{
	return arena_strdup(&r->arena, s ? s : "");
}

/* Domains are compared in lower case. */
static char *
rt_dup_lower(struct routing *r, const char *s)
{
	char *copy = rt_dup(r, s);

	ascii_lower_str(copy);
	return copy;
}

void
rt_dup_mark(struct routing *r, struct conf_mark *mark)
{
	if (mark->file)
		mark->file = rt_dup(r, mark->file);
}

void
rt_dup_list(struct routing *r, struct conf_list *list, size_t size)
{
	void *v = arena_alloc(&r->arena, (list->n + 1) * size);

	if (list->n > 0)
		memcpy(v, list->v, list->n * size);
	list->v = v;
}

static void
rt_dup_secret(struct routing *r, struct secret_conf *conf)
{
	conf->file.text = rt_dup(r, conf->file.text);
	conf->env.text = rt_dup(r, conf->env.text);
	rt_dup_mark(r, &conf->file.mark);
	rt_dup_mark(r, &conf->env.mark);
}

/* TLS and login; also of a hop that was never written. */
static void
rt_dup_session(struct routing *r, struct hop *hop)
{
	hop->ca_file = rt_dup(r, hop->ca_file);
	hop->certificate_file = rt_dup(r, hop->certificate_file);
	hop->user = rt_dup(r, hop->user);
	rt_dup_secret(r, &hop->key);
	rt_dup_secret(r, &hop->password);
	rt_dup_secret(r, &hop->token);
}

void
rt_dup_hops(struct routing *r, struct conf_list *list, int port)
{
	struct hop *hops;

	rt_dup_list(r, list, sizeof(*hops));
	hops = list->v;
	for (size_t i = 0; i < list->n; i++) {
		hops[i].name = rt_dup(r, hops[i].name);
		hops[i].host = rt_dup(r, hops[i].host);
		rt_dup_session(r, &hops[i]);
		hops[i].helo = rt_dup(r, hops[i].helo);
		hops[i].bind = rt_dup(r, hops[i].bind);
		rt_dup_mark(r, &hops[i].mark);
		if (hops[i].port == 0)
			hops[i].port =
				port == HOP_SMTP_PORT && hops[i].user[0] != '\0'
					? HOP_LOGIN_PORT
					: port;
	}
}

static void
rt_dup_rules(struct routing *r, struct conf_list *list)
{
	struct delivery_rule *rules;

	rt_dup_list(r, list, sizeof(*rules));
	rules = list->v;
	for (size_t i = 0; i < list->n; i++) {
		rules[i].match = rt_dup(r, rules[i].match);
		rules[i].pattern = NULL;
		rt_dup_mark(r, &rules[i].mark);
		rt_dup_hops(r, &rules[i].via, HOP_SMTP_PORT);
	}
}

/* Their marks are of the file, which goes. */
static void
rt_dup_strings(struct routing *r, struct conf_strings *list)
{
	char **v = arena_alloc(&r->arena, (list->n + 1) * sizeof(*v));

	for (size_t i = 0; i < list->n; i++)
		v[i] = rt_dup(r, list->v[i]);
	list->v = v;
	list->marks = NULL;
}

static void
rt_dup_conf(struct routing *r, const struct delivery_conf *conf)
{
	r->conf = *conf;
	rt_dup_hops(r, &r->conf.smarthost, HOP_SMTP_PORT);
	rt_dup_hops(r, &r->conf.fallback, HOP_SMTP_PORT);
	rt_dup_rules(r, &r->conf.by_sender);
	rt_dup_rules(r, &r->conf.by_domain);
	rt_dup_strings(r, &r->conf.only_recipients);
	r->conf.helo = rt_dup(r, conf->helo);
	rt_dup_strings(r, &r->conf.bind);
}

static int
rt_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
rt_dup_domains(struct routing *r, const struct conf_strings *domains)
{
	struct conf_strings *own = &r->domains.domains;

	r->domains.hostname = r->hostname;
	r->domains.delimiter = r->delimiter;
	if (domains == NULL || domains->n == 0)
		return;
	own->v = arena_alloc(&r->arena, domains->n * sizeof(*own->v));
	own->n = domains->n;
	for (size_t i = 0; i < own->n; i++)
		own->v[i] = rt_dup_lower(r, domains->v[i]);
	qsort(own->v, own->n, sizeof(*own->v), rt_compare);
}

static void
rt_make_aliases(struct routing *r, const struct routing_sources *from,
		struct conf_errors *errors)
{
	static const struct conf_map none;
	const struct alias_sources aliases = {
		.own = from->aliases != NULL ? from->aliases : &none,
		.file = from->file_aliases != NULL ? from->file_aliases : &none,
		.postmaster = from->postmaster != NULL ? from->postmaster : "",
		.domains = &r->domains,
	};

	aliases_init(&aliases, &r->arena, errors, &r->aliases);
}

/* --- the checks -------------------------------------------------------------- */

static bool
rt_same_hops(const struct route_list *a, const struct route_list *b)
{
	if (a->nhops != b->nhops)
		return false;
	for (size_t i = 0; i < a->nhops; i++)
		if (!hop_same(&a->hops[i], &b->hops[i]))
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

			if (strcmp(a->agent, b->agent) != 0 ||
			    strcmp(a->dest, b->dest) != 0 || rt_same_hops(a, b))
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

const char *
rt_dest(struct routing *r, const struct conf_list *list)
{
	const struct hop *hops = list->v;
	struct buf name;
	const char *dest;
	int e = 0;

	must(list->n > 0); /* the tables see to it */
	if (hops[0].name[0] != '\0')
		return hops[0].name;
	buf_init(&name, DEST_MAX);
	for (size_t i = 0; i < list->n && e == 0; i++) {
		const char *literal = strchr(hops[i].host, ':') ? "[" : "";

		if (hop_is_unix(&hops[i]))
			e = buf_printf(&name, "%s%s", i ? "," : "",
				       hops[i].host);
		else
			e = buf_printf(&name, "%s%s%s%s:%" PRId64, i ? "," : "",
				       literal, hops[i].host,
				       literal[0] ? "]" : "", hops[i].port);
	}
	dest = rt_dup(r, buf_str(&name));
	buf_done(&name);
	return dest;
}

struct pattern *
rt_compile(struct routing *r, const char *match, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	struct pattern *pattern = NULL;
	char *why = NULL;

	if (pattern_new(match, r->delimiter, &pattern, &why) == 0)
		return pattern;
	conf_error(errors, mark, "match: \"%s\": %s", match, why);
	free(why);
	return NULL;
}

struct route_list *
rt_add(struct routing *r)
{
	return &r->lists[r->nlists++];
}

static struct route_list *
rt_add_hops(struct routing *r, const char *name, const struct pattern *match,
	    const struct conf_list *hops)
{
	struct route_list *l = rt_add(r);

	l->agent = "smtp";
	l->dest = rt_dest(r, hops);
	l->name = name;
	l->match = match;
	l->hops = hops->v;
	l->nhops = hops->n;
	return l;
}

static void
rt_add_rules(struct routing *r, const struct conf_list *list, bool by_sender,
	     struct conf_errors *errors)
{
	struct delivery_rule *rules = list->v;

	for (size_t i = 0; i < list->n; i++) {
		rules[i].pattern =
			rt_compile(r, rules[i].match, &rules[i].mark, errors);
		rt_add_hops(r, rules[i].match, rules[i].pattern, &rules[i].via)
			->by_sender = by_sender;
	}
}

/* The tables have compiled them before. */
static void
rt_make_only(struct routing *r, struct conf_errors *errors)
{
	const struct conf_strings *only = &r->conf.only_recipients;
	static const struct conf_mark nowhere;

	r->only = arena_alloc(&r->arena, (only->n + 1) * sizeof(*r->only));
	r->nonly = only->n;
	for (size_t i = 0; i < only->n; i++)
		r->only[i] = rt_compile(r, only->v[i], &nowhere, errors);
}

static void
rt_make_lists(struct routing *r, struct conf_errors *errors)
{
	struct delivery_conf *conf = &r->conf;
	size_t n = r->routes.n + conf->by_sender.n + conf->by_domain.n + 1;

	r->lists = arena_alloc(&r->arena, n * sizeof(*r->lists));
	rt_add_routes(r, errors);
	rt_make_only(r, errors);
	rt_add_rules(r, &conf->by_sender, true, errors);
	rt_add_rules(r, &conf->by_domain, false, errors);
	if (conf->smarthost.n > 0)
		rt_add_hops(r, "smarthost", NULL, &conf->smarthost);
	r->mx = (struct hop){.name = rt_dup(r, ""),
			     .host = rt_dup(r, ""),
			     .port = conf->mx.port,
			     .mx = true,
			     .helo = rt_dup(r, ""),
			     .bind = rt_dup(r, ""),
			     .mark = {.file = rt_dup(r, "delivery")}};
	rt_dup_session(r, &r->mx);
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
	pack_u8(p, l->rule != NULL);
	pack_u8(p, l->by_sender);
	rt_print_str(p, l->agent);
	rt_print_str(p, l->name);
	rt_print_str(p, l->dest);
	pack_u64(p, l->nhops);
	for (size_t i = 0; i < l->nhops; i++) {
		rt_print_str(p, l->hops[i].host);
		pack_u64(p, (uint64_t)l->hops[i].port);
		pack_u8(p, l->hops[i].mx);
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
	pack_u8(&p, (uint8_t)r->delimiter);
	pack_u64(&p, r->domains.domains.n);
	for (size_t i = 0; i < r->domains.domains.n; i++)
		rt_print_str(&p, r->domains.domains.v[i]);
	pack_u64(&p, (uint64_t)r->mx.port);
	pack_u64(&p, r->nonly);
	for (size_t i = 0; i < r->nonly; i++)
		rt_print_str(&p, r->conf.only_recipients.v[i]);
	pack_u64(&p, r->nlists);
	for (size_t i = 0; i < r->nlists; i++)
		rt_print_list(&p, &r->lists[i]);
	SHA256((const unsigned char *)buf_str(&all), all.len, r->print);
	buf_done(&all);
}

/* --- the public functions ---------------------------------------------------------- */

int
routing_new(const struct routing_sources *from, struct conf_errors *errors,
	    struct routing **ret_routing)
{
	struct routing *r = xcalloc(1, sizeof(*r));
	size_t before = errors->total;

	atomic_init(&r->refs, 1);
	arena_init(&r->arena);
	r->hostname = rt_dup(r, from->hostname);
	r->delimiter = from->delimiter;
	r->origin =
		rt_dup_lower(r, from->origin != NULL && from->origin[0] != '\0'
					? from->origin
					: from->hostname);
	rt_dup_domains(r, from->domains);
	rt_dup_conf(r, from->delivery);
	rt_dup_routes(r, from->routes);
	rt_make_aliases(r, from, errors);
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

static void
rt_free_patterns(const struct conf_list *list)
{
	struct delivery_rule *rules = list->v;

	for (size_t i = 0; i < list->n; i++)
		pattern_free(&rules[i].pattern);
}

void
routing_unref(struct routing **r)
{
	struct routing *old = *r;

	*r = NULL;
	if (!old || atomic_fetch_sub(&old->refs, 1) > 1)
		return;
	rt_free_patterns(&old->conf.by_sender);
	rt_free_patterns(&old->conf.by_domain);
	for (size_t i = 0; i < old->nonly; i++)
		pattern_free(&old->only[i]);
	rt_disarm(old);
	rt_done_routes(old);
	aliases_done(&old->aliases);
	dkim_keys_unref(&old->keys);
	arena_done(&old->arena);
	free(old);
}

void
routing_set_keys(struct routing *r, struct dkim_keys *keys)
{
	dkim_keys_unref(&r->keys);
	if (dkim_keys_count(keys) > 0)
		r->keys = dkim_keys_ref(keys);
}

struct dkim_keys *
routing_keys(const struct routing *r)
{
	return r->keys;
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

char
routing_delimiter(const struct routing *r)
{
	return r->delimiter;
}

const char *
routing_helo(const struct routing *r, const struct hop *hop)
{
	if (hop->helo[0] != '\0')
		return hop->helo;
	return r->conf.helo[0] != '\0' ? r->conf.helo : r->hostname;
}

const char *
routing_origin(const struct routing *r)
{
	return r->origin;
}

bool
routing_is_ours(const struct routing *r, const char *domain)
{
	return alias_domain_is_ours(&r->domains, domain);
}

bool
rt_is_closed(const struct routing *r, const char *domain)
{
	return routing_is_ours(r, domain) ||
	       strcasecmp(domain, "localhost") == 0;
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

static size_t
rt_family(const struct sockaddr_any *v, size_t n, int family, bool is,
	  struct sockaddr_any *ret)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if ((v[i].ss.ss_family == family) == is)
			ret[k++] = v[i];
	return k;
}

size_t
routing_prefer(const struct routing *r, const struct sockaddr_any *v, size_t n,
	       struct sockaddr_any *ret)
{
	int family = AF_INET;
	size_t k;

	switch ((enum delivery_prefer)r->conf.prefer) {
	case PREFER_ANY:
		memcpy(ret, v, n * sizeof(*v));
		return n;
	case PREFER_IPV4_ONLY:
		return rt_family(v, n, AF_INET6, false, ret);
	case PREFER_IPV6:
		family = AF_INET6;
		break;
	case PREFER_IPV4:
		break;
	}
	k = rt_family(v, n, family, true, ret);
	return k + rt_family(v, n, family, false, ret + k);
}
