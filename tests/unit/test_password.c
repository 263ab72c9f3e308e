#include "tests/unit/test.h"

#include <string.h>

#include "base/password.h"

static void
test_a_hash_of_ours(void **state)
{
	char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(password_hash("p\xff ss: w", one), 0);
	assert_int_equal(password_hash("p\xff ss: w", two), 0);
	assert_int_equal(strncmp(one, "$y$", 3), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(password_kind_of(one), PASSWORD_GOOD);
	assert_true(password_matches(one, "p\xff ss: w"));
	assert_true(password_matches(two, "p\xff ss: w"));
	assert_false(password_matches(one, "p\xff ss: W"));
	assert_false(password_matches(one, ""));
}

static void
test_what_others_made(void **state)
{
	static const struct {
		const char *hash;
		enum password_kind kind;
		bool secret;
	} rows[] = {
		{"$6$saltstring$"
		 "7gwjpbKIZzWZWLqr0RS0nhx5FKm54YR/"
		 "uIqQ2k5UKy7wFCQbMkfFzYZh1wkR8YaRkZ8kQW7ZfZ1bq0WmZ6pCk1",
		 PASSWORD_GOOD, false},
		{"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", PASSWORD_WEAK, true},
		{"", PASSWORD_NONE, false},
		{"*", PASSWORD_NONE, false},
		{"password", PASSWORD_WEAK, false},
		{"{SSHA}abc", PASSWORD_NONE, false},
		{"$y$", PASSWORD_GOOD, false},
		{"x", PASSWORD_NONE, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].hash);
		assert_int_equal(password_kind_of(rows[i].hash), rows[i].kind);
		assert_int_equal(password_matches(rows[i].hash, "password"),
				 rows[i].secret);
		assert_false(password_matches(rows[i].hash, "other"));
	}
}

static void
test_lengths(void **state)
{
	char longest[PASSWORD_MAX + 2], hash[PASSWORD_HASH_MAX];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[PASSWORD_MAX + 1] = '\0';
	assert_true(password_hash(longest, hash) < 0);
	assert_false(password_matches("$y$j9T$", longest));
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_hash(longest, hash), 0);
	assert_true(password_matches(hash, longest));
	longest[PASSWORD_MAX - 1] = '\0';
	assert_false(password_matches(hash, longest));
}

static void
test_names(void **state)
{
	char longest[PASSWORD_NAME_MAX + 2];

	(void)state;
	assert_true(password_name_ok("anna@example.org"));
	assert_true(password_name_ok("j\xc3\xb6rg smith"));
	assert_false(password_name_ok(""));
	assert_false(password_name_ok("a\nb"));
	assert_false(password_name_ok("a\x7f"));
	assert_false(password_name_ok("\xc3"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[PASSWORD_NAME_MAX + 1] = '\0';
	assert_false(password_name_ok(longest));
	longest[PASSWORD_NAME_MAX] = '\0';
	assert_true(password_name_ok(longest));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hash_of_ours),
		cmocka_unit_test(test_what_others_made),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
