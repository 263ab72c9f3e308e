/*
 * With a row's name as argument the report is printed, for read_dsn.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/dsn_impl.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define A50   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250  A50 A50 A50 A50 A50
#define A1000 A250 A250 A250 A250

#define WHEN INT64_C(880134906000)
#define HEAD "From: a@b\r\nSubject: hello\r\nMessage-ID: <1@b>\r\n"

static const struct dsn_recipient plain_rcpt[] = {
	{.final = "anna@example.org",
	 .action = DSN_FAILED,
	 .status = "5.1.1",
	 .remote_mta = "mx.example.org[192.0.2.1]:25",
	 .reply = "550 5.1.1 no such user here",
	 .reason = "The server of the recipient refused it for good.",
	 .last_attempt_ms = WHEN + 60000},
};

static const struct dsn_recipient three_rcpt[] = {
	{.final = "late@example.org",
	 .action = DSN_DELAYED,
	 .status = "4.4.1",
	 .reason = "The server can't be reached."},
	{.final = "bob@example.net",
	 .original = "team@example.org",
	 .orcpt = "rfc822;team@example.org",
	 .action = DSN_FAILED,
	 .status = "5.4.4",
	 .reply = "no route to this domain"},
	{.final = "eva@example.net",
	 .original = "team@example.org",
	 .action = DSN_FAILED,
	 .status = "5.2.2",
	 .remote_mta = "[192.0.2.9]:25",
	 .reply = "552 5.2.2 full"},
};

/* Words that would be fields, parts and lines if they were let. */
static const struct dsn_recipient evil_rcpt[] = {
	{.final = "\"x\r\nBcc: victim@example.org\r\n\r\n--=_\"@example.org",
	 .original = "\"" A50 " --=_belfry_00000000 " A50 "\"@example.org",
	 .action = DSN_FAILED,
	 .status = "5.0.0\r\nAction: delivered",
	 .remote_mta = "mx\r\nX-Evil: 1[::1]:25",
	 .reply = "550 no\r\n\r\nFinal-Recipient: rfc822; other@example.org"
		  "\n.\n\033[2J\xff\xc3\xa4 " A1000 " end",
	 .reason = "why\r\n.\r\n\x07--=_"},
};

#define EA "\xc3\xa9"

static const struct dsn_recipient utf8_rcpt[] = {
	{.final = "r" EA "my@example.org",
	 .original = "te" EA "m@example.org",
	 .orcpt = "utf-8;te\\x{E9}m@example.org",
	 .action = DSN_FAILED,
	 .status = "5.6.7",
	 .reply = "553 5.6.7 the server does not offer SMTPUTF8"},
};

