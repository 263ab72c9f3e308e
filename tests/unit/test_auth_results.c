#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"
#include "verdict/auth_results.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define OURS    "mx1.example.org"

/* --- made ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool utf8;
	struct auth_results a;
	const char *out;
} written[] = {
	{"none at all", false, {.authserv_id = OURS}, " " OURS "; none"},
	{"spf",
	 false,
	 {OURS,
	  1,
	  {{.method = "spf",
	    .result = "pass",
	    .n = 1,
	    .props = {{"smtp", "mailfrom", "anna@example.com"}}}}},
	 " " OURS ";\r\n\tspf=pass smtp.mailfrom=anna@example.com"},
	{"several, with a comment and a reason",
	 false,
	 {OURS,
	  2,
	  {{.method = "dkim",
	    .result = "fail",
	    .comment = "2048-bit rsa key",
	    .reason = "the body was changed",
	    .n = 2,
	    .props = {{"header", "d", "example.com"},
		      {"header", "i", "@example.com"}}},
	   {.method = "dmarc",
	    .result = "pass",
	    .n = 1,
	    .props = {{"header", "from", "example.com"}}}}},
	 " " OURS ";\r\n"
	 "\tdkim=fail (2048-bit rsa key) reason=\"the body was changed\"\r\n"
	 "\theader.d=example.com header.i=@example.com;\r\n"
	 "\tdmarc=pass header.from=example.com"},
	{"what would break out",
	 false,
	 {OURS,
	  1,
	  {{.method = "spf",
	    .result = "pass",
	    .comment = "a) b; (c \\ \"d\"\r\nX: y",
	    .n = 2,
	    .props = {{"smtp", "mailfrom", "a;dkim=pass \"\\\r\n@b"},
		      {"smtp", "helo", ""}}}}},
	 " " OURS ";\r\n"
	 "\tspf=pass (a' b, 'c ' 'd'?\?X: y) "
	 "smtp.mailfrom=\"a;dkim=pass \\\"\\\\?\?@b\"\r\n"
	 "\tsmtp.helo=\"\""},
	{"an id that is no host's",
	 false,
	 {.authserv_id = "a@b c"},
	 " \"a@b c\"; none"},
	{"beyond ASCII, where it may not be",
	 false,
	 {OURS,
	  1,
	  {{.method = "spf",
	    .result = "pass",
	    .n = 1,
	    .props = {{"smtp", "mailfrom", "j\xc3\xbcrg@example.com"}}}}},
	 " " OURS ";\r\n\tspf=pass smtp.mailfrom=\"j?rg@example.com\""},
	{"beyond ASCII, where it may",
	 true,
	 {OURS,
	  1,
	  {{.method = "spf",
	    .result = "pass",
	    .n = 1,
	    .props = {{"smtp", "mailfrom", "j\xc3\xbcrg\xff@example.com"}}}}},
	 " " OURS ";\r\n\tspf=pass smtp.mailfrom=\"j\xc3\xbcrg?@example.com\""},
};

static void
test_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(written); i++) {
		struct buf out;

		print_message("%s\n", written[i].name);
		buf_init(&out, 4096);
		assert_int_equal(auth_results_write(&written[i].a,
						    written[i].utf8, &out),
				 0);
		assert_string_equal(buf_str(&out), written[i].out);
		buf_done(&out);

		buf_init(&out, strlen(written[i].out) - 1);
		assert_int_equal(auth_results_write(&written[i].a,
						    written[i].utf8, &out),
				 -EMSGSIZE);
		assert_string_equal(buf_str(&out), "");
		buf_done(&out);
	}
}

/* No line of it is longer than SMTP has them. */
static void
test_long(void **state)
{
	struct auth_results a = {.authserv_id = OURS, .n = 1};
	struct auth_result *r = &a.v[0];
	static char text[2000];
	struct buf out;

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	*r = (struct auth_result){.method = "spf",
				  .result = "fail",
				  .comment = text,
				  .reason = text,
				  .n = 1,
				  .props = {{"smtp", "mailfrom", text}}};
	buf_init(&out, 65536);
	assert_int_equal(auth_results_write(&a, false, &out), 0);
	for (const char *line = buf_str(&out); line != NULL;) {
		const char *end = strstr(line, "\r\n");

		assert_in_range(end != NULL ? (size_t)(end - line)
					    : strlen(line),
				1, 998);
		line = end != NULL ? end + 2 : NULL;
	}
	buf_done(&out);
}

/* --- read ---------------------------------------------------------------------- */

