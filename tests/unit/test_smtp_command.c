#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp_command.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define STR(s)  (s), sizeof(s) - 1

struct good_row {
	const char *name, *in;
	enum smtp_verb verb;
	const char *arg, *address;
	int64_t size;
	enum smtp_body body;
	bool foreign;
};

static const struct good_row good_rows[] = {
	{"EHLO", "EHLO mx.example.org", SMTP_EHLO, "mx.example.org", "", -1, 0,
	 false},
	{"case does not matter", "ehlo MX", SMTP_EHLO, "MX", "", -1, 0, false},
	{"HELO literal", "HELO [192.0.2.1]", SMTP_HELO, "[192.0.2.1]", "", -1,
	 0, false},
	{"two spaces", "EHLO  mx", SMTP_EHLO, "mx", "", -1, 0, false},
	{"space at the end", "EHLO mx \t ", SMTP_EHLO, "mx", "", -1, 0, false},
	{"MAIL", "MAIL FROM:<a@b>", SMTP_MAIL, "", "a@b", -1, 0, false},
	{"MAIL in small letters", "mail from:<a@B>", SMTP_MAIL, "", "a@b", -1,
	 0, false},
	{"null sender", "MAIL FROM:<>", SMTP_MAIL, "", "", -1, 0, false},
	{"space behind the colon", "MAIL FROM: <a@b>", SMTP_MAIL, "", "a@b", -1,
	 0, false},
	{"SIZE", "MAIL FROM:<a@b> SIZE=1000", SMTP_MAIL, "", "a@b", 1000, 0,
	 false},
	{"SIZE zero", "MAIL FROM:<a@b> size=0", SMTP_MAIL, "", "a@b", 0, 0,
	 false},
	{"SIZE of 20 digits", "MAIL FROM:<> SIZE=99999999999999999999",
	 SMTP_MAIL, "", "", 999999999999999999, 0, false},
	{"BODY", "MAIL FROM:<a@b> BODY=8bitmime SIZE=1", SMTP_MAIL, "", "a@b",
	 1, SMTP_BODY_8BITMIME, false},
	{"BODY 7BIT", "MAIL FROM:<a@b> BODY=7BIT", SMTP_MAIL, "", "a@b", -1,
	 SMTP_BODY_7BIT, false},
	{"space in quotes", "MAIL FROM:<\"a SIZE=3> b\"@c>  SIZE=1 ", SMTP_MAIL,
	 "", "\"a SIZE=3> b\"@c", 1, 0, false},
	{"SMTPUTF8", "MAIL FROM:<\xc3\xa9@b> smtputf8", SMTP_MAIL, "",
	 "\xc3\xa9@b", -1, 0, false},
	{"RCPT", "RCPT TO:<a@b>", SMTP_RCPT, "", "a@b", -1, 0, false},
	{"RCPT postmaster", "RCPT TO:<Postmaster>", SMTP_RCPT, "", "Postmaster",
	 -1, 0, false},
	{"RCPT source route", "RCPT TO:<@x,@y:a@b>", SMTP_RCPT, "", "a@b", -1,
	 0, false},
	{"DATA", "DATA", SMTP_DATA, "", "", -1, 0, false},
	{"DATA and spaces", "DATA  ", SMTP_DATA, "", "", -1, 0, false},
	{"BDAT", "BDAT 0", SMTP_BDAT, "", "", -1, 0, false},
	{"BDAT LAST", "bdat 123 last", SMTP_BDAT, "", "", -1, 0, false},
	{"RSET", "rset", SMTP_RSET, "", "", -1, 0, false},
	{"NOOP", "NOOP", SMTP_NOOP, "", "", -1, 0, false},
	{"NOOP with words", "NOOP what ever", SMTP_NOOP, "what ever", "", -1, 0,
	 false},
	{"VRFY", "VRFY anna", SMTP_VRFY, "anna", "", -1, 0, false},
	{"HELP", "HELP", SMTP_HELP, "", "", -1, 0, false},
	{"HELP MAIL", "HELP MAIL", SMTP_HELP, "MAIL", "", -1, 0, false},
	{"QUIT", "Quit", SMTP_QUIT, "", "", -1, 0, false},
	{"XOUTCOME", "XOUTCOME 1f2e", SMTP_XOUTCOME, "1f2e", "", -1, 0, false},
	{"empty line", "", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"nonsense", "FROB x", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"longer than a verb", "DATAX", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"shorter than a verb", "DAT", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"the name of none", "unknown", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"space first", " NOOP", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"tab behind the verb", "NOOP\tx", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"a colon alone", ":", SMTP_UNKNOWN, "", "", -1, 0, false},
	{"HTTP GET", "GET / HTTP/1.1", SMTP_UNKNOWN, "", "", -1, 0, true},
	{"HTTP POST", "POST /x HTTP/1.1", SMTP_UNKNOWN, "", "", -1, 0, true},
	{"HTTP connect", "connect a:25 HTTP/1.0", SMTP_UNKNOWN, "", "", -1, 0,
	 true},
	{"HTTP field", "Host: mx", SMTP_UNKNOWN, "", "", -1, 0, true},
	{"mail field", "Subject:", SMTP_UNKNOWN, "", "", -1, 0, true},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(good_rows); i++) {
		const struct good_row *row = &good_rows[i];
		struct arena arena;
		struct smtp_command c;
		struct reply reply;
		size_t len = strlen(row->in);
		char *in = malloc(len + 1);

		print_message("%s\n", row->name);
		arena_init(&arena);
		memcpy(in, row->in, len);
		in = realloc(in, len > 0 ? len : 1);
		assert_int_equal(
			smtp_command_parse(in, len, &arena, &c, &reply), 0);
		free(in);
		assert_int_equal(c.verb, row->verb);
		assert_string_equal(c.arg, row->arg);
		assert_string_equal(address_text(&c.address, &arena),
				    row->address);
		if (row->size < INT64_C(999999999999999999))
			assert_int_equal(c.size, row->size);
		else
			assert_true(c.size > INT64_C(900000000000000000));
		assert_int_equal(c.body, row->body);
		assert_int_equal(c.foreign, row->foreign);
		arena_done(&arena);
	}
}

