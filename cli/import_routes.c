/*
 * import_routes - what transport_maps, relay_transport and their like say of
 * recipients becomes `routes` and `delivery.by_domain`.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/import_postfix.h"

/* The domain of a pattern: of "anna@example.org", "example.org" and
 * ".example.org". */
static const char *
ir_domain(const char *pattern)
{
	const char *at = strrchr(pattern, '@');

	if (at != NULL)
		return at + 1;
	return pattern + (pattern[0] == '.');
}

/* It comes before the relayhost, which so is never asked. */
static void
ir_star(struct import *im, const char *hop)
{
	if (im->starred)
		return;
	im->starred = true;
	buf_clear(&im->smarthost);
	import_put(&im->smarthost, "    - %s\n", hop);
}

/* --- copies: always_bcc, recipient_bcc_maps -------------------------------- */

#define COPIES "recipient_bcc_maps"

/* The next entry of the table whose key is KEY, or an address at DOMAIN. */
static struct postfix_map_entry *
ir_copy_entry(struct import *im, const char *key, const char *domain)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, COPIES, &n);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++) {
			struct postfix_map_entry *e = &maps[i]->v[k];

			if (maps[i]->kind != POSTFIX_MAP_KEYS)
				continue;
			if (key != NULL && strcasecmp(e->key, key) == 0)
				return e;
			if (domain != NULL && !e->taken && e->key[0] != '@' &&
			    strchr(e->key, '@') != NULL &&
			    strcasecmp(ir_domain(e->key), domain) == 0)
				return e;
		}
	return NULL;
}

static void
ir_put_addresses(struct import *im, const char *text, struct buf *out)
{
	struct postfix_list list = postfix_list(im->arena, text);

	for (size_t i = 0; i < list.n; i++)
		import_put(out, "%s%s", out->len > 0 ? ", " : "",
			   import_quote(im, import_whole(im, list.v[i])));
}

/* For whom a copy of what MATCH takes is, as ", bcc: [...]" or "". */
static const char *
ir_copies(struct import *im, const char *match)
{
	const char *always = postfix_get(&im->settings, "always_bcc"), *text;
	struct postfix_map_entry *e = ir_copy_entry(im, match, NULL);
	struct buf list;

	buf_init(&list, IMPORT_TEXT_MAX);
	if (e == NULL && match[0] != '.')
		e = ir_copy_entry(
			im, arena_printf(im->arena, "@%s", ir_domain(match)),
			NULL);
	if (always != NULL)
		ir_put_addresses(im, always, &list);
	if (e != NULL) {
		e->taken = true;
		ir_put_addresses(im, e->value, &list);
	}
	text = list.len > 0 ? arena_printf(im->arena, ", bcc: [%s]", list.data)
			    : "";
	buf_done(&list);
	return text;
}

/* Those whose copies differ from their domain's come before it. */
static void
ir_route(struct import *im, const char *match, const char *kind,
	 const char *hop)
{
	struct postfix_map_entry *e;

	while (strchr(match, '@') == NULL &&
	       (e = ir_copy_entry(im, NULL, match)) != NULL) {
		e->taken = true;
		ir_route(im, e->key, kind, hop);
	}
	import_put(&im->routes, "  - {match: %s, deliver: %s, via: [%s]%s}\n",
		   import_quote(im, match), kind, hop, ir_copies(im, match));
}

/* --- one rule -------------------------------------------------------------- */

static void
ir_rule(struct import *im, const char *pattern, const char *kind,
	const char *hop)
{
	struct import_domain *d = import_find_domain(im, ir_domain(pattern));

	if (d != NULL && strcasecmp(d->name, pattern) == 0)
		d->routed = true;
	if (d != NULL || strcmp(kind, "lmtp") == 0)
		ir_route(im, pattern, kind, hop);
	else if (strcmp(pattern, "*") == 0)
		ir_star(im, hop);
	else
		import_put(&im->by_domain, "    - {match: %s, via: [%s]}\n",
			   import_quote(im, pattern), hop);
}

/* "smtp:[host]:port", "relay:", ":[host]", "lmtp:inet:host:port" as KIND and an
 * entry of a list. False: it can't be. */
