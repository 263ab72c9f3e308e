/*
 * The client's machine: what goes out, and what it makes of the replies. The
 * table of the documentation is in test_smtp_out_table.c.
 */
#include <string.h>

#include "tests/unit/so_rig.h"
#include "tests/unit/test.h"

/* --- what goes out ----------------------------------------------------------------- */

static void
test_too_long_is_said(void **state)
{
	static const struct {
		const char *name, *piece;
		int n;
		bool too_long;
	} row[] = {
		{"lines without end", "250-X\r\n", REPLY_LINES_MAX, true},
		{"a line without end", "250 xxxxxxxxxxxx", REPLY_LINE_MAX / 16,
		 true},
		{"no reply at all", "+OK POP3\r\n", 1, false},
	};
	struct so_rig g;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].name);
		so_rig_init(&g, 1);
		so_rig_hear(&g, "220 mx.example.net\r\n");
		for (int j = 0; j < row[i].n; j++) {
			assert_int_equal(g.so.state, SMTP_OUT_EHLO);
			so_rig_hear(&g, row[i].piece);
		}
		assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
		assert_int_equal(strstr(g.so.why.text,
					"the reply to EHLO is too long: "
					"above 128 lines") != NULL,
				 row[i].too_long);
		assert_int_equal(strstr(g.so.why.text, "not SMTP") == NULL,
				 row[i].too_long);
		so_rig_done(&g);
	}
}

