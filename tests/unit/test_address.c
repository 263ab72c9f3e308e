#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define STR(s)  (s), sizeof(s) - 1

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A63  A50 A10 "aaa"
#define A250 A50 A50 A50 A50 A50

struct path_row {
	const char *name, *in;
	size_t in_len;
	const char *text; /* NULL: refused */
	size_t used;
	const char *why; /* part of the reason */
};

static const struct path_row path_rows[] = {
	{"plain", STR("<anna@example.org>"), "anna@example.org", 18, NULL},
	{"what follows stays", STR("<a@b> SIZE=3"), "a@b", 5, NULL},
	{"domain in lower case", STR("<Anna@EXAMPLE.Org>"), "Anna@example.org",
	 18, NULL},
	{"null", STR("<>"), "", 2, NULL},
	{"postmaster", STR("<PostMaster>"), "PostMaster", 12, NULL},
	{"bare", STR("<root>"), "root", 6, NULL},
	{"bare, quoted", STR("<\"a b\">"), "\"a b\"", 7, NULL},
	{"bare, quoted at", STR("<\"a@b\">"), "\"a@b\"", 7, NULL},
	{"odd atoms", STR("<a+b=c/d!#$%&'*-?^_`{|}~@x.y>"),
	 "a+b=c/d!#$%&'*-?^_`{|}~@x.y", 29, NULL},
	{"dots in the local part", STR("<a.b.c@d>"), "a.b.c@d", 9, NULL},
	{"quoted", STR("<\"a b@c>\"@d>"), "\"a b@c>\"@d", 12, NULL},
	{"quoted quote", STR("<\"a\\\"b\\\\\"@d>"), "\"a\\\"b\\\\\"@d", 12,
	 NULL},
	{"quoted without need", STR("<\"An.na+x\"@d>"), "An.na+x@d", 13, NULL},
	{"backslashes without need", STR("<\"\\a\\ n\"@d>"), "\"a n\"@d", 11,
	 NULL},
	{"quotes and backslashes", STR("<\"an\\na\"@d>"), "anna@d", 11, NULL},
	{"dots in quotes", STR("<\"a..b\"@d>"), "\"a..b\"@d", 10, NULL},
	{"a dot in quotes", STR("<\".a\"@d>"), "\".a\"@d", 8, NULL},
	{"at in quotes, by backslash", STR("<\"a\\@b\"@d>"), "\"a@b\"@d", 10,
	 NULL},
	{"UTF-8, quoted without need", STR("<\"\xc3\xbc\"@c>"), "\xc3\xbc@c", 8,
	 NULL},
	{"postmaster, quoted", STR("<\"postmaster\">"), "postmaster", 14, NULL},
	{"quoted, empty", STR("<\"\"@d>"), "\"\"@d", 6, NULL},
	{"IPv4 literal", STR("<a@[192.0.2.1]>"), "a@[192.0.2.1]", 15, NULL},
	{"IPv6 literal", STR("<a@[IPv6:2001:DB8:0::1]>"),
	 "a@[IPv6:2001:db8::1]", 24, NULL},
	{"tag in small letters", STR("<a@[ipv6:::1]>"), "a@[IPv6:::1]", 14,
	 NULL},
	{"source route", STR("<@one,@two.x:a@b>"), "a@b", 17, NULL},
	{"underscore", STR("<a@my_host.example>"), "a@my_host.example", 19,
	 NULL},
	{"label of 63", STR("<a@" A63 ".b>"), "a@" A63 ".b", 69, NULL},
	{"local of 255", STR("<" A250 "aaaaa@b>"), A250 "aaaaa@b", 259, NULL},

	{"UTF-8", STR("<gr\xc3\xbc\xc3\x9f.\xe4\xbd\xa0@c>"),
	 "gr\xc3\xbc\xc3\x9f.\xe4\xbd\xa0@c", 14, NULL},
	{"UTF-8 in quotes", STR("<\"\xc3\xbc \xf0\x9f\x93\xa7\"@c>"),
	 "\"\xc3\xbc \xf0\x9f\x93\xa7\"@c", 13, NULL},
	{"UTF-8 in the domain",
	 STR("<a@B\xc3\x9c"
	     "cher.Example>"),
	 "a@xn--bcher-kva.example", 19, NULL},
	{"a domain of other full stops",
	 STR("<a@b\xe3\x80\x82"
	     "c>"),
	 "a@b.c", 9, NULL},

	{"no brackets", STR("a@b"), NULL, 0, "angle brackets"},
	{"nothing", STR(""), NULL, 0, "angle brackets"},
	{"open", STR("<"), NULL, 0, "nothing stands before"},
	{"not closed", STR("<a@b"), NULL, 0, "closing >"},
	{"null, not closed", STR("< >"), NULL, 0, "quotes"},
	{"no local part", STR("<@b>"), NULL, 0, "source route"},
	{"no domain", STR("<a@>"), NULL, 0, "domain is missing"},
	{"dot, no at", STR("<anna.>"), NULL, 0, "dot begins"},
	{"literal alone", STR("<[192.0.2.1]>"), NULL, 0, "quotes"},
	{"two at", STR("<a@b@c>"), NULL, 0, "can't stand in a domain"},
	{"space", STR("<a b@c>"), NULL, 0, "quotes"},
	{"space in the domain", STR("<a@b c>"), NULL, 0, "stand in a domain"},
	{"leading dot", STR("<.a@b>"), NULL, 0, "dot begins"},
	{"trailing dot", STR("<a.@b>"), NULL, 0, "dot begins"},
	{"double dot", STR("<a..b@c>"), NULL, 0, "dot begins"},
	{"domain: leading dot", STR("<a@.b>"), NULL, 0, "the domain"},
	{"domain: trailing dot", STR("<a@b.>"), NULL, 0, "the domain"},
	{"domain: double dot", STR("<a@b..c>"), NULL, 0, "the domain"},
	{"domain: hyphen first", STR("<a@-b>"), NULL, 0, "hyphen"},
	{"domain: hyphen last", STR("<a@b-.c>"), NULL, 0, "hyphen"},
	{"domain: an address", STR("<a@192.0.2.1>"), NULL, 0, "brackets"},
	{"label of 64", STR("<a@" A63 "a.b>"), NULL, 0, "label"},
	{"domain of 256", STR("<a@" A50 "." A50 "." A50 "." A50 "." A50 ".b>"),
	 NULL, 0, "too long"},
	{"local of 256", STR("<" A250 "aaaaaa@b>"), NULL, 0, "too long"},
	{"NUL", STR("<a\0b@c>"), NULL, 0, "control"},
	{"NUL in the domain", STR("<a@b\0c>"), NULL, 0, "control"},
	{"CR", STR("<a\rb@c>"), NULL, 0, "control"},
	{"LF in the domain", STR("<a@b\n>"), NULL, 0, "control"},
	{"CR in quotes", STR("<\"a\rb\"@c>"), NULL, 0, "control"},
	{"quoted CR in quotes", STR("<\"a\\\rb\"@c>"), NULL, 0, "control"},
	{"NUL in quotes", STR("<\"a\0\"@c>"), NULL, 0, "control"},
	{"quoted NUL in quotes", STR("<\"a\\\0\"@c>"), NULL, 0, "control"},
	{"tab in quotes", STR("<\"a\tb\"@c>"), NULL, 0, "control"},
	{"DEL", STR("<a\x7f@c>"), NULL, 0, "control"},
	{"not UTF-8", STR("<gr\xfc@c>"), NULL, 0, "UTF-8"},
	{"UTF-8 cut off", STR("<gr\xc3@c>"), NULL, 0, "UTF-8"},
	{"UTF-8 that is too long", STR("<a\xc0\xafz@c>"), NULL, 0, "UTF-8"},
	{"a control character of UTF-8", STR("<a\xc2\x85@c>"), NULL, 0,
	 "UTF-8"},
	{"a surrogate in quotes", STR("<\"\xed\xa0\x80\"@c>"), NULL, 0,
	 "UTF-8"},
	{"a domain that is not UTF-8", STR("<a@\xfc.org>"), NULL, 0,
	 "internationalized"},
	{"a domain of a line separator", STR("<a@a\xe2\x80\xa8.org>"), NULL, 0,
	 "internationalized"},
	{"quote not closed", STR("<\"a@b>"), NULL, 0, "closing quote"},
	{"quote ends in a backslash", STR("<\"a\\"), NULL, 0, "closing quote"},
	{"text behind the quote", STR("<\"a\"b@c>"), NULL, 0, "@ is missing"},
	{"literal not closed", STR("<a@[192.0.2.1>"), NULL, 0, "]"},
	{"literal: no address", STR("<a@[192.0.2]>"), NULL, 0, "literal"},
	{"literal: IPv6 without its tag", STR("<a@[::1]>"), NULL, 0, "literal"},
	{"literal: empty", STR("<a@[]>"), NULL, 0, "literal"},
	{"literal: NUL", STR("<a@[192.0.2.1\0]>"), NULL, 0, "literal"},
	{"literal: text behind", STR("<a@[192.0.2.1]b>"), NULL, 0, "closing >"},
	{"route without colon", STR("<@one,two:a@b>"), NULL, 0, "source route"},
	{"route of nothing", STR("<@:a@b>"), NULL, 0, "domain is missing"},
};

