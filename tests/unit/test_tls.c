/*
 * Whom a handshake believes, what it is told of the other side, and what is
 * said of files that are of no use.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

/* --- the server's certificate ---------------------------------------------------- */

static void
use_server(struct tls_kit *k, const char *const *files)
{
	struct tls_pair pairs[8];
	struct tls_server_conf conf = {.pairs = pairs};
	char *why = NULL;

	for (; files[conf.npairs] != NULL; conf.npairs++)
		pairs[conf.npairs] = tls_pair_of(&k->maker, files[conf.npairs]);
	tls_server_unref(&k->server_tls);
	assert_int_equal(tls_server_new(&conf, &k->server_tls, &why), 0);
}

static void
expect_not_believed(struct tls_kit *k, const char *text)
{
	assert_int_equal(k->client.told[IO_FAILED], 1);
	assert_int_equal(k->client.told[IO_CONNECTED], 0);
	assert_int_equal(io_error(k->client.io), EKEYREJECTED);
	assert_string_equal(io_error_text(k->client.io), text);
}

static void
expect_verified(struct tls_kit *k, bool verified, const char *reason)
{
	struct tls_peer p;

	assert_int_equal(k->client.told[IO_CONNECTED], 1);
	assert_int_equal(io_tls_peer(k->client.io, &p), 0);
	assert_int_equal(p.verified, verified);
	if (reason != NULL)
		assert_string_equal(p.reason, reason);
	tls_peer_done(&p);
}

static void
check_name(void **state, const char *name, bool good)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	tls_kit_shake(k, name, true);
	if (good)
		expect_verified(k, true, NULL);
	else
		assert_int_equal(io_error(k->client.io), EKEYREJECTED);
}

#define NAME_TEST(test, name, good)                                            \
	static void test(void **state)                                         \
	{                                                                      \
		check_name(state, name, good);                                 \
	}
NAME_TEST(test_name, "a.example", true)
NAME_TEST(test_name_case, "A.Example", true)
NAME_TEST(test_name_dot, "a.example.", true)
NAME_TEST(test_name_wildcard, "mx.a.example", true)
NAME_TEST(test_name_deeper, "mx.b.a.example", false)
NAME_TEST(test_name_address, "127.0.0.1", true)
NAME_TEST(test_name_other_address, "127.0.0.2", false)

static void
test_name_mismatch(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	tls_kit_shake(k, "b.example", true);
	expect_not_believed(k, "the certificate is not for b.example but for "
			       "a.example, *.a.example");
}

static void
test_name_mismatch_not_verified(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	tls_kit_shake(k, "b.example", false);
	expect_verified(k, false, "hostname mismatch");
}

static void
test_self_signed(void **state)
{
	struct tls_kit *k = *state;
	static const struct tls_cert_want want = {
		.file = "s", .names = "DNS:a.example", .self_signed = true};

	tls_make(&k->maker, &want);
	tls_kit_contexts(k, TLS_VERSION_1_2);
	use_server(k, (const char *const[]){"s", NULL});
	tls_kit_shake(k, "a.example", true);
	expect_not_believed(k, "the certificate is not believed: "
			       "self-signed certificate");
}

static void
test_expired(void **state)
{
	struct tls_kit *k = *state;
	static const struct tls_cert_want want = {
		.file = "old", .names = "DNS:a.example", .days = -1};

	tls_make(&k->maker, &want);
	tls_kit_contexts(k, TLS_VERSION_1_2);
	use_server(k, (const char *const[]){"old", NULL});
	tls_kit_shake(k, "a.example", true);
	expect_not_believed(k, "the certificate is not believed: "
			       "certificate has expired");
}

/* --- which certificate ------------------------------------------------------------ */

static void
check_sni(void **state, const char *name, const char *shown)
{
	struct tls_kit *k = *state;
	static const struct tls_cert_want b = {
		.file = "b", .names = "DNS:b.example,DNS:*.b.example"};
	struct tls_peer p;

	tls_make(&k->maker, &b);
	tls_kit_contexts(k, TLS_VERSION_1_2);
	use_server(k, (const char *const[]){"a", "b", NULL});
	tls_kit_shake(k, name, false);
	assert_int_equal(io_tls_peer(k->client.io, &p), 0);
	assert_string_equal(p.names[0], shown);
	tls_peer_done(&p);
}

