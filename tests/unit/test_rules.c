/* What rules say of alerts. */
#include <stdlib.h>
#include <string.h>

#include "alert/zone.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define MINUTE  INT64_C(60000)

static void
test_off(void **state)
{
	struct rules *r = rules_kit_new("");
	const struct rules_node **v;
	struct labels none = {.n = 0};
	struct arena arena;

	(void)state;
	assert_false(rules_is_on(r));
	arena_init(&arena);
	assert_int_equal(rules_route(r, &none, &arena, &v), 0);
	arena_done(&arena);
	assert_null(rules_receiver(r, "default"));
	rules_unref(&r);
	assert_null(r);
	rules_unref(&r);
	rules_unref(NULL);
}

static void
test_five_lines(void **state)
{
	struct rules *r = rules_kit_new(
		"mail: [anna@example.org, sysadmin@example.net]\n");
	struct rules *again = rules_ref(r);
	const struct rules_settings *s;
	const struct rules_node **v, *node;
	const struct rules_source *source;
	struct target *targets;
	struct arena arena;
	struct labels l;

	(void)state;
	arena_init(&arena);
	rules_unref(&again);
	assert_true(rules_is_on(r));
	rules_kit_labels(&arena, "alertname=Disk severity=critical", &l);
	assert_int_equal(rules_route(r, &l, &arena, &v), 1);
	node = v[0];
	assert_ptr_equal(node, rules_root(r));
	assert_string_equal(node->receiver->name, "default");
	assert_string_equal(node->path, "default route");
	assert_int_equal(node->ngroup_by, 1);
	assert_string_equal(node->group_by[0], "alertname");
	assert_false(node->group_all);
	assert_int_equal(node->group_wait_ms, 30000);
	assert_int_equal(node->group_wait_critical_ms, 5000);
	assert_int_equal(node->group_interval_ms, 5 * MINUTE);
	assert_int_equal(node->repeat_ms, 240 * MINUTE);
	assert_int_equal(node->resolve_hold_ms, 2 * MINUTE);
	assert_true(node->receiver->send_resolved);
	assert_int_equal(node->receiver->limit.n, 0);
	assert_int_equal(node->receiver->fallback_after_ms, 10 * MINUTE);
	assert_int_equal(rules_targets(r, node->receiver, 0, &arena, &targets),
			 2);
	assert_int_equal(targets[0].channel, CHANNEL_MAIL);
	assert_string_equal(targets[0].address, "anna@example.org");
	assert_null(targets[0].person);
	assert_string_equal(targets[1].address, "sysadmin@example.net");
	assert_true(rules_is_critical(r, &l));
	s = rules_settings(r);
	assert_string_equal(s->from, "Belfry <alerts@mx.example.org>");
	assert_int_equal(s->own, 127);
	assert_int_equal(s->expect.n, 0);
	source = rules_source(r, "prometheus");
	assert_null(source);
	source = rules_source(r, "alertmanager");
	assert_true(source->builtin);
	assert_int_equal(source->resolve_timeout_ms, 5 * MINUTE);
	assert_int_equal(rules_source(r, "own")->kind, SOURCE_OWN);
	assert_int_equal(rules_source(r, "cli")->kind, SOURCE_CLI);
	assert_null(rules_source(r, "mail"));
	arena_done(&arena);
	rules_unref(&r);
}

/* --- sources -------------------------------------------------------------------- */

