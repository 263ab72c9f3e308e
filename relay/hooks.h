/*
 * hooks - where sources post their alerts.
 *
 *	/hooks/NAME                          the source NAME, or that of a kind
 *	/hooks/NAME/TOKEN                    which has a token
 *	.../api/v2/alerts                    of the kind alertmanager: for a
 *	                                     Prometheus with a path_prefix
 *	/api/v2/alerts                       the source called alertmanager
 *
 * Who may is known before a byte of the body is read: its token, a signature (by
 * which it is known when the body is there), the source's networks, a login with
 * the right to post, or `trust` of the listener; but not for a GET, which any page
 * of others can make a browser send. Whatever is refused is counted; who may not
 * post uses up nothing of the source's rate. 2xx only when the alerts are durable; 503 with Retry-After where they can't be now;
 * 400 says why, and what was posted is kept. No token is ever logged. On the home
 * loop; large bodies are read in the CPU pool.
 */
#ifndef RELAY_HOOKS_H
#define RELAY_HOOKS_H

#include "relay/http_who.h"

#define HOOKS_PATH     "/hooks/"
#define HOOKS_API_PATH "/api/v2/alerts"

/* What Prometheus posts to the built-in source may be as large. */
#define HOOKS_POSTABLE_MAX (8 * 1024 * 1024)

/* The header of REQ is there. 0, or the status that ends it. WHO has what `trust`
 * gives to its address; LOGIN: who it is will be asked. */
int hooks_gate(struct relay *r, struct http_request *req,
	       const struct http_who *who, bool login);
/* REQ, which the gate let pass, will be answered with STATUS by somebody else: it
 * is counted and logged where it is a post to a source. */
void hooks_refused(struct relay *r, struct http_request *req, int status);
/* REQ is whole, and WHO is known. Answers. */
void hooks_handle(struct relay *r, struct http_request *req,
		  const struct http_who *who);

#endif
