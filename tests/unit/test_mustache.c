#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/mustache.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define TEXT(s)                                                                \
	{                                                                      \
		.kind = MUSTACHE_TEXT, .text = (s)                             \
	}
#define LIST(a)                                                                \
	{                                                                      \
		.kind = MUSTACHE_LIST, .n = ROWS(a), .items = (a)              \
	}
#define LINES(s)                                                               \
	{                                                                      \
		.kind = MUSTACHE_LINES, .text = (s)                            \
	}
#define OBJECT(a)                                                              \
	{                                                                      \
		.kind = MUSTACHE_OBJECT, .n = ROWS(a), .fields = (a)           \
	}

#define EVIL "<a href=\"x\">&'\r\n\t\x01\\\x7f"

static const struct mustache_value words[] = {TEXT("a"), TEXT("b"), TEXT("c")};
static const struct mustache_field inner[] = {{"x", TEXT("inner")},
					      {"only", TEXT("here")}};
static const struct mustache_field one[] = {{"name", TEXT("one")},
					    {"words", LIST(words)}};
static const struct mustache_field two[] = {{"name", TEXT("two")}};
static const struct mustache_value items[] = {OBJECT(one), OBJECT(two)};
static const struct mustache_field fields[] = {
	{"x", TEXT("outer")},
	{"empty", TEXT("")},
	{"no", {.kind = MUSTACHE_FALSE}},
	{"yes", {.kind = MUSTACHE_TRUE}},
	{"o", OBJECT(inner)},
	{"bare", {.kind = MUSTACHE_OBJECT}},
	{"none", {.kind = MUSTACHE_LIST}},
	{"words", LIST(words)},
	{"items", LIST(items)},
	{"evil", LINES(EVIL)},
	{"evil_line", TEXT(EVIL)},
	{"turned", TEXT("a\xe2\x80\xae"
			"b\xe2\x81\xa6"
			"c\xe2\x80\x8f"
			"d")},
	{"latin", TEXT("gr\xfc\xdf \xc3\xbc")},
	{"separators", TEXT("a\xe2\x80\xa8"
			    "b\xe2\x80\xa9"
			    "c")},
	{"lines", LINES("a\xe2\x80\xa8"
			"b\xc2\x85"
			"c")},
};
static const struct mustache_value root = OBJECT(fields);

