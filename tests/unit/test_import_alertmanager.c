/*
 * What becomes of Alertmanager's configuration; and that its routes and ours
 * lead to the same receivers, which Alertmanager's own tool is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/rules.h"
#include "cli/import_alertmanager.h"
#include "config/config.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

#define TREES      25
#define LABEL_SETS 8
#define RECEIVERS  "receivers: [{name: a}]\n"

/* The import of TEXT; its notes in *RET_NOTES. Both are the caller's. */
static char *
import(const char *text, char **ret_notes)
{
	struct import_am ia;
	struct buf yaml;
	char *said;

	import_am_init(&ia);
	buf_init(&yaml, IMPORT_TEXT_MAX);
	if (import_alertmanager(&ia, text, strlen(text), &yaml) < 0)
		import_put(&yaml, "%zu: %s", ia.line, ia.why);
	*ret_notes = strdup(buf_str(&ia.im.notes));
	said = strdup(buf_str(&yaml));
	buf_done(&yaml);
	import_am_done(&ia);
	return said;
}

/* --- rows -------------------------------------------------------------------------- */

static const struct {
	const char *name, *text;
	const char *has;   /* is written */
	const char *notes; /* is said; NULL: nothing is */
} rows[] = {
	{"no YAML", "route: [", "this is no YAML", NULL},
	{"nothing of it", "a: b\n", "1: this is no configuration of", NULL},
	{"a route that is a list", "route: [1]\n",
	 "1: this is no configuration of", NULL},
	{"a route below that is a word", "route: {routes: [x]}\n", "alerts:\n",
	 "- line 1, routes: an entry has no keys\n"},
	{"a receiver that is a word", "route: {}\nreceivers: [x]\n",
	 "alerts:\n", "- line 2, receivers: an entry has no keys\n"},
	{"a word where a list belongs",
	 "route: {group_by: a, routes: b, mute_time_intervals: c}\n"
	 "receivers: d\n"
	 "inhibit_rules: e\ntime_intervals: f\n",
	 "    group_by: []\n",
	 "- line 2, receivers: is no list\n"
	 "- line 1, group_by: is no list\n"
	 "- line 1, mute_time_intervals: is no list\n"
	 "- line 1, routes: is no list\n"
	 "- line 3, inhibit_rules: is no list\n"
	 "- line 4, time_intervals: is no list\n"},
	{"... of a receiver",
	 "route: {}\nreceivers: [{name: a, email_configs: b, slack_configs: "
	 "{}, webhook_configs: c, pagerduty_configs: d}]\n",
	 "    - name: a\n",
	 "- line 2, email_configs: is no list\n"
	 "- line 2, slack_configs: is no list\n"
	 "- line 2, webhook_configs: is no list\n"
	 "- line 2, pagerduty_configs: is no list\n"},
	{"... of matchers and labels",
	 "route: {routes: [{match: g, matchers: a=b}]}\ninhibit_rules: "
	 "[{equal: c, "
	 "source_matchers: d=e, target_matchers: [[f]]}]\n",
	 "alerts:\n",
	 "- line 1, matchers: is no list\n"
	 "- line 1, match: has no keys\n"
	 "- line 2, source_matchers: is no list\n"
	 "- line 2, target_matchers: an entry is no word\n"
	 "- line 2, equal: is no list\n"},
	{"... of an interval",
	 "route: {}\ntime_intervals: [{name: n, time_intervals: x}, {name: m, "
	 "time_intervals: [{times: y, months: z}]}]\n",
	 "    - name: n\n      time_intervals: []\n",
	 "- line 2, time_intervals: is no list\n"
	 "- line 2, times: is no list\n"
	 "- line 2, months: is no list\n"},
	{"a word where keys belong",
	 "route: {}\nreceivers: [{name: a, email_configs: [b]}]\n"
	 "inhibit_rules: [c]\ntime_intervals: [d]\n",
	 "    - name: a\n",
	 "- line 2, email_configs: an entry has no keys\n"
	 "- line 3, inhibit_rules: an entry has no keys\n"
	 "- line 4, time_intervals: an entry has no keys\n"},
	{"nothing where a list belongs",
	 "route: {routes: , group_by: ~}\nreceivers:\ntime_intervals: null\n",
	 "    group_by: []\n", NULL},
	{"one group of all", "route: {receiver: a}\n" RECEIVERS,
	 "    receiver: a\n", NULL},
	{"one group of all, written", "route: {receiver: a}\n" RECEIVERS,
	 "    group_by: []\n", NULL},
	{"each by itself", "route: {receiver: a, group_by: ['...']}\n",
	 "    group_by: [...]\n", NULL},
	{"times",
	 "route: {receiver: a, group_wait: 1m30s, repeat_interval: 1y}\n",
	 "    group_wait: 1m30s\n    repeat_interval: 52w1d\n", NULL},
	{"a time beyond ours", "route: {receiver: a, repeat_interval: 1s}\n",
	 "    repeat_interval: 1m\n",
	 "- line 1, repeat_interval: is 1s, and 1m here\n"},
	{"no time", "route: {receiver: a, group_wait: soon}\n", "alerts:\n",
	 "- line 1, group_wait: `soon` is no time\n"},
	{"a label that is quoted",
	 "route: {routes: [{match: {a: \"b\\\"c\\n\"}}]}\n",
	 "        matchers: [\"a=\\\"b\\\\\\\"c\\\\n\\\"\"]\n", NULL},
	{"a variable of ours", "route: {routes: [{match: {a: \"${b}\"}}]}\n",
	 "a=\\\"$${b}\\\"", NULL},
	{"anchors",
	 "x: &x {receiver: a, continue: true}\nroute: {routes: [{<<: *x}]}\n",
	 "      - continue: true\n        receiver: a\n",
	 "- line 1, x: nothing here is like it; see what you used it for\n"},
	{"an anchor within itself", "route: &r {routes: [*r]}\n",
	 "      - continue: false\n",
	 "- line 1, routes: are nested too deep\n"},
	{"names", "route: {receiver: \"a/b\"}\nreceivers: [{name: a/b}]\n",
	 "- name: a-b\n  route:\n", NULL},
	{"a name that YAML takes for none", "route: {receiver: \"null\"}\n",
	 "receiver: \"null\"\n", NULL},
	{"mail",
	 "route: {}\nreceivers: [{name: a, email_configs: [{to: 'A B "
	 "<a@b.example>, c@d.example'}, {to: e@f.example}]}]\n",
	 "      mail: [a@b.example, c@d.example, e@f.example]\n", NULL},
	{"mail to no address",
	 "route: {}\nreceivers: [{name: a, email_configs: [{to: '{{ x "
	 "}}'}]}]\n",
	 "    - name: a\n      send_resolved: false\n",
	 "- line 2, to: `{{ x }}` is no list of addresses\n"},
	{"slack, secret of its own",
	 "route: {}\nreceivers: [{name: a b, slack_configs: [{api_url: "
	 "'https://s3cret'}]}]\n",
	 "        - url_file: /etc/belfry/slack-a-b-1\n", NULL},
	{"slack, file of all",
	 "global: {slack_api_url_file: /x/y}\nroute: {}\nreceivers: [{name: "
	 "a, slack_configs: [{}]}]\n",
	 "        - url_file: /x/y\n", NULL},
	{"pagerduty, old",
	 "route: {}\nreceivers: [{name: a, pagerduty_configs: [{service_key: "
	 "s3cret}]}]\n",
	 "        - routing_key_file: /etc/belfry/pagerduty-a-1\n",
	 "- line 2, service_key: is of PagerDuty's old interface"},
	{"a CA of our own",
	 "route: {}\nreceivers: [{name: a, webhook_configs: [{url: "
	 "'https://x', http_config: {tls_config: {ca_file: /x/ca.pem, "
	 "insecure_skip_verify: true}}}]}]\n",
	 "        - url: \"https://x\"\n          ca_file: /x/ca.pem\n",
	 "- line 2, insecure_skip_verify: nothing here is like it"},
	{"a webhook with a password",
	 "route: {}\nreceivers: [{name: a, webhook_configs: [{url: "
	 "'https://u:hush@x/y'}, {url: 'http://x/@'}]}]\n",
	 "        - url_file: /etc/belfry/webhook-a-1\n"
	 "        - url: \"http://x/@\"\n",
	 NULL},
	{"what turns the direction of text",
	 "route: {}\nreceivers: [{name: \"a\\u202eb\"}]\n",
	 "    - name: \"a\\U0000202eb\"\n", NULL},
	{"webhooks of one URL",
	 "route: {}\nreceivers: [{name: a, webhook_configs: [{url: "
	 "'http://x'}, {url: 'http://y'}, {url: 'http://x', http_config: "
	 "{bearer_token_file: /t}}]}]\n",
	 "        - url: \"http://x\"\n"
	 "        - url: \"http://y\"\n"
	 "        - url: \"http://x\"\n"
	 "          name: webhook-3\n"
	 "          token_file: /t\n",
	 NULL},
	{"Slack and PagerDuty, one file",
	 "global: {slack_api_url_file: /x}\nroute: {}\nreceivers: [{name: a, "
	 "slack_configs: [{}, {}], pagerduty_configs: [{routing_key_file: /y},"
	 " {routing_key_file: /y}]}]\n",
	 "        - url_file: /x\n"
	 "        - url_file: /x\n"
	 "          name: slack-2\n"
	 "      pagerduty:\n"
	 "        - routing_key_file: /y\n"
	 "        - routing_key_file: /y\n"
	 "          name: pagerduty-2\n",
	 "- line 3, send_resolved: is one for all"},
	{"recoveries, none",
	 "route: {}\nreceivers: [{name: a, webhook_configs: [{url: "
	 "'http://x', send_resolved: false}]}]\n",
	 "        - url: \"http://x\"\n      send_resolved: false\n", NULL},
	{"recoveries, mail is not told unless it says so",
	 "route: {}\nreceivers: [{name: a, email_configs: [{to: "
	 "a@b.example}]}]\n",
	 "      mail: [a@b.example]\n      send_resolved: false\n", NULL},
	{"recoveries, nor is Slack",
	 "route: {}\nreceivers: [{name: a, slack_configs: [{api_url_file: "
	 "/x}]}]\n",
	 "        - url_file: /x\n      send_resolved: false\n", NULL},
	{"recoveries, a webhook is",
	 "route: {}\nreceivers: [{name: a, webhook_configs: [{url: "
	 "'http://x'}]}]\n",
	 "        - url: \"http://x\"\n  route:\n", NULL},
	{"recoveries, so is PagerDuty",
	 "route: {}\nreceivers: [{name: a, pagerduty_configs: "
	 "[{routing_key_file: /x}]}]\n",
	 "        - routing_key_file: /x\n  route:\n", NULL},
	{"recoveries, mail that says so",
	 "route: {}\nreceivers: [{name: a, email_configs: [{to: "
	 "a@b.example, send_resolved: true}]}]\n",
	 "      mail: [a@b.example]\n  route:\n", NULL},
	{"recoveries, one is and one is not",
	 "route: {}\nreceivers: [{name: a, email_configs: [{to: "
	 "a@b.example}], webhook_configs: [{url: 'http://x'}]}]\n",
	 "        - url: \"http://x\"\n  route:\n",
	 "- line 2, send_resolved: is one for all of a receiver here"},
	{"another channel",
	 "route: {}\nreceivers: [{name: a, victorops_configs: [{}]}]\n",
	 "    - name: a\n",
	 "- line 2, victorops_configs: most of these are a `webhook` here"},
	{"the usual time until it is stale",
	 "global: {resolve_timeout: 5m}\nroute: {}\n", "alerts:\n", NULL},
	{"another time until it is stale",
	 "global: {resolve_timeout: 3m}\nroute: {}\n", "alerts:\n",
	 "- line 1, resolve_timeout: is a key of a source here: `sources: "
	 "[{name: alertmanager, kind: alertmanager, resolve_timeout: 3m}]`\n"},
	{"inhibition",
	 "route: {}\ninhibit_rules: [{source_match: {a: b}, target_match_re: "
	 "{c: d.*}, target_matchers: ['e!=f'], equal: [g, h]}]\n",
	 "      source_matchers: [\"a=\\\"b\\\"\"]\n"
	 "      target_matchers: [\"c=~\\\"d.*\\\"\", \"e!=f\"]\n"
	 "      equal: [g, h]\n",
	 NULL},
	{"intervals, their old name",
	 "route: {}\nmute_time_intervals: [{name: n, time_intervals: [{months: "
	 "['1:3']}]}]\n",
	 "    - name: n\n      time_intervals:\n        - location: UTC\n"
	 "          months: [\"1:3\"]\n",
	 NULL},
};

