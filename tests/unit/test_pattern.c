#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/pattern.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name, *pattern, *address;
	bool match;
} rows[] = {
	{"address", "anna@example.org", "anna@example.org", true},
	{"address, letter case", "Anna@Example.ORG", "aNNa@example.org", true},
	{"address, another one", "anna@example.org", "bob@example.org", false},
	{"address, longer", "anna@example.org", "hanna@example.org", false},
	{"address with extension", "anna@b", "anna+x@b", true},
	{"address with two", "anna@b", "anna+x+y@b", true},
	{"address with an empty one", "anna@b", "anna+@b", true},
	{"address, extension elsewhere", "anna@b", "ann+a@b", false},
	{"extension asked for", "anna+x@b", "anna+x@b", true},
	{"another extension", "anna+x@b", "anna+y@b", false},
	{"more extension", "anna+x@b", "anna+x+y@b", false},
	{"no extension", "anna+x@b", "anna@b", false},
	{"delimiter first", "anna@b", "+anna@b", false},
	{"quoted without need", "\"a\"@b", "\"a+x\"@b", true},
	{"quoted in the mail", "ceo@b", "\"ceo\"@b", true},
	{"quoted in the mail, a backslash", "ceo@b", "\"c\\eo\"@b", true},
	{"quoted in the mail, extension", "ceo@b", "\"ceo+x\"@b", true},
	{"quoted with need is not split", "\"a b\"@c", "\"a b+x\"@c", false},
	{"quoted in two ways", "\"\\a b\"@c", "\"a\\ b\"@c", true},
	{"glob, quoted in the mail", "ceo*@b", "\"ceo\"@b", true},
	{"regex, quoted in the mail", "/^ceo@b$/", "\"ceo\"@b", true},
	{"beyond ASCII",
	 "anna@B\xc3\xbc"
	 "cher.example",
	 "anna@b\xc3\xbc"
	 "cher.example",
	 true},
	{"beyond ASCII, as the DNS has it",
	 "anna@b\xc3\xbc"
	 "cher.example",
	 "anna@xn--bcher-kva.example", true},
	{"glob beyond ASCII", "j\xc3\xbcr*", "j\xc3\xbcrgen@b", true},
	{"literal, IPv6", "a@[IPv6:2001:DB8:0::1]", "a@[IPv6:2001:db8::1]",
	 true},
	{"literal", "a@[192.0.2.1]", "a@[192.0.2.1]", true},
	{"domain", "example.org", "anna@example.org", true},
	{"domain, letter case", "EXAMPLE.org", "anna@example.org", true},
	{"domain, not below", "example.org", "anna@x.example.org", false},
	{"domain, not longer", "example.org", "anna@myexample.org", false},
	{"domain, extension", "example.org", "anna+x@example.org", true},
	{"domain, null", "example.org", "", false},
	{"domain, postmaster", "postmaster", "postmaster", false},
	{"below", ".example.org", "anna@x.y.Example.org", true},
	{"below, not itself", ".example.org", "anna@example.org", false},
	{"below, not longer", ".example.org", "anna@myexample.org", false},
	{"glob", "*@*.example.org", "anna@x.example.org", true},
	{"glob, not itself", "*@*.example.org", "anna@example.org", false},
	{"glob, two stars", "a*b*c@d", "aXbYbZc@d", true},
	{"glob, no middle", "a*b*c@d", "aXYZc@d", false},
	{"glob, empty runs", "*a*@*b*", "a@b", true},
	{"glob, everyone", "*", "anna@b", true},
	{"glob, end", "anna@*.org", "anna@x.orgs", false},
	{"glob, letter case", "ANNA*@b", "anna7@B", true},
	{"glob and extension", "*-list@b", "my-list+x@b", true},
	{"glob, a dot is a dot", "a.b*@c", "axb@c", false},
	{"regex", "/^anna\\+.*@b$/", "anna+x@b", true},
	{"regex, letter case", "/^ANNA@b$/", "anna@b", true},
	{"regex, anywhere", "/nn/", "anna@b", true},
	{"regex, the whole address", "/^anna@b$/", "anna+x@b", false},
	{"regex, end is the end", "/b$/", "a@bc", false},
	{"regex, null", "/^$/", "", true},
	{"regex, explosion", "/^(a+)+$/",
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b", false},
};

static void
test_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct pattern *p = NULL;
		struct arena arena;
		struct address a = {"", ""};
		const char *why;
		char *text = NULL;

		print_message("%s\n", rows[i].name);
		arena_init(&arena);
		if (rows[i].address[0] != '\0')
			assert_int_equal(address_parse(rows[i].address, &arena,
						       &a, &why),
					 0);
		assert_int_equal(pattern_new(rows[i].pattern, '+', &p, &text),
				 0);
		assert_int_equal(pattern_match(p, &a), rows[i].match);
		pattern_free(&p);
		pattern_free(NULL);
		assert_null(p);
		pattern_free(&p);
		arena_done(&arena);
	}
}

static void
test_delimiters(void **state)
{
	static const struct {
		char delimiter;
		const char *address;
		bool match;
	} tries[] = {
		{'\0', "anna+x@b", false}, {'\0', "anna@b", true},
		{'-', "anna-x@b", true},   {'-', "anna+x@b", false},
		{'n', "anna+x@b", false},  {'n', "anna@b", true},
		{'b', "annabx@b", true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(tries); i++) {
		struct pattern *p;
		struct arena arena;
		struct address a;
		const char *why;
		char *text;

		arena_init(&arena);
		assert_int_equal(
			pattern_new("anna@b", tries[i].delimiter, &p, &text),
			0);
		assert_int_equal(
			address_parse(tries[i].address, &arena, &a, &why), 0);
		assert_int_equal(pattern_match(p, &a), tries[i].match);
		pattern_free(&p);
		arena_done(&arena);
	}
}

static const struct {
	const char *name, *pattern, *why;
} bad_rows[] = {
	{"empty", "", "empty"},
	{"everyone, as Postfix has it", "@example.org", "without the @"},
	{"no domain", "anna@", "domain is missing"},
	{"bad domain", "exa mple.org", "no domain"},
	{"dot alone", ".", "no domain"},
	{"two dots", "..org", "no domain"},
	{"domain beyond ASCII",
	 "b\xc3\xbc"
	 "cher.example",
	 "no domain"},
	{"glob, domain beyond ASCII",
	 "j*@b\xc3\xbc"
	 "cher.example",
	 "xn--"},
	{"glob without at, domain beyond ASCII",
	 "*.b\xc3\xbc"
	 "cher.example",
	 "xn--"},
	{"one slash", "/", "two slashes"},
	{"empty regex", "//", "two slashes"},
	{"not closed", "/abc", "two slashes"},
	{"bad regex", "/a(b/", "at character 4"},
	{"any byte", "/\\C/", "at character"},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bad_rows); i++) {
		struct pattern *p = NULL;
		char *why = NULL;

		print_message("%s\n", bad_rows[i].name);
		assert_int_equal(
			pattern_new(bad_rows[i].pattern, '+', &p, &why),
			-EINVAL);
		print_message("\t%s\n", why);
		assert_non_null(strstr(why, bad_rows[i].why));
		assert_null(p);
		free(why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_delimiters),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
