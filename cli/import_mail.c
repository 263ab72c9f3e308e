/*
 * import_mail - whose mail is taken, and the addresses that stand for others:
 * networks, domains, virtual aliases, /etc/aliases, generic and canonical maps.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/conf.h"
#include "cli/import_postfix.h"
#include "mail/alias_file.h"

/* --- networks ------------------------------------------------------------ */

/* "[::1]/128" without brackets. */
static const char *
im_network(struct import *im, const char *text)
{
	char *copy = arena_strdup(im->arena, text), *to = copy;

	for (const char *s = text; *s != '\0'; s++)
		if (*s != '[' && *s != ']')
			*to++ = *s;
	*to = '\0';
	return copy;
}

static void im_networks(struct import *im, const char *name, const char *value,
			int depth);

/* A file of networks, or a table of them. */
static void
im_network_file(struct import *im, const char *name, const char *text,
		int depth)
{
	struct postfix_map *m;

	if (strncmp(text, "cidr:", 5) != 0 && text[0] != '/') {
		import_note(im, name, "`%s` was not read", text);
		return;
	}
	m = postfix_map_read(im->arena,
			     text[0] == '/'
				     ? arena_printf(im->arena, "cidr:%s", text)
				     : text,
			     im->read, im->read_arg);
	if (m->kind == POSTFIX_MAP_UNKNOWN)
		import_note(im, name, "%s was not read: %s", text, m->why);
	for (size_t i = 0; i < m->n && depth == 0; i++)
		im_networks(im, name, m->v[i].key, depth + 1);
}

/* "cidr:/etc/postfix/networks", or the file alone. */
static bool
im_is_table(const char *net)
{
	const char *colon = strchr(net, ':');

	return net[0] == '/' || strpbrk(net, ".:") == NULL ||
	       (colon != NULL && colon[1] == '/');
}

static void
im_networks(struct import *im, const char *name, const char *value, int depth)
{
	struct postfix_list list = postfix_list(im->arena, value);

	for (size_t i = 0; i < list.n; i++) {
		const char *net = im_network(im, list.v[i]);

		if (strncmp(net, "127.", 4) == 0 ||
		    strncmp(net, "::1", 3) == 0 ||
		    strncasecmp(net, "::ffff:127.", 11) == 0)
			continue; /* `loopback` */
		if (net[0] == '!') {
			im->untrusted = true;
			import_note(im, name,
				    "`%s`, which is left out of these "
				    "networks, can't be said here: they are "
				    "in no `trust`",
				    list.v[i]);
		} else if (net[0] == '$')
			import_note(im, name, "`%s` can't be said here",
				    list.v[i]);
		else if (im_is_table(net))
			im_network_file(im, name, list.v[i], depth);
		else
			import_put(&im->networks, "%s%s",
				   im->networks.len > 0 ? ", " : "",
				   import_quote(im, net));
	}
}

void
import_mynetworks(struct import *im, const char *name, const char *value)
{
	const char *style = postfix_get(&im->settings, "mynetworks_style");
	char *all;

	if (value != NULL)
		im_networks(im, name, value, 0);
	else if (style != NULL && strcmp(style, "host") != 0)
		import_note(
			im, "mynetworks_style",
			"name the networks that may send: `networks: "
			"{mynetworks: [...]}`, and `trust` of the listener");
	if (im->networks.len == 0)
		return;
	all = arena_strdup(im->arena, im->networks.data);
	buf_clear(&im->networks);
	import_put(&im->networks, "  mynetworks: [%s]\n", all);
}

/* The first word that decides on mail from `mynetworks` to anywhere. */
static bool
im_lets_send(struct import *im, const char *restrictions)
{
	static const struct {
		const char *word;
		bool lets;
	} words[] = {
		{"permit", true},
		{"permit_mynetworks", true},
		{"reject", false},
		{"defer", false},
		{"reject_unauth_destination", false},
		{"defer_unauth_destination", false},
	};
	struct postfix_list list = postfix_list(im->arena, restrictions);

	for (size_t i = 0; i < list.n; i++)
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			if (strcasecmp(list.v[i], words[k].word) == 0)
				return words[k].lets;
	return true;
}

void
import_trust(struct import *im, const char *name, const char *value)
{
	if (im_lets_send(im, value) || im->networks.len == 0)
		return;
	im->untrusted = true;
	import_note(im, name,
		    "it has no `permit_mynetworks`, so these networks are in "
		    "no `trust`");
}

/* --- domains ------------------------------------------------------------- */

static const char *
im_lower(struct import *im, const char *s)
{
	char *copy = arena_strdup(im->arena, s);

	ascii_lower_str(copy);
	return copy;
}

struct import_domain *
import_find_domain(struct import *im, const char *domain)
{
	const char *name = im_lower(im, domain);
	struct import_domain *d;

	HASH_FIND_STR(im->domains, name, d);
	return d;
}