static void
path_check(const struct path_row *row)
{
	struct arena arena;
	struct address a, again;
	size_t used = 0;
	const char *why = NULL;
	char *in = malloc(row->in_len + 1); /* + 1: malloc(0) */
	int r;

	arena_init(&arena);
	memcpy(in, row->in, row->in_len);
	in = realloc(in, row->in_len > 0 ? row->in_len : 1);
	r = address_parse_path(in, row->in_len, true, &arena, &a, &used, &why);
	free(in);
	if (row->text == NULL) {
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(why, row->why));
	} else {
		const char *text;

		assert_int_equal(r, 0);
		assert_int_equal(used, row->used);
		text = address_text(&a, &arena);
		assert_string_equal(text, row->text);
		if (!address_is_null(&a)) {
			assert_int_equal(
				address_parse_bare(text, &arena, &again, &why),
				0);
			assert_string_equal(address_text(&again, &arena), text);
		}
		assert_string_equal(address_domain_of(text), a.domain);
	}
	arena_done(&arena);
}

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(path_rows); i++) {
		print_message("%s\n", path_rows[i].name);
		path_check(&path_rows[i]);
	}
}

static void
test_null_refused(void **state)
{
	struct arena arena;
	struct address a;
	size_t used;
	const char *why;

	(void)state;
	arena_init(&arena);
	assert_int_equal(
		address_parse_path("<>", 2, false, &arena, &a, &used, &why),
		-EINVAL);
	assert_non_null(strstr(why, "empty"));
	arena_done(&arena);
}

