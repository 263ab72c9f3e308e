#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "mail/base64.h"

static void
test_both_ways(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfd", "//79"},
		{"\xfb\xf0", "+/A="},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 100);
		assert_int_equal(
			base64_encode(rows[i][0], strlen(rows[i][0]), &b), 0);
		assert_string_equal(buf_str(&b), rows[i][1]);
		buf_clear(&b);
		assert_int_equal(
			base64_decode(rows[i][1], strlen(rows[i][1]), &b), 0);
		assert_string_equal(buf_str(&b), rows[i][0]);
		buf_done(&b);
	}
}

static void
test_none(void **state)
{
	static const char *const rows[] = {
		"Z",        "Zg",   "Zg=",  "Zg===",  "Zh==", "Zm9=", "=Zg=",
		"Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm-v", "Z m9", "Zm9v=",
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 100);
		print_message("%s\n", rows[i]);
		assert_int_equal(base64_decode(rows[i], strlen(rows[i]), &b),
				 -EINVAL);
		buf_done(&b);
	}
	buf_init(&b, 3);
	assert_int_equal(base64_decode("Zm9vYg==", 8, &b), -EMSGSIZE);
	assert_int_equal(base64_encode("foo", 3, &b), -EMSGSIZE);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
