/*
 * import_postfix - Postfix's settings become a belfry.yaml.
 *
 * Each setting is somebody's: a row of a table names it and the function that
 * carries it over, or says why it isn't. What nobody knows is said, too. No
 * secret is ever written: its place is, and how to put it there.
 */
#ifndef CLI_IMPORT_POSTFIX_H
#define CLI_IMPORT_POSTFIX_H

#include <uthash.h>

#include "base/buf.h"
#include "cli/postfix_map.h"
#include "cli/postfix_settings.h"

#define IMPORT_TEXT_MAX ((size_t)64 << 20)

struct import_login {
	const char *host, *user, *file;
};

/* What was written of a next hop behind its host. */
struct import_hop {
	const char *label, *entry; /* "host:port" */
	const char *name;          /* "": LABEL, by itself */
	struct import_hop *next;
};

#define IMPORT_NOTES_MAX 1000

/* By the setting that names a domain. */
enum import_kind {
	IMPORT_LOCAL,     /* users of this machine */
	IMPORT_ALIASES,   /* virtual_alias_domains */
	IMPORT_MAILBOXES, /* virtual_mailbox_domains */
	IMPORT_RELAYED,   /* to a server behind this one */
};

struct import_domain {
	const char *name; /* in lower case */
	enum import_kind kind;
	bool routed; /* some rule has named it */
	UT_hash_handle hh;
};

/* The tables of a setting, which are read once. */
struct import_tables {
	const char *name;
	size_t n;
	struct postfix_map **v;
	struct import_tables *next;
};

struct import {
	struct postfix_settings settings;
	struct arena *arena; /* the settings' */
	postfix_read_fn *read;
	void *read_arg;
	const char *hostname;
	const char *origin; /* NULL: hostname */
	size_t nlogins, nnotes;
	struct import_login *logins;   /* these are of the arena */
	struct import_domain *domains; /* a hash, in their order */
	struct import_tables *tables;
	struct import_hop *hops;
	/* The sections, as YAML; "" is left out. */
	struct buf top, networks, listeners, limits, domain_list, aliases,
		rewrite, routes, smarthost, by_sender, by_domain, delivery;
	bool untrusted;          /* `mynetworks` may not send anywhere */
	bool host_is_local;      /* `hostname` has users */
	bool client_certificate; /* some next hop is shown it */
	bool starred;            /* `*` of the transports is the smarthost */
	const char *postmaster;  /* somebody who may be it; NULL: nobody yet */
	bool postmaster_named;
	/* For people: what is not carried over, and what is left to do. */
	struct buf notes, secrets;
};

void import_init(struct import *im, postfix_read_fn *fn, void *arg);
void import_done(struct import *im);
/* Take TEXT and write the configuration. 0; -EINVAL and -E2BIG as
 * postfix_settings_parse(). */
int import_postfix(struct import *im, const char *text, size_t len,
		   struct buf *ret_yaml, size_t *ret_line);

/* "- name: why" for people, once. */
void import_note(struct import *im, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void import_put(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* KEY and what stands below it; nothing where that is empty. */
void import_section(struct buf *out, const char *key, const struct buf *text);
/* S as a YAML scalar. */
const char *import_quote(struct import *im, const char *s);
/* The tables of the setting NAME that can be read; the others are noted. */
struct postfix_map **import_maps(struct import *im, const char *name,
				 size_t *ret_n);
/* The first entry for KEY of these tables, or NULL; *RET_MAP: the table that
 * it is in. */
struct postfix_map_entry *import_find_entry(struct import *im, const char *name,
					    const char *key,
					    const struct postfix_map **ret_map);
/* Every entry of these tables in the order in which Postfix looks for an
 * address: whole ones, then domains ("@..."). */
void import_each_address(struct import *im, const char *name,
			 void (*fn)(struct import *im, const char *name,
				    const struct postfix_map *map,
				    const struct postfix_map_entry *entry));
/* NULL: it is none of ours. */
struct import_domain *import_find_domain(struct import *im, const char *domain);
void import_add_domain(struct import *im, const char *domain,
		       enum import_kind kind);

/* --- import_hops.c ------------------------------------------------------- */

void import_relayhost(struct import *im, const char *name, const char *value);
void import_fallback(struct import *im, const char *name, const char *value);
void import_by_sender(struct import *im, const char *name, const char *value);
/* Those logins that no next hop has taken. */
void import_logins(struct import *im, const char *name, const char *value);
/* "[host]:port" as an entry of a list; false: it is none. */
bool import_hop(struct import *im, const char *text, const char *sender,
		struct buf *out);

/* ... by LMTP, where it is over TCP. */
bool import_lmtp_hop(struct import *im, const char *text, struct buf *out);

/* --- import_tls.c -------------------------------------------------------- */

bool import_is_yes(struct import *im, const char *name);
/* How the next hop HOP, as it is written, is spoken to, as further keys. */
void import_hop_tls(struct import *im, const char *hop, bool login,
		    struct buf *out);
/* Those policies that no next hop has taken. */
void import_policies(struct import *im, const char *name, const char *value);
void import_certificate(struct import *im, const char *name, const char *value);

/* --- import_routes.c ----------------------------------------------------- */

void import_transports(struct import *im, const char *name, const char *value);
/* The routes of those domains that no transport names. */
void import_domain_routes(struct import *im, const char *name,
			  const char *value);
/* What has a copy and no route. */
void import_copies(struct import *im, const char *name, const char *value);
void import_always_bcc(struct import *im, const char *name, const char *value);

/* --- import_mail.c ------------------------------------------------------- */

void import_mynetworks(struct import *im, const char *name, const char *value);
/* Do the restrictions let them send anywhere? */
void import_trust(struct import *im, const char *name, const char *value);
void import_domains(struct import *im, const char *name, const char *value);
void import_virtual(struct import *im, const char *name, const char *value);
void import_alias_file(struct import *im, const char *name, const char *value);
/* ADDRESS with a domain. */
const char *import_whole(struct import *im, const char *address);
void import_generic(struct import *im, const char *name, const char *value);

/* --- import_table.c ------------------------------------------------------ */

typedef void import_fn(struct import *im, const char *name, const char *value);

struct import_row {
	const char *name;
	import_fn *fn;   /* with the value, or NULL where it isn't set and
			  * ALWAYS; NULL: see WHY */
	const char *key; /* for functions that fill one key */
	const char *why; /* it isn't carried over; "": it means nothing here */
	bool always;
};
extern const struct import_row import_rows[]; /* a NULL name ends */

#endif
