/*
 * snapshot - one reading of the configuration, as messages see it: whose mail is
 * whose, how it is judged, and who signs.
 *
 * Immutable and reference counted, from any thread. A reload makes a new one; a
 * message keeps the one that it began with.
 */
#ifndef MILTER_SNAPSHOT_H
#define MILTER_SNAPSHOT_H

#include "config/config.h"
#include "verdict/dkim_keys.h"
#include "verdict/verdict.h"

struct milter_snapshot {
	_Atomic int refs;
	struct config *config;  /* owned reference */
	struct judge *judge;    /* owned reference */
	struct dkim_keys *keys; /* owned reference; NULL: sign is false */
};

/* Takes a reference of CONFIG, and reads its keys. 0, or -EINVAL with errors in
 * E. */
int milter_snapshot_new(struct config *config, struct conf_errors *e,
			struct milter_snapshot **ret);
struct milter_snapshot *milter_snapshot_ref(struct milter_snapshot *s);
/* Leaves NULL. NULL is fine. */
void milter_snapshot_unref(struct milter_snapshot **s);

static inline const struct milter_conf *
milter_snapshot_conf(const struct milter_snapshot *s)
{
	return &s->config->milter;
}

#endif