void
import_add_domain(struct import *im, const char *domain, enum import_kind kind)
{
	struct import_domain *d;

	if (import_find_domain(im, domain) != NULL)
		return;
	d = arena_alloc(im->arena, sizeof(*d));
	d->name = im_lower(im, domain);
	d->kind = kind;
	HASH_ADD_KEYPTR(hh, im->domains, d->name, strlen(d->name), d);
	import_put(&im->domain_list, "  - %s\n", import_quote(im, domain));
}

/* hostname and localhost are this host's own without being named. */
static bool
im_is_host(const struct import *im, const char *domain)
{
	return strcasecmp(domain, im->hostname) == 0 ||
	       strncasecmp(domain, "localhost", 9) == 0;
}

static enum import_kind
im_kind(const char *setting)
{
	if (strcmp(setting, "mydestination") == 0)
		return IMPORT_LOCAL;
	if (strcmp(setting, "relay_domains") == 0)
		return IMPORT_RELAYED;
	return strcmp(setting, "virtual_mailbox_domains") == 0
		       ? IMPORT_MAILBOXES
		       : IMPORT_ALIASES;
}

static void
im_domain(struct import *im, const char *name, const char *domain)
{
	enum import_kind kind = im_kind(name);

	if (domain[0] == '!' || strchr(domain, '/') != NULL)
		import_note(im, name, "`%s` can't be said here", domain);
	else if (kind != IMPORT_LOCAL || !im_is_host(im, domain))
		import_add_domain(im, domain, kind);
	else if (strcasecmp(domain, im->hostname) == 0)
		im->host_is_local = true;
}

/* Names, and tables whose keys are names. */
void
import_domains(struct import *im, const char *name, const char *value)
{
	struct postfix_list list =
		postfix_list(im->arena, value != NULL ? value : "");

	/* So it is where nothing is said of it. */
	if (value == NULL)
		im->host_is_local = true;
	for (size_t i = 0; i < list.n; i++) {
		struct postfix_map *m;

		if (strchr(list.v[i], ':') == NULL) {
			im_domain(im, name, list.v[i]);
			continue;
		}
		m = postfix_map_read(im->arena, list.v[i], im->read,
				     im->read_arg);
		if (m->kind != POSTFIX_MAP_KEYS)
			import_note(im, name, "%s was not read: %s", m->spec,
				    m->why != NULL ? m->why
						   : "these are no names");
		for (size_t k = 0; m->kind == POSTFIX_MAP_KEYS && k < m->n; k++)
			im_domain(im, name, m->v[k].key);
	}
}

/* --- aliases ------------------------------------------------------------- */

static bool
im_is_postmaster(struct import *im, const char *key)
{
	size_t len = strcspn(key, "@");
	const char *domain = key + len + (key[len] == '@');

	return len == 10 && strncasecmp(key, "postmaster", 10) == 0 &&
	       (key[len] == '\0' || import_find_domain(im, domain) != NULL);
}

static void
im_alias(struct import *im, const struct postfix_map_entry *e)
{
	struct postfix_list to = postfix_list(im->arena, e->value);

	if (to.n > 0 && im_is_postmaster(im, e->key)) {
		im->postmaster = to.v[0];
		im->postmaster_named = true;
		return;
	}
	import_put(&im->aliases, "  %s: [", import_quote(im, e->key));
	for (size_t i = 0; i < to.n; i++)
		import_put(&im->aliases, "%s%s", i > 0 ? ", " : "",
			   import_quote(im, to.v[i]));
	import_put(&im->aliases, "]\n");
}

/* YAML's limit for a key is 1024, as it is written. */
#define IM_NAME_MAX 1000

struct im_seen {
	const char *key;
	UT_hash_handle hh;
};

/* Had one of the tables an entry for KEY before? The first one counts. */
static bool
im_is_first(struct import *im, struct im_seen **seen, const char *key)
{
	const char *name = im_lower(im, key);
	struct im_seen *s;

	HASH_FIND_STR(*seen, name, s);
	if (s != NULL)
		return false;
	s = arena_alloc(im->arena, sizeof(*s));
	s->key = name;
	HASH_ADD_KEYPTR(hh, *seen, s->key, strlen(s->key), s);
	return true;
}

static void
im_virtual(struct import *im, const char *name, const struct postfix_map *m,
	   const struct postfix_map_entry *e, struct im_seen **seen)
{
	if (m->kind != POSTFIX_MAP_KEYS || e->key[0] == '@')
		import_note(im, name,
			    "%s, line %zu: `%s` stands for more than one "
			    "address, which no alias does; add the addresses "
			    "that exist",
			    m->spec, e->line, e->key);
	else if (strchr(e->key, '@') == NULL && strchr(e->key, '.') != NULL)
		import_add_domain(im, e->key, IMPORT_ALIASES);
	else if (e->value[strspn(e->value, " ,")] == '\0' ||
		 strlen(import_quote(im, e->key)) > IM_NAME_MAX)
		import_note(im, name,
			    "%s, line %zu: `%.100s` stands for nobody", m->spec,
			    e->line, e->key);
	else if (im_is_first(im, seen, e->key))
		im_alias(im, e);
}

