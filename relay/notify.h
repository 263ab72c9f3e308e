/*
 * notify - a person hears of what only the log knew.
 *
 * Lines of some events are gathered by kind; at most once an hour a kind makes
 * a mail to the postmaster, with how often it happened and the newest lines.
 * The mail is from the null path and has a teller of its own: what becomes of
 * it is logged, and never noticed again. What is gathered lives in memory only;
 * the log has all of it.
 */
#ifndef RELAY_NOTIFY_H
#define RELAY_NOTIFY_H

#include "relay/relay.h"

/* What is published with this kind of teller: of it, too, only what failed is
 * logged. */
#define NOTIFY_TELLER 'n'

/* From here on the log is heard: before the queue opens, which may have to tell
 * something. */
void notify_init(struct relay *r);
/* Before the queue starts; on the home loop. */
void notify_start(struct relay *r);
/* How often something of KIND happened since notify_init(). */
uint64_t notify_count(struct notify *n, enum config_notify kind);
/* Before the loops are freed. */
void notify_free(struct notify **n);

#endif
