/*
 * import_hops - where mail goes: relayhost, transport_maps and their like, with
 * the logins and the TLS that the next hops want.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/import_postfix.h"

struct nexthop {
	const char *host;
	long port; /* 0: the usual one */
	bool mx;   /* by the mail exchangers of HOST */
};

static long
ih_port(const char *text)
{
	struct servent *known;
	char *end;
	long port = strtol(text, &end, 10);

	if (end != text && *end == '\0')
		return port > 0 && port <= 65535 ? port : -1;
	known = getservbyname(text, "tcp");
	return known != NULL ? (long)ntohs((uint16_t)known->s_port) : -1;
}

/* "[host]:port", "host:port", and with inet: before it. */
static bool
ih_parse(struct import *im, const char *text, struct nexthop *ret)
{
	const char *end;

	memset(ret, 0, sizeof(*ret));
	if (strncmp(text, "inet:", 5) == 0)
		text += 5;
	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return false;
		text++;
		if (strncasecmp(text, "ipv6:", 5) == 0)
			text += 5;
		ret->host =
			arena_strndup(im->arena, text, (size_t)(end - text));
		end++;
	} else {
		end = text + strcspn(text, ":");
		ret->host =
			arena_strndup(im->arena, text, (size_t)(end - text));
		ret->mx = true;
	}
	if (*end == ':')
		ret->port = ih_port(end + 1);
	return ret->host[0] != '\0' && ret->port >= 0 &&
	       (*end == '\0' || *end == ':');
}

/* --- logins -------------------------------------------------------------- */

/* The entry KEY of the password tables, and the table it is in. */
static struct postfix_map_entry *
ih_password_of(struct import *im, const char *key,
	       const struct postfix_map **ret_map)
{
	size_t n;
	struct postfix_map **maps =
		import_maps(im, "smtp_sasl_password_maps", &n);

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

/* Postfix looks for the sender, the next hop as written, its host. */
static struct postfix_map_entry *
ih_password(struct import *im, const char *text, const struct nexthop *hop,
	    const char *sender, const struct postfix_map **ret_map)
{
	const char *keys[] = {
		sender,
		text,
		arena_strndup(im->arena, text,
			      text[0] == '[' ? strcspn(text, "]") + 1
					     : strcspn(text, ":")),
		hop->host,
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct postfix_map_entry *e =
			keys[i] != NULL ? ih_password_of(im, keys[i], ret_map)
					: NULL;

		if (e != NULL)
			return e;
	}
	return NULL;
}

/* S as a word of the shell. */
static const char *
ih_shell(struct import *im, const char *s)
{
	const char *word;
	struct buf b;

	buf_init(&b, IMPORT_TEXT_MAX);
	import_put(&b, "'");
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			import_put(&b, "'\\''");
		else /* it stands in a comment */
			import_put(&b, "%c", *s >= ' ' && *s <= '~' ? *s : '?');
	}
	import_put(&b, "'");
	word = arena_strdup(im->arena, buf_str(&b));
	buf_done(&b);
	return word;
}

static void
ih_say_password(struct import *im, const struct postfix_map *map,
		const struct postfix_map_entry *e, const char *file)
{
	import_put(&im->secrets,
		   "#   postmap -q %s %s | sed 's/^[^:]*://' |\n"
		   "#       install -o root -g belfry -m 0640 /dev/stdin %s\n",
		   ih_shell(im, e->key), ih_shell(im, map->spec), file);
	import_note(im, "smtp_sasl_password_maps",
		    "the password for `%s` goes into %s; the first lines of "
		    "what was written say how",
		    e->key, file);
}

/* Where the password of USER at HOST is to be. */
static const char *
ih_password_file(struct import *im, const char *host, const char *user,
		 bool *ret_new)
{
	struct import_login *v;
	size_t same = 0;
	char *file;

	*ret_new = false;
	for (size_t i = 0; i < im->nlogins; i++) {
		if (strcmp(im->logins[i].host, host) != 0)
			continue;
		if (strcmp(im->logins[i].user, user) == 0)
			return im->logins[i].file;
		same++;
	}
	file = same == 0 ? arena_printf(im->arena, "/etc/belfry/%s", host)
			 : arena_printf(im->arena, "/etc/belfry/%s-%zu", host,
					same + 1);
	for (char *c = file; *c != '\0'; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789._-/",
			    *c))
			*c = '_';
	v = arena_alloc(im->arena, (im->nlogins + 1) * sizeof(*v));
	if (im->nlogins > 0)
		memcpy(v, im->logins, im->nlogins * sizeof(*v));
	v[im->nlogins++] = (struct import_login){host, user, file};
	im->logins = v;
	*ret_new = true;
	return file;
}

static bool
ih_is_yes(struct import *im, const char *name)
{
	const char *value = postfix_get(&im->settings, name);

	return value != NULL && strcasecmp(value, "yes") == 0;
}