static const struct {
	const char *name, *in, *why;
} bare_rows[] = {
	{"empty", "", "empty"},
	{"text behind", "a@[192.0.2.1] ", "something follows"},
	{"bracket behind", "a@b>", "stand in a domain"},
	{"brackets", "<a@b>", "quotes"},
	{"source route", "@a:b@c", "nothing stands before"},
	{"no domain", "anna", "domain is missing"},
};

static void
test_bare(void **state)
{
	struct arena arena;
	struct address a;
	const char *why;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(bare_rows); i++) {
		print_message("%s\n", bare_rows[i].name);
		assert_int_equal(
			address_parse(bare_rows[i].in, &arena, &a, &why),
			-EINVAL);
		assert_non_null(strstr(why, bare_rows[i].why));
	}
	assert_int_equal(address_parse("a@[192.0.2.1]", &arena, &a, &why), 0);
	assert_string_equal(a.domain, "[192.0.2.1]");
	assert_int_equal(address_parse("a@b", &arena, &a, &why), 0);
	assert_string_equal(a.domain, "b");
	arena_done(&arena);
}

static const struct {
	const char *name, *local, *key;
	char delimiter;
	const char *base;
} local_rows[] = {
	{"plain", "Anna", "anna", '+', "Anna"},
	{"extension", "anna+List", "anna+list", '+', "anna"},
	{"two", "anna+a+b", "anna+a+b", '+', "anna"},
	{"other delimiter", "anna+a-b", "anna+a-b", '-', "anna+a"},
	{"none", "anna+a", "anna+a", '\0', "anna+a"},
	{"first", "+anna", "+anna", '+', "+anna"},
	{"first and another", "+anna+x", "+anna+x", '+', "+anna"},
	{"last", "anna+", "anna+", '+', "anna"},
	{"quoted", "\"Anna+x\"", "anna+x", '+', "\"Anna+x\""},
	{"backslash", "\"a\\\"b\\\\\"", "a\"b\\", '+', NULL},
	{"quoted, empty", "\"\"", "", '+', "\"\""},
};

static void
test_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(local_rows); i++) {
		const char *local = local_rows[i].local;
		char key[ADDRESS_MAX], small[3];

		print_message("%s\n", local_rows[i].name);
		address_local_key(local, key, sizeof(key));
		assert_string_equal(key, local_rows[i].key);
		address_local_key(local, small, sizeof(small));
		assert_true(strlen(small) < sizeof(small));
		assert_memory_equal(small, key, strlen(small));
		if (local_rows[i].base != NULL)
			assert_int_equal(
				address_base_len(local, strlen(local),
						 local_rows[i].delimiter),
				strlen(local_rows[i].base));
	}
}

static const struct {
	const char *name, *in;
	size_t in_len;
	bool ok;
} domain_rows[] = {
	{"name", STR("mx.example.org"), true},
	{"one label", STR("localhost"), true},
	{"underscore", STR("DESKTOP_7"), true},
	{"address without brackets", STR("192.0.2.1"), true},
	{"IPv4", STR("[192.0.2.1]"), true},
	{"IPv6", STR("[IPv6:2001:db8::1]"), true},
	{"nothing", STR(""), false},
	{"a space", STR("a b"), false},
	{"NUL", STR("a\0b"), false},
	{"brackets of nothing", STR("[]"), false},
	{"bracket", STR("["), false},
	{"a long literal", STR("[IPv6:" A250 "]"), false},
	{"a comment", STR("a(b)"), false},
};

static void
test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(domain_rows); i++) {
		print_message("%s\n", domain_rows[i].name);
		assert_int_equal(address_is_domain(domain_rows[i].in,
						   domain_rows[i].in_len),
				 domain_rows[i].ok);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_null_refused),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
