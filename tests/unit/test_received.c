#include <errno.h>
#include <string.h>

#include "mail/received.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define NOW     INT64_C(880134906123) /* Fri, 21 Nov 1997 17:55:06 UTC */
#define DATE    "Fri, 21 Nov 1997 17:55:06 +0000\r\n"

static const struct {
	const char *name;
	struct received r;
	const char *out;
} rows[] = {
	{"over TCP",
	 {"client.example", "192.0.2.1", 0, "mx.example.org", "ESMTP", NULL,
	  "1F2E", NULL, NOW},
	 "Received: from client.example ([192.0.2.1])\r\n"
	 "\tby mx.example.org (Belfry)\r\n"
	 "\twith ESMTP id 1F2E;\r\n\t" DATE},
	{"one recipient",
	 {"[192.0.2.1]", "IPv6:2001:db8::1", 0, "mx", "SMTP", NULL, "1", "a@b",
	  NOW},
	 "Received: from [192.0.2.1] ([IPv6:2001:db8::1])\r\n"
	 "\tby mx (Belfry)\r\n"
	 "\twith SMTP id 1\r\n\tfor <a@b>;\r\n\t" DATE},
	{"by uid",
	 {"localhost", NULL, 1000, "mx", "ESMTP", NULL, "1", NULL, NOW},
	 "Received: by mx (Belfry, from userid 1000)\r\n"
	 "\twith ESMTP id 1;\r\n\t" DATE},
	{"a name that would break out",
	 {"a) b\r\nBcc: x;\x80", "192.0.2.1", 0, "mx", "SMTP", NULL, "1", NULL,
	  NOW},
	 "Received: from a??b??Bcc:?x?? ([192.0.2.1])\r\n"
	 "\tby mx (Belfry)\r\n\twith SMTP id 1;\r\n\t" DATE},
	{"no name at all",
	 {"", "192.0.2.1", 0, "mx", "SMTP", NULL, "1", NULL, NOW},
	 "Received: from unknown ([192.0.2.1])\r\n"
	 "\tby mx (Belfry)\r\n\twith SMTP id 1;\r\n\t" DATE},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf out;

		print_message("%s\n", rows[i].name);
		buf_init(&out, 4096);
		assert_int_equal(received_write(&rows[i].r, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].out);
		buf_done(&out);

		buf_init(&out, strlen(rows[i].out) - 1);
		assert_int_equal(received_write(&rows[i].r, &out), -EMSGSIZE);
		assert_int_equal(out.len, 0);
		buf_done(&out);
	}
}

static void
test_others(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(received_write_date(NOW, &out), 0);
	assert_int_equal(received_write_message_id("1F.2", "mx", &out), 0);
	assert_string_equal(buf_str(&out),
			    "Date: " DATE "Message-ID: <1F.2@mx>\r\n");
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
