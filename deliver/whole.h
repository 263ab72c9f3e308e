/*
 * whole - an attempt whose message is read into memory before anybody looks at
 * it: for what is meant for us, such as alerts that come by mail.
 *
 * One recipient at a time. What is beyond the ceiling is left out.
 */
#ifndef DELIVER_WHOLE_H
#define DELIVER_WHOLE_H

#include "queue/attempt.h"

struct deliver;
struct loop;

struct whole {
	struct loop *loop;       /* the attempt's; borrowed */
	const struct attempt *a; /* of one recipient; borrowed */
	const char *data;        /* borrowed until whole_done() */
	size_t len;
	char delimiter; /* of the recipient's extension; '\0': none */
};

/* On the attempt's loop. Leads to one whole_done() there, which a stop of
 * belfryd waits for. */
typedef void whole_fn(void *ctx, struct whole *w);
/* Registers AGENT, of which no message is read further than MAX bytes. Before
 * queue_start(). */
void deliver_whole(struct deliver *d, const char *agent, size_t max,
		   whole_fn *fn, void *ctx);
/* It was done (CODE 2xx), is to be tried again (4xx) or never will be (5xx). W
 * is gone. */
void whole_done(struct whole *w, int code, const char *dsn, const char *text);

#endif
