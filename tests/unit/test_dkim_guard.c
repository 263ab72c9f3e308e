/*
 * DKIM of the hostile: signatures that nobody would make, and what libopendkim by
 * itself does not survive, or not well.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/dkim_kit.h"
#include "tests/unit/test.h"

/* --- the signature's text ---------------------------------------------------------- */

struct field_row {
	const char *name, *from, *to;
	enum dkim_result result;
	const char *why;
};

static const struct field_row field_rows[] = {
	{"no version", "v=1; ", "", DKIM_NEUTRAL, "version"},
	{"another version", "v=1", "v=2", DKIM_NEUTRAL, "version"},
	{"an unknown algorithm", "rsa-sha256", "rsa-sha512", DKIM_NEUTRAL,
	 "unknown"},
	{"no domain", "d=example.org; ", "", DKIM_NEUTRAL, "d="},
	{"a domain with a slash", "d=example.org", "d=example/org",
	 DKIM_NEUTRAL, "d="},
	{"a domain with an empty label", "d=example.org", "d=example..org",
	 DKIM_NEUTRAL, "d="},
	{"no selector", "s=rsa", "s=", DKIM_NEUTRAL, "s="},
	{"twice", "v=1;", "v=1; d=example.org;", DKIM_NEUTRAL, "twice"},
	{"twice in another case", "v=1;", "v=1; D=example.com;", DKIM_NEUTRAL,
	 "twice"},
	{"an empty tag", "v=1;", "v=1;;", DKIM_NEUTRAL, "a tag is"},
	{"no =", "v=1;", "v=1; x;", DKIM_NEUTRAL, "a tag is"},
	{"8 bits", "v=1;", "v=1; n=\xc3\xa4;", DKIM_NEUTRAL, "ASCII"},
	{"a control character", "v=1;", "v=1; n=\x01;", DKIM_NEUTRAL, "ASCII"},
	{"From not covered", "h=From", "h=Form", DKIM_NEUTRAL, "From"},
	{"another canonical form", "c=relaxed/relaxed", "c=relaxed/strict",
	 DKIM_NEUTRAL, "c="},
	{"no canonical form", "c=relaxed/relaxed", "c=", DKIM_NEUTRAL, "c="},
	{"no hash of the body", "bh=", "xh=", DKIM_NEUTRAL, "bh="},
	{"a hash that is none", "bh=", "bh=*", DKIM_NEUTRAL, "bh="},
	{"time that is none", "t=1700000000", "t=now", DKIM_NEUTRAL, "t="},
	{"negative time", "t=1700000000", "t=-1", DKIM_NEUTRAL, "t="},
	{"time without end", "t=1700000000", "t=1700000000000", DKIM_NEUTRAL,
	 "t="},
	{"time before DKIM", "t=1700000000", "t=1", DKIM_FAIL, "before"},
	{"time in the future", "t=1700000000", "t=1700007201", DKIM_FAIL,
	 "future"},
	{"expired", "v=1;", "v=1; x=1700000000;", DKIM_FAIL, "expired"},
	{"expired before made", "v=1;", "v=1; x=1600000000;", DKIM_NEUTRAL,
	 "before it was made"},
	{"not expired, but changed", "v=1;", "v=1; x=1700000001;", DKIM_FAIL,
	 "does not match"},
	{"a length that is none", "v=1;", "v=1; l=many;", DKIM_NEUTRAL, "l="},
	{"another query", "v=1;", "v=1; q=http;", DKIM_NEUTRAL, "q="},
	{"identity of another", "v=1;", "v=1; i=@example.com;", DKIM_NEUTRAL,
	 "not within"},
	{"identity that ends alike", "v=1;", "v=1; i=@badexample.org;",
	 DKIM_NEUTRAL, "not within"},
	{"identity without @", "v=1;", "v=1; i=anna;", DKIM_NEUTRAL,
	 "malformed"},
	{"identity with half a code", "v=1;", "v=1; i=a=4@example.org;",
	 DKIM_NEUTRAL, "malformed"},
	{"identity that ends in =", "v=1;", "v=1; i=anna@example.org=;",
	 DKIM_NEUTRAL, "malformed"},
	{"identity with no code", "v=1;", "v=1; i=a=zz@example.org;",
	 DKIM_NEUTRAL, "malformed"},
	{"an unknown tag", "v=1;", "v=1; unknown=some thing;", DKIM_FAIL,
	 "does not match"},
};