static const struct row {
	const char *name, *text, *out;
	enum mustache_escape escape;
} rows[] = {
	{"plain text", "a {b} } {", "a {b} } {", 0},
	{"nothing", "", "", 0},
	{"value", "<{{x}}>", "<outer>", 0},
	{"blanks in a tag", "{{ x }}{{{ x }}}{{& x}}", "outerouterouter", 0},
	{"unknown is empty", "[{{what}}{{o.what}}{{x.what}}]", "[]", 0},
	{"not a text", "[{{o}}{{words}}{{yes}}{{no}}]", "[]", 0},
	{"dotted", "{{o.x}}", "inner", 0},
	{"section of an object", "{{#o}}{{x}} {{only}} {{no}}{{/o}}",
	 "inner here ", 0},
	{"outer seen within", "{{#o}}{{#yes}}{{only}}{{/yes}}{{words.n}}{{/o}}",
	 "here", 0},
	{"list of texts", "{{#words}}{{.}}{{/words}}", "abc", 0},
	{"list within a list",
	 "{{#items}}{{name}}:{{#words}}{{.}}{{/words}};{{/items}}",
	 "one:abc;two:abc;", 0},
	{"first and last",
	 "{{#words}}{{#-first}}[{{/-first}}{{.}}{{^-last}},{{/-last}}"
	 "{{#-last}}]{{/-last}}{{/words}}",
	 "[a,b,c]", 0},
	{"last in a section in a list",
	 "{{#words}}{{#o}}{{#-last}}{{.}}!{{/-last}}{{/o}}{{/words}}", "!", 0},
	{"no list, no last", "{{#-last}}x{{/-last}}", "", 0},
	{"empty list", "{{#none}}x{{/none}}{{^none}}y{{/none}}", "y", 0},
	{"empty text", "{{#empty}}x{{/empty}}{{^empty}}y{{/empty}}", "y", 0},
	{"empty object", "{{#bare}}x{{/bare}}{{^bare}}y{{/bare}}", "y", 0},
	{"false", "{{#no}}x{{/no}}{{^no}}y{{/no}}", "y", 0},
	{"true", "{{#yes}}x{{/yes}}{{^yes}}y{{/yes}}", "x", 0},
	{"unknown section", "{{#what}}x{{/what}}{{^what}}y{{/what}}", "y", 0},
	{"text as a section", "{{#x}}<{{.}}>{{/x}}", "<outer>", 0},
	{"inverted keeps its place",
	 "{{#words}}{{^no}}{{.}}{{^-last}},{{/-last}}{{/no}}{{/words}}",
	 "a,b,c", 0},
	{"comment", "a{{! nothing {{ at all }}b", "ab", 0},
	{"a line of its own", "a\n{{#yes}}\nb\n{{/yes}}\nc\n", "a\nb\nc\n", 0},
	{"... with blanks and CRLF", "a\r\n \t{{#yes}} \r\nb\r\n {{/yes}}\r\nc",
	 "a\r\nb\r\nc", 0},
	{"... at the ends", "{{#yes}}\nb\n{{/yes}}", "b\n", 0},
	{"... a comment", "a\n  {{! x }}\nb", "a\nb", 0},
	{"not alone", "a {{#yes}}\nb\n{{/yes}} c\n", "a \nb\n c\n", 0},
	{"two on a line", "{{#yes}}{{#yes}}\nb{{/yes}}{{/yes}}", "\nb", 0},
	{"a value's line stays", " {{empty}} \nx", "  \nx", 0},
	{"one brace more", "{{{{x}}}}", "{outer}", 0},
	{"a brace behind", "{\"a\":{\"b\":\"{{x}}\"}}",
	 "{\"a\":{\"b\":\"outer\"}}", 0},
	{"plain", "{{evil}}", "<a href=\"x\">&'\n\t \\ ", MUSTACHE_PLAIN},
	{"line", "{{evil}}", "<a href=\"x\">&'    \\ ", MUSTACHE_LINE},
	{"line ends of others", "{{lines}}", "a b c", MUSTACHE_LINE},
	{"html", "{{evil}}", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\n\t \\ ",
	 MUSTACHE_HTML},
	{"html, not", "{{{evil}}}", "<a href=\"x\">&'\n\t \\ ", MUSTACHE_HTML},
	{"json", "{{evil}}", "<a href=\\\"x\\\">&'\\n\\t \\\\ ", MUSTACHE_JSON},
	{"plain, a line", "{{evil_line}}", "<a href=\"x\">&'  \t \\ ",
	 MUSTACHE_PLAIN},
	{"html, a line", "{{{evil_line}}}", "<a href=\"x\">&'  \t \\ ",
	 MUSTACHE_HTML},
	{"json, a line", "{{evil_line}}", "<a href=\\\"x\\\">&'  \\t \\\\ ",
	 MUSTACHE_JSON},
	{"slack, a line", "{{separators}}", "a b c", MUSTACHE_SLACK},
	{"plain, line separators", "{{separators}}", "a b c", MUSTACHE_PLAIN},
	{"a section on lines", "{{#evil}}x{{/evil}}", "x", MUSTACHE_PLAIN},
	{"turns", "{{turned}}",
	 "abc\xe2\x80\x8f"
	 "d",
	 MUSTACHE_PLAIN},
	{"turns, html", "{{turned}}",
	 "abc\xe2\x80\x8f"
	 "d",
	 MUSTACHE_HTML},
	{"turns, json", "{{turned}}",
	 "abc\xe2\x80\x8f"
	 "d",
	 MUSTACHE_JSON},
	{"turns, as it is", "{{{turned}}}",
	 "abc\xe2\x80\x8f"
	 "d",
	 MUSTACHE_SLACK},
	{"json, line ends", "{{lines}}", "a\\u2028b c", MUSTACHE_JSON},
	{"slack", "{{evil}}", "&lt;a href=\\\"x\\\"&gt;&amp;'\\n\\t \\\\ ",
	 MUSTACHE_SLACK},
	{"url", "{{evil}}{{x}}",
	 "%3Ca%20href%3D%22x%22%3E%26%27%0A%09%20%5C%20outer", MUSTACHE_URL},
	{"url, turns", "{{turned}}{{separators}}", "abc%E2%80%8Fda%20b%20c",
	 MUSTACHE_URL},
	{"not UTF-8, url", "{{latin}}", "gr%EF%BF%BD%EF%BF%BD%20%C3%BC",
	 MUSTACHE_URL},
	{"not UTF-8", "{{latin}}", "gr\xef\xbf\xbd\xef\xbf\xbd \xc3\xbc",
	 MUSTACHE_PLAIN},
	{"not UTF-8, json", "{{latin}}", "gr\xef\xbf\xbd\xef\xbf\xbd \xc3\xbc",
	 MUSTACHE_JSON},
};

