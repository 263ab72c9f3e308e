/*
 * What goes together in an entry that names a next hop: TLS, certificates,
 * logins.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "deliver/hop_conf.h"
#include "tests/unit/config_kit.h"

#define HOST "hostname: relay1.example.org\n"

static const struct config_row rows[] = {
	{"a login without its password",
	 HOST "delivery: {smarthost: [{host: a.example, user: u}]}\n",
	 "t:2:24: `user` needs a password or a token: write `password_file` or "
	 "`token_file`\n"},
	{"a password without a login",
	 HOST "delivery: {smarthost: [{host: a.example, password_env: P}]}\n",
	 "t:2:24: a login needs a `user`; without one there is no password, "
	 "token, `mechanism` or `allow_plaintext_login`\n"},
	{"a password and a token",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, password_env: "
	      "P, token_env: T}]}\n",
	 "t:2:24: a password and a token are two logins; give one of them\n"},
	{"two places for a password",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, password_env: "
	      "P, password_file: /p}]}\n",
	 "t:2:65: `password_file` and `password_env` are two places for one "
	 "thing; give one of them\n"},
	{"a login, and weaker than verify",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, password_env: "
	      "P, tls: encrypt}]}\n",
	 "t:2:24: a login wants `tls: verify`, else others may read the "
	 "password; leave `tls` out, give a `ca_file` for a host of your own, "
	 "or write `allow_plaintext_login: true`\n"},
	{"xoauth2 without a token",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, password_env: "
	      "P, mechanism: xoauth2}]}\n",
	 "t:2:24: `mechanism: xoauth2` needs a token: write `token_file`\n"},
	{"a token for plain",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, token_env: T, "
	      "mechanism: plain}]}\n",
	 "t:2:24: a token is for `mechanism: xoauth2`; leave `mechanism` "
	 "out\n"},
	{"a certificate without its key",
	 HOST "delivery: {smarthost: [{host: a.example, certificate_file: "
	      "/c}]}\n",
	 "t:2:24: `certificate_file` needs its key: write `key_file`; it may "
	 "be the same file\n"},
	{"a key without its certificate",
	 HOST "delivery: {smarthost: [{host: a.example, key_file: /k}]}\n",
	 "t:2:24: a key needs its certificate: write `certificate_file`\n"},
	{"a ca_file for nobody",
	 HOST "delivery: {smarthost: [{host: a.example, ca_file: /c}]}\n",
	 "t:2:24: `ca_file` is for `tls: verify`; write that too\n"},
	{"implicit, and none",
	 HOST "delivery: {smarthost: [{host: a.example, tls: none, "
	      "implicit_tls: true}]}\n",
	 "t:2:24: `implicit_tls: true` is TLS, and `tls: none` is none; leave "
	 "one of them out\n"},
	{"two logins at one host under one name",
	 HOST "delivery: {smarthost: [{host: a.example, user: u, password_env: "
	      "P}], by_sender: [{match: b.example, via: [{host: a.example, "
	      "user: v, password_env: Q}]}]}\n",
	 "t:2:24: another list of hosts is named \"a.example:587\" too, and "
	 "is not the same; give this one its own name\n"},
	{"a unix socket",
	 HOST "routes: [{match: c.example, deliver: lmtp, via: [{host: "
	      "'unix:/run/dovecot/lmtp', helo: me.example, connections: "
	      "5}]}]\n",
	 ""},
	{"a unix socket without a path",
	 HOST "routes: [{match: c.example, deliver: lmtp, via: [{host: "
	      "'unix:lmtp'}]}]\n",
	 "t:2:57: `unix:lmtp` is neither a host name nor an address\n"},
	{"a unix socket with a port",
	 HOST "routes: [{match: c.example, deliver: lmtp, via: [{host: "
	      "'unix:/run/lmtp', port: 24}]}]\n",
	 "t:2:50: beside `host: unix:...` there is only `name`, `helo` and "
	 "`connections`\n"},
	{"a unix socket with TLS",
	 HOST "routes: [{match: c.example, deliver: lmtp, via: [{host: "
	      "'unix:/run/lmtp', tls: verify}]}]\n",
	 "t:2:50: beside `host: unix:...` there is only `name`, `helo` and "
	 "`connections`\n"},
	{"a unix socket for SMTP",
	 HOST "routes: [{match: c.example, deliver: smtp, via: [{host: "
	      "'unix:/run/lmtp'}]}]\n",
	 "t:2:50: `host: unix:...` is for `deliver: lmtp` only\n"},
	{"a unix socket as smarthost",
	 HOST "delivery: {smarthost: [{host: 'unix:/run/lmtp'}]}\n",
	 "t:2:24: `host: unix:...` is for `deliver: lmtp` only\n"},
	{"a fallback that asks for less, unsaid",
	 HOST "delivery: {smarthost: [{host: a.example, tls: verify}], "
	      "fallback: [{host: b.example}, {host: c.example, port: 465}]}\n",
	 "t:2:68: warning: mail for `a.example` wants `tls: verify`, and may "
	 "leave by this fallback with `tls: opportunistic`; write the "
	 "fallback's `tls`\n"
	 "t:2:87: warning: mail for `a.example` wants `tls: verify`, and may "
	 "leave by this fallback with `tls: encrypt`; write the fallback's "
	 "`tls`\n"},
	{"a fallback that asks for less than a route",
	 HOST "delivery: {fallback: [{host: b.example}]}\n"
	      "routes: [{match: c.example, deliver: smtp, via: [{host: "
	      "a.example, tls: encrypt}]}]\n",
	 "t:2:23: warning: mail for `a.example` wants `tls: encrypt`, and may "
	 "leave by this fallback with `tls: opportunistic`; write the "
	 "fallback's `tls`\n"},
	{"a fallback that asks for less, and says so",
	 HOST "delivery: {smarthost: [{host: a.example, tls: verify}], "
	      "fallback: [{host: b.example, tls: opportunistic}]}\n",
	 ""},
	{"a fallback that asks for as much",
	 HOST "delivery: {smarthost: [{host: a.example, tls: verify}], "
	      "fallback: [{host: b.example, user: u, password_env: P}]}\n",
	 ""},
	{"a fallback where nothing is asked for",
	 HOST "delivery: {smarthost: [{host: a.example}], fallback: [{host: "
	      "b.example}]}\n",
	 ""},
	{"a fallback is not for LMTP",
	 HOST "delivery: {fallback: [{host: b.example}]}\n"
	      "routes: [{match: c.example, deliver: lmtp, via: [{host: "
	      "a.example, tls: verify}]}]\n",
	 ""},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *says = config_complaints(rows[i].text);

		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s:\n%s", rows[i].name, says);
		free(says);
	}
}

/* What the keys of one entry come to. */
static const struct comes_row {
	const char *keys;
	enum tls_level level;
	bool implicit;
	int64_t port;
} comes_rows[] = {
	{"", TLS_LEVEL_OPPORTUNISTIC, false, 25},
	{"tls: none", TLS_LEVEL_NONE, false, 25},
	{"tls: opportunistic", TLS_LEVEL_OPPORTUNISTIC, false, 25},
	{"tls: encrypt", TLS_LEVEL_ENCRYPT, false, 25},
	{"tls: verify", TLS_LEVEL_VERIFY, false, 25},
	{"port: 465", TLS_LEVEL_ENCRYPT, true, 465},
	{"port: 465, tls: none", TLS_LEVEL_NONE, false, 465},
	{"port: 465, tls: verify", TLS_LEVEL_VERIFY, true, 465},
	{"port: 465, implicit_tls: false", TLS_LEVEL_OPPORTUNISTIC, false, 465},
	{"port: 2465, implicit_tls: true", TLS_LEVEL_ENCRYPT, true, 2465},
	{"user: u, password_env: P", TLS_LEVEL_VERIFY, false, 587},
	{"user: u, token_env: P", TLS_LEVEL_VERIFY, false, 587},
	{"user: u, password_env: P, port: 465", TLS_LEVEL_VERIFY, true, 465},
	{"user: u, password_env: P, port: 25", TLS_LEVEL_VERIFY, false, 25},
	{"user: u, password_env: P, tls: none, allow_plaintext_login: true",
	 TLS_LEVEL_NONE, false, 587},
};

