/*
 * import_hops - the next hops: relayhost and its like, with the logins that they
 * want.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/import_postfix.h"

#define PASSWORDS "smtp_sasl_password_maps"

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
			keys[i] != NULL ? import_find_entry(im, PASSWORDS,
							    keys[i], ret_map)
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

/* The table for `postmap -q`; NULL: no command has it by itself. */
static const char *
ih_table(struct import *im, const struct postfix_map *map)
{
	size_t n;

	(void)import_maps(im, PASSWORDS, &n);
	if (map->path[0] == '/')
		return ih_shell(im, arena_printf(im->arena, "%s:%s", map->type,
						 map->path));
	/* It stands in main.cf, and must not here. */
	return n == 1 ? "\"$(postconf -hx " PASSWORDS ")\"" : NULL;
}

static void
ih_say_password(struct import *im, const struct postfix_map *map,
		const struct postfix_map_entry *e, const char *user,
		const char *file)
{
	const char *table = ih_table(im, map);

	if (table != NULL)
		import_put(&im->secrets,
			   "#   postmap -q %s %s | sed 's/^[^:]*://' |\n",
			   ih_shell(im, e->key), table);
	else
		import_put(&im->secrets,
			   "#   # the password of %s in " PASSWORDS
			   " of main.cf, then Ctrl-D:\n",
			   ih_shell(im, user));
	import_put(&im->secrets,
		   "#   %sinstall -o root -g belfry -m 0640 /dev/stdin %s\n",
		   table != NULL ? "    " : "", file);
	import_note(im, PASSWORDS,
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

/* True: this hop has a login. */
static bool
ih_login(struct import *im, const char *text, const struct nexthop *hop,
	 const char *sender, struct buf *out)
{
	struct postfix_map_entry *e;
	const struct postfix_map *map;
	const char *user, *file;
	bool is_new;

	if (!import_is_yes(im, "smtp_sasl_auth_enable"))
		return false;
	e = ih_password(im, text, hop, sender, &map);
	if (e == NULL)
		return false;
	e->taken = true;
	user = arena_strndup(im->arena, e->value, strcspn(e->value, ":"));
	file = ih_password_file(im, hop->host, user, &is_new);
	if (is_new)
		ih_say_password(im, map, e, user, file);
	import_put(out, ", user: %s, password_file: %s", import_quote(im, user),
		   import_quote(im, file));
	return true;
}

/* --- entries ------------------------------------------------------------- */

/* Hosts with one name and more than one way of speaking to them (logins of
 * several senders, say) are destinations of their own, each with a name. */
static const char *
ih_name(struct import *im, const char *label, const char *entry)
{
	struct import_hop *h;
	size_t same = 0;

	for (h = im->hops; h != NULL; h = h->next) {
		if (strcasecmp(h->label, label) != 0)
			continue;
		if (strcmp(h->entry, entry) == 0)
			return h->name;
		same++;
	}
	h = arena_alloc(im->arena, sizeof(*h));
	h->label = label;
	h->entry = arena_strdup(im->arena, entry);
	h->name = same > 0 ? arena_printf(im->arena, "%s-%zu", label, same + 1)
			   : "";
	h->next = im->hops;
	im->hops = h;
	return h->name;
}

static void
ih_write(struct import *im, const struct nexthop *hop, const char *text,
	 const char *sender, bool smtp, struct buf *out)
{
	long port = hop->port;
	struct buf entry;
	const char *name;
	bool login;

	buf_init(&entry, IMPORT_TEXT_MAX);
	if (port > 0)
		import_put(&entry, ", port: %ld", port);
	if (hop->mx && smtp)
		import_put(&entry, ", mx: true");
	login = smtp && ih_login(im, text, hop, sender, &entry);
	if (smtp)
		import_hop_tls(im, text, login, &entry);
	if (port == 0)
		port = login ? 587 : smtp ? 25 : 24;
	name = ih_name(im, arena_printf(im->arena, "%s:%ld", hop->host, port),
		       buf_str(&entry));
	import_put(out, "{host: %s", import_quote(im, hop->host));
	if (name[0] != '\0')
		import_put(out, ", name: %s", import_quote(im, name));
	import_put(out, "%s}", buf_str(&entry));
	buf_done(&entry);
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

/* Below Postfix's queue directory, where it isn't whole. */
static const char *
ih_socket(struct import *im, const char *path)
{
	const char *folder = postfix_get(&im->settings, "queue_directory");

	if (path[0] == '/')
		return path;
	return arena_printf(im->arena, "%s/%s",
			    folder != NULL ? folder : "/var/spool/postfix",
			    path);
}

bool
import_lmtp_hop(struct import *im, const char *text, struct buf *out)
{
	struct nexthop hop;

	if (strncmp(text, "unix:", 5) == 0) {
		import_put(out, "{host: \"unix:%s\"}", ih_socket(im, text + 5));
		return text[5] != '\0';
	}
	if (!ih_parse(im, text, &hop))
		return false;
	ih_write(im, &hop, text, NULL, false, out);
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

static void
ih_sender(struct import *im, const char *name, const struct postfix_map *m,
	  const struct postfix_map_entry *e)
{
	struct buf hop;

	buf_init(&hop, IMPORT_TEXT_MAX);
	if (m->kind == POSTFIX_MAP_KEYS &&
	    import_hop(im, e->value, e->key, &hop))
		import_put(&im->by_sender, "    - {match: %s, via: [%s]}\n",
			   import_quote(im, e->key + (e->key[0] == '@')),
			   buf_str(&hop));
	else
		import_note(im, name,
			    "%s, line %zu: `%s` by `%s` can't be said here",
			    m->spec, e->line, e->key, e->value);
	buf_done(&hop);
}

void
import_by_sender(struct import *im, const char *name, const char *value)
{
	(void)value;
	import_each_address(im, name, ih_sender);
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
