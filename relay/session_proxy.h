/*
 * session_proxy - a client that comes through a proxy which says whose
 * connection it is.
 */
#ifndef RELAY_SESSION_PROXY_H
#define RELAY_SESSION_PROXY_H

#include "relay/session.h"

/* As session_start(), once the proxy has said it. */
void session_proxied(struct sessions *all, const struct accepted *accepted,
		     const char *service);

#endif
