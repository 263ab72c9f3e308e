/* What is refused in the section `alerts`, and in which words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

#define MAIL "mail: [anna@example.org]\n"

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"nothing", "", ""},
	{"five lines", MAIL, ""},
	{"no address", "mail: [anna]\n",
	 "t:1:8: `anna` is no mail address: the domain is missing\n"},
	{"from, a name and an address", MAIL "from: Us <a@example.org>\n", ""},
	{"from, an address", MAIL "from: a@example.org\n", ""},
	{"from, half", MAIL "from: Us <a@example.org\n",
	 "t:2:7: `from` is an address, or a name and an address: `Alerts "
	 "<alerts@example.org>`, not `Us <a@example.org`\n"},
	{"from, without the brackets", MAIL "from: Us a@example.org\n",
	 "t:2:7: `from` is an address, or a name and an address: `Alerts "
	 "<alerts@example.org>`, not `Us a@example.org`\n"},
	{"url of another kind", MAIL "url: ftp://x\n",
	 "t:2:6: a URL is http://HOST... or https://HOST..., of ASCII and "
	 "without spaces, not `ftp://x`\n"},
	{"url with a question", MAIL "url: \"https://x/?a\"\n",
	 "t:2:6: `url` is what links begin with: it has no `?` and no `#`\n"},
	{"reply", MAIL "reply: a@example.org\n",
	 "t:2:8: `reply` is a domain, not `a@example.org`\n"},
	{"own", MAIL "own: [queue]\n",
	 "t:2:7: `own` lists queue_stuck, double_bounce, certificate, store, "
	 "source_silent, paused and refused, not `queue`\n"},
	{"critical, no matcher", MAIL "critical: [severity]\n",
	 "t:2:12: `critical`: \"severity\" is no matcher: write "
	 "name=\"value\", or with != =~ !~\n"},
	{"nobody to tell",
	 "route: {routes: [{receiver: a}]}\n"
	 "receivers: [{name: a}]\n",
	 "t:1:1: `alerts` tells nobody: write `mail: [anna@example.org]`, or "
	 "name a `receiver` in `route`\n"
	 "t:1:29: warning: the receiver `a` has no address: nobody is told "
	 "of what comes here; call it `nobody` if that is meant\n"},
	{"nobody to tell, a receiver without an address",
	 "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n",
	 "t:1:19: `alerts` tells nobody: no receiver has an address; give `a` "
	 "for example `mail: [anna@example.org]`, or call it `nobody`\n"},
	{"nobody to tell, as one wants",
	 "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", ""},
	{"nobody at the top",
	 "route: {receiver: a, routes: [{matchers: ['a=b'], receiver: b}]}\n"
	 "receivers: [{name: a}, {name: b, mail: [b@example.org]}]\n",
	 "t:1:19: warning: the receiver `a` has no address: nobody is told "
	 "of what comes here; call it `nobody` if that is meant\n"},
	{"nobody to tell, sources", "sources: [{name: a, kind: generic}]\n",
	 "t:1:1: `alerts` tells nobody: write `mail: [anna@example.org]`, or "
	 "name a `receiver` in `route`\n"},

	/* sources */
	{"source, reserved", MAIL "sources: [{name: own, kind: generic}]\n",
	 "t:2:18: `own` is the name of a source of Belfry's own\n"},
	{"source, no part of a URL",
	 MAIL "sources: [{name: a/b, kind: generic}]\n",
	 "t:2:18: the name of a source is part of its URL: letters of ASCII, "
	 "digits, `-` and `_`, at most 64, not `a/b`\n"},
	{"source, twice",
	 MAIL "sources: [{name: a, kind: generic}, {name: a, kind: sentry}]\n",
	 "t:2:37: two sources are called `a`\n"},
	{"source, kind of ours", MAIL "sources: [{name: a, kind: cli}]\n",
	 "t:2:27: `kind` can't be `cli`; one of alertmanager, grafana, sentry, "
	 "uptimerobot, uptimekuma, statuspage, papertrail, github, generic, "
	 "mail\n"},
	{"source, no pointer",
	 MAIL "sources: [{name: a, kind: generic, title: text}]\n",
	 "t:2:43: a place in what is posted is a JSON pointer, `/name` or "
	 "`/outer/inner`, not `text`\n"},
	{"source, mapping of another kind",
	 MAIL "sources: [{name: a, kind: sentry, title: /text}]\n",
	 "t:2:11: a source of the kind `sentry` is understood as it is: "
	 "dedup_key, title, text, status, severity, url, labels and resolved "
	 "are for `generic` and `github`\n"},
	{"source, label",
	 MAIL "sources: [{name: a, kind: generic, labels: {a-b: /x}}]\n",
	 "t:2:50: `a-b` is no name of a label: letters of ASCII, digits and "
	 "`_`\n"},
	{"source, signs nothing",
	 MAIL "sources: [{name: a, kind: statuspage, secret_env: X}]\n",
	 "t:2:11: a source of the kind `statuspage` signs nothing; give it a "
	 "`token_file`, which makes its URL secret\n"},
	{"source, mail of anybody", MAIL "sources: [{name: a, kind: mail}]\n",
	 "t:2:11: a source of the kind `mail` needs a `token_file`, for mail "
	 "to alert+TOKEN@, or `domains`, whose mail counts when it passes "
	 "DMARC\n"},
	{"source, a rate of mail",
	 MAIL "sources: [{name: a, kind: mail, domains: [b.example], rate: "
	      "1/1s}]\n",
	 "t:2:11: a source of the kind `mail` has no `networks`, `rate` and "
	 "`body`: what may come is said by its token and its domains, and "
	 "limited as all mail is\n"},
	{"source, a size of mail",
	 MAIL "sources: [{name: a, kind: mail, domains: [b.example], body: "
	      "2M}]\n",
	 "t:2:11: a source of the kind `mail` has no `networks`, `rate` and "
	 "`body`: what may come is said by its token and its domains, and "
	 "limited as all mail is\n"},
	{"source, rules without mail",
	 MAIL "sources: [{name: a, kind: generic, rules: [{}]}]\n",
	 "t:2:11: a source of the kind `generic` has no `domains` and no "
	 "`rules`; they are for `mail`\n"},
	{"source, no expression",
	 MAIL "sources: [{name: a, kind: mail, domains: [b.example], rules: "
	      "[{subject: x, body: /(/}]}]\n",
	 "t:2:73: `subject` is a regular expression between two slashes, not "
	 "`x`\n"
	 "t:2:82: `body`: the regular expression is wrong: missing closing "
	 "parenthesis\n"},

	/* people, schedules */
	{"person, zone",
	 MAIL "people: {a: {mail: a@example.org, time_zone: Mars}}\n",
	 "t:2:46: `time_zone` is one like Europe/Berlin, not `Mars`\n"},
	{"schedule, twice and unknown people",
	 MAIL "people: {a: {mail: a@example.org}}\n"
	      "schedules: [{name: s, people: [a, b]}, {name: s, people: [a], "
	      "overrides: [{from: 2026-01-01, until: 2026-01-02, person: "
	      "c}]}]\n",
	 "t:3:35: there is no person in `people` called `b`\n"
	 "t:3:40: two schedules are called `s`\n"
	 "t:3:121: there is no person in `people` called `c`\n"},

	/* receivers */
	{"receiver, a slash", MAIL "receivers: [{name: a/b}]\n",
	 "t:2:20: a name has 1 to 64 bytes of UTF-8, no slash and no control "
	 "characters: `a/b`\n"},
	{"receiver, twice", MAIL "receivers: [{name: a}, {name: a}]\n",
	 "t:2:24: two receivers are called `a`\n"},
	{"receiver, default twice", MAIL "receivers: [{name: default}]\n",
	 "t:2:13: the receiver `default` is made by `mail` of `alerts`; call "
	 "this one otherwise\n"},
	{"receiver, default of its own",
	 "receivers: [{name: default, mail: [a@example.org]}]\n", ""},
	{"receiver, unknown names",
	 MAIL "receivers: [{name: a, schedules: [s], people: [p]}]\n",
	 "t:2:35: there is no schedule `s`\n"
	 "t:2:48: there is no person in `people` called `p`\n"},
	{"fallback, unknown",
	 MAIL "receivers: [{name: a, fallback: {receiver: b}}]\n",
	 "t:2:44: there is no receiver `b`\n"},
	{"fallback, itself",
	 MAIL "receivers: [{name: a, mail: [b@example.org], fallback: "
	      "{receiver: a}}]\n",
	 "t:2:67: the fallbacks of `a` lead back to itself\n"},
	{"fallback, a circle",
	 "receivers:\n"
	 "- {name: a, mail: [b@example.org], fallback: {receiver: b}}\n"
	 "- {name: b, mail: [b@example.org], fallback: {receiver: c}}\n"
	 "- {name: c, mail: [b@example.org], fallback: {receiver: a}}\n" MAIL,
	 "t:4:57: the fallbacks of `c` lead back to itself\n"},
	{"fallback, nobody",
	 MAIL "receivers: [{name: a, fallback: {receiver: b}}, {name: b}]\n",
	 "t:2:44: the fallback `b` tells nobody\n"},
	{"slack without url", MAIL "receivers: [{name: a, slack: [{}]}]\n",
	 "t:2:31: `url_file` is missing; write for example `url_file: "
	 "/etc/belfry/url`\n"},
	{"webhook without url", MAIL "receivers: [{name: a, webhook: [{}]}]\n",
	 "t:2:33: a webhook has one of `url` and `url_file`\n"},
	{"webhook, both",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", url_env: "
	      "X}]}]\n",
	 "t:2:33: a webhook has one of `url` and `url_file`\n"},
	{"webhook, fields",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", headers: "
	      "{Host: x, A: \"b\\nc\"}}]}]\n",
	 "t:2:67: `Host` can't be given to a request: it is the URL's\n"
	 "t:2:73: `A` can't be given to a request: its value has a control "
	 "character\n"},
	{"webhook, fields of the connection",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", headers: "
	      "{Keep-Alive: x, te: y}}]}]\n",
	 "t:2:73: `Keep-Alive` can't be given to a request: it is the "
	 "connection's\n"
	 "t:2:80: `te` can't be given to a request: it is the "
	 "connection's\n"},
	{"webhook, twice",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\"}, {url: "
	      "\"http://x\", body: y}]}]\n",
	 "t:2:52: the receiver `a` has the same of `webhook` twice: give each "
	 "a `name` of its own\n"},
	{"slack, one name",
	 MAIL "receivers: [{name: a, slack: [{name: n, url_env: X}, {name: n, "
	      "url_env: Y}]}]\n",
	 "t:2:54: the receiver `a` has the same of `slack` twice: give each "
	 "a `name` of its own\n"},
	{"ntfy, a name with a slash",
	 MAIL "receivers: [{name: a, ntfy: [{name: x/y, url: "
	      "\"http://x/t\"}]}]\n",
	 "t:2:37: a name has 1 to 64 bytes of UTF-8, no slash and no control "
	 "characters: `x/y`\n"},
	{"webhook, codes",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", success: "
	      "[2xx, 99, 6xx]}]}]\n",
	 "t:2:66: `success` lists codes of HTTP, like 202 or 2xx, not `99`\n"
	 "t:2:70: `success` lists codes of HTTP, like 202 or 2xx, not `6xx`\n"},
	{"webhook, a word before nothing",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", "
	      "authorization: GenieKey}]}]\n",
	 "t:2:33: `authorization` stands before a token: give `token_file`\n"},
	{"webhook, two fields for who it is",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", "
	      "token_file: /t, headers: {authorization: x}}]}]\n",
	 "t:2:92: a webhook has one of `token_file` and `authorization` among "
	 "its `headers`\n"},
	{"webhook, two signatures",
	 MAIL "receivers: [{name: a, webhook: [{url: \"http://x\", "
	      "secret_file: /s, headers: {belfry-signature: x}}]}]\n",
	 "t:2:96: a webhook has one of `secret_file` and `belfry-signature` "
	 "among its `headers`\n"},
	{"exec, no path",
	 MAIL "receivers: [{name: a, exec: [{command: [x]}]}]\n",
	 "t:2:41: `command` begins with the whole path of a program, not "
	 "`x`\n"},

	/* route */
	{"route, unknown receiver", MAIL "route: {receiver: a}\n",
	 "t:2:19: there is no receiver `a`\n"},
	{"route, at the top",
	 MAIL "route: {matchers: [a=b], continue: true, mute_time_intervals: "
	      "[x], active_time_intervals: [y]}\n",
	 "t:2:8: at the top of `route` there is no `continue`: it takes what "
	 "no route below it does\n"
	 "t:2:20: at the top of `route` there is no `matchers`: it takes what "
	 "no route below it does\n"
	 "t:2:64: at the top of `route` there is no `mute_time_intervals`: it "
	 "takes what no route below it does\n"
	 "t:2:92: at the top of `route` there is no `active_time_intervals`: "
	 "it takes what no route below it does\n"},
	{"route, group_by", MAIL "route: {group_by: [a, ...]}\n",
	 "t:2:23: `...` is no name of a label\n"},
	{"route, matchers below",
	 MAIL "route: {routes: [{routes: [{matchers: ['a=~\"(\"']}]}]}\n",
	 "t:2:40: `matchers`: the regular expression is wrong: missing closing "
	 "parenthesis\n"},
	{"route, intervals",
	 MAIL "route: {routes: [{mute_time_intervals: [n]}]}\n",
	 "t:2:41: there is no entry of `time_intervals` called `n`\n"},
	{"route, nearly a receiver",
	 "route: {receiver: oncal}\n"
	 "receivers: [{name: desk, mail: [a@example.org]}, "
	 "{name: oncall, mail: [b@example.org]}]\n",
	 "t:1:19: there is no receiver `oncal`; did you mean `oncall`?\n"},
	{"route, two signs", MAIL "route: {routes: [{matchers: [a==b]}]}\n",
	 "t:2:30: warning: `matchers`: the value of `a` begins with a second "
	 "`=`; write name=\"value\"\n"},
	{"escalation, unknown",
	 MAIL "route: {escalate: [{after: 5m, receiver: a}]}\n",
	 "t:2:42: there is no receiver `a`\n"},
	{"escalation to itself",
	 MAIL "route: {escalate: [{after: 5m, receiver: default}]}\n",
	 "t:2:8: the route escalates to `default`, which is its receiver "
	 "already; give it an `escalate` of its own\n"},
	{"escalation, from above, to itself",
	 MAIL "receivers: [{name: b, mail: [b@example.org]}]\n"
	      "route: {escalate: [{after: 5m, receiver: b}], routes: "
	      "[{receiver: b}]}\n",
	 "t:3:56: the route escalates to `b`, which is its receiver already; "
	 "give it an `escalate` of its own\n"},
	{"escalation, from above, taken away",
	 MAIL "receivers: [{name: b, mail: [b@example.org]}]\n"
	      "route: {escalate: [{after: 5m, receiver: b}], routes: "
	      "[{receiver: b, escalate: []}]}\n",
	 ""},
	{"a route to nobody",
	 MAIL "receivers: [{name: b}, {name: nobody}]\n"
	      "route: {routes: [{receiver: b}, {receiver: nobody}]}\n",
	 "t:3:29: warning: the receiver `b` has no address: nobody is told of "
	 "what comes here; call it `nobody` if that is meant\n"},
	{"escalation, twice and to nobody",
	 MAIL "receivers: [{name: b}]\n"
	      "route: {escalate: [{after: 5m, receiver: b}, {after: 6m, "
	      "receiver: b}]}\n",
	 "t:3:42: the receiver `b` tells nobody\n"
	 "t:3:68: the receiver `b` tells nobody\n"
	 "t:3:68: `b` is told by an earlier step\n"},

	/* the rest */
	{"inhibition, label",
	 MAIL "inhibit_rules: [{source_matchers: [a=b], target_matchers: "
	      "[c=d], equal: [a-b]}]\n",
	 "t:2:74: `a-b` is no name of a label\n"},
	{"inhibition of everything",
	 MAIL "inhibit_rules: [{source_matchers: [], target_matchers: "
	      "[c=d]}]\n",
	 "t:2:17: without matchers every alert would be meant: give "
	 "`source_matchers` and `target_matchers`\n"},
	{"intervals, twice",
	 MAIL "time_intervals: [{name: n, time_intervals: []}, {name: n, "
	      "time_intervals: [{weekdays: [noday]}]}]\n",
	 "t:2:49: two time_intervals are called `n`\n"
	 "t:2:88: `weekdays` lists days, like monday, or ranges of them with a "
	 "colon, not `noday`\n"},
	{"maintenance, no time",
	 MAIL "maintenance: [{name: m, matchers: []}]\n",
	 "t:2:15: maintenance has `start` and `end`, with a `time_zone`, or "
	 "`time_intervals`, which have zones of their own\n"},
	{"maintenance, half a time",
	 MAIL "maintenance: [{name: m, matchers: [], start: 2026-01-01}]\n",
	 "t:2:15: maintenance has `start` and `end`, with a `time_zone`, or "
	 "`time_intervals`, which have zones of their own\n"},
	{"maintenance, a zone for intervals",
	 MAIL "maintenance: [{name: m, matchers: [], time_zone: UTC, "
	      "time_intervals: [n]}]\n",
	 "t:2:15: maintenance has `start` and `end`, with a `time_zone`, or "
	 "`time_intervals`, which have zones of their own\n"},
	{"maintenance, backwards and twice",
	 MAIL "maintenance:\n"
	      "- {name: m, matchers: [], start: 2026-01-02, end: 2026-01-01}\n"
	      "- {name: m, matchers: [], start: 2026-01-02, end: never}\n",
	 "t:3:51: `end` 2026-01-01 is not after `start` 2026-01-02\n"
	 "t:4:3: two entries of `maintenance` are called `m`\n"
	 "t:4:51: `end` is a time or a day, like 2026-12-24T22:00, not "
	 "`never`\n"},
};

