#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/test.h"

static void
test_ceiling_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_int_equal(buf_append_str(&b, "def"), -EMSGSIZE);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(buf_printf(&b, "%d", 12), 0);
	assert_int_equal(buf_printf(&b, "%d", 3), -EMSGSIZE);
	assert_string_equal(buf_str(&b), "abc12");
	buf_done(&b);
}

static void
test_reserve(void **state)
{
	char *data;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_reserve(&b, 1), 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append_str(&b, "x"), 0);
	assert_int_equal(buf_reserve(&b, 1000), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, 999), 0);
	assert_string_equal(buf_str(&b), "x");
	data = b.data;
	for (int i = 0; i < 999; i++)
		assert_int_equal(buf_append_char(&b, 'y'), 0);
	assert_ptr_equal(b.data, data);
	buf_done(&b);
}

static void
test_consume_and_take(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_append_char(&b, (char)('a' + i % 26)), 0);
	buf_consume(&b, 26);
	assert_int_equal(b.len, 74);
	assert_int_equal(b.data[0], 'a');
	buf_consume(&b, 72);
	s = buf_take(&b);
	assert_string_equal(s, "uv");
	assert_string_equal(buf_str(&b), "");
	free(s);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ceiling_changes_nothing),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_consume_and_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
