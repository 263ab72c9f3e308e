#include "base/clock.h"
#include "tests/unit/test.h"

static void
test_formats(void **state)
{
	static const struct {
		int64_t ms;
		const char *rfc5322, *rfc3339;
	} row[] = {
		{0, "Thu, 1 Jan 1970 00:00:00 +0000",
		 "1970-01-01T00:00:00.000Z"},
		{951782399999, "Mon, 28 Feb 2000 23:59:59 +0000",
		 "2000-02-28T23:59:59.999Z"},
		{-1, "Wed, 31 Dec 1969 23:59:59 +0000",
		 "1969-12-31T23:59:59.999Z"},
	};
	char text[CLOCK_RFC5322_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		clock_rfc5322(row[i].ms, text);
		assert_string_equal(text, row[i].rfc5322);
		clock_rfc3339(row[i].ms, text);
		assert_string_equal(text, row[i].rfc3339);
	}
}

static void
test_fixed_clock_moves_by_hand(void **state)
{
	struct clock *c = clock_new_fixed(1000);

	(void)state;
	clock_advance(c, 50);
	assert_int_equal(clock_wall_ms(c), 1050);
	assert_int_equal(clock_mono_ms(c), 50);
	clock_jump(c, -500);
	assert_int_equal(clock_wall_ms(c), 550);
	assert_int_equal(clock_mono_ms(c), 50);
	clock_free(&c);
	assert_null(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_fixed_clock_moves_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
