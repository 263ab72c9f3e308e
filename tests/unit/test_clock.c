#include "base/clock.h"

#include <errno.h>

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
		{INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000",
		 "9999-12-31T23:59:59.999Z"},
		{INT64_MIN, "Sat, 1 Jan 0000 00:00:00 +0000",
		 "0000-01-01T00:00:00.000Z"},
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

static void
test_parse(void **state)
{
	static const struct {
		const char *name, *text;
		int64_t ms;
	} row[] = {
		{"epoch", "1970-01-01T00:00:00Z", 0},
		{"fraction", "2026-11-21T04:04:59.124Z", 1795233899124},
		{"nanoseconds", "2026-11-21T04:04:59.124999999Z",
		 1795233899124},
		{"offset", "2026-11-21T05:04:59+01:00", 1795233899000},
		{"west", "2026-11-20T23:34:59-04:30", 1795233899000},
		{"nobody knows where", "2026-11-21T04:04:59-00:00",
		 1795233899000},
		{"no offset", "2026-11-21 04:04:59.124", 1795233899124},
		{"small letters", "2026-11-21t04:04:59z", 1795233899000},
		{"leap day", "2000-02-29T00:00:00Z", 951782400000},
		{"last of December", "1969-12-31T23:59:59.999Z", -1},
		{"no time of Go", "0001-01-01T00:00:00Z", -62135596800000},
		{"beyond the last", "9999-12-31T23:59:59.999-23:59",
		 253402300799999},
		{"before the first", "0000-01-01T00:00:00+23:59",
		 -62167219200000},
		{"leap second", "2016-12-31T23:59:60Z", 1483228800000},
	};
	static const char *const bad[] = {
		"",
		"2026-11-21",
		"2026-11-21T",
		"2026-11-21T04:04Z",
		"2026-11-21T04:04:59.Z",
		"2026-11-21T04:04:59ZZ",
		"2026-11-21T04:04:59+0100",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T23:60:00Z",
		"2026-11-21T23:59:61Z",
		"-026-11-21T23:59:00Z",
		" 2026-11-21T23:59:00Z",
	};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (clock_rfc3339_parse(bad[i], &ms) != -EINVAL || ms != 7)
			fail_msg("%s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (clock_rfc3339_parse(row[i].text, &ms) != 0 ||
		    ms != row[i].ms)
			fail_msg("%s: %lld", row[i].name, (long long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_fixed_clock_moves_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