static struct mustache *
compile(const char *name, const char *text)
{
	struct mustache_error e;
	struct mustache *m = NULL;

	if (mustache_new(text, strlen(text), &m, &e) < 0)
		fail_msg("%s: line %d: %s", name, e.line, e.why);
	return m;
}

/* At most MAX bytes of TEXT with ROOT's values into OUT, which is the caller's. */
static int
render(const char *name, const char *text, const struct mustache_value *values,
       enum mustache_escape escape, size_t max, struct buf *out)
{
	struct mustache *m = compile(name, text);
	int r;

	buf_init(out, max);
	r = mustache_render(m, values, escape, out);
	mustache_free(&m);
	assert_null(m);
	return r;
}

static void
test_render(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf out;

		assert_int_equal(render(rows[i].name, rows[i].text, &root,
					rows[i].escape, 1000, &out),
				 0);
		if (strcmp(buf_str(&out), rows[i].out) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].name,
				 buf_str(&out), rows[i].out);
		buf_done(&out);
	}
}

static const struct mustache_value hundred[100];
static const struct mustache_field hundred_field[] = {{"w", LIST(hundred)}};
static const struct mustache_value many = OBJECT(hundred_field);

static const struct {
	const char *name, *text;
	const struct mustache_value *values;
	size_t max;
	int r;
} too_much[] = {
	{"just enough", "{{x}}{{x}}", &root, 10, 0},
	{"more than the ceiling", "{{x}}{{x}}", &root, 9, -EMSGSIZE},
	{"a hundred, thrice: a million rounds",
	 "{{#w}}{{#w}}{{#w}}{{/w}}"
	 "{{/w}}{{/w}}",
	 &many, 10, -E2BIG},
	{"a hundred, six times: 10^12 rounds",
	 "{{#w}}{{#w}}{{#w}}{{#w}}{{#w}}{{#w}}"
	 "{{/w}}{{/w}}{{/w}}{{/w}}{{/w}}{{/w}}",
	 &many, 10, -E2BIG},
};

static void
test_too_much(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(too_much); i++) {
		struct buf out;
		int r = render(too_much[i].name, too_much[i].text,
			       too_much[i].values, MUSTACHE_PLAIN,
			       too_much[i].max, &out);

		if (r != too_much[i].r)
			fail_msg("%s: %d", too_much[i].name, r);
		buf_done(&out);
	}
}

#define OPEN4  "{{#a}}{{#a}}{{#a}}{{#a}}"
#define OPEN16 OPEN4 OPEN4 OPEN4 OPEN4
#define CLOSE4 "{{/a}}{{/a}}{{/a}}{{/a}}"

#define NAMES " of a variable, like {{title}} or {{labels.team}}"