static void
texts_of_a_signature(void **state)
{
	struct dkim_kit *k = *state;
	const char *text =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));

	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++)
		if (!dkim_kit_is(k,
				 dkim_kit_changed(k, text, field_rows[i].from,
						  field_rows[i].to),
				 field_rows[i].result, field_rows[i].why))
			fail_msg("%s", field_rows[i].name);
}

/* A bad signature does not spoil a good one, wherever it stands. */
static void
bad_beside_good(void **state)
{
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]);
	     i++) {
		const char *good =
			dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
		const char *bad = dkim_kit_changed(k, good, field_rows[i].from,
						   field_rows[i].to);
		size_t len = strlen(bad) - strlen(dkim_kit_plain(k));
		const char *both =
			arena_printf(&k->arena, "%.*s%s", (int)len, bad, good);
		const struct dkim_verdict *v =
			dkim_kit_verify(k, both, strlen(both));

		assert_int_equal(v->n, 2);
		if (v->signatures[0].result == DKIM_PASS ||
		    !dkim_kit_result(&v->signatures[1], DKIM_PASS, ""))
			fail_msg("%s", field_rows[i].name);
	}
}

/* --- what libopendkim does not survive, or not well ------------------------------------- */

static void
thousand_signatures(void **state)
{
	struct dkim_kit *k = *state;
	const char *one =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
	size_t len = strlen(one) - strlen(dkim_kit_plain(k));
	const struct dkim_verdict *v;
	struct buf b;

	buf_init(&b, 10 << 20);
	for (int i = 0; i < 999; i++)
		assert_int_equal(buf_append(&b, one, len), 0);
	assert_int_equal(buf_append_str(&b, one), 0);
	v = dkim_kit_verify(k, b.data, b.len);
	assert_int_equal(v->n, DKIM_SIGNATURES_MAX);
	assert_int_equal(v->left_out, 1000 - DKIM_SIGNATURES_MAX);
	for (size_t i = 0; i < v->n; i++)
		assert_true(dkim_kit_result(&v->signatures[i], DKIM_PASS, ""));
	buf_done(&b);
}

static void
thousand_fields(void **state)
{
	struct dkim_kit *k = *state;
	const char *one =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_append_str(&b, "X: y\r\n"), 0);
	assert_int_equal(buf_append_str(&b, one), 0);
	assert_true(dkim_kit_is(k, buf_str(&b), DKIM_NEUTRAL, "1,000"));
	assert_true(dkim_kit_is(k, buf_str(&b) + 6 * 10, DKIM_PASS, ""));
	buf_done(&b);
}

struct line_row {
	const char *name, *body;
};

static const struct line_row line_rows[] = {
	{"two line feeds", "\n\n"},
	{"line feeds in a line", "abcd\n\n\n\nEVIL\r\n"},
	{"a line feed at the start", "\na\r\n"},
	{"a carriage return", "a\rb\r\n"},
	{"two of them", "a\r\r\n"},
	{"one at the end", "a\r\n\r"},
	{"before a blank", "a\r b\r\n"},
};

static void
lines_by_themselves(void **state)
{
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < sizeof(line_rows) / sizeof(line_rows[0]); i++)
		for (size_t w = 0; w < DKIM_KIT_NWAYS; w++)
			for (k->piece = 0; k->piece < 3; k->piece++) {
				const char *text = dkim_kit_sign(
					k, &dkim_kit_ways[w],
					"From: a@example.org\r\n\r\na\r\n");

				text = dkim_kit_changed(
					k, text, "\r\n\r\na\r\n",
					arena_printf(&k->arena, "\r\n\r\n%s",
						     line_rows[i].body));
				if (!dkim_kit_is(k, text, DKIM_NEUTRAL,
						 "CR or LF by itself"))
					fail_msg("%s", line_rows[i].name);
			}
}

/* It would all be in memory. */
static void
long_line(void **state)
{
	struct dkim_kit *k = *state;
	const size_t most = 1 << 20;
	char *body = arena_alloc(&k->arena, most + 2);

	memset(body, 'x', most + 1);
	k->piece = 65536;
	for (size_t more = 0; more < 2; more++) {
		const char *text;

		body[most + more] = '\0';
		text = arena_printf(&k->arena,
				    "From: a@example.org\r\n\r\n%s\r\n", body);
		text = dkim_kit_sign(k, &dkim_kit_ways[0], text);
		assert_true(more == 0 ? dkim_kit_is(k, text, DKIM_PASS, "")
				      : dkim_kit_is(k, text, DKIM_NEUTRAL,
						    "over 1 MiB"));
		body[most + more] = 'x';
	}
}

