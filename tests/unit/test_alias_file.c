#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/alias_file.h"

/* What comes of TEXT: "name=a,b;name=c", or the first error with its line. */
static const struct {
	const char *name, *text, *gives;
} rows[] = {
	{"nothing", "", ""},
	{"comments and blanks", "# a\n\n  \n\t# b\n", ""},
	{"one", "root: anna@example.org\n", "root=anna@example.org"},
	{"no line end", "root: anna", "root=anna"},
	{"CRLF", "root: anna\r\nben: carl\r\n", "root=anna;ben=carl"},
	{"several", "root:anna,ben@b.example , carl",
	 "root=anna,ben@b.example,"
	 "carl"},
	{"blanks before the colon", "root : anna", "root=anna"},
	{"next line", "root:\n anna,\n\tben\n", "root=anna,ben"},
	{"comment between", "root: anna,\n# not now: x\n ben\n",
	 "root=anna,ben"},
	{"blank line between", "root: anna,\n\n ben\n", "root=anna,ben"},
	{"comma at the end", "root: anna,\nben: carl", "root=anna;ben=carl"},
	{"two commas", "root: anna,,ben", "root=anna,ben"},
	{"nobody", "root:\n", "root="},
	{"quoted name", "\"a b:c\": anna", "\"a b:c\"=anna"},
	{"quoted target", "root: \"a, b\"@c.example",
	 "root=\"a, b\"@c.example"},
	{"display name", "root: \"B, Anna\" <anna@b.example>, ben",
	 "root=anna@b.example,ben"},
	{"comment in brackets", "root: anna (not, ben), carl",
	 "root=anna,carl"},
	{"route in brackets", "root: <@a.example,@b.example:anna@c.example>",
	 "root=anna@c.example"},
	{"hash is no comment there", "root: anna#x", "root=anna#x"},
	{"Debian's",
	 "mailer-daemon: postmaster\npostmaster: root\n"
	 "nobody: root\n",
	 "mailer-daemon=postmaster;postmaster=root;nobody=root"},

	{"no colon", "root\n", "1: an entry is `name: address, address`"},
	{"goes on with nothing", "# x\n  anna\n",
	 "2: a line that begins with a blank goes on with an entry, and there "
	 "is none"},
	{"command", "root: anna\na: |/bin/cat",
	 "2: `|/bin/cat` is a command; write a route with `deliver: pipe`"},
	{"quoted command", "a: x,\n \"|/bin/cat a, b\"",
	 "1: `\"|/bin/cat a, b\"` is a command; write a route with `deliver: "
	 "pipe`"},
	{"file", "a: /var/mail/x",
	 "1: `/var/mail/x` is a file; write a route with `deliver: maildir`"},
	{"include", "a: :Include:/etc/list",
	 "1: `:Include:/etc/list` is a list in another file; write its "
	 "addresses here"},
	{"two words", "a: anna ben",
	 "1: `anna ben` is no address: words that are no address"},
	{"semicolon at the end", "a: anna;", "a=anna"},
	{"semicolon between", "x: y\na: anna@b.example; ben@b.example",
	 "2: `anna@b.example; ben@b.example` is more than an address; a comma "
	 "goes between two"},
	{"rubbish behind", "a: anna; b c",
	 "1: `anna; b c` is more than an address; a comma goes between two"},
	{"a group", "a: all: anna, ben;",
	 "1: `all: anna` is more than an address; a comma goes between two"},
	{"include further on", "a: anna :include:/etc/list",
	 "1: `anna :include:/etc/list` is more than an address; a comma goes "
	 "between two"},
	{"an address before brackets", "a: anna@b.example <ben@b.example>",
	 "1: `anna@b.example <ben@b.example>` is more than an address; a "
	 "comma goes between two"},
	{"an address in quotes before brackets",
	 "a: \"anna@b.example\" <ben@b.example>", "a=ben@b.example"},
	{"a literal", "a: anna@[IPv6:2001:db8::1]",
	 "a=anna@[IPv6:2001:db8::1]"},
	{"quote not closed", "a: \"anna, ben\nb: carl",
	 "1: `\"anna, ben` is no address: a closing quote is missing"},
	{"only a comment", "a: (anna)",
	 "1: `(anna)` is no address: there is "
	 "none"},
};

static char *
parsed(const char *text, size_t len)
{
	struct conf_errors e;
	struct conf_map map = {0};
	struct arena arena;
	char *out = NULL;
	size_t out_len;
	FILE *f = open_memstream(&out, &out_len);
	int r;

	arena_init(&arena);
	conf_errors_init(&e);
	r = alias_file_parse("f", text, len, &arena, &e, &map);
	assert_int_equal(r, e.total > 0 ? -EINVAL : 0);
	if (r < 0)
		fprintf(f, "%d: %s", e.v[0].mark.line, e.v[0].text);
	for (size_t i = 0; i < map.n; i++) {
		fprintf(f, "%s%s=", i ? ";" : "", map.names[i]);
		for (size_t n = 0; n < map.v[i].n; n++)
			fprintf(f, "%s%s", n ? "," : "", map.v[i].v[n]);
	}
	fclose(f);
	conf_errors_done(&e);
	arena_done(&arena);
	return out;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = parsed(rows[i].text, strlen(rows[i].text));

		if (strcmp(got, rows[i].gives) != 0)
			fail_msg("%s: %s", rows[i].name, got);
		free(got);
	}
}

static void
test_nul(void **state)
{
	char *got = parsed("a: b\0c\n", 7);

	(void)state;
	assert_string_equal(got, "1: a NUL is no text");
	free(got);
}

/* Every wrong line is told of, in one go. */
static void
test_all_errors(void **state)
{
	static const char text[] = "a\nb: /x\nc: d\ne: |f, |g\n";
	struct conf_errors e;
	struct conf_map map;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	conf_errors_init(&e);
	assert_int_equal(
		alias_file_parse("f", text, sizeof(text) - 1, &arena, &e, &map),
		-EINVAL);
	assert_int_equal(e.total, 4);
	assert_string_equal(e.v[3].mark.file, "f");
	assert_int_equal(e.v[3].mark.line, 4);
	conf_errors_done(&e);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_all_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
