/* The section `alerts` among the others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tests/unit/test.h"

#define HOST "hostname: mx.example.org\ndelivery: {smarthost: [{host: a.b}]}\n"
#define OURS "domains: [example.org]\npostmaster: p@b.example\n"
#define MAIL "mail: [anna@example.org]"

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"five lines",
	 HOST "alerts: {" MAIL "}\nhttp: [{address: '127.0.0.1:80'}]\n", NULL},
	{"one may post",
	 HOST "alerts: {" MAIL "}\n"
	      "http: [{address: '127.0.0.1:80', serve: [api]}, "
	      "{address: '127.0.0.1:81', serve: [alerts]}]\n",
	 NULL},
	{"nobody may post, by mail only",
	 HOST OURS "alerts: {" MAIL
		   ", sources: [{name: a, kind: mail, token_file: /x}]}\n"
		   "routes: [{match: alert@example.org, deliver: alert}]\n"
		   "http: [{address: '127.0.0.1:80', serve: [api]}]\n",
	 NULL},
	{"what rules say", HOST "alerts: {" MAIL ", route: {receiver: x}}\n",
	 "t:3:54: there is no receiver `x`\n"},
	{"source, network",
	 HOST "alerts: {" MAIL ", sources: [{name: a, kind: generic, networks: "
	      "[servers]}]}\n",
	 "t:3:82: no network is called `servers`"},
	{"reply",
	 HOST OURS "alerts: {" MAIL ", reply: example.org}\n"
		   "routes: [{match: alert@example.org, deliver: "
		   "alert}]\n",
	 NULL},
	{"reply, no route",
	 HOST OURS "alerts: {" MAIL ", reply: example.org}\n",
	 "t:5:9: `alerts.reply` needs a route for its answers; write in "
	 "`routes`: `{match: alert@example.org, deliver: alert}`\n"},
	{"reply, a route too late",
	 HOST OURS "alerts: {" MAIL ", reply: example.org}\n"
		   "routes: [{match: example.org, deliver: smtp, via: [{host: "
		   "10.1.0.5}]}, {match: alert@example.org, deliver: "
		   "alert}]\n",
	 "t:5:9: `alerts.reply` needs a route for its answers; write in "
	 "`routes`: `{match: alert@example.org, deliver: alert}`, before the "
	 "others\n"},
	{"reply, not our domain",
	 HOST "alerts: {" MAIL ", reply: example.org}\n",
	 "t:3:9: `alerts.reply` is example.org, and `domains` does not list "
	 "it: its mail would not be taken\n"},
	{"route, another delimiter",
	 HOST OURS "alerts: {" MAIL "}\nrecipient_delimiter: \"-\"\n"
		   "routes: [{match: alert@example.org, deliver: alert}]\n",
	 "t:7:10: `deliver: alert` needs `recipient_delimiter: \"+\"`: its "
	 "addresses are alert+TOKEN@\n"},
	{"route, nobody to tell",
	 HOST OURS "routes: [{match: alert@example.org, deliver: alert}]\n",
	 "t:5:10: `deliver: alert` needs somebody to tell: write for example "
	 "`alerts: {mail: [anna@example.org]}`\n"},
	{"route, keys of others",
	 HOST OURS "alerts: {" MAIL "}\nroutes: [{match: alert@example.org, "
		   "deliver: alert, path: /x}]\n",
	 "t:6:10: a route with `deliver: alert` has no `path`\n"},
};

static void
test_rows(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *says = rows[i].says != NULL ? rows[i].says : "";
		struct config *c = NULL;
		struct conf_errors e;
		char *said = NULL;
		size_t len;
		FILE *to = open_memstream(&said, &len);

		conf_errors_init(&e);
		config_load_text("t", rows[i].text, strlen(rows[i].text), &c,
				 &e);
		conf_errors_print(&e, to);
		fclose(to);
		if (strncmp(said, says, strlen(says)) != 0 ||
		    (says[0] == '\0' && said[0] != '\0')) {
			print_message("%s:\n%s", rows[i].name, said);
			wrong++;
		}
		wrong += (c != NULL) != (rows[i].says == NULL);
		config_unref(&c);
		conf_errors_done(&e);
		free(said);
	}
	assert_int_equal(wrong, 0);
}

static void
test_resolved(void **state)
{
	static const char text[] =
		HOST "networks: {servers: [10.1.0.0/16]}\n"
		     "http: [{address: ':80'}, {address: ':81', serve: "
		     "[metrics]}]\n"
		     "alerts: {" MAIL ", sources: [{name: a, kind: generic, "
		     "networks: [servers]}]}\n";
	const struct alert_source_conf *s;
	struct config *c = NULL;
	struct sockaddr_any a;
	struct conf_errors e;

	(void)state;
	conf_errors_init(&e);
	assert_int_equal(config_load_text("t", text, strlen(text), &c, &e), 0);
	conf_errors_done(&e);
	assert_int_equal(config_http(c, 0)->serves,
			 CONFIG_SERVE_API | CONFIG_SERVE_METRICS |
				 CONFIG_SERVE_ALERTS);
	assert_int_equal(config_http(c, 1)->serves, CONFIG_SERVE_METRICS);
	s = c->alerts.sources.v;
	assert_int_equal(sockaddr_parse_ip("10.1.2.3", 1, &a), 0);
	assert_true(network_list_has(&s->allowed, &a));
	assert_int_equal(sockaddr_parse_ip("10.2.2.3", 1, &a), 0);
	assert_false(network_list_has(&s->allowed, &a));
	config_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
