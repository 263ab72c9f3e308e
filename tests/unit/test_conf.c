#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "tests/unit/conf_kit.h"
#include "base/xalloc.h"

/* --- a configuration of our own ---------------------------------------------- */

struct inner {
	char *name;
	int64_t wait_ms;
	struct conf_mark mark;
};

struct outer {
	char *text, *other;
	bool flag;
	int64_t count, size, time_ms;
	struct conf_rate rate;
	double ratio;
	int colour;
	struct conf_strings words;
	struct conf_map map;
	struct conf_list list;
	struct inner one;
};

static bool
check_even(void *field, const struct conf_mark *mark, struct conf_errors *e)
{
	if (*(int64_t *)field % 2 == 0)
		return true;
	conf_error(e, mark, "odd");
	return false;
}

static bool
check_inner(void *field, const struct conf_mark *mark, struct conf_errors *e)
{
	struct inner *in = field;

	if (strcmp(in->name, "bad") != 0)
		return true;
	conf_error(e, mark, "bad name");
	return false;
}

static const char *const colours[] = {"red", "green", NULL};

static const struct conf_option inner_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .help = "Name.",
	 .example = "x",
	 .offset = offsetof(struct inner, name)},
	{.name = "wait",
	 .type = CONF_TIME,
	 .help = "Wait.",
	 .dflt = "1s",
	 .offset = offsetof(struct inner, wait_ms),
	 .min = 1,
	 .max = 60000},
	{.name = NULL},
};
static const struct conf_table inner_table = {
	.size = sizeof(struct inner),
	.options = inner_options,
	.mark_offset = offsetof(struct inner, mark),
	.check = check_inner,
};

#define OPTION(key, kind, field, value, ...)                                   \
	{                                                                      \
		.name = key, .type = kind, .help = "Help.", .dflt = value,     \
		.offset = offsetof(struct outer, field), __VA_ARGS__           \
	}