/* Does TEXT say nothing, or warn only? */
static bool
only_warns(const char *text)
{
	for (const char *end; *text != '\0'; text = end + 1) {
		const char *warning = strstr(text, ": warning: ");

		end = strchr(text, '\n');
		if (warning == NULL || warning > end)
			return false;
	}
	return true;
}

static void
test_says(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules *r;
		char *says = rules_kit_says(rows[i].text, &r);

		if (strcmp(says, rows[i].says) != 0) {
			print_message("%s:\n%s", rows[i].name, says);
			wrong++;
		}
		assert_int_equal(r != NULL, only_warns(says));
		rules_unref(&r);
		free(says);
	}
	assert_int_equal(wrong, 0);
}

static void
test_many_inhibit_rules(void **state)
{
	static const char one[] =
		"- {source_matchers: [a=b], target_matchers: [c=d]}\n";
	static char text[200 + (RULES_INHIBIT_MAX + 1) * sizeof(one)];
	struct rules *r;
	char *says;

	(void)state;
	strcpy(text, MAIL "inhibit_rules:\n");
	for (int i = 0; i < RULES_INHIBIT_MAX; i++)
		strcat(text, one);
	r = rules_kit_new(text);
	assert_int_equal(rules_ninhibit(r), RULES_INHIBIT_MAX);
	rules_unref(&r);
	strcat(text, one);
	says = rules_kit_says(text, &r);
	assert_string_equal(says, "t:67:3: more than 64 `inhibit_rules`\n");
	assert_null(r);
	free(says);
}

