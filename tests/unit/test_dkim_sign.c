/*
 * Our signatures, verified by libopendkim: it has its own idea of every
 * canonical form.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dkim_kit.h"
#include "tests/unit/test.h"
#include "verdict/dkim_sign.h"

struct rig {
	struct dkim_kit kit;
	struct dkim_keys *keys;
	size_t piece; /* in which the body is signed; 0: all at once */
};

static struct dkim_key *
key_copy(const struct dkim_key *key)
{
	struct dkim_key *copy = NULL;
	struct buf pem;

	buf_init(&pem, 65536);
	assert_int_equal(dkim_key_write(key, &pem), 0);
	assert_int_equal(dkim_key_parse(pem.data, pem.len, &copy), 0);
	assert_string_equal(dkim_key_public(copy), dkim_key_public(key));
	buf_wipe(&pem);
	return copy;
}

static struct dkim_rule *
rule_add(struct rig *rig, const char *match, const char *domain)
{
	struct pattern *pattern = NULL;
	char *why = NULL;

	assert_int_equal(pattern_new(match, '+', &pattern, &why), 0);
	return dkim_keys_add(rig->keys, pattern, domain);
}

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct dkim_rule *rule;

	dkim_kit_init(&rig->kit);
	rig->keys = dkim_keys_new();
	rule = rule_add(rig, "one@example.org", "example.org");
	dkim_rule_add(rule, "ed", key_copy(rig->kit.ed25519));
	rule = rule_add(rig, "example.org", "example.org");
	dkim_rule_add(rule, "rsa", key_copy(rig->kit.rsa));
	dkim_rule_add(rule, "ed", key_copy(rig->kit.ed25519));
	rule = rule_add(rig, ".example.org", "example.org");
	dkim_rule_add(rule, "rsa", key_copy(rig->kit.rsa));
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	dkim_keys_unref(&rig->keys);
	assert_null(rig->keys);
	dkim_kit_done(&rig->kit);
	free(rig);
	return 0;
}

/* HEADER and BODY, with LF, signed; NULL: there is no rule. */
static const char *
sign(struct rig *rig, const char *header, const char *body)
{
	struct dkim_kit *k = &rig->kit;
	const char *head = dkim_kit_crlf(k, header), *text;
	struct dkim_signing *s = NULL;
	struct buf fields;

	body = dkim_kit_crlf(k, body);
	assert_int_equal(dkim_signing_new(rig->keys, head, strlen(head),
					  DKIM_KIT_NOW, &s),
			 0);
	if (s == NULL)
		return NULL;
	for (size_t at = 0, n; at < strlen(body); at += n) {
		n = strlen(body) - at;
		n = rig->piece > 0 && rig->piece < n ? rig->piece : n;
		dkim_signing_body(s, body + at, n);
	}
	buf_init(&fields, DKIM_SIGNING_MAX);
	assert_int_equal(dkim_signing_end(s, &fields), 0);
	text = arena_printf(&k->arena, "%s%s\r\n%s", buf_str(&fields), head,
			    body);
	buf_done(&fields);
	dkim_signing_free(&s);
	assert_null(s);
	return text;
}

/* N signatures, and all pass. */
static bool
pass(struct rig *rig, const char *text, size_t n)
{
	const struct dkim_verdict *v =
		dkim_kit_verify(&rig->kit, text, strlen(text));
	bool ok = v->n == n;

	for (size_t i = 0; i < v->n; i++)
		ok = ok && v->signatures[i].result == DKIM_PASS;
	return ok;
}

#define FROM "From: Anna <anna@example.org>\n"

static const char *const headers[] = {
	FROM,
	FROM "Subject: x\n",
	"Received: here\n" FROM "Received: there\n",
	"from : anna@example.org\nSUBJECT:\ta  b\t \n\t c \n",
	"From\t: anna@example.org\nSubject \t : x\n",
	FROM "Subject: \n",
	FROM "Subject:\n \n",
	FROM
	"To: a@example.com\nSubject: one\nTo: b@example.com\nSubject: two\n",
	"From: a@example.org\nFrom: b@example.org\nFrom: c@example.org\n",
	FROM "Subject: \xc3\xa4 \xff\n",
	FROM "List-Unsubscribe: <https://example.org/>\nList-Unsubscribe-Post: "
	     "List-Unsubscribe=One-Click\nReferences: <a@b>\n <c@d>\n\t<e@f>\n"
	     "MIME-Version: 1.0\nContent-Type: text/plain;\n charset=utf-8\n"
	     "Date: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <x@example."
	     "org>\nCc: b@example.com\nReply-To: c@example.com\nSender: "
	     "d@example.org\nIn-Reply-To: <g@h>\nAuto-Submitted: no\n",
};

