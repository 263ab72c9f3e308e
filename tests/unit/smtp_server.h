/*
 * smtp_server - a server on loopback that does as it is told.
 *
 * It speaks SMTP, after LHLO also LMTP, with PIPELINING, SIZE and 8BITMIME, and
 * takes everything, but where a rule says otherwise. A thread a connection.
 */
#ifndef TESTS_UNIT_SMTP_SERVER_H
#define TESTS_UNIT_SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_server;

/* At the NTH (from 1; 0: each) VERB of this server: say REPLY (NULL: nothing),
 * then close, or stay silent for good. Verbs: BANNER, EHLO (LHLO is
 * meant too), HELO, MAIL, RCPT, DATA, DOT (after LHLO one a recipient), and
 * BODY: while the content is read. */
struct smtp_rule {
	const char *verb; /* NULL ends */
	unsigned nth;
	const char *reply;
	bool close, silent;
	const char *with; /* only where the command has this; NULL: any */
};

/* RULES is borrowed. SLOW: read the content in small pieces, with pauses. */
struct smtp_server *smtp_server_start(const struct smtp_rule *rules, bool slow);
/* The same at a socket of this path; its port is 0. */
struct smtp_server *smtp_server_start_unix(const struct smtp_rule *rules,
					   const char *path);
void smtp_server_stop(struct smtp_server **s);
int smtp_server_port(const struct smtp_server *s);
/* A port of 127.0.0.1 where nobody listens, as long as the descriptor that is
 * returned is open; the caller closes it. */
int smtp_server_nobody(int *ret_port);

struct smtp_seen {
	unsigned connections, most_at_once;
	unsigned mails; /* 2xx after a dot */
	unsigned dots;  /* how many contents were whole */
	unsigned quits;
	unsigned silences;   /* what it will never answer */
	unsigned handshakes; /* that went well */
	char auth[1024];     /* the last AUTH, its argument */
	char helo[128];
	char *last; /* the last whole content, dots as on the wire */
	size_t last_len;
};

/* All whole contents, one after the other; the caller's. */
char *smtp_server_all(struct smtp_server *s);

/* The same with TLS, and the certificate and key of these files: by STARTTLS, or
 * IMPLICIT. Further verbs: STARTTLS, whose 2xx is followed by the handshake, and
 * AUTH, which it takes. */
struct smtp_server *smtp_server_start_tls(const struct smtp_rule *rules,
					  const char *certificate,
					  const char *key, bool implicit);

/* What it has seen; LAST is the caller's. */
struct smtp_seen smtp_server_seen(struct smtp_server *s);
/* The same without LAST. */
struct smtp_seen smtp_server_counts(struct smtp_server *s);

#endif
