/*
 * tls_impl - what the files of TLS share.
 *
 *	tls.c       the contexts
 *	tls_file.c  certificates and keys from files
 *	tls_peer.c  what the other side showed
 *	tls_tickets.c  the keys of sessions that go on
 *	io_tls.c    TLS on an io
 */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_tickets.h"

/* A certificate with its chain and key goes into CTX. */
int tls_load_pair(SSL_CTX *ctx, const struct tls_pair *pair, char **ret_why);
/* The certificates of a file are whom CTX believes. As a server's it tells
 * clients their names, and a session goes on only where the same are believed. */
int tls_load_ca(SSL_CTX *ctx, const char *file, char **ret_why);
int tls_load_client_ca(SSL_CTX *ctx, const char *file, char **ret_why);

/* A connection's state, not yet tied to a socket. SERVER must stay referenced
 * as long as the handshake. */
SSL *tls_server_connection(struct tls_server *server,
			   struct tls_tickets *tickets);
SSL *tls_client_connection(struct tls_client *client, const char *name);

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb() wants it: by the tickets that are
 * SSL's app data. */
int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
		   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals);

/* NULL: plain. */
SSL *io_tls_ssl(const struct io *io);

/* The names of CERT, as struct tls_peer has them. */
void tls_cert_names(X509 *cert, char ***ret_names, size_t *ret_n);
void tls_names_free(char **names, size_t n);

#endif