static void
test_sources(void **state)
{
	struct rules *r = rules_kit_new(
		"mail: [a@example.org]\n"
		"sources:\n"
		"- {name: grafana, kind: generic, title: /t, labels: {host: "
		"/h}, resolved: [ok], rate: 5/1m, body: 2M}\n"
		"- {name: nas, kind: mail, domains: [nas.example], rules: "
		"[{sender: nas.example, subject: \"/FAILED (.*)/\", dedup_key: "
		"\"$1\"}, {subject: \"/OK/\", resolved: true}]}\n"
		"- {name: prom, kind: alertmanager, resolve_timeout: 0s}\n"
		"- {name: any, kind: generic, rate: none}\n"
		"- {name: some, kind: generic}\n");
	const struct rules_source *all, *s = rules_source(r, "grafana");

	(void)state;
	assert_int_equal(rules_sources(r, &all), 5 + SOURCE_MAIL - 1 + 2);
	assert_int_equal(s->kind, SOURCE_GENERIC);
	assert_false(s->builtin);
	assert_string_equal(s->map.title, "/t");
	assert_string_equal(s->map.text, "");
	assert_int_equal(s->map.nlabels, 1);
	assert_string_equal(s->map.labels[0].at, "/h");
	assert_int_equal(s->map.nresolved, 1);
	assert_int_equal(s->rate.n, 5);
	assert_int_equal(rules_source(r, "any")->rate.n, 0);
	assert_int_equal(rules_source(r, "some")->rate.n, 100);
	assert_int_equal(s->body_max, 2 << 20);
	assert_int_equal(s->resolve_timeout_ms, 0);
	s = rules_source(r, "nas");
	assert_int_equal(s->nrules, 2);
	assert_non_null(s->rules[0].sender);
	assert_int_equal(
		expression_match(s->rules[0].subject, "x FAILED y", 10, NULL),
		EXPRESSION_YES);
	assert_null(s->rules[0].body);
	assert_true(s->rules[1].resolved);
	assert_int_equal(s->ndomains, 1);
	assert_int_equal(rules_source(r, "prom")->resolve_timeout_ms, 0);
	assert_int_equal(rules_source(r, "alertmanager")->resolve_timeout_ms,
			 5 * MINUTE);
	rules_unref(&r);

	r = rules_kit_new("mail: [a@example.org]\nbuiltin_sources: false\n");
	assert_int_equal(rules_sources(r, &all), 2);
	assert_null(rules_source(r, "grafana"));
	rules_unref(&r);
}

/* --- the tree ------------------------------------------------------------------- */

static const char tree[] =
	"mail: [a@example.org]\n"
	"receivers:\n"
	"- {name: db, mail: [db@example.org]}\n"
	"- {name: boss, mail: [boss@example.org]}\n"
	"- {name: log, mail: [log@example.org]}\n"
	"time_intervals:\n"
	"- {name: nights, time_intervals: [{times: [{start_time: \"00:00\", "
	"end_time: \"06:00\"}]}]}\n"
	"route:\n"
	"  group_by: [cluster, alertname, cluster]\n"
	"  group_interval: 10m\n"
	"  escalate: [{after: 1h, receiver: boss}, {after: 30m, receiver: "
	"log}]\n"
	"  routes:\n"
	"  - matchers: ['severity=\"critical\"']\n"
	"    continue: true\n"
	"    receiver: db\n"
	"    group_wait: 0s\n"
	"    group_by: ['...']\n"
	"  - matchers: ['team=\"db\"', 'env!~\"test|dev\"']\n"
	"    mute_time_intervals: [nights]\n"
	"    group_by: []\n"
	"    routes:\n"
	"    - {matchers: ['alertname=~\"Slow.*\"'], receiver: log, escalate: "
	"[], resolve_hold: 0s}\n"
	"    - {matchers: [host=x], active_time_intervals: [nights]}\n";

static const struct {
	const char *name, *labels, *nodes;
} walks[] = {
	{"nothing matches", "alertname=A", "default route"},
	{"a child", "severity=critical", "severity=\"critical\""},
	{"on to the next", "severity=critical team=db",
	 "severity=\"critical\"|team=\"db\", env!~\"test|dev\""},
	{"a part only", "team=db env=test", "default route"},
	{"below", "team=db alertname=SlowDisk",
	 "team=\"db\", env!~\"test|dev\" > alertname=~\"Slow.*\""},
	{"below, and before it", "team=db alertname=SlowDisk severity=critical",
	 "severity=\"critical\"|team=\"db\", env!~\"test|dev\" > "
	 "alertname=~\"Slow.*\""},
};

static void
test_walk(void **state)
{
	struct rules *r = rules_kit_new(tree);
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(walks); i++) {
		const struct rules_node **v;
		struct labels l;
		char got[500] = "";
		size_t n;

		print_message("%s\n", walks[i].name);
		rules_kit_labels(&arena, walks[i].labels, &l);
		n = rules_route(r, &l, &arena, &v);
		for (size_t k = 0; k < n; k++) {
			strcat(got, k > 0 ? "|" : "");
			strcat(got, v[k]->path);
		}
		assert_string_equal(got, walks[i].nodes);
	}
	arena_done(&arena);
	rules_unref(&r);
}

static const struct rules_node *
node_of(const struct rules *r, const char *text, size_t at)
{
	const struct rules_node **v, *node;
	struct arena arena;
	struct labels l;

	arena_init(&arena);
	rules_kit_labels(&arena, text, &l);
	assert_true(rules_route(r, &l, &arena, &v) > at);
	node = v[at];
	arena_done(&arena);
	return node;
}

