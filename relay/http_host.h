/*
 * http_host - by which name a request asks for us.
 *
 * A page can give a name of its own our address (DNS rebinding). What its visitor's
 * browser then asks us for looks like the page's own: only the name tells. So where
 * somebody has a right by their address alone, the name must be one of ours, or one
 * that nobody can give away: an address, or a name without a dot.
 */
#ifndef RELAY_HTTP_HOST_H
#define RELAY_HTTP_HOST_H

#include "relay/relay.h"

/* Logs that it is not, with the key that would help, once. */
bool http_host_is_ours(struct relay *r, const struct http_conf *conf,
		       const struct http_request *req);

/* HOST is the value of the field; NULL: there is none. */
bool http_host_is_known(const struct config *config,
			const struct http_conf *conf, const char *host);

#endif
