/*
 * address - a mailbox of SMTP (RFC 5321, 4.1.2; RFC 6531, 3.3).
 *
 *	Path       = "<" [ A-d-l ":" ] Mailbox ">"     source routes are dropped
 *	Mailbox    = Local-part "@" ( Domain / address-literal )
 *	Local-part = Dot-string / Quoted-string
 *
 * Control characters are refused everywhere, also quoted ones. A local part may
 * be UTF-8; a domain beyond ASCII is taken and becomes what the DNS calls it.
 * Underscores in host names are taken, since they exist. Sizes: local part 64,
 * domain 255, path 256 octets (4.5.3.1); we take local parts of up to 255.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define ADDRESS_MAX 512 /* local + "@" + domain */

struct address {
	const char *local;  /* letters as written; in quotes only what has to
			     * be; "" for the null path */
	const char *domain; /* lower case; "[192.0.2.1]" for a literal; "" for
			     * the null path and for a bare name */
};

/* The path at S ("<...>"), e.g. behind "MAIL FROM:". *RET_USED is how many
 * bytes it took. Null path "<>" only when NULL_OK; a name without a domain
 * is taken: who asked must complete or refuse it. 0, or -EINVAL with a reason
 * in *RET_WHY (static). */
int address_parse_path(const char *s, size_t len, bool null_ok,
		       struct arena *arena, struct address *ret,
		       size_t *ret_used, const char **ret_why);
/* A bare mailbox, "anna@example.org" or "postmaster", all of S: what
 * address_text() made of any address but the null path. */
int address_parse(const char *s, struct arena *arena, struct address *ret,
		  const char **ret_why);
/* The same, and any name without a domain. */
int address_parse_bare(const char *s, struct arena *arena, struct address *ret,
		       const char **ret_why);
/* "local@domain"; "" for the null path. In ARENA. */
const char *address_text(const struct address *a, struct arena *arena);
/* How much of the local part stands before its extension: "anna" of "anna+x";
 * LEN when there is none. DELIMITER '\0': there never is one. */
size_t address_base_len(const char *local, size_t len, char delimiter);
/* The local part in lower case, without the quotes; at most SIZE - 1 bytes. */
void address_local_key(const char *local, char *ret, size_t size);
bool address_is_null(const struct address *a);
/* Domain part of a text address: what follows the last "@", or "". */
const char *address_domain_of(const char *text);
/* A host name or literal as EHLO takes it. */
bool address_is_domain(const char *s, size_t len);

#endif