static void
test_inheritance(void **state)
{
	struct rules *r = rules_kit_new(tree);
	const struct rules_node *node = rules_root(r);

	(void)state;
	assert_int_equal(node->ngroup_by, 2);
	assert_string_equal(node->group_by[0], "alertname");
	assert_string_equal(node->group_by[1], "cluster");
	assert_int_equal(node->nescalate, 2);
	assert_string_equal(node->escalate[0].receiver->name, "log");
	assert_int_equal(node->escalate[0].after_ms, 30 * MINUTE);

	node = node_of(r, "severity=critical", 0);
	assert_string_equal(node->receiver->name, "db");
	assert_true(node->group_all);
	assert_int_equal(node->group_wait_ms, 0);
	assert_int_equal(node->group_wait_critical_ms, 0);
	assert_int_equal(node->group_interval_ms, 10 * MINUTE);
	assert_int_equal(node->nescalate, 2);

	node = node_of(r, "team=db", 0);
	assert_string_equal(node->receiver->name, "default");
	assert_false(node->group_all);
	assert_int_equal(node->ngroup_by, 0);
	assert_int_equal(node->group_wait_ms, 30000);
	assert_int_equal(node->group_wait_critical_ms, 5000);
	assert_int_equal(node->nmute, 1);

	node = node_of(r, "team=db alertname=SlowDisk", 0);
	assert_string_equal(node->receiver->name, "log");
	assert_int_equal(node->nescalate, 0);
	assert_int_equal(node->resolve_hold_ms, 0);
	assert_int_equal(node->group_interval_ms, 10 * MINUTE);
	assert_int_equal(node->nmute, 0);
	rules_unref(&r);
}

static void
test_muted(void **state)
{
	struct rules *r = rules_kit_new(tree);
	const struct rules_node *mute = node_of(r, "team=db", 0);
	const struct rules_node *active = node_of(r, "team=db host=x", 0);

	(void)state;
	assert_false(rules_node_muted(rules_root(r), 0));
	assert_true(rules_node_muted(mute, 0));
	assert_false(rules_node_muted(mute, 360 * MINUTE));
	assert_false(rules_node_muted(active, 0));
	assert_true(rules_node_muted(active, 360 * MINUTE));
	rules_unref(&r);
}

/* --- targets -------------------------------------------------------------------- */

static const char people[] =
	"people:\n"
	"  anna: {mail: anna@example.org, time_zone: Europe/Berlin}\n"
	"  ben: {mail: ben@example.org, time_zone: Europe/London}\n"
	"schedules:\n"
	"- {name: day, time_zone: UTC, start: 2026-01-05T08:00, people: [anna, "
	"ben], hours: [\"08:00-20:00\"]}\n"
	"receivers:\n"
	"- {name: duty, schedules: [day]}\n"
	"- {name: all, schedules: [day], people: [anna], mail: "
	"[Ben@example.org, x@example.org, ANNA@example.org], slack: [{name: "
	"\"0\", url_env: "
	"X}, {name: \"1\", url_env: Y}], exec: [{name: \"0\", command: "
	"[/bin/true]}]}\n"
	"- {name: none}\n"
	"route: {receiver: all}\n";

/* In hours since 2026-01-05T00:00Z, a Monday. */
static const struct {
	const char *name, *receiver;
	int hour;
	const char *targets; /* address/person */
} target_rows[] = {
	{"on call", "duty", 9, "anna@example.org/anna"},
	{"on call, a week later", "duty", 7 * 24 + 9, "ben@example.org/ben"},
	{"nobody on call: all of them", "duty", 21,
	 "anna@example.org/anna ben@example.org/ben"},
	{"each once, the first who is on call", "all", 7 * 24 + 9,
	 "ben@example.org/ben anna@example.org/anna x@example.org/- "
	 "all/slack/0/- all/slack/1/- all/exec/0/-"},
	{"nobody on call, others there", "all", 21,
	 "anna@example.org/anna Ben@example.org/ben x@example.org/- "
	 "all/slack/0/- all/slack/1/- all/exec/0/-"},
	{"nobody", "none", 9, ""},
};

