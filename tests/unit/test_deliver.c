/*
 * The agent and its connections, with a queue that is a fake: hosts, routes,
 * ceilings, the stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver/deliver_impl.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

/* --- hosts -------------------------------------------------------------------- */

static void
test_reuse(void **state)
{
	struct fake_rig g;
	struct smtp_server *s = fake_rig_serve(&g, NULL);
	struct fake_result *r;
	struct smtp_seen seen;
	char relay[64];

	(void)state;
	g.agent.conf.per_destination.messages_per_connection = 3;
	fake_rig_start(&g);
	r = fake_rig_send(&g);
	snprintf(relay, sizeof(relay), "127.0.0.1[127.0.0.1]:%d",
		 smtp_server_port(s));
	assert_string_equal(r->rcpt[0].relay, relay);
	assert_true(r->keep);
	assert_true(r->reached); /* a new connection */
	free(r);
	seen = smtp_server_seen(s);
	assert_string_equal(seen.helo, "relay.example.org");
	assert_string_equal(seen.last, "Subject: x\r\n\r\n..dot\r\n.\r\n");
	free(seen.last);
	fake_rig_expect_done(&g);
	r = fake_rig_send(&g); /* the third is the last one */
	assert_false(r->keep);
	assert_false(r->reached);
	assert_true(r->heard); /* a mail moves */
	free(r);
	fake_rig_expect_seen(s, 1, 3);
	g.mail.probe = true;
	r = fake_rig_send(&g);
	assert_true(r->reached);
	free(r);
	fake_rig_expect_seen(s, 2, 4);
	agent_rig_stop(&g.agent, 5000);
	fake_rig_done(&g);
}

static void
test_failover(void **state)
{
	static const struct smtp_rule busy[] = {
		{"BANNER", 0, "554 5.3.2 not today\r\n", true, false, NULL},
		{0}};
	struct smtp_server *refuses, *s;
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_serve_nobody(&g.agent);
	refuses = agent_rig_serve(&g.agent, busy, false);
	s = agent_rig_serve(&g.agent, NULL, false);
	g.agent.conf.per_destination.messages_per_connection = 1;
	fake_rig_start(&g);
	fake_rig_expect_done(&g);
	fake_rig_expect_done(&g);
	fake_rig_expect_seen(s, 2, 2);
	/* The second mail did not begin with the hosts that failed. */
	fake_rig_expect_seen(refuses, 1, 0);
	fake_rig_done(&g);
}

/* The first host fails one of two late, when the other has left the second
 * host's connection idle. */
static void
test_failover_to_idle(void **state)
{
	static const struct smtp_rule rules[] = {
		{"BANNER", 1, NULL, false, true, NULL},
		{"BANNER", 2, "421 4.3.2 busy\r\n", true, false, NULL},
		{0}};
	const struct timespec little = {0, 10 * 1000 * 1000};
	struct fake_rig g;
	struct smtp_server *fails = fake_rig_serve(&g, rules);
	struct smtp_server *s = agent_rig_serve(&g.agent, NULL, false);

	(void)state;
	g.agent.conf.timeouts.banner_ms = 1500;
	fake_rig_start(&g);
	fake_queue_give(g.queue, g.agent.loops[0], &g.mail);
	while (smtp_server_counts(fails).connections == 0)
		nanosleep(&little, NULL);
	fake_queue_give(g.queue, g.agent.loops[0], &g.mail);
	for (int i = 0; i < 2; i++) {
		struct fake_result *r = fake_rig_take(&g);

		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
		free(r);
	}
	fake_rig_expect_seen(fails, 2, 0);
	fake_rig_expect_seen(s, 1, 2);
	fake_rig_done(&g);
}

