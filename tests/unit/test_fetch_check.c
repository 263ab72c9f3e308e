/*
 * What may be asked for, and what an answer says of later.
 */
#include "net/fetch.h"
#include "tests/unit/test.h"

static void
test_check(void **state)
{
	static const struct {
		const char *what, *text, *value;
		bool good;
	} row[] = {
		{"url", "https://hooks.example.com/services/T/B/x", NULL, true},
		{"url", "http://[::1]:8080", NULL, true},
		{"url", "http://user:pass@h.example/", NULL, true},
		{"url",
		 "http://b\xc3\xbc"
		 "cher.example/",
		 NULL, false},
		{"url", "ftp://h.example/", NULL, false},
		{"url", "file:///etc/passwd", NULL, false},
		{"url", "unix:/run/x", NULL, false},
		{"url", "h.example/x", NULL, false},
		{"url", "http://", NULL, false},
		{"url", "http://h.example./", NULL, false},
		{"url", "http://h.example/a b", NULL, false},
		{"url", "http://h.example/a\r\nX: y", NULL, false},
		{"url", "http://h.example:99999/", NULL, false},
		{"url", "", NULL, false},
		{"method", "POST", NULL, true},
		{"method", "M-SEARCH", NULL, true},
		{"method", "post", NULL, false},
		{"method", "", NULL, false},
		{"method", "P T", NULL, false},
		{"method", "CONNECT", NULL, false},
		{"header", "X-Token", "a b\tc", true},
		{"header", "Authorization", "", true},
		{"header", "Title", "Gr\xc3\xbc\xc3\x9f", true},
		{"header", "X Token", "a", false},
		{"header", "", "a", false},
		{"header", "X-Token", "a\r\nHost: b", false},
		{"header", "content-length", "1", false},
		{"header", "Transfer-Encoding", "chunked", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *why =
			row[i].what[0] == 'u' ? fetch_check_url(row[i].text)
			: row[i].what[0] == 'm'
				? fetch_check_method(row[i].text)
				: fetch_check_header(row[i].text, row[i].value);

		if ((why == NULL) != row[i].good)
			fail_msg("%s %s: %s", row[i].what, row[i].text,
				 why ? why : "taken");
	}
}

static void
test_retry_after(void **state)
{
	static const struct {
		const char *value;
		int64_t want_ms;
	} row[] = {
		{"0", 0},
		{"30", 30000},
		{"99999999999999999999", 86400000},
		{"Sun, 22 Nov 2026 10:00:30 GMT", 30000},
		{"Sunday, 22-Nov-26 10:00:30 GMT", 30000},
		{"Sun Nov 22 10:00:30 2026", 30000},
		{"Sun, 22 Nov 2026 09:00:00 GMT", 0},
		{"Sun, 22 Nov 2099 09:00:00 GMT", 86400000},
		{"soon", -1},
		{"", -1},
		{"-5", -1},
		{"3.5", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].value);
		assert_int_equal(
			fetch_retry_after_ms(row[i].value, 1795341600000),
			row[i].want_ms);
	}
}

static void
test_url_host(void **state)
{
	static const struct {
		const char *url, *want;
	} row[] = {
		{"https://hooks.example.com/secret", "hooks.example.com"},
		{"https://u:p@h.example:443/x", "h.example"},
		{"http://h.example:8080/x", "h.example:8080"},
		{"http://[::1]:8080/x", "[::1]:8080"},
		{"no URL", ""},
	};
	char host[100];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fetch_url_host(row[i].url, host, sizeof(host));
		assert_string_equal(host, row[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_url_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