static const char *const bodies[] = {
	"",
	"\n",
	"\n\n\n",
	"a\n",
	"a",
	" \n",
	"\t a  b \t\n",
	"a\n\n\nb\n\n\n",
	"  a",
	"a \n \n\t\n b\n \n",
	"\xc3\xa4\xff\x01\n",
};

static void
passes(void **state)
{
	struct rig *rig = *state;

	for (size_t h = 0; h < sizeof(headers) / sizeof(headers[0]); h++)
		for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++)
			for (rig->piece = 0; rig->piece < 4; rig->piece++) {
				const char *text =
					sign(rig, headers[h], bodies[b]);

				if (!pass(rig, text, 2))
					fail_msg("header %zu, body %zu", h, b);
			}
}

/* A large one, in pieces that end anywhere. */
static void
large(void **state)
{
	static const char *const words[] = {"a",  "  ",   "\n",  "word",
					    "\t", "\n\n", "x y", ".\n"};
	struct rig *rig = *state;
	unsigned seed = 1;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		assert_int_equal(buf_append_str(&b, words[seed >> 16 & 7]), 0);
	}
	for (rig->piece = 997; rig->piece < 9000; rig->piece += 1009) {
		rig->kit.piece = rig->piece / 2;
		assert_true(pass(rig, sign(rig, FROM, buf_str(&b)), 2));
	}
	buf_done(&b);
}

struct change {
	const char *name, *from, *to;
	bool passes;
};

static const struct change changes[] = {
	{"a second From on top",
	 "From: ", "From: eve@example.com\r\nFrom: ", false},
	{"a second From below", "\r\n\r\n", "\r\nFrom: eve@example.com\r\n\r\n",
	 false},
	{"another subject", "Subject: x", "Subject: y", false},
	{"the subject removed", "Subject: x\r\n", "", false},
	{"another body", "body", "dobby", false},
	{"a field that is not covered",
	 "From: ", "Received: x\r\nFrom: ", true},
	{"folded otherwise", "Subject: x", "subject:\r\n x", true},
	{"blanks", "a body", "a  body \t", true},
};

static void
changed(void **state)
{
	struct rig *rig = *state;
	const char *text = sign(rig, FROM "Subject: x\n", "a body\n");

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *c = &changes[i];
		const char *at, *other;

		/* Behind the signatures. */
		at = strstr(strstr(text, "\r\nFrom: Anna") + 2, c->from);
		assert_non_null(at);
		other = arena_printf(&rig->kit.arena, "%.*s%s%s",
				     (int)(at - text), text, c->to,
				     at + strlen(c->from));
		if (c->passes != pass(rig, other, 2))
			fail_msg("%s", c->name);
	}
}

static void
lines(void **state)
{
	struct rig *rig = *state;
	const char *text = sign(rig, headers[10], "body\n"), *at, *end;

	assert_non_null(strstr(text, "h=From:Sender:"));
	assert_non_null(strstr(text, ":From;\r\n"));
	assert_null(strstr(text, "Received"));
	for (at = text; strncmp(at, "From:", 5) != 0; at = end + 2) {
		end = strstr(at, "\r\n");
		if (end - at > 78)
			fail_msg("%.*s", (int)(end - at), at);
	}
}

/* --- which rule --------------------------------------------------------------------- */

struct rule_row {
	const char *from;
	size_t n; /* signatures */
};

static const struct rule_row rule_rows[] = {
	{"anna@example.org", 2},
	{"ONE@Example.ORG", 1},
	{"One Two <one+x@example.org>", 1},
	{"anna@sub.example.org", 1},
	{"a@b.c.example.org", 1},
	{"anna@example.com", 0},
	{"anna@badexample.org", 0},
	{"\"x@example.com\" <anna@example.org>", 2},
	{"anna@example.org, eve@example.com", 2},
	{"eve@example.com, anna@example.org", 0},
	{"a group: anna@example.org;", 2},
	{"nobody", 0},
	{"", 0},
	{"<>", 0},
};

static void
rules(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rule_rows) / sizeof(rule_rows[0]); i++) {
		const char *text =
			sign(rig,
			     arena_printf(&rig->kit.arena, "From: %s\n",
					  rule_rows[i].from),
			     "body\n");

		if (text == NULL ? rule_rows[i].n != 0
				 : !pass(rig, text, rule_rows[i].n))
			fail_msg("%s", rule_rows[i].from);
	}
	assert_null(sign(rig, "To: a@example.org\n", ""));
	assert_null(sign(rig, "", ""));
}

