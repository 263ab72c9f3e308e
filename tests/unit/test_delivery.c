/*
 * The queue, its store, the agent and the teller of DSNs together, on two loops
 * and real sockets, with servers that do as they are told.
 */
#include <stdlib.h>

#include "tests/unit/delivery_rig.h"
#include "tests/unit/test.h"

static void
test_stories(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[4];
		bool dead_first; /* the first smarthost of two */
		unsigned send;
		struct {
			const char *text;
			unsigned n;
		} logged[4];
		unsigned connections; /* 0: any */
		unsigned mails;
	} row[] = {
		{"all is well, the connection kept",
		 {{0}},
		 false,
		 5,
		 {{"status=delivered", 5}},
		 1,
		 5},
		{"the first host is dead",
		 {{0}},
		 true,
		 3,
		 {{"status=delivered", 3}, {"destination_down", 0}},
		 1,
		 3},
		{"421 in the middle",
		 {{"MAIL", 2, "421 4.3.2 enough\r\n", true, false, NULL}},
		 false,
		 3,
		 {{"status=delivered", 3}, {"status=deferred", 0}},
		 2,
		 3},
		{"a close after the dot",
		 {{"DOT", 1, NULL, true, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1}, {"status=deferred", 1}},
		 2,
		 1},
		{"later, then taken",
		 {{"RCPT", 1, "450 4.2.1 grey\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1}, {"status=deferred", 1}},
		 0,
		 1},
		{"the destination fails, and comes back",
		 {{"BANNER", 1, "554 5.3.2 no\r\n", true, false, NULL},
		  {"BANNER", 2, "421 4.3.2 no\r\n", true, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1},
		  {"destination_down", 1},
		  {"destination_up", 1}},
		 3,
		 1},
		{"refused: one DSN goes back",
		 {{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=bounced", 1},
		  {"status=delivered", 1},
		  {"double_bounce", 0}},
		 0,
		 1},
		{"the DSN is refused too: nobody can be told",
		 {{"RCPT", 0, "550 5.1.1 who?\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=bounced", 2},
		  {"event=double_bounce", 1},
		  {"status=delivered", 0}},
		 0,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct delivery_rig g;
		struct smtp_server *s;
		struct smtp_seen seen;

		print_message("%s\n", row[i].name);
		delivery_rig_init(&g);
		if (row[i].dead_first)
			agent_rig_serve_nobody(&g.agent);
		s = agent_rig_serve(&g.agent, row[i].rules, false);
		delivery_rig_start(&g);
		for (unsigned n = 0; n < row[i].send; n++) {
			delivery_rig_send_small(&g, 1);
			/* One after the other, to see what is kept. */
			if (row[i].send > 1)
				delivery_rig_wait_logged(&g, "status=delivered",
							 n + 1);
		}
		for (size_t n = 0; n < 4 && row[i].logged[n].text; n++)
			delivery_rig_wait_logged(&g, row[i].logged[n].text,
						 row[i].logged[n].n);
		delivery_rig_expect_empty(&g);
		for (size_t n = 0; n < 4 && row[i].logged[n].text; n++)
			delivery_rig_wait_logged(&g, row[i].logged[n].text,
						 row[i].logged[n].n);
		seen = smtp_server_counts(s);
		assert_int_equal(seen.mails, row[i].mails);
		if (row[i].connections > 0)
			assert_int_equal(seen.connections, row[i].connections);
		delivery_rig_done(&g);
	}
}

static void
test_large(void **state)
{
	struct delivery_rig g;
	struct smtp_server *s = delivery_rig_serve(&g, NULL);
	struct smtp_seen seen;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 26);
	for (size_t i = 0; b.len < 3000000; i++)
		buf_printf(&b, "line %zu of a large message\r\n", i);
	delivery_rig_start(&g);
	delivery_rig_send(&g, b.data, b.len, 1);
	delivery_rig_wait_logged(&g, "status=delivered", 1);
	delivery_rig_expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.last_len, b.len + 3);
	assert_memory_equal(seen.last, b.data, b.len);
	free(seen.last);
	buf_done(&b);
	delivery_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
