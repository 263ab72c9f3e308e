#include "deliver/web_hide.h"

#include <stdio.h>

#include "tests/unit/test.h"

#define HOST "https://hooks.example.org"

static const struct {
	const char *name, *url, *text, *want;
} rows[] = {
	{"the path", HOST "/s3cret", "Cannot POST /s3cret", "Cannot POST ***"},
	{"with its query", HOST "/x?a=b", "no /x?a=b, no /x", "no ***, no /x"},
	{"a query alone", HOST "?t0ken", "no ?t0ken", "no ***"},
	{"a piece", HOST "/services/T0000/B0000/XXXXSECRETXXXX",
	 "no hook: T0000\\/B0000\\/XXXXSECRETXXXX.",
	 "no hook: T0000\\/B0000\\/***."},
	{"several times", HOST "/bot123:AAAABBBBCCCC/sendMessage",
	 "AAAABBBBCCCC AAAABBBBCCCCAAAABBBBCCCC", "*** ******"},
	{"a parameter", HOST "/x?sp=a&sig=0123456789ab", "sig: 0123456789ab",
	 "sig: ***"},
	{"a password", "https://anna:hush@x.example/y", "anna:hush is nobody",
	 "anna:*** is nobody"},
	{"none", "https://anna@x.example/y", "anna is nobody",
	 "anna is nobody"},
	{"a token", HOST "/x", "who is `Bearer t0ken`?",
	 "who is `Bearer ***`?"},
	{"what has no word before it", HOST "/x", "of-its-own", "***"},
	{"what is put into bodies", HOST "/x",
	 "no routing_key 0123456789abcdef", "no routing_key ***"},
	{"words", HOST "/", "nothing at / or hooks.example.org",
	 "nothing at / or hooks.example.org"},
	{"nothing", HOST, "", ""},
};

static void
test_hide(void **state)
{
	static const struct endpoint_header headers[] = {
		{"Authorization", "Bearer t0ken"},
		{"X-Other", "of-its-own"},
		{"X-Empty", ""},
	};
	struct endpoint ep = {
		.insert = "\"routing_key\":\"0123456789abcdef\",",
		.nheaders = 3,
		.headers = headers,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[100];

		print_message("%s\n", rows[i].name);
		ep.url = rows[i].url;
		snprintf(text, sizeof(text), "%s", rows[i].text);
		web_hide(&ep, text);
		assert_string_equal(text, rows[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
