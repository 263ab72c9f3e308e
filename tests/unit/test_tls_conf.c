/*
 * The keys of TLS, and the files that they name.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "config/tls_load.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

#define HOST       "hostname: relay1.example.org\n"
#define OUT        "delivery: {smarthost: [{host: smtp.example.net}]}\n"
#define CERT(more) "tls: {certificate_file: /c, key_file: /k, " more "}\n"
#define TLS(more)                                                              \
	"listeners: [{name: a, address: \"127.0.0.1:2525\", role: "            \
	"submission, " more "}]\n"

/* --- the keys ---------------------------------------------------------------- */

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"certificate without a key", HOST OUT "tls: {certificate_file: /c}\n",
	 "t:3:25: `certificate_file` and `key_file` go together; one of them "
	 "is missing\n"},
	{"key without a certificate", HOST OUT "tls: {key_env: KEY}\n",
	 "t:3:16: `certificate_file` and `key_file` go together; one of them "
	 "is missing\n"},
	{"relative certificate",
	 HOST OUT "tls: {certificate_file: c, key_file: /k}\n",
	 "t:3:25: a path begins with `/`; `c` doesn't\n"},
	{"more certificates without a first",
	 HOST OUT "tls: {more: [{certificate_file: /c, key_file: /k}]}\n",
	 "t:3:14: `more` goes with a first certificate: give "
	 "`certificate_file` and `key_file` of `tls` too\n"},
	{"one of more is empty", HOST OUT CERT("more: [{}]"),
	 "t:3:50: `certificate_file` and `key_file` are missing here\n"},
	{"version of TLS", HOST OUT CERT("min_version: \"1.1\""),
	 "t:3:56: `min_version` can't be `1.1`; did you mean `1.2`?\n"},
	{"TLS without a certificate", HOST OUT TLS("tls: starttls"),
	 "t:3:13: listener `a` speaks TLS and there is no certificate: add "
	 "`tls: {certificate_file: /etc/belfry/fullchain.pem, key_file: "
	 "/etc/belfry/key.pem}`\n"},
	{"client certificates without TLS",
	 HOST OUT TLS("client_certificates: {ca_file: /ca}"),
	 "t:3:13: listener `a` has `client_certificates` and no TLS: add "
	 "`tls: starttls`, `required` or `implicit`\n"},
	{"names of anybody's certificate",
	 HOST OUT TLS("client_certificates: {names: [x]}"),
	 "t:3:98: `names` needs `ca_file`: anybody can make a certificate "
	 "with any name\n"},
	{"no fingerprint",
	 HOST OUT CERT()
		 TLS("tls: required, client_certificates: {fingerprints: [x]}"),
	 "t:4:120: a fingerprint is SHA-256, 64 digits with or without "
	 "colons: `openssl x509 -in FILE -noout -fingerprint -sha256` prints "
	 "it\n"},
	{"all of it",
	 HOST OUT CERT("min_version: \"1.3\", more: [{certificate_file: /d, "
		       "key_env: KEY}]")
		 TLS("tls: implicit, client_certificates: {ca_file: /ca, "
		     "names: [x]}"),
	 ""},
};

static char *
text_of(const struct conf_errors *e)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	conf_errors_print(e, f);
	fclose(f);
	return out;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = NULL;
		struct conf_errors e;
		char *says;

		conf_errors_init(&e);
		config_load_text("t", rows[i].text, strlen(rows[i].text), &c,
				 &e);
		says = text_of(&e);
		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s:\n%s", rows[i].name, says);
		free(says);
		config_unref(&c);
		conf_errors_done(&e);
	}
}

/* --- the files ----------------------------------------------------------------- */

struct files {
	struct tls_maker maker;
};

static int
setup(void **state)
{
	struct files *f = xcalloc(1, sizeof(*f));
	static const struct tls_cert_want a = {.file = "a",
					       .names = "DNS:a.example"};
	static const struct tls_cert_want b = {.file = "b",
					       .names = "DNS:b.example"};

	tls_maker_init(&f->maker);
	tls_make(&f->maker, &a);
	tls_make(&f->maker, &b);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct files *f = *state;

	tls_maker_done(&f->maker);
	free(f);
	return 0;
}

