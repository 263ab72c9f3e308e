#include "net/sockaddr.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define ROWS(row) (sizeof(row) / sizeof((row)[0]))

static void
test_parse_listen(void **state)
{
	static const struct {
		const char *name, *text;
		size_t n; /* 0: refused */
		const char *first, *second;
	} row[] = {
		{"IPv4", "127.0.0.1:25", 1, "127.0.0.1:25", NULL},
		{"IPv6", "[::1]:8025", 1, "[::1]:8025", NULL},
		{"both families", ":25", 2, "[::]:25", "0.0.0.0:25"},
		{"any port", "127.0.0.1:0", 1, "127.0.0.1:0", NULL},
		{"unix", "unix:/run/x.sock", 1, "unix:/run/x.sock", NULL},
		{"highest port", "[::]:65535", 1, "[::]:65535", NULL},
		{"port too high", "127.0.0.1:65536", 0, NULL, NULL},
		{"port overflows", "127.0.0.1:99999999999999", 0, NULL, NULL},
		{"no port", "127.0.0.1", 0, NULL, NULL},
		{"empty port", "127.0.0.1:", 0, NULL, NULL},
		{"signed port", "127.0.0.1:+25", 0, NULL, NULL},
		{"port with a space", "127.0.0.1: 25", 0, NULL, NULL},
		{"a name", "localhost:25", 0, NULL, NULL},
		{"IPv6 without brackets", "::1:25", 0, NULL, NULL},
		{"IPv4 in brackets", "[127.0.0.1]:25", 0, NULL, NULL},
		{"open bracket", "[::1:25", 0, NULL, NULL},
		{"lone bracket", "[:25", 0, NULL, NULL},
		{"empty brackets", "[]:25", 0, NULL, NULL},
		{"relative path", "unix:run/x.sock", 0, NULL, NULL},
		{"empty path", "unix:", 0, NULL, NULL},
		{"empty", "", 0, NULL, NULL},
		{"colon", ":", 0, NULL, NULL},
	};
	char long_path[200] = "unix:/";

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++) {
		struct sockaddr_any a[2];
		char text[SOCKADDR_TEXT_MAX];
		size_t n = 0;
		int r = sockaddr_parse_listen(row[i].text, a, &n);

		print_message("%s\n", row[i].name);
		assert_int_equal(r, row[i].n > 0 ? 0 : -EINVAL);
		assert_int_equal(n, row[i].n);
		if (n > 0) {
			sockaddr_text(&a[0], text);
			assert_string_equal(text, row[i].first);
		}
		if (n > 1) {
			sockaddr_text(&a[1], text);
			assert_string_equal(text, row[i].second);
		}
	}
	memset(long_path + 6, 'x', sizeof(long_path) - 7);
	assert_int_equal(sockaddr_parse_listen(long_path,
					       (struct sockaddr_any[2]){0},
					       &(size_t){0}),
			 -EINVAL);
}

static void
test_text_and_kind(void **state)
{
	static const struct {
		const char *literal, *ip, *text;
		bool loopback, any;
	} row[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1:25", false, false},
		{"127.8.9.1", "127.8.9.1", "127.8.9.1:25", true, false},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:25", false, true},
		{"2001:db8::1", "2001:db8::1", "[2001:db8::1]:25", false,
		 false},
		{"::1", "::1", "[::1]:25", true, false},
		{"::", "::", "[::]:25", false, true},
		{"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:25", true, false},
		{"::ffff:0.0.0.0", "0.0.0.0", "0.0.0.0:25", false, true},
	};
	struct sockaddr_any nameless = {.ss.ss_family = AF_UNIX,
					.len = sizeof(sa_family_t)};
	char text[SOCKADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++) {
		struct sockaddr_any a;

		print_message("%s\n", row[i].literal);
		assert_int_equal(sockaddr_parse_ip(row[i].literal, 25, &a), 0);
		sockaddr_ip(&a, text);
		assert_string_equal(text, row[i].ip);
		sockaddr_text(&a, text);
		assert_string_equal(text, row[i].text);
		assert_int_equal(sockaddr_port(&a), 25);
		assert_int_equal(a.ss.ss_family,
				 strchr(row[i].ip, ':') ? AF_INET6 : AF_INET);
		assert_int_equal(sockaddr_is_loopback(&a), row[i].loopback);
		assert_int_equal(sockaddr_is_any(&a), row[i].any);
	}
	sockaddr_ip(&nameless, text);
	assert_string_equal(text, "unix");
	sockaddr_text(&nameless, text);
	assert_string_equal(text, "unix:");
	assert_int_equal(sockaddr_port(&nameless), 0);
	assert_true(sockaddr_is_loopback(&nameless));
	assert_false(sockaddr_is_any(&nameless));
}

