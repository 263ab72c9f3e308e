/*
 * rewrite - the section `rewrite`: other addresses for the senders of submitted
 * mail. Compiled; immutable, any thread.
 */
#ifndef RELAY_REWRITE_H
#define RELAY_REWRITE_H

#include "base/arena.h"
#include "config/config.h"

/* Where a sender stands. */
enum rewrite_place { REWRITE_FROM, REWRITE_SENDER, REWRITE_ENVELOPE };

struct rewrite;

/* Borrows CONFIG. 0, or -EINVAL with an error in E. */
int rewrite_new(const struct config *config, struct conf_errors *e,
		struct rewrite **ret);
void rewrite_free(struct rewrite **r);
/* What the first rule that matches ADDRESS and says something of PLACE makes of
 * it, in ARENA; NULL: none does. R NULL has no rules. */
const char *rewrite_address(const struct rewrite *r, enum rewrite_place place,
			    const char *address, struct arena *arena);

#endif
