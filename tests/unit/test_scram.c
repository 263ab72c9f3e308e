#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "mail/scram.h"

/* The salt of RFC 7677, 3. */
static const uint8_t salt[SCRAM_SALT_LEN] = {
	0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
	0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
};

static void
test_the_example(void **state)
{
	struct scram_keys keys;

	(void)state;
	assert_int_equal(scram_keys_make("pencil", salt, 4096, &keys), 0);
	assert_int_equal(keys.iterations, 4096);
	assert_string_equal(keys.salt, "W22ZaJ0SNY7soEsUEjb6gQ==");
	assert_string_equal(keys.stored,
			    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
	assert_string_equal(keys.server,
			    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

static void
test_prepared(void **state)
{
	struct scram_keys a, b;

	(void)state;
	/* A soft hyphen is mapped to nothing, a wide A to a plain one. */
	assert_int_equal(scram_keys_make("A\xc2\xad"
					 "b",
					 salt, 4096, &a),
			 0);
	assert_int_equal(scram_keys_make("\xef\xbc\xa1"
					 "b",
					 salt, 4096, &b),
			 0);
	assert_string_equal(a.stored, b.stored);
	assert_int_equal(scram_keys_make("\xff", salt, 4096, &a), -EILSEQ);
	assert_int_equal(scram_keys_make("a\tb", salt, 4096, &a), -EILSEQ);
	assert_string_equal(a.stored, b.stored); /* untouched */
}

static void
test_new_salts(void **state)
{
	struct scram_keys a, b;

	(void)state;
	assert_int_equal(scram_keys_make("x", NULL, 4096, &a), 0);
	assert_int_equal(scram_keys_make("x", NULL, 4096, &b), 0);
	assert_int_equal(strlen(a.salt), 24);
	assert_string_not_equal(a.salt, b.salt);
	assert_string_not_equal(a.stored, b.stored);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_example),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_new_salts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
