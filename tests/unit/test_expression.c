#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/expression.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name, *text;
	unsigned flags;
	const char *subject;
	enum expression_result result;
} rows[] = {
	{"plain", "b", 0, "abc", EXPRESSION_YES},
	{"plain, not there", "d", 0, "abc", EXPRESSION_NO},
	{"whole", "b", EXPRESSION_WHOLE, "abc", EXPRESSION_NO},
	{"whole, all of it", "a.c", EXPRESSION_WHOLE, "abc", EXPRESSION_YES},
	{"whole, alternatives", "a|abc", EXPRESSION_WHOLE, "abc",
	 EXPRESSION_YES},
	{"whole, the other", "a|abc", EXPRESSION_WHOLE, "ab", EXPRESSION_NO},
	{"whole, empty", "", EXPRESSION_WHOLE, "", EXPRESSION_YES},
	{"whole, newline at the end", "abc", EXPRESSION_WHOLE, "abc\n",
	 EXPRESSION_NO},
	{"a dot is no newline", "a.c", EXPRESSION_WHOLE, "a\nc", EXPRESSION_NO},
	{"unless asked to be", "(?s)a.c", EXPRESSION_WHOLE, "a\nc",
	 EXPRESSION_YES},
	{"a dot is a carriage return", "a.c", EXPRESSION_WHOLE, "a\rc",
	 EXPRESSION_YES},
	{"letter case", "ABC", 0, "abc", EXPRESSION_NO},
	{"letter case, caseless", "ABC", EXPRESSION_CASELESS, "abc",
	 EXPRESSION_YES},
	{"a dot is a character", "a.c", EXPRESSION_WHOLE,
	 "a\xc3\xbc"
	 "c",
	 EXPRESSION_YES},
	{"no UTF-8", "a.c", EXPRESSION_WHOLE,
	 "a\xff"
	 "c",
	 EXPRESSION_NO},
	{"explosion", "(a+)+", EXPRESSION_WHOLE,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", EXPRESSION_LIMIT},
};

static void
test_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct expression *e = NULL;
		char *why;

		print_message("%s\n", rows[i].name);
		assert_int_equal(
			expression_new(rows[i].text, rows[i].flags, &e, &why),
			0);
		assert_int_equal(expression_match(e, rows[i].subject,
						  strlen(rows[i].subject),
						  NULL),
				 rows[i].result);
		expression_free(&e);
		expression_free(&e);
		expression_free(NULL);
		assert_null(e);
	}
}

/* Many turns of a group are no trouble by themselves. */
static void
test_long(void **state)
{
	static char subject[4000];
	struct expression *e;
	char *why;

	(void)state;
	memset(subject, 'a', sizeof(subject));
	assert_int_equal(
		expression_new("(?:a|(b))*", EXPRESSION_WHOLE, &e, &why), 0);
	assert_int_equal(expression_match(e, subject, sizeof(subject), NULL),
			 EXPRESSION_YES);
	expression_free(&e);
}

static void
test_groups(void **state)
{
	struct expression_groups g;
	struct expression *e;
	char *why;

	(void)state;
	assert_int_equal(expression_new("(a)|(b)(c)", 0, &e, &why), 0);
	assert_int_equal(expression_match(e, "xbc", 3, &g), EXPRESSION_YES);
	assert_int_equal(g.v[0].start, 1);
	assert_int_equal(g.v[0].end, 3);
	assert_int_equal(g.v[1].start, -1);
	assert_int_equal(g.v[2].start, 1);
	assert_int_equal(g.v[3].end, 3);
	assert_int_equal(g.v[4].start, -1);
	expression_free(&e);

	/* More groups than are asked for. */
	assert_int_equal(expression_new("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)", 0,
					&e, &why),
			 0);
	assert_int_equal(expression_match(e, "aaaaaaaaaaa", 11, &g),
			 EXPRESSION_YES);
	assert_int_equal(g.v[9].start, 8);
	expression_free(&e);
}

static void
test_bad(void **state)
{
	char text[EXPRESSION_MAX + 2];
	struct expression *e = NULL;
	char *why = NULL;

	(void)state;
	assert_int_equal(expression_new("(", 0, &e, &why), -EINVAL);
	assert_non_null(strstr(why, "parenthes"));
	free(why);
	assert_int_equal(expression_new("\\C", 0, &e, &why), -EINVAL);
	free(why);
	memset(text, 'a', sizeof(text));
	text[EXPRESSION_MAX + 1] = '\0';
	assert_int_equal(expression_new(text, 0, &e, &why), -EINVAL);
	free(why);
	assert_null(e);
	assert_int_equal(expression_new(text + 1, 0, &e, &why), 0);
	expression_free(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