/* True: this hop has a login. */
static bool
ih_login(struct import *im, const char *text, const struct nexthop *hop,
	 const char *sender, struct buf *out)
{
	struct postfix_map_entry *e;
	const struct postfix_map *map;
	const char *user, *file;
	bool is_new;

	if (!ih_is_yes(im, "smtp_sasl_auth_enable"))
		return false;
	e = ih_password(im, text, hop, sender, &map);
	if (e == NULL)
		return false;
	e->taken = true;
	user = arena_strndup(im->arena, e->value, strcspn(e->value, ":"));
	file = ih_password_file(im, hop->host, user, &is_new);
	if (is_new)
		ih_say_password(im, map, e, file);
	import_put(out, ", user: %s, password_file: %s", import_quote(im, user),
		   import_quote(im, file));
	return true;
}

/* --- TLS ----------------------------------------------------------------- */

static const struct {
	const char *level, *tls, *note;
} ih_levels[] = {
	{"none", "none", NULL},
	{"may", "opportunistic", NULL},
	{"encrypt", "encrypt", NULL},
	{"verify", "verify", NULL},
	{"secure", "verify", NULL},
	{"dane", "opportunistic",
	 "TLSA records are not looked up; it is `tls: opportunistic`"},
	{"dane-only", "encrypt",
	 "TLSA records are not looked up; it is `tls: encrypt`"},
	{"fingerprint", "verify",
	 "fingerprints are not compared; it is `tls: verify`, by the system's "
	 "authorities"},
};

/* "": nothing is said of it. */
static const char *
ih_level(struct import *im)
{
	const char *level =
		postfix_get(&im->settings, "smtp_tls_security_level");

	if (level != NULL && level[0] != '\0')
		return level;
	if (ih_is_yes(im, "smtp_enforce_tls"))
		return "verify";
	return ih_is_yes(im, "smtp_use_tls") ? "may" : "";
}

/* The file that the setting NAME is, as KEY of the hop. */
static void
ih_file(struct import *im, const char *name, const char *key, struct buf *out)
{
	const char *value = postfix_get(&im->settings, name);

	if (value != NULL && value[0] != '\0')
		import_put(out, ", %s: %s", key, import_quote(im, value));
}

/* A login has `verify` by itself, and nothing weaker. */
static void
ih_policy(struct import *im, const char *level, size_t at, bool login,
	  struct buf *out)
{
	bool verify = strcmp(ih_levels[at].tls, "verify") == 0;

	if (!login)
		import_put(out, ", tls: %s", ih_levels[at].tls);
	else if (!verify)
		import_note(im, "smtp_tls_security_level",
			    "where there is a login the certificate is "
			    "verified, not only `%s`",
			    level);
	if (login || verify)
		ih_file(im, "smtp_tls_CAfile", "ca_file", out);
	if (ih_levels[at].note != NULL)
		import_note(im, "smtp_tls_security_level", "%s",
			    ih_levels[at].note);
}

static void
ih_tls(struct import *im, bool login, struct buf *out)
{
	const char *level = ih_level(im);

	if (ih_is_yes(im, "smtp_tls_wrappermode"))
		import_put(out, ", implicit_tls: true");
	for (size_t i = 0; i < sizeof(ih_levels) / sizeof(ih_levels[0]); i++)
		if (strcasecmp(ih_levels[i].level, level) == 0) {
			ih_policy(im, level, i, login, out);
			return;
		}
	if (level[0] != '\0')
		import_note(im, "smtp_tls_security_level", "`%s` is not known",
			    level);
}

/* --- entries ------------------------------------------------------------- */

static void
ih_write(struct import *im, const struct nexthop *hop, const char *text,
	 const char *sender, bool smtp, struct buf *out)
{
	bool login;

	import_put(out, "{host: %s", import_quote(im, hop->host));
	if (hop->port > 0)
		import_put(out, ", port: %ld", hop->port);
	if (hop->mx && smtp)
		import_put(out, ", mx: true");
	login = smtp && ih_login(im, text, hop, sender, out);
	if (smtp)
		ih_tls(im, login, out);
	import_put(out, "}");
}

bool
import_hop(struct import *im, const char *text, const char *sender,
	   struct buf *out)
{
	struct nexthop hop;

	if (!ih_parse(im, text, &hop))
		return false;
	ih_write(im, &hop, text, sender, true, out);
	return true;
}

static void
ih_list(struct import *im, const char *name, const char *value,
	const char *indent, struct buf *out)
{
	struct postfix_list list = postfix_list(im->arena, value);

	for (size_t i = 0; i < list.n; i++) {
		struct buf entry;

		buf_init(&entry, IMPORT_TEXT_MAX);
		if (import_hop(im, list.v[i], NULL, &entry))
			import_put(out, "%s- %s\n", indent, buf_str(&entry));
		else
			import_note(im, name, "`%s` is no next hop", list.v[i]);
		buf_done(&entry);
	}
}

void
import_relayhost(struct import *im, const char *name, const char *value)
{
	ih_list(im, name, value, "    ", &im->smarthost);
}

void
import_fallback(struct import *im, const char *name, const char *value)
{
	struct buf list;

	buf_init(&list, IMPORT_TEXT_MAX);
	ih_list(im, name, value, "    ", &list);
	if (list.len > 0)
		import_put(&im->delivery, "  fallback:\n%s", list.data);
	buf_done(&list);
}

