/*
 * tls_impl - what the files of TLS share.
 *
 *	tls.c       the contexts
 *	tls_file.c  certificates and keys from files
 *	tls_peer.c  what the other side showed
 *	io_tls.c    TLS on an io
 */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* A certificate with its chain and key goes into CTX. */
int tls_load_pair(SSL_CTX *ctx, const struct tls_pair *pair, char **ret_why);
/* The certificates of a file are whom CTX believes; with NAMES a client is told
 * theirs. */
int tls_load_ca(SSL_CTX *ctx, const char *file, bool names, char **ret_why);

/* A connection's state, not yet tied to a socket. SERVER must stay referenced
 * as long as the handshake. */
SSL *tls_server_connection(struct tls_server *server);
SSL *tls_client_connection(struct tls_client *client, const char *name);

/* NULL: plain. */
SSL *io_tls_ssl(const struct io *io);

/* The names of CERT, as struct tls_peer has them. */
void tls_cert_names(X509 *cert, char ***ret_names, size_t *ret_n);
void tls_names_free(char **names, size_t n);

#endif
