#include "mail/mime.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/test.h"

#define PLAIN "Content-Type: text/plain\n\n"
#define MIXED "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"

static void
read_mail(const char *text, struct arena *a, struct mime_mail *ret)
{
	arena_init(a);
	assert_int_equal(mime_read(text, strlen(text), a, ret), 0);
}

static void
test_fields(void **state)
{
	static const struct {
		const char *name, *mail, *from, *subject;
	} row[] = {
		{"plain", "From: anna@Example.ORG\nSubject: a\n\n",
		 "anna@example.org", "a"},
		{"CRLF", "From: anna@example.org\r\nSubject: a\r\n\r\n",
		 "anna@example.org", "a"},
		{"encoded",
		 "From: =?utf-8?q?A=2C_B?= <anna@example.org>\n"
		 "Subject: =?utf-8?b?w6Qg?= =?iso-8859-1?q?=F6?=\n\n",
		 "anna@example.org", "\xc3\xa4 \xc3\xb6"},
		{"folded",
		 "From: anna\n <anna@example.org>\nSubject: a\n\tb\n\n",
		 "anna@example.org", "a b"},
		{"8 bit", "Subject: \xc3\xa4\xff\n\n", "", NULL},
		{"two authors", "From: a@x.org, b@x.org\nSubject: s\n\n", "",
		 "s"},
		{"two From fields", "From: a@x.org\nFrom: a@x.org\n\n", "", ""},
		{"no address", "From: undisclosed\n\n", "", ""},
		{"blanks before the colon", "From : a@x.org\nSubject: s\n\n",
		 "a@x.org", NULL},
		{"two, one with a blank before the colon",
		 "From : a@x.org\nFrom: b@x.org\n\n", "", NULL},
		{"behind what is no field", "A: b\nno field\nFrom: a@x.org\n\n",
		 "", NULL},
		{"behind a line of a mailbox",
		 "A: b\nFrom b@x.org Mon Nov 23 00:00:00 2026\n"
		 "From: a@x.org\n\n",
		 "", NULL},
		{"an address within an encoded word",
		 "From: =?utf-8?q?root=40x.org?= <a@y.org>\n\n", "a@y.org", ""},
		{"nothing", "\n\n", "", ""},
		{"control characters",
		 "Subject: =?utf-8?q?a=0D=0A=07b=7F?=\n\n", "", "a b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct mime_mail m;
		struct arena a;

		read_mail(row[i].mail, &a, &m);
		if (strcmp(m.from, row[i].from) != 0 ||
		    (row[i].subject != NULL &&
		     strcmp(m.subject, row[i].subject) != 0))
			fail_msg("%s: <%s> \"%s\"", row[i].name, m.from,
				 m.subject);
		arena_done(&a);
	}
}

static void
test_text(void **state)
{
	static const struct {
		const char *name, *mail, *text;
	} row[] = {
		{"no type", "A: b\n\nack\n", "ack"},
		{"base64",
		 "Content-Type: text/plain; charset=utf-8\n"
		 "Content-Transfer-Encoding: base64\n\nw6QKYg==\n",
		 "\xc3\xa4\nb"},
		{"quoted-printable",
		 "Content-Type: text/plain; charset=iso-8859-15\n"
		 "Content-Transfer-Encoding: quoted-printable\n\n=A4 =\nb\n",
		 "\xe2\x82\xac b"},
		{"a charset that nobody knows",
		 "Content-Type: text/plain; charset=x-klingon\n\na\xff"
		 "b\n",
		 NULL},
		{"UTF-16",
		 "Content-Type: text/plain; charset=utf-16le\n"
		 "Content-Transfer-Encoding: base64\n\nYQBjAGsA\n",
		 "ack"},
		{"HTML alone",
		 "Content-Type: text/html\n\n<p>ack</p><p>b &amp; c</p>\n",
		 "ack\n\nb & c"},
		{"alternatives",
		 "Content-Type: multipart/alternative; boundary=b\n\n"
		 "--b\nContent-Type: text/html\n\n<p>h\n"
		 "--b\n" PLAIN "t\n--b--\n",
		 "t"},
		{"an attachment first",
		 MIXED "--b\nContent-Type: text/plain\n"
		       "Content-Disposition: attachment\n\nno\n"
		       "--b\n" PLAIN "yes\n--b--\n",
		 "yes"},
		{"a mail within",
		 MIXED "--b\nContent-Type: message/rfc822\n\n" PLAIN "no\n"
		       "--b\n" PLAIN "yes\n--b--\n",
		 "yes"},
		{"only a mail within",
		 MIXED "--b\nContent-Type: message/rfc822\n\n" PLAIN
		       "no\n--b--\n",
		 ""},
		{"deep",
		 MIXED
		 "--b\nContent-Type: multipart/alternative; boundary=c\n\n"
		 "--c\n" PLAIN "yes\n--c--\n--b--\n",
		 "yes"},
		{"cut off", MIXED "--b\n" PLAIN "yes", "yes"},
		{"no boundary", "Content-Type: multipart/mixed\n\nx\n", NULL},
		{"a picture", "Content-Type: image/png\n\nx\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct mime_mail m;
		struct arena a;

		read_mail(row[i].mail, &a, &m);
		if (row[i].text != NULL && strcmp(m.text, row[i].text) != 0)
			fail_msg("%s: \"%s\"", row[i].name, m.text);
		arena_done(&a);
	}
}

#define REPORT                                                                 \
	"Content-Type: multipart/report; report-type=delivery-status;"         \
	" boundary=b\n\n--b\n" PLAIN "it failed\n"                             \
	"--b\nContent-Type: message/delivery-status\n\n"

static void
test_report(void **state)
{
	struct mime_mail m;
	struct arena a;

	(void)state;
	read_mail(REPORT "Reporting-MTA: dns; mx.example.org\n\n"
			 "Final-Recipient: rfc822; anna@example.org\n"
			 "Original-Recipient: rfc822;a@x.org\n"
			 "Action: Failed\nStatus: 5.1.1\n"
			 "Diagnostic-Code: smtp; 550 no\n such user\n\n\n"
			 "Final-Recipient: rfc822;ben@example.org\n"
			 "Action: delayed\nStatus: 4.4.1 (x)\n"
			 "--b\nContent-Type: message/rfc822\n\n"
			 "Subject: x\n\nAction: failed\n--b--\n",
		  &a, &m);
	assert_true(m.is_report);
	assert_string_equal(m.text, "it failed");
	assert_int_equal(m.nstatuses, 2);
	assert_string_equal(m.statuses[0].recipient, "anna@example.org");
	assert_string_equal(m.statuses[0].original, "a@x.org");
	assert_string_equal(m.statuses[0].action, "failed");
	assert_string_equal(m.statuses[0].status, "5.1.1");
	assert_string_equal(m.statuses[0].words, "550 no such user");
	assert_string_equal(m.statuses[1].recipient, "ben@example.org");
	assert_string_equal(m.statuses[1].action, "delayed");
	arena_done(&a);
}

static void
test_no_report(void **state)
{
	static const char *const mails[] = {
		/* What says so, but in another place. */
		MIXED "--b\nContent-Type: message/delivery-status\n\n"
		      "X: y\n\nAction: failed\n--b--\n",
		("Content-Type: multipart/report; report-type=disposition-"
		 "notification; boundary=b\n\n--b\n"
		 "Content-Type: message/delivery-status\n\n"
		 "X: y\n\nAction: failed\n--b--\n"),
		"Content-Type: message/delivery-status\n\nX: y\n\n"
		"Action: failed\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct mime_mail m;
		struct arena a;

		read_mail(mails[i], &a, &m);
		assert_false(m.is_report);
		assert_int_equal(m.nstatuses, 0);
		arena_done(&a);
	}
}

static void
test_limits(void **state)
{
	struct mime_mail m;
	struct arena a;
	struct buf b;

	(void)state;
	buf_init(&b, 8 << 20);
	for (int i = 0; i < 2 * MIME_FIELDS_MAX; i++)
		buf_append_str(&b, "a: b\n");
	buf_append_str(&b, "Content-Type: multipart/mixed; boundary=b\n\n");
	for (int i = 0; i < 100000; i++)
		buf_append_str(&b, "--b\n\n");
	buf_append_str(&b, "--b\n" PLAIN "too late\n");
	read_mail(buf_str(&b), &a, &m);
	assert_int_equal(m.nfields, MIME_FIELDS_MAX);
	assert_string_equal(m.text, "");
	arena_done(&a);

	buf_clear(&b);
	for (int i = 0; i < 2 * MIME_DEPTH_MAX; i++)
		buf_printf(&b,
			   "Content-Type: multipart/mixed; boundary=b%d\n\n"
			   "--b%d\n",
			   i, i);
	buf_append_str(&b, PLAIN "too deep\n");
	read_mail(buf_str(&b), &a, &m);
	assert_string_equal(m.text, "");
	arena_done(&a);

	buf_clear(&b);
	buf_append_str(&b, PLAIN);
	for (int i = 0; i < MIME_SIZE_MAX / 4; i++)
		buf_append_str(&b, "abcdefg\n");
	read_mail(buf_str(&b), &a, &m);
	assert_int_equal(strlen(m.text), MIME_TEXT_MAX);
	arena_done(&a);
	buf_done(&b);
}

/* What was loaded before stays, and is given back. */
static void
test_charsets(void **state)
{
	struct mime_charsets *c = mime_charsets_open();

	(void)state;
	assert_non_null(c);
	test_text(state);
	mime_charsets_close(&c);
	assert_null(c);
	mime_charsets_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_text),
		cmocka_unit_test(test_report), cmocka_unit_test(test_no_report),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_charsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
