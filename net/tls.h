/*
 * tls - what a TLS handshake goes by: certificates, keys, whom to believe.
 *
 * A tls_server or tls_client is immutable and shared by reference count, from
 * any thread; connections keep what they began with, so a reload makes new ones
 * and drops nothing. TLS 1.2 and 1.3 with forward secrecy; no renegotiation, no
 * compression. io_start_tls_server() and io_start_tls_client() use them.
 *
 * Functions that read files return 0 or -errno and with it in *RET_WHY, which
 * the caller frees, what is wrong with which file and what mends it: -EINVAL
 * for what is in a file, else why it can't be read.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io;
struct tls_server;
struct tls_client;

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };
extern const char *const tls_version_names[]; /* "1.2", "1.3" */

/* A certificate with the chain behind it, and its key, both PEM. */
struct tls_pair {
	const char *certificate_file, *key_file;
	const char *key; /* the key's text, where it was read already; NULL */
};

struct tls_server_conf {
	const struct tls_pair *pairs; /* the first is for unknown names */
	size_t npairs;                /* at least one */
	enum tls_version min_version;
	/* Ask clients for a certificate. Whatever they show, the handshake
	 * goes on: io_tls_peer() says what it is worth. */
	bool ask_client;
	const char *client_ca_file; /* verifies them; NULL: nobody does */
};

int tls_server_new(const struct tls_server_conf *conf, struct tls_server **ret,
		   char **ret_why);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server **server);
/* When the certificate of PAIR ends: wall clock. */
int64_t tls_server_not_after_ms(const struct tls_server *server, size_t pair);

struct tls_client_conf {
	enum tls_version min_version;
	/* Whom to believe; NULL: the system's store; "": nobody. */
	const char *ca_file;
	bool store_may_lack;         /* the system's: then nobody is believed */
	const struct tls_pair *pair; /* shown to who asks; NULL: none */
};

int tls_client_new(const struct tls_client_conf *conf, struct tls_client **ret,
		   char **ret_why);
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client **client);

/* --- one connection, from its last IO_CONNECTED on -------------------------- */

struct tls_session {
	const char *version; /* "TLSv1.3"; static */
	const char *cipher;  /* "TLS_AES_256_GCM_SHA384"; static */
	int bits;
	bool resumed;
};

#define TLS_FINGERPRINT_LEN (32 * 3) /* "AB:CD:..." of SHA-256, with NUL */

/* What the peer showed. */
struct tls_peer {
	bool verified;      /* its chain is good, and its name where asked */
	const char *reason; /* why not, for people; static */
	char fingerprint[TLS_FINGERPRINT_LEN];
	char **names; /* owned: DNS names and addresses of people; the
		       * common name where there are none */
	size_t nnames;
};

/* False: IO is plain. */
bool io_tls_session(const struct io *io, struct tls_session *ret);
/* 0, or -ENOENT: no TLS, or no certificate. */
int io_tls_peer(const struct io *io, struct tls_peer *ret);
void tls_peer_done(struct tls_peer *peer);

/* What only the two ends of the connection know (RFC 9266, tls-exporter): 0, or
 * -ENOENT below TLS 1.3, where others might, too. */
#define TLS_EXPORTER_LEN 32
int io_tls_exporter(const struct io *io, uint8_t ret[static TLS_EXPORTER_LEN]);

/* TEXT in any case, with or without colons, as FINGERPRINT_LEN has it: 0 or
 * -EINVAL. */
int tls_fingerprint_parse(const char *text, char ret[TLS_FINGERPRINT_LEN]);

#endif
