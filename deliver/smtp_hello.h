/*
 * smtp_hello - what a machine wants on its way to the first mail and can't do
 * itself: the handshake, and the token of a login. For who owns a machine and
 * its socket.
 */
#ifndef DELIVER_SMTP_HELLO_H
#define DELIVER_SMTP_HELLO_H

#include "deliver/smtp_out.h"
#include "net/io.h"
#include "net/pool.h"

struct smtp_hello {
	/* Borrowed; from the owner, before smtp_hello_init(). */
	struct loop *loop;
	struct pool *disk; /* NULL: tokens are read on the loop */
	struct routing *routing;
	const struct hop *entry; /* of ROUTING */
	struct smtp_out *so;
	void (*turn)(void *arg); /* SO was given its token */
	void *arg;
	/* What the connection must be. */
	struct tls_policy policy;
	bool shaking;
	uint64_t token; /* a handle, while one is fetched */
};

/* A connection to HOST: the policy of its entry, and what CONF is to say by it.
 * PLAIN: where TLS is opportunistic, without. */
void smtp_hello_init(struct smtp_hello *h, const char *host, bool plain,
		     struct smtp_out_conf *conf);
/* What is fetched comes too late. */
void smtp_hello_done(struct smtp_hello *h);

/* After each turn of the machine, when what it had to say is with IO, which is
 * connected: begin what it wants now. It may have something to say, then. */
void smtp_hello_look(struct smtp_hello *h, struct io *io);
/* IO_CONNECTED while SHAKING. */
void smtp_hello_secured(struct smtp_hello *h);
/* IO_EOF, IO_FAILED or IO_DEADLINE of a socket that was connected. */
void smtp_hello_broke(struct smtp_hello *h, struct io *io, enum io_event event);

#endif
