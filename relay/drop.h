/*
 * drop - takes up what was left in the drop folder while belfryd was down.
 *
 * On the home loop, one file at a time; all that touches the disk is done by
 * the pool. The folder is looked through at the start, when the kernel tells of
 * a new file, and once a minute. The owner of a file is who submitted it, and
 * its name the key under which it is published: after a crash it is taken once,
 * however far it had come.
 *
 *	IDLE -> SCAN -> OPEN -> TALK -> [REPORT ->] FINISH -> OPEN ... -> IDLE
 *
 * What is taken is unlinked. What can't be taken now stays, and is tried again;
 * what never can is told to its sender, or set aside as bad.NAME when it is no
 * message or nobody can be told.
 */
#ifndef RELAY_DROP_H
#define RELAY_DROP_H

#include <stddef.h>

struct drop;
struct relay;

/* Before the loops run. 0; -EWOULDBLOCK: another belfryd has the folder; other
 * -errno: it can't be opened. */
int drop_new(struct relay *r, struct drop **ret_drop);
/* What the last whole look at the folder left there: set aside as bad, tried in
 * vain (or over the quota), and what is no file of ours. */
struct drop_seen {
	size_t bad, kept, odd;
};
/* On the home loop. */
void drop_look(const struct drop *d, struct drop_seen *ret);
/* On the home loop: nothing new is begun. NULL is fine. */
void drop_stop(struct drop *d);
/* Before the loops are freed, but after they ended. */
void drop_end(struct drop *d);
/* After they were. Leaves NULL. */
void drop_free(struct drop **d);

#endif
