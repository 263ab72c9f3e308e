#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/matcher.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name, *text;
	const char *again; /* NULL: no list of matchers */
} parse_rows[] = {
	{"one", "a=\"b\"", "a=\"b\""},
	{"each operator", "a=\"1\",b!=\"2\",c=~\"3\",d!~\"4\"",
	 "a=\"1\", b!=\"2\", c=~\"3\", d!~\"4\""},
	{"braces", "{a=\"b\"}", "a=\"b\""},
	{"nothing", "", ""},
	{"nothing in braces", "{}", ""},
	{"bare", "a=b", "a=\"b\""},
	{"bare, empty", "a=", "a=\"\""},
	{"spaces", " { a = b } ", NULL},
	{"spaces within", "{ a = b , c =~ \"d\" }", "a=\"b\", c=~\"d\""},
	{"comma at the end", "a=b,", "a=\"b\""},
	{"comma in quotes", "a=\"b,c\"", "a=\"b,c\""},
	{"two commas", "a=b,,c=d", NULL},
	{"escaped quote", "a=\"b\\\"c\"", "a=\"b\\\"c\""},
	{"escaped quote before a comma", "a=\"b\\\",c\"", "a=\"b\\\",c\""},
	{"backslash at the end", "a=\"b\\\\\"", "a=\"b\\\\\""},
	{"backslash, bare, at the end", "a=b\\", "a=\"b\\\\\""},
	{"backslash before a comma", "a=b\\,c=d", "a=\"b\\\\\", c=\"d\""},
	{"newline", "a=\"b\\nc\"", "a=\"b\\nc\""},
	{"spurious escape", "a=~\"\\d\"", "a=~\"\\\\d\""},
	{"operator in the value", "a==~b", "a=\"=~b\""},
	{"colon in the name", "a:b=c", "a:b=\"c\""},
	{"brace in the value", "a=~\"b{2}\"", "a=~\"b{2}\""},
	{"quote not closed", "a=\"b", NULL},
	{"quote not opened", "a=b\"", NULL},
	{"quote inside", "a=\"b\"c\"", NULL},
	{"quote escaped away", "a=\"b\\\"", NULL},
	{"no name", "=b", NULL},
	{"no operator", "a", NULL},
	{"no such operator", "a~b", NULL},
	{"digit first", "9a=b", NULL},
	{"bad expression", "a=~\"(\"", NULL},
	{"no UTF-8", "a=\"\xff\"", NULL},
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(parse_rows); i++) {
		struct matchers m = {.n = 0};
		struct arena arena;
		char *why = NULL;
		int r;

		print_message("%s\n", parse_rows[i].name);
		arena_init(&arena);
		r = matchers_parse(parse_rows[i].text, &arena, &m, &why);
		if (parse_rows[i].again == NULL) {
			assert_int_equal(r, -EINVAL);
			print_message("\t%s\n", why);
			free(why);
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(matchers_text(&m, &arena),
					    parse_rows[i].again);
		}
		matchers_done(&m);
		arena_done(&arena);
	}
	matchers_done(NULL);
}

/* Matched against {alertname="Disk", host="db1", empty_is_none=""}. */
static const struct {
	const char *name, *text;
	bool match;
	unsigned limits;
} match_rows[] = {
	{"none of all", "", true, 0},
	{"equal", "alertname=Disk", true, 0},
	{"equal, letter case", "alertname=disk", false, 0},
	{"not equal", "alertname!=Disk", false, 0},
	{"not equal, another", "alertname!=CPU", true, 0},
	{"all must match", "alertname=Disk,host=db2", false, 0},
	{"all match", "alertname=Disk,host=db1", true, 0},
	{"missing is empty", "cluster=\"\"", true, 0},
	{"missing is not", "cluster!=\"\"", false, 0},
	{"missing, expression", "cluster=~\".*\"", true, 0},
	{"missing, something", "cluster=~\".+\"", false, 0},
	{"missing, not something", "cluster!~\".+\"", true, 0},
	{"expression", "host=~\"db[0-9]\"", true, 0},
	{"expression of the whole", "host=~\"db\"", false, 0},
	{"expression, not", "host!~\"db[0-9]\"", false, 0},
	{"alternatives", "host=~\"web|db1\"", true, 0},
	{"limit", "x=~\"(a+)+\"", true, 1},
	{"limit, not", "x!~\"(a+)+\"", true, 1},
	{"limit, and another", "x=~\"(a+)+\",host=db2", false, 1},
};

