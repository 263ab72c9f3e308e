#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mail/smtp_reply.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define STR(s)  (s), sizeof(s) - 1

struct parse_row {
	const char *name, *in;
	size_t in_len;
	int result;
	size_t used;
	int code;
	const char *dsn, *text;
	const char *lines; /* what on_line was told, each with a "|" */
};

static const struct parse_row parse_rows[] = {
	{"plain", STR("250 ok\r\n"), 1, 8, 250, "", "ok", "ok|"},
	{"code alone", STR("250\r\n"), 1, 5, 250, "", "", "|"},
	{"code and space", STR("250 \r\n"), 1, 6, 250, "", "", "|"},
	{"enhanced", STR("550 5.1.1 no such user\r\n"), 1, 24, 550, "5.1.1",
	 "no such user", "no such user|"},
	{"enhanced, long", STR("451 4.777.123 x\r\n"), 1, 17, 451, "4.777.123",
	 "x", "x|"},
	{"enhanced alone", STR("250 2.0.0\r\n"), 1, 11, 250, "2.0.0", "", "|"},
	{"no enhanced: a version", STR("220 5.1.1a\r\n"), 1, 12, 220, "",
	 "5.1.1a", "5.1.1a|"},
	{"no enhanced: class 3", STR("354 3.0.0 go\r\n"), 1, 14, 354, "",
	 "3.0.0 go", "3.0.0 go|"},
	{"no enhanced: four digits", STR("550 5.1.1234 x\r\n"), 1, 16, 550, "",
	 "5.1.1234 x", "5.1.1234 x|"},
	{"no enhanced: two parts", STR("550 5.1 x\r\n"), 1, 11, 550, "",
	 "5.1 x", "5.1 x|"},
	{"EHLO", STR("250-mx\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"), 1, 39,
	 250, "", "mx\nSIZE 1000\nPIPELINING", "mx|SIZE 1000|PIPELINING|"},
	{"enhanced on each line", STR("550-5.7.1 go\r\n550 5.7.1 away\r\n"), 1,
	 30, 550, "5.7.1", "go\naway", "go|away|"},
	{"stops behind one reply", STR("250 a\r\n354 b\r\n"), 1, 7, 250, "",
	 "a", "a|"},
	{"bare LF ends", STR("250-a\n250 b\n"), 1, 12, 250, "", "a\nb", "a|b|"},
	{"contradiction is kept", STR("450 5.0.0 x\r\n"), 1, 13, 450, "5.0.0",
	 "x", "x|"},
	{"control characters", STR("550 a\033[2Jb\rc\0d\te\x7f\r\n"), 1, 19,
	 550, "", "a [2Jb c d e ", "a [2Jb c d e |"},
	{"8 bit", STR("550 gr\xc3\xbc\xdf\r\n"), 1, 11, 550, "", "gr???",
	 "gr???|"},
	{"not whole", STR("250-a\r\n250 b"), 0, 12, 250, "", "a", "a|"},
	{"nothing", STR(""), 0, 0, 0, "", "", ""},
	{"letters", STR("ok\r\n"), -EPROTO, 4, 0, "", "", ""},
	{"HTTP", STR("HTTP/1.1 400 Bad\r\n"), -EPROTO, 18, 0, "", "", ""},
	{"SSH", STR("SSH-2.0-OpenSSH\r\n"), -EPROTO, 17, 0, "", "", ""},
	{"empty line", STR("\r\n"), -EPROTO, 2, 0, "", "", ""},
	{"1xx", STR("150 x\r\n"), -EPROTO, 7, 0, "", "", ""},
	{"6xx", STR("600 x\r\n"), -EPROTO, 7, 0, "", "", ""},
	{"four digits", STR("2500 x\r\n"), -EPROTO, 8, 0, "", "", ""},
	{"tab behind the code", STR("250\tx\r\n"), -EPROTO, 7, 0, "", "", ""},
	{"two digits", STR("25\r\n"), -EPROTO, 4, 0, "", "", ""},
	{"codes differ", STR("250-a\r\n550 b\r\n"), -EPROTO, 14, 250, "", "a",
	 "a|"},
	{"garbage within", STR("250-a\r\nxyz\r\n"), -EPROTO, 12, 250, "", "a",
	 "a|"},
};

static void
gather_line(void *arg, int code, const char *text)
{
	struct buf *lines = arg;

	assert_in_range(code, 200, 599);
	buf_append_str(lines, text);
	buf_append_char(lines, '|');
}

