/*
 * endpoint_try - an attempt on its way to an endpoint: a URL or a program.
 *
 *	content -> request -> answer             -> back
 *	        -> program -> input -> its end   -> back
 */
#ifndef DELIVER_ENDPOINT_TRY_H
#define DELIVER_ENDPOINT_TRY_H

#include "deliver/content.h"
#include "deliver/deliver_impl.h"
#include "deliver/endpoint.h"
#include "net/fetch.h"
#include "net/program.h"

/* Lives in its attempt's arena. */
struct endpoint_try {
	LIST_ENTRY(endpoint_try) link;
	struct deliver_loop *dl;     /* borrowed */
	struct attempt *a;           /* owned until handed back */
	struct routing *routing;     /* a reference */
	struct endpoints *endpoints; /* a reference; NULL: there are none yet */
	const struct endpoint *ep;   /* of ENDPOINTS */
	struct fetch *fetch;         /* owned; NULL: none is under way */
	struct program *program;     /* owned; NULL: not started, or over */
	struct content_reader reader;
	bool plain; /* the body was refused: it is asked with another */
	bool reading;
	bool over; /* the outcome is set */
};

/* Back to the queue with what the attempt says; T is gone afterwards. */
void endpoint_try_finish(struct endpoint_try *t);
/* The same with this outcome. */
void endpoint_try_fail(struct endpoint_try *t, enum attempt_outcome outcome,
		       int code, const char *dsn, const char *why);
/* The content is there. */
void endpoint_try_ask(struct endpoint_try *t);
void endpoint_try_run(struct endpoint_try *t);

#endif