static void
not_to_be_signed(void **state)
{
	static const char *const bare[] = {"\n", "a\n\n", "a\rb\r\n", "a\r"};
	struct rig *rig = *state;
	struct dkim_signing *s = NULL;
	struct buf many, fields;

	assert_int_equal(dkim_signing_new(rig->keys,
					  "From: a@example.org\r\nTo: \0\r\n",
					  28, DKIM_KIT_NOW, &s),
			 -EBADMSG);
	buf_init(&many, 65536);
	for (int i = 0; i < DKIM_COVERED_MAX; i++)
		assert_int_equal(buf_append_str(&many, "From: a@example.org\n"),
				 0);
	assert_true(pass(rig, sign(rig, buf_str(&many), "body\n"), 2));
	assert_int_equal(buf_append_str(&many, "To: a@example.org\n"), 0);
	assert_int_equal(dkim_signing_new(rig->keys, many.data, many.len,
					  DKIM_KIT_NOW, &s),
			 -EBADMSG);
	buf_done(&many);
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
		assert_int_equal(dkim_signing_new(rig->keys,
						  "From: a@example.org\r\n", 21,
						  DKIM_KIT_NOW, &s),
				 0);
		assert_string_equal(dkim_signing_rule(s)->domain,
				    "example.org");
		dkim_signing_body(s, bare[i], strlen(bare[i]));
		buf_init(&fields, DKIM_SIGNING_MAX);
		assert_int_equal(dkim_signing_end(s, &fields), -EBADMSG);
		assert_int_equal(fields.len, 0);
		dkim_signing_free(&s);
	}
}

/* The keys outlive a reload that comes in between. */
static void
reload_in_between(void **state)
{
	struct rig *rig = *state;
	struct dkim_signing *s = NULL;
	const char *head = "From: a@example.org\r\n";
	struct buf fields;

	assert_int_equal(dkim_signing_new(rig->keys, head, strlen(head),
					  DKIM_KIT_NOW, &s),
			 0);
	dkim_keys_unref(&rig->keys);
	rig->keys = dkim_keys_new();
	buf_init(&fields, DKIM_SIGNING_MAX);
	dkim_signing_body(s, "b\r\n", 3);
	assert_int_equal(dkim_signing_end(s, &fields), 0);
	dkim_signing_free(&s);
	assert_true(pass(rig,
			 arena_printf(&rig->kit.arena, "%s%s\r\nb\r\n",
				      buf_str(&fields), head),
			 2));
	buf_done(&fields);
}

/* --- keys ------------------------------------------------------------------------------ */

/* The secret of RFC 8463, A.2, whose public half signed its sample. */
static const char sample_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";

static void
sample_key(void **state)
{
	struct rig *rig = *state;
	struct dkim_key *key = NULL;
	struct dkim_rule *rule;
	const char *text;

	assert_int_equal(dkim_key_parse(sample_pem, strlen(sample_pem), &key),
			 0);
	assert_string_equal(dkim_key_public(key),
			    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	assert_int_equal(dkim_key_bits(key), 256);
	rule = rule_add(rig, "football.example.com", "football.example.com");
	dkim_rule_add(rule, "brisbane", key);
	zone_load(
		&rig->kit.zone,
		"brisbane._domainkey.football.example.com TXT v=DKIM1; "
		"k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n");
	text = sign(rig,
		    "From: Joe SixPack <joe@football.example.com>\n"
		    "To: Suzie Q <suzie@shopping.example.net>\n"
		    "Subject: Is dinner ready?\n"
		    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
		    "Message-ID: <20030712040037.46341.5F8J@football.example."
		    "com>\n",
		    "Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n");
	assert_non_null(strstr(
		text, "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="));
	assert_true(pass(rig, text, 1));
}

static void
no_keys(void **state)
{
	static const char ec[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXAmjG+"
		"KfBNcPLUqn\n"
		"BblXh6qEgSJIxrtXYoIAgNGcAXqhRANCAAQQQFB0TwG2E14SO8U7Ts/qCky/"
		"g7LY\n"
		"MZGFpCd8e7TQGG/Qvd/JTuuuu08n/bd8Rf0rlXvSQz43JIWncSqadhAI\n"
		"-----END PRIVATE KEY-----\n";
	static const char *const rows[] = {
		"", "nothing", "-----BEGIN PRIVATE KEY-----\nMIIB\n",
		("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE "
		 "KEY-----\n")};
	struct dkim_key *key = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(dkim_key_parse(rows[i], strlen(rows[i]), &key),
				 -EINVAL);
	assert_int_equal(dkim_key_parse(ec, strlen(ec), &key), -ENOTSUP);
	assert_null(key);
	dkim_key_free(&key);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(passes),
		CASE(large),
		CASE(changed),
		CASE(lines),
		CASE(rules),
		CASE(not_to_be_signed),
		CASE(reload_in_between),
		CASE(sample_key),
		cmocka_unit_test(no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
