/*
 * sasl_client - logging in at a server, as a machine without a socket: PLAIN
 * (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 7677, by libgsasl) and XOAUTH2.
 *
 * PLAIN and LOGIN take any byte but NUL, as the library's do not. SCRAM is only
 * for what SASLprep (RFC 4013) lets through: sasl_client_fits() tells.
 *
 *	sasl_client_new(), sasl_client_first(), then for each 334 of the server
 *	sasl_client_answer(); at its 235 sasl_client_is_sure().
 *
 * What is written to OUT is a secret: whoever sends it wipes it.
 */
#ifndef MAIL_SASL_CLIENT_H
#define MAIL_SASL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* The strongest first. */
enum sasl_mechanism {
	SASL_SCRAM_SHA_256,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_XOAUTH2,
};
#define SASL_NMECHANISM 4
extern const char *const sasl_mechanism_names[]; /* as AUTH lists them */

/* A server that asks for more rounds of hashing wants to keep us busy. */
#define SASL_ITERATIONS_MAX 100000
/* Of one challenge, in base64. */
#define SASL_CHALLENGE_MAX 1024
/* Of what a server says in it, for people. */
#define SASL_WORDS_MAX 512

struct sasl_client;

/* Can the login of USER with PASSWORD be said so? */
bool sasl_client_fits(enum sasl_mechanism mechanism, const char *user,
		      const char *password);
/* PASSWORD: for XOAUTH2 the token. Both are copied. */
struct sasl_client *sasl_client_new(enum sasl_mechanism mechanism,
				    const char *user, const char *password);
/* Wiped. NULL is fine, and is left. */
void sasl_client_free(struct sasl_client **sc);
enum sasl_mechanism sasl_client_mechanism(const struct sasl_client *sc);
/* Begins this one with a word of the client's? Then that word, in base64, at
 * the end of OUT. 1; 0: the server begins; -errno as sasl_client_answer(). */
int sasl_client_first(struct sasl_client *sc, struct buf *out);
/* The answer to CHALLENGE, both in base64, at the end of OUT, which may be an
 * empty one. 0, or -errno: -EPROTO, the server doesn't keep to the mechanism;
 * -EACCES, it is not who knows the password; -ERANGE, above
 * SASL_ITERATIONS_MAX. */
int sasl_client_answer(struct sasl_client *sc, const char *challenge,
		       struct buf *out);
/* After 235: has the server shown all that it has to show? */
bool sasl_client_is_sure(const struct sasl_client *sc);
/* Does TEXT, of a server, have the secret in it, as it is or as it was sent? */
bool sasl_client_is_quoted(const struct sasl_client *sc, const char *text);
/* What a server said in a challenge that was no question (XOAUTH2's error), on
 * one line of printable ASCII; "" nothing. */
const char *sasl_client_words(const struct sasl_client *sc);

#endif