#define SNI_TEST(test, name, shown)                                            \
	static void test(void **state)                                         \
	{                                                                      \
		check_sni(state, name, shown);                                 \
	}
SNI_TEST(test_sni_first, "a.example", "a.example")
SNI_TEST(test_sni_second, "b.example", "b.example")
SNI_TEST(test_sni_wildcard, "mx.b.example", "b.example")
SNI_TEST(test_sni_unknown, "c.example", "a.example")
SNI_TEST(test_sni_none, NULL, "a.example")

static void
test_not_after(void **state)
{
	struct tls_kit *k = *state;
	int64_t day = 24 * 3600 * 1000, left;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	left = tls_server_not_after_ms(k->server_tls, 0) -
	       clock_wall_ms(clock_system());
	assert_true(left > 29 * day && left <= 30 * day);
}

/* --- the client's certificate ------------------------------------------------------- */

struct client_row {
	const char *name;
	struct tls_cert_want want; /* of the client; no file: none */
	bool with_ca, verified;
	const char *names[3];
};

static const struct client_row client_rows[] = {
	{"none", {.file = NULL}, true, false, {NULL}},
	{"of the CA",
	 {.file = "c", .names = "DNS:mx.site"},
	 true,
	 true,
	 {"mx.site"}},
	{"for servers only",
	 {.file = "c", .names = "DNS:mx.site", .usage = "serverAuth"},
	 true,
	 true,
	 {"mx.site"}},
	{"no CA is given", {.file = "c", .cn = "mx"}, false, false, {"mx"}},
	{"of itself",
	 {.file = "c", .cn = "mx", .self_signed = true},
	 true,
	 false,
	 {"mx"}},
	{"over", {.file = "c", .cn = "mx", .days = -1}, true, false, {"mx"}},
	{"the common name counts only alone",
	 {.file = "c", .cn = "mx", .names = "email:anna@site"},
	 true,
	 true,
	 {"anna@site"}},
	{"without a name", {.file = "c"}, true, true, {NULL}},
};

static void
client_contexts(struct tls_kit *k, const struct client_row *row)
{
	struct tls_pair pair = tls_pair_of(&k->maker, "a");
	struct tls_pair mine = tls_pair_of(&k->maker, "c");
	const char *ca = tls_path(&k->maker, "ca.pem");
	struct tls_server_conf sc = {.pairs = &pair,
				     .npairs = 1,
				     .ask_client = true,
				     .client_ca_file =
					     row->with_ca ? ca : NULL};
	struct tls_client_conf cc = {
		.ca_file = ca, .pair = row->want.file != NULL ? &mine : NULL};
	char *why = NULL;

	if (row->want.file != NULL)
		tls_make(&k->maker, &row->want);
	assert_int_equal(tls_server_new(&sc, &k->server_tls, &why), 0);
	assert_int_equal(tls_client_new(&cc, &k->client_tls, &why), 0);
}

static void
check_client(struct tls_kit *k, const struct client_row *row)
{
	char again[TLS_FINGERPRINT_LEN];
	struct tls_peer p;
	size_t n = 0;

	client_contexts(k, row);
	tls_kit_shake(k, "a.example", true);
	assert_int_equal(k->server.told[IO_CONNECTED], 1);
	if (row->want.file == NULL) {
		assert_int_equal(io_tls_peer(k->server.io, &p), -ENOENT);
		return;
	}
	assert_int_equal(io_tls_peer(k->server.io, &p), 0);
	assert_int_equal(p.verified, row->verified);
	for (; row->names[n] != NULL; n++)
		assert_string_equal(p.names[n], row->names[n]);
	assert_int_equal(p.nnames, n);
	assert_int_equal(tls_fingerprint_parse(p.fingerprint, again), 0);
	assert_string_equal(again, p.fingerprint);
	tls_peer_done(&p);
}

static void
test_client_certificates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(client_rows) / sizeof(*client_rows);
	     i++) {
		void *kit;

		print_message("  %s\n", client_rows[i].name);
		assert_int_equal(tls_kit_setup(&kit), 0);
		check_client(kit, &client_rows[i]);
		tls_kit_teardown(&kit);
	}
}

/* --- files ------------------------------------------------------------------------- */

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
write_encrypted(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f = fopen(path, "w");

	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(),
						   "secret", 6, NULL, NULL),
			 1);
	fclose(f);
	EVP_PKEY_free(key);
}

