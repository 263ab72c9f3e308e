#include <string.h>

#include "mail/xtext.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name, *text, *xtext;
	const char *also; /* another form of the same; NULL: none */
} rows[] = {
	{"plain", "anna@example.org", "anna@example.org", NULL},
	{"nothing", "", "", NULL},
	{"plus", "anna+x@example.org", "anna+2Bx@example.org",
	 "anna+2bx@example.org"},
	{"equals", "a=b", "a+3Db", NULL},
	{"blank", "a b", "a+20b", NULL},
	{"the ends", "!~", "!~", "+21+7E"},
	{"quotes", "\"a\\ b\"@c", "\"a\\+20b\"@c", NULL},
};

static void
test_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct arena arena;
		const char *text;
		struct buf out;

		print_message("%s\n", rows[i].name);
		arena_init(&arena);
		buf_init(&out, 100);
		assert_int_equal(xtext_encode(rows[i].text, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].xtext);
		assert_int_equal(xtext_decode(rows[i].xtext,
					      strlen(rows[i].xtext), &arena,
					      &text),
				 0);
		assert_string_equal(text, rows[i].text);
		if (rows[i].also != NULL) {
			assert_int_equal(xtext_decode(rows[i].also,
						      strlen(rows[i].also),
						      &arena, &text),
					 0);
			assert_string_equal(text, rows[i].text);
		}
		buf_done(&out);
		arena_done(&arena);
	}
}

static const struct {
	const char *name, *xtext;
	size_t len;
} bad[] = {
	{"equals", "a=b", 3},        {"blank", "a b", 3},
	{"plus alone", "+", 1},      {"one digit", "a+2", 3},
	{"no digits", "+ZZ", 3},     {"control", "+0A", 3},
	{"NUL", "+00", 3},           {"DEL", "+7F", 3},
	{"above 127", "+C3+A4", 6},  {"8 bit", "\xc3\xa4", 2},
	{"NUL itself", "a\0b", 3},   {"cut off", "+21", 2},
	{"control itself", "\t", 1},
};

static void
test_bad(void **state)
{
	struct arena arena;
	const char *text = "untouched";

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(bad); i++) {
		print_message("%s\n", bad[i].name);
		assert_true(xtext_decode(bad[i].xtext, bad[i].len, &arena,
					 &text) < 0);
		assert_string_equal(text, "untouched");
	}
	arena_done(&arena);
}

static void
test_ceiling(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 5);
	assert_true(xtext_encode("abc def", &out) < 0);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
