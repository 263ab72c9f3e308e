#include "tests/unit/test.h"

#include <stdlib.h>

#include "base/rate.h"

static const struct conf_rate three = {.n = 3, .period_ms = 1600};

static void
test_a_burst_and_then_a_wait(void **state)
{
	struct rate r = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rate_opens(&r, &three, 3, 1000), 1000);
		rate_count(&r, &three, 1000);
	}
	assert_int_equal(rate_opens(&r, &three, 3, 1000), 2600);
	assert_int_equal(rate_opens(&r, &three, 3, 2599), 2600);
	assert_int_equal(rate_opens(&r, &three, 4, 1000), 1000);
	assert_int_equal(rate_opens(&r, &three, 3, 2600), 2600);
	rate_count(&r, &three, 2600);
	assert_int_equal(r.nspans, 1);
}

/* Those apart come back apart. */
static void
test_one_by_one(void **state)
{
	struct rate r = {0};

	(void)state;
	rate_count(&r, &three, 0);
	rate_count(&r, &three, 500);
	rate_count(&r, &three, 1000);
	assert_int_equal(rate_opens(&r, &three, 3, 1100), 1600);
	assert_int_equal(rate_opens(&r, &three, 2, 1100), 2100);
	assert_int_equal(rate_opens(&r, &three, 1, 1100), 2600);
	rate_count(&r, &three, 1600);
	assert_int_equal(rate_opens(&r, &three, 3, 1600), 2100);
}

static void
test_what_did_not_happen(void **state)
{
	struct rate r = {0};

	(void)state;
	rate_count(&r, &three, 0);
	rate_count(&r, &three, 500);
	rate_count(&r, &three, 1000);
	rate_uncount(&r, 500);
	assert_int_equal(rate_opens(&r, &three, 3, 1000), 1000);
	assert_int_equal(rate_opens(&r, &three, 2, 1000), 1600);
	/* Long ago, or never counted. */
	rate_uncount(&r, 700);
	rate_uncount(&r, -5);
	assert_int_equal(rate_opens(&r, &three, 2, 1000), 1600);
}

/* A longer period than that of what was counted. */
static void
test_another_rate(void **state)
{
	static const struct conf_rate longer = {.n = 40, .period_ms = 16000};
	struct rate r = {0};

	(void)state;
	for (int i = 0; i < RATE_SPANS - 1; i++)
		rate_count(&r, &three, i * 100);
	for (int i = 0; i < 24; i++) {
		assert_int_equal(rate_opens(&r, &longer, 40, 10000 + i * 100),
				 10000 + i * 100);
		rate_count(&r, &longer, 10000 + i * 100);
	}
	assert_int_equal(r.nspans, RATE_SPANS);
	assert_int_equal(rate_opens(&r, &longer, 40, 12300), 16000);
	assert_int_equal(rate_opens(&r, &longer, 1, 12300), 28300);
}

/* Whenever they come: never more than that in any period, and not much less. */
static void
check_strict(int64_t n, int64_t period_ms, int64_t step_ms)
{
	enum { LONG = 4000 };
	const struct conf_rate conf = {.n = n, .period_ms = period_ms};
	static int64_t at[LONG];
	struct rate r = {0};
	int64_t now = 0;

	for (int64_t i = 0; i < LONG; i++) {
		now = rate_opens(&r, &conf, n, now + random() % (step_ms + 1));
		rate_count(&r, &conf, now);
		at[i] = now;
		if (i >= n && at[i] - at[i - n] < period_ms)
			fail_msg("%d in %d of %d", (int)n + 1,
				 (int)(at[i] - at[i - n]), (int)period_ms);
	}
	if (step_ms == 0)
		assert_true(now <= LONG / n * (period_ms + period_ms / 16));
}

static void
test_strict(void **state)
{
	static const struct {
		int64_t n, period_ms, step_ms;
	} row[] = {
		{1, 1000, 0},
		{1, 7, 3},
		{3, 1600, 0},
		{3, 1600, 900},
		{100, 60000, 0},
		{100, 60000, 700},
		{50, 1000, 25},
		{1000, 999, 0},
		{5, 1, 1},
		{7, 60000, 9000},
		{200, 3600000, 30000},
	};

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		check_strict(row[i].n, row[i].period_ms, row[i].step_ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_and_then_a_wait),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_what_did_not_happen),
		cmocka_unit_test(test_another_rate),
		cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