static void
test_targets(void **state)
{
	const int64_t monday = 1767571200000; /* 2026-01-05 */
	struct rules *r = rules_kit_new(people);
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(target_rows); i++) {
		const struct rules_receiver *to =
			rules_receiver(r, target_rows[i].receiver);
		char got[500] = "";
		struct target *v;
		size_t n = rules_targets(
			r, to, monday + target_rows[i].hour * 60 * MINUTE,
			&arena, &v);

		print_message("%s\n", target_rows[i].name);
		for (size_t k = 0; k < n; k++) {
			strcat(got, k > 0 ? " " : "");
			strcat(got, v[k].address);
			strcat(got, "/");
			strcat(got, v[k].person != NULL ? v[k].person : "-");
			assert_int_equal(v[k].channel == CHANNEL_MAIL,
					 strchr(v[k].address, '@') != NULL);
		}
		assert_string_equal(got, target_rows[i].targets);
		assert_int_equal(to->nobody, n == 0);
	}
	arena_done(&arena);
	rules_unref(&r);
}

static void
test_endpoints(void **state)
{
	struct rules *r =
		rules_kit_new("mail: [a@example.org]\n"
			      "receivers:\n"
			      "- {name: a, mail: [b@example.org]}\n"
			      "- name: a b\n"
			      "  webhook: [{name: w, url: \"http://x/\", "
			      "headers: {A: b}, success: "
			      "[2xx, 404], method: PUT, body: hello}]\n"
			      "  pagerduty: [{name: p, routing_key_env: X}]\n"
			      "  ntfy: [{name: n, url: \"http://y/z\"}]\n"
			      "  teams: [{name: t, url_env: X}]\n"
			      "  exec: [{name: x, command: [/bin/page, "
			      "\"{title}\"], time: 5s}]\n"
			      "  fallback: {receiver: a}\n"
			      "  rate: {limit: 20/1h}\n");
	const struct rules_endpoint *e = rules_endpoint(r, "a b/webhook/w");
	const struct rules_receiver *all;

	(void)state;
	assert_int_equal(rules_receivers(r, &all), 3);
	assert_string_equal(all[2].fallback->name, "a");
	assert_int_equal(all[2].limit.n, 20);
	assert_int_equal(all[2].nendpoints, 5);
	assert_string_equal(e->method, "PUT");
	assert_string_equal(e->url, "http://x/");
	assert_string_equal(e->headers[0].value, "b");
	assert_string_equal(e->body, "hello");
	assert_int_equal(e->codes[0].from, 200);
	assert_int_equal(e->codes[0].until, 299);
	assert_int_equal(e->codes[1].from, 404);
	assert_int_equal(e->codes[1].until, 404);
	assert_int_equal(e->mark->line, 5);
	e = rules_endpoint(r, "a b/exec/x");
	assert_int_equal(e->ncommand, 2);
	assert_int_equal(e->time_ms, 5000);
	assert_string_equal(rules_endpoint(r, "a b/pagerduty/p")->url,
			    "https://events.pagerduty.com/v2/enqueue");
	assert_non_null(rules_endpoint(r, "a b/ntfy/n"));
	assert_non_null(rules_endpoint(r, "a b/teams/t"));
	assert_null(rules_endpoint(r, "a b/teams/0"));
	assert_null(rules_endpoint(r, "a/teams/t"));
	assert_null(rules_endpoint(r, "a b"));
	rules_unref(&r);
}

/* --- inhibition ------------------------------------------------------------------ */

static const char inhibit[] =
	"mail: [a@example.org]\n"
	"inhibit_rules:\n"
	"- {source_matchers: [severity=critical], target_matchers: "
	"[severity=warning], equal: [host, rack]}\n"
	"- {source_matchers: [alertname=Down], target_matchers: "
	"['alertname=~\".+\"'], equal: [site]}\n";

static const struct {
	const char *name, *source, *target;
	bool inhibits;
} inhibit_rows[] = {
	{"equal", "severity=critical host=a", "severity=warning host=a", true},
	{"equal, more labels", "severity=critical host=a x=1",
	 "severity=warning host=a x=2", true},
	{"other host", "severity=critical host=a", "severity=warning host=b",
	 false},
	{"missing on one side", "severity=critical host=a rack=1",
	 "severity=warning host=a", false},
	{"missing on both", "severity=critical", "severity=warning", true},
	{"the other way round", "severity=warning", "severity=critical", false},
	{"itself", "alertname=Down site=a", "alertname=Down site=a", false},
	{"another on both sides", "alertname=Down site=a x=1",
	 "alertname=Down site=a x=2", false},
	{"only the source on both sides", "alertname=Down site=a",
	 "alertname=Slow site=a", true},
	{"both sides of one rule, another holds",
	 "alertname=Down severity=critical", "alertname=Down severity=warning",
	 true},
};

