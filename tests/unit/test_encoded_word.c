#include <errno.h>
#include <string.h>

#include "mail/encoded_word.h"
#include "mail/quoted_printable.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define U10  "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define A10  "aaaaaaaaaa"
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

static const struct row {
	const char *name, *in, *out;
	size_t column;
} rows[] = {
	{"plain", "[london] DiskWillFill on db1",
	 "[london] DiskWillFill on db1", 9},
	{"empty", "", "", 9},
	{"beyond ASCII", "gr\xc3\xbc\xc3\x9f", "=?UTF-8?B?Z3LDvMOf?=", 9},
	{"looks like an encoded word", "a =?x", "=?UTF-8?B?YSA9P3g=?=", 9},
	{"no field of its own", "a\r\nBcc: b@c\tx\x7f", "a  Bcc: b@c x ", 9},
	{"folded at a blank",
	 A10 " " A10 " " A10 " " A10 " " A10 " " A10 " " A10,
	 A10 " " A10 " " A10 " " A10 " " A10 " " A10 "\r\n " A10, 9},
	{"no blank early enough", A100 " b", A100 "\r\n b", 9},
	{"no line of blanks", A100 "   ", A100 "   ", 9},
	{"no blank at all", A100, A100, 9},
	{"the first word is shorter", U10 U10 U10 U10 U10,
	 "=?UTF-8?B?w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7w="
	 "?=\r\n =?UTF-8?B?w7zDvMO8w7zDvMO8?=",
	 9},
	{"no room at all", U10,
	 "=?UTF-8?B?w7zDvA==?=\r\n =?UTF-8?B?w7zDvMO8?=", 74},
};

static void
test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf out;

		buf_init(&out, 4000);
		assert_int_equal(
			encoded_word_text(rows[i].in, rows[i].column, &out), 0);
		if (strcmp(buf_str(&out), rows[i].out) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, buf_str(&out));
		buf_done(&out);
	}
}

/* A word without a blank, longer than a line may be. */
static void
test_long_word(void **state)
{
	struct buf out;
	char word[2001];

	(void)state;
	memset(word, 'a', 2000);
	word[2000] = '\0';
	buf_init(&out, 8000);
	assert_int_equal(encoded_word_text(word, 9, &out), 0);
	for (const char *line = buf_str(&out); line != NULL;
	     line = strstr(line, "\r\n")) {
		line += line[0] == '\r' ? 2 : 0;
		assert_true(strcspn(line, "\r") <= 76);
	}
	buf_done(&out);
	buf_init(&out, 100);
	assert_int_equal(encoded_word_text(word, 9, &out), -EMSGSIZE);
	buf_done(&out);
}

static void
test_phrase(void **state)
{
	static const char *const phrases[][2] = {
		{"Belfry", "Belfry"},
		{"Belfry (london)", "\"Belfry (london)\""},
		{"a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
		{"T\xc3\xbcrmer", "=?UTF-8?B?VMO8cm1lcg==?="},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(phrases); i++) {
		struct buf out;

		buf_init(&out, 100);
		assert_int_equal(encoded_word_phrase(phrases[i][0], &out), 0);
		assert_string_equal(buf_str(&out), phrases[i][1]);
		buf_done(&out);
	}
}

static void
test_quoted(void **state)
{
	static const char *const quoted[][2] = {
		{"a=b \r\n-- \r\n", "a=3Db=20\r\n--=20\r\n"},
		{"gr\xc3\xbc\xc3\x9f", "gr=C3=BC=C3=9F"},
		{A100 "\r\nb",
		 A10 A10 A10 A10 A10 A10 A10 "aaa=\r\n" A10 A10 "aaaaaaa\r\nb"},
		{"a\tb\t", "a\tb=09"},
		{"\x01.", "=01."},
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ROWS(quoted); i++) {
		buf_init(&out, 300);
		assert_int_equal(quoted_printable_encode(quoted[i][0],
							 strlen(quoted[i][0]),
							 &out),
				 0);
		assert_string_equal(buf_str(&out), quoted[i][1]);
		buf_done(&out);
	}
	buf_init(&out, 5);
	assert_int_equal(quoted_printable_encode("\xc3\xbc", 2, &out),
			 -EMSGSIZE);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_long_word),
		cmocka_unit_test(test_phrase),
		cmocka_unit_test(test_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
