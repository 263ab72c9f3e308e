/*
 * session_tls - the encrypted side of a session: the handshake, and what the
 * client showed in it.
 */
#ifndef RELAY_SESSION_TLS_H
#define RELAY_SESSION_TLS_H

#include "net/io.h"
#include "net/tls.h"

struct session;

/* From the end of the handshake on. */
struct session_tls {
	struct tls_session info;
	char what[128];       /* for Received */
	char binding[48];     /* in base64, for SCRAM-SHA-256-PLUS */
	bool shown;           /* the client has a certificate: */
	struct tls_peer peer; /* owned */
};

/* State TLS: what was said goes out, then the handshake begins, once. It has
 * limits.command_time. */
void session_tls_settle(struct session *s);
/* EVENT of the handshake: it has ended, well or not. The session goes on. */
void session_tls_done(struct session *s, enum io_event event);
void session_tls_free(struct session_tls **tls);

/* Is the client one of client_certificates, as the configuration is now? */
bool session_is_certified(const struct session *s);

#endif
