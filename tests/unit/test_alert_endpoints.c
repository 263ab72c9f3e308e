#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_secrets.h"
#include "alert/endpoints.h"
#include "deliver/endpoint.h"
#include "tests/unit/conf_kit.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

/* The same text as rules and as secrets. */
struct fixture {
	struct arena arena;
	struct conf_errors errors;
	struct rules *rules;
	struct alert_secrets *secrets;
	struct endpoints *endpoints;
	char *says; /* owned */
};

static int
fixture_init(struct fixture *f, const char *text)
{
	struct alerts_conf conf;
	int r;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	conf_errors_init(&f->errors);
	f->rules = rules_kit_new(text);
	assert_int_equal(conf_load_text("t", text, strlen(text),
					&alerts_conf_table, &f->arena,
					&f->errors, &conf),
			 0);
	assert_int_equal(alert_secrets_load(&conf, SECRETS_REFUSE, &f->errors,
					    &f->secrets),
			 0);
	r = alert_endpoints_new(f->rules, f->secrets, &f->errors,
				&f->endpoints);
	f->says = conf_kit_says(&f->errors);
	return r;
}

static void
fixture_done(struct fixture *f)
{
	endpoints_unref(&f->endpoints);
	alert_secrets_unref(&f->secrets);
	rules_unref(&f->rules);
	conf_errors_done(&f->errors);
	arena_done(&f->arena);
	free(f->says);
}

static const char good[] =
	"receivers:\n"
	"- name: on call\n"
	"  slack: [{name: \"0\", url_env: URL}]\n"
	"  webhook:\n"
	"  - {name: \"0\", url: \"https://w.example/{{receiver}}\", "
	"secret_env: KEY, "
	"token_env: TOKEN, authorization: GenieKey, method: PUT, "
	"headers: {X-A: b}, success: [200, 3xx]}\n"
	"  - {name: \"1\", url_env: URL}\n"
	"  pagerduty: [{name: \"0\", routing_key_env: KEY}]\n"
	"  ntfy: [{name: \"0\", url: \"https://n.example/t\"}, "
	"{name: \"1\", url: \"https://n.example/t\", token_env: TOKEN}]\n"
	"  teams: [{name: \"0\", url_env: URL}]\n"
	"  exec: [{name: \"0\", command: [/bin/page, \"{title}\"], time: 7s}]\n"
	"- {name: mail only, mail: [a@example.org]}\n"
	"route: {receiver: on call}\n";

/* "200-299 404-404" */
static void
expect_codes(const struct endpoint_codes *v, size_t n, const char *want)
{
	char text[100] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%d-%d", i > 0 ? " " : "", v[i].from, v[i].until);
	assert_string_equal(text, want);
}

static void
test_endpoints(void **state)
{
	static const struct {
		const char *name, *method, *url, *sign, *insert, *token, *done,
			*dead;
	} row[] = {
		{"slack/0", "POST", "https://hook.example/s3cret", NULL, NULL,
		 NULL, "200-299", "403-404 410-410"},
		{"webhook/0", "PUT", "https://w.example/{{receiver}}",
		 "k3y-of_1", NULL, "GenieKey t0ken", "200-200 300-399",
		 "410-410"},
		{"webhook/1", "POST", "https://hook.example/s3cret", NULL, NULL,
		 NULL, "200-299", "410-410"},
		{"pagerduty/0", "POST",
		 "https://events.pagerduty.com/v2/enqueue", NULL,
		 "\"routing_key\":\"k3y-of_1\",", NULL, "200-299", ""},
		{"ntfy/0", "POST", "https://n.example/t", NULL, NULL, NULL,
		 "200-299", ""},
		{"ntfy/1", "POST", "https://n.example/t", NULL, NULL,
		 "Bearer t0ken", "200-299", ""},
		{"teams/0", "POST", "https://hook.example/s3cret", NULL, NULL,
		 NULL, "200-299", "403-404 410-410"},
	};
	const struct endpoint *ep;
	struct fixture f;

	(void)state;
	assert_int_equal(fixture_init(&f, good), 0);
	assert_string_equal(f.says, "");
	/* They stand alone. */
	alert_secrets_unref(&f.secrets);
	rules_unref(&f.rules);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char name[60];

		print_message("%s\n", row[i].name);
		snprintf(name, sizeof(name), "on call/%s", row[i].name);
		ep = endpoints_find(f.endpoints, name);
		assert_non_null(ep);
		assert_int_equal(ep->kind, ENDPOINT_WEB);
		assert_string_equal(ep->method, row[i].method);
		assert_string_equal(ep->url, row[i].url);
		assert_string_equal(ep->sign ? ep->sign : "",
				    row[i].sign ? row[i].sign : "");
		assert_string_equal(ep->insert ? ep->insert : "",
				    row[i].insert ? row[i].insert : "");
		assert_int_equal(ep->nheaders, row[i].token != NULL);
		if (row[i].token != NULL) {
			assert_string_equal(ep->headers[0].name,
					    "Authorization");
			assert_string_equal(ep->headers[0].value, row[i].token);
		}
		expect_codes(ep->done, ep->ndone, row[i].done);
		expect_codes(ep->dead, ep->ndead, row[i].dead);
		assert_true(ep->time_ms >= 1000);
	}
	ep = endpoints_find(f.endpoints, "on call/exec/0");
	assert_int_equal(ep->kind, ENDPOINT_EXEC);
	assert_string_equal(ep->argv[0], "/bin/page");
	assert_string_equal(ep->argv[1], "{title}");
	assert_null(ep->argv[2]);
	assert_int_equal(ep->time_ms, 7000);
	assert_null(endpoints_find(f.endpoints, "on call/slack/1"));
	assert_null(endpoints_find(f.endpoints, "mail only/mail/0"));
	fixture_done(&f);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *entry, *says;
	} row[] = {
		{"ntfy: [{name: \"0\", url: \"http://w.example:99999/\"}]",
		 "r/ntfy/0: what it has as its URL can't be asked for"},
		{"slack: [{name: \"0\", url_env: BAD}]",
		 "r/slack/0: what it has as its "
		 "URL can't be asked for"},
		{"teams: [{name: \"0\", url_env: BAD}]",
		 "r/teams/0: what it has as its "
		 "URL can't be asked for"},
		{"webhook: [{name: \"0\", url_env: BAD}]",
		 "r/webhook/0: what it has as "
		 "its URL can't be asked for"},
		{"webhook: [{name: \"0\", url: \"http://w/\", token_env: "
		 "LONG}]",
		 "r/webhook/0: its token is too long"},
		{"pagerduty: [{name: \"0\", routing_key_env: QUOTE}]",
		 "r/pagerduty/0: its routing key is not one word"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char text[200];
		struct fixture f;

		print_message("%s\n", row[i].entry);
		snprintf(text, sizeof(text),
			 "receivers: [{name: r, %s}]\nroute: {receiver: r}\n",
			 row[i].entry);
		assert_int_equal(fixture_init(&f, text), -EINVAL);
		assert_null(f.endpoints);
		if (strstr(f.says, row[i].says) == NULL)
			fail_msg("%s", f.says);
		assert_null(strstr(f.says, "s3cret"));
		fixture_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_errors),
	};

	static char token[10000];

	setenv("URL", "https://hook.example/s3cret", 1);
	setenv("KEY", "k3y-of_1", 1);
	setenv("TOKEN", "t0ken", 1);
	setenv("BAD", "https://hook.example:99999/s3cret", 1);
	setenv("QUOTE", "s3cret\"", 1);
	memset(token, 'x', sizeof(token) - 1);
	setenv("LONG", token, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
