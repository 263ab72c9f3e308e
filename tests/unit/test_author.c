#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/test.h"
#include "verdict/author.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* The domains found, joined by "|"; "+" behind them when there are more. */
struct row {
	const char *name, *header, *found, *why;
};

static const struct row rows[] = {
	{"one", "From: anna@example.org\r\n", "example.org", ""},
	{"named", "From: Anna <anna@example.org>\r\n", "example.org", ""},
	{"among others",
	 "To: a@to.example\r\nfrom : Anna\r\n\t<anna@Example.ORG>\r\n"
	 "Sender: s@sender.example\r\nResent-From: r@resent.example\r\n\r\n"
	 "From: body@body.example\r\n",
	 "example.org", ""},
	{"final dot", "From: a@example.org.\r\n", "example.org", ""},
	{"two final dots", "From: a@example.org..\r\n", "",
	 "a domain that the DNS can't have"},
	{"quoted comma", "From: \"Doe, Anna\" <a@example.org>\r\n",
	 "example.org", ""},
	{"address in quotes", "From: \"a@other.example\" <a@example.org>\r\n",
	 "example.org", ""},
	{"address in a comment", "From: a@example.org (a@other.example)\r\n",
	 "example.org", ""},
	{"quoted local part", "From: \"x@y\"@example.org\r\n", "example.org",
	 ""},
	{"comments within", "From: a(x)@(y)example(z).org\r\n", "example.org",
	 ""},
	{"two", "From: a@example.org, b@example.net\r\n",
	 "example.org|example.net", ""},
	{"two of one domain", "From: a@example.org, b@EXAMPLE.org\r\n",
	 "example.org", ""},
	{"group", "From: us: a@example.org, Bo <b@example.net>;\r\n",
	 "example.org|example.net", ""},
	{"empty group", "From: undisclosed:;\r\n", "", "no address in From"},
	{"route", "From: <@x.example,@y.example:a@example.org>\r\n",
	 "example.org", ""},
	{"UTF-8 domain",
	 "From: a@b\xc3\xbc"
	 "cher.example\r\n",
	 "xn--bcher-kva.example", ""},
	{"UTF-8 domain in capitals",
	 "From: a@B\xc3\x9c"
	 "CHER.example\r\n",
	 "xn--bcher-kva.example", ""},
	{"its ASCII form", "From: a@XN--BCHER-KVA.example\r\n",
	 "xn--bcher-kva.example", ""},
	{"wide letters and dot",
	 "From: a@\xef\xbd\x85xample\xe3\x80\x82org\r\n", "example.org", ""},
	{"UTF-8 local part", "From: \xc3\xbc@example.org\r\n", "example.org",
	 ""},
	{"bad UTF-8", "From: a@\xff\xfe.example\r\n", "",
	 "a domain that the DNS can't have"},
	{"empty label", "From: a@example..org\r\n", "",
	 "a domain that the DNS can't have"},
	{"bare", "From: root\r\n", "", "an address without a domain"},
	{"bare and one more", "From: Doe, Anna <a@example.org>\r\n",
	 "example.org", "an address without a domain"},
	{"literal", "From: a@[192.0.2.1]\r\n", "",
	 "an address with a literal for its domain"},
	{"literal with an at", "From: a@[x@example.org]\r\n", "",
	 "an address with a literal for its domain"},
	{"none", "To: a@example.org\r\n", "", "no From field"},
	{"empty", "From:\r\n", "", "no address in From"},
	{"two fields", "From: a@example.org\r\nX: y\r\nFrom: b@example.net\r\n",
	 "example.org|example.net", "several From fields"},
	{"two fields, one domain",
	 "From: a@example.org\r\nFrom: b@example.org\r\n", "example.org",
	 "several From fields"},
	{"words with a comma", "From: A B, Anna <a@example.org>\r\n",
	 "example.org", "words that are no address"},
	{"named as another", "From: c@other.example <a@example.org>\r\n",
	 "example.org|other.example", "an address where a name should be"},
	{"named as itself", "From: a@example.org <a@example.org>\r\n",
	 "example.org", ""},
	{"no comma", "From: <a@example.org> <b@example.net>\r\n",
	 "example.org|example.net", "a comma between two addresses is missing"},
	{"behind a mistake",
	 "From: a b, x@example.org, \"y@z\" <c@d.example\r\n",
	 "example.org|d.example", "words that are no address"},
	{"open quote", "From: \"a <a@example.org>\r\n", "example.org",
	 "a closing quote is missing"},
	{"open comment", "From: (a <a@example.org>\r\n", "example.org",
	 "the ) of a comment is missing"},
	{"escapes",
	 "From: x y, \"\\\" b@c\" (\\) (d@e) f@g) <a@example.org>\r\n",
	 "example.org", "words that are no address"},
	{"blank behind the at", "From: x y, <a@\r\n example.org>\r\n",
	 "example.org", "words that are no address"},
	{"only an at", "From: x y, <@>, @\r\n", "",
	 "words that are no address"},
	{"five",
	 "From: a@a.example,a@b.example,a@c.example,a@d.example,"
	 "a@e.example,a@A.example\r\n",
	 "a.example|b.example|c.example|d.example|e.example", ""},
	{"six",
	 "From: a@a.example,a@b.example,a@c.example,a@d.example,"
	 "a@e.example,a@f.example\r\n",
	 "a.example|b.example|c.example|d.example|e.example+", ""},
};