static void
test_plain_dialogue(void **state)
{
	struct so_rig g;

	(void)state;
	so_rig_init(&g, 2);
	so_rig_expect_sent(&g, "");
	so_rig_hear(&g, "220-mx\r\n220 hello\r\n");
	so_rig_expect_sent(&g, "EHLO relay.example.org\r\n");
	so_rig_hear(&g, "500 what?\r\n");
	so_rig_expect_sent(&g, "HELO relay.example.org\r\n");
	so_rig_hear(&g, "250 mx\r\n");
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_expect_sent(&g, "MAIL FROM:<anna@example.org>\r\n");
	so_rig_hear(&g, "250 ok\r\n");
	so_rig_expect_sent(&g, "RCPT TO:<r0@example.net>\r\n");
	so_rig_hear(&g, "250 ok\r\n");
	so_rig_expect_sent(&g, "RCPT TO:<r1@example.net>\r\n");
	so_rig_hear(&g, "250 ok\r\n");
	so_rig_expect_sent(&g, "DATA\r\n");
	so_rig_hear(&g, "354 go\r\n");
	so_rig_expect_sent(&g, "");
	assert_int_equal(g.so.state, SMTP_OUT_BODY);
	smtp_out_body(&g.so, "a\r\n.b\r\n.\r", 9);
	smtp_out_body(&g.so, "\n.", 2);
	smtp_out_body_end(&g.so);
	assert_true(smtp_out_left(&g.so));
	so_rig_expect_sent(&g, "a\r\n..b\r\n..\r\n..\r\n.\r\n");
	so_rig_hear(&g, "250 2.0.0 queued\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_DONE);
	assert_string_equal(g.a[0].rcpt[1].reply.text, "queued");
	smtp_out_quit(&g.so);
	so_rig_expect_sent(&g, "QUIT\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	so_rig_done(&g);
}

static void
test_piped_at_once(void **state)
{
	struct so_rig g;

	(void)state;
	so_rig_init(&g, 2);
	so_rig_greet(&g, "250-mx\r\n250-SIZE 1000\r\n250-pipelining\r\n250 "
			 "8BITMIME\r\n");
	g.a[0].eight_bit = true;
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_expect_sent(
		&g, "MAIL FROM:<anna@example.org> SIZE=100 BODY=8BITMIME\r\n"
		    "RCPT TO:<r0@example.net>\r\n"
		    "RCPT TO:<r1@example.net>\r\n"
		    "DATA\r\n");
	assert_false(g.so.sent_8bit);
	so_rig_hear(&g, "250 ok\r\n250 ok\r\n450 4.2.0 full\r\n354 go\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_BODY);
	smtp_out_body(&g.so, "x\r\n", 3);
	smtp_out_body_end(&g.so);
	assert_true(smtp_out_left(&g.so));
	so_rig_expect_sent(&g, "x\r\n.\r\n");
	so_rig_hear(&g, "250 ok\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_LATER);
	assert_int_equal(g.a[0].rcpt[1].reply.code, 450);
	/* The next one follows at once. */
	smtp_out_mail(&g.so, &g.a[1]);
	assert_int_equal(g.so.state, SMTP_OUT_MAIL);
	smtp_out_closed(&g.so);
	so_rig_done(&g);
}

/* --- what the sender wants to hear (RFC 3461) --------------------------------------- */

static const struct wish_row {
	const char *name, *ehlo;
	enum dsn_ret ret;
	const char *envid;
	uint8_t notify;
	const char *orcpt, *original, *mail, *rcpt;
	enum attempt_reach reach;
} wish_rows[] = {
	{"nothing asked", "250-mx\r\n250 DSN\r\n", 0, NULL, 0, NULL, NULL,
	 "MAIL FROM:<anna@example.org>\r\n", "RCPT TO:<r0@example.net>\r\n",
	 ATTEMPT_PASSED_ON},
	{"all asked", "250-mx\r\n250 dsn\r\n", DSN_RET_HDRS, "QQ 1+2",
	 DSN_NOTIFY_SUCCESS | DSN_NOTIFY_DELAY, "rfc822;a+b@example.net", NULL,
	 "MAIL FROM:<anna@example.org> RET=HDRS ENVID=QQ+201+2B2\r\n",
	 "RCPT TO:<r0@example.net> NOTIFY=SUCCESS,DELAY "
	 "ORCPT=rfc822;a+2Bb@example.net\r\n",
	 ATTEMPT_PASSED_ON},
	{"all asked, not offered", "250 mx\r\n", DSN_RET_HDRS, "QQ 1+2",
	 DSN_NOTIFY_SUCCESS, "rfc822;a+b@example.net", "team@example.org",
	 "MAIL FROM:<anna@example.org>\r\n", "RCPT TO:<r0@example.net>\r\n",
	 ATTEMPT_RELAYED},
	{"an alias led there", "250-mx\r\n250 DSN\r\n", DSN_RET_FULL, NULL,
	 DSN_NOTIFY_NEVER, NULL, "te+am@example.org",
	 "MAIL FROM:<anna@example.org> RET=FULL\r\n",
	 "RCPT TO:<r0@example.net> NOTIFY=NEVER "
	 "ORCPT=rfc822;te+2Bam@example.org\r\n",
	 ATTEMPT_PASSED_ON},
};

static void
test_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wish_rows) / sizeof(wish_rows[0]); i++) {
		const struct wish_row *row = &wish_rows[i];
		struct attempt_rcpt *rcpt;
		struct so_rig g;

		print_message("%s\n", row->name);
		so_rig_init(&g, 1);
		so_rig_greet(&g, row->ehlo);
		rcpt = &g.a[0].rcpt[0];
		g.a[0].ret = row->ret;
		g.a[0].envid = row->envid;
		rcpt->notify = row->notify;
		rcpt->orcpt = row->orcpt;
		rcpt->original = row->original;
		smtp_out_mail(&g.so, &g.a[0]);
		so_rig_expect_sent(&g, row->mail);
		so_rig_hear(&g, "250 ok\r\n");
		so_rig_expect_sent(&g, row->rcpt);
		so_rig_hear(&g, "250 ok\r\n354 go\r\n");
		smtp_out_body_end(&g.so);
		assert_true(smtp_out_left(&g.so));
		so_rig_hear(&g, "250 ok\r\n");
		assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
		assert_int_equal(rcpt->outcome, ATTEMPT_DONE);
		assert_int_equal(rcpt->reach, row->reach);
		so_rig_done(&g);
	}
}

/* The sender must not hear of copies, also not from a server without DSN. */
static void
test_copies(void **state)
{
	static const struct {
		const char *name, *ehlo, *sender;
		bool copy[2];
		const char *mail, *rcpt; /* what is sent first */
		enum attempt_outcome outcome[2];
		bool lmtp;
	} row[] = {
		{"DSN is offered",
		 "250-mx\r\n250 DSN\r\n",
		 "anna@example.org",
		 {false, true},
		 "MAIL FROM:<anna@example.org>\r\n",
		 "RCPT TO:<r0@example.net>\r\n",
		 {ATTEMPT_DONE, ATTEMPT_DONE},
		 false},
		{"a copy waits for the others",
		 SO_RIG_PLAIN,
		 "anna@example.org",
		 {true, false},
		 "MAIL FROM:<anna@example.org>\r\n",
		 "RCPT TO:<r1@example.net>\r\n",
		 {ATTEMPT_UNTRIED, ATTEMPT_DONE},
		 false},
		{"copies alone",
		 SO_RIG_PLAIN,
		 "anna@example.org",
		 {true, true},
		 "MAIL FROM:<>\r\n",
		 "RCPT TO:<r0@example.net>\r\n",
		 {ATTEMPT_DONE, ATTEMPT_DONE},
		 false},
		{"a sender beyond ASCII is not said",
		 SO_RIG_PLAIN,
		 "ann\xc3\xa9@example.org",
		 {true, true},
		 "MAIL FROM:<>\r\n",
		 "RCPT TO:<r0@example.net>\r\n",
		 {ATTEMPT_DONE, ATTEMPT_DONE},
		 false},
		{"a mail store",
		 SO_RIG_PLAIN,
		 "anna@example.org",
		 {true, false},
		 "MAIL FROM:<anna@example.org>\r\n",
		 "RCPT TO:<r0@example.net>\r\n",
		 {ATTEMPT_DONE, ATTEMPT_DONE},
		 true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;

		print_message("%s\n", row[i].name);
		so_rig_init(&g, 2);
		g.so.conf.lmtp = row[i].lmtp;
		so_rig_greet(&g, row[i].ehlo);
		g.a[0].sender = row[i].sender;
		for (size_t n = 0; n < 2; n++)
			g.a[0].rcpt[n].copy = row[i].copy[n];
		smtp_out_mail(&g.so, &g.a[0]);
		so_rig_expect_sent(&g, row[i].mail);
		so_rig_hear(&g, "250 ok\r\n");
		so_rig_expect_sent(&g, row[i].rcpt);
		while (g.so.state == SMTP_OUT_RCPT)
			so_rig_hear(&g, "250 ok\r\n");
		so_rig_hear(&g, "354 go\r\n");
		smtp_out_body_end(&g.so);
		assert_true(smtp_out_left(&g.so));
		while (g.so.state == SMTP_OUT_DOT)
			so_rig_hear(&g, "250 ok\r\n");
		assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
		for (size_t n = 0; n < 2; n++)
			assert_int_equal(g.a[0].rcpt[n].outcome,
					 row[i].outcome[n]);
		so_rig_done(&g);
	}
}

/* --- addresses and headers beyond ASCII (RFC 6531) ----------------------------------- */

#define EA "\xc3\xa9"

static const struct utf8_row {
	const char *name, *ehlo;
	bool said, header;
	const char *sender, *rcpt;
	const char *sent;
	const char *first_dsn, *second_dsn; /* NULL: it is sent */
} utf8_rows[] = {
	{"an address", "250-mx\r\n250 SMTPUTF8\r\n", true, false,
	 "anna@example.org", EA "@example.net",
	 "MAIL FROM:<anna@example.org> SMTPUTF8\r\n", NULL, NULL},
	{"an alias to one, and no word of it", "250-mx\r\n250 smtputf8\r\n",
	 false, false, "anna@example.org", EA "@example.net",
	 "MAIL FROM:<anna@example.org> SMTPUTF8\r\n", NULL, NULL},
	{"said, not needed", "250-mx\r\n250 SMTPUTF8\r\n", true, false,
	 "anna@example.org", "ben@example.net",
	 "MAIL FROM:<anna@example.org> SMTPUTF8\r\n", NULL, NULL},
	{"said, not needed, not offered", "250 mx\r\n", true, false,
	 "anna@example.org", "ben@example.net",
	 "MAIL FROM:<anna@example.org>\r\n", NULL, NULL},
	{"not said", "250-mx\r\n250 SMTPUTF8\r\n", false, false,
	 "anna@example.org", "ben@example.net",
	 "MAIL FROM:<anna@example.org>\r\n", NULL, NULL},
	{"an address, not offered: the other one goes", "250 mx\r\n", true,
	 false, "anna@example.org", EA "@example.net",
	 "MAIL FROM:<anna@example.org>\r\n", "5.6.7", NULL},
	{"the sender, not offered", "250 mx\r\n", true, false,
	 EA "@example.org", "ben@example.net", "", "5.6.7", "5.6.7"},
	{"the header, not offered", "250 mx\r\n", true, true,
	 "anna@example.org", "ben@example.net", "", "5.6.9", "5.6.9"},
};

static void
test_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++) {
		const struct utf8_row *row = &utf8_rows[i];
		const char *const dsn[] = {row->first_dsn, row->second_dsn};
		struct so_rig g;

		print_message("%s\n", row->name);
		so_rig_init(&g, 2);
		so_rig_greet(&g, row->ehlo);
		g.a[0].smtputf8 = row->said;
		g.a[0].utf8_header = row->header;
		g.a[0].sender = row->sender;
		g.a[0].rcpt[0].address = row->rcpt;
		smtp_out_mail(&g.so, &g.a[0]);
		so_rig_expect_sent(&g, row->sent);
		for (size_t n = 0; n < 2; n++) {
			struct attempt_rcpt *r = &g.a[0].rcpt[n];

			assert_int_equal(r->outcome, dsn[n] != NULL
							     ? ATTEMPT_NEVER
							     : ATTEMPT_UNTRIED);
			if (dsn[n] != NULL)
				assert_string_equal(r->reply.dsn, dsn[n]);
		}
		if (row->sent[0] == '\0')
			assert_int_equal(smtp_out_take(&g.so),
					 SMTP_OUT_SETTLED);
		so_rig_done(&g);
	}
}

