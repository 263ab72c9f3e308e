/*
 * sasl_server - the server's side of one login (RFC 4422), as a machine that
 * holds no socket.
 *
 * Lines of the client go in, in base64 as SMTP has them, challenges come out
 * the same way. PLAIN (RFC 4616) and LOGIN end with a password, which is the
 * caller's to check, at its leisure; SCRAM-SHA-256 (RFC 7677) proves that the
 * client knows the password that the keys were made of, by libgsasl. EXTERNAL
 * (RFC 4422, A) only says that the client wants to be who its connection shows.
 *
 * One owner on one thread.
 */
#ifndef MAIL_SASL_SERVER_H
#define MAIL_SASL_SERVER_H

#include "base/buf.h"
#include "mail/scram.h"

enum sasl_mech {
	SASL_IN_PLAIN,
	SASL_IN_LOGIN,
	SASL_IN_SCRAM_SHA_256,
	SASL_IN_SCRAM_SHA_256_PLUS, /* bound to the TLS channel */
	SASL_IN_EXTERNAL,
};
#define SASL_NMECH (SASL_IN_EXTERNAL + 1)
extern const char *const sasl_mech_names[]; /* NULL ends */

enum sasl_state {
	SASL_START,    /* nothing was said */
	SASL_NAME,     /* LOGIN: waits for the name */
	SASL_SECRET,   /* LOGIN: waits for the password */
	SASL_MESSAGE,  /* PLAIN, SCRAM: waits for a message */
	SASL_FAREWELL, /* SCRAM: the client sees our proof, and says nothing */
	SASL_OVER,
};
extern const char *const sasl_state_names[];

enum sasl_result {
	SASL_GO_ON,    /* send the challenge, wait for a line */
	SASL_PASSWORD, /* it is over: there are a user and a password */
	SASL_PROVED,   /* it is over: the client is the user */
	SASL_SHOWN,    /* it is over: the client is who its connection shows, if
			* that is the user (NULL: whoever it is) */
	SASL_WRONG,    /* it is over: it is not */
	SASL_SYNTAX,   /* it is over: what it said is nothing */
};

/* What belongs to NAME, whether there is such a user or not. Asked at the first
 * message for what the client is told, and at the last, where its proof is
 * judged, for the rest. */
typedef void sasl_keys_fn(void *arg, const char *name, struct scram_keys *ret);

struct sasl_context;
struct sasl_server;

/* What logins of one thread share. NULL is fine for free. */
struct sasl_context *sasl_context_new(void);
void sasl_context_free(struct sasl_context **c);

/* The mechanism called NAME in any letter case; -ENOENT. */
int sasl_mech_find(const char *name, enum sasl_mech *ret);

/* BINDING is the tls-exporter of the connection in base64, borrowed as long as
 * the machine; NULL: there is none, and SCRAM_SHA_256_PLUS fails. With one
 * SCRAM_SHA_256 fails of a client that was made to believe that PLUS is not
 * offered (RFC 5802, 6). */
struct sasl_server *sasl_server_new(struct sasl_context *c, enum sasl_mech mech,
				    const char *binding, sasl_keys_fn *keys,
				    void *arg);
/* Wipes the password. NULL is fine. */
void sasl_server_free(struct sasl_server **s);

/* LINE (without its CRLF) is what the client said; NULL: AUTH came without an
 * initial response. Of an initial response `=` says that it is empty. CHALLENGE
 * is what to send when the result is SASL_GO_ON; it may be empty. */
enum sasl_result sasl_server_step(struct sasl_server *s, const char *line,
				  struct buf *challenge);

enum sasl_mech sasl_server_mech(const struct sasl_server *s);
/* NULL: not said. */
const char *sasl_server_user(const struct sasl_server *s);
const char *sasl_server_password(const struct sasl_server *s);

#endif
