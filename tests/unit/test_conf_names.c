#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "tests/unit/conf_kit.h"

/* A tree: each of them may have more of them. */
struct branch {
	char *name; /* NULL in a list */
	int64_t wait_ms, count;
	struct conf_strings words;
	struct conf_list more;
};

struct outer {
	struct conf_pairs pairs;
	struct conf_list named;
};

static bool
check_even(void *field, const struct conf_mark *mark, struct conf_errors *e)
{
	if (*(int64_t *)field % 2 == 0)
		return true;
	conf_error(e, mark, "odd");
	return false;
}

static const struct conf_table branch_table;

static const struct conf_option branch_options[] = {
	{.name = "wait",
	 .type = CONF_TIME,
	 .help = "Wait.",
	 .unset = "that above",
	 .offset = offsetof(struct branch, wait_ms),
	 .min = 0,
	 .max = 60000},
	{.name = "count",
	 .type = CONF_INT,
	 .help = "Count.",
	 .unset = "that above",
	 .check = check_even,
	 .offset = offsetof(struct branch, count)},
	{.name = "words",
	 .type = CONF_STRINGS,
	 .help = "Words.",
	 .unset = "those above",
	 .offset = offsetof(struct branch, words)},
	{.name = "more",
	 .type = CONF_LIST,
	 .help = "More.",
	 .unset = "none",
	 .table = &branch_table,
	 .offset = offsetof(struct branch, more)},
	{.name = NULL},
};
static const struct conf_table branch_table = {
	.size = sizeof(struct branch),
	.options = branch_options,
	.name_offset = offsetof(struct branch, name),
};

static const struct conf_option outer_options[] = {
	{.name = "pairs",
	 .type = CONF_PAIRS,
	 .help = "Pairs.",
	 .dflt = "{k: v}",
	 .offset = offsetof(struct outer, pairs)},
	{.name = "named",
	 .type = CONF_NAMED,
	 .help = "Named.",
	 .dflt = "{}",
	 .table = &branch_table,
	 .offset = offsetof(struct outer, named)},
	{.name = NULL},
};
static const struct conf_table outer_table = {
	.size = sizeof(struct outer),
	.options = outer_options,
};

struct fixture {
	struct arena arena;
	struct conf_errors errors;
	struct outer out;
	char *says; /* owned */
};

static void
fixture_load(struct fixture *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	conf_errors_init(&f->errors);
	conf_load_text("t", text, strlen(text), &outer_table, &f->arena,
		       &f->errors, &f->out);
	f->says = conf_kit_says(&f->errors);
}

static void
fixture_done(struct fixture *f)
{
	conf_errors_done(&f->errors);
	arena_done(&f->arena);
	free(f->says);
}

static void
test_pairs(void **state)
{
	struct fixture f;

	(void)state;
	setenv("CONF_T", "val", 1);
	fixture_load(&f, "pairs: {a: b c, d: \"${CONF_T}\"}\n");
	assert_string_equal(f.says, "");
	assert_int_equal(f.out.pairs.n, 2);
	assert_string_equal(f.out.pairs.names[0], "a");
	assert_string_equal(f.out.pairs.v[0].text, "b c");
	assert_string_equal(f.out.pairs.v[1].text, "val");
	assert_int_equal(f.out.pairs.v[1].mark.column, 20);
	fixture_done(&f);

	fixture_load(&f, "");
	assert_int_equal(f.out.pairs.n, 1);
	assert_string_equal(f.out.pairs.v[0].text, "v");
	fixture_done(&f);
}

/* What a branch has; -1: nothing was said of it. */
struct expected {
	const char *name;
	int64_t wait_ms, count;
	int words, more;
};

static void
branches_are(const struct conf_list *list, const struct expected *want,
	     size_t n)
{
	const struct branch *v = list->v;

	assert_int_equal(list->n, n);
	for (size_t i = 0; i < n; i++) {
		if (want[i].name == NULL)
			assert_null(v[i].name);
		else
			assert_string_equal(v[i].name, want[i].name);
		assert_int_equal(v[i].wait_ms, want[i].wait_ms);
		assert_int_equal(v[i].count, want[i].count);
		assert_int_equal(v[i].words.v ? (int)v[i].words.n : -1,
				 want[i].words);
		assert_int_equal(v[i].more.v ? (int)v[i].more.n : -1,
				 want[i].more);
	}
}

static void
test_named(void **state)
{
	static const char text[] =
		"named:\n"
		"  x: {wait: 0s, count: 4, words: [], more: [{wait: 2s}, {}]}\n"
		"  y: {}\n";
	static const struct expected named[] = {{"x", 0, 4, 0, 2},
						{"y", -1, -1, -1, -1}};
	static const struct expected more[] = {{NULL, 2000, -1, -1, -1},
					       {NULL, -1, -1, -1, -1}};
	struct fixture f;

	(void)state;
	fixture_load(&f, text);
	assert_string_equal(f.says, "");
	branches_are(&f.out.named, named, 2);
	branches_are(&((const struct branch *)f.out.named.v)->more, more, 2);
	fixture_done(&f);
}

static const struct {
	const char *name, *text, *says;
} mistakes[] = {
	{"pairs, a list", "pairs: [a]\n",
	 "t:1:8: `pairs` is a section of names, each with a value\n"},
	{"pairs, no values within", "pairs: {a: [b], c: ~}\n",
	 "t:1:12: `a` of `pairs` is a single value\n"
	 "t:1:20: `c` of `pairs` is a single value\n"},
	{"pairs, unset variable", "pairs: {a: \"${CONF_NONE}\"}\n",
	 "t:1:12: the environment variable CONF_NONE is not set; set it, or "
	 "write `${CONF_NONE:-default}`\n"},
	{"named, a list", "named: [a]\n",
	 "t:1:8: `named` is a section of names, each with a section\n"},
	{"named, no section", "named: {a: b}\n",
	 "t:1:9: a section of `key: value` lines belongs here\n"},
	{"named, mistakes within", "named: {a: {wait: 2m, cont: 1}}\n",
	 "t:1:19: `wait` is 2m, which is out of range: from 0s to 1m\n"
	 "t:1:23: unknown key `cont`; did you mean `count`?\n"},
	{"unset, but given and wrong", "named: {a: {more: [{count: 3}]}}\n",
	 "t:1:28: odd\n"},
};

static void
test_mistakes(void **state)
{
	(void)state;
	unsetenv("CONF_NONE");
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct fixture f;

		fixture_load(&f, mistakes[i].text);
		if (strcmp(f.says, mistakes[i].says) != 0)
			fail_msg("%s:\n%s", mistakes[i].name, f.says);
		fixture_done(&f);
	}
}

static void
walk(void *arg, const char *path, const struct conf_option *o)
{
	char *type = conf_type_name(o);

	fprintf(arg, "%s %s%s\n", path, type,
		conf_is_required(o) ? " required" : "");
	free(type);
}

static void
test_walk(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	conf_walk(&outer_table, walk, f);
	fclose(f);
	assert_string_equal(text, "pairs names, each with a string\n"
				  "named names, each with a section\n"
				  "named{}.wait time\n"
				  "named{}.count integer\n"
				  "named{}.words list of strings\n"
				  "named{}.more list of sections\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
