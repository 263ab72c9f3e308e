/*
 * The section `dkim`, and the keys that it names.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/dkim_load.h"
#include "tests/unit/config_kit.h"
#include "tests/unit/test.h"

#define HOST       "hostname: relay1.example.org\n"
#define OUT        "delivery: {smarthost: [{host: smtp.example.net}]}\n"
#define SIGN(rule) HOST OUT "dkim: {sign: [" rule "]}\n"
#define KEY        "selectors: [{name: s1, key_file: /k}]"

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"nothing", HOST OUT "dkim: {}\n", ""},
	{"a domain", SIGN("{match: example.org, " KEY "}"), ""},
	{"an address", SIGN("{match: anna@example.org, " KEY "}"), ""},
	{"a domain of its own",
	 SIGN("{match: .example.org, domain: example.org, " KEY "}"), ""},
	{"a credential and a variable",
	 SIGN("{match: example.org, selectors: [{name: a, key_file: a}, {name: "
	      "b, key_env: B}]}"),
	 ""},
	{"no match", SIGN("{" KEY "}"),
	 "t:3:15: `match` is missing; write for example"},
	{"no selectors", SIGN("{match: example.org}"),
	 "t:3:15: `selectors` is missing; write for example `selectors: "
	 "[{name: s2026, key_file: /etc/belfry/dkim/s2026.pem}]`\n"},
	{"empty selectors", SIGN("{match: example.org, selectors: []}"),
	 "t:3:15: a rule has from 1 to 10 `selectors`\n"},
	{"no pattern", SIGN("{match: a b@example.org, " KEY "}"), "pattern"},
	{"subdomains", SIGN("{match: .example.org, " KEY "}"),
	 "t:3:15: `.example.org` does not say which domain signs: add "
	 "`domain`\n"},
	{"a glob", SIGN("{match: \"*@example.org\", " KEY "}"), ""},
	{"a glob of domains", SIGN("{match: \"*@*.example.org\", " KEY "}"),
	 "t:3:15: `*@*.example.org` does not say which domain signs: add "
	 "`domain`\n"},
	{"an expression", SIGN("{match: /x/, " KEY "}"),
	 "t:3:15: `/x/` does not say which domain signs: add `domain`\n"},
	{"no domain", SIGN("{match: /x/, domain: \"a b\", " KEY "}"),
	 "t:3:36: `a b` is no domain\n"},
	{"no key", SIGN("{match: example.org, selectors: [{name: s1}]}"),
	 "t:3:48: selector `s1` has no key: give `key_file`; `belfry dkim "
	 "genkey` makes one\n"},
	{"two places",
	 SIGN("{match: example.org, selectors: [{name: s1, key_file: /k, "
	      "key_env: K}]}"),
	 "two places for one thing"},
	{"twice",
	 SIGN("{match: example.org, selectors: [{name: s1, key_file: /k}, "
	      "{name: S1, key_file: /l}]}"),
	 "t:3:74: selector `S1` is there twice\n"},
	{"no name for the DNS",
	 SIGN("{match: example.org, selectors: [{name: \"s 1\", key_file: "
	      "/k}]}"),
	 "a selector is a name for the DNS"},
	{"a dot at its end",
	 SIGN("{match: example.org, selectors: [{name: s1., key_file: /k}]}"),
	 "a selector is a name for the DNS"},
};

static void
complaints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *says = config_complaints(rows[i].text);

		if (rows[i].says[0] == '\0'
			    ? says[0] != '\0'
			    : strstr(says, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].name, says);
		free(says);
	}
}

/* --- the keys -------------------------------------------------------------------- */

struct rig {
	char dir[64], key[128], other[128];
	struct config *config;
	struct conf_errors errors;
	struct dkim_keys *keys;
};

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	snprintf(rig->dir, sizeof(rig->dir), "/tmp/dkim_conf.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->key, sizeof(rig->key), "%s/key.pem", rig->dir);
	snprintf(rig->other, sizeof(rig->other), "%s/other.pem", rig->dir);
	conf_errors_init(&rig->errors);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	dkim_keys_unref(&rig->keys);
	config_unref(&rig->config);
	conf_errors_done(&rig->errors);
	unlink(rig->key);
	unlink(rig->other);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

static void
put(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
put_key(const char *path, enum dkim_algorithm algorithm, mode_t mode)
{
	struct dkim_key *key = NULL;
	struct buf pem;

	buf_init(&pem, 65536);
	assert_int_equal(dkim_key_generate(algorithm, 1024, &key), 0);
	assert_int_equal(dkim_key_write(key, &pem), 0);
	put(path, pem.data, pem.len, mode);
	buf_wipe(&pem);
	dkim_key_free(&key);
}

static int
load(struct rig *rig, const char *more)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 HOST OUT "%s"
				  "dkim: {sign: [{match: example.org, "
				  "selectors: [{name: a, key_file: \"%s\"}, "
				  "{name: b, key_file: \"%s\"}]}, {match: "
				  "/x/, domain: example.com, selectors: [{"
				  "name: c, key_file: \"%s\"}]}]}\n",
			 more, rig->key, rig->other, rig->key);

	assert_int_equal(config_load_text("t", text, (size_t)n, &rig->config,
					  &rig->errors),
			 0);
	return config_dkim_load(rig->config, &rig->errors, &rig->keys);
}

