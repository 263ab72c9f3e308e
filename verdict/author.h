/*
 * author - whose message it says it is: the domains of its From fields.
 *
 * RFC 5322 wants one From field, and nearly always one address is in it. What
 * there is instead (several fields, several addresses, groups, words between
 * them that are no address) is read so that no domain is missed which any mail
 * program might show: each counts, and all of them have to stand DMARC's test.
 * A field that is no list of addresses is searched for whatever stands behind
 * an @, outside of quotes and comments.
 */
#ifndef VERDICT_AUTHOR_H
#define VERDICT_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* RFC 9989, 11.5: each domain costs a walk of its own. */
#define AUTHOR_DOMAINS_MAX 5

struct author {
	unsigned fields; /* From fields there are */
	size_t n;
	const char *domains[AUTHOR_DOMAINS_MAX]; /* each once, in the order
						  * found, as
						  * domain_canonical() has
						  * them */
	bool more;       /* there are others, left out */
	const char *why; /* what is wrong with the fields, for people; "" */
};

/* HEADER is a message's, folded or not. *RET lives in ARENA. */
void author_find(const char *header, size_t len, struct arena *arena,
		 struct author *ret);

#endif
