#include "tests/unit/http_kit.h"
#include "tests/unit/test.h"

static const struct http_kit_row rows[] = {
	{"two lengths",
	 "POST /x" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400,
	 NULL},
	{"two different lengths",
	 "POST /x" H "Content-Length: 3\r\ncontent-length: 30\r\n\r\nabc", 400,
	 NULL},
	{"length and encoding",
	 "POST /x" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "0\r\n\r\n",
	 400, NULL},
	{"two encodings",
	 "POST /x" H "Transfer-Encoding: chunked\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	 400, NULL},
	{"two hosts", "GET /x" H "host: other\r\n\r\n", 400, NULL},
	{"unknown encoding",
	 "POST /x" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
	 NULL},
	{"a compressed body",
	 "POST /x" H "Content-Length: 3\r\ncontent-encoding: gzip\r\n\r\nabc",
	 415, "without a Content-Encoding"},
	{"one that is not",
	 "POST /x" H "Content-Length: 3\r\nContent-Encoding: identity\r\n\r\n"
	 "abc",
	 200, "body=3:abc"},
	{"compressed, and not",
	 "POST /x" H "Content-Encoding: br\r\nContent-Encoding: identity\r\n"
	 "Content-Length: 3\r\n\r\nabc",
	 415, NULL},
	{"length over the ceiling", "POST /x" H "Content-Length: 1001\r\n\r\n",
	 413, NULL},
	{"length that does not fit",
	 "POST /x" H "Content-Length: 99999999999999999999999\r\n\r\n", 413,
	 NULL},
	{"length that is no number",
	 "POST /x" H "Content-Length: -3\r\n\r\nabc", 400, NULL},
	{"length with a sign", "POST /x" H "Content-Length: +3\r\n\r\nabc", 400,
	 NULL},
	{"length twice in one field",
	 "POST /x" H "Content-Length: 3, 3\r\n\r\nabc", 400, NULL},
	{"a space before the colon",
	 "POST /x" H "Content-Length : 3\r\n\r\nabc", 400, NULL},
	{"a folded encoding",
	 "POST /x" H "Transfer-Encoding:\r\n chunked\r\n\r\n"
	 "1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"an encoding with a rest",
	 "POST /x" H "Transfer-Encoding: chunked\v\r\n\r\n0\r\n\r\n", 400,
	 NULL},
	{"an encoding for HTTP/1.0",
	 "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk of a hexadecimal prefix",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "0x1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk with a sign",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "+1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk without its end",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "1\r\nab0\r\n\r\n",
	 400, NULL},
	{"a length in the trailer",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "1\r\na\r\n0\r\nContent-Length: 50\r\n\r\n",
	 200, "body=1:a"},
	{"a field that is only like one of them",
	 "POST /x" H "X-Content-Length: 5\r\n\r\n", 200, "body=0:"},
	{"a bare CR ends no line",
	 "POST /x" H "X: y\rContent-Length: 3\r\n\r\nabc", 400, NULL},
};

static void
test_framing(void **state)
{
	(void)state;
	http_kit_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
