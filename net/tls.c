#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/tls_impl.h"

/* What the system believes, where Debian keeps it in one file. */
#define TLS_SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
/* TLS 1.2: keys that don't outlive the session, and ciphers that authenticate.
 * Those of TLS 1.3 all are so. */
#define TLS_SERVER_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* For the exchange of keys: quick ones, of 128 bits and more. */
#define TLS_SERVER_GROUPS "X25519:P-256:P-384"

const char *const tls_version_names[] = {"1.2", "1.3", NULL};

struct tls_server {
	_Atomic unsigned refs;
	SSL_CTX **ctx; /* owned; one a pair */
	size_t n;
};

struct tls_client {
	_Atomic unsigned refs;
	SSL_CTX *ctx; /* owned */
};

static SSL_CTX *
tls_ctx_new(const SSL_METHOD *method, enum tls_version min_version)
{
	static const int versions[] = {
		[TLS_VERSION_1_2] = TLS1_2_VERSION,
		[TLS_VERSION_1_3] = TLS1_3_VERSION,
	};
	SSL_CTX *ctx = SSL_CTX_new(method);

	must(ctx != NULL);
	must(SSL_CTX_set_min_proto_version(ctx, versions[min_version]) == 1);
	/* A peer that just closes has ended what it said: SMTP and HTTP have
	 * ends of their own, and many don't say it in TLS. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				      SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1); /* one system call a record, not two */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

/* --- the server's -------------------------------------------------------------- */

/* Whatever a client shows, who logs in by it is decided later. */
static int
tls_any_client(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

/* The first certificate that is for the name asked for. */
static int
tls_choose(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_server *server = arg;

	(void)alert;
	for (size_t i = 0; name != NULL && i < server->n; i++) {
		X509 *cert = SSL_CTX_get0_certificate(server->ctx[i]);

		if (X509_check_host(cert, name, 0, 0, NULL) != 1)
			continue;
		if (i > 0)
			SSL_set_SSL_CTX(ssl, server->ctx[i]);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int
tls_ask_client(SSL_CTX *ctx, const struct tls_server_conf *conf, char **ret_why)
{
	static const unsigned char asks[] = "asks";

	if (!conf->ask_client)
		return 0;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, tls_any_client);
	must(SSL_CTX_set_session_id_context(ctx, asks, sizeof(asks) - 1) == 1);
	/* The certificate of a mail server is often for servers only. */
	must(SSL_CTX_set_purpose(ctx, X509_PURPOSE_ANY) == 1);
	return conf->client_ca_file == NULL
		       ? 0
		       : tls_load_client_ca(ctx, conf->client_ca_file, ret_why);
}

static int
tls_server_add(struct tls_server *server, const struct tls_server_conf *conf,
	       size_t i, char **ret_why)
{
	static const unsigned char plain[] = "plain";
	SSL_CTX *ctx = tls_ctx_new(TLS_server_method(), conf->min_version);
	int r;

	server->ctx[server->n++] = ctx;
	must(SSL_CTX_set_cipher_list(ctx, TLS_SERVER_CIPHERS) == 1);
	must(SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0,
			  (void *)(uintptr_t)TLS_SERVER_GROUPS) == 1);
	must(SSL_CTX_set_num_tickets(ctx, 1) == 1);
	must(SSL_CTX_set_session_id_context(ctx, plain, sizeof(plain) - 1) ==
	     1);
	must(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_ticket_key) == 1);
	SSL_CTX_set_timeout(ctx, TLS_TICKETS_PERIOD_MS / 1000);
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_choose);
	SSL_CTX_set_tlsext_servername_arg(ctx, server);
	r = tls_load_pair(ctx, &conf->pairs[i], ret_why);
	return r < 0 ? r : tls_ask_client(ctx, conf, ret_why);
}

int
tls_server_new(const struct tls_server_conf *conf, struct tls_server **ret,
	       char **ret_why)
{
	struct tls_server *server = xcalloc(1, sizeof(*server));
	int r = 0;

	must(conf->npairs > 0);
	server->refs = 1;
	server->ctx = xcalloc(conf->npairs, sizeof(SSL_CTX *));
	for (size_t i = 0; r == 0 && i < conf->npairs; i++)
		r = tls_server_add(server, conf, i, ret_why);
	if (r < 0)
		tls_server_unref(&server);
	else
		*ret = server;
	return r;
}