static void
nul_in_the_header(void **state)
{
	struct dkim_kit *k = *state;
	const char *text =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
	char *with = arena_strdup(&k->arena, text);
	const struct dkim_verdict *v;

	*strstr(with, "ben@") = '\0';
	v = dkim_kit_verify(k, with, strlen(text));
	assert_int_equal(v->n, 1);
	assert_true(dkim_kit_result(&v->signatures[0], DKIM_NEUTRAL, "NUL"));
}

static void
long_identity(void **state)
{
	struct dkim_kit *k = *state;
	const char *text =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
	char local[20000];

	for (size_t len = 100; len < sizeof(local); len *= 3) {
		memset(local, 'a', len);
		local[len] = '\0';
		assert_true(dkim_kit_is(
			k,
			dkim_kit_changed(k, text, "v=1;",
					 arena_printf(&k->arena,
						      "v=1; i=%s@example.org;",
						      local)),
			len < 200 ? DKIM_FAIL : DKIM_NEUTRAL,
			len < 200     ? "match"
			: len < 16000 ? "200 octets"
				      : "16 KiB"));
	}
}

/* One that covers every field, itself too, and more. */
static void
covers_all(void **state)
{
	struct dkim_kit *k = *state;
	const char *text =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));

	assert_true(dkim_kit_is(
		k,
		dkim_kit_changed(
			k, text, "h=From",
			"h=DKIM-Signature:DKIM-Signature:Date:Subject:To:x:y:z:"
			"From:From:From:From"),
		DKIM_FAIL, "match"));
	/* Not itself, and more than there is. */
	assert_true(
		dkim_kit_is(k,
			    dkim_kit_changed(k, text, "h=From",
					     "h=- -:--:From:From:Date:Date:x"),
			    DKIM_FAIL, "match"));
}

static void
many_names(void **state)
{
	struct dkim_kit *k = *state;
	const char *text =
		dkim_kit_sign(k, &dkim_kit_ways[0], dkim_kit_plain(k));
	struct buf names;

	buf_init(&names, 65536);
	for (int i = 0; i < 201; i++)
		assert_int_equal(buf_append_str(&names, "x:"), 0);
	assert_true(dkim_kit_is(
		k,
		dkim_kit_changed(
			k, text, "h=From",
			arena_printf(&k->arena, "h=From:%s", buf_str(&names))),
		DKIM_NEUTRAL, "200 fields"));
	for (int i = 0; i < 4000; i++)
		assert_int_equal(buf_append_char(&names, 'y'), 0);
	assert_true(dkim_kit_is(
		k,
		dkim_kit_changed(
			k, text, "h=From",
			arena_printf(&k->arena, "h=From:%s:", buf_str(&names))),
		DKIM_NEUTRAL, "too long"));
	buf_done(&names);
}

/* libopendkim would fail all. */
static void
authors_that_it_cannot_read(void **state)
{
	static const char *const rows[] = {
		"From: ((((\n", "From: \"\n",      "From: \n",
		"From: <\n",    "From: a\n",       "From: :::;;;,,,@\n",
		"From: a@[\n",  "From: \\\n",      "From: a@b@c\n",
		"From: g:;\n",  "From: <@a:b@c\n", "From: \xff\xfe\n",
	};
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text =
			arena_printf(&k->arena, "%s\nbody\n", rows[i]);

		text = dkim_kit_sign(k, &dkim_kit_ways[0],
				     dkim_kit_crlf(k, text));
		if (!dkim_kit_is(k, text, DKIM_PASS, ""))
			fail_msg("%s", rows[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DKIM_KIT_CASE(thousand_signatures),
		DKIM_KIT_CASE(thousand_fields),
		DKIM_KIT_CASE(lines_by_themselves),
		DKIM_KIT_CASE(long_line),
		DKIM_KIT_CASE(nul_in_the_header),
		DKIM_KIT_CASE(long_identity),
		DKIM_KIT_CASE(covers_all),
		DKIM_KIT_CASE(many_names),
		DKIM_KIT_CASE(authors_that_it_cannot_read),
		DKIM_KIT_CASE(texts_of_a_signature),
		DKIM_KIT_CASE(bad_beside_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
