#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_secrets.h"
#include "tests/unit/conf_kit.h"
#include "tests/unit/test.h"

static const char text[] = "mail: [a@example.org]\n"
			   "sources:\n"
			   "- {name: sentry, kind: sentry, secret_env: S1}\n"
			   "- {name: robot, kind: uptimerobot, token_env: T1}\n"
			   "- {name: nas, kind: mail, token_env: T2}\n"
			   "- {name: plain, kind: generic}\n"
			   "receivers:\n"
			   "- {name: a, slack: [{name: \"0\", url_env: U1}, "
			   "{name: \"1\", url_env: U2}], ntfy: "
			   "[{name: \"0\", url: \"http://n/t\"}, {name: \"1\", "
			   "url: \"http://n/t\", token_env: B1}]}\n"
			   "- {name: b c, webhook: [{name: \"0\", url: "
			   "\"http://w/\", secret_env: S1, "
			   "token_env: B1}, {name: \"1\", url_env: U1}], "
			   "pagerduty: [{name: \"0\", routing_key_env: B1}], "
			   "teams: [{name: \"0\", url_env: U2}]}\n"
			   "heartbeat: {ping_url_env: U2}\n";

struct fixture {
	struct arena arena;
	struct conf_errors errors;
	struct alerts_conf conf;
	char *says; /* owned */
};

static void
fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	conf_errors_init(&f->errors);
	assert_int_equal(conf_load_text("t", text, strlen(text),
					&alerts_conf_table, &f->arena,
					&f->errors, &f->conf),
			 0);
	setenv("S1", "key one", 1);
	setenv("T1", "token-number-1", 1);
	setenv("T2", "Token-Number-2", 1);
	setenv("U1", "https://one.example/x?y", 1);
	setenv("U2", "http://two.example", 1);
	setenv("B1", "bearer", 1);
}

static void
fixture_done(struct fixture *f)
{
	conf_errors_done(&f->errors);
	arena_done(&f->arena);
	free(f->says);
}

static void
test_load(void **state)
{
	struct alert_endpoint_secrets e;
	struct alert_secrets *s, *again;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(
		alert_secrets_load(&f.conf, SECRETS_REFUSE, &f.errors, &s), 0);
	again = alert_secrets_ref(s);
	alert_secrets_unref(&again);
	assert_null(again);
	fixture_done(&f);

	assert_string_equal(alert_secrets_signature(s, "sentry")->bytes,
			    "key one");
	assert_null(alert_secrets_signature(s, "robot"));
	assert_null(alert_secrets_signature(s, "other"));
	assert_true(alert_secrets_has_token(s, "robot"));
	assert_false(alert_secrets_has_token(s, "sentry"));
	assert_false(alert_secrets_has_token(s, "other"));
	assert_true(alert_secrets_is_token(s, "robot", "token-number-1"));
	assert_false(alert_secrets_is_token(s, "robot", "Token-Number-1"));
	assert_false(alert_secrets_is_token(s, "robot", "token-number-"));
	assert_false(alert_secrets_is_token(s, "robot", ""));
	assert_false(alert_secrets_is_token(s, "sentry", ""));
	assert_string_equal(alert_secrets_mail_source(s, "tOKEN-nUMBER-2"),
			    "nas");
	assert_null(alert_secrets_mail_source(s, "token-number-1"));
	assert_null(alert_secrets_mail_source(s, ""));

	assert_string_equal(alert_secrets_endpoint(s, "a/slack/1").url->bytes,
			    "http://two.example");
	assert_null(alert_secrets_endpoint(s, "a/ntfy/0").token);
	assert_string_equal(alert_secrets_endpoint(s, "a/ntfy/1").token->bytes,
			    "bearer");
	e = alert_secrets_endpoint(s, "b c/webhook/0");
	assert_null(e.url);
	assert_string_equal(e.key->bytes, "key one");
	assert_string_equal(e.token->bytes, "bearer");
	e = alert_secrets_endpoint(s, "b c/webhook/1");
	assert_string_equal(e.url->bytes, "https://one.example/x?y");
	assert_null(e.key);
	assert_non_null(alert_secrets_endpoint(s, "b c/pagerduty/0").key);
	assert_non_null(alert_secrets_endpoint(s, "b c/teams/0").url);
	assert_null(alert_secrets_endpoint(s, "b c/teams/1").url);
	assert_string_equal(alert_secrets_ping_url(s)->bytes,
			    "http://two.example");
	alert_secrets_unref(&s);
	alert_secrets_unref(&s);
	alert_secrets_unref(NULL);
}

static const struct {
	const char *name, *variable, *value, *says;
} rows[] = {
	{"not set", "S1", NULL, "the environment variable S1 is not set"},
	{"token, short", "T1", "1234567", "is no token"},
	{"token, a slash", "T1", "12345678/", "is no token"},
	{"token, long", "T1",
	 "1234567890123456789012345678901234567890123456789", "is no token"},
	{"token, twice", "T1", "TOKEN-number-2",
	 "`robot` and `nas` have the same token"},
	{"bearer, two lines", "B1", "a\nb", "has spaces"},
	{"url, no scheme", "U1", "one.example", "is no URL"},
	{"url, no host", "U1", "https:///x", "is no URL"},
	{"url, a space", "U1", "https://one.example/a b", "is no URL"},
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct alert_secrets *s = NULL;
		struct fixture f;

		print_message("%s\n", rows[i].name);
		fixture_init(&f);
		if (rows[i].value == NULL)
			unsetenv(rows[i].variable);
		else
			setenv(rows[i].variable, rows[i].value, 1);
		assert_int_equal(alert_secrets_load(&f.conf, SECRETS_REFUSE,
						    &f.errors, &s),
				 -EINVAL);
		assert_null(s);
		f.says = conf_kit_says(&f.errors);
		print_message("%s", f.says);
		assert_non_null(strstr(f.says, rows[i].says));
		if (rows[i].value != NULL)
			assert_null(strstr(f.says, rows[i].value));
		fixture_done(&f);
	}
}

static void
test_check(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	unsetenv("S1");
	alert_secrets_check(&f.conf, SECRETS_REFUSE, false, &f.errors);
	assert_int_equal(f.errors.total, 0);
	alert_secrets_check(&f.conf, SECRETS_REFUSE, true, &f.errors);
	assert_int_equal(f.errors.total, 2);
	fixture_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