static void
parse_check(const struct parse_row *row, size_t first, size_t step)
{
	struct reply_parser p;
	struct buf lines;
	size_t at = 0, next = first;
	int r = 0;

	buf_init(&lines, 256);
	reply_parser_init(&p);
	p.on_line = gather_line;
	p.arg = &lines;
	while (r == 0 && at < row->in_len) {
		size_t len = next < row->in_len ? next - at : row->in_len - at;
		char *in = malloc(len);
		size_t used;

		memcpy(in, row->in + at, len);
		r = reply_parse(&p, in, len, &used);
		free(in);
		at += used;
		next = at + step;
	}
	assert_int_equal(r, row->result);
	assert_int_equal(at, row->used);
	assert_int_equal(p.reply.code, row->code);
	assert_string_equal(p.reply.dsn, row->dsn);
	assert_string_equal(p.reply.text, row->text);
	assert_string_equal(buf_str(&lines), row->lines);
	buf_done(&lines);
}

static void
test_parse_whole_and_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(parse_rows); i++) {
		const struct parse_row *row = &parse_rows[i];

		print_message("%s\n", row->name);
		parse_check(row, row->in_len, row->in_len);
		parse_check(row, 1, 1);
		for (size_t at = 1; at < row->in_len; at++)
			parse_check(row, at, row->in_len);
	}
}

static void
test_parse_starts_anew(void **state)
{
	static const char in[] = "550-5.1.1 a\r\n550 5.1.1 b\r\n250 c\r\n";
	struct reply_parser p;
	size_t used, more;

	(void)state;
	reply_parser_init(&p);
	assert_int_equal(reply_parse(&p, in, sizeof(in) - 1, &used), 1);
	assert_int_equal(
		reply_parse(&p, in + used, sizeof(in) - 1 - used, &more), 1);
	assert_int_equal(used + more, sizeof(in) - 1);
	assert_int_equal(p.reply.code, 250);
	assert_string_equal(p.reply.dsn, "");
	assert_string_equal(p.reply.text, "c");
}

static void
test_parse_ceilings(void **state)
{
	static char line[REPLY_LINE_MAX + 10];
	struct reply_parser p;
	size_t used;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	reply_parser_init(&p);
	assert_int_equal(reply_parse(&p, line, REPLY_LINE_MAX, &used),
			 -EMSGSIZE);
	memcpy(line + REPLY_LINE_MAX - 2, "\r\n", 2);
	reply_parser_init(&p);
	assert_int_equal(reply_parse(&p, line, sizeof(line), &used), 1);
	assert_int_equal(used, REPLY_LINE_MAX);
	assert_int_equal(strlen(p.reply.text), REPLY_TEXT_MAX - 1);

	reply_parser_init(&p);
	for (int i = 1; i < REPLY_LINES_MAX; i++)
		assert_int_equal(reply_parse(&p, "250-x\r\n", 7, &used), 0);
	assert_int_equal(reply_parse(&p, "250-x\r\n", 7, &used), -EMSGSIZE);
}

static const struct {
	const char *name;
	int code;
	const char *dsn, *text, *line, *effective;
} value_rows[] = {
	{"yes", 250, "2.1.5", "fine", "250 2.1.5 fine", "2.1.5"},
	{"no code given", 550, "", "go", "550 go", "5.0.0"},
	{"contradiction", 450, "5.1.1", "x", "450 5.1.1 x", "4.0.0"},
	{"only codes", 250, "2.0.0", "", "250 2.0.0", "2.0.0"},
	{"neither yes nor no", 354, "", "go", "354 go", "4.0.0"},
	{"nothing said", 0, "", "no answer", "no answer", "4.0.0"},
	{"several lines", 550, "5.7.1", "a\nb", "550 5.7.1 a b", "5.7.1"},
	{"control characters", 550, "", "a\r\nQUIT\033\x80", "550 a  QUIT ?",
	 "5.0.0"},
	{"code too long", 550, "5.1111.1111111", "x", "550 x", "5.0.0"},
};

static void
test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(value_rows); i++) {
		struct reply r, copy;
		char line[64], dsn[REPLY_DSN_MAX];

		print_message("%s\n", value_rows[i].name);
		reply_set(&r, value_rows[i].code, value_rows[i].dsn, "%s",
			  value_rows[i].text);
		reply_copy(&copy, &r);
		reply_line(&copy, line, sizeof(line));
		assert_string_equal(line, value_rows[i].line);
		assert_string_equal(reply_dsn(&copy, dsn),
				    value_rows[i].effective);
		assert_int_equal(reply_ok(&r), r.code == 250);
		assert_int_equal(reply_temporary(&r), r.code == 450);
		assert_int_equal(reply_permanent(&r), r.code == 550);
	}
}

static void
test_line_is_cut(void **state)
{
	struct reply r;
	char line[8];

	(void)state;
	reply_set(&r, 550, "5.1.1", "%02000d", 7);
	assert_int_equal(strlen(r.text), REPLY_TEXT_MAX - 1);
	reply_line(&r, line, sizeof(line));
	assert_string_equal(line, "550 5.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_whole_and_split),
		cmocka_unit_test(test_parse_starts_anew),
		cmocka_unit_test(test_parse_ceilings),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