static void
check(const struct row *row)
{
	size_t len = strlen(row->header);
	char *header = malloc(len), found[512] = "";
	struct author author;
	struct arena arena;

	memcpy(header, row->header, len);
	arena_init(&arena);
	author_find(header, len, &arena, &author);
	for (size_t i = 0; i < author.n; i++) {
		size_t n = strlen(found);

		snprintf(found + n, sizeof(found) - n, "%s%s", i > 0 ? "|" : "",
			 author.domains[i]);
	}
	if (author.more)
		snprintf(found + strlen(found), 2, "+");
	assert_string_equal(found, row->found);
	assert_string_equal(author.why, row->why);
	arena_done(&arena);
	free(header);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i]);
	}
}

static void
test_fields(void **state)
{
	static const char header[] =
		"From: a@b\r\nTo: x@y\r\nFROM: c@d\r\n\r\n";
	struct author author;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	author_find(header, strlen(header), &arena, &author);
	assert_int_equal(author.fields, 2);
	arena_done(&arena);
}

/* Who reads C strings stops there, and others don't. */
static void
test_nul(void **state)
{
	static const char header[] =
		"From: a@example.org\0@example.net <b@example.com>\r\n";
	struct author author;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	author_find(header, sizeof(header) - 1, &arena, &author);
	assert_int_equal(author.n, 3);
	assert_string_equal(author.why, "an address where a name should be");
	arena_done(&arena);
	arena_init(&arena);
	author_find("From: a@b.example\0@c.example\r\n", 30, &arena, &author);
	assert_int_equal(author.n, 2);
	assert_string_equal(author.domains[0], "b.example");
	assert_string_equal(author.domains[1], "c.example");
	assert_string_equal(author.why, "a NUL");
	arena_done(&arena);
}

/* Comments and quotes without an end, a field full of them: each looked for to
 * the end would take minutes. */
static void
test_open_ends(void **state)
{
	static const char end[] = " a@example.org\r\n";
	const size_t len = 250000;
	char *header = malloc(len + sizeof(end));

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		clock_t begun = clock();
		struct author author;
		struct arena arena;

		memset(header, i == 0 ? '(' : '"', len);
		for (size_t at = 1; i == 1 && at < len; at += 2)
			header[at] = '\\';
		memcpy(header, "From: ", 6);
		memcpy(header + len, end, sizeof(end));
		arena_init(&arena);
		author_find(header, strlen(header), &arena, &author);
		assert_true(clock() - begun < 5 * CLOCKS_PER_SEC);
		assert_int_equal(author.n, 1);
		assert_string_equal(author.domains[0], "example.org");
		arena_done(&arena);
	}
	free(header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_open_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