/* None is left. */
static void
test_utf8_nobody(void **state)
{
	struct so_rig g;

	(void)state;
	so_rig_init(&g, 1);
	so_rig_greet(&g, "250 mx\r\n");
	g.a[0].rcpt[0].address = EA "@example.net";
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_expect_sent(&g, "");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.so.state, SMTP_OUT_READY);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_NEVER);
	so_rig_done(&g);
}

/* --- commands sent ahead (RFC 2920) -------------------------------------------------- */

static void
test_piped_settlement(void **state)
{
	static const struct {
		const char *name, *replies, *sent;
		enum attempt_outcome first, second;
		enum smtp_out_state end;
	} row[] = {
		{"all refused, 354: a lone dot",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_DOT},
		{"all refused, the lone dot refused",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n554 no\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_READY},
		{"all refused, the lone dot accepted",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n250 ok\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_READY},
		{"all refused, the lone dot answered 421",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n421 bye\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_CLOSED},
		{"all refused, DATA too",
		 "250 ok\r\n550 a\r\n450 b\r\n554 none\r\n", "RSET\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_RSET},
		{"MAIL refused, 354: no dot",
		 "550 a\r\n250 b\r\n250 b\r\n354 go\r\n", "", ATTEMPT_NEVER,
		 ATTEMPT_NEVER, SMTP_OUT_CLOSED},
		{"MAIL refused, the rest out of order",
		 "450 a\r\n503 b\r\n503 b\r\n503 b\r\n", "", ATTEMPT_LATER,
		 ATTEMPT_LATER, SMTP_OUT_READY},
		{"MAIL refused, then a close by 421", "550 a\r\n421 b\r\n", "",
		 ATTEMPT_NEVER, ATTEMPT_NEVER, SMTP_OUT_CLOSED},
		{"421 in the middle of RCPT", "250 a\r\n550 b\r\n421 c\r\n", "",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_CLOSED},
		{"DATA refused for the one that was left",
		 "250 a\r\n450 b\r\n250 c\r\n554 no\r\n", "RSET\r\n",
		 ATTEMPT_LATER, ATTEMPT_NEVER, SMTP_OUT_RSET},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;

		so_rig_init(&g, 2);
		so_rig_greet(&g, SO_RIG_PIPED);
		smtp_out_mail(&g.so, &g.a[0]);
		buf_clear(&g.out);
		/* Byte by byte: it must not depend on packets. */
		for (const char *p = row[i].replies; *p; p++)
			smtp_out_input(&g.so, p, 1);
		if (g.so.state != row[i].end || g.so.fate != SMTP_OUT_SETTLED ||
		    g.a[0].rcpt[0].outcome != row[i].first ||
		    g.a[0].rcpt[1].outcome != row[i].second ||
		    strcmp(buf_str(&g.out), row[i].sent) != 0)
			fail_msg("%s: %s, %s, %s, sent %s", row[i].name,
				 smtp_out_state_names[g.so.state],
				 so_rig_outcome_words[g.a[0].rcpt[0].outcome],
				 so_rig_outcome_words[g.a[0].rcpt[1].outcome],
				 buf_str(&g.out));
		so_rig_done(&g);
	}
}

static void
test_recipients_decided_before(void **state)
{
	struct so_rig g;

	(void)state;
	so_rig_init(&g, 3);
	so_rig_greet(&g, SO_RIG_PIPED);
	g.a[0].rcpt[1].outcome = ATTEMPT_MOVED;
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_expect_sent(&g, "MAIL FROM:<anna@example.org>\r\n"
			       "RCPT TO:<r0@example.net>\r\n"
			       "RCPT TO:<r2@example.net>\r\nDATA\r\n");
	so_rig_hear(&g, "250 a\r\n250 a\r\n550 b\r\n354 c\r\n");
	smtp_out_body_end(&g.so);
	assert_true(smtp_out_left(&g.so));
	so_rig_hear(&g, "250 ok\r\n");
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_MOVED);
	assert_int_equal(g.a[0].rcpt[2].outcome, ATTEMPT_NEVER);
	so_rig_done(&g);
}

