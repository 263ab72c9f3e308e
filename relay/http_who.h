/*
 * http_who - who sent a request over TCP, as far as we believe it.
 */
#ifndef RELAY_HTTP_WHO_H
#define RELAY_HTTP_WHO_H

#include "config/users.h"
#include "relay/relay.h"

/* Who asks for something, and what they may. */
struct http_who {
	struct sockaddr_any client; /* behind the proxies */
	unsigned rights;            /* of enum user_right */
	const char *user;           /* who logged in; NULL: nobody */
};

/* The listener of PORT, as it is configured now; NULL: not any more. */
const struct http_conf *http_conf_of(const struct relay *r,
				     const struct port *port);

/* Is PEER in LIST? A unix socket is as good as loopback: both are this machine. */
bool http_who_in(const struct network_list *list,
		 const struct sockaddr_any *peer);

/* Where REQ comes from. False: from nobody that has any rights. */
bool http_who_client(struct relay *r, const struct http_conf *conf,
		     const struct http_request *req, struct sockaddr_any *ret);

/* Is it what a page of others makes a browser send? Of a GET only those browsers
 * say so that reach us by TLS or on their own machine. */
bool http_who_is_page(const struct http_request *req);

/* What `trust` of the listener gives to CLIENT; 0: it is not in it. */
unsigned http_who_trusted(const struct http_conf *conf,
			  const struct sockaddr_any *client);

#endif
