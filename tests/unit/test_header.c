#include <stdlib.h>
#include <string.h>

#include "mail/header.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

struct end_row {
	const char *name, *in;
	int result;
	size_t len;
};

static const struct end_row end_rows[] = {
	{"plain", "A: b\r\nC: d\r\n\r\nbody\r\n", 1, 14},
	{"folded", "A: b\r\n c\r\n\td\r\n\r\nx", 1, 16},
	{"only the empty line", "\r\nbody\r\n", 1, 2},
	{"not whole: nothing", "", 0, 0},
	{"not whole: a field", "A: b\r\n", 0, 0},
	{"not whole: half a field", "A: b\r\nC", 0, 0},
	{"not whole: half the empty line", "A: b\r\n\r", 0, 0},
	{"no header", "hello world\r\n\r\n", 1, 0},
	{"continuation of nothing", " a: b\r\n\r\n", 1, 0},
	{"body without an empty line", "A: b\r\nhello\r\n", 1, 6},
	{"mbox line inside", "A: b\r\nFrom x y\r\nC: d\r\n\r\n", 1, 6},
	{"colon first", ": b\r\n\r\n", 1, 0},
	{"blank before the colon", "A : b\r\n\r\n", 1, 9},
	{"two words before the colon", "A b: c\r\n\r\n", 1, 0},
	{"8-bit name", "\xc3\xa4: b\r\n\r\n", 1, 0},
	{"empty value", "A:\r\n\r\n", 1, 6},
	{"a blank line continues", "A: b\r\n \r\nC: d\r\n\r\n", 1, 17},
	{"a blank line is not empty", "A: b\r\n \r\n", 0, 0},
};

/* The data arrive up to SPLIT, then whole; or one more byte each time. */
static void
end_check(const struct end_row *row, size_t split, size_t step)
{
	size_t len = strlen(row->in), scanned = 0, ret_len = 0;
	int r = 0;

	for (size_t have = split; r == 0; have += step) {
		char *in;

		if (have > len)
			have = len;
		in = malloc(have + 1);
		memcpy(in, row->in, have);
		in = realloc(in, have > 0 ? have : 1);
		r = header_end(in, have, &scanned, &ret_len);
		free(in);
		if (r == 0)
			assert_int_equal(scanned, have);
		if (have == len)
			break;
	}
	assert_int_equal(r, row->result);
	assert_int_equal(ret_len, row->len);
}

static void
test_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(end_rows); i++) {
		size_t len = strlen(end_rows[i].in);

		print_message("%s\n", end_rows[i].name);
		end_check(&end_rows[i], 0, 1);
		for (size_t at = 0; at <= len; at++)
			end_check(&end_rows[i], at, len + 1);
	}
}

static const struct {
	const char *name, *in;
	size_t raw_len; /* 0: no field */
	const char *field, *raw, *value;
} field_rows[] = {
	{"plain", "A: b\r\nC: d\r\n", 6, "A", " b", "b"},
	{"folded", "Ab: b\r\n\t c \r\n\r\n", 13, "Ab", " b\r\n\t c ", "b  c"},
	{"empty", "A:\r\n\r\n", 4, "A", "", ""},
	{"cut off", "A: b", 4, "A", " b", "b"},
	{"old custom", "A \t: b\r\n", 8, "A", " b", "b"},
	{"control characters", "A: b\033\x7f\x80\r\n", 9, "A", " b\033\x7f\x80",
	 "b  \x80"},
	{"cut to size", "A: 0123456789abcdef\r\n", 21, "A", " 0123456789abcdef",
	 "0123456789abcde"},
	{"end of the header", "\r\nA: b\r\n", 0, NULL, NULL, NULL},
	{"nothing", "", 0, NULL, NULL, NULL},
	{"body", "hello\r\n", 0, NULL, NULL, NULL},
	{"continuation", " A: b\r\n", 0, NULL, NULL, NULL},
};

static void
test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(field_rows); i++) {
		struct header_field f;
		char value[16];
		size_t len = strlen(field_rows[i].in);
		int r = header_next(field_rows[i].in, len, &f);

		print_message("%s\n", field_rows[i].name);
		assert_int_equal(r, field_rows[i].raw_len > 0);
		if (r == 0)
			continue;
		assert_int_equal(f.raw_len, field_rows[i].raw_len);
		assert_true(header_is(&f, field_rows[i].field));
		assert_false(header_is(&f, "Abc"));
		assert_int_equal(f.value_len, strlen(field_rows[i].raw));
		assert_memory_equal(f.value, field_rows[i].raw, f.value_len);
		assert_string_equal(header_value(&f, value, sizeof(value)),
				    field_rows[i].value);
	}
}

static const struct {
	const char *name, *in;
	struct header_facts facts;
} facts_rows[] = {
	{"nothing", "\r\n", {0}},
	{"all",
	 "Received: a\r\nreceived: b\r\n c\r\nDATE: d\r\n"
	 "Message-Id: <x@y>\r\nFrom: f\r\nSender: s\r\n\r\nDate: x\r\n",
	 {.received = 2,
	  .has_date = true,
	  .has_message_id = true,
	  .has_from = true,
	  .has_sender = true,
	  .message_id = "<x@y>"}},
	{"stops at the empty line", "A: b\r\n\r\nDate: x\r\nFrom: y\r\n", {0}},
	{"folded id",
	 "Message-ID:\r\n <x@y>\r\n",
	 {.has_message_id = true, .message_id = "<x@y>"}},
	{"the first id counts",
	 "Message-ID: <1@y>\r\nMessage-ID: <2@y>\r\n",
	 {.has_message_id = true, .message_id = "<1@y>"}},
	{"names alike", "X-Date: a\r\nDates: b\r\nResent-From: c\r\n", {0}},
	{"bulk", "Precedence: Bulk\r\n", {.bulk = true}},
	{"list", "Precedence: list\r\n", {.bulk = true}},
	{"junk, then another",
	 "Precedence: junk\r\nPrecedence: x\r\n",
	 {.bulk = true}},
	{"List-Id", "List-ID: <a.b>\r\n", {.bulk = true}},
	{"first-class", "Precedence: first-class\r\n", {0}},
	{"bulky", "Precedence: bulky\r\n", {0}},
};

static void
test_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(facts_rows); i++) {
		const struct header_facts *want = &facts_rows[i].facts;
		struct header_facts got;

		print_message("%s\n", facts_rows[i].name);
		header_facts(facts_rows[i].in, strlen(facts_rows[i].in), &got);
		assert_int_equal(got.received, want->received);
		assert_int_equal(got.has_date, want->has_date);
		assert_int_equal(got.has_message_id, want->has_message_id);
		assert_int_equal(got.has_from, want->has_from);
		assert_int_equal(got.has_sender, want->has_sender);
		assert_int_equal(got.bulk, want->bulk);
		assert_string_equal(got.message_id, want->message_id);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