static void
test_unfit(void **state)
{
	static const struct {
		const char *name, *ehlo;
		int64_t size;
		bool eight_bit, strict;
		const char *dsn; /* "": it is sent */
		bool sent_8bit;
	} row[] = {
		{"fits", "250-mx\r\n250 SIZE 100\r\n", 100, false, false, "",
		 false},
		{"too large", "250-mx\r\n250 SIZE 99\r\n", 100, false, false,
		 "5.3.4", false},
		{"no limit named", "250-mx\r\n250 SIZE\r\n", 1 << 30, false,
		 false, "", false},
		{"limit 0 is none", "250-mx\r\n250 SIZE 0\r\n", 1 << 30, false,
		 false, "", false},
		{"a limit that is no number", "250-mx\r\n250 SIZE big\r\n",
		 1 << 30, false, false, "", false},
		{"a keyword that only begins so", "250-mx\r\n250 SIZEX 1\r\n",
		 100, false, false, "", false},
		{"the server's name is no keyword",
		 "250-SIZE 1\r\n250 HELP\r\n", 100, false, false, "", false},
		{"8 bit offered", "250-mx\r\n250 8BITMIME\r\n", 100, true, true,
		 "", false},
		{"8 bit not offered, strict", "250 mx\r\n", 100, true, true,
		 "5.6.3", false},
		{"8 bit not offered", "250 mx\r\n", 100, true, false, "", true},
		{"7 bit, strict", "250 mx\r\n", 100, false, true, "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct so_rig g;
		bool refused = row[i].dsn[0] != '\0';

		so_rig_init(&g, 1);
		g.so.conf.strict_8bit = row[i].strict;
		so_rig_greet(&g, row[i].ehlo);
		g.a[0].size = row[i].size;
		g.a[0].eight_bit = row[i].eight_bit;
		smtp_out_mail(&g.so, &g.a[0]);
		if ((g.so.fate == SMTP_OUT_SETTLED) != refused ||
		    (g.so.state == SMTP_OUT_READY) != refused ||
		    (g.out.len == 0) != refused ||
		    g.so.sent_8bit != row[i].sent_8bit ||
		    strcmp(g.a[0].rcpt[0].reply.dsn, row[i].dsn) != 0)
			fail_msg("%s", row[i].name);
		so_rig_done(&g);
	}
}

/* A report that is 8-bit leaves also where that is not offered, and so does a
 * copy, of whose loss nobody would be told either. */
static void
test_unfit_report(void **state)
{
	struct so_rig g;

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		so_rig_init(&g, 1);
		g.so.conf.strict_8bit = true;
		so_rig_greet(&g, SO_RIG_PLAIN);
		if (copy)
			g.a[0].rcpt[0].copy = true;
		else
			g.a[0].sender = "";
		g.a[0].eight_bit = true;
		smtp_out_mail(&g.so, &g.a[0]);
		assert_int_equal(g.so.state, SMTP_OUT_MAIL);
		so_rig_expect_sent(&g, "MAIL FROM:<>\r\n");
		assert_true(g.so.sent_8bit);
		so_rig_done(&g);
	}
}

