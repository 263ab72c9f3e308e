/*
 * http_login - requests of who logs in: Basic (RFC 7617) or Bearer (RFC 6750),
 * as the users of the users file who have a right to what is asked.
 */
#ifndef RELAY_HTTP_LOGIN_H
#define RELAY_HTTP_LOGIN_H

#include "config/users.h"
#include "relay/relay.h"

/* Has the request an Authorization? Then it counts as who that is, trusted or
 * not. */
bool http_login_is_tried(const struct http_request *req);

/* The request is whole: it is answered with 401, 403, 429 or 503, or given to
 * FN, now or later, on the home loop, when the user has one of the rights
 * NEEDS. */
typedef void http_login_fn(struct relay *r, struct http_request *req,
			   const struct user *user);
/* Told before another answer than FN's is given; may be NULL. */
typedef void http_login_refused_fn(struct relay *r, struct http_request *req,
				   int status);
void http_login(struct relay *r, struct http_request *req,
		const struct sockaddr_any *client, unsigned needs,
		http_login_fn *fn, http_login_refused_fn *refused);

#endif
