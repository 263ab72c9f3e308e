#include "tests/unit/test.h"

#include <string.h>

#include "base/ascii.h"

static void
test_every_octet(void **state)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";

	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		const char *at = i == 0 ? NULL : strchr(upper, c);

		assert_int_equal(ascii_lower(c), at ? lower[at - upper] : c);
	}
}

static void
test_texts(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", ""},
		{"Mail.EXAMPLE.org", "mail.example.org"},
		{"@[`{", "@[`{"},
		{"B\xc3\x9c", "b\xc3\x9c"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(text, rows[i].text, strlen(rows[i].text) + 1);
		ascii_lower_str(text);
		assert_string_equal(text, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
