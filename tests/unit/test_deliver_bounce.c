/*
 * The DSN: what stands in it, and how large it gets.
 */
#include <string.h>

#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

struct bounce_row {
	const char *name, *sender;
	size_t header, body, nrcpt;
	bool expired, eight_bit;
	const char *has[4], *lacks[2];
};

static void
make_content(const struct bounce_row *row, struct buf *b)
{
	buf_init(b, 1 << 20);
	for (size_t n = 0; b->len < row->header; n++)
		buf_printf(b, "X-%zu: header field\r\n", n);
	buf_append_str(b, "\r\n");
	for (size_t n = 0; n < row->body; n += 7)
		buf_append_str(b, "b b b\r\n");
	if (row->eight_bit)
		buf_append_str(b, "\xc3\xa4\r\n");
}

static void
check_report(const struct bounce_row *row, const struct fake_report *r)
{
	assert_non_null(r->text);
	assert_string_equal(r->sender, "");
	assert_string_equal(r->to, row->sender);
	assert_string_equal(r->dest, "dest");
	assert_int_equal(r->class, QUEUE_BULK);
	assert_int_equal(r->eight_bit, row->eight_bit);
	if (r->len > (size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
		fail_msg("%s: %zu bytes", row->name, r->len);
	for (size_t n = 0; n < 4 && row->has[n]; n++)
		if (!strstr(r->text, row->has[n]))
			fail_msg("%s: no %s in %s", row->name, row->has[n],
				 r->text);
	for (size_t n = 0; n < 2 && row->lacks[n]; n++)
		if (strstr(r->text, row->lacks[n]))
			fail_msg("%s: %s in %s", row->name, row->lacks[n],
				 r->text);
}

static void
test_bounce(void **state)
{
	static const struct bounce_row row[] = {
		{"small: all of it",
		 "anna@example.org",
		 100,
		 100,
		 2,
		 false,
		 false,
		 {"Final-Recipient: rfc822; r1@example.net", "Status: 5.1.1",
		  "message/rfc822", "b b b"},
		 {NULL}},
		{"large: the header",
		 "anna@example.org",
		 100,
		 100000,
		 1,
		 false,
		 false,
		 {"text/rfc822-headers", "X-0: h", "words of the server"},
		 {"b b b", "message/rfc822"}},
		{"a very large header: its beginning",
		 "anna@example.org",
		 100000,
		 10,
		 1,
		 false,
		 false,
		 {"text/rfc822-headers", "X-0: h"},
		 {"b b b"}},
		{"expired",
		 "anna@example.org",
		 100,
		 100,
		 1,
		 true,
		 false,
		 {"Status: 4.4.7", "450"},
		 {NULL}},
		{"octets above 127",
		 "anna@example.org",
		 100,
		 100,
		 1,
		 false,
		 true,
		 {"Status: 5.1.1"},
		 {NULL}},
		{"many recipients",
		 "anna@example.org",
		 100,
		 40000,
		 200,
		 false,
		 false,
		 {"r0@example.net", "r199@example.net"},
		 {NULL}},
		{"very many recipients: the first half",
		 "anna@example.org",
		 100,
		 100,
		 500,
		 false,
		 false,
		 {"r0@example.net", "r249@example.net"},
		 {"r250@example.net"}},
		{"a DSN", "", 100, 100, 1, false, false, {NULL}, {NULL}},
	};
	struct fake_rig g;

	(void)state;
	fake_rig_init(&g);
	agent_rig_hop(&g.agent, 25);
	fake_rig_start(&g);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_report *r;
		struct buf b;

		make_content(&row[i], &b);
		g.mail.sender = row[i].sender;
		g.mail.content = b.data;
		g.mail.len = b.len;
		g.mail.class = QUEUE_BULK;
		fake_queue_tell(g.queue, g.agent.loops[1], &g.mail,
				row[i].nrcpt, row[i].expired);
		r = fake_queue_take_report(g.queue);
		assert_non_null(r);
		assert_false(r->dropped);
		if (row[i].sender[0] == '\0')
			assert_null(r->text);
		else
			check_report(&row[i], r);
		fake_report_free(&r);
		buf_done(&b);
	}
	fake_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