static const struct bad {
	const char *name, *text;
	int line;
	const char *why;
} bad[] = {
	{"no end", "a\n{{b", 2, "a tag without its \"}}\""},
	{"half an end", "{{b}", 1, "a tag without its \"}}\""},
	{"no third brace", "{{{b}}", 1, "a tag without its \"}}}\""},
	{"closes nothing", "\n\n{{/b}}", 3, "{{/b}} closes nothing"},
	{"closes another", "{{#a}}\n{{#b}}\n{{/a}}", 3,
	 "{{/a}}, but what is open is \"b\" of line 2"},
	{"never closed", "x\n{{#a}}\n{{b}}\n", 2,
	 "\"a\" is never closed, with {{/a}}"},
	{"never closed, inverted", "{{^a}}", 1,
	 "\"a\" is never closed, with {{/a}}"},
	{"no name", "{{}}", 1, "\"\" is no name" NAMES},
	{"two words", "{{a b}}", 1, "\"a b\" is no name" NAMES},
	{"a dot in front", "{{.a}}", 1, "\".a\" is no name" NAMES},
	{"a dot behind", "{{a.}}", 1, "\"a.\" is no name" NAMES},
	{"two dots", "{{a..b}}", 1, "\"a..b\" is no name" NAMES},
	{"braces within", "{{ {a} }}", 1, "\"{a}\" is no name" NAMES},
	{"partial", "{{> other}}", 1,
	 "{{> }}: a template can't take in another "
	 "one"},
	{"delimiters", "{{=<% %>=}}", 1, "{{= }}: the braces can't be changed"},
	{"too deep", OPEN16 "\n{{#a}}" CLOSE4, 2,
	 "more than 16 sections within each other"},
	{"lines of a comment", "{{! \n\n }}\n{{/a}}", 4,
	 "{{/a}} closes nothing"},
	{"lines of standing alone", "{{#a}}\n{{/a}}\n\n{{/b}}", 4,
	 "{{/b}} closes nothing"},
	{"not UTF-8", "a\n\xfc", 2, "an octet that is no UTF-8"},
};

static void
test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		struct mustache_error e = {0};
		struct mustache *m = NULL;

		if (mustache_new(bad[i].text, strlen(bad[i].text), &m, &e) !=
		    -EINVAL)
			fail_msg("%s: taken", bad[i].name);
		assert_null(m);
		if (e.line != bad[i].line || strcmp(e.why, bad[i].why) != 0)
			fail_msg("%s: line %d: %s", bad[i].name, e.line, e.why);
	}
}

static void
test_limits(void **state)
{
	char *big = xcalloc(1, MUSTACHE_TEXT_MAX + 1);
	struct mustache_error e;
	struct mustache *m;

	(void)state;
	memset(big, 'x', MUSTACHE_TEXT_MAX + 1);
	assert_int_equal(mustache_new(big, MUSTACHE_TEXT_MAX + 1, &m, &e),
			 -EINVAL);
	assert_string_equal(e.why, "longer than 65536 bytes");
	assert_int_equal(mustache_new(big, MUSTACHE_TEXT_MAX, &m, &e), 0);
	mustache_free(&m);
	assert_int_equal(mustache_new("a\0b", 3, &m, &e), -EINVAL);
	assert_string_equal(e.why, "a NUL");
	free(big);
}

static bool
name_join(void *arg, const char *name, int line)
{
	struct buf *names = arg;

	return buf_printf(names, "%d:%s ", line, name) == 0 &&
	       strcmp(name, "stop") != 0;
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool used;
	} uses[] = {
		{"a", true},  {"b", true},  {"b.c", true},  {"g", true},
		{"c", false}, {"f", false}, {"sto", false},
	};
	struct mustache *m =
		compile("names", "text{{a}}\n{{#b.c}}{{{d}}}\n{{/b.c}}{{^e}}"
				 "{{/e}}{{! f }}{{stop}}{{g}}");
	struct buf names;

	(void)state;
	buf_init(&names, 100);
	mustache_each_name(m, name_join, &names);
	assert_string_equal(buf_str(&names), "1:a 2:b.c 2:d 3:e 3:stop ");
	for (size_t i = 0; i < ROWS(uses); i++)
		if (mustache_uses(m, uses[i].name) != uses[i].used)
			fail_msg("%s", uses[i].name);
	assert_int_equal(mustache_fixed_len(m), 4);
	buf_done(&names);
	mustache_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render), cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