/* A key that nobody should believe any more. */
static void
write_weak(const char *path)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *cert = X509_new();
	FILE *f = fopen(path, "w");

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

struct file_row {
	const char *name, *certificate, *key, *ca;
	int result;
	const char *why;
};

static const struct file_row file_rows[] = {
	{"good", "a.pem", "a.key", "ca.pem", 0, NULL},
	{"certificate and key in one file", "both", "both", NULL, 0, NULL},
	{"no such certificate", "no.pem", "a.key", NULL, -ENOENT,
	 "no.pem: No such file or directory"},
	{"no such key", "a.pem", "no.key", NULL, -ENOENT,
	 "no.key: No such file or directory"},
	{"a folder", ".", "a.key", NULL, -EISDIR, ".: Is a directory"},
	{"no certificate", "a.key", "a.key", NULL, -EINVAL,
	 "a.key: holds no certificate in PEM (it begins with "
	 "-----BEGIN CERTIFICATE-----)"},
	{"empty", "empty", "a.key", NULL, -EINVAL,
	 "empty: holds no certificate in PEM (it begins with "
	 "-----BEGIN CERTIFICATE-----)"},
	{"no key", "a.pem", "a.pem", NULL, -EINVAL,
	 "a.pem: holds no private key in PEM (it begins with "
	 "-----BEGIN PRIVATE KEY-----)"},
	{"another's key", "a.pem", "ca.key", NULL, -EINVAL,
	 "ca.key: is not the key of the certificate; put those two here that "
	 "were made together"},
	{"encrypted", "a.pem", "locked", NULL, -EINVAL,
	 "locked: is encrypted, and nobody is there to be asked: "
	 "`openssl pkey -in OLD -out NEW` writes it in clear"},
	{"damaged chain", "broken", "a.key", NULL, -EINVAL,
	 "broken: a certificate of the chain is damaged"},
	{"weak", "weak", "a.key", NULL, -EINVAL,
	 "weak: its key is too short or of no use here"},
	{"weak chain", "feeble", "a.key", NULL, -EINVAL,
	 "feeble: the key or the signature of a certificate of the chain is "
	 "too weak"},
	{"no CA", "a.pem", "a.key", "a.key", -EINVAL,
	 "a.key: is not a list of certificates in PEM "
	 "(-----BEGIN CERTIFICATE-----)"},
	{"no such CA", "a.pem", "a.key", "no", -ENOENT,
	 "no: No such file or directory"},
};

static void
check_file(struct tls_kit *k, const struct file_row *row)
{
	struct tls_pair pair = {tls_path(&k->maker, row->certificate),
				tls_path(&k->maker, row->key), NULL};
	struct tls_server_conf conf = {
		.pairs = &pair, .npairs = 1, .ask_client = row->ca != NULL};
	struct tls_server *server = NULL;
	char *why = NULL;

	print_message("  %s\n", row->name);
	if (row->ca != NULL)
		conf.client_ca_file = tls_path(&k->maker, row->ca);
	assert_int_equal(tls_server_new(&conf, &server, &why), row->result);
	if (row->why == NULL) {
		assert_null(why);
	} else {
		assert_int_equal(
			strncmp(why, k->maker.dir, strlen(k->maker.dir)), 0);
		assert_string_equal(why + strlen(k->maker.dir) + 1, row->why);
	}
	free(why);
	tls_server_unref(&server);
}

static void
test_files(void **state)
{
	struct tls_kit *k = *state;
	char *command;

	write_file(tls_path(&k->maker, "empty"), "");
	write_encrypted(tls_path(&k->maker, "locked"));
	write_weak(tls_path(&k->maker, "weak"));
	command = xasprintf("cd %s && cat a.pem a.key >both && "
			    "cat a.pem weak >feeble && "
			    "(cat a.pem; sed '3,4d' ca.pem) >broken",
			    k->maker.dir);
	assert_int_equal(system(command), 0);
	free(command);
	for (size_t i = 0; i < sizeof(file_rows) / sizeof(*file_rows); i++)
		check_file(k, &file_rows[i]);
}

