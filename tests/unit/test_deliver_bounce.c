/*
 * The DSN: what stands in it, and how large it gets.
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

struct bounce_row {
	const char *name, *sender;
	size_t header, body, nrcpt;
	bool eight_bit;
	const char *has[6], *lacks[2];
	enum tell_what what;
	enum dsn_ret ret;
	const char *envid;
};

static void
make_content(const struct bounce_row *row, struct buf *b)
{
	buf_init(b, 1 << 20);
	for (size_t n = 0; b->len < row->header; n++)
		buf_printf(b, "X-%zu: header field\r\n", n);
	buf_append_str(b, "\r\n");
	for (size_t n = 0; n < row->body; n += 7)
		buf_append_str(b, "b b b\r\n");
	if (row->eight_bit)
		buf_append_str(b, "\xc3\xa4\r\n");
}

static void
check_report(const struct bounce_row *row, const struct fake_report *r)
{
	assert_non_null(r->text);
	assert_string_equal(r->sender, "");
	assert_string_equal(r->to, row->sender);
	assert_string_equal(r->dest, "dest");
	assert_int_equal(r->class, QUEUE_BULK);
	assert_int_equal(r->eight_bit, row->eight_bit);
	if (r->len > (size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
		fail_msg("%s: %zu bytes", row->name, r->len);
	for (size_t n = 0; n < 6 && row->has[n]; n++)
		if (!strstr(r->text, row->has[n]))
			fail_msg("%s: no %s in %s", row->name, row->has[n],
				 r->text);
	for (size_t n = 0; n < 2 && row->lacks[n]; n++)
		if (strstr(r->text, row->lacks[n]))
			fail_msg("%s: %s in %s", row->name, row->lacks[n],
				 r->text);
}

static void
test_bounce(void **state)
{
	static const struct bounce_row row[] = {
		{.name = "small: all of it",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 2,
		 .has = {"Final-Recipient: rfc822; r1@example.net",
			 "Status: 5.1.1", "message/rfc822", "b b b"}},
		{.name = "large: the header",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100000,
		 .nrcpt = 1,
		 .has = {"text/rfc822-headers", "X-0: h",
			 "words of the server"},
		 .lacks = {"b b b", "message/rfc822"}},
		{.name = "a very large header: its beginning",
		 .sender = "anna@example.org",
		 .header = 100000,
		 .body = 10,
		 .nrcpt = 1,
		 .has = {"text/rfc822-headers", "X-0: h"},
		 .lacks = {"b b b"}},
		{.name = "expired",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"Action: failed", "Status: 4.4.7", "450", "b b b"},
		 .what = TELL_EXPIRED},
		{.name = "only the header was asked for",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"text/rfc822-headers", "X-0: h",
			 "Original-Envelope-Id: QQ 314"},
		 .lacks = {"b b b", "message/rfc822"},
		 .ret = DSN_RET_HDRS,
		 .envid = "QQ 314"},
		{.name = "all of it was asked for",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"message/rfc822", "b b b"},
		 .ret = DSN_RET_FULL},
		{.name = "above the size that is configured",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 30000,
		 .nrcpt = 1,
		 .has = {"text/rfc822-headers", "X-0: h"},
		 .lacks = {"b b b"},
		 .ret = DSN_RET_FULL},
		{.name = "late",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"Subject: Still not delivered to r0@example.net",
			 "Action: delayed", "Status: 4.2.0",
			 "it could not be delivered yet",
			 "Will-Retry-Until: Thu, 1 Jan 2026 00:00:00 +0000",
			 "text/rfc822-headers"},
		 .lacks = {"b b b"},
		 .what = TELL_LATE,
		 .ret = DSN_RET_FULL},
		{.name = "relayed",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"Subject: Passed on to r0@example.net",
			 "Action: relayed", "Status: 2.0.0",
			 "Remote-MTA: dns; mx.example.net",
			 "mx.example.net took it, and does not say",
			 "text/rfc822-headers"},
		 .lacks = {"b b b", "Will-Retry"},
		 .what = TELL_RELAYED},
		{.name = "delivered",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"Subject: Delivered to r0@example.net",
			 "Action: delivered", "Status: 2.0.0",
			 "it was delivered"},
		 .lacks = {"b b b", NULL},
		 .what = TELL_DELIVERED},
		{.name = "expanded",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .has = {"Subject: Sent on to all of r0@example.net",
			 "Action: expanded", "Status: 2.0.0",
			 "stands for several others"},
		 .lacks = {"b b b", NULL},
		 .what = TELL_EXPANDED},
		{.name = "octets above 127",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .eight_bit = true,
		 .has = {"Status: 5.1.1"}},
		{.name = "many recipients",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 40000,
		 .nrcpt = 200,
		 .has = {"r0@example.net", "r199@example.net"}},
		{.name = "very many recipients: the first half",
		 .sender = "anna@example.org",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 500,
		 .has = {"r0@example.net", "r249@example.net"},
		 .lacks = {"r250@example.net"}},
		{.name = "a DSN",
		 .sender = "",
		 .header = 100,
		 .body = 100,
		 .nrcpt = 1,
		 .eight_bit = false},
	};
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_hop(&g.agent, 25);
	g.agent.conf.dsn.max_size = 20000;
	fake_rig_start(&g);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_report *r;
		struct buf b;

		make_content(&row[i], &b);
		g.mail.sender = row[i].sender;
		g.mail.content = b.data;
		g.mail.len = b.len;
		g.mail.class = QUEUE_BULK;
		g.mail.what = row[i].what;
		g.mail.ret = row[i].ret;
		g.mail.envid = row[i].envid;
		fake_queue_tell(g.queue, g.agent.loops[1], &g.mail,
				row[i].nrcpt);
		r = fake_queue_take_report(g.queue);
		assert_non_null(r);
		assert_false(r->dropped);
		if (row[i].sender[0] == '\0')
			assert_null(r->text);
		else
			check_report(&row[i], r);
		fake_report_free(&r);
		buf_done(&b);
	}
	fake_rig_done(&g);
}

/* A report that held what was refused would be refused itself. */
static void
test_refused(void **state)
{
	static const struct {
		const char *name;
		int code;
		const char *dsn;
		bool of_content, whole;
	} row[] = {
		{"no such user", 550, "5.1.1", false, true},
		{"no such user, after the content", 550, "5.1.1", true, true},
		{"mailbox full, after the content", 552, "5.2.2", true, true},
		{"too large for the mailbox", 552, "5.2.3", false, false},
		{"too large for the server", 552, "5.3.4", false, false},
		{"8-bit", 554, "5.6.3", false, false},
		{"a filter", 554, "5.7.1", true, false},
		{"a policy", 550, "5.7.26", false, false},
		{"a filter without enhanced code", 554, "", true, false},
		{"a filter that says little", 550, "5.0.0", true, false},
		{"a refusal without enhanced code", 550, "", false, true},
		{"a code that contradicts itself", 550, "4.7.1", false, true},
		{"put off until it was too late", 451, "4.7.1", false, false},
	};
	static const char text[] = "Subject: s\r\n\r\nwhat it holds\r\n";
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_hop(&g.agent, 25);
	fake_rig_start(&g);
	g.mail.sender = "anna@example.org";
	g.mail.content = text;
	g.mail.len = sizeof(text) - 1;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_report *r;
		struct reply reply;

		reply_set(&reply, row[i].code, row[i].dsn, "no");
		reply.of_content = row[i].of_content;
		g.mail.refused = &reply;
		g.mail.what = row[i].code >= 500 ? TELL_FAILED : TELL_EXPIRED;
		fake_queue_tell(g.queue, g.agent.loops[1], &g.mail, 1);
		r = fake_queue_take_report(g.queue);
		assert_non_null(r->text);
		if ((strstr(r->text, "what it holds") != NULL) != row[i].whole)
			fail_msg("%s: %s", row[i].name, r->text);
		assert_non_null(strstr(r->text, "Subject: s\r\n"));
		fake_report_free(&r);
	}
	fake_rig_done(&g);
}