static void
test_rows(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *want = rows[i].notes;
		char *notes, *said = import(rows[i].text, &notes);

		if (strstr(said, rows[i].has) == NULL ||
		    strstr(said, "s3cret") != NULL ||
		    (want == NULL ? notes[0] != '\0'
				  : strncmp(notes, want, strlen(want)) != 0)) {
			print_message("%s:\n%s%s", rows[i].name, said, notes);
			wrong++;
		}
		free(said);
		free(notes);
	}
	assert_int_equal(wrong, 0);
}

/* Aliases of aliases: it ends. */
static void
test_laughs(void **state)
{
	char text[4000] = "a0: &a0 {receiver: x}\n", *said, *notes;

	(void)state;
	for (int i = 1; i < 12; i++)
		sprintf(text + strlen(text),
			"a%d: &a%d {routes: [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]}\n",
			i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	strcat(text, "route: *a11\n");
	said = import(text, &notes);
	assert_string_equal(said, "1: it is more than anybody has");
	free(said);
	free(notes);
}

/* --- against its own tool ------------------------------------------------------------ */

/* Always the same trees. */
static unsigned seed = 7;

static unsigned
roll(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void
make_matcher(struct buf *b)
{
	static const char *const tests[] = {
		"=\\\"v0\\\"",      "=\\\"v1\\\"",  "!=\\\"v0\\\"",
		"=~\\\"v0|v1\\\"",  "=~\\\"v.\\\"", "!~\\\"v[12]\\\"",
		"=~\\\"v\\\"",      "=\\\"\\\"",    "!=\\\"\\\"",
		"!~\\\".*\\\"",     "=~\\\"\\\"",   "=v2",
		"=~\\\"(?:v0)?\\\""};

	import_put(b, "\"%c%s\"", 'a' + roll(4),
		   tests[roll(sizeof(tests) / sizeof(tests[0]))]);
}

static void
make_route(struct buf *b, int depth)
{
	unsigned n = depth < 3 ? roll(4) : 0;

	import_put(b, "{");
	if (depth == 0 || roll(3) > 0)
		import_put(b, "receiver: r%u, ", roll(6));
	if (depth > 0) {
		import_put(b, "continue: %s, ", roll(2) ? "true" : "false");
		if (roll(3) == 0)
			import_put(b, "match: {%c: v%u}, ", 'a' + roll(4),
				   roll(3));
		if (roll(4) == 0)
			import_put(b, "match_re: {%c: 'v%u|x'}, ",
				   'a' + roll(4), roll(3));
		if (roll(3) > 0) {
			import_put(b, "matchers: [");
			make_matcher(b);
			if (roll(2)) {
				import_put(b, ", ");
				make_matcher(b);
			}
			import_put(b, "], ");
		}
	}
	import_put(b, "routes: [");
	for (unsigned i = 0; i < n + (depth == 0); i++) {
		import_put(b, i > 0 ? ",\n%*s" : "%*s", depth, "");
		make_route(b, depth + 1);
	}
	import_put(b, "]}");
}

/* "a=v0 c=v1" */
static void
make_labels(char *ret)
{
	*ret = '\0';
	for (int i = 0; i < 4; i++)
		if (roll(3) > 0)
			ret += sprintf(ret, "%s%c=v%u", i > 0 ? " " : "",
				       'a' + i, roll(4));
}

static void
ask_tool(const char *path, const char *labels, char *ret, size_t size)
{
	char command[500];
	FILE *f;

	snprintf(command, sizeof(command),
		 "amtool config routes test --config.file=%s %s 2>/dev/null",
		 path, labels);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(ret, (int)size, f));
	assert_int_equal(pclose(f), 0);
	ret[strcspn(ret, "\n")] = '\0';
}

static void
ask_rules(const struct rules *r, const char *labels, char *ret)
{
	const struct rules_node **v;
	struct arena arena;
	struct labels l;
	size_t n;

	arena_init(&arena);
	rules_kit_labels(&arena, labels, &l);
	n = rules_route(r, &l, &arena, &v);
	*ret = '\0';
	for (size_t i = 0; i < n; i++)
		ret += sprintf(ret, "%s%s", i > 0 ? "," : "",
			       v[i]->receiver->name);
	arena_done(&arena);
}

/* Of what became of it here. */
static struct rules *
rules_of(const char *text)
{
	struct config *config = NULL;
	struct conf_errors errors;
	char *notes, *yaml = import(text, &notes), *whole;
	struct rules *r = NULL;

	assert_true(asprintf(&whole, "hostname: a.example\n%s", yaml) > 0);
	assert_string_equal(notes, "");
	conf_errors_init(&errors);
	if (config_load_text("t", whole, strlen(whole), &config, &errors) < 0)
		conf_errors_print(&errors, stderr);
	assert_non_null(config);
	assert_int_equal(rules_new(&config->alerts, "a.example", &errors, &r),
			 0);
	conf_errors_done(&errors);
	config_unref(&config);
	free(whole);
	free(yaml);
	free(notes);
	return r;
}

/* What leads to the same twice is taken here, too. */
static void
test_twice(void **state)
{
	struct rules *r = rules_of(
		"global: {slack_api_url_file: /x}\n"
		"route: {receiver: a}\n"
		"receivers:\n"
		"- name: a\n"
		"  slack_configs: [{send_resolved: true}, {send_resolved: "
		"true}]\n"
		"  webhook_configs: [{url: 'http://x'}, {url: 'http://x'}, "
		"{url_file: /u}, {url_file: /u}, {url: 'http://x'}]\n"
		"  pagerduty_configs: [{routing_key_file: /y}, "
		"{routing_key_file: /y}]\n");

	(void)state;
	rules_unref(&r);
}

static void
try_tree(const char *path)
{
	char labels[100], theirs[1000], ours[1000];
	struct rules *r;
	struct buf b;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	buf_init(&b, 1 << 20);
	import_put(&b, "receivers: [{name: r0}, {name: r1}, {name: r2}, "
		       "{name: r3}, {name: r4}, {name: r5}, "
		       "{name: nobody}]\nroute: ");
	make_route(&b, 0);
	import_put(&b, "\n");
	fputs(buf_str(&b), f);
	fclose(f);
	r = rules_of(buf_str(&b));
	for (int i = 0; i < LABEL_SETS; i++) {
		make_labels(labels);
		ask_tool(path, labels, theirs, sizeof(theirs));
		ask_rules(r, labels, ours);
		if (strcmp(theirs, ours) != 0)
			fail_msg("%s\n%s: %s is theirs, %s ours", buf_str(&b),
				 labels, theirs, ours);
	}
	rules_unref(&r);
	buf_done(&b);
}

static void
test_tool(void **state)
{
	char path[] = "/tmp/belfry-routes-XXXXXX";
	int fd;

	(void)state;
	if (system("amtool --version >/dev/null 2>&1") != 0) {
		print_message("amtool is not installed\n");
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < TREES; i++)
		try_tree(path);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_laughs),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
