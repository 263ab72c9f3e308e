#include "base/tally.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static const struct conf_rate three = {.n = 3, .period_ms = 60000};
static const struct conf_rate none = {.n = 0};

static bool
take(struct tally *t, const char *key, const struct conf_rate *conf,
     int64_t now)
{
	size_t len = strlen(key);

	if (!tally_has_room(t, key, len, conf, now))
		return false;
	tally_count(t, key, len, conf, now);
	return true;
}

static void
test_each_has_its_own(void **state)
{
	struct tally *t = tally_new(10);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(take(t, "a", &three, 1000));
	assert_false(take(t, "a", &three, 1000));
	assert_false(take(t, "a", &three, 60999));
	assert_true(take(t, "b", &three, 1000));
	assert_true(take(t, "", &three, 1000));
	assert_true(take(t, "a", &three, 61000));
	assert_int_equal(tally_size(t), 3);
	tally_free(&t);
	tally_free(&t);
}

static void
test_no_rate_keeps_nothing(void **state)
{
	struct tally *t = tally_new(10);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(take(t, "a", &none, 1000));
	assert_int_equal(tally_size(t), 0);
	tally_free(&t);
}

/* The ceiling holds, and who was heard last is remembered. */
static void
test_ceiling(void **state)
{
	struct tally *t = tally_new(10);
	char key[16];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(take(t, "a", &three, 1000));
	for (int i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_true(take(t, key, &three, 1000));
	}
	assert_int_equal(tally_size(t), 10);
	assert_false(take(t, "a", &three, 2000));
	tally_count(t, "a", 1, &three, 2000);
	assert_true(take(t, "new", &three, 2000)); /* k0 went, not a */
	assert_int_equal(tally_size(t), 10);
	assert_false(take(t, "a", &three, 2000));
	for (int i = 1; i < 10; i++) {
		snprintf(key, sizeof(key), "n%d", i);
		assert_true(take(t, key, &three, 3000));
	}
	assert_int_equal(tally_size(t), 10);
	assert_true(take(t, "a", &three, 3000)); /* forgotten */
	tally_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_its_own),
		cmocka_unit_test(test_no_rate_keeps_nothing),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