static bool
ir_transport(struct import *im, const char *pattern, const char *value,
	     const char **ret_kind, struct buf *out)
{
	size_t len = strcspn(value, ":");
	const char *kind = arena_strndup(im->arena, value, len);
	const char *to = value[len] == ':' ? value + len + 1 : "";
	bool smtp = len == 0 || strcmp(kind, "smtp") == 0 ||
		    strcmp(kind, "relay") == 0;

	*ret_kind = smtp ? "smtp" : "lmtp";
	if (!smtp && strcmp(kind, "lmtp") != 0)
		return false;
	/* To the domain itself, not to the relayhost. */
	if (smtp && to[0] == '\0')
		to = strpbrk(pattern, ".*") == pattern ? ""
						       : ir_domain(pattern);
	return smtp ? import_hop(im, to, NULL, out)
		    : import_lmtp_hop(im, to, out);
}

/* --- transport_maps ------------------------------------------------------ */

struct ir_entry {
	const struct postfix_map *map;
	const struct postfix_map_entry *e;
	size_t at;
};

/* An address, a domain, what is below one, everything. */
static int
ir_rank(const char *key)
{
	if (strchr(key, '@') != NULL)
		return 0;
	if (strcmp(key, "*") == 0)
		return 3;
	return key[0] == '.' ? 2 : 1;
}

/* As Postfix looks, whatever the order in the table: first the whole address,
 * then its domain, the longer before the shorter. */