static const struct conf_option outer_options[] = {
	OPTION("text", CONF_STRING, text, "\"\""),
	OPTION("other", CONF_STRING, other, "${HOME}"),
	OPTION("flag", CONF_BOOL, flag, "false"),
	OPTION("count", CONF_INT, count, "2", .min = 0, .max = 10,
	       .check = check_even),
	OPTION("size", CONF_SIZE, size, "50M"),
	OPTION("time", CONF_TIME, time_ms, "1h30m"),
	OPTION("rate", CONF_RATE, rate, "\"\""),
	OPTION("ratio", CONF_FLOAT, ratio, "0.1"),
	OPTION("colour", CONF_ENUM, colour, "green", .names = colours),
	OPTION("words", CONF_STRINGS, words, "[a, b]"),
	OPTION("map", CONF_MAP, map, "{x: [y]}"),
	OPTION("list", CONF_LIST, list, "[]", .table = &inner_table),
	OPTION("one", CONF_TABLE, one, "{}", .table = &inner_table),
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
fixture_load(struct fixture *f, const char *text, size_t len)
{
	int r;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	conf_errors_init(&f->errors);
	r = conf_load_text("t", text, len, &outer_table, &f->arena, &f->errors,
			   &f->out);
	assert_int_equal(r, f->errors.total > 0 ? -EINVAL : 0);
	f->says = conf_kit_says(&f->errors);
}

static void
fixture_done(struct fixture *f)
{
	conf_errors_done(&f->errors);
	arena_done(&f->arena);
	free(f->says);
}

#define ONE "one: {name: x}\n"

static void
test_values(void **state)
{
	static const char text[] =
		"text: a b\nother: 'x ${CONF_T} ${CONF_NONE:-d} $${y} $5'\n"
		"flag: true\ncount: 4\nsize: 64K\ntime: 1d2h\nratio: 0.25\n"
		"rate: 100/1m30s\ncolour: red\nwords: [one, \"two\"]\nmap: {p: "
		"[q, r], s: []}\n"
		"list:\n- {name: l, wait: 2s}\n- {name: m}\n" ONE;
	const struct inner *in;
	struct fixture f;

	(void)state;
	setenv("CONF_T", "val ue", 1);
	unsetenv("CONF_NONE");
	fixture_load(&f, text, strlen(text));
	assert_string_equal(f.says, "");
	assert_string_equal(f.out.text, "a b");
	assert_string_equal(f.out.other, "x val ue d ${y} $5");
	assert_true(f.out.flag);
	assert_int_equal(f.out.count, 4);
	assert_int_equal(f.out.size, 65536);
	assert_int_equal(f.out.time_ms, 26 * 3600000);
	assert_true(f.out.ratio == 0.25);
	assert_int_equal(f.out.rate.n, 100);
	assert_int_equal(f.out.rate.period_ms, 90000);
	assert_int_equal(f.out.colour, 0);
	assert_int_equal(f.out.words.n, 2);
	assert_string_equal(f.out.words.v[1], "two");
	assert_int_equal(f.out.words.marks[1].line, 10);
	assert_int_equal(f.out.words.marks[1].column, 14);
	assert_int_equal(f.out.map.n, 2);
	assert_string_equal(f.out.map.names[1], "s");
	assert_int_equal(f.out.map.v[0].n, 2);
	in = f.out.list.v;
	assert_int_equal(f.out.list.n, 2);
	assert_int_equal(in[0].wait_ms, 2000);
	assert_int_equal(in[1].wait_ms, 1000);
	assert_int_equal(in[1].mark.line, 14);
	fixture_done(&f);
}

static void
test_defaults(void **state)
{
	struct fixture f;

	(void)state;
	fixture_load(&f, ONE, strlen(ONE));
	assert_string_equal(f.says, "");
	assert_string_equal(f.out.text, "");
	assert_string_equal(f.out.other, "${HOME}"); /* ours: as it stands */
	assert_int_equal(f.out.size, 50 << 20);
	assert_int_equal(f.out.time_ms, 5400000);
	assert_int_equal(f.out.rate.n, 0);
	assert_int_equal(f.out.colour, 1);
	assert_int_equal(f.out.words.n, 2);
	assert_int_equal(f.out.map.n, 1);
	assert_int_equal(f.out.one.wait_ms, 1000);
	fixture_done(&f);
}

#define TABS "; indent with spaces, not with tabs\n"
#define HINT "; a value that begins with `*`, `@`, `[` or `:` needs quotes\n"

static const struct {
	const char *name, *text, *says;
} mistakes[] = {
	{"required", "flag: true\n",
	 "t:1:1: `name` is missing; write for example "
	 "`name: x`\n"},
	{"unknown", ONE "coulor: red\n",
	 "t:2:1: unknown key `coulor`; did you mean `colour`?\n"},
	{"unknown, the begin of one", ONE "wor: 1\n",
	 "t:2:1: unknown key `wor`; did you mean `words`?\n"},
	{"unknown, like nothing", ONE "zzz: 1\n", "t:2:1: unknown key `zzz`\n"},
	{"yes is no boolean", ONE "flag: yes\n",
	 "t:2:7: `flag` is true or false, not `yes`\n"},
	{"True neither", ONE "flag: True\n",
	 "t:2:7: `flag` is true or false, not `True`\n"},
	{"octal", ONE "count: 010\n",
	 "t:2:8: `count` is a whole number, not `010`\n"},
	{"too large for any number", ONE "count: 99999999999999999999\n",
	 "t:2:8: `count` is a whole number, not `99999999999999999999`\n"},
	{"range", ONE "count: 12\n",
	 "t:2:8: `count` is 12, which is out of range: from 0 to 10\n"},
	{"negative", ONE "count: -2\n",
	 "t:2:8: `count` is -2, which is out of range: from 0 to 10\n"},
	{"range of a time", "one: {name: x, wait: 2m}\n",
	 "t:1:22: `wait` is 2m, which is out of range: from 1ms to 1m\n"},
	{"check of an option", ONE "count: 3\n", "t:2:8: odd\n"},
	{"check of a table", "one: {name: bad}\n", "t:1:6: bad name\n"},
	{"size", ONE "size: 5MB\n",
	 "t:2:7: `size` is a size, like 64K, 50M or 20G, not `5MB`\n"},
	{"time without unit", ONE "time: 30\n",
	 "t:2:7: `time` is a time, like 500ms, 30s, 1h30m or 5d, not `30`\n"},
#define RATE_SAYS                                                              \
	"t:2:7: `rate` is a rate, like 10/1s or 100/1m, or `none`, "           \
	"not "
	{"rate without a time", ONE "rate: 100\n", RATE_SAYS "`100`\n"},
	{"rate of nothing", ONE "rate: 0/1m\n", RATE_SAYS "`0/1m`\n"},
	{"rate in no time", ONE "rate: 1/0s\n", RATE_SAYS "`1/0s`\n"},
	{"rate in a time without unit", ONE "rate: 1/60\n",
	 RATE_SAYS "`1/60`\n"},
	{"rate in too long a time", ONE "rate: 1/367d\n",
	 RATE_SAYS "`1/367d`\n"},
	{"too high a rate", ONE "rate: 1000000001/1s\n",
	 RATE_SAYS "`1000000001/1s`\n"},
	{"rate with a space", ONE "rate: 1 /1s\n", RATE_SAYS "`1 /1s`\n"},
	{"rate without a number", ONE "rate: /1s\n", RATE_SAYS "`/1s`\n"},
	{"enum", ONE "colour: grene\n",
	 "t:2:9: `colour` can't be `grene`; did you mean `green`?\n"},
	{"enum, like nothing", ONE "colour: blue\n",
	 "t:2:9: `colour` can't be `blue`; one of red, green\n"},
	{"list wanted", ONE "words: a\n",
	 "t:2:8: `words` is a list: write `words: [a]`\n"},
	{"list given", ONE "text: [a]\n",
	 "t:2:7: `text` is a single value, not a list; a value that begins "
	 "with `[` needs quotes\n"},
	{"section given", ONE "text: {a: b}\n",
	 "t:2:7: `text` is a single value, not a section\n"},
	{"section wanted", "one: x\n",
	 "t:1:6: a section of `key: value` lines belongs here; write for "
	 "example `one: {name: x}`\n"},
	{"empty section", "one:\n", "t:1:5: an empty section; leave it out\n"},
	{"no value", ONE "text:\n",
	 "t:2:6: `text` has no value; write one, or leave the key out\n"},
	{"null", ONE "text: ~\n",
	 "t:2:7: `text` has no value; write one, or leave the key out\n"},
	{"twice", ONE "flag: true\nflag: true\n",
	 "t:3:1: `flag` is given twice; the first is in line 2\n"},
	{"alias", ONE "text: *a\n",
	 "t:2:7: aliases are not supported; a value that begins with `*` needs "
	 "quotes\n"},
	{"glob", ONE "text: *@example.org\n",
	 "t:2:8: not valid YAML: while scanning an alias, did not find "
	 "expected "
	 "alphabetic or numeric character" HINT},
	{"at", ONE "text: @a\n",
	 "t:2:7: not valid YAML: while scanning for the next token, found "
	 "character that cannot start any token" HINT},
	{"anchor", ONE "text: &a b\n",
	 "t:2:7: anchors (`&`) are not supported; a value that begins with `&` "
	 "needs quotes\n"},
	{"tag", ONE "text: !!str b\n",
	 "t:2:7: tags (`!`) are not supported; a value that begins with `!` "
	 "needs quotes\n"},
	{"second document", ONE "---\ntext: a\n",
	 "t:2:1: a second document begins here; write one document a file\n"},
	{"list at the top", "- a\n",
	 "t:1:1: a configuration is a section of `key: value` lines, with a "
	 "space behind each colon\n"},
	{"no space behind the colon", "text:a\n",
	 "t:1:1: a configuration is a section of `key: value` lines, with a "
	 "space behind each colon\n"},
	{"tab", ONE "text: a\n\tflag: true\n",
	 "t:3:1: not valid YAML: while scanning a plain scalar, found a tab "
	 "character that violates indentation" TABS},
	{"tab first", "one:\n\tname: x\n",
	 "t:2:1: not valid YAML: while scanning for the next token, found "
	 "character that cannot start any token" TABS},
	{"key that is no word", "{[a]: b}\n", "t:1:2: a key is a word" HINT},
	{"NUL", ONE "text: \"\\0\"\n",
	 "t:2:7: a value holds no NUL and at most 65536 bytes\n"},
	{"unset variable", ONE "text: ${CONF_NONE}\n",
	 "t:2:7: the environment variable CONF_NONE is not set; set it, or "
	 "write `${CONF_NONE:-default}`\n"},
	{"open brace", ONE "text: a${B\n",
	 "t:2:7: `${` without `}`; a literal `${` is written `$${`\n"},
	{"no name", ONE "text: ${1}\n",
	 "t:2:7: `${1}` is no name of a variable; a literal `${` is written "
	 "`$${`\n"},
	{"include from memory", ONE "include: x\n",
	 "t:2:1: `include` is possible only in a file\n"},
	{"deep", "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	 "t:1:35: nested deeper than 32 levels\n"},
	{"in the order of the lines", "one: {nme: x}\nzzz: 1\nflag: no\n",
	 "t:1:6: `name` is missing; write for example "
	 "`name: x`\n"
	 "t:1:7: unknown key `nme`; did you mean `name`?\n"
	 "t:2:1: unknown key `zzz`\n"
	 "t:3:7: `flag` is true or false, not `no`\n"},
	{"control characters", ONE "\"a\\eb\": 1\n",
	 "t:2:1: unknown key `a?b`\n"},
};

static void
test_mistakes(void **state)
{
	(void)state;
	unsetenv("CONF_NONE");
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct fixture f;

		fixture_load(&f, mistakes[i].text, strlen(mistakes[i].text));
		if (strcmp(f.says, mistakes[i].says) != 0)
			fail_msg("%s:\n%s", mistakes[i].name, f.says);
		fixture_done(&f);
	}
}

static void
test_ceilings(void **state)
{
	size_t len = (1 << 20) + 1;
	char *text = xmalloc(len);
	struct fixture f;

	(void)state;
	memset(text, '#', len);
	fixture_load(&f, text, len);
	assert_string_equal(f.says, "t: larger than 1048576 bytes\n");
	fixture_done(&f);

	for (size_t i = 0; i < len / 8; i++)
		snprintf(text + i * 8, 9, "a%05zu:\n", i % 100000);
	fixture_load(&f, text, len / 8 * 8);
	assert_non_null(strstr(f.says, "more than 1000 keys in one mapping"));
	fixture_done(&f);

	for (size_t i = 0; i < 500; i++)
		snprintf(text + i * 8, 9, "a%05zu:\n", i);
	fixture_load(&f, text, 500 * 8);
	assert_int_equal(f.errors.n, CONF_ERRORS_MAX);
	assert_int_equal(f.errors.total, 501);
	assert_non_null(strstr(f.says, "... and 401 more\n"));
	fixture_done(&f);
	free(text);
}

/* --- numbers ------------------------------------------------------------------ */

static const struct {
	const char *text;
	int64_t time_ms, bytes; /* -1: none */
} numbers[] = {
	{"0", 0, 0},
	{"500ms", 500, -1},
	{"30s", 30000, -1},
	{"5m", 300000, -1},
	{"1h30m", 5400000, -1},
	{"5d", 432000000, -1},
	{"1w", 604800000, -1},
	{"1w1d1h1m1s1ms", 694861001, -1},
	{"30m1h", -1, -1},
	{"1h1h", -1, -1},
	{"1.5h", -1, -1},
	{"-1s", -1, -1},
	{"s", -1, -1},
	{"", -1, -1},
	{"1 s", -1, -1},
	{"1S", -1, -1},
	{"64K", -1, 65536},
	{"50M", -1, 50 << 20},
	{"20G", -1, 20LL << 30},
	{"1T", -1, 1LL << 40},
	{"17", -1, 17},
	{"1k", -1, -1},
	{"1KB", -1, -1},
	{"1K1", -1, -1},
	{"999999999999999999w", -1, -1},
	{"999999999999999999T", -1, -1},
	{"9999999999999999999999", -1, -1},
};

static void
test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int64_t ms = -1, bytes = -1;

		conf_parse_time(numbers[i].text, &ms);
		conf_parse_size(numbers[i].text, &bytes);
		if (ms != numbers[i].time_ms || bytes != numbers[i].bytes)
			fail_msg("%s: %lld %lld", numbers[i].text,
				 (long long)ms, (long long)bytes);
	}
}