/* A store that is not there stops only who needs it. */
static void
test_system_store(void **state)
{
	struct tls_kit *k = *state;
	const char *there = tls_path(&k->maker, "ca.pem");
	const char *away = tls_path(&k->maker, "away.pem");
	const struct {
		const char *file;
		bool may_lack;
		int result;
	} rows[] = {
		{there, false, 0},
		{there, true, 0},
		{away, true, 0},
		{away, false, -ENOENT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct tls_client_conf conf = {.store_may_lack =
						       rows[i].may_lack};
		struct tls_client *client = NULL;
		char *why = NULL;

		setenv("SSL_CERT_FILE", rows[i].file, 1);
		assert_int_equal(tls_client_new(&conf, &client, &why),
				 rows[i].result);
		assert_int_equal(why != NULL, rows[i].result < 0);
		free(why);
		tls_client_unref(&client);
	}
	unsetenv("SSL_CERT_FILE");
}

static void
test_key_as_text(void **state)
{
	struct tls_kit *k = *state;
	struct tls_pair pair = tls_pair_of(&k->maker, "a");
	struct tls_server_conf conf = {.pairs = &pair, .npairs = 1};
	struct tls_server *server = NULL;
	char text[4096] = "", *why = NULL;
	FILE *f = fopen(pair.key_file, "r");

	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_int_equal(unlink(pair.key_file), 0);
	pair.key = text;
	assert_int_equal(tls_server_new(&conf, &server, &why), 0);
	tls_server_unref(&server);
}

static void
test_fingerprints(void **state)
{
#define HALF  "00112233445566778899AABBCCDDEEFF"
#define COLON "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{HALF HALF, 0},
		{COLON ":" COLON, 0},
		{HALF "00112233445566778899aabbccddeeff", 0},
		{"", -EINVAL},
		{HALF, -EINVAL},
		{HALF HALF "0", -EINVAL},
		{HALF HALF ":", -EINVAL},
		{":" HALF HALF, -EINVAL},
		{HALF "00112233445566778899aabbccddeef", -EINVAL},
		{HALF "00112233445566778899aabbccddeefg", -EINVAL},
	};
	char ret[TLS_FINGERPRINT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("  %s\n", rows[i].text);
		assert_int_equal(tls_fingerprint_parse(rows[i].text, ret),
				 rows[i].result);
		if (rows[i].result == 0)
			assert_string_equal(ret, COLON ":" COLON);
	}
}

/* --- shared by threads --------------------------------------------------------------- */

static void *
shake_many(void *arg)
{
	const struct tls_kit *shared = arg;

	for (int i = 0; i < 5; i++) {
		struct tls_kit *k;
		void *kit;

		assert_int_equal(tls_kit_setup(&kit), 0);
		k = kit;
		k->server_tls = tls_server_ref(shared->server_tls);
		k->client_tls = tls_client_ref(shared->client_tls);
		tls_kit_shake(k, "a.example", true);
		io_write(k->client.io, "EHLO", 4);
		tls_kit_expect(k, &k->server, "EHLO");
		tls_kit_teardown(&kit);
	}
	return NULL;
}

static void
test_threads_share_contexts(void **state)
{
	struct tls_kit *k = *state;
	pthread_t thread[3];

	tls_kit_contexts(k, TLS_VERSION_1_2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, shake_many, k), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_KIT_TEST(test_name),
		TLS_KIT_TEST(test_name_case),
		TLS_KIT_TEST(test_name_dot),
		TLS_KIT_TEST(test_name_wildcard),
		TLS_KIT_TEST(test_name_deeper),
		TLS_KIT_TEST(test_name_address),
		TLS_KIT_TEST(test_name_other_address),
		TLS_KIT_TEST(test_name_mismatch),
		TLS_KIT_TEST(test_name_mismatch_not_verified),
		TLS_KIT_TEST(test_self_signed),
		TLS_KIT_TEST(test_expired),
		TLS_KIT_TEST(test_sni_first),
		TLS_KIT_TEST(test_sni_second),
		TLS_KIT_TEST(test_sni_wildcard),
		TLS_KIT_TEST(test_sni_unknown),
		TLS_KIT_TEST(test_sni_none),
		TLS_KIT_TEST(test_not_after),
		cmocka_unit_test(test_client_certificates),
		TLS_KIT_TEST(test_files),
		TLS_KIT_TEST(test_system_store),
		TLS_KIT_TEST(test_key_as_text),
		cmocka_unit_test(test_fingerprints),
		TLS_KIT_TEST(test_threads_share_contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