static int
ir_compare(const void *a, const void *b)
{
	const struct ir_entry *x = a, *y = b;
	int r = ir_rank(x->e->key) - ir_rank(y->e->key);
	size_t xlen = strlen(x->e->key), ylen = strlen(y->e->key);

	if (r != 0)
		return r;
	if (xlen != ylen && x->e->key[0] == '.')
		return xlen > ylen ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static struct ir_entry *
ir_entries(struct import *im, const char *name, size_t *ret_n)
{
	size_t nmaps, n = 0;
	struct postfix_map **maps = import_maps(im, name, &nmaps);
	struct ir_entry *v;

	for (size_t i = 0; i < nmaps; i++)
		n += maps[i]->n;
	v = arena_alloc(im->arena, (n + 1) * sizeof(*v));
	*ret_n = 0;
	for (size_t i = 0; i < nmaps; i++)
		for (size_t k = 0; k < maps[i]->n; k++, (*ret_n)++)
			v[*ret_n] = (struct ir_entry){maps[i], &maps[i]->v[k],
						      *ret_n};
	qsort(v, n, sizeof(*v), ir_compare);
	return v;
}

static bool
ir_take(struct import *im, const struct ir_entry *it)
{
	const char *kind;
	struct buf hop;
	bool ok;

	if (it->map->kind != POSTFIX_MAP_KEYS &&
	    it->map->kind != POSTFIX_MAP_STATIC)
		return false;
	buf_init(&hop, IMPORT_TEXT_MAX);
	ok = ir_transport(im, it->e->key, it->e->value, &kind, &hop);
	if (ok)
		ir_rule(im, it->e->key, kind, buf_str(&hop));
	buf_done(&hop);
	return ok;
}

void
import_transports(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct ir_entry *v = ir_entries(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		if (!ir_take(im, &v[i]))
			import_note(im, name,
				    "%s, line %zu: `%s` by `%s` can't be said "
				    "here",
				    v[i].map->spec, v[i].e->line, v[i].e->key,
				    v[i].e->value);
}

/* --- what no transport names ----------------------------------------------- */

/* The setting that says where mail of such a domain goes. */
static const char *
ir_setting(struct import *im, enum import_kind kind)
{
	const char *local = postfix_get(&im->settings, "local_transport");

	switch (kind) {
	case IMPORT_LOCAL:
		return local != NULL && strncmp(local, "local", 5) != 0
			       ? "local_transport"
			       : "mailbox_transport";
	case IMPORT_MAILBOXES:
		return "virtual_transport";
	case IMPORT_RELAYED:
		return "relay_transport";
	case IMPORT_ALIASES:
		break;
	}
	return NULL;
}

/* Without a next hop they are what they are by themselves, and what has no
 * route is an error here, too. */
static bool
ir_says_nothing(const char *transport)
{
	static const char *const all[] = {"", "error", "relay", "smtp",
					  "virtual"};
	size_t len = strcspn(transport, ":");

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strlen(all[i]) == len &&
		    strncmp(all[i], transport, len) == 0)
			return i < 2 || i == 4 || transport[len] == '\0' ||
			       transport[len + 1] == '\0';
	return false;
}

/* False: there is none, or it can't be. */
static bool
ir_by_setting(struct import *im, const char *domain, const char *setting)
{
	const char *value = postfix_get(&im->settings, setting), *kind;
	struct buf hop;
	bool ok;

	if (value == NULL || ir_says_nothing(value))
		return false;
	buf_init(&hop, IMPORT_TEXT_MAX);
	ok = ir_transport(im, domain, value, &kind, &hop);
	if (ok)
		ir_route(im, domain, kind, buf_str(&hop));
	else
		import_note(im, setting,
			    "`%s` can't be said here: Belfry speaks LMTP and "
			    "SMTP; let the store listen for LMTP, and add a "
			    "route, {match: %s, deliver: lmtp, via: [{host: "
			    "127.0.0.1, port: 24}]}",
			    value, domain);
	buf_done(&hop);
	if (ok && strcmp(kind, "lmtp") == 0)
		import_note(im, setting,
			    "the route for %s takes every recipient, and who "
			    "wrote to one that the store refuses is told so; "
			    "one route for each address that exists refuses "
			    "the others at once",
			    domain);
	return ok;
}

/* To the relayhost, or by MX. */
static void
ir_relay(struct import *im, const char *domain)
{
	const char *smarthost = buf_str(&im->smarthost);
	struct buf hop;

	buf_init(&hop, IMPORT_TEXT_MAX);
	if (smarthost[0] != '\0') /* behind "    - " */
		import_put(&hop, "%.*s", (int)strcspn(smarthost + 6, "\n"),
			   smarthost + 6);
	else
		(void)import_hop(im, domain, NULL, &hop);
	ir_route(im, domain, "smtp", buf_str(&hop));
	buf_done(&hop);
}

static void
ir_domain_route(struct import *im, const char *domain, enum import_kind kind)
{
	const char *setting = ir_setting(im, kind);

	if (setting == NULL || ir_by_setting(im, domain, setting))
		return;
	if (kind == IMPORT_RELAYED)
		ir_relay(im, domain);
	else
		import_note(im,
			    kind == IMPORT_LOCAL ? "mydestination"
						 : "virtual_mailbox_domains",
			    "of %s only recipients that `aliases` or `routes` "
			    "know are taken: add a route to their mailboxes, "
			    "`deliver: lmtp` or `maildir`",
			    domain);
}

void
import_domain_routes(struct import *im, const char *name, const char *value)
{
	(void)name;
	(void)value;
	for (const struct import_domain *d = im->domains; d != NULL;
	     d = d->hh.next)
		if (!d->routed)
			ir_domain_route(im, d->name, d->kind);
	if (im->host_is_local)
		(void)ir_by_setting(im, im->hostname,
				    ir_setting(im, IMPORT_LOCAL));
}

/* --- what no route takes ---------------------------------------------------- */

/* A route for what went to the smarthost or by MX; false: it may go otherwise. */
static bool
ir_copy_foreign(struct import *im, const char *key)
{
	if (im->by_sender.len + im->by_domain.len > 0 ||
	    strchr(key, '@') == NULL ||
	    import_find_domain(im, ir_domain(key)) != NULL)
		return false;
	if (key[0] == '@')
		ir_relay(im, key + 1);
	else
		ir_relay(im, key);
	return true;
}

void
import_copies(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++) {
			const struct postfix_map_entry *e = &maps[i]->v[k];

			if (!e->taken && (maps[i]->kind != POSTFIX_MAP_KEYS ||
					  !ir_copy_foreign(im, e->key)))
				import_note(im, name,
					    "%s, line %zu: no route takes "
					    "`%s`; add one with `bcc: [%s]`",
					    maps[i]->spec, e->line, e->key,
					    e->value);
		}
}

/* All that a host without domains sends is one route. */
void
import_always_bcc(struct import *im, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	if (im->domain_list.len + im->by_sender.len + im->by_domain.len == 0 &&
	    im->smarthost.len > 0) {
		ir_relay(im, "*");
		import_note(im, name,
			    "the route for `*` takes all that goes to the "
			    "smarthost, and mail for users of this machine "
			    "too");
		return;
	}
	import_note(im, name,
		    "`bcc` of each route has %s; what goes by no route, as "
		    "mail to other domains, has no copy",
		    value);
}