static void
test_inhibit(void **state)
{
	struct rules *r = rules_kit_new(inhibit);
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(inhibit_rows); i++) {
		struct labels source, target;

		print_message("%s\n", inhibit_rows[i].name);
		rules_kit_labels(&arena, inhibit_rows[i].source, &source);
		rules_kit_labels(&arena, inhibit_rows[i].target, &target);
		assert_int_equal(rules_inhibits(r, &source, &target),
				 inhibit_rows[i].inhibits);
		if (i < 5)
			assert_int_equal(
				rules_inhibit_key(r, 0, &source) ==
					rules_inhibit_key(r, 0, &target),
				inhibit_rows[i].inhibits);
	}
	arena_done(&arena);
	rules_unref(&r);
}

/* --- the rest -------------------------------------------------------------------- */

static void
test_maintenance(void **state)
{
	struct rules *r = rules_kit_new(
		"mail: [a@example.org]\n"
		"time_intervals: [{name: six, time_intervals: [{times: "
		"[{start_time: \"06:00\", end_time: \"07:00\"}]}]}]\n"
		"maintenance:\n"
		"- {name: once, matchers: [host=a], start: 1970-01-02T01:00, "
		"end: 1970-01-02, time_zone: Europe/Berlin}\n"
		"- {name: daily, matchers: ['host=~\"a|b\"'], time_intervals: "
		"[six]}\n");
	static const struct {
		const char *labels;
		int hour;
		const char *name;
	} rows[] = {
		{"host=a", 23, NULL},    {"host=a", 24, "once"},
		{"host=b", 24, NULL},    {"host=a", 46, "once"},
		{"host=a", 47, NULL},    {"host=a", 30, "once"},
		{"host=b", 30, "daily"}, {"host=a", 54, "daily"},
		{"host=c", 54, NULL},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct labels l;
		const char *name;

		rules_kit_labels(&arena, rows[i].labels, &l);
		name = rules_maintenance(r, &l, rows[i].hour * 60 * MINUTE);
		print_message("%zu\n", i);
		assert_string_equal(name != NULL ? name : "-",
				    rows[i].name != NULL ? rows[i].name : "-");
	}
	arena_done(&arena);
	rules_unref(&r);
}

static void
test_settings(void **state)
{
	struct rules *r = rules_kit_new(
		"mail: [a@example.org]\nfrom: Us <us@example.org>\n"
		"url: \"https://b.example.org/x//\"\nreply: example.org\n"
		"own: [store, paused]\nflap: {changes: 6, within: 1h}\n"
		"critical: []\n"
		"heartbeat: {expect: ['alertname=\"Watchdog\"', 'a=b,c=d'], "
		"every: 2m}\n");
	const struct rules_settings *s = rules_settings(r);
	struct labels none = {.n = 0};

	(void)state;
	assert_string_equal(s->from, "Us <us@example.org>");
	assert_string_equal(s->url, "https://b.example.org/x");
	assert_string_equal(s->reply, "example.org");
	assert_int_equal(s->own, 1 << ALERT_OWN_STORE | 1 << ALERT_OWN_PAUSED);
	assert_int_equal(s->flap_changes, 6);
	assert_int_equal(s->flap_within_ms, 60 * MINUTE);
	assert_int_equal(s->expect.n, 3);
	assert_int_equal(s->expect_within_ms, 5 * MINUTE);
	assert_int_equal(s->ping_every_ms, 2 * MINUTE);
	assert_int_equal(s->lifetime_ms, 24 * 60 * MINUTE);
	assert_false(rules_is_critical(r, &none));
	rules_unref(&r);
}

static void
test_limits(void **state)
{
	struct rules *r = rules_kit_new(
		"mail: [a@example.org]\n"
		"receivers: [{name: b, mail: [b@example.org]}]\n"
		"route: {routes: [{matchers: ['x=~\"(a+)+\"'], receiver: "
		"b}]}\n");
	const struct rules_node **v;
	struct arena arena;
	struct labels l;

	(void)state;
	arena_init(&arena);
	rules_kit_labels(&arena, "x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
			 &l);
	assert_int_equal(rules_limits_hit(r), 0);
	assert_int_equal(rules_route(r, &l, &arena, &v), 1);
	assert_string_equal(v[0]->receiver->name, "b");
	assert_int_equal(rules_limits_hit(r), 1);
	arena_done(&arena);
	rules_unref(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_five_lines),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_muted),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_inhibit),
		cmocka_unit_test(test_maintenance),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