static const struct row {
	const char *name;
	struct dsn dsn;
	const char *first; /* sentence of the text */
} rows[] = {
	{"plain",
	 {.original = HEAD "\r\n",
	  .original_len = sizeof(HEAD "\r\n") - 1,
	  .rcpt = plain_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to anna@example.org."},
	{"three",
	 {.original = HEAD "\r\nbody\r\n",
	  .original_len = sizeof(HEAD "\r\nbody\r\n") - 1,
	  .original_whole = true,
	  .rcpt = three_rcpt,
	  .nrcpt = 3},
	 "Your message could not be delivered to team@example.org and 1 "
	 "other."},
	{"delayed",
	 {.rcpt = three_rcpt, .nrcpt = 1},
	 "Your message has not yet been delivered to late@example.org."},
	{"eight_bit",
	 {.original = "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\n\xe4\r\n",
	  .original_len = 22,
	  .original_whole = true,
	  .rcpt = plain_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to anna@example.org."},
	{"eight_bit_header",
	 {.original = "Subject: gr\xc3\xbc\xc3\x9f\r\n",
	  .original_len = 17,
	  .rcpt = plain_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to anna@example.org."},
	{"long_header",
	 {.original = "X: = " A1000 "\xc3\xbc \r\nSubject: s\r\n",
	  .original_len =
		  sizeof("X: = " A1000 "\xc3\xbc \r\nSubject: s\r\n") - 1,
	  .rcpt = plain_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to anna@example.org."},
	{"utf8_to_ascii",
	 {.original = HEAD,
	  .original_len = sizeof(HEAD) - 1,
	  .rcpt = utf8_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to te" EA "m@example.org."},
	{"utf8_to_utf8",
	 {.to = "ann" EA "@example.com",
	  .original = "Subject: gr" EA "\r\n",
	  .original_len = 15,
	  .original_utf8 = true,
	  .rcpt = utf8_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to te" EA "m@example.org."},
	{"evil",
	 {.original = HEAD,
	  .original_len = sizeof(HEAD) - 1,
	  .rcpt = evil_rcpt,
	  .nrcpt = 1},
	 "Your message could not be delivered to"},
};

static int
compose(const struct row *row, struct buf *out)
{
	struct dsn d = row->dsn;

	d.reporting_mta = "mx.example.com";
	if (d.to == NULL)
		d.to = "sender@example.com";
	d.message_id = "r1@mx.example.com";
	d.queue_id = "1F2E";
	d.arrival_ms = WHEN;
	d.now_ms = WHEN + 120000;
	return dsn_compose(&d, out);
}

/* Only CRLF ends lines, none is too long, and outside of the original all is
 * printable ASCII, or UTF-8 where that may be. */
static void
lines_check(const char *s, size_t len, size_t ours, bool utf8)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n') {
			assert_int_equal(s[i - 1], '\r');
			assert_true(column - 1 <= 998);
			column = 0;
			continue;
		}
		column++;
		if (s[i] == '\r')
			assert_int_equal(s[i + 1], '\n');
		else if (i < ours && s[i] != '\t')
			assert_true((s[i] >= ' ' && s[i] <= '~') ||
				    (utf8 && (unsigned char)s[i] >= 0x80));
	}
	assert_int_equal(column, 0);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct dsn *d = &rows[i].dsn;
		const char *text, *original = NULL;
		struct buf out;

		print_message("%s\n", rows[i].name);
		buf_init(&out, 65536);
		assert_int_equal(compose(&rows[i], &out), 0);
		if (d->original_len > 0)
			original = memmem(out.data, out.len, d->original,
					  d->original_len);
		lines_check(out.data, out.len,
			    original != NULL ? (size_t)(original - out.data)
					     : out.len,
			    d->rcpt == utf8_rcpt);
		text = strstr(out.data, "Content-Type: text/plain");
		assert_non_null(text);
		text = strstr(text, "\r\n\r\n") + 4;
		assert_memory_equal(text, rows[i].first, strlen(rows[i].first));
		if (strcmp(rows[i].name, "long_header") != 0 &&
		    strcmp(rows[i].name, "eight_bit_header") != 0 &&
		    d->original_len > 0)
			assert_non_null(original);
		buf_done(&out);
	}
}

/* A header alone passes where 8BITMIME is not offered. */
static void
test_seven_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf out;

		if (strcmp(rows[i].name, "eight_bit_header") != 0)
			continue;
		buf_init(&out, 65536);
		assert_int_equal(compose(&rows[i], &out), 0);
		for (size_t n = 0; n < out.len; n++)
			assert_true((unsigned char)out.data[n] < 0x80);
		assert_non_null(strstr(
			out.data,
			"Content-Type: text/rfc822-headers\r\n"
			"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
			"Subject: gr=C3=BC=C3=9F\r\n"));
		assert_null(strstr(out.data, "8bit"));
		buf_done(&out);
		return;
	}
	fail();
}

/* What of it may be UTF-8 depends on who gets it (RFC 6533). */
static void
test_utf8(void **state)
{
	static const struct {
		const char *row, *has[6], *lacks;
	} want[] = {
		{"utf8_to_ascii",
		 {"Subject: Not delivered to te\\x{E9}m@example.org\r\n",
		  "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
		  "Content-Type: message/delivery-status\r\n",
		  "Original-Recipient: utf-8;te\\x{E9}m@example.org\r\n",
		  "Final-Recipient: utf-8; r\\x{E9}my@example.org\r\n",
		  "which leads to r" EA "my@example.org\r\n"},
		 "message/global"},
		{"utf8_to_utf8",
		 {"To: <ann" EA "@example.com>\r\n",
		  "Subject: Not delivered to te" EA "m@example.org\r\n",
		  "Content-Type: message/global-delivery-status\r\n",
		  "Final-Recipient: utf-8; r" EA "my@example.org\r\n",
		  "Content-Type: message/global-headers\r\n",
		  "\r\n\r\nSubject: gr" EA "\r\n"},
		 "text/rfc822-headers"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t w = 0; w < ROWS(want); w++) {
			struct buf out;

			if (strcmp(rows[i].name, want[w].row) != 0)
				continue;
			buf_init(&out, 65536);
			assert_int_equal(compose(&rows[i], &out), 0);
			for (size_t n = 0; n < 6; n++)
				if (!strstr(out.data, want[w].has[n]))
					fail_msg("no %s in %s", want[w].has[n],
						 out.data);
			assert_null(strstr(out.data, want[w].lacks));
			buf_done(&out);
		}
	}
}

/* A boundary that stands in the original is not taken. */
static void
test_boundary(void **state)
{
	struct buf first, second;
	char boundary[64];
	struct row row = rows[0];
	char *at;

	(void)state;
	buf_init(&first, 65536);
	buf_init(&second, 65536);
	assert_int_equal(compose(&row, &first), 0);
	at = strstr(first.data, "boundary=\"");
	assert_non_null(at);
	at += strlen("boundary=\"");
	memcpy(boundary, at, strcspn(at, "\""));
	boundary[strcspn(at, "\"")] = '\0';

	row.dsn.original = boundary;
	row.dsn.original_len = strlen(boundary);
	assert_int_equal(compose(&row, &second), 0);
	at = strstr(second.data, "boundary=\"");
	assert_non_null(at);
	assert_int_not_equal(strncmp(at + 10, boundary, strlen(boundary)), 0);
	buf_done(&first);
	buf_done(&second);
}

static void
test_ceiling(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(compose(&rows[0], &out), 0);
	for (size_t max = 0; max < out.len; max++) {
		struct buf small;

		buf_init(&small, max);
		assert_int_equal(compose(&rows[0], &small), -EMSGSIZE);
		buf_done(&small);
	}
	buf_done(&out);
}

/* Only a report with all of an original gets shorter, by all but its header. */
static void
test_shorten(void **state)
{
	static const char id[] = "r2@mx.example.com";

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct dsn *d = &rows[i].dsn;
		struct buf whole, out, small;

		buf_init(&whole, 65536);
		buf_init(&out, 65536);
		buf_init(&small, 100);
		assert_int_equal(compose(&rows[i], &whole), 0);
		assert_int_equal(
			dsn_shorten(whole.data, whole.len, id, 1000, &out),
			d->original_whole ? 0 : -EINVAL);
		if (d->original_whole) {
			assert_true(out.len < whole.len + 32);
			assert_non_null(strstr(out.data, "ID: <r2@mx.exa"));
			assert_null(strstr(out.data, "r1@mx.example.com"));
			assert_non_null(strstr(out.data, DSN_SAYS_HEADER));
			assert_null(strstr(out.data, DSN_SAYS_WHOLE));
			assert_non_null(strstr(out.data,
					       "\r\nContent-Type: "
					       "text/rfc822-headers\r\n"));
			assert_non_null(strstr(out.data, "Subject: "));
			assert_null(strstr(out.data, "body"));
			assert_null(strchr(out.data, '\xe4'));
			lines_check(out.data, out.len, out.len, false);
			assert_int_equal(dsn_shorten(whole.data, whole.len, id,
						     1000, &small),
					 -EMSGSIZE);
		}
		buf_done(&whole);
		buf_done(&out);
		buf_done(&small);
	}
}

/* A header beyond MOST: its whole lines. */
static void
test_shorten_header(void **state)
{
	struct row row = rows[1];
	struct buf whole, out;

	(void)state;
	assert_string_equal(row.name, "three");
	buf_init(&whole, 65536);
	buf_init(&out, 65536);
	assert_int_equal(compose(&row, &whole), 0);
	assert_int_equal(dsn_shorten(whole.data, whole.len, "x@y", 20, &out),
			 0);
	assert_non_null(strstr(out.data, "From: a@b\r\n"));
	assert_null(strstr(out.data, "Subject: hello"));
	buf_clear(&out);
	assert_int_equal(dsn_shorten(whole.data, whole.len, "x@y", 5, &out),
			 -EINVAL);
	for (size_t len = 0; len < whole.len - 2; len++)
		assert_int_equal(
			dsn_shorten(whole.data, len, "x@y", 1000, &out),
			-EINVAL);
	buf_done(&whole);
	buf_done(&out);
}

/* The boundary is the report's own, whatever is said in an address. */
static void
test_shorten_boundary(void **state)
{
	struct row row = rows[1];
	struct buf whole, out;

	(void)state;
	row.dsn.to = A50 " boundary=\"x\"@example.com";
	buf_init(&whole, 65536);
	buf_init(&out, 65536);
	assert_int_equal(compose(&row, &whole), 0);
	assert_non_null(strstr(whole.data, "\tboundary=\"x\"@example.com>"));
	assert_int_equal(dsn_shorten(whole.data, whole.len, "x@y", 1000, &out),
			 0);
	buf_done(&whole);
	buf_done(&out);
}

static int
print_row(const char *name)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf out;

		if (strcmp(rows[i].name, name) != 0)
			continue;
		buf_init(&out, 65536);
		compose(&rows[i], &out);
		fwrite(out.data, 1, out.len, stdout);
		buf_done(&out);
		return 0;
	}
	return 1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_seven_bit),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_boundary),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_shorten),
		cmocka_unit_test(test_shorten_header),
		cmocka_unit_test(test_shorten_boundary),
	};

	if (argc == 2)
		return print_row(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
