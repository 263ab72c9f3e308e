#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"
#include "verdict/received_spf.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name;
	struct spf_verdict verdict;
	enum spf_scope scope;
	const char *client_ip, *helo, *sender;
	const char *out;
} rows[] = {
	{"pass",
	 {.result = SPF_PASS,
	  .domain = "example.com",
	  .term = "ip4:192.0.2.0/24",
	  .why = ""},
	 SPF_MAIL_FROM,
	 "192.0.2.1",
	 "mail.example.com",
	 "anna@example.com",
	 " pass (mx.example.org: example.com designates 192.0.2.1 as\r\n"
	 "\tpermitted sender) client-ip=192.0.2.1;\r\n"
	 "\tenvelope-from=\"anna@example.com\"; helo=mail.example.com;\r\n"
	 "\treceiver=mx.example.org; mechanism=\"ip4:192.0.2.0/24\";\r\n"
	 "\tidentity=mailfrom;"},
	{"an error, over IPv6, of HELO",
	 {.result = SPF_PERMERROR,
	  .domain = "example.com",
	  .term = "",
	  .why = "a (bad) \"term\""},
	 SPF_HELO,
	 "2001:db8::1",
	 "a..b",
	 "",
	 " permerror (mx.example.org: example.com has a record of no use\r\n"
	 "\tfor 2001:db8::1) client-ip=\"2001:db8::1\"; envelope-from=\"\";"
	 "\r\n\thelo=\"a..b\"; receiver=mx.example.org; problem=\"a (bad) "
	 "\\\"term\\\"\";"
	 "\r\n\tidentity=helo;"},
	{"what would break out",
	 {.result = SPF_NONE, .domain = "a)\r\nX: y", .term = "", .why = ""},
	 SPF_MAIL_FROM,
	 "192.0.2.1",
	 "h\r\nX: y",
	 "\"a\\\";\"@b",
	 " none (mx.example.org: a'?\?X: y has no record for 192.0.2.1)\r\n"
	 "\tclient-ip=192.0.2.1; envelope-from=\"\\\"a\\\\\\\";\\\"@b\"; "
	 "helo=\"h?\?X: y\";"
	 "\r\n\treceiver=mx.example.org; identity=mailfrom;"},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct received_spf r = {
			.verdict = &rows[i].verdict,
			.scope = rows[i].scope,
			.client_ip = rows[i].client_ip,
			.helo = rows[i].helo,
			.sender = rows[i].sender,
			.receiver = "mx.example.org",
		};
		struct buf out;

		print_message("%s\n", rows[i].name);
		buf_init(&out, 4096);
		assert_int_equal(received_spf_write(&r, false, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].out);
		buf_done(&out);

		buf_init(&out, strlen(rows[i].out) - 1);
		assert_int_equal(received_spf_write(&r, false, &out),
				 -EMSGSIZE);
		assert_int_equal(out.len, 0);
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
