/*
 * The client's machine as an LMTP client: what differs from SMTP. The table of
 * the documentation has these rows in words.
 */
#include <string.h>

#include "tests/unit/so_rig.h"
#include "tests/unit/test.h"

#define TAKEN "250 2.0.0 in\r\n"
#define FULL  "452 4.2.2 full\r\n"
#define OFF   "550 5.2.1 off\r\n"

static void
lmtp_init(struct so_rig *g, size_t nrcpt)
{
	so_rig_init(g, nrcpt);
	g->so.conf.lmtp = true;
}

/* To the final dot: REPLIES is what the RCPTs are told. */
static void
lmtp_to_dot(struct so_rig *g, const char *lhlo, const char *const *replies)
{
	so_rig_greet(g, lhlo);
	smtp_out_mail(&g->so, &g->a[0]);
	so_rig_hear(g, "250 sender\r\n");
	for (size_t i = 0; replies[i] != NULL; i++)
		so_rig_hear(g, replies[i]);
	so_rig_hear(g, "354 go on\r\n");
	smtp_out_body(&g->so, "x\r\n", 3);
	smtp_out_body_end(&g->so);
	assert_true(smtp_out_left(&g->so));
	assert_int_equal(g->so.state, SMTP_OUT_DOT);
	buf_clear(&g->out);
}

static void
test_dialogue(void **state)
{
	struct so_rig g;

	(void)state;
	lmtp_init(&g, 2);
	so_rig_hear(&g, "220 box LMTP\r\n");
	so_rig_expect_sent(&g, "LHLO relay.example.org\r\n");
	so_rig_hear(&g, "250-box\r\n250 PIPELINING\r\n");
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_expect_sent(&g, "MAIL FROM:<anna@example.org>\r\n"
			       "RCPT TO:<r0@example.net>\r\n"
			       "RCPT TO:<r1@example.net>\r\n"
			       "DATA\r\n");
	so_rig_hear(&g, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	smtp_out_body(&g.so, "a\r\n", 3);
	smtp_out_body_end(&g.so);
	assert_true(smtp_out_left(&g.so));
	so_rig_expect_sent(&g, "a\r\n.\r\n");
	so_rig_hear(&g, "250 2.0.0 <r0> saved\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_DOT);
	assert_int_equal(g.so.fate, SMTP_OUT_NONE);
	so_rig_hear(&g, "250 2.0.0 <r1> saved\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_READY);
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].reach, ATTEMPT_DELIVERED);
	assert_string_equal(g.a[0].rcpt[0].reply.text, "<r0> saved");
	assert_string_equal(g.a[0].rcpt[1].reply.text, "<r1> saved");
	smtp_out_mail(&g.so, &g.a[1]); /* the next on the same connection */
	assert_int_equal(g.so.state, SMTP_OUT_MAIL);
	so_rig_done(&g);
}

/* There is no HELO to fall back to. */
static void
test_no_lhlo(void **state)
{
	static const char *const said[] = {"500 5.5.1 what?\r\n",
					   "421 4.3.2 bye\r\n", "354 go on\r\n",
					   "SSH-2.0\r\n"};
	struct so_rig g;

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		lmtp_init(&g, 1);
		so_rig_hear(&g, "220 mx ESMTP\r\n");
		so_rig_hear(&g, said[i]);
		assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
		assert_true(g.so.failed);
		assert_null(strstr(g.so.why.text, "EHLO"));
		so_rig_done(&g);
	}
}

/* --- after the dot ------------------------------------------------------------- */

#define CLOSE   "close"
#define SILENCE "silence"

struct dot_row {
	const char *name;
	const char *rcpt[4]; /* NULL ends */
	const char *dot[5];  /* NULL ends */
	const char *want[3];
	enum attempt_dest dest;
	enum smtp_out_state state;
};