static const struct {
	const char *name, *in;
	size_t in_len;
	enum smtp_verb verb;
	const char *reply; /* begins so */
} bad_rows[] = {
	{"EHLO alone", STR("EHLO"), SMTP_EHLO, "501 5.5.4 say EHLO and the"},
	{"EHLO two words", STR("EHLO a b"), SMTP_EHLO, "501 5.5.4 say EHLO"},
	{"HELO bad name", STR("HELO <script>"), SMTP_HELO,
	 "501 5.5.4 say HELO"},
	{"EHLO control character", STR("EHLO a\033b"), SMTP_EHLO,
	 "501 5.5.4 say EHLO"},
	{"MAIL alone", STR("MAIL"), SMTP_MAIL,
	 "501 5.5.4 say MAIL FROM:<address>"},
	{"MAIL to", STR("MAIL TO:<a@b>"), SMTP_MAIL,
	 "501 5.5.4 say MAIL FROM:"},
	{"MAIL space before the colon", STR("MAIL FROM :<a@b>"), SMTP_MAIL,
	 "501 5.5.4 say MAIL FROM:"},
	{"MAIL nothing", STR("MAIL FROM:"), SMTP_MAIL,
	 "501 5.1.7 bad address: the address needs <angle"},
	{"MAIL without brackets", STR("MAIL FROM:a@b"), SMTP_MAIL,
	 "501 5.1.7 bad address: the address needs <angle"},
	{"MAIL with a name", STR("MAIL FROM:Anna <a@b>"), SMTP_MAIL,
	 "501 5.1.7 bad address: the address needs <angle"},
	{"MAIL NUL", STR("MAIL FROM:<a\0@b>"), SMTP_MAIL,
	 "501 5.1.7 bad address: control"},
	{"MAIL CR", STR("MAIL FROM:<a\r@b>"), SMTP_MAIL,
	 "501 5.1.7 bad address: control"},
	{"MAIL text at once", STR("MAIL FROM:<a@b>SIZE=1"), SMTP_MAIL,
	 "501 5.5.4 a space must follow"},
	{"SIZE nothing", STR("MAIL FROM:<a@b> SIZE="), SMTP_MAIL,
	 "501 5.5.4 say SIZE="},
	{"SIZE alone", STR("MAIL FROM:<a@b> SIZE"), SMTP_MAIL,
	 "501 5.5.4 say SIZE="},
	{"SIZE letters", STR("MAIL FROM:<a@b> SIZE=1k"), SMTP_MAIL,
	 "501 5.5.4 say SIZE="},
	{"SIZE negative", STR("MAIL FROM:<a@b> SIZE=-1"), SMTP_MAIL,
	 "501 5.5.4 say SIZE="},
	{"SIZE of 21 digits", STR("MAIL FROM:<> SIZE=100000000000000000000"),
	 SMTP_MAIL, "501 5.5.4 say SIZE="},
	{"SIZE twice", STR("MAIL FROM:<a@b> SIZE=1 SIZE=2"), SMTP_MAIL,
	 "501 5.5.4 say SIZE="},
	{"BODY binary", STR("MAIL FROM:<a@b> BODY=BINARYMIME"), SMTP_MAIL,
	 "501 5.5.4 BODY is"},
	{"SMTPUTF8 with a value", STR("MAIL FROM:<a@b> SMTPUTF8=1"), SMTP_MAIL,
	 "501 5.5.4 say SMTPUTF8 once"},
	{"SMTPUTF8 with nothing", STR("MAIL FROM:<a@b> SMTPUTF8="), SMTP_MAIL,
	 "501 5.5.4 say SMTPUTF8 once"},
	{"SMTPUTF8 at RCPT", STR("RCPT TO:<a@b> SMTPUTF8"), SMTP_RCPT,
	 "555 5.5.4 RCPT parameter SMTPUTF8"},
	{"MAIL unknown", STR("MAIL FROM:<a@b> FROB"), SMTP_MAIL,
	 "555 5.5.4 MAIL parameter FROB is not"},
	{"MAIL unknown, value", STR("MAIL FROM:<a@b> FOO=FULL"), SMTP_MAIL,
	 "555 5.5.4 MAIL parameter FOO is not"},
	{"MAIL unknown, ugly", STR("MAIL FROM:<a@b> X\033\x80=1"), SMTP_MAIL,
	 "501 5.5.4 a parameter is KEYWORD"},
	{"MAIL parameter with LF", STR("MAIL FROM:<a@b> X\n250"), SMTP_MAIL,
	 "501 5.5.4 a parameter is KEYWORD"},
	{"MAIL parameter without a name", STR("MAIL FROM:<a@b> =1"), SMTP_MAIL,
	 "501 5.5.4 a parameter is KEYWORD"},
	{"RCPT null", STR("RCPT TO:<>"), SMTP_RCPT,
	 "501 5.1.3 bad address: the address is empty"},
	{"RCPT no domain", STR("RCPT TO:<root@>"), SMTP_RCPT,
	 "501 5.1.3 bad address: the domain is missing"},
	{"RCPT from", STR("RCPT FROM:<a@b>"), SMTP_RCPT,
	 "501 5.5.4 say RCPT TO:<address>"},
	{"RCPT parameter", STR("RCPT TO:<a@b> FOO=NEVER"), SMTP_RCPT,
	 "555 5.5.4 RCPT parameter FOO"},
	{"RCPT SIZE", STR("RCPT TO:<a@b> SIZE=1"), SMTP_RCPT,
	 "555 5.5.4 RCPT parameter SIZE"},
	{"DATA x", STR("DATA x"), SMTP_DATA, "501 5.5.4 DATA stands alone"},
	{"BDAT alone", STR("BDAT"), SMTP_BDAT, "501 5.5.4 say BDAT size"},
	{"BDAT negative", STR("BDAT -1"), SMTP_BDAT, "501 5.5.4 say BDAT size"},
	{"BDAT LAST alone", STR("BDAT LAST"), SMTP_BDAT,
	 "501 5.5.4 say BDAT size"},
	{"BDAT more", STR("BDAT 1 LAST x"), SMTP_BDAT,
	 "501 5.5.4 say BDAT size"},
	{"BDAT other", STR("BDAT 1 FIRST"), SMTP_BDAT,
	 "501 5.5.4 say BDAT size"},
	{"RSET x", STR("RSET x"), SMTP_RSET, "501 5.5.4 RSET stands alone"},
	{"QUIT x", STR("QUIT x"), SMTP_QUIT, "501 5.5.4 QUIT stands alone"},
	{"VRFY alone", STR("VRFY "), SMTP_VRFY, "501 5.5.4 VRFY needs"},
	{"XOUTCOME alone", STR("XOUTCOME"), SMTP_XOUTCOME,
	 "501 5.5.4 XOUTCOME needs"},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bad_rows); i++) {
		struct arena arena;
		struct smtp_command c;
		struct reply reply;
		char line[256];

		print_message("%s\n", bad_rows[i].name);
		arena_init(&arena);
		assert_int_equal(smtp_command_parse(bad_rows[i].in,
						    bad_rows[i].in_len, &arena,
						    &c, &reply),
				 -EINVAL);
		assert_int_equal(c.verb, bad_rows[i].verb);
		reply_line(&reply, line, sizeof(line));
		print_message("\t%s\n", line);
		line[strlen(bad_rows[i].reply)] = '\0';
		assert_string_equal(line, bad_rows[i].reply);
		arena_done(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