void
import_virtual(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);
	struct im_seen *seen = NULL;

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++)
			im_virtual(im, name, maps[i], &maps[i]->v[k], &seen);
	HASH_CLEAR(hh, seen);
}

/* /etc/aliases, when all of it can be an alias here. */
static void
im_alias_file(struct import *im, const char *path, bool asked)
{
	struct conf_errors errors;
	struct conf_map map = {0};
	struct buf text;
	int r;

	buf_init(&text, POSTFIX_MAP_FILE_MAX);
	conf_errors_init(&errors);
	r = im->read(im->read_arg, path, &text);
	if (r < 0 && asked)
		import_note(im, "alias_maps", "%s: %s", path,
			    conf_file_error(r));
	if (r == 0)
		r = alias_file_parse(path, buf_str(&text), text.len, im->arena,
				     &errors, &map);
	for (size_t i = 0; i < errors.n; i++)
		import_note(im, "alias_maps", "%s, line %u: %s", path,
			    (unsigned)errors.v[i].mark.line, errors.v[i].text);
	if (r == 0)
		import_put(&im->top, "aliases_file: %s\n",
			   import_quote(im, path));
	else if (errors.n > 0)
		import_note(im, "alias_maps",
			    "%s is left out; mend these lines and add "
			    "`aliases_file: %s`",
			    path, path);
	for (size_t i = 0; r == 0 && i < map.n; i++)
		if (strcasecmp(map.names[i], "root") == 0 &&
		    !im->postmaster_named) {
			im->postmaster = "root";
			im->postmaster_named = true;
		}
	conf_errors_done(&errors);
	buf_done(&text);
}

void
import_alias_file(struct import *im, const char *name, const char *value)
{
	struct postfix_list list =
		postfix_list(im->arena, value != NULL ? value : "");
	bool taken = false;

	if (value == NULL) {
		im_alias_file(im, "/etc/aliases", false);
		return;
	}
	for (size_t i = 0; i < list.n; i++) {
		const char *path = strchr(list.v[i], ':');

		if (path == NULL || path[1] != '/' || taken)
			import_note(im, name,
				    "`%s` is left out: there is one "
				    "`aliases_file`",
				    list.v[i]);
		else
			im_alias_file(im, path + 1, taken = true);
	}
}

/* --- rewriting ----------------------------------------------------------- */

const char *
import_whole(struct import *im, const char *address)
{
	const char *origin = im->origin != NULL ? im->origin : im->hostname;

	return strchr(address, '@') != NULL
		       ? address
		       : arena_printf(im->arena, "%s@%s", address, origin);
}

/* What stands in the place of an address: "@new.example" keeps the name. */
static const char *
im_instead(struct import *im, const char *value)
{
	if (value[0] == '@')
		return arena_printf(im->arena, "{local}%s", value);
	return import_whole(im, value);
}

/* An expression goes without its flags: letter case does not matter here. */
static const char *
im_match(struct import *im, const struct postfix_map *m, const char *key)
{
	const char *end = strrchr(key, key[0]);

	switch (m->kind) {
	case POSTFIX_MAP_PATTERNS:
		return key[0] == '/' && end != key
			       ? arena_strndup(im->arena, key,
					       (size_t)(end - key) + 1)
			       : NULL;
	case POSTFIX_MAP_STATIC:
		return "*";
	case POSTFIX_MAP_KEYS:
		return key[0] == '@' ? key + 1 : import_whole(im, key);
	case POSTFIX_MAP_NETWORKS:
	case POSTFIX_MAP_UNKNOWN:
		return NULL;
	}
	return NULL;
}

static void
im_rewrite(struct import *im, const char *name, const struct postfix_map *m,
	   const struct postfix_map_entry *e)
{
	const char *match = im_match(im, m, e->key);
	const char *to = import_quote(im, im_instead(im, e->value));

	if (match == NULL || strpbrk(e->value, "$ ") != NULL ||
	    e->value[0] == '\0') {
		import_note(im, name,
			    "%s, line %zu: `%s` by `%s` can't be said here",
			    m->spec, e->line, e->key, e->value);
		return;
	}
	import_put(&im->rewrite,
		   "  - {match: %s, from: %s, sender: %s, envelope: %s}\n",
		   import_quote(im, match), to, to, to);
}

void
import_generic(struct import *im, const char *name, const char *value)
{
	size_t n;

	(void)value;
	import_maps(im, name, &n);
	if (n > 0 && strcmp(name, "sender_canonical_maps") != 0)
		import_note(im, name,
			    "becomes `rewrite`, which gives senders other "
			    "addresses, not recipients");
	import_each_address(im, name, im_rewrite);
}
