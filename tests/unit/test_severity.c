#include "alert/severity.h"
#include "tests/unit/test.h"

static const struct {
	const char *word;
	enum severity is;
} rows[] = {
	{"critical", SEVERITY_CRITICAL}, {"fatal", SEVERITY_CRITICAL},
	{"page", SEVERITY_CRITICAL},     {"error", SEVERITY_ERROR},
	{"warning", SEVERITY_WARNING},   {"info", SEVERITY_INFO},
	{"debug", SEVERITY_INFO},        {"purple", SEVERITY_UNKNOWN},
	{"", SEVERITY_UNKNOWN},          {NULL, SEVERITY_UNKNOWN},
};

static void
test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (severity_of(rows[i].word) != rows[i].is)
			fail_msg("%s: %s", rows[i].word,
				 severity_names[severity_of(rows[i].word)]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
