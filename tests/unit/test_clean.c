#include "base/clean.h"

#include <string.h>

#include "tests/unit/test.h"

static void
test_text(void **state)
{
	static const struct {
		const char *name, *in;
		size_t max;
		const char *line, *text;
	} row[] = {
		{"nothing", "", 10, "", ""},
		{"blanks", " \t\r\n ", 10, "", ""},
		{"as it is", "a b", 3, "a b", "a b"},
		{"runs of blanks", " a \t b ", 20, "a b", "a \t b"},
		{"lines", "a\r\nb\n\nc\n", 20, "a b c", "a\nb\n\nc"},
		{"line ends of others",
		 "a\xe2\x80\xa8"
		 "b\xc2\x85"
		 "c",
		 20, "a b c", "a\nb\nc"},
		{"control characters",
		 "a\x01\x7f"
		 "b\xc2\x9b"
		 "c",
		 20, "a b c", "a  b c"},
		{"turns",
		 "a\xe2\x80\xae"
		 "b\xe2\x81\xa9 \xe2\x80\xad ",
		 20, "ab", "ab"},
		{"no UTF-8", "a\xff\xc3", 20, "a\xef\xbf\xbd\xef\xbf\xbd",
		 "a\xef\xbf\xbd\xef\xbf\xbd"},
		{"a surrogate", "\xed\xa0\x80", 20,
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"cut", "abcdefgh", 7, "abcd...", "abcd..."},
		{"cut at a character", "ab\xc3\xa4\xc3\xa4\xc3\xa4", 7,
		 "ab\xc3\xa4...", "ab\xc3\xa4..."},
		{"it just fits", "ab\xc3\xa4\xc3\xa4", 6, "ab\xc3\xa4\xc3\xa4",
		 "ab\xc3\xa4\xc3\xa4"},
		{"blanks behind the end", "abcdefg    ", 7, "abcdefg",
		 "abcdefg"},
	};
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = strlen(row[i].in);
		const char *line = clean_line(&a, row[i].in, len, row[i].max);
		const char *text = clean_text(&a, row[i].in, len, row[i].max);

		if (strcmp(line, row[i].line) != 0 ||
		    strcmp(text, row[i].text) != 0)
			fail_msg("%s: \"%s\" \"%s\"", row[i].name, line, text);
	}
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
