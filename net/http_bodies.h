/*
 * http_bodies - how much of bodies a server holds, and whose they are.
 *
 * All of them together have a ceiling. So that nobody's keep those of the others
 * out, an address (of IPv6 its /64; of a unix socket the peer's uid) gets of the
 * last half no more than is still free, and a network (its /24, of IPv6 the /56)
 * of the last quarter.
 */
#ifndef NET_HTTP_BODIES_H
#define NET_HTTP_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/sockaddr.h"

struct http_bodies;

/* Who asks, and where. */
struct http_origin {
	struct sockaddr_any peer;
	uid_t uid;            /* of a unix socket's peer */
	const void *listener; /* borrowed */
};

struct http_bodies *http_bodies_new(size_t max);
void http_bodies_free(struct http_bodies **bodies);

/* LEN more of whoever FROM is. False: there is no room for it. */
bool http_bodies_take(struct http_bodies *b, const struct http_origin *from,
		      size_t len);
/* LEN of what was taken is held no more. */
void http_bodies_give(struct http_bodies *b, const struct http_origin *from,
		      size_t len);

#endif