static void
test_break_sends_no_dot(void **state)
{
	struct reply our = {0};
	struct so_rig g;

	(void)state;
	so_rig_init(&g, 1);
	so_rig_greet(&g, SO_RIG_PLAIN);
	smtp_out_mail(&g.so, &g.a[0]);
	so_rig_hear(&g, "250 a\r\n250 b\r\n354 c\r\n");
	buf_clear(&g.out);
	smtp_out_body(&g.so, "x\r\n", 3);
	reply_set(&our, 451, "4.3.0", "damaged");
	smtp_out_break(&g.so, &our);
	so_rig_expect_sent(&g, "x\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_LATER);
	assert_int_equal(g.a[0].dest_state, ATTEMPT_DEST_OK);
	so_rig_done(&g);
}

static void
test_patience(void **state)
{
	static const struct delivery_timeouts t = {1, 2, 3, 4, 5};
	static const struct {
		enum smtp_out_state state;
		int64_t ms;
	} row[] = {
		{SMTP_OUT_BANNER, 2}, {SMTP_OUT_EHLO, 3}, {SMTP_OUT_MAIL, 3},
		{SMTP_OUT_RCPT, 3},   {SMTP_OUT_DATA, 3}, {SMTP_OUT_BODY, 4},
		{SMTP_OUT_DOT, 5},    {SMTP_OUT_RSET, 3},
	};
	struct smtp_out so = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		so.state = row[i].state;
		assert_int_equal(smtp_out_patience(&so, &t), row[i].ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_long_is_said),
		cmocka_unit_test(test_plain_dialogue),
		cmocka_unit_test(test_piped_at_once),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_nobody),
		cmocka_unit_test(test_piped_settlement),
		cmocka_unit_test(test_recipients_decided_before),
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_unfit_report),
		cmocka_unit_test(test_break_sends_no_dot),
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