/* What is said of the listener's and the section's keys; DIR/ stands for the
 * folder of the certificates. NULL: fine. */
static void
check_load(struct files *f, const char *section, const char *listener,
	   const char *says)
{
	char *text = xasprintf(HOST OUT "tls: {%s}\nlisteners: [{name: a, "
					"address: \"127.0.0.1:2525\", role: "
					"submission, tls: starttls%s}]\n",
			       section, listener);
	struct tls_loaded tls;
	struct config *c = NULL;
	struct conf_errors e;
	char *at, *said;
	int r;

	while ((at = strstr(text, "DIR")) != NULL) {
		char *next = xasprintf("%.*s%s%s", (int)(at - text), text,
				       f->maker.dir, at + 3);

		free(text);
		text = next;
	}
	conf_errors_init(&e);
	assert_int_equal(config_load_text("t", text, strlen(text), &c, &e), 0);
	r = config_tls_load(c, false, &e, &tls);
	assert_int_equal(r, says != NULL ? -EINVAL : 0);
	said = text_of(&e);
	if (says == NULL)
		config_tls_done(&tls);
	else if (strstr(said, says) == NULL)
		fail_msg("%s", said);
	free(said);
	free(text);
	config_unref(&c);
	conf_errors_done(&e);
}

#define A "certificate_file: DIR/a.pem, key_file: DIR/a.key"
#define B ", more: [{certificate_file: DIR/b.pem, key_file: DIR/b.key}]"

static void
test_good_files(void **state)
{
	check_load(*state, A, "", NULL);
	check_load(*state, A B ", min_version: \"1.3\"", "", NULL);
	check_load(*state, A, ", client_certificates: {ca_file: DIR/ca.pem}",
		   NULL);
}

static void
test_key_of_the_environment(void **state)
{
	struct files *f = *state;
	char text[4096] = "";
	FILE *key = fopen(tls_path(&f->maker, "a.key"), "r");

	assert_true(fread(text, 1, sizeof(text) - 1, key) > 0);
	fclose(key);
	setenv("BELFRY_TEST_KEY", text, 1);
	check_load(f, "certificate_file: DIR/a.pem, key_env: BELFRY_TEST_KEY",
		   "", NULL);
	check_load(f, "certificate_file: DIR/b.pem, key_env: BELFRY_TEST_KEY",
		   "", "$BELFRY_TEST_KEY: is not the key of the certificate");
	unsetenv("BELFRY_TEST_KEY");
}

static void
test_wrong_files(void **state)
{
	check_load(*state, "certificate_file: DIR/a.pem, key_file: DIR/b.key",
		   "", "/b.key: is not the key of the certificate");
	check_load(*state, "certificate_file: DIR/no.pem, key_file: DIR/a.key",
		   "", "t:3:25: ");
	check_load(*state, "certificate_file: DIR/a.pem, key_file: DIR/no.key",
		   "", "/no.key can't be read: ");
	check_load(*state,
		   A ", more: [{certificate_file: DIR/b.pem, key_file: "
		     "DIR/a.key}]",
		   "", "/a.key: is not the key of the certificate");
	check_load(*state, A, ", client_certificates: {ca_file: DIR/a.key}",
		   "/a.key: is not a list of certificates in PEM");
}

static void
test_key_that_everybody_reads(void **state)
{
	struct files *f = *state;

	assert_int_equal(chmod(tls_path(&f->maker, "a.key"), 0644), 0);
	check_load(f, A, "", "`key_file`: everybody on this machine can read ");
	assert_int_equal(chmod(tls_path(&f->maker, "a.key"), 0640), 0);
	check_load(f, A, "", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test_setup_teardown(test_good_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_key_of_the_environment,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_key_that_everybody_reads,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
