/*
 * domain - domains as verdicts compare them.
 */
#ifndef VERDICT_DOMAIN_H
#define VERDICT_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* S[0..LEN) as the DNS has it: in ASCII (RFC 5890, 2.3), lower case, without a
 * final dot; in ARENA. NULL: the DNS can't have such a name. */
const char *domain_canonical(const char *s, size_t len, struct arena *arena);
/* True when NAME is DOMAIN or below it. Both are canonical. */
bool domain_within(const char *name, const char *domain);
/* How many labels a canonical name has. */
unsigned domain_labels(const char *name);
/* What is above NAME; NULL: NAME is of one label. Points into it. */
const char *domain_parent(const char *name);

#endif
