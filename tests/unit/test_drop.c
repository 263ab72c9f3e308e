#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/drop.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define FIRST   "belfry-drop 1\n"
#define SIZE    "size 000000000000000012\n\n"

struct row {
	const char *name, *in;
	int result;
	const char *why;
};

static const struct row rows[] = {
	{"the least", FIRST "sender \nrecipient a\n" SIZE, 1, NULL},
	{"with all",
	 FIRST "sender a@b\nmail-parameters RET=HDRS\nrecipient c@d\n"
	       "recipient e\nrcpt-parameters NOTIFY=NEVER\n" SIZE,
	 1, NULL},
	{"nothing", "", 0, NULL},
	{"half the first line", "belfry-d", 0, NULL},
	{"another first line", "From: a@b\n", -EINVAL, "not a file of ours"},
	{"another version", "belfry-drop 2\n", -EINVAL,
	 "a version that is not known"},
	{"version 11", "belfry-drop 11\n", -EINVAL,
	 "a version that is not known"},
	{"version x 1", "belfry-drop x 1\n", -EINVAL,
	 "a version that is not known"},
	{"no sender", FIRST "recipient a\n", -EINVAL, "no sender"},
	{"two senders", FIRST "sender a\nsender b\n", -EINVAL, "no recipient"},
	{"no recipient", FIRST "sender a\n" SIZE, -EINVAL, "no recipient"},
	{"an empty recipient", FIRST "sender a\nrecipient \n", -EINVAL,
	 "an empty recipient"},
	{"out of order",
	 FIRST "sender a\nrecipient b\nmail-parameters X\n" SIZE, -EINVAL,
	 "a line that is not known or out of order"},
	{"a CR", FIRST "sender a\r\nrecipient b\n" SIZE, -EINVAL, "no sender"},
	{"short size", FIRST "sender a\nrecipient b\nsize 12\n\n", -EINVAL,
	 "a size that is no number"},
	{"negative size",
	 FIRST "sender a\nrecipient b\nsize -00000000000000012\n\n", -EINVAL,
	 "a size that is no number"},
	{"no empty line",
	 FIRST "sender a\nrecipient b\nsize 000000000000000012\nx", -EINVAL,
	 "no empty line behind the size"},
};

static int
parse(const char *in, size_t len, struct arena *arena,
      struct drop_envelope *ret, size_t *ret_len, const char **why)
{
	char *copy = malloc(len > 0 ? len : 1);
	int r;

	memcpy(copy, in, len);
	r = drop_parse(copy, len, arena, ret, ret_len, why);
	free(copy);
	return r;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *row = &rows[i];
		size_t len = strlen(row->in), used = 0;
		struct drop_envelope env;
		const char *why = NULL;
		struct arena arena;

		print_message("%s\n", row->name);
		arena_init(&arena);
		assert_int_equal(parse(row->in, len, &arena, &env, &used, &why),
				 row->result);
		if (row->why != NULL)
			assert_string_equal(why, row->why);
		if (row->result == 1) {
			assert_int_equal(used, len);
			assert_int_equal(env.size, 12);
		}
		/* However much of a good one is there, it is not wrong. */
		for (size_t n = 0; row->result == 1 && n < len; n++)
			assert_int_equal(
				parse(row->in, n, &arena, &env, &used, &why),
				0);
		arena_done(&arena);
	}
}

static void
test_round(void **state)
{
	static const char *const to[] = {"a@b", "\"c d\"@e", "f"};
	const struct drop_envelope in = {"", "RET=FULL", "NOTIFY=NEVER",
					 3,  to,         123456789012};
	char digits[DROP_SIZE_DIGITS + 1];
	struct drop_envelope out;
	const char *why = NULL;
	size_t at, used;
	struct arena arena;
	struct buf b;

	(void)state;
	arena_init(&arena);
	buf_init(&b, DROP_ENVELOPE_MAX);
	assert_int_equal(drop_write(&in, &b, &at), 0);
	drop_size_text(7, digits);
	assert_memory_equal(b.data + at, "000000123456789012",
			    DROP_SIZE_DIGITS);
	memcpy(b.data + at, digits, DROP_SIZE_DIGITS);
	assert_int_equal(drop_parse(b.data, b.len, &arena, &out, &used, &why),
			 1);
	assert_int_equal(used, b.len);
	assert_string_equal(out.sender, "");
	assert_string_equal(out.mail_params, "RET=FULL");
	assert_string_equal(out.rcpt_params, "NOTIFY=NEVER");
	assert_int_equal(out.nrcpt, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(out.rcpt[i], to[i]);
	assert_int_equal(out.size, 7);
	buf_done(&b);
	arena_done(&arena);
}

static void
test_not_written(void **state)
{
	static const char *const bad[] = {"a\nb", "a\x7f", "a\rb"};
	size_t at;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		const struct drop_envelope as_sender = {bad[i], "",  "",
							1,      bad, 0};
		struct drop_envelope as_rcpt = as_sender;
		struct buf b;

		as_rcpt.sender = "";
		as_rcpt.rcpt = &bad[i];
		buf_init(&b, DROP_ENVELOPE_MAX);
		assert_int_equal(drop_write(&as_sender, &b, &at), -EINVAL);
		assert_int_equal(drop_write(&as_rcpt, &b, &at), -EINVAL);
		buf_done(&b);
	}
}

static void
test_names(void **state)
{
	unsigned char random[DROP_NAME_LEN / 2] = {0x01, 0xab};
	char name[DROP_NAME_LEN + 1];

	(void)state;
	drop_name(random, name);
	assert_string_equal(name, "01ab0000000000000000000000000000");
	assert_true(drop_is_name(name));
	assert_false(drop_is_tmp(name));
	assert_true(drop_is_tmp("01ab0000000000000000000000000000.tmp"));
	assert_false(drop_is_name("01ab0000000000000000000000000000.tmp"));
	assert_false(drop_is_name("01ab000000000000000000000000000"));
	assert_false(drop_is_name("01AB0000000000000000000000000000"));
	assert_false(drop_is_tmp("bad.01ab0000000000000000000000000000"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_not_written),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