static void
test_parse_ip_refuses(void **state)
{
	static const char *const row[] = {"",          "localhost", "1.2.3",
					  "1.2.3.4.5", "01.2.3.4x", "::g",
					  "fe80::1%lo"};
	struct sockaddr_any a;

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++)
		assert_int_equal(sockaddr_parse_ip(row[i], 1, &a), -EINVAL);
	assert_int_equal(sockaddr_parse_ip("::1", 65536, &a), -EINVAL);
	assert_int_equal(sockaddr_parse_ip("::1", -1, &a), -EINVAL);
}

static void
test_networks(void **state)
{
	static const struct {
		const char *net, *ip;
		bool has;
	} row[] = {
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.128.0.0/9", "10.127.255.255", false},
		{"10.128.0.0/9", "10.128.0.0", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1/32", "192.0.2.1", true},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "203.0.113.9", false},
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"2001:db8::1", "2001:db8::1", true},
		{"::ffff:10.0.0.0/104", "10.9.9.9", true},
		{"::ffff:10.0.0.1", "10.0.0.1", true},
		{"::ffff:10.0.0.1", "10.0.0.2", false},
	};
	static const char *const bad[] = {
		"10.0.0.1/8",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"2001:db8::1/32",
		"::/129",
		"",
		"/8",
		"10.0.0.0/8/8",
		"x",
		"::ffff:10.0.0.1/32",
	};
	struct network net;

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++) {
		struct network_list list = {1, &net};
		struct sockaddr_any a;

		print_message("%s %s\n", row[i].net, row[i].ip);
		assert_int_equal(network_parse(row[i].net, &net), 0);
		assert_int_equal(sockaddr_parse_ip(row[i].ip, 0, &a), 0);
		assert_int_equal(network_list_has(&list, &a), row[i].has);
		list.n = 0;
		assert_false(network_list_has(&list, &a));
	}
	for (size_t i = 0; i < ROWS(bad); i++) {
		print_message("%s\n", bad[i]);
		assert_int_equal(network_parse(bad[i], &net), -EINVAL);
	}
}

/* Of one site, or not. */
static void
test_sites(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} row[] = {
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"::1", "127.0.0.1", false},
	};
	static const struct sockaddr_any nameless = {.ss.ss_family = AF_UNIX};
	uint8_t a[16], b[16];

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++) {
		struct sockaddr_any addr;

		print_message("%s %s\n", row[i].a, row[i].b);
		assert_int_equal(sockaddr_parse_ip(row[i].a, 1, &addr), 0);
		assert_true(sockaddr_site(&addr, a));
		assert_int_equal(sockaddr_parse_ip(row[i].b, 2, &addr), 0);
		assert_true(sockaddr_site(&addr, b));
		assert_int_equal(memcmp(a, b, sizeof(a)) == 0, row[i].same);
	}
	assert_false(sockaddr_site(&nameless, a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_listen),
		cmocka_unit_test(test_text_and_kind),
		cmocka_unit_test(test_parse_ip_refuses),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
