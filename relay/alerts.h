/*
 * alerts - the engine as a part of belfryd: what it is made of, its start, its
 * reload and its end. All on the home loop.
 */
#ifndef RELAY_ALERTS_H
#define RELAY_ALERTS_H

#include "alert/engine.h"
#include "alert/link.h"
#include "relay/relay.h"

struct alerts;

/* Before the queue starts. 0, or -errno: the file of the tokens' key can't be
 * read or made. */
int alerts_new(struct relay *r, struct alerts **ret);
/* When it has started. */
void alerts_start(struct alerts *a);
/* The snapshot is another one. */
void alerts_reload(struct alerts *a);
/* What SOURCE said was refused, for WHY: that is an alert, too. HELP is a
 * constant. */
void alerts_refused(struct alerts *a, const char *source, const char *why,
		    const char *help);
/* Before the queue stops: nothing new is begun. NULL is fine. */
void alerts_stop(struct alerts *a);
/* When the queue is closed and before the loops are freed. NULL is fine. */
void alerts_free(struct alerts **a);

struct engine *alerts_engine(struct alerts *a);
/* Of the tokens in mails. */
const struct alert_link_key *alerts_key(const struct alerts *a);
/* Is there anybody to tell, by the configuration of now? */
bool alerts_is_on(const struct alerts *a);
/* The engine, for who looks and acts; NULL: there is nobody to tell, or belfryd
 * ends. */
struct engine *relay_engine(const struct relay *r);

#endif
