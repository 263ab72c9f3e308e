#include "tests/unit/test.h"

#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *name, *text;
	size_t length;
	uint32_t code;
} rows[] = {
	{"ascii", "a", 1, 'a'},
	{"two bytes", "\xc3\xa4", 2, 0xe4},
	{"three bytes", "\xe2\x82\xac", 3, 0x20ac},
	{"four bytes", "\xf0\x9f\x9a\x80", 4, 0x1f680},
	{"last code point", "\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	{"above the last", "\xf4\x90\x80\x80", 0, 0},
	{"overlong slash", "\xc0\xaf", 0, 0},
	{"overlong three", "\xe0\x80\xaf", 0, 0},
	{"surrogate", "\xed\xa0\x80", 0, 0},
	{"lone continuation", "\x80", 0, 0},
	{"cut off", "\xe2\x82", 0, 0},
	{"no continuation",
	 "\xc3"
	 "a",
	 0, 0},
	{"0xff", "\xff", 0, 0},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code = 0;
		size_t n = utf8_next(rows[i].text, strlen(rows[i].text), &code);

		if (n != rows[i].length || code != rows[i].code)
			fail_msg("%s: %zu U+%04x", rows[i].name, n, code);
	}
}

static void
test_copy(void **state)
{
	static const struct {
		const char *from;
		size_t size;
		const char *to;
	} copies[] = {
		{"", 1, ""},
		{"abc", 4, "abc"},
		{"abcd", 4, "abc"},
		{"a\303\244b", 5, "a\303\244b"},
		{"a\303\244b", 4, "a\303\244"},
		{"a\303\244b", 3, "a"},
		{"\360\237\224\245", 4, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		char to[8];

		utf8_copy(copies[i].from, to, copies[i].size);
		assert_string_equal(to, copies[i].to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