static void
check_comes(const struct comes_row *row, const struct route *route)
{
	const struct hop *hop = &route->hops[0];

	assert_int_equal(hop_tls_level(hop), row->level);
	assert_int_equal(hop_is_implicit(hop), row->implicit);
	assert_int_equal(hop->port, row->port);
}

static void
test_comes(void **state)
{
	struct address rcpt;
	struct arena arena;
	const char *why;

	(void)state;
	arena_init(&arena);
	assert_int_equal(
		address_parse_bare("a@example.net", &arena, &rcpt, &why), 0);
	for (size_t i = 0; i < sizeof(comes_rows) / sizeof(*comes_rows); i++) {
		const char *text = arena_printf(
			&arena,
			HOST "delivery: {smarthost: [{host: "
			     "a.example%s%s}]}\n",
			comes_rows[i].keys[0] ? ", " : "", comes_rows[i].keys);
		struct config *c = NULL;
		struct routing_sources from;
		struct routing *routing = NULL;
		struct conf_errors e;
		struct route route;

		print_message("%s\n", comes_rows[i].keys);
		conf_errors_init(&e);
		assert_int_equal(
			config_load_text("t", text, strlen(text), &c, &e), 0);
		from = config_routing(c);
		assert_int_equal(routing_new(&from, &e, &routing), 0);
		assert_int_equal(route_find(routing, "", &rcpt, &route), 0);
		check_comes(&comes_rows[i], &route);
		routing_unref(&routing);
		config_unref(&c);
		conf_errors_done(&e);
	}
	arena_done(&arena);
}

/* Secrets and certificates are read by who connects, and by no other. */
static void
test_arm(void **state)
{
	static const char text[] =
		HOST "delivery: {smarthost: [{host: a.example, user: u, "
		     "password_env: TEST_PASSWORD}], fallback: [{host: "
		     "b.example, tls: verify, ca_file: /nowhere/ca.pem}]}\n";
	struct config *c = NULL;
	struct routing_sources from;
	struct routing *routing = NULL;
	struct conf_errors e;

	(void)state;
	conf_errors_init(&e);
	unsetenv("TEST_PASSWORD");
	assert_int_equal(config_load_text("t", text, strlen(text), &c, &e), 0);
	from = config_routing(c);
	assert_int_equal(routing_new(&from, &e, &routing), 0);
	assert_int_equal(e.total, 0);
	assert_int_equal(routing_arm(routing, SECRETS_REFUSE, &e), -EINVAL);
	assert_int_equal(e.total, 2);
	assert_string_equal(e.v[0].text,
			    "`password_env`: the environment variable "
			    "TEST_PASSWORD is not set");
	assert_non_null(strstr(e.v[1].text, "/nowhere/ca.pem"));
	routing_unref(&routing);
	conf_errors_done(&e);
	config_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_comes),
		cmocka_unit_test(test_arm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