static const struct {
	const char *name, *value;
	int r;
	const char *out; /* authserv-id, and results as they were read */
} parsed[] = {
	{"none", " example.org 1; none", 0, "example.org"},
	{"RFC 8601, B.3",
	 " example.com;\r\n           spf=pass smtp.mailfrom=example.net", 0,
	 "example.com|spf=pass smtp.mailfrom=example.net"},
	{"RFC 8601, B.5",
	 " example.com;\r\n\tdkim=pass (good signature) header.d=example.com;"
	 "\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.com;\r\n"
	 "\tspf=fail smtp.mailfrom=example.com",
	 0,
	 "example.com|dkim=pass header.d=example.com"
	 "|auth=pass smtp.auth=sender@example.com"
	 "|spf=fail smtp.mailfrom=example.com"},
	{"RFC 8601, B.7",
	 " foo.example.net (foobar) 1 (baz);\r\n"
	 "\tdkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
	 "\tpolicy (A dot can go here) . (like that) expired\r\n"
	 "\t(this surprised me) = (as I wasn't expecting it) 1362471462",
	 0, "foo.example.net|dkim=fail policy.expired=1362471462"},
	{"capitals", " A; DKIM=Pass Header.D=Example.org", 0,
	 "A|dkim=pass header.d=Example.org"},
	{"a reason", " a; dkim=fail reason=\"no; \\\"key\\\"\" header.d=b", 0,
	 "a|dkim=fail [no; \"key\"] header.d=b"},
	{"a semicolon in quotes and in a comment",
	 " a; x=\"spf=pass;\" ; (;dkim=pass;) dmarc=fail", 0, "a|dmarc=fail"},
	{"what is none is passed over", " a; ; = ; spf; dkim=; dmarc=pass", 0,
	 "a|dmarc=pass"},
	{"base64 without quotes", " a; dkim=pass header.b=a/b+=;spf=pass", 0,
	 "a|dkim=pass header.b=a/b+=|spf=pass"},
	{"a quoted local part", " a; spf=pass smtp.mailfrom=\"a b\"@c", 0,
	 "a|spf=pass smtp.mailfrom=a b@c"},
	{"a comment that has no end", " a; spf=pass (; dkim=pass", 0,
	 "a|spf=pass"},
	{"nothing", " ", -EINVAL, NULL},
	{"only a comment", " (a); spf=pass", -EINVAL, NULL},
	{"nothing before the results", "; spf=pass", -EINVAL, NULL},
	{"an id in quotes that have no end", " \"a; spf=pass", -EINVAL, NULL},
};

static const char *
printed(const struct auth_results *a, struct buf *out)
{
	buf_append_str(out, a->authserv_id);
	for (size_t i = 0; i < a->n; i++) {
		const struct auth_result *r = &a->v[i];

		buf_printf(out, "|%s=%s", r->method, r->result);
		if (r->reason[0] != '\0')
			buf_printf(out, " [%s]", r->reason);
		for (size_t j = 0; j < r->n; j++)
			buf_printf(out, " %s.%s=%s", r->props[j].type,
				   r->props[j].name, r->props[j].value);
	}
	return buf_str(out);
}

static void
test_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(parsed); i++) {
		struct auth_results a;
		struct arena arena;
		struct buf out;
		int r;

		print_message("%s\n", parsed[i].name);
		arena_init(&arena);
		buf_init(&out, 65536);
		r = auth_results_parse(parsed[i].value, strlen(parsed[i].value),
				       &arena, &a);
		assert_int_equal(r, parsed[i].r);
		if (r == 0)
			assert_string_equal(printed(&a, &out), parsed[i].out);
		buf_done(&out);
		arena_done(&arena);
	}
}

/* More than we keep is left out. */
static void
test_many(void **state)
{
	struct auth_results a;
	struct arena arena;
	struct buf in;

	(void)state;
	arena_init(&arena);
	buf_init(&in, 2000000);
	buf_append_str(&in, " a");
	for (int i = 0; i < 1000; i++)
		buf_append_str(&in, ";spf=pass");
	buf_append_str(&in, ";dmarc=pass");
	assert_int_equal(auth_results_parse(in.data, in.len, &arena, &a), 0);
	assert_int_equal(a.n, AUTH_RESULTS_MAX);
	assert_non_null(auth_results_find(&a, "spf"));
	assert_null(auth_results_find(&a, "dmarc"));

	buf_clear(&in);
	buf_append_str(&in, " a;spf=pass");
	for (int i = 0; i < 100; i++)
		buf_append_str(&in, " smtp.helo=b");
	assert_int_equal(auth_results_parse(in.data, in.len, &arena, &a), 0);
	assert_int_equal(a.v[0].n, AUTH_PROPS_MAX);

	/* Each of them takes what it has, and not the rest of the field. */
	for (int i = 0; i < 200000; i++)
		buf_append_str(&in, " a.b=c");
	assert_int_equal(auth_results_parse(in.data, in.len, &arena, &a), 0);
	assert_int_equal(a.v[0].n, AUTH_PROPS_MAX);
	buf_done(&in);
	arena_done(&arena);
}

