/*
 * What is refused on its way: who is told, how often, and in which words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/delivery_rig.h"
#include "tests/unit/test.h"

/* Two of three are refused: one DSN names both, and the third has its mail. */
static void
test_one_dsn(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 1, "550 5.1.1 not here\r\n", false, false, NULL},
		{"RCPT", 3, "553 5.1.3 never heard\r\n", false, false, NULL},
		{0}};
	struct delivery_rig g;
	struct smtp_server *s = delivery_rig_serve(&g, rules);
	struct smtp_seen seen;

	(void)state;
	delivery_rig_start(&g);
	delivery_rig_send_small(&g, 3);
	delivery_rig_wait_logged(&g, "status=delivered",
				 2); /* the mail, and the DSN */
	delivery_rig_wait_logged(&g, "status=bounced", 2);
	delivery_rig_expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.mails, 2);
	assert_non_null(strstr(seen.last, "To: <anna@example.org>"));
	assert_non_null(strstr(seen.last, "rfc822; r0@example.net"));
	assert_null(strstr(seen.last, "rfc822; r1@example.net"));
	assert_non_null(strstr(seen.last, "rfc822; r2@example.net"));
	assert_non_null(strstr(seen.last, "never heard"));
	assert_non_null(strstr(seen.last, "127.0.0.1 refused it"));
	assert_non_null(strstr(seen.last, "Remote-MTA: dns; 127.0.0.1\r\n"));
	assert_non_null(strstr(seen.last, "Diagnostic-Code: smtp; 550 5.1.1"));
	assert_non_null(strstr(seen.last, "Subject: x\r\n\r\nhello\r\n"));
	free(seen.last);
	delivery_rig_done(&g);
}

/* What we decided ourselves is not laid at the server's door. */
static void
test_own_words(void **state)
{
	static const struct smtp_rule rules[] = {
		{"EHLO", 0, "250-test\r\n250 SIZE 150000\r\n", false, false,
		 NULL},
		{0}};
	struct delivery_rig g;
	struct smtp_server *s = delivery_rig_serve(&g, rules);
	struct smtp_seen seen;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_append_str(&b, "Subject: x\r\n\r\n");
	while (b.len < 200000)
		buf_append_str(&b, "a line\r\n");
	delivery_rig_start(&g);
	delivery_rig_send(&g, b.data, b.len, 1);
	delivery_rig_wait_logged(&g, "status=bounced", 1);
	delivery_rig_wait_logged(&g, "status=delivered", 1);
	delivery_rig_expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_non_null(strstr(seen.last, "Status: 5.3.4\r\n"));
	assert_non_null(strstr(seen.last, "Diagnostic-Code: x-belfry; 552"));
	assert_null(strstr(seen.last, "Remote-MTA:"));
	assert_null(strstr(seen.last, "127.0.0.1 refused it"));
	assert_non_null(strstr(seen.last, "can't be sent to 127.0.0.1"));
	free(seen.last);
	buf_done(&b);
	delivery_rig_done(&g);
}

/* More than one report holds: every one is told, and once. */
static void
test_many_refused(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 0, "550 5.1.1 who?\r\n", false, false, "@example.net"},
		{0}};
	enum { MANY = 600 };
	struct delivery_rig g;
	struct smtp_server *s = delivery_rig_serve(&g, rules);
	char *all;

	(void)state;
	delivery_rig_start(&g);
	delivery_rig_send_small(&g, MANY);
	delivery_rig_wait_logged(&g, "status=bounced", MANY);
	delivery_rig_expect_empty(&g);
	delivery_rig_wait_logged(&g, "double_bounce", 0);
	all = smtp_server_all(s);
	assert_true(agent_rig_count(all, "multipart/report") > 1);
	for (unsigned i = 0; i < MANY; i++) {
		char field[64];

		snprintf(field, sizeof(field),
			 "Final-Recipient: rfc822; r%u@example.net\r\n", i);
		if (agent_rig_count(all, field) != 1)
			fail_msg("%s: %u times", field,
				 agent_rig_count(all, field));
	}
	free(all);
	delivery_rig_done(&g);
}

/* A report that held all of the mail is refused: it goes once more, with the
 * header only, unless that can't be the reason. */
static void
test_refused_report(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rule;
		bool again;
	} rows[] = {
		{"behind the content",
		 {"DOT", 1, "554 we don't like it\r\n", false, false, NULL},
		 true},
		{"its size",
		 {"MAIL", 2, "552 5.3.4 too large\r\n", false, false, NULL},
		 true},
		{"at DATA",
		 {"DATA", 2, "554 5.0.0 no\r\n", false, false, NULL},
		 true},
		{"both",
		 {"DOT", 0, "554 we don't like it\r\n", false, false, NULL},
		 true},
		{"nobody there",
		 {"RCPT", 2, "550 5.1.1 who?\r\n", false, false, NULL},
		 false},
		{"no mail from a null path",
		 {"MAIL", 2, "550 5.5.0 who?\r\n", false, false, NULL},
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct smtp_rule rules[] = {{"RCPT", 1,
						   "550 5.1.1 not here\r\n",
						   false, false, NULL},
						  rows[i].rule,
						  {0}};
		bool told = rows[i].again && rows[i].rule.nth > 0;
		struct delivery_rig g;
		struct smtp_server *s = delivery_rig_serve(&g, rules);
		struct smtp_seen seen;

		delivery_rig_start(&g);
		delivery_rig_send_small(&g, 1);
		delivery_rig_wait_logged(&g, "status=bounced",
					 told            ? 2
					 : rows[i].again ? 3
							 : 2);
		delivery_rig_wait_logged(&g, "status=delivered", told);
		delivery_rig_wait_logged(&g, "double_bounce", !told);
		delivery_rig_expect_empty(&g);
		seen = smtp_server_seen(s);
		if (told != (seen.mails == 1))
			fail_msg("%s: %u", rows[i].name, seen.mails);
		if (told) {
			assert_non_null(strstr(seen.last, "rfc822-headers"));
			assert_non_null(strstr(seen.last, "Subject: x\r\n"));
			assert_non_null(strstr(seen.last, "header is attach"));
			assert_null(strstr(seen.last, "hello"));
		}
		free(seen.last);
		delivery_rig_done(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_dsn),
		cmocka_unit_test(test_own_words),
		cmocka_unit_test(test_many_refused),
		cmocka_unit_test(test_refused_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
