#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_answer.h"
#include "tests/unit/dns_server.h"
#include "tests/unit/dns_wire.h"
#include "tests/unit/test.h"

#define TYPE_NSEC 47
#define TEXT_MAX  128

/* "RRSIG NSEC NXNAME" and "A RRSIG NSEC", behind the next name: \000.NAME */
#define NSEC_GONE                                                              \
	"\1\0\4gone\4test\0"                                                   \
	"\0\x11\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\x80"
#define NSEC_THERE                                                             \
	"\1\0\5there\4test\0"                                                  \
	"\0\6\x40\0\0\0\0\3"

static const struct dns_row rows[] = {
	{"v4.test", ns_t_a, DNS_DATA("\x0a\0\0\1"), 0},
	{"v4.test", ns_t_a, DNS_DATA("\x0a\0\0\2"), 0},
	{"v6.test", ns_t_aaaa, DNS_DATA("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
	 0},
	{"mail.test", ns_t_mx, DNS_DATA("\0\x0a\1a\4test\0"), 0},
	{"mail.test", ns_t_mx, DNS_DATA("\0\x05\3b c\4test\0"), 0},
	{"mail.test", ns_t_mx, DNS_DATA("\0\x06\3b.c\4test\0"), 0},
	{"nomail.test", ns_t_mx, DNS_DATA("\0\0\0"), 0},
	{"1.2.0.203.in-addr.arpa", ns_t_ptr, DNS_DATA("\4host\4test\0"), 0},
	{"1.0.168.192.in-addr.arpa", ns_t_ptr, DNS_DATA("\3lan\4test\0"), 0},
	{"text.test", ns_t_txt, DNS_DATA("\3v=a\0\2\0b"), 0},
	{"text.test", ns_t_txt, DNS_DATA("\1c"), 0},
	{"odd\\032\\255\\@.test", ns_t_txt, DNS_DATA("\3odd"), 0},
	{"odd\\.dot.test", ns_t_txt, DNS_DATA("\3dot"), 0},
	{"gone.test", TYPE_NSEC, DNS_DATA(NSEC_GONE), 0},
	{"there.test", TYPE_NSEC, DNS_DATA(NSEC_THERE), 0},
	{"empty.test", 0, NULL, 0, 0},
	{"fail.test", 0, NULL, 0, ns_r_servfail},
	{"mute.test", 0, NULL, 0, DNS_ROW_MUTE},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct fixture {
	struct loop *loop;
	struct dns *dns;
	struct dns_server server;
	bool asking;
	int type;
	int calls;
	enum dns_status status;
	bool no_name, authentic;
	char text[8 * TEXT_MAX]; /* the records, in order of their text */
	char why[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new(clock_system());
	dns_server_init(&f->server, f->loop, rows, ROWS);
	f->dns = dns_server_resolver(&f->server, f->loop, 500);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	dns_free(&f->dns);
	dns_server_done(&f->server);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static int
text_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* "PREFERENCE octets", those that don't show as %XX. */
static void
record_text(const struct dns_record *r, int type, char ret[static TEXT_MAX])
{
	size_t at = 0;

	ret[0] = '\0';
	if (type == ns_t_mx)
		at = (size_t)snprintf(ret, TEXT_MAX, "%u ", r->preference);
	for (size_t i = 0; i < r->len && at < TEXT_MAX - 4; i++) {
		unsigned char c = (unsigned char)r->data[i];
		bool shows = c > ' ' && c <= '~';

		at += (size_t)snprintf(ret + at, TEXT_MAX - at,
				       shows ? "%c" : "%%%02X", c);
	}
	assert_int_equal(r->data[r->len], '\0');
}

static void
answered(void *arg, const struct dns_records *found)
{
	struct fixture *f = arg;
	char v[8][TEXT_MAX];
	size_t at = 0;

	assert_false(f->asking);
	assert_in_range(found->n, 0, 8);
	for (size_t i = 0; i < found->n; i++)
		record_text(&found->v[i], f->type, v[i]);
	qsort(v, found->n, sizeof(v[0]), text_compare);
	f->text[0] = '\0';
	for (size_t i = 0; i < found->n; i++)
		at += (size_t)snprintf(f->text + at, sizeof(f->text) - at,
				       "%s%s", i > 0 ? "|" : "", v[i]);
	f->status = found->status;
	f->no_name = found->no_name;
	f->authentic = found->authentic;
	snprintf(f->why, sizeof(f->why), "%s", found->why);
	f->calls++;
	loop_stop(f->loop);
}

static struct dns_query *
ask(struct fixture *f, const char *name, int type)
{
	struct dns_query *q;

	f->asking = true;
	f->type = type;
	q = dns_records(f->dns, name, type, answered, f);
	f->asking = false;
	return q;
}

#define NO_RECORD "the name has no such record"
#define NO_NAME   "the name does not exist"
#define NO_DOMAIN "the name is not a valid domain name"

static void
test_records(void **state)
{
	static const struct {
		const char *name;
		int type;
		enum dns_status status;
		bool no_name;
		const char *text, *why;
	} row[] = {
		{"v4.test", ns_t_a, DNS_OK, false, "%0A%00%00%01|%0A%00%00%02",
		 ""},
		{"V4.Test.", ns_t_a, DNS_OK, false, "%0A%00%00%01|%0A%00%00%02",
		 ""},
		{"v4.test", ns_t_aaaa, DNS_NONE, false, "", NO_RECORD},
		{"v6.test", ns_t_aaaa, DNS_OK, false,
		 "%FD%00%00%00%00%00%00%00%00%00%00%00%00%00%00%01", ""},
		{"mail.test", ns_t_mx, DNS_OK, false, "10 a.test|5 b%20c.test",
		 ""},
		{"nomail.test", ns_t_mx, DNS_OK, false, "0 ", ""},
		{"1.2.0.203.in-addr.arpa", ns_t_ptr, DNS_OK, false, "host.test",
		 ""},
		{"1.0.168.192.in-addr.arpa", ns_t_ptr, DNS_OK, false,
		 "lan.test", ""},
		{"text.test", ns_t_txt, DNS_OK, false, "c|v=a%00b", ""},
		{"odd \xff@.test", ns_t_txt, DNS_OK, false, "odd", ""},
		{"odd.dot.test", ns_t_txt, DNS_NONE, true, "", NO_NAME},
		{"odd\\.dot.test", ns_t_txt, DNS_NONE, true, "", NO_NAME},
		{"gone.test", ns_t_txt, DNS_NONE, true, "", NO_NAME},
		{"there.test", ns_t_txt, DNS_NONE, false, "", NO_RECORD},
		{"empty.test", ns_t_txt, DNS_NONE, false, "", NO_RECORD},
		{"nx.test", ns_t_txt, DNS_NONE, true, "", NO_NAME},
		{"fail.test", ns_t_txt, DNS_TEMPFAIL, false, "",
		 "the DNS server failed"},
		{"mute.test", ns_t_txt, DNS_TEMPFAIL, false, "",
		 "no answer from the DNS in time"},
		{"a..test", ns_t_txt, DNS_NONE, true, "", NO_DOMAIN},
		{".", ns_t_txt, DNS_NONE, true, "", NO_DOMAIN},
		{"", ns_t_txt, DNS_NONE, true, "", NO_DOMAIN},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s %d\n", row[i].name, row[i].type);
		f->calls = 0;
		ask(f, row[i].name, row[i].type);
		loop_run(f->loop);
		assert_int_equal(f->calls, 1);
		assert_string_equal(f->why, row[i].why);
		assert_int_equal(f->status, row[i].status);
		assert_int_equal(f->no_name, row[i].no_name);
		assert_string_equal(f->text, row[i].text);
		assert_false(f->authentic);
	}
}

static void
test_cancelled_is_silent(void **state)
{
	struct fixture *f = *state;
	struct dns_query *cached, *mute, *invalid;

	ask(f, "v4.test", ns_t_a);
	loop_run(f->loop);
	cached = ask(f, "v4.test", ns_t_a);
	mute = ask(f, "mute.test", ns_t_a);
	invalid = ask(f, "a..b", ns_t_a);
	dns_cancel(&cached);
	dns_cancel(&mute);
	dns_cancel(&invalid);
	ask(f, "text.test", ns_t_txt);
	loop_run(f->loop);
	assert_int_equal(f->calls, 2);
	assert_string_equal(f->text, "c|v=a%00b");
}

static void
test_names_in_escapes(void **state)
{
	static const struct {
		const char *name, *escaped; /* NULL: no name */
	} row[] = {
		{"a-b_c.Test", "a-b_c.Test"},
		{"a.test.", "a.test"},
		{"a b.\x01\xff\\.test", "a\\032b.\\001\\255\\092.test"},
		{".test", NULL},
		{"a..test", NULL},
		{"a.test..", NULL},
		{"", NULL},
		{".", NULL},
	};
	char escaped[DNS_ESCAPED_MAX], name[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		bool ok = dns_name_escape(row[i].name, escaped);

		assert_int_equal(ok, row[i].escaped != NULL);
		if (ok)
			assert_string_equal(escaped, row[i].escaped);
	}
	memset(name, 0xff, sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	name[253] = '\0';
	assert_true(dns_name_escape(name, escaped));
	assert_int_equal(strlen(escaped), 250 * 4 + 3);
	memcpy(name + 253, "x", 2);
	assert_false(dns_name_escape(name, escaped));
	name[64] = '\0';
	name[63] = 'x';
	assert_false(dns_name_escape(name, escaped));
}

/* Every record of the table, cut short at every octet. */
static void
test_malformed_packets(void **state)
{
	struct arena arena;
	struct dns_records a;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS; i++) {
		const struct dns_row *row = &rows[i];
		struct wire w = {.len = 0};
		int r;

		wire_number(&w, 1, 2);
		wire_number(&w, 0x8180, 2);
		wire_number(&w, 0, 2);
		wire_number(&w, row->type != TYPE_NSEC, 2);
		wire_number(&w, row->type == TYPE_NSEC, 2);
		wire_number(&w, 0, 2);
		wire_record(&w, row->name, row->type, row->len);
		if (row->len > 0)
			memcpy(w.data + w.len, row->data, row->len);
		w.len += row->len;
		for (size_t len = 0; len < w.len; len++) {
			a = (struct dns_records){.n = 0};
			assert_int_equal(dns_answer_records(&a, w.data, len,
							    row->type, &arena),
					 -EBADMSG);
			assert_int_equal(a.n, 0);
		}
		r = dns_answer_records(&a, w.data, w.len, row->type, &arena);
		assert_int_equal(r, strcmp(row->name, "gone.test") == 0
					    ? ns_r_nxdomain
					    : 0);
	}
	arena_done(&arena);
}

/* The data of one record is short or long, though the packet is whole. */
static void
test_malformed_data(void **state)
{
	static const struct {
		int type;
		const char *data;
		size_t len;
	} row[] = {
		{ns_t_a, DNS_DATA("\x0a\0\0")},
		{ns_t_a, DNS_DATA("\x0a\0\0\1\2")},
		{ns_t_aaaa, DNS_DATA("\x0a\0\0\1")},
		{ns_t_mx, DNS_DATA("\0")},
		{ns_t_mx, DNS_DATA("\0\1")},
		{ns_t_mx, DNS_DATA("\0\1\5a")},
		{ns_t_ptr, DNS_DATA("")},
		{ns_t_txt, DNS_DATA("\2a")},
		{ns_t_txt, DNS_DATA("\1a\1")},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct dns_records a = {.n = 0};
		struct wire w = {.len = 0};

		print_message("%zu\n", i);
		wire_number(&w, 1, 2);
		wire_number(&w, 0x8180, 2);
		wire_number(&w, 1, 4);
		wire_number(&w, 0, 4);
		wire_record(&w, "x.test", row[i].type, row[i].len);
		memcpy(w.data + w.len, row[i].data, row[i].len);
		w.len += row[i].len;
		assert_int_equal(dns_answer_records(&a, w.data, w.len,
						    row[i].type, &arena),
				 -EBADMSG);
		assert_int_equal(a.n, 0);
	}
	arena_done(&arena);
}

static void
test_many(void **state)
{
	struct dns_records a = {.n = 0};
	struct wire w = {.len = 0};
	struct arena arena;

	(void)state;
	wire_number(&w, 1, 2);
	wire_number(&w, 0x8180, 2);
	wire_number(&w, DNS_RECORDS_MAX + 5, 4);
	wire_number(&w, 0, 4);
	for (unsigned i = 0; i < DNS_RECORDS_MAX + 5; i++) {
		wire_record(&w, "x.test", ns_t_a, 4);
		wire_number(&w, i, 4);
	}
	arena_init(&arena);
	assert_int_equal(dns_answer_records(&a, w.data, w.len, ns_t_a, &arena),
			 0);
	assert_int_equal(a.n, DNS_RECORDS_MAX);
	assert_int_equal(a.v[99].data[3], 99);
	arena_done(&arena);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_records),
		T(test_cancelled_is_silent),
		cmocka_unit_test(test_names_in_escapes),
		cmocka_unit_test(test_malformed_packets),
		cmocka_unit_test(test_malformed_data),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