/* --- whose it is --------------------------------------------------------------- */

static const struct {
	const char *name, *field;
	bool ours;
} claims[] = {
	{"ours", "Authentication-Results: " OURS "; spf=pass", true},
	{"capitals", "AUTHENTICATION-RESULTS: MX1.Example.ORG; none", true},
	{"a version", "Authentication-Results: " OURS " 1; spf=pass", true},
	{"comments",
	 "Authentication-Results: (a (b\\)) c) " OURS " (d) 1 (e); spf=pass",
	 true},
	{"folded", "Authentication-Results:\r\n\t(a\r\n b)\r\n " OURS "\r\n ;",
	 true},
	{"in quotes", "Authentication-Results: \"mx1.\\example.org\"; none",
	 true},
	{"half in quotes", "Authentication-Results: mx1.\"example.org\"; none",
	 true},
	{"a final dot", "Authentication-Results: " OURS ".; spf=pass", true},
	{"blanks before the colon", "Authentication-Results \t: " OURS "; none",
	 true},
	{"no semicolon", "Authentication-Results: " OURS " spf=pass", true},
	{"an old form of a version", "Authentication-Results: " OURS "/1; none",
	 true},
	{"nothing but the id", "Authentication-Results: " OURS, true},
	{"nothing", "Authentication-Results:", true},
	{"a comment that has no end", "Authentication-Results: (" OURS "; none",
	 true},
	{"quotes that have no end", "Authentication-Results: \"" OURS, true},
	{"another's", "Authentication-Results: mx2.example.org; none", false},
	{"it begins like ours", "Authentication-Results: " OURS ".net; none",
	 false},
	{"in another's comment",
	 "Authentication-Results: mx2 (" OURS "); spf=pass", false},
	{"another field", "X-Authentication-Results: " OURS "; none", false},
	{"of ARC", "ARC-Authentication-Results: i=1; " OURS "; none", false},
};

/* None of them is ours. */
static const struct {
	const char *name, *field;
	bool claims;
} might[] = {
	{"a comment in the name",
	 "Authentication-Results: mx1.(c)example.org; spf=pass", true},
	{"a comment before a dot",
	 "Authentication-Results: mx1(c).example.org; spf=pass", true},
	{"blanks in the name",
	 "Authentication-Results: mx1 . Example . org ; spf=pass", true},
	{"folded in the name",
	 "Authentication-Results: mx1.\r\n\texample.\r\n (c)\r\n org 1; none",
	 true},
	{"a comment in a label",
	 "Authentication-Results: m(c)x1.example.org 1; none", true},
	{"quotes and blanks",
	 "Authentication-Results: \"mx1\" . \"example.org\"; none", true},
	{"blanks and a final dot",
	 "Authentication-Results: mx1. example.org. 1; none", true},
	{"blanks in another's",
	 "Authentication-Results: mx2 . example.org; none", false},
	{"ours behind another's", "Authentication-Results: mx2; " OURS "; none",
	 false},
};

/* *RET_CLAIMS: it might be taken for it. */
static bool
claims_ours(const char *text, const char *authserv_id, bool *ret_claims)
{
	struct header_field f;
	struct buf in;
	bool ours;

	buf_init(&in, 4096);
	buf_printf(&in, "%s\r\n", text);
	assert_int_equal(header_next(in.data, in.len, &f), 1);
	ours = auth_results_of(&f, authserv_id);
	*ret_claims = auth_results_claims(&f, authserv_id);
	buf_done(&in);
	return ours;
}

static void
test_claims(void **state)
{
	bool might_be;

	(void)state;
	for (size_t i = 0; i < ROWS(claims); i++) {
		print_message("%s\n", claims[i].name);
		assert_int_equal(claims_ours(claims[i].field, OURS, &might_be),
				 claims[i].ours);
		assert_int_equal(might_be, claims[i].ours);
	}
	for (size_t i = 0; i < ROWS(might); i++) {
		print_message("%s\n", might[i].name);
		assert_false(claims_ours(might[i].field, OURS, &might_be));
		assert_int_equal(might_be, might[i].claims);
	}
	assert_true(claims_ours("Authentication-Results: "
				"m\xc3\xbcnchen.example; none",
				"xn--mnchen-3ya.example", &might_be));
	assert_false(claims_ours("Authentication-Results: "
				 "m\xc3\xbcnchen . (c) example 1; none",
				 "xn--mnchen-3ya.example", &might_be));
	assert_true(might_be);
	assert_false(claims_ours("Authentication-Results: "
				 "m\xc3\xbcnchen.(c)example.; none",
				 "xn--mnchen-3ya.example", &might_be));
	assert_true(might_be);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written), cmocka_unit_test(test_long),
		cmocka_unit_test(test_parsed),  cmocka_unit_test(test_many),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