struct tls_server *
tls_server_ref(struct tls_server *server)
{
	atomic_fetch_add(&server->refs, 1);
	return server;
}

void
tls_server_unref(struct tls_server **serverp)
{
	struct tls_server *server = serverp != NULL ? *serverp : NULL;

	if (server == NULL)
		return;
	*serverp = NULL;
	if (atomic_fetch_sub(&server->refs, 1) > 1)
		return;
	for (size_t i = 0; i < server->n; i++)
		SSL_CTX_free(server->ctx[i]);
	free(server->ctx);
	free(server);
}

int64_t
tls_server_not_after_ms(const struct tls_server *server, size_t pair)
{
	X509 *cert = SSL_CTX_get0_certificate(server->ctx[pair]);
	struct tm tm;

	must(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1);
	return (int64_t)timegm(&tm) * 1000;
}

SSL *
tls_server_connection(struct tls_server *server, struct tls_tickets *tickets)
{
	SSL *ssl = SSL_new(server->ctx[0]);

	must(ssl != NULL);
	SSL_set_accept_state(ssl);
	SSL_set_app_data(ssl, tickets);
	if (tickets == NULL) {
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
		must(SSL_set_num_tickets(ssl, 0) == 1);
	}
	return ssl;
}

/* --- the client's -------------------------------------------------------------- */

static int
tls_believe_system(SSL_CTX *ctx, bool may_lack, char **ret_why)
{
	const char *file = getenv(X509_get_default_cert_file_env());

	if (file == NULL)
		file = TLS_SYSTEM_CA;
	if (may_lack && access(file, F_OK) < 0)
		return 0;
	return tls_load_ca(ctx, file, ret_why);
}

static int
tls_believe(SSL_CTX *ctx, const struct tls_client_conf *conf, char **ret_why)
{
	if (conf->ca_file == NULL)
		return tls_believe_system(ctx, conf->store_may_lack, ret_why);
	return conf->ca_file[0] != '\0'
		       ? tls_load_ca(ctx, conf->ca_file, ret_why)
		       : 0;
}

int
tls_client_new(const struct tls_client_conf *conf, struct tls_client **ret,
	       char **ret_why)
{
	struct tls_client *client = xcalloc(1, sizeof(*client));
	int r;

	client->refs = 1;
	client->ctx = tls_ctx_new(TLS_client_method(), conf->min_version);
	r = tls_believe(client->ctx, conf, ret_why);
	if (r == 0 && conf->pair != NULL)
		r = tls_load_pair(client->ctx, conf->pair, ret_why);
	if (r < 0)
		tls_client_unref(&client);
	else
		*ret = client;
	return r;
}

struct tls_client *
tls_client_ref(struct tls_client *client)
{
	atomic_fetch_add(&client->refs, 1);
	return client;
}

void
tls_client_unref(struct tls_client **clientp)
{
	struct tls_client *client = clientp != NULL ? *clientp : NULL;

	if (client == NULL)
		return;
	*clientp = NULL;
	if (atomic_fetch_sub(&client->refs, 1) > 1)
		return;
	SSL_CTX_free(client->ctx);
	free(client);
}

/* RFC 6066: no address, no trailing dot. */
static void
tls_set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	size_t len = strlen(name);
	unsigned char ip[16];
	char *host;

	if (inet_pton(AF_INET, name, ip) == 1 ||
	    inet_pton(AF_INET6, name, ip) == 1) {
		must(X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1);
		return;
	}
	host = xstrndup(name, len > 1 && name[len - 1] == '.' ? len - 1 : len);
	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* What is too long for a host name is the name of nobody. */
	must(X509_VERIFY_PARAM_set1_host(param, host, 0) == 1);
	if (SSL_set_tlsext_host_name(ssl, host) != 1)
		ERR_clear_error();
	free(host);
}

SSL *
tls_client_connection(struct tls_client *client, const char *name)
{
	SSL *ssl = SSL_new(client->ctx);

	must(ssl != NULL);
	SSL_set_connect_state(ssl);
	if (name != NULL)
		tls_set_name(ssl, name);
	return ssl;
}
