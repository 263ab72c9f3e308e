#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/run_list.h"

#define ARGS_MAX 5

static const struct row {
	const char *name, *line, *argv[ARGS_MAX];
	bool has;
} rows[] = {
	{"a program", "/bin/lp", {"/bin/lp"}, true},
	{"blanks and a comment",
	 "\t/bin/lp  -s # q\n",
	 {"/bin/lp", "-s"},
	 true},
	{"another program", "/bin/lp", {"/bin/lpr"}, false},
	{"the beginning of it", "/bin/lpr", {"/bin/lp"}, false},
	{"no whole path", "lp", {"lp"}, false},
	{"a pattern as program", "{any}", {"/bin/sh"}, false},
	{"one argument more", "/bin/lp", {"/bin/lp", "-s"}, false},
	{"one less", "/bin/lp -s", {"/bin/lp"}, false},
	{"an empty one more", "/bin/lp", {"/bin/lp", ""}, false},
	{"any text", "/bin/lp {to}", {"/bin/lp", "anna"}, true},
	{"any text is none", "/bin/lp {to}", {"/bin/lp", ""}, true},
	{"any text is no option", "/bin/lp {to}", {"/bin/lp", "-o"}, false},
	{"behind -- it may be",
	 "/bin/lp -- {to}",
	 {"/bin/lp", "--", "-o"},
	 true},
	{"behind a text it may be",
	 "/bin/lp --to={to}",
	 {"/bin/lp", "--to=-o"},
	 true},
	{"another text", "/bin/lp --to={to}", {"/bin/lp", "--cc=x"}, false},
	{"between texts", "/bin/lp a{b}c", {"/bin/lp", "acbcc"}, true},
	{"two of them",
	 "/bin/lp {local}@{domain}",
	 {"/bin/lp", "a@b@example.org"},
	 true},
	{"two without what is between",
	 "/bin/lp {local}@{domain}",
	 {"/bin/lp", "anna"},
	 false},
	{"more behind the end", "/bin/lp {a}x", {"/bin/lp", "axb"}, false},
	{"one brace", "/bin/lp {{x}", {"/bin/lp", "{x}"}, true},
	{"one brace is not any", "/bin/lp {{x}", {"/bin/lp", "y"}, false},
	{"never closed", "/bin/lp {x", {"/bin/lp", "{x"}, true},
	{"quoted", "/bin/lp \"a b#\" c", {"/bin/lp", "a b#", "c"}, true},
	{"quoted, empty", "/bin/lp \"\"", {"/bin/lp", ""}, true},
	{"an open quote", "/bin/lp \"a", {"/bin/lp"}, false},
	{"an open quote is no text", "/bin/lp \"a", {"/bin/lp", "a"}, false},
	{"two words, one argument", "/bin/lp a b", {"/bin/lp", "a b"}, false},
	{"nothing", "", {"/bin/lp"}, false},
	{"a comment", "# /bin/lp", {"/bin/lp"}, false},
};

static void
has_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (run_line_has(rows[i].line, rows[i].argv) != rows[i].has)
			fail_msg("%s", rows[i].name);
}

static void
reads_the_file(void **state)
{
	const char *const lp[] = {"/bin/lp", "x", NULL};
	const char *const sh[] = {"/bin/sh", NULL};
	char path[] = "/tmp/belfry-run-list-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("# what may be run\n\n/bin/lp {to}\n/bin/true", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(run_list_has(path, lp), 1);
	assert_int_equal(run_list_has(path, sh), 0);
	assert_int_equal(chmod(path, 0660), 0);
	assert_int_equal(run_list_has(path, lp), -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(run_list_has(path, lp), -ENOENT);
	assert_int_equal(run_list_has("/", lp), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_lines),
		cmocka_unit_test(reads_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
