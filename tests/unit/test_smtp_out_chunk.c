/*
 * What is said by BDAT, and when. That every answer has the same outcome as by
 * DATA is in test_smtp_out_table.c.
 */
#include <string.h>

#include "tests/unit/so_rig.h"
#include "tests/unit/test.h"

#define ENVELOPE "MAIL FROM:<anna@example.org>\r\nRCPT TO:<r0@example.net>\r\n"

static void
begin(struct so_rig *g, size_t nrcpt, const char *ehlo)
{
	so_rig_init(g, nrcpt);
	g->a[0].size = g->a[1].size = 5;
	so_rig_greet(g, ehlo);
	buf_clear(&g->out);
}

static void
give(struct so_rig *g)
{
	smtp_out_body(&g->so, ".x\r\n.", 5);
	smtp_out_body_end(&g->so);
}

/* All of it before any reply, and as it is. */
static void
test_in_one_go(void **state)
{
	struct so_rig g;

	(void)state;
	begin(&g, 1, SO_RIG_CHUNKED);
	smtp_out_mail(&g.so, &g.a[0]);
	give(&g);
	so_rig_expect_sent(&g, ENVELOPE "BDAT 5 LAST\r\n.x\r\n.");
	assert_true(smtp_out_left(&g.so));
	assert_false(smtp_out_left(&g.so));
	so_rig_hear(&g, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_string_equal(g.a[0].rcpt[0].reply.text, "c");
	assert_int_equal(g.so.state, SMTP_OUT_READY);
	/* The next one as well. */
	smtp_out_mail(&g.so, &g.a[1]);
	assert_true(smtp_out_wants_body(&g.so));
	give(&g);
	so_rig_expect_sent(&g, ENVELOPE "BDAT 5 LAST\r\n.x\r\n.");
	so_rig_done(&g);
}

/* What is not read yet follows; nothing when nobody is left. */
static void
test_content_that_comes_late(void **state)
{
	struct so_rig g;

	(void)state;
	begin(&g, 2, SO_RIG_CHUNKED);
	smtp_out_mail(&g.so, &g.a[0]);
	buf_clear(&g.out);
	so_rig_hear(&g, "250 a\r\n250 b\r\n550 c\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_BODY);
	give(&g);
	so_rig_expect_sent(&g, "BDAT 5 LAST\r\n.x\r\n.");
	assert_true(smtp_out_left(&g.so));
	so_rig_hear(&g, "250 d\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_NEVER);

	smtp_out_mail(&g.so, &g.a[1]);
	buf_clear(&g.out);
	so_rig_hear(&g, "250 a\r\n550 b\r\n450 c\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_false(smtp_out_wants_body(&g.so));
	so_rig_expect_sent(&g, "RSET\r\n");
	so_rig_done(&g);
}

/* Said already to a server that then refuses all: its reply is for nobody, and
 * RSET follows a refusal. */
static void
test_nobody_is_left(void **state)
{
	static const struct {
		const char *name, *replies, *sent;
		enum smtp_out_state state;
	} row[] = {
		{"refused", "250 a\r\n550 b\r\n554 c\r\n", "RSET\r\n",
		 SMTP_OUT_RSET},
		{"not now", "250 a\r\n550 b\r\n450 c\r\n", "RSET\r\n",
		 SMTP_OUT_RSET},
		{"taken for nobody", "250 a\r\n550 b\r\n250 c\r\n", "",
		 SMTP_OUT_READY},
		{"no MAIL", "550 a\r\n503 b\r\n503 c\r\n", "RSET\r\n",
		 SMTP_OUT_RSET},
		{"no MAIL, and taken", "550 a\r\n250 b\r\n250 c\r\n", "",
		 SMTP_OUT_CLOSED},
		{"what?", "250 a\r\n550 b\r\n354 c\r\n", "", SMTP_OUT_CLOSED},
		{"the end", "250 a\r\n550 b\r\n421 c\r\n", "", SMTP_OUT_CLOSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;

		begin(&g, 1, SO_RIG_CHUNKED);
		smtp_out_mail(&g.so, &g.a[0]);
		give(&g);
		buf_clear(&g.out);
		assert_true(smtp_out_left(&g.so));
		so_rig_hear(&g, row[i].replies);
		if (g.so.state != row[i].state ||
		    strcmp(buf_str(&g.out), row[i].sent) != 0 ||
		    g.a[0].rcpt[0].outcome != ATTEMPT_NEVER)
			fail_msg("%s: %s, %s", row[i].name,
				 smtp_out_state_names[g.so.state],
				 buf_str(&g.out));
		so_rig_done(&g);
	}
}

/* A chunk that is begun and can't be ended. */
static void
test_half_a_chunk(void **state)
{
	const struct reply our = {.code = 451, .text = "damaged"};
	struct so_rig g;

	(void)state;
	begin(&g, 1, SO_RIG_CHUNKED);
	smtp_out_mail(&g.so, &g.a[0]);
	smtp_out_body(&g.so, ".x", 2);
	so_rig_hear(&g, "250 a\r\n550 b\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_NEVER);
	so_rig_done(&g);

	begin(&g, 1, SO_RIG_CHUNKED);
	smtp_out_mail(&g.so, &g.a[0]);
	smtp_out_body(&g.so, ".x", 2);
	so_rig_hear(&g, "250 a\r\n");
	smtp_out_break(&g.so, &our);
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_LATER);
	so_rig_done(&g);
}

/* A kept connection ends before MAIL is answered: what has left entirely may be
 * on the server's disk. */
static void
test_a_kept_connection_ends(void **state)
{
	static const struct {
		const char *name;
		void (*end)(struct smtp_out *so);
		bool left;
		enum smtp_out_fate fate;
		enum attempt_outcome outcome;
	} row[] = {
		{"closed, all left", smtp_out_closed, true, SMTP_OUT_SETTLED,
		 ATTEMPT_LATER},
		{"silent, all left", smtp_out_silent, true, SMTP_OUT_SETTLED,
		 ATTEMPT_LATER},
		{"closed, not left", smtp_out_closed, false, SMTP_OUT_NOT_BEGUN,
		 ATTEMPT_UNTRIED},
		{"silent, not left", smtp_out_silent, false, SMTP_OUT_NOT_BEGUN,
		 ATTEMPT_UNTRIED},
		{"421, all left", NULL, true, SMTP_OUT_NOT_BEGUN,
		 ATTEMPT_UNTRIED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;
		enum smtp_out_fate fate;

		begin(&g, 1, SO_RIG_CHUNKED);
		smtp_out_mail(&g.so, &g.a[0]);
		give(&g);
		assert_true(smtp_out_left(&g.so));
		so_rig_hear(&g, "250 a\r\n250 b\r\n250 c\r\n");
		assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
		smtp_out_mail(&g.so, &g.a[1]);
		give(&g);
		if (row[i].left)
			assert_true(smtp_out_left(&g.so));
		if (row[i].end != NULL)
			row[i].end(&g.so);
		else
			so_rig_hear(&g, "421 enough\r\n");
		fate = smtp_out_take(&g.so);
		if (fate != row[i].fate ||
		    g.a[1].rcpt[0].outcome != row[i].outcome ||
		    g.so.state != SMTP_OUT_CLOSED)
			fail_msg("%s: %d, %d, %s", row[i].name, fate,
				 g.a[1].rcpt[0].outcome,
				 smtp_out_state_names[g.so.state]);
		so_rig_done(&g);
	}
}

/* It may answer all at once, when the mail is on its disk. */
static void
test_patience(void **state)
{
	const struct delivery_timeouts t = {.command_ms = 5,
					    .after_dot_ms = 10};
	struct so_rig g;

	(void)state;
	begin(&g, 1, SO_RIG_CHUNKED);
	smtp_out_mail(&g.so, &g.a[0]);
	assert_int_equal(smtp_out_patience(&g.so, &t), 5);
	give(&g);
	assert_int_equal(smtp_out_patience(&g.so, &t), 10);
	so_rig_done(&g);
}

static void
test_when_by_data(void **state)
{
	static const struct {
		const char *name, *ehlo;
		int64_t size;
		bool off, lmtp;
	} row[] = {
		{"not offered", SO_RIG_PIPED, 5, false, false},
		{"no pipelining", "250-x\r\n250 CHUNKING\r\n", 5, false, false},
		{"large", SO_RIG_CHUNKED, 65537, false, false},
		{"not wanted", SO_RIG_CHUNKED, 5, true, false},
		{"LMTP", SO_RIG_CHUNKED, 5, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;

		so_rig_init(&g, 1);
		g.so.conf.chunking = !row[i].off;
		g.so.conf.lmtp = row[i].lmtp;
		g.a[0].size = row[i].size;
		so_rig_greet(&g, row[i].ehlo);
		smtp_out_mail(&g.so, &g.a[0]);
		if (smtp_out_wants_body(&g.so))
			fail_msg("%s", row[i].name);
		so_rig_hear(&g, "250 a\r\n250 b\r\n354 c\r\n");
		assert_int_equal(g.so.state, SMTP_OUT_BODY);
		buf_clear(&g.out);
		smtp_out_body(&g.so, ".", 1);
		so_rig_expect_sent(&g, "..");
		so_rig_done(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_one_go),
		cmocka_unit_test(test_content_that_comes_late),
		cmocka_unit_test(test_nobody_is_left),
		cmocka_unit_test(test_half_a_chunk),
		cmocka_unit_test(test_a_kept_connection_ends),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_when_by_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
