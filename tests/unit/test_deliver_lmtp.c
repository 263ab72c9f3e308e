/*
 * The agent `lmtp`: a route of its own, and what becomes of each recipient.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver/routes_conf.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

struct lmtp_rig {
	struct fake_rig fake;
	struct route_rule route;
	struct smtp_server *server;
};

static void
lmtp_rig_start(struct lmtp_rig *g, const struct smtp_rule *rules)
{
	struct agent_rig *agent = &g->fake.agent;

	fake_rig_init(&g->fake);
	g->server = agent_rig_serve(agent, rules, false);
	g->route = (struct route_rule){
		.match = TEXT("example.net"),
		.deliver = ROUTE_LMTP,
		.via = {1, agent->hops},
		.mark = {"test", 1, 1},
	};
	agent->conf.smarthost.n = 0;
	agent->conf.timeouts.after_dot_ms = 300;
	agent->routes = (struct conf_list){1, &g->route};
	g->fake.mail.agent = "lmtp";
	g->fake.mail.rcpt[1] = "b@example.net";
	g->fake.mail.rcpt[2] = "c@example.net";
	fake_rig_start(&g->fake);
}

/* Send, and expect these three outcomes. */
static void
lmtp_rig_expect(struct lmtp_rig *g, const char *const want[3])
{
	struct fake_result *r = fake_rig_send(&g->fake);

	for (size_t i = 0; i < 3; i++)
		assert_string_equal(attempt_outcome_names[r->rcpt[i].outcome],
				    want[i]);
	free(r);
}

static void
test_each_has_its_own(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[3];
		const char *want[3];
	} row[] = {
		{"all well", {{0}}, {"done", "done", "done"}},
		{"one mailbox is full",
		 {{"DOT", 2, "452 4.2.2 full\r\n", false, false, NULL}},
		 {"done", "later", "done"}},
		{"one is not known, one is off",
		 {{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL},
		  {"DOT", 2, "550 5.2.1 off\r\n", false, false, NULL}},
		 {"never", "done", "never"}},
		{"it closes after the first",
		 {{"DOT", 2, NULL, true, false, NULL}},
		 {"done", "later", "later"}},
		{"it falls silent after the first",
		 {{"DOT", 2, NULL, false, true, NULL}},
		 {"done", "later", "later"}},
		{"nobody is known",
		 {{"RCPT", 0, "550 5.1.1 who?\r\n", false, false, NULL}},
		 {"never", "never", "never"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct lmtp_rig g;

		print_message("%s\n", row[i].name);
		lmtp_rig_start(&g, row[i].rules);
		lmtp_rig_expect(&g, row[i].want);
		fake_rig_done(&g.fake);
	}
}

static void
test_connection_is_kept(void **state)
{
	static const char *const done[] = {"done", "done", "done"};
	struct lmtp_rig g;

	(void)state;
	lmtp_rig_start(&g, NULL);
	lmtp_rig_expect(&g, done);
	lmtp_rig_expect(&g, done);
	fake_rig_expect_seen(g.server, 1, 6);
	fake_rig_done(&g.fake);
}

/* The same address speaks both, so no connection is shared. */
static void
test_not_shared_with_smtp(void **state)
{
	static const char *const done[] = {"done", "done", "done"};
	struct lmtp_rig g;
	struct routing *routing;

	(void)state;
	lmtp_rig_start(&g, NULL);
	lmtp_rig_expect(&g, done);
	g.route.deliver = ROUTE_SMTP;
	routing = agent_rig_routing(&g.fake.agent);
	deliver_set_routing(g.fake.agent.deliver, routing);
	routing_unref(&routing);
	g.fake.mail.agent = "smtp";
	lmtp_rig_expect(&g, done);
	fake_rig_expect_seen(g.server, 2, 4);
	fake_rig_done(&g.fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_its_own),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_not_shared_with_smtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