/* --- files -------------------------------------------------------------------- */

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* FILE of DIR, with DIR taken out of the errors. */
static void
fixture_load_file(struct fixture *f, const char *dir, const char *name)
{
	char path[256], *at;
	size_t len;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	conf_errors_init(&f->errors);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	conf_load(path, &outer_table, &f->arena, &f->errors, &f->out);
	f->says = conf_kit_says(&f->errors);
	len = strlen(dir) + 1;
	snprintf(path, sizeof(path), "%s/", dir);
	while ((at = strstr(f->says, path)) != NULL)
		memmove(at, at + len, strlen(at + len) + 1);
}

static void
test_include(void **state)
{
	char dir[] = "/tmp/belfry-conf-XXXXXX", command[64];
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "main", "include: '*.yaml'\nwords: [a]\n" ONE);
	write_file(dir, "1.yaml", "words: [b]\nmap: {x: [p]}\n");
	write_file(dir, "2.yaml", "map: {y: [q]}\none: {wait: 2s}\n");
	write_file(dir, "loop", "include: loop\n" ONE);
	write_file(dir, "round", "include: about\n" ONE);
	write_file(dir, "about", "include: ./round\n");
	write_file(dir, "fork", "include: [left, right]\n" ONE);
	write_file(dir, "left", "include: 1.word\n");
	write_file(dir, "right", "include: 1.word\n");
	write_file(dir, "1.word", "words: [w]\n");
	write_file(dir, "values", "include: wrong\n" ONE);
	write_file(dir, "wrong", "# a line\nlist: [{name: '${CONF_NONE}'}]\n");
	write_file(dir, "lost", "include: [none*, nowhere, fifo]\n" ONE);
	write_file(dir, "twice", "include: main\none: {name: y}\nflug: 1\n");

	fixture_load_file(&f, dir, "main");
	assert_string_equal(f.says, "");
	assert_int_equal(f.out.words.n, 2);
	assert_string_equal(f.out.words.v[0], "a");
	assert_int_equal(f.out.map.n, 2);
	assert_string_equal(f.out.one.name, "x");
	assert_int_equal(f.out.one.wait_ms, 2000);
	fixture_done(&f);

	fixture_load_file(&f, dir, "twice");
	assert_string_equal(
		f.says,
		"main:3:7: `name` is given twice; the first is twice:2\n"
		"twice:3:1: unknown key `flug`; did you mean `flag`?\n");
	fixture_done(&f);

	fixture_load_file(&f, dir, "loop");
	assert_string_equal(f.says,
			    "loop:1:10: `include` leads back to loop, which is "
			    "being read already\n");
	fixture_done(&f);

	/* By way of another file, and by another name. */
	fixture_load_file(&f, dir, "round");
	assert_string_equal(f.says,
			    "about:1:10: `include` leads back to ./round, "
			    "which is being read already\n");
	fixture_done(&f);

	/* No error of its own: two files that include the same third one. */
	fixture_load_file(&f, dir, "fork");
	assert_string_equal(f.says, "");
	assert_int_equal(f.out.words.n, 2);
	fixture_done(&f);

	/* Sixteen of a row are taken, and no more. */
	for (int i = 0; i < 17; i++) {
		char name[16], text[32];

		snprintf(name, sizeof(name), "deep%d", i);
		snprintf(text, sizeof(text), "include: deep%d\n", i + 1);
		write_file(dir, name, text);
	}
	fixture_load_file(&f, dir, "deep0");
	assert_non_null(strstr(f.says, "deep15:1:10: too many included files"));
	fixture_done(&f);

	/* Mistakes of values are of the file where they stand. */
	fixture_load_file(&f, dir, "values");
	assert_string_equal(f.says,
			    "wrong:2:15: the environment variable CONF_NONE is "
			    "not set; set it, or write "
			    "`${CONF_NONE:-default}`\n");
	fixture_done(&f);

	snprintf(command, sizeof(command), "mkfifo %s/fifo", dir);
	assert_int_equal(system(command), 0);
	fixture_load_file(&f, dir, "lost");
	assert_string_equal(f.says, "lost:1:18: can't read nowhere: No such "
				    "file or directory\nlost:1:27: can't read "
				    "fifo: it is no regular file\n");
	fixture_done(&f);

	fixture_load_file(&f, dir, "gone");
	assert_non_null(strstr(f.says, "gone: can't be read: No such file"));
	fixture_done(&f);

	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* --- the walk ----------------------------------------------------------------- */

static void
walk(void *arg, const char *path, const struct conf_option *o)
{
	char *type = conf_type_name(o), *range = conf_range_name(o);

	fprintf(arg, "%s %s %s\n", path, type, range != NULL ? range : "-");
	free(type);
	free(range);
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
	assert_string_equal(text,
			    "text string -\nother string -\n"
			    "flag true|false -\ncount integer 0 to 10\n"
			    "size size -\ntime time -\nrate rate -\n"
			    "ratio number -\n"
			    "colour red|green -\nwords list of strings -\n"
			    "map names, each with a list -\n"
			    "list list of sections -\n"
			    "list[].name string -\n"
			    "list[].wait time 1ms to 1m\n"
			    "one section -\none.name string -\n"
			    "one.wait time 1ms to 1m\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
