/*
 * tls_policy - what a connection to a next hop must be, decided before it is
 * made; the one place where whoever has a say in it says it.
 *
 * It is part of what a connection is: mail for a next hop goes through no
 * connection that was made under another policy.
 */
#ifndef DELIVER_TLS_POLICY_H
#define DELIVER_TLS_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/secret.h"
#include "mail/sasl_client.h"

struct tls_client;

/* Each is more than the one before. */
enum tls_level {
	TLS_LEVEL_NONE,          /* plain, whatever is offered */
	TLS_LEVEL_OPPORTUNISTIC, /* plain where it is not offered, or fails */
	TLS_LEVEL_ENCRYPT,       /* never plain; with anybody */
	TLS_LEVEL_VERIFY,        /* with whom the certificate names, no other */
};
extern const char *const tls_level_names[];

struct tls_policy {
	enum tls_level level;
	bool implicit;             /* from the first octet on; not NONE, nor
				    * OPPORTUNISTIC */
	const char *name;          /* for SNI, and what VERIFY asks for */
	struct tls_client *client; /* borrowed from the routing; NULL with NONE
				    */
};

/* How to log in there; of the routing. */
struct smtp_login {
	const char *user;
	const struct secret *password; /* NULL: a token, read each time, ... */
	enum secrets_mode mode;        /* ... from a file that may be so */
	bool any; /* the strongest mechanism that is offered; else ... */
	enum sasl_mechanism mechanism; /* ... this one */
	bool in_clear;                 /* also without TLS */
	atomic_bool *refused;          /* the last one was, and it was said */
};

#endif