/* What an endpoint is called depends on nothing but what it is. */
static void
test_endpoint_names(void **state)
{
	static const struct {
		const char *one, *other; /* the entries of a receiver */
		bool same;               /* is the last the same in both? */
	} row[] = {
		{"webhook: [{url: 'http://a/'}]",
		 "webhook: [{url: 'http://new/'}, {url: 'http://a/'}]", true},
		{"webhook: [{url: 'http://a/'}]",
		 "webhook: [{url: 'http://a/', body: '{}', method: PUT}]",
		 true},
		{"webhook: [{url: 'http://a/'}]",
		 "webhook: [{url: 'http://b/'}]", false},
		{"webhook: [{name: a, url: 'http://a/'}]",
		 "webhook: [{name: a, url: 'http://b/'}]", true},
		{"slack: [{url_file: /etc/a}]",
		 "slack: [{url_file: /etc/b}, {url_file: /etc/a}]", true},
		{"slack: [{url_file: /etc/a}]", "slack: [{url_file: /etc/b}]",
		 false},
		{"slack: [{url_file: a}]", "slack: [{url_env: a}]", false},
		{"slack: [{url_file: a}]", "teams: [{url_file: a}]", false},
		{"pagerduty: [{routing_key_env: A}]",
		 "pagerduty: [{routing_key_env: B}, {routing_key_env: A}]",
		 true},
		{"ntfy: [{url: 'http://a/t'}]",
		 "ntfy: [{url: 'http://a/t', token_env: T}]", true},
		{"ntfy: [{url: 'http://a/t'}]", "ntfy: [{url: 'http://a/u'}]",
		 false},
		{"exec: [{command: [/bin/page, a, b]}]",
		 "exec: [{command: [/bin/page, a, b], time: 5s}]", true},
		{"exec: [{command: [/bin/page, a, b]}]",
		 "exec: [{command: [/bin/page, 'a b']}]", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rules *r[2];
		const char *name[2];

		print_message("%s\n", row[i].other);
		for (int k = 0; k < 2; k++) {
			const struct rules_receiver *v;
			char text[300];

			snprintf(text, sizeof(text),
				 "receivers:\n- {name: r, %s}\n"
				 "route: {receiver: r}\n",
				 k == 0 ? row[i].one : row[i].other);
			r[k] = rules_kit_new(text);
			assert_int_equal(rules_receivers(r[k], &v), 1);
			name[k] = v[0].endpoints[v[0].nendpoints - 1].name;
			assert_null(strstr(name[k], "http"));
			assert_null(strstr(name[k], "etc"));
		}
		assert_int_equal(strcmp(name[0], name[1]) == 0, row[i].same);
		rules_unref(&r[0]);
		rules_unref(&r[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says),
		cmocka_unit_test(test_many_inhibit_rules),
		cmocka_unit_test(test_endpoint_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
