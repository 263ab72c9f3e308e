#include "net/proxy_header.h"

#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "tests/unit/test.h"

#define ROWS(row) (sizeof(row) / sizeof((row)[0]))

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.7:4660 to 198.51.100.1:25 */
#define FOUR "\xc0\x00\x02\x07\xc6\x33\x64\x01\x12\x34\x00\x19"
/* [2001:db8::7]:4660 to [2001:db8::1]:25 */
#define SIX                                                                    \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x00\x19"

struct row {
	const char *name;
	const char *data;
	size_t len;
	int result;         /* 1, 0 or -EINVAL, of the whole of DATA */
	size_t rest;        /* octets behind the header */
	const char *client; /* NULL: not known */
	const char *server;
};

#define T(text) text, sizeof(text) - 1
#define FROM4   "192.0.2.7:4660", "198.51.100.1:25"
#define FROM6   "[2001:db8::7]:4660", "[2001:db8::1]:25"

static const struct row rows[] = {
	{"v1 over IPv4", T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\n"), 1,
	 0, FROM4},
	{"v1 over IPv6", T("PROXY TCP6 2001:db8::7 2001:db8::1 4660 25\r\n"), 1,
	 0, FROM6},
	{"v1 and what follows",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\nEHLO x\r\n"), 1, 8,
	 FROM4},
	{"v1 over IPv6, mapped",
	 T("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 4660 25\r\n"), 1, 0,
	 FROM4},
	{"v1 unknown", T("PROXY UNKNOWN\r\n"), 1, 0, NULL, NULL},
	{"v1 unknown with addresses",
	 T("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), 1,
	 0, NULL, NULL},
	{"v1 port 0", T("PROXY TCP4 192.0.2.7 198.51.100.1 0 25\r\n"), 1, 0,
	 "192.0.2.7:0", "198.51.100.1:25"},
	{"nothing", T(""), 0, 0, NULL, NULL},
	{"v1 begun", T("PRO"), 0, 0, NULL, NULL},
	{"v1 without its end", T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r"),
	 0, 0, NULL, NULL},
	{"v1 that ends in LF", T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 in small letters",
	 T("proxy TCP4 192.0.2.7 198.51.100.1 4660 25\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 over UDP", T("PROXY UDP4 192.0.2.7 198.51.100.1 4660 25\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 IPv6 called IPv4", T("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 IPv4 called IPv6",
	 T("PROXY TCP6 192.0.2.7 198.51.100.1 4660 25\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 with a name", T("PROXY TCP4 localhost 198.51.100.1 4660 25\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 port too high",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 port overflows",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 4294967321 25\r\n"), -EINVAL, 0,
	 NULL, NULL},
	{"v1 port with a zero in front",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 04660 25\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 negative port", T("PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 lacks a port", T("PROXY TCP4 192.0.2.7 198.51.100.1 4660\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"v1 with more than there is",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25 x\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 with two spaces",
	 T("PROXY  TCP4 192.0.2.7 198.51.100.1 4660 25\r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 with a space at its end",
	 T("PROXY TCP4 192.0.2.7 198.51.100.1 4660 25 \r\n"), -EINVAL, 0, NULL,
	 NULL},
	{"v1 with a NUL", T("PROXY UNKNOWN\0\r\n"), -EINVAL, 0, NULL, NULL},
	{"v1 with nothing", T("PROXY \r\n"), -EINVAL, 0, NULL, NULL},
	{"v1 as long as it may be",
	 T("PROXY UNKNOWN 0123456789012345678901234567890123456789"
	   "012345678901234567890123456789012345678901234567890\r\n"),
	 1, 0, NULL, NULL},
	{"v1 that is longer",
	 T("PROXY UNKNOWN 0123456789012345678901234567890123456789"
	   "0123456789012345678901234567890123456789012345678901\r\n"),
	 -EINVAL, 0, NULL, NULL},
	{"SMTP", T("EHLO c.example.org\r\n"), -EINVAL, 0, NULL, NULL},
	{"TLS", T("\x16\x03\x01"), -EINVAL, 0, NULL, NULL},
	{"v2 over IPv4", T(SIGNATURE "\x21\x11\0\x0c" FOUR), 1, 0, FROM4},
	{"v2 over IPv6", T(SIGNATURE "\x21\x21\0\x24" SIX), 1, 0, FROM6},
	{"v2 and what follows",
	 T(SIGNATURE "\x21\x11\0\x0c" FOUR "\x16\x03\x01"), 1, 3, FROM4},
	{"v2 with a field", T(SIGNATURE "\x21\x11\0\x11" FOUR "\x01\0\x02h2"),
	 1, 0, FROM4},
	{"v2 with an empty field",
	 T(SIGNATURE "\x21\x11\0\x0f" FOUR "\x04\0\0"), 1, 0, FROM4},
	{"v2 with a field cut off",
	 T(SIGNATURE "\x21\x11\0\x11" FOUR "\x01\0\x03h2"), -EINVAL, 0, NULL,
	 NULL},
	{"v2 with half a field", T(SIGNATURE "\x21\x11\0\x0e" FOUR "\x01\0"),
	 -EINVAL, 0, NULL, NULL},
	{"v2 with a wrong checksum",
	 T(SIGNATURE "\x21\x11\0\x13" FOUR "\x03\0\x04"
		     "abcd"),
	 -EINVAL, 0, NULL, NULL},
	{"v2 with a short checksum",
	 T(SIGNATURE "\x21\x11\0\x12" FOUR "\x03\0\x03"
		     "abc"),
	 -EINVAL, 0, NULL, NULL},
	{"v2 local", T(SIGNATURE "\x20\0\0\0"), 1, 0, NULL, NULL},
	{"v2 local with addresses", T(SIGNATURE "\x20\x11\0\x0c" FOUR), 1, 0,
	 NULL, NULL},
	{"v2 of a unix socket", T(SIGNATURE "\x21\x31\0\x01x"), 1, 0, NULL,
	 NULL},
	{"v2 of datagrams", T(SIGNATURE "\x21\x12\0\x0c" FOUR), 1, 0, NULL,
	 NULL},
	{"v2 of no family", T(SIGNATURE "\x21\0\0\0"), 1, 0, NULL, NULL},
	{"v2 of another family", T(SIGNATURE "\x21\x41\0\0"), -EINVAL, 0, NULL,
	 NULL},
	{"v2 of another transport", T(SIGNATURE "\x21\x13\0\x0c" FOUR), -EINVAL,
	 0, NULL, NULL},
	{"v2 of another command", T(SIGNATURE "\x22\x11\0\x0c" FOUR), -EINVAL,
	 0, NULL, NULL},
	{"v3", T(SIGNATURE "\x31\x11\0\x0c" FOUR), -EINVAL, 0, NULL, NULL},
	{"v2 short of an address", T(SIGNATURE "\x21\x11\0\x0b" FOUR), -EINVAL,
	 0, NULL, NULL},
	{"v2 that says to be larger than we take",
	 T(SIGNATURE "\x21\x11\x0f\xf1"), -EINVAL, 0, NULL, NULL},
	{"v2 as large as we take", T(SIGNATURE "\x21\x11\x0f\xf0"), 0, 0, NULL,
	 NULL},
	{"v2 begun", T("\r\n\r\n"), 0, 0, NULL, NULL},
	{"v2 cut off", T(SIGNATURE "\x21\x11\0\x0c\xc0"), 0, 0, NULL, NULL},
};

static void
check_address(const struct sockaddr_any *a, const char *wanted)
{
	char text[SOCKADDR_TEXT_MAX];

	if (wanted == NULL) {
		assert_int_equal(a->len, 0);
		return;
	}
	sockaddr_text(a, text);
	assert_string_equal(text, wanted);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *row = &rows[i];
		struct proxy_header header;
		size_t used = 0;

		print_message("%s\n", row->name);
		assert_int_equal(
			proxy_header_parse(row->data, row->len, &header, &used),
			row->result);
		if (row->result <= 0)
			continue;
		assert_int_equal(used, row->len - row->rest);
		assert_int_equal(header.known, row->client != NULL);
		check_address(&header.client, row->client);
		check_address(&header.server, row->server);
	}
}

/* Whoever reads what is there and asks again never reads too much. */
static void
test_every_part_asks_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *row = &rows[i];
		struct proxy_header header;
		size_t used;

		if (row->result <= 0)
			continue;
		for (size_t len = 0; len < row->len - row->rest; len++)
			assert_int_equal(proxy_header_parse(row->data, len,
							    &header, &used),
					 0);
	}
}

static void
test_checksum(void **state)
{
	char data[] = SIGNATURE "\x21\x11\0\x19" FOUR "\x03\0\x04\0\0\0\0"
				"\x04\0\x03xyz";
	size_t len = sizeof(data) - 1, at = 16 + 12 + 3, used;
	struct proxy_header header;
	uint32_t crc = crc32c(0, data, len);

	(void)state;
	for (int i = 0; i < 4; i++)
		data[at + (size_t)i] = (char)(crc >> (24 - 8 * i));
	assert_int_equal(proxy_header_parse(data, len, &header, &used), 1);
	check_address(&header.client, "192.0.2.7:4660");
	for (size_t i = 16; i < len; i++) {
		data[i] ^= 0x01;
		print_message("octet %zu\n", i);
		assert_int_equal(proxy_header_parse(data, len, &header, &used),
				 /* Of another type it is no checksum. */
				 i == at - 3 ? 1 : -EINVAL);
		data[i] ^= 0x01;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_part_asks_for_more),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
