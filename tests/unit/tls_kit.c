#include "tests/unit/tls_kit.h"

#include <event2/buffer.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

#define PERIOD 251
#define DAY    (24L * 3600)

/* --- certificates --------------------------------------------------------------- */

const char *
tls_path(struct tls_maker *m, const char *name)
{
	static __thread char paths[8][128];
	static __thread int at;
	char *path = paths[at++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", m->dir, name);
	return path;
}

struct tls_pair
tls_pair_of(struct tls_maker *m, const char *file)
{
	char name[64];
	struct tls_pair pair = {0};

	snprintf(name, sizeof(name), "%s.pem", file);
	pair.certificate_file = tls_path(m, name);
	snprintf(name, sizeof(name), "%s.key", file);
	pair.key_file = tls_path(m, name);
	return pair;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *
cert_new(struct tls_maker *m, EVP_PKEY *key, const char *cn, long seconds)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++m->serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -400 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), seconds);
	X509_set_pubkey(cert, key);
	if (cn != NULL)
		X509_NAME_add_entry_by_txt(
			X509_get_subject_name(cert), "CN", MBSTRING_ASC,
			(const unsigned char *)cn, -1, -1, 0);
	return cert;
}

static void
write_pair(struct tls_maker *m, const char *file, X509 *cert, EVP_PKEY *key)
{
	struct tls_pair pair = tls_pair_of(m, file);
	FILE *f = fopen(pair.certificate_file, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	f = fopen(pair.key_file, "w");
	assert_non_null(f);
	assert_int_equal(
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	assert_int_equal(chmod(pair.key_file, 0600), 0);
}

void
tls_make(struct tls_maker *m, const struct tls_cert_want *want)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	long days = want->days != 0 ? want->days : 30;
	X509 *cert = cert_new(m, key, want->cn,
			      want->seconds != 0 ? want->seconds : days * DAY);

	if (want->names != NULL)
		add_extension(cert, NID_subject_alt_name, want->names);
	if (want->usage != NULL)
		add_extension(cert, NID_ext_key_usage, want->usage);
	X509_set_issuer_name(
		cert, X509_get_subject_name(want->self_signed ? cert : m->ca));
	assert_true(X509_sign(cert, want->self_signed ? key : m->ca_key,
			      EVP_sha256()) > 0);
	write_pair(m, want->file, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void
tls_maker_init(struct tls_maker *m)
{
	*m = (struct tls_maker){.dir = "/tmp/belfry-tls-XXXXXX"};
	assert_non_null(mkdtemp(m->dir));
	m->ca_key = EVP_EC_gen("P-256");
	m->ca = cert_new(m, m->ca_key, "the test's CA", 30 * DAY);
	X509_set_issuer_name(m->ca, X509_get_subject_name(m->ca));
	add_extension(m->ca, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(m->ca, NID_key_usage, "keyCertSign,cRLSign");
	assert_true(X509_sign(m->ca, m->ca_key, EVP_sha256()) > 0);
	write_pair(m, "ca", m->ca, m->ca_key);
}

void
tls_maker_done(struct tls_maker *m)
{
	char *command = xasprintf("rm -r %s", m->dir);

	assert_int_equal(system(command), 0);
	free(command);
	X509_free(m->ca);
	EVP_PKEY_free(m->ca_key);
}

/* --- two ends ---------------------------------------------------------------------- */

static void
end_take(struct tls_end *e)
{
	unsigned char data[4096];
	size_t len = evbuffer_get_length(io_input(e->io));
	int n;

	if (len > e->most)
		e->most = len;
	while ((n = evbuffer_remove(io_input(e->io), data, sizeof(data))) > 0)
		for (int i = 0; i < n; i++, e->taken++)
			if (e->pattern)
				assert_int_equal(data[i], e->taken % PERIOD);
}

static void
end_heard(void *arg, enum io_event event)
{
	struct tls_end *e = arg;
	struct tls_kit *k = e->kit;

	e->told[event]++;
	if (event == IO_INPUT && e->takes)
		end_take(e);
	if (k->wait_end == e && k->wait_for == event)
		loop_stop(k->loop);
}

static void
kit_timed_out(void *arg)
{
	struct tls_kit *k = arg;

	k->timed_out = true;
	loop_stop(k->loop);
}

static bool
kit_run(struct tls_kit *k, int64_t ms)
{
	k->timed_out = false;
	loop_timer_set(&k->timer, ms);
	loop_run(k->loop);
	loop_timer_clear(&k->timer);
	return !k->timed_out;
}

bool
tls_kit_wait(struct tls_kit *k, const struct tls_end *end, enum io_event event,
	     int64_t ms)
{
	k->wait_end = end;
	k->wait_for = event;
	return kit_run(k, ms);
}

void
tls_kit_turns(struct tls_kit *k, int64_t ms)
{
	k->wait_end = NULL;
	kit_run(k, ms);
}

static bool
end_is_done(const struct tls_end *e)
{
	return e->io == NULL || e->told[IO_CONNECTED] + e->told[IO_FAILED] > 0;
}

void
tls_kit_contexts(struct tls_kit *k, enum tls_version server_min)
{
	struct tls_pair pair = tls_pair_of(&k->maker, "a");
	struct tls_server_conf sc = {
		.pairs = &pair,
		.npairs = 1,
		.min_version = server_min,
	};
	struct tls_client_conf cc = {.ca_file = tls_path(&k->maker, "ca.pem")};
	char *why = NULL;

	assert_int_equal(tls_server_new(&sc, &k->server_tls, &why), 0);
	assert_int_equal(tls_client_new(&cc, &k->client_tls, &why), 0);
}

void
tls_kit_shake(struct tls_kit *k, const char *name, bool verify)
{
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_start_tls_client(k->client.io, k->client_tls, name, verify);
	for (int i = 0; i < 500; i++) {
		if (end_is_done(&k->server) && end_is_done(&k->client))
			return;
		tls_kit_turns(k, 5);
	}
	fail_msg("the handshake does not end");
}

void
tls_kit_open(struct tls_kit *k)
{
	tls_kit_contexts(k, TLS_VERSION_1_2);
	tls_kit_shake(k, "a.example", true);
	assert_int_equal(k->server.told[IO_CONNECTED], 1);
	assert_int_equal(k->client.told[IO_CONNECTED], 1);
}

void
tls_kit_expect(struct tls_kit *k, struct tls_end *end, const char *text)
{
	struct evbuffer *in = io_input(end->io);
	size_t len = strlen(text);

	while (evbuffer_get_length(in) < len)
		assert_true(tls_kit_wait(k, end, IO_INPUT, 5000));
	assert_int_equal(evbuffer_get_length(in), len);
	assert_memory_equal(evbuffer_pullup(in, -1), text, len);
	evbuffer_drain(in, len);
}

void
tls_kit_pattern(struct io *io, size_t at, size_t len)
{
	unsigned char *data = xmalloc(len);

	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)((at + i) % PERIOD);
	io_write(io, data, len);
	free(data);
}

int
tls_kit_setup(void **state)
{
	struct tls_kit *k = xcalloc(1, sizeof(*k));
	static const struct tls_cert_want a = {
		.file = "a",
		.cn = "a.example",
		.names = "DNS:a.example,DNS:*.a.example,IP:127.0.0.1",
	};
	int fd[2];

	tls_maker_init(&k->maker);
	tls_make(&k->maker, &a);
	k->loop = loop_new(clock_system());
	loop_timer_init(&k->timer, k->loop, kit_timed_out, k);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	k->server.kit = k->client.kit = k;
	k->server.io = io_new(k->loop, fd[0], end_heard, &k->server);
	k->client.io = io_new(k->loop, fd[1], end_heard, &k->client);
	*state = k;
	return 0;
}

int
tls_kit_teardown(void **state)
{
	struct tls_kit *k = *state;

	io_close(&k->server.io);
	io_close(&k->client.io);
	loop_timer_done(&k->timer);
	loop_free(&k->loop);
	tls_server_unref(&k->server_tls);
	tls_client_unref(&k->client_tls);
	tls_maker_done(&k->maker);
	free(k);
	return 0;
}
