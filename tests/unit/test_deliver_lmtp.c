/*
 * The agent `lmtp`: a route of its own, and what becomes of each recipient.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/routes_conf.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

struct lmtp_rig {
	struct fake_rig fake;
	struct route_rule route;
	struct smtp_server *server;
};

static void
lmtp_rig_init(struct lmtp_rig *g, const struct smtp_rule *rules)
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
}

static void
lmtp_rig_start(struct lmtp_rig *g, const struct smtp_rule *rules)
{
	lmtp_rig_init(g, rules);
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

/* A store on this machine, by a socket of its own. */
static void
test_unix(void **state)
{
	static const char *const done[] = {"done", "done", "done"};
	char dir[] = "/tmp/belfry-lmtp-XXXXXX", host[64];
	const char *path = host + strlen("unix:");
	struct smtp_server *s;
	struct fake_result *r;
	struct lmtp_rig g;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(host, sizeof(host), "unix:%s/lmtp", dir);
	s = smtp_server_start_unix(NULL, path);
	lmtp_rig_init(&g, NULL);
	g.fake.agent.hops[0].host = host;
	g.fake.agent.hops[0].port = 0;
	g.fake.agent.conf.prefer = PREFER_IPV4_ONLY; /* it is no IPv6 */
	fake_rig_start(&g.fake);
	r = fake_rig_send(&g.fake);
	assert_int_equal(r->rcpt[2].outcome, ATTEMPT_DONE);
	assert_string_equal(r->rcpt[2].relay, host);
	assert_string_equal(r->rcpt[2].tls, "");
	free(r);
	lmtp_rig_expect(&g, done);
	fake_rig_expect_seen(s, 1, 6);
	fake_rig_expect_seen(g.server, 0, 0);
	smtp_server_stop(&s);
	unlink(path);
	/* The kept connection is found closed, or is closed already. */
	r = fake_rig_send(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_UNTRIED);
	assert_int_equal(r->dest_state, ATTEMPT_DEST_FAILED);
	assert_non_null(strstr(r->dest_reply.text, "No such file"));
	free(r);
	fake_rig_done(&g.fake);
	rmdir(dir);
}

/* --- the n-th call -------------------------------------------------------------- */

/* What is done was taken, nothing is refused, and the rest waits. True: all is
 * done. */
static bool
expect_no_loss(struct lmtp_rig *g)
{
	struct fake_result *r = fake_rig_send(&g->fake);
	unsigned mails = smtp_server_counts(g->server).mails, done = 0;

	if (r->dest_state == ATTEMPT_DEST_FAILED)
		assert_true(reply_temporary(&r->dest_reply));
	for (size_t i = 0; i < 3; i++) {
		enum attempt_outcome was = r->rcpt[i].outcome;

		assert_true(was == ATTEMPT_DONE || was == ATTEMPT_LATER ||
			    was == ATTEMPT_UNTRIED);
		done += was == ATTEMPT_DONE;
	}
	assert_true(done <= mails);
	free(r);
	return done == 3;
}

/* The connection, and each word that is said or heard on it. How many calls
 * there were, and whether all was done. */
static long
fail_once(long n, enum call_fail_how how, int error, bool *ret_done)
{
	struct lmtp_rig g;
	long calls;

	lmtp_rig_start(&g, NULL);
	call_fail_port(smtp_server_port(g.server));
	call_fail_arm(n, how, error);
	*ret_done = expect_no_loss(&g);
	calls = call_fail_disarm();
	call_fail_port(0);
	fake_rig_done(&g.fake);
	return calls;
}

static void
test_every_call_fails(void **state)
{
	static const int errors[] = {ECONNRESET, ENOBUFS, EPIPE, ETIMEDOUT};

	(void)state;
	call_fail_each(fail_once, errors, sizeof(errors) / sizeof(errors[0]),
		       60);
}

static void
test_every_call_is_short(void **state)
{
	(void)state;
	call_fail_each_short(fail_once);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_its_own),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_not_shared_with_smtp),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_every_call_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
