#include <stdlib.h>
#include <string.h>

#include "mail/dsn_wish.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define N DSN_NOTIFY_NEVER
#define S DSN_NOTIFY_SUCCESS
#define F DSN_NOTIFY_FAILURE
#define D DSN_NOTIFY_DELAY

static const struct {
	const char *in;
	int bits; /* -1: refused */
	const char *out;
} notify_rows[] = {
	{"NEVER", N, "NEVER"},
	{"success", S, "SUCCESS"},
	{"FAILURE,SUCCESS", S | F, "SUCCESS,FAILURE"},
	{"DELAY,FAILURE,SUCCESS", S | F | D, "SUCCESS,FAILURE,DELAY"},
	{"DELAY,DELAY", D, "DELAY"},
	{",,DELAY,", D, "DELAY"},
	{"", -1, NULL},
	{",", -1, NULL},
	{"NEVER,SUCCESS", -1, NULL},
	{"SUCCESSFUL", -1, NULL},
	{"SUCCES", -1, NULL},
	{"SUCCESS;FAILURE", -1, NULL},
};

static void
test_notify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(notify_rows); i++) {
		const char *in = notify_rows[i].in;
		uint8_t bits = 77;
		struct buf out;
		int r = dsn_notify_parse(in, strlen(in), &bits);

		print_message("%s\n", in);
		if (notify_rows[i].bits < 0) {
			assert_true(r < 0);
			assert_int_equal(bits, 77);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(bits, notify_rows[i].bits);
		assert_true(dsn_notify_is_sound(bits));
		buf_init(&out, 100);
		assert_int_equal(dsn_notify_write(bits, &out), 0);
		assert_string_equal(buf_str(&out), notify_rows[i].out);
		buf_done(&out);
	}
	assert_true(dsn_notify_is_sound(0));
	assert_false(dsn_notify_is_sound(N | D));
	assert_false(dsn_notify_is_sound(16));
}

static void
test_ret(void **state)
{
	enum dsn_ret ret = DSN_RET_NONE;

	(void)state;
	assert_int_equal(dsn_ret_parse("full", 4, &ret), 0);
	assert_int_equal(ret, DSN_RET_FULL);
	assert_int_equal(dsn_ret_parse("HDRS,", 4, &ret), 0);
	assert_int_equal(ret, DSN_RET_HDRS);
	assert_true(dsn_ret_parse("", 0, &ret) < 0);
	assert_true(dsn_ret_parse("HDR", 3, &ret) < 0);
	assert_int_equal(ret, DSN_RET_HDRS);
}

static const struct {
	const char *in, *kept, *out; /* KEPT NULL: refused; OUT NULL: as IN */
} orcpt_rows[] = {
	{"rfc822;anna@example.org", "rfc822;anna@example.org", NULL},
	{"RFC822;a+2Bb@c", "RFC822;a+b@c", NULL},
	{"x400;/c=de", NULL, NULL},
	{"x400;/c+3Dde;+41", "x400;/c=de;A", "x400;/c+3Dde;A"},
	{"utf-8;\\x{e4}@example.org", "utf-8;\\x{E4}@example.org",
	 "utf-8;\\x{E4}@example.org"},
	{"UTF-8;b\xc3\xa9+2Ba@c", "utf-8;b\\x{E9}\\x{2B}a@c",
	 "utf-8;b\\x{E9}\\x{2B}a@c"},
	{"utf-8;\xc3", NULL, NULL},
	{"utf-8;\\x{}a", NULL, NULL},
	{"utf-8;\\x{D800}", NULL, NULL},
	{"utf-8;\\x{110000}", NULL, NULL},
	{"utf-8;\\x{41", NULL, NULL},
	{"utf-8;\\x{0A}b", NULL, NULL},
	{"utf-8;\\a", NULL, NULL},
	{"utf-8;a=b", NULL, NULL},
	{"utf-8;a+0A", NULL, NULL},
	{"utf-8;", NULL, NULL},
	{"rfc822", NULL, NULL},
	{"", NULL, NULL},
	{";x", NULL, NULL},
	{"rfc822;", NULL, NULL},
	{"rfc 822;x", NULL, NULL},
	{"a@b;x", NULL, NULL},
	{"rfc822;a+0Ab", NULL, NULL},
	{"rfc822;a b", NULL, NULL},
	{"rfc822;j+C3+BCr@c", "utf-8;j\\x{FC}r@c", "utf-8;j\\x{FC}r@c"},
	{"RFC822;\"j\\+C3+BC+3D\"@c", "utf-8;\"j\\x{5C}\\x{FC}\\x{3D}\"@c",
	 "utf-8;\"j\\x{5C}\\x{FC}\\x{3D}\"@c"},
	{"rfc822;j+C3r@c", NULL, NULL},
	{"rfc822;j+C2+85r@c", NULL, NULL},
	{"x400;j+C3+BCr", NULL, NULL},
};

static void
test_orcpt(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(orcpt_rows); i++) {
		const char *in = orcpt_rows[i].in, *kept = "untouched";
		const char *wanted =
			orcpt_rows[i].out != NULL ? orcpt_rows[i].out : in;
		struct arena arena;
		struct buf out;
		int r;

		print_message("%s\n", in);
		arena_init(&arena);
		buf_init(&out, 1000);
		r = dsn_orcpt_parse(in, strlen(in), &arena, &kept);
		if (orcpt_rows[i].kept == NULL) {
			assert_true(r < 0);
			assert_string_equal(kept, "untouched");
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(kept, orcpt_rows[i].kept);
			assert_int_equal(dsn_orcpt_write(kept, &out), 0);
			assert_string_equal(buf_str(&out), wanted);
		}
		buf_done(&out);
		arena_done(&arena);
	}
}

static void
test_lengths(void **state)
{
	struct arena arena;
	const char *s;
	char text[600];

	(void)state;
	arena_init(&arena);
	memset(text, 'a', sizeof(text));
	assert_int_equal(dsn_envid_parse(text, 100, &arena, &s), 0);
	assert_int_equal(strlen(s), 100);
	assert_true(dsn_envid_parse(text, 101, &arena, &s) < 0);
	assert_true(dsn_envid_parse(text, 0, &arena, &s) < 0);
	memcpy(text, "rfc822;", 7);
	assert_int_equal(dsn_orcpt_parse(text, 500, &arena, &s), 0);
	assert_true(dsn_orcpt_parse(text, 501, &arena, &s) < 0);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_ret),
		cmocka_unit_test(test_orcpt),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
