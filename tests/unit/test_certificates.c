/*
 * How long a certificate lasts, in days.
 */
#include "relay/certificates.h"
#include "tests/unit/test.h"

#define DAY INT64_C(86400000)

static void
test_days(void **state)
{
	static const struct {
		int64_t left, days;
	} rows[] = {
		{0, 0},         {DAY - 1, 0}, {DAY, 1},   {14 * DAY - 1, 13},
		{14 * DAY, 14}, {-1, -1},     {-DAY, -1}, {-DAY - 1, -2},
	};
	const int64_t now = INT64_C(1767225600000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(certificates_days(now + rows[i].left, now),
				 rows[i].days);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_days)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