static void
keys_are_read(void **state)
{
	struct rig *rig = *state;
	const struct dkim_rule *rule;

	put_key(rig->key, DKIM_RSA_SHA256, 0640);
	put_key(rig->other, DKIM_ED25519_SHA256, 0600);
	assert_int_equal(load(rig, ""), 0);
	assert_int_equal(dkim_keys_count(rig->keys), 2);
	rule = dkim_keys_rule(rig->keys, 0);
	assert_string_equal(rule->domain, "example.org");
	assert_int_equal(rule->n, 2);
	assert_string_equal(rule->selectors[1].name, "b");
	assert_int_equal(dkim_key_algorithm(rule->selectors[1].key),
			 DKIM_ED25519_SHA256);
	assert_string_equal(dkim_keys_rule(rig->keys, 1)->domain,
			    "example.com");
	config_dkim_look(rig->config, true, &rig->errors);
	assert_int_equal(rig->errors.n, 0);
}

static void
wrong(struct rig *rig, const char *says)
{
	assert_int_equal(load(rig, ""), -EINVAL);
	assert_true(rig->errors.n > 0);
	if (strstr(rig->errors.v[0].text, says) == NULL)
		fail_msg("%s", rig->errors.v[0].text);
}

static void
everybody_can_read_it(void **state)
{
	struct rig *rig = *state;

	put_key(rig->key, DKIM_RSA_SHA256, 0644);
	put_key(rig->other, DKIM_ED25519_SHA256, 0600);
	wrong(rig, "everybody on this machine can read");
}

static void
but_that_is_allowed(void **state)
{
	struct rig *rig = *state;

	put_key(rig->key, DKIM_RSA_SHA256, 0644);
	put_key(rig->other, DKIM_ED25519_SHA256, 0600);
	assert_int_equal(load(rig, "secrets: {mode: warn}\n"), 0);
	assert_true(rig->errors.warnings > 0);
}

static void
it_is_no_key(void **state)
{
	struct rig *rig = *state;

	put_key(rig->key, DKIM_RSA_SHA256, 0600);
	put(rig->other, "nothing", 7, 0600);
	wrong(rig, "has no private key in PEM");
	config_dkim_look(rig->config, false, &rig->errors);
	assert_int_equal(rig->errors.n, 2);
}

static void
it_is_not_there(void **state)
{
	struct rig *rig = *state;

	put_key(rig->key, DKIM_RSA_SHA256, 0600);
	wrong(rig, "other.pem");
}

/* belfryd's own mail is from its hostname. */
static void
bounces_have_a_rule(void **state)
{
	static const struct {
		const char *listeners, *match;
		size_t warnings;
	} ways[] = {
		{"[{role: submission, address: \"127.0.0.1:2525\"}]",
		 "example.org", 1},
		{"[{role: submission, address: \"127.0.0.1:2525\"}]",
		 ".example.org", 0},
		{"[]", "example.org", 0}, /* a milter's: it sends nothing */
	};
	struct rig *rig = *state;

	put_key(rig->key, DKIM_RSA_SHA256, 0600);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char text[512];
		int n = snprintf(text, sizeof(text),
				 HOST OUT "listeners: %s\n"
					  "dkim: {sign: [{match: %s, domain: "
					  "example.org, selectors: [{name: a, "
					  "key_file: \"%s\"}]}]}\n",
				 ways[i].listeners, ways[i].match, rig->key);

		config_unref(&rig->config);
		conf_errors_done(&rig->errors);
		conf_errors_init(&rig->errors);
		assert_int_equal(config_load_text("t", text, (size_t)n,
						  &rig->config, &rig->errors),
				 0);
		config_dkim_look(rig->config, true, &rig->errors);
		assert_int_equal(rig->errors.total, 0);
		assert_int_equal(rig->errors.warnings, ways[i].warnings);
		if (ways[i].warnings > 0)
			assert_string_equal(
				rig->errors.v[0].text,
				"bounces leave unsigned: no rule matches "
				"MAILER-DAEMON@relay1.example.org, who sends "
				"them");
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complaints), CASE(keys_are_read),
		CASE(everybody_can_read_it),  CASE(but_that_is_allowed),
		CASE(it_is_no_key),           CASE(it_is_not_there),
		CASE(bounces_have_a_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