static void
test_match(void **state)
{
	struct labels_builder b;
	struct labels l;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	labels_builder_init(&b, &arena);
	assert_int_equal(labels_set(&b, "alertname", "Disk"), 0);
	assert_int_equal(labels_set(&b, "host", "db1"), 0);
	assert_int_equal(labels_set(&b, "empty_is_none", ""), 0);
	assert_int_equal(
		labels_set(&b, "x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), 0);
	assert_int_equal(labels_finish(&b, &l), 0);
	for (size_t i = 0; i < ROWS(match_rows); i++) {
		struct matchers m;
		unsigned limits = 0;
		char *why;

		print_message("%s\n", match_rows[i].name);
		assert_int_equal(
			matchers_parse(match_rows[i].text, &arena, &m, &why),
			0);
		assert_int_equal(matchers_match(&m, &l, &limits),
				 match_rows[i].match);
		assert_int_equal(limits, match_rows[i].limits);
		assert_int_equal(matchers_match(&m, &l, NULL),
				 match_rows[i].match);
		matchers_done(&m);
	}
	arena_done(&arena);
}

static void
test_pack(void **state)
{
	struct matchers m, again, other;
	struct arena arena;
	struct unpack u;
	struct pack p;
	struct buf out;
	char *why;

	(void)state;
	arena_init(&arena);
	buf_init(&out, 1000);
	assert_int_equal(
		matchers_parse("a=b,c=~\"d.*\",e!~f", &arena, &m, &why), 0);
	p = (struct pack){.out = &out};
	matchers_pack(&p, &m);
	unpack_init(&u, out.data, out.len);
	assert_int_equal(matchers_unpack(&u, &arena, &again), 0);
	assert_true(unpack_end(&u));
	assert_true(matchers_equal(&m, &again));
	for (size_t len = 0; len < out.len; len++) {
		unpack_init(&u, out.data, len);
		assert_int_equal(matchers_unpack(&u, &arena, &other), -EBADMSG);
	}
	assert_int_equal(
		matchers_parse("a=b,c=~\"d.*\",e!=f", &arena, &other, &why), 0);
	assert_false(matchers_equal(&m, &other));
	matchers_done(&other);
	matchers_done(&again);
	matchers_done(&m);
	buf_done(&out);
	arena_done(&arena);
}

static void
test_unpack_bad(void **state)
{
	static const struct {
		const char *name;
		uint8_t op;
		const char *label, *value;
	} rows[] = {
		{"no such operator", 4, "a", "b"},
		{"bad expression", MATCHER_REGEX, "a", "("},
		{"no name", MATCHER_EQUAL, "", "b"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct matchers m;
		struct arena arena;
		struct unpack u;
		struct pack p;
		struct buf out;

		print_message("%s\n", rows[i].name);
		arena_init(&arena);
		buf_init(&out, 1000);
		p = (struct pack){.out = &out};
		pack_u16(&p, 1);
		pack_u8(&p, rows[i].op);
		pack_str(&p, rows[i].label);
		pack_str(&p, rows[i].value);
		unpack_init(&u, out.data, out.len);
		assert_int_equal(matchers_unpack(&u, &arena, &m), -EBADMSG);
		buf_done(&out);
		arena_done(&arena);
	}
}

static void
test_limits(void **state)
{
	char text[(MATCHERS_MAX + 1) * 4 + 1];
	struct matchers m;
	struct arena arena;
	char *why;

	(void)state;
	for (size_t i = 0; i <= MATCHERS_MAX; i++)
		memcpy(text + i * 4, "a=b,", 4);
	text[sizeof(text) - 1] = '\0';
	arena_init(&arena);
	assert_int_equal(matchers_parse(text, &arena, &m, &why), -EINVAL);
	free(why);
	assert_int_equal(matchers_parse(text + 4, &arena, &m, &why), 0);
	assert_int_equal(m.n, MATCHERS_MAX);
	matchers_done(&m);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_unpack_bad),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
