#include "mail/html_text.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static void
test_table(void **state)
{
	static const struct {
		const char *name, *html, *text;
	} row[] = {
		{"nothing", "", ""},
		{"words", "  a \n b\t", "a b"},
		{"tags", "<b>a</b><i>b</i> c", "ab c"},
		{"blocks", "<p>a</p><p>b</p>c<br>d<br/>e", "a\n\nb\nc\nd\ne"},
		{"one empty line at most", "a<br><br><br><br>b", "a\n\nb"},
		{"no empty line first", "<div><div><p>a", "a"},
		{"a table", "<tr><td>a</td><td>b</td></tr><tr><td>c", "a b\nc"},
		{"hidden",
		 "<head><title>t</title></head>a<style>p {x:y}</style>"
		 "<script>if (a < b) c();</script>b",
		 "ab"},
		{"hidden to the end", "a<style>b", "a"},
		{"comments", "a<!-- <b>x</b> -->b<!-- c", "ab"},
		{"a doctype", "<!DOCTYPE html>a", "a"},
		{"quotes in a tag", "<a title='a > b' href=\"x\">c</a>", "c"},
		{"a tag without its end", "a<b", "a"},
		{"less than", "a < b <3", "a < b <3"},
		{"entities", "&lt;&amp;&gt;&quot;&#39;&#x41;&auml;&euro;",
		 "<&>\"'A\xc3\xa4\xe2\x82\xac"},
		{"blanks that hold", "a&nbsp;b&#160;c", "a b c"},
		{"no entities", "a&b &bogus; &amp &; &#0; &#xd800; &#x110000;",
		 "a&b &bogus; &amp &; &#0; &#xd800; &#x110000;"},
		{"beyond the plane", "&#128721;", "\xf0\x9f\x9b\x91"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf out;

		buf_init(&out, 1000);
		assert_int_equal(
			html_text(row[i].html, strlen(row[i].html), &out), 0);
		if (strcmp(buf_str(&out), row[i].text) != 0)
			fail_msg("%s: \"%s\"", row[i].name, buf_str(&out));
		buf_done(&out);
	}
}

static void
test_ceiling(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 3);
	assert_int_equal(html_text("abcdef", 6, &out), -EMSGSIZE);
	assert_string_equal(buf_str(&out), "abc");
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
