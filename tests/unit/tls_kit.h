/*
 * tls_kit - certificates made for a test, and two ios that speak TLS to each
 * other on one loop.
 */
#ifndef TESTS_UNIT_TLS_KIT_H
#define TESTS_UNIT_TLS_KIT_H

#include <openssl/x509.h>

#include "net/io.h"
#include "net/tls.h"

/* --- certificates, in a folder that goes with the kit ------------------------ */

struct tls_maker {
	char dir[64];
	EVP_PKEY *ca_key;
	X509 *ca;
	long serial;
};

struct tls_cert_want {
	const char *file;  /* FILE.pem and FILE.key are written */
	const char *cn;    /* NULL: no name at all */
	const char *names; /* as OpenSSL's subjectAltName; NULL: none */
	const char *usage; /* extendedKeyUsage; NULL: none */
	bool self_signed;
	long days;    /* until it ends; <0 it has ended; 0: 30 */
	long seconds; /* instead of DAYS */
};

/* Makes a CA too: DIR/ca.pem. */
void tls_maker_init(struct tls_maker *m);
void tls_maker_done(struct tls_maker *m);
void tls_make(struct tls_maker *m, const struct tls_cert_want *want);
/* DIR/NAME, in memory that the next but seven calls reuse. */
const char *tls_path(struct tls_maker *m, const char *name);
/* The pair of tls_make(). */
struct tls_pair tls_pair_of(struct tls_maker *m, const char *file);

/* --- two ends ----------------------------------------------------------------- */

#define TLS_KIT_EVENTS 6

struct tls_end {
	struct tls_kit *kit;
	struct io *io;
	int told[TLS_KIT_EVENTS];
	bool takes; /* input is thrown away as it comes ... */
	size_t taken, most;
	bool pattern; /* ... after it was compared */
};

struct tls_kit {
	struct tls_maker maker;
	struct loop *loop;
	struct tls_end server, client;
	struct tls_server *server_tls;
	struct tls_client *client_tls;
	struct loop_timer timer;
	bool timed_out;
	const struct tls_end *wait_end;
	enum io_event wait_for;
};

/* cmocka's fixtures: the maker's folder has a.pem (a.example, *.a.example,
 * 127.0.0.1), a connected pair of plain ios. */
int tls_kit_setup(void **state);
int tls_kit_teardown(void **state);
#define TLS_KIT_TEST(f)                                                        \
	cmocka_unit_test_setup_teardown(f, tls_kit_setup, tls_kit_teardown)

/* Contexts: the server shows a.pem, the client believes the CA. */
void tls_kit_contexts(struct tls_kit *k, enum tls_version server_min);
/* Both contexts and a handshake that succeeds. */
void tls_kit_open(struct tls_kit *k);
/* Both start; until both were told what came of it. */
void tls_kit_shake(struct tls_kit *k, const char *name, bool verify);
/* Until END has been told EVENT (once more); false: not within MS. */
bool tls_kit_wait(struct tls_kit *k, const struct tls_end *end,
		  enum io_event event, int64_t ms);
void tls_kit_turns(struct tls_kit *k, int64_t ms);
/* Until END holds TEXT as its input, which is then drained. */
void tls_kit_expect(struct tls_kit *k, struct tls_end *end, const char *text);
/* LEN bytes of a pattern, from its byte AT on. */
void tls_kit_pattern(struct io *io, size_t at, size_t len);

#endif