/* --- transports ---------------------------------------------------------- */

/* The domain of a pattern: of "anna@example.org", "example.org" and
 * ".example.org". */
static const char *
ih_domain(const char *pattern)
{
	const char *at = strrchr(pattern, '@');

	if (at != NULL)
		return at + 1;
	return pattern + (pattern[0] == '.');
}

/* It comes before the relayhost, which so is never asked. */
static void
ih_star(struct import *im, const char *hop)
{
	if (im->starred)
		return;
	im->starred = true;
	buf_clear(&im->smarthost);
	import_put(&im->smarthost, "    - %s\n", hop);
}

static void
ih_rule(struct import *im, const char *pattern, const char *kind,
	const char *hop)
{
	const char *match = import_quote(im, pattern);
	struct import_domain *d = import_find_domain(im, ih_domain(pattern));

	if (d != NULL && strcasecmp(d->name, pattern) == 0)
		d->routed = true;
	if (d != NULL || strcmp(kind, "lmtp") == 0)
		import_put(&im->routes,
			   "  - {match: %s, deliver: %s, via: [%s]}\n", match,
			   kind, hop);
	else if (strcmp(pattern, "*") == 0)
		ih_star(im, hop);
	else
		import_put(&im->by_domain, "    - {match: %s, via: [%s]}\n",
			   match, hop);
}

/* "smtp:[host]:port", "relay:", ":[host]", "lmtp:inet:host:port". False: it
 * can't be. */
static bool
ih_transport(struct import *im, const char *pattern, const char *value)
{
	size_t len = strcspn(value, ":");
	const char *kind = arena_strndup(im->arena, value, len);
	const char *to = value[len] == ':' ? value + len + 1 : "";
	bool smtp = len == 0 || strcmp(kind, "smtp") == 0 ||
		    strcmp(kind, "relay") == 0;
	struct nexthop hop;
	struct buf entry;

	if (!smtp && strcmp(kind, "lmtp") != 0)
		return false;
	/* To the domain itself, not to the relayhost. */
	if (smtp && to[0] == '\0')
		to = strpbrk(pattern, ".*") == pattern ? ""
						       : ih_domain(pattern);
	if (!ih_parse(im, to, &hop))
		return false;
	buf_init(&entry, IMPORT_TEXT_MAX);
	ih_write(im, &hop, to, NULL, smtp, &entry);
	ih_rule(im, pattern, smtp ? "smtp" : "lmtp", buf_str(&entry));
	buf_done(&entry);
	return true;
}

void
import_transports(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++) {
			const struct postfix_map_entry *e = &maps[i]->v[k];
			bool known = maps[i]->kind == POSTFIX_MAP_KEYS ||
				     maps[i]->kind == POSTFIX_MAP_STATIC;

			if (!known || !ih_transport(im, e->key, e->value))
				import_note(im, name,
					    "%s, line %zu: `%s` by `%s` can't "
					    "be said here",
					    maps[i]->spec, e->line, e->key,
					    e->value);
		}
}

void
import_by_sender(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++) {
			const struct postfix_map_entry *e = &maps[i]->v[k];
			const char *match = e->key + (e->key[0] == '@');
			struct buf entry;

			buf_init(&entry, IMPORT_TEXT_MAX);
			if (maps[i]->kind == POSTFIX_MAP_KEYS &&
			    import_hop(im, e->value, e->key, &entry))
				import_put(&im->by_sender,
					   "    - {match: %s, via: [%s]}\n",
					   import_quote(im, match),
					   buf_str(&entry));
			else
				import_note(im, name,
					    "%s, line %zu: `%s` by `%s` can't "
					    "be said here",
					    maps[i]->spec, e->line, e->key,
					    e->value);
			buf_done(&entry);
		}
}

void
import_logins(struct import *im, const char *name, const char *value)
{
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++)
			if (!maps[i]->v[k].taken)
				import_note(im, name,
					    "%s, line %zu: no next hop takes "
					    "the login for `%s`; one for a "
					    "sender is an entry of "
					    "`delivery.by_sender`",
					    maps[i]->spec, maps[i]->v[k].line,
					    maps[i]->v[k].key);
}

/* Those of relay_domains that no transport names. */
void
import_relay_routes(struct import *im, const char *name, const char *value)
{
	const char *hop = buf_str(&im->smarthost);

	(void)name;
	(void)value;
	for (const struct import_domain *d = im->domains; d != NULL;
	     d = d->hh.next) {
		if (!d->relayed || d->routed)
			continue;
		import_put(&im->routes, "  - {match: %s, deliver: smtp, via: [",
			   import_quote(im, d->name));
		if (hop[0] != '\0') /* behind "    - " */
			import_put(&im->routes, "%.*s",
				   (int)strcspn(hop + 6, "\n"), hop + 6);
		else
			(void)import_hop(im, d->name, NULL, &im->routes);
		import_put(&im->routes, "]}\n");
	}
}