/* What can't be read now may be read later; but not for ever. */
static void
test_unreadable_report(void **state)
{
	static const char text[] = "Subject: s\r\n\r\nno report\r\n";
	static const struct {
		const char *name;
		int error;
		int64_t expires_ms;
		bool dropped;
	} row[] = {
		{"a disk that fails", -EIO, INT64_MAX, true},
		{"a queue that stops", -ECANCELED, INT64_MAX, true},
		{"a disk that failed for all its lifetime", -EIO, 1, false},
		{"it is damaged", -EBADMSG, INT64_MAX, false},
	};
	struct reply reply;
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_hop(&g.agent, 25);
	fake_rig_start(&g);
	reply_set(&reply, 554, "5.6.0", "no");
	g.mail.sender = "";
	g.mail.content = text;
	g.mail.len = sizeof(text) - 1;
	g.mail.quotes = true;
	g.mail.broken_at = 1;
	g.mail.refused = &reply;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_report *r;

		print_message("%s\n", row[i].name);
		g.mail.error = row[i].error;
		g.mail.expires_ms = row[i].expires_ms;
		fake_queue_tell(g.queue, g.agent.loops[1], &g.mail, 1);
		r = fake_queue_take_report(g.queue);
		assert_non_null(r);
		assert_null(r->text);
		assert_int_equal(r->dropped, row[i].dropped);
		fake_report_free(&r);
	}
	fake_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unreadable_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
