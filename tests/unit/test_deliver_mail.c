/*
 * One mail to a server that does as it is told: what becomes of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

/* --- what a server does --------------------------------------------------------- */

static void
test_server_does(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[3];
		unsigned before; /* mails that go well first */
		enum attempt_outcome outcome;
		enum attempt_dest dest;
		const char *dsn;
		unsigned connections, mails;
	} row[] = {
		{"421 between two mails",
		 {{"MAIL", 2, "421 4.3.2 enough\r\n", true, false, NULL}},
		 1,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 2,
		 2},
		{"a close between two mails",
		 {{"MAIL", 2, NULL, true, false, NULL}},
		 1,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 2,
		 2},
		{"a close at the first MAIL",
		 {{"MAIL", 1, NULL, true, false, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"a close after the dot",
		 {{"DOT", 1, NULL, true, false, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence at MAIL",
		 {{"MAIL", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence after the dot",
		 {{"DOT", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence at the greeting",
		 {{"BANNER", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.4.2",
		 1,
		 0},
		{"EHLO is not known",
		 {{"EHLO", 1, "502 5.5.1 what?\r\n", false, false, NULL}},
		 0,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 1,
		 1},
		{"a refusal of the recipient, then the next mail",
		 {{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.1.1",
		 1,
		 0},
		{"a refusal while the content comes",
		 {{"BODY", 1, "552 5.3.4 too much\r\n", true, false, NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.4",
		 1,
		 0},
		{"too large for it",
		 {{"EHLO", 1, "250-test\r\n250 SIZE 5\r\n", false, false,
		   NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.4",
		 1,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_rig g;
		struct smtp_server *s = fake_rig_serve(&g, row[i].rules);

		print_message("%s\n", row[i].name);
		g.agent.conf.timeouts.banner_ms =
			g.agent.conf.timeouts.command_ms =
				g.agent.conf.timeouts.after_dot_ms = 300;
		fake_rig_start(&g);
		for (unsigned n = 0; n < row[i].before; n++)
			fake_rig_expect_done(&g);
		fake_rig_expect(&g, row[i].outcome, row[i].dest, row[i].dsn);
		fake_rig_expect_seen(s, row[i].connections, row[i].mails);
		fake_rig_done(&g);
	}
}

static void
test_after_a_refusal_the_next(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL},
		{"DATA", 1, "354 go on\r\n", false, false, NULL},
		{0}};
	struct fake_rig g;
	struct smtp_server *s = fake_rig_serve(&g, rules);
	struct smtp_seen seen;

	(void)state;
	g.agent.hops[0].connections = 1;
	fake_rig_start(&g);
	fake_rig_expect(&g, ATTEMPT_NEVER, ATTEMPT_DEST_OK, "5.1.1");
	/* The lone dot is still to be answered; there is one place only. */
	fake_rig_expect_done(&g);
	seen = smtp_server_counts(s);
	assert_int_equal(seen.connections, 1);
	assert_int_equal(seen.dots, 2);
	fake_rig_done(&g);
}

/* --- content ------------------------------------------------------------------------ */

static char *
long_content(size_t lines, size_t *ret_len)
{
	struct buf b;

	buf_init(&b, 1 << 26);
	for (size_t i = 0; i < lines; i++)
		buf_printf(&b, "line %zu of a long message, and so on\r\n", i);
	*ret_len = b.len;
	return buf_take(&b);
}

static void
test_long_content(void **state)
{
	struct smtp_seen seen;
	struct smtp_server *s;
	struct fake_rig g;
	size_t len;
	char *content = long_content(50000, &len);

	(void)state;
	fake_rig_init(&g);
	s = agent_rig_serve(&g.agent, NULL, true);
	g.mail.content = content;
	g.mail.len = len;
	fake_rig_start(&g);
	fake_rig_expect_done(&g);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.last_len, len + 3);
	assert_memory_equal(seen.last, content, len);
	free(seen.last);
	free(content);
	fake_rig_done(&g);
}

static void
expect_words(struct fake_rig *g, int error, const char *words)
{
	struct fake_result *r;

	g->mail.error = error;
	r = fake_rig_send(g);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_LATER);
	assert_string_equal(r->rcpt[0].reply.dsn, "4.3.0");
	assert_string_equal(r->rcpt[0].reply.text, words);
	free(r);
}

static void
test_damaged_content(void **state)
{
	struct fake_rig g;
	struct smtp_server *s = fake_rig_serve(&g, NULL);
	size_t len;
	char *content = long_content(5000, &len);

	(void)state;
	fake_rig_start(&g);
	g.mail.broken_at = 1; /* from the beginning */
	expect_words(&g, -EBADMSG, "the stored content is damaged");
	expect_words(&g, -EIO, "the stored content can't be read now");
	g.mail.error = 0;
	g.mail.content = content;
	g.mail.len = len;
	g.mail.broken_at = 100000; /* in the second piece */
	fake_rig_expect(&g, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	g.mail.broken_at = 0;
	g.mail.size = (int64_t)len + 1; /* shorter than it was */
	fake_rig_expect(&g, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	assert_int_equal(smtp_server_counts(s).dots, 0);
	g.mail.size = 0;
	fake_rig_expect_done(&g);
	fake_rig_done(&g);
	free(content);
}

static void
test_8bit(void **state)
{
	static const struct smtp_rule rules[] = {
		{"EHLO", 0, "250 test\r\n", false, false, NULL}, {0}};

	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		struct fake_rig g;

		fake_rig_serve(&g, rules);
		g.mail.eight_bit = true;
		g.agent.conf.strict_8bit = strict;
		fake_rig_start(&g);
		if (strict)
			fake_rig_expect(&g, ATTEMPT_NEVER, ATTEMPT_DEST_OK,
					"5.6.3");
		else
			fake_rig_expect_done(&g);
		agent_rig_wait_logged(&g.agent, "event=sent_8bit",
				      strict ? 0 : 1);
		fake_rig_done(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_does),
		cmocka_unit_test(test_after_a_refusal_the_next),
		cmocka_unit_test(test_long_content),
		cmocka_unit_test(test_damaged_content),
		cmocka_unit_test(test_8bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