static void
test_dead(void **state)
{
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_serve_nobody(&g.agent);
	agent_rig_serve_nobody(&g.agent);
	fake_rig_start(&g);
	fake_rig_expect(&g, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.1");
	fake_rig_expect(&g, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.1");
	fake_rig_done(&g);
}

/* Of several hosts, which one said it, and what did we say ourselves? */
static void
test_words(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[2];
		int code;
		const char *text; /* behind the relay's name */
	} row[] = {
		{"its own",
		 {{"BANNER", 0, "554 5.3.2 not today\r\n", true, false, NULL}},
		 554,
		 " said: not today"},
		{"two lines",
		 {{"EHLO", 0, "421-4.3.2 go\r\n421 4.3.2 away\r\n", true, false,
		   NULL}},
		 421,
		 " said: go\naway"},
		{"a close",
		 {{"BANNER", 0, NULL, true, false, NULL}},
		 451,
		 ": connection lost before the greeting"},
		{"garbage",
		 {{"EHLO", 0, "hello\r\n", false, false, NULL}},
		 451,
		 ": what came instead of the reply to EHLO is not SMTP"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_rig g;
		struct smtp_server *s = fake_rig_serve(&g, row[i].rules);
		struct fake_result *r;
		char text[256];

		print_message("%s\n", row[i].name);
		fake_rig_start(&g);
		r = fake_rig_send(&g);
		snprintf(text, sizeof(text), "127.0.0.1[127.0.0.1]:%d%s",
			 smtp_server_port(s), row[i].text);
		assert_int_equal(r->dest_state, ATTEMPT_DEST_FAILED);
		assert_int_equal(r->dest_reply.code, row[i].code);
		assert_string_equal(r->dest_reply.text, text);
		assert_true(r->dest_reply.ours);
		free(r);
		fake_rig_done(&g);
	}
}

/* "localhost" may be ::1 too, where nobody listens. */
static void
test_names(void **state)
{
	struct fake_rig g;
	struct smtp_server *s = fake_rig_serve(&g, NULL);

	(void)state;
	agent_rig_hop(&g.agent, smtp_server_port(s));
	g.agent.hops[0].host = TEXT("no.such.host.invalid");
	g.agent.hops[1].host = TEXT("localhost");
	fake_rig_start(&g);
	fake_rig_expect_done(&g);
	fake_rig_expect_done(&g);
	fake_rig_expect_seen(s, 1, 2);
	fake_rig_done(&g);
}

static void
test_names_not_found(void **state)
{
	static const struct {
		const char *host, *dsn;
	} row[] = {
		{"no.such.host.invalid", "4.4.4"},
		{"mx.example.net", "4.4.3"}, /* nobody answers */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_rig g;

		fake_rig_serve(&g, NULL);
		g.agent.hops[0].host = TEXT(row[i].host);
		fake_rig_start(&g);
		fake_rig_expect(&g, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED,
				row[i].dsn);
		fake_rig_done(&g);
	}
}

/* --- routes ----------------------------------------------------------------------- */

static void
test_moved(void **state)
{
	struct fake_rig g;
	struct delivery_rule rule = {.match = TEXT("b@example.net")};
	struct fake_result *r;
	struct routing *routing;
	struct hop other;

	(void)state;
	fake_rig_serve(&g, NULL);
	g.mail.rcpt[1] = "b@example.net";
	fake_rig_start(&g);
	other = g.agent.hops[0];
	other.name = TEXT("other");
	rule.via = (struct conf_list){1, &other};
	g.agent.conf.by_domain = (struct conf_list){1, &rule};
	for (int i = 0; i < 2; i++) { /* the second is the same */
		routing = agent_rig_routing(&g.agent);
		deliver_set_routing(g.agent.deliver, routing);
		routing_unref(&routing);
		assert_int_equal(fake_queue_rerouted(g.queue), 2);
	}
	r = fake_rig_send(&g);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(r->rcpt[1].outcome, ATTEMPT_MOVED);
	assert_string_equal(r->rcpt[1].moved_dest, "other");
	free(r);
	g.agent.conf.by_domain.n = g.agent.conf.smarthost.n = 0;
	routing = agent_rig_routing(&g.agent);
	deliver_set_routing(g.agent.deliver, routing);
	routing_unref(&routing);
	r = fake_rig_send(&g); /* both by MX now */
	assert_string_equal(r->rcpt[0].moved_dest, "example.net");
	assert_string_equal(r->rcpt[1].moved_dest, "example.net");
	free(r);
	fake_rig_done(&g);
}

/* Connections at rest have a ceiling: the oldest makes room. */
static void
test_idle_ceiling(void **state)
{
	struct fake_rig g;
	struct delivery_rule rule = {.match = TEXT("b@example.net")};
	struct smtp_server *first = fake_rig_serve(&g, NULL), *second;
	const struct timespec little = {0, 1000 * 1000};
	struct hop other;

	(void)state;
	second = agent_rig_serve(&g.agent, NULL, false);
	other = g.agent.hops[1];
	other.name = TEXT("other");
	g.agent.conf.smarthost.n = 1;
	rule.via = (struct conf_list){1, &other};
	g.agent.conf.by_domain = (struct conf_list){1, &rule};
	/* One at rest on each loop. */
	g.agent.conf.connections = AGENT_LOOPS;
	fake_rig_start(&g);
	fake_rig_expect_done(&g);
	g.mail.dest = "other";
	g.mail.rcpt[0] = "b@example.net";
	fake_rig_expect_done(&g);
	for (int i = 0; i < 5000 && smtp_server_counts(first).quits == 0; i++)
		nanosleep(&little, NULL);
	assert_int_equal(smtp_server_counts(first).quits, 1);
	fake_rig_expect_done(&g);
	fake_rig_expect_seen(second, 1, 2);
	fake_rig_done(&g);
}

/* --- ceilings -------------------------------------------------------------------------- */

static void
run_many(struct fake_rig *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fake_queue_give(g->queue, g->agent.loops[i % AGENT_LOOPS],
				&g->mail);
	for (size_t i = 0; i < n; i++) {
		struct fake_result *r = fake_rig_take(g);

		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
		free(r);
	}
}

static void
test_ceilings(void **state)
{
	static const struct {
		const char *name;
		int64_t per_address, per_hop;
		enum queue_class class;
		unsigned most;
	} row[] = {
		{"of an address", 1, 0, QUEUE_NORMAL, 1},
		{"of an address, an alert", 1, 0, QUEUE_ALERT, 2},
		{"of an entry", 20, 1, QUEUE_NORMAL, 1},
		{"of an entry, an alert", 20, 1, QUEUE_ALERT, 1},
		{"both", 2, 3, QUEUE_NORMAL, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_rig g;
		struct smtp_server *s = fake_rig_serve(&g, NULL);
		struct smtp_seen seen;

		g.agent.conf.per_address.connections = row[i].per_address;
		g.agent.hops[0].connections = row[i].per_hop;
		fake_rig_start(&g);
		g.mail.class = row[i].class;
		run_many(&g, 30);
		seen = smtp_server_counts(s);
		/* The server sees a close a little late: one more is fine. */
		if (seen.most_at_once > row[i].most + 1 || seen.mails != 30)
			fail_msg("%s: %u at once, %u mails", row[i].name,
				 seen.most_at_once, seen.mails);
		fake_rig_done(&g);
	}
}

/* --- the stop ---------------------------------------------------------------------------- */

static void
test_stop(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[2];
		enum attempt_outcome outcome;
	} row[] = {
		{"before MAIL",
		 {{"BANNER", 0, NULL, false, true, NULL}},
		 ATTEMPT_UNTRIED},
		{"before the dot",
		 {{"MAIL", 0, NULL, false, true, NULL}},
		 ATTEMPT_UNTRIED},
		{"after the dot",
		 {{"DOT", 0, NULL, false, true, NULL}},
		 ATTEMPT_LATER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_rig g;
		struct timespec little = {0, 1000 * 1000};
		struct smtp_server *s = fake_rig_serve(&g, row[i].rules);
		struct fake_result *r;

		fake_rig_start(&g);
		fake_queue_give(g.queue, g.agent.loops[0], &g.mail);
		while (smtp_server_counts(s).silences == 0)
			nanosleep(&little, NULL);
		agent_rig_stop(&g.agent, 200);
		r = fake_rig_take(&g);

		if (r->rcpt[0].outcome != row[i].outcome)
			fail_msg("%s: %s", row[i].name,
				 attempt_outcome_names[r->rcpt[0].outcome]);
		free(r);
		fake_rig_done(&g);
	}
}

static void
test_stop_says_quit(void **state)
{
	struct fake_rig g;
	struct smtp_server *s = fake_rig_serve(&g, NULL);
	struct smtp_seen seen;

	(void)state;
	fake_rig_start(&g);
	fake_rig_expect_done(&g);
	agent_rig_stop(&g.agent, 5000);
	for (int i = 0; i < 1000; i++) {
		struct timespec little = {0, 1000 * 1000};

		seen = smtp_server_counts(s);
		if (seen.quits == 1)
			break;
		nanosleep(&little, NULL);
	}
	assert_int_equal(seen.quits, 1);
	fake_rig_done(&g);
}

static void
place_for_nobody(void *arg, struct slot *slot)
{
	(void)arg;
	(void)slot;
	fail_msg("its wait was cancelled");
}

/* The loops ended with posts on their way: for room, and a place. */
static void
test_free_with_posts_on_their_way(void **state)
{
	struct slot_wait *wait = NULL;
	struct slot *slot;
	struct fake_rig g;
	struct slots *s;

	(void)state;
	fake_rig_serve(&g, NULL);
	fake_rig_start(&g);
	agent_rig_stop(&g.agent, 5000);
	s = g.agent.deliver->slots;
	slot = slots_take(s, "key", 1, g.agent.loops[0], place_for_nobody, NULL,
			  &wait);
	assert_non_null(slot);
	assert_null(slots_take(s, "key", 1, g.agent.loops[1], place_for_nobody,
			       NULL, &wait));
	slots_give(&slot);
	slots_cancel(&wait);
	fake_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_failover_to_idle),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_not_found),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_idle_ceiling),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_says_quit),
		cmocka_unit_test(test_free_with_posts_on_their_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
