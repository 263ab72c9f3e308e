/*
 * aliases - names that stand for other addresses.
 *
 * A name is a local part ("root": of the host's own names and of every domain
 * of ours) or a whole address ("info@example.org"). What it stands for is any
 * number of addresses; one without a domain is a name of ours again.
 *
 * What can't be resolved is refused when the table is made, so that looking up
 * never fails: names that lead back to themselves over others, chains of more
 * than ALIASES_DEPTH names, and names that stand for more than ALIASES_TOTAL
 * addresses. A name that lists itself means the
 * address that it was found for.
 */
#ifndef DELIVER_ALIASES_H
#define DELIVER_ALIASES_H

#include "base/arena.h"
#include "base/conf.h"
#include "mail/address.h"

#define ALIASES_DEPTH 20
#define ALIASES_TOTAL 1000

struct alias {
	const char *name; /* in lower case, without quotes */
	size_t n;
	struct address *to; /* domain "": a name of ours */
	struct conf_mark mark;
	struct alias_impl *impl;
};

struct aliases;

/* Whose names the bare ones are; borrowed as long as the table. */
struct alias_domains {
	const char *hostname;        /* and localhost */
	struct conf_strings domains; /* sorted, in lower case */
	char delimiter;
};

/* What is made into one table. A name is given once; that what the file calls
 * postmaster yields to the key of that name is the one exception. */
struct alias_sources {
	const struct conf_map *own, *file; /* names, each with addresses */
	const char *postmaster;            /* "": none */
	const struct alias_domains *domains;
};

/* Everything is copied into ARENA but the domains. 0, or -EINVAL with at least
 * one error in ERRORS; aliases_done() in either case. */
int aliases_init(const struct alias_sources *from, struct arena *arena,
		 struct conf_errors *errors, struct aliases **ret);
void aliases_done(struct aliases **a);

/* What A is called: the exact name before the one without extension, the whole
 * address before the bare name. NULL: nothing. */
const struct alias *aliases_find(const struct aliases *table,
				 const struct address *a);
/* One after the other, in no order, from NULL to NULL. */
const struct alias *aliases_next(const struct aliases *table,
				 const struct alias *a);

/* One of `domains`. */
bool alias_domain_is_ours(const struct alias_domains *d, const char *domain);

#endif