static const struct dot_row dot_rows[] = {
	{"all taken",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, TAKEN, TAKEN},
	 {"done", "done", "done"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"each its own",
	 {TAKEN, TAKEN, TAKEN},
	 {FULL, TAKEN, OFF},
	 {"later", "done", "never"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"one was refused before: no reply is its own",
	 {TAKEN, OFF, TAKEN},
	 {FULL, TAKEN},
	 {"later", "never", "done"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"the first was refused before",
	 {OFF, FULL, TAKEN},
	 {TAKEN},
	 {"never", "later", "done"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"two replies in one piece",
	 {TAKEN, TAKEN, OFF},
	 {TAKEN FULL},
	 {"done", "later", "never"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"a mailbox over its limit is not \"too many\"",
	 {TAKEN, TAKEN, TAKEN},
	 {"552 5.2.2 over quota\r\n", TAKEN, TAKEN},
	 {"never", "done", "done"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_READY},
	{"too few, then silence",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, SILENCE},
	 {"done", "later", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"too few, then a close",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, OFF, CLOSE},
	 {"done", "never", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"none, then a close",
	 {TAKEN, TAKEN, TAKEN},
	 {CLOSE},
	 {"later", "later", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"421 after the first",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, "421 4.3.2 bye\r\n"},
	 {"done", "later", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"3xx is no answer",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, "354 go on\r\n"},
	 {"done", "later", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"garbage after the first",
	 {TAKEN, TAKEN, TAKEN},
	 {TAKEN, "panic: out of memory\r\n"},
	 {"done", "later", "later"},
	 ATTEMPT_DEST_DROPPED,
	 SMTP_OUT_CLOSED},
	{"one too many",
	 {TAKEN, OFF, OFF},
	 {TAKEN TAKEN},
	 {"done", "never", "never"},
	 ATTEMPT_DEST_OK,
	 SMTP_OUT_CLOSED},
};

static void
dot_hear(struct so_rig *g, const char *said)
{
	if (strcmp(said, CLOSE) == 0)
		smtp_out_closed(&g->so);
	else if (strcmp(said, SILENCE) == 0)
		smtp_out_silent(&g->so);
	else
		so_rig_hear(g, said);
}

static void
check_dot(const struct dot_row *row, const char *lhlo)
{
	struct so_rig g;

	print_message("%s\n", row->name);
	lmtp_init(&g, 3);
	lmtp_to_dot(&g, lhlo, row->rcpt);
	for (size_t i = 0; row->dot[i] != NULL; i++) {
		assert_int_equal(g.so.fate, SMTP_OUT_NONE);
		dot_hear(&g, row->dot[i]);
	}
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
			so_rig_outcome_words[g.a[0].rcpt[i].outcome],
			row->want[i]);
	assert_int_equal(g.a[0].dest_state, row->dest);
	assert_int_equal(g.so.state, row->state);
	so_rig_done(&g);
}

static void
test_after_the_dot(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dot_rows) / sizeof(dot_rows[0]); i++) {
		check_dot(&dot_rows[i], SO_RIG_PIPED);
		check_dot(&dot_rows[i], SO_RIG_PLAIN);
	}
}

/* Everybody was refused, DATA was sent ahead, and it says 354 all the same: an
 * empty content would have no reply. */
static void
test_354_for_nobody(void **state)
{
	struct so_rig g;

	(void)state;
	lmtp_init(&g, 1);
	so_rig_greet(&g, SO_RIG_PIPED);
	smtp_out_mail(&g.so, &g.a[0]);
	buf_clear(&g.out);
	so_rig_hear(&g, "250 ok\r\n" OFF "354 go on\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_NEVER);
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	so_rig_expect_sent(&g, "");
	so_rig_done(&g);
}

/* As RFC 2033 wants it: 503, and the connection is good for the next. */
static void
test_503_for_nobody(void **state)
{
	struct so_rig g;

	(void)state;
	lmtp_init(&g, 1);
	so_rig_greet(&g, SO_RIG_PIPED);
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_hear(&g, "250 ok\r\n" OFF "503 5.5.1 nobody\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.so.state, SMTP_OUT_RSET);
	so_rig_hear(&g, "250 ok\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_READY);
	so_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_no_lhlo),
		cmocka_unit_test(test_after_the_dot),
		cmocka_unit_test(test_354_for_nobody),
		cmocka_unit_test(test_503_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
