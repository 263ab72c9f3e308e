/*
 * DKIM verified: the sample of RFC 8463, and what senders, forwarders and the
 * hostile make of a message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dkim_kit.h"
#include "tests/unit/test.h"

/* --- RFC 8463 ----------------------------------------------------------------- */

static char *
sample_read(struct dkim_kit *k, const char *name)
{
	char path[4096], text[8192];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/dkim/rfc8463/%s", BELFRY_CONFORMANCE,
		 name);
	f = fopen(path, "re");
	if (f == NULL)
		skip();
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return arena_strndup(&k->arena, text, n);
}

/* "NAME  RECORD" lines. */
static void
sample_publish(struct dkim_kit *k)
{
	char *text = sample_read(k, "keys.txt"), *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		char *name = strsep(&line, " ");

		if (line == NULL)
			continue;
		line += strspn(line, " ");
		zone_add(&k->zone, name, "TXT", line, strlen(line));
	}
}

static void
rfc8463(void **state)
{
	struct dkim_kit *k = *state;
	const char *raw = sample_read(k, "msg.eml");
	const char *text =
		strstr(raw, "\r\n") != NULL ? raw : dkim_kit_crlf(k, raw);
	const struct dkim_verdict *v;

	sample_publish(k);
	v = dkim_kit_verify(k, text, strlen(text));
	assert_int_equal(v->n, 2);
	assert_true(dkim_kit_result(&v->signatures[0], DKIM_PASS, ""));
	assert_true(dkim_kit_result(&v->signatures[1], DKIM_PASS, ""));
	assert_string_equal(v->signatures[0].domain, "football.example.com");
	assert_string_equal(v->signatures[0].selector, "brisbane");
	assert_string_equal(v->signatures[0].algorithm, "ed25519-sha256");
	assert_string_equal(v->signatures[0].identity, "@football.example.com");
	assert_string_equal(v->signatures[0].start, "/gCrinpc");
	assert_int_equal(v->signatures[0].key_bits, 256);
	assert_int_equal(v->signatures[1].key_bits, 1024);

	text = dkim_kit_changed(k, text, "hungry", "thirsty");
	v = dkim_kit_verify(k, text, strlen(text));
	assert_true(dkim_kit_result(&v->signatures[0], DKIM_FAIL,
				    "body was changed"));
	assert_true(dkim_kit_result(&v->signatures[1], DKIM_FAIL,
				    "body was changed"));
}

/* --- what happens to a message -------------------------------------------------- */

static void
passes_in_any_pieces(void **state)
{
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < DKIM_KIT_NWAYS; i++) {
		const char *text =
			dkim_kit_sign(k, &dkim_kit_ways[i], dkim_kit_plain(k));

		for (k->piece = 0; k->piece < 40; k->piece++)
			assert_true(dkim_kit_is(k, text, DKIM_PASS, ""));
	}
}

struct change {
	const char *name, *from, *to;
	enum dkim_result relaxed, simple;
};

static const struct change changes[] = {
	{"a word of the body", "words", "sword", DKIM_FAIL, DKIM_FAIL},
	{"a word of the subject", "subject", "object", DKIM_FAIL, DKIM_FAIL},
	{"another From", "To: ", "From: eve@example.com\r\nTo: ", DKIM_FAIL,
	 DKIM_FAIL},
	{"blanks in the body", "Two  words", "Two words", DKIM_PASS, DKIM_FAIL},
	{"blanks at a line's end", "words \r\n", "words\r\n", DKIM_PASS,
	 DKIM_FAIL},
	{"an empty line at the end", "an end\r\n", "an end\r\n\r\n", DKIM_PASS,
	 DKIM_PASS},
	{"the end of the last line", "an end\r\n\r\n\r\n", "an end", DKIM_PASS,
	 DKIM_PASS},
	{"an empty line less within", "\r\n\r\nand", "\r\nand", DKIM_FAIL,
	 DKIM_FAIL},
	{"a subject folded otherwise", "a  subject\r\n that", "a subject that",
	 DKIM_PASS, DKIM_FAIL},
	{"a field on top", "DKIM-Sig", "Received: here\r\nDKIM-Sig", DKIM_PASS,
	 DKIM_PASS},
	{"the name in capitals", "\nSubject:", "\nSUBJECT:", DKIM_PASS,
	 DKIM_FAIL},
};

static void
changes_on_the_way(void **state)
{
	struct dkim_kit *k = *state;
	bool ok = true;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		for (size_t w = 0; w < DKIM_KIT_NWAYS - 1; w++) {
			const struct change *c = &changes[i];
			const char *text = dkim_kit_changed(
				k,
				dkim_kit_sign(k, &dkim_kit_ways[w],
					      dkim_kit_plain(k)),
				c->from, c->to);

			if (dkim_kit_is(k, text,
					dkim_kit_ways[w].simple ? c->simple
								: c->relaxed,
					""))
				continue;
			print_error("  %s, way %zu\n", c->name, w);
			ok = false;
		}
	assert_true(ok);
}

static void
bodies(void **state)
{
	static const char *const rows[] = {
		"",        "\n", "\n\n\n", "a\n",    " \n",
		" a\n \n", "a",  "\n\na",  "\t\n\t", "a\n \n\n b \t c \n"};
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t w = 0; w < DKIM_KIT_NWAYS; w++) {
			const char *end = dkim_kit_crlf(k, rows[i]);
			size_t len = strlen(end);
			const char *text = arena_printf(
				&k->arena, "From: a@example.org\r\n\r\n%s%s",
				end,
				len > 0 && end[len - 1] != '\n' ? "\r\n" : "");

			text = dkim_kit_sign(k, &dkim_kit_ways[w], text);
			for (k->piece = 0; k->piece < 4; k->piece++)
				if (!dkim_kit_is(k, text, DKIM_PASS, ""))
					fail_msg("body %zu, way %zu", i, w);
		}
}

/* --- the key -------------------------------------------------------------------- */

struct key_row {
	const char *name, *record; /* %s is the key's p= */
	enum dkim_result result;
	const char *why;
};

static const struct key_row key_rows[] = {
	{"plain", "p=%s", DKIM_PASS, ""},
	{"all tags",
	 "v=DKIM1; h=sha1:sha256; k=rsa; n=a note; p=%s; s=email; t=",
	 DKIM_PASS, ""},
	{"folded", "v=DKIM1;\tk=rsa; p= %s ;", DKIM_PASS, ""},
	{"any service", "p=%s; s=other:*", DKIM_PASS, ""},
	{"revoked", "v=DKIM1; p=", DKIM_PERMERROR, "revoked"},
	{"not the first tag", "k=rsa; v=DKIM1; p=%s", DKIM_PERMERROR,
	 "begin with v=DKIM1"},
	{"another version", "v=DKIM2; p=%s", DKIM_PERMERROR, "no key"},
	{"no key", "v=DKIM1; k=rsa", DKIM_PERMERROR, "no key"},
	{"no record of DKIM", "v=spf1 -all", DKIM_PERMERROR, "no key"},
	{"of another type", "k=ed25519; p=%s", DKIM_PERMERROR, "32 octets"},
	{"of an unknown type", "k=dsa; p=%s", DKIM_PERMERROR, "unknown"},
	{"of SHA-1", "h=sha1; p=%s", DKIM_PERMERROR, "SHA-256"},
	{"not for mail", "s=tlsrpt; p=%s", DKIM_PERMERROR, "not for mail"},
	{"no base64", "p=***", DKIM_PERMERROR, "base64"},
	{"no DER", "p=AAAA", DKIM_PERMERROR, "can't be used"},
	{"another key",
	 "p="
	 "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08"
	 "a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+"
	 "yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/"
	 "K4w3QIDAQAB",
	 DKIM_FAIL, "another one"},
};

static void
keys(void **state)
{
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
		const struct key_row *row = &key_rows[i];
		const char *at = strstr(row->record, "%s");
		char selector[16];
		const char *record =
			at == NULL ? row->record
				   : dkim_kit_changed(k, row->record, "%s",
						      dkim_key_public(k->rsa));

		snprintf(selector, sizeof(selector), "k%zu", i);
		dkim_kit_publish(k, selector, record);
		if (!dkim_kit_is(k,
				 dkim_kit_sign(k,
					       &(struct dkim_kit_way){
						       .selector = selector},
					       dkim_kit_plain(k)),
				 row->result, row->why))
			fail_msg("%s", row->name);
	}
}

static void
no_key_and_not_yet(void **state)
{
	struct dkim_kit *k = *state;
	const char *public = dkim_key_public(k->rsa);

	assert_true(dkim_kit_is(
		k,
		dkim_kit_sign(k, &(struct dkim_kit_way){.selector = "none"},
			      dkim_kit_plain(k)),
		DKIM_PERMERROR, "no key"));
	zone_add(&k->zone, "late._domainkey.example.org", "TXT", "TIMEOUT", 7);
	assert_true(dkim_kit_is(
		k,
		dkim_kit_sign(k, &(struct dkim_kit_way){.selector = "late"},
			      dkim_kit_plain(k)),
		DKIM_TEMPERROR, "timeout"));
	dkim_kit_publish(k, "two", arena_printf(&k->arena, "p=%s", public));
	dkim_kit_publish(k, "two", arena_printf(&k->arena, "p=%s", public));
	assert_true(dkim_kit_is(
		k,
		dkim_kit_sign(k, &(struct dkim_kit_way){.selector = "two"},
			      dkim_kit_plain(k)),
		DKIM_PERMERROR, "more than one"));
	dkim_kit_publish(k, "beside", "v=spf1 -all");
	dkim_kit_publish(k, "beside", arena_printf(&k->arena, "p=%s", public));
	assert_true(dkim_kit_is(
		k,
		dkim_kit_sign(k, &(struct dkim_kit_way){.selector = "beside"},
			      dkim_kit_plain(k)),
		DKIM_PASS, ""));
}

static void
flags_of_a_key(void **state)
{
	struct dkim_kit *k = *state;
	const char *text;
	const struct dkim_verdict *v;

	dkim_kit_publish(k, "y",
			 arena_printf(&k->arena, "t=y:s; p=%s",
				      dkim_key_public(k->rsa)));
	text = dkim_kit_sign(k, &(struct dkim_kit_way){.selector = "y"},
			     dkim_kit_plain(k));
	v = dkim_kit_verify(k, text, strlen(text));
	assert_true(dkim_kit_result(&v->signatures[0], DKIM_PASS, ""));
	assert_true(v->signatures[0].testing);
	text = dkim_kit_sign(
		k,
		&(struct dkim_kit_way){.selector = "y",
				       .signer = "anna@sub.example.org"},
		dkim_kit_plain(k));
	assert_true(dkim_kit_is(k, text, DKIM_PERMERROR, "t=s"));
	text = dkim_kit_sign(
		k, &(struct dkim_kit_way){.signer = "anna@sub.example.org"},
		dkim_kit_plain(k));
	v = dkim_kit_verify(k, text, strlen(text));
	assert_true(dkim_kit_result(&v->signatures[0], DKIM_PASS, ""));
	assert_string_equal(v->signatures[0].identity, "anna@sub.example.org");
	assert_false(v->signatures[0].testing);
}

/* A key of 768 bits, made for this. */
static const char weak_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIIB5AIBADANBgkqhkiG9w0BAQEFAASCAc4wggHKAgEAAmEAydrMIIp7DzmqugT2\n"
	"jLA1NmxYddm7+jYJ4VhQQrYV7l0tqDTnOb8e1bZfEV2qFtDL4FUFpgAnF+s1dGZ1\n"
	"AQ5jVAP68hzxI/OJX2cwZD7xCmSH0F3DdypgIftw+buJeqpLAgMBAAECYAshk6wf\n"
	"ttWKGo4Tg/0SIn0T0HT/QsxzemwA0Lw9CkyQutnRwQaAMZUbb3ansZ98eAiUXyw6\n"
	"Ab7UBfdUDxlP1uERBXiYhFGlIYF7lB1foSKuPw24CQYLsAkqGOQ1M429wQIxAPCM\n"
	"kSeesBeztlaJX0B24bdaO+E8VCkp27ObNiwiRAFZhq//B3dIVXR9h2WGKuR1WwIx\n"
	"ANbR9u43rH5SExFAypHGGkT5wKbENtK72tIc5nWdj4u1K6Fa/5It1H+4/EIIVbyB\n"
	"0QIxAK4j1OFty+UcwJ+dC0vLxFPMCxVfaz3xg49eibUhiUHA4fR/F5SO1O5kAaTJ\n"
	"oDuLiQIwJDaxEeeAxKrBXB84BusGcqpHt9VMCKpycQk+MIWnNT4NZN4aR2JCeGWO\n"
	"4PLWwTiBAjB7fT9Xf7BnS6DzyznHwwPx/XSo42uF8FWVPwSOobi26oV83ZQErG61\n"
	"uFNLoXuxPN4=\n"
	"-----END PRIVATE KEY-----\n";
static const char weak_public[] =
	"MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMnazCCKew85qroE9oywNTZsWHXZu/o2"
	"CeFYUEK2Fe5dLag05zm/HtW2XxFdqhbQy+BVBaYAJxfrNXRmdQEOY1QD+vIc8SPz"
	"iV9nMGQ+8Qpkh9Bdw3cqYCH7cPm7iXqqSwIDAQAB";

static void
weak(void **state)
{
	struct dkim_kit *k = *state;
	struct dkim_key *key = NULL;
	const char *text;

	assert_int_equal(dkim_key_parse(weak_pem, strlen(weak_pem), &key),
			 -EKEYREJECTED);
	dkim_kit_publish(k, "weak",
			 arena_printf(&k->arena, "p=%s", weak_public));
	text = dkim_kit_sign(
		k, &(struct dkim_kit_way){.selector = "weak", .pem = weak_pem},
		dkim_kit_plain(k));
	assert_true(dkim_kit_is(k, text, DKIM_PERMERROR, "1,024 bits"));
	text = dkim_kit_sign(k, &(struct dkim_kit_way){.sha1 = true},
			     dkim_kit_plain(k));
	assert_true(dkim_kit_is(k, text, DKIM_PERMERROR, "sha1"));
}

/* --- l= ------------------------------------------------------------------------------ */

static void
lengths(void **state)
{
	struct dkim_kit *k = *state;

	for (int simple = 0; simple < 2; simple++) {
		struct dkim_kit_way way = {.simple = simple, .length = 5};
		const char *text = dkim_kit_sign(k, &way, dkim_kit_plain(k)),
			   *all;

		k->allow_length = false;
		assert_true(dkim_kit_is(k, text, DKIM_POLICY, "l="));
		k->allow_length = true;
		assert_true(dkim_kit_is(k, text, DKIM_PASS, ""));
		assert_true(dkim_kit_is(
			k, dkim_kit_changed(k, text, "\nTwo", "\nSix"),
			DKIM_FAIL, "body was changed"));
		assert_true(dkim_kit_is(
			k, dkim_kit_changed(k, text, "an end", "an END"),
			DKIM_PASS, ""));
		k->allow_length = false;
		/* The whole body, and nothing behind it. */
		way.length = simple ? 27 : 25;
		all = dkim_kit_sign(k, &way, dkim_kit_plain(k));
		assert_non_null(strstr(all, simple ? "l=27;" : "l=25;"));
		assert_true(dkim_kit_is(k, all, DKIM_PASS, ""));
		assert_true(dkim_kit_is(
			k, arena_printf(&k->arena, "%sand more\r\n", all),
			DKIM_POLICY, "l="));
		assert_true(dkim_kit_is(
			k, dkim_kit_changed(k, all, "and an end\r\n", ""),
			DKIM_FAIL, "shorter"));
	}
}

static void
none_and_the_driver(void **state)
{
	struct dkim_kit *k = *state;
	const struct dkim_verdict *v = dkim_kit_verify(
		k, dkim_kit_plain(k), strlen(dkim_kit_plain(k)));
	struct dkim_verify_conf conf = {0};
	struct dkim_verification *dv;
	struct answers answers;
	struct steps steps;
	const char *text;

	assert_int_equal(v->n, 0);
	assert_int_equal(v->left_out, 0);

	/* Both keys are asked for at once; freed before they are there. */
	text = dkim_kit_sign(
		k, &dkim_kit_ways[0],
		dkim_kit_sign(k, &dkim_kit_ways[2], dkim_kit_plain(k)));
	dv = dkim_verification_new(k->lib, &conf, text,
				   strlen(text) -
					   strlen(strstr(text, "\r\n\r\n")),
				   k->now, &k->arena);
	answers_init(&answers, &k->arena, 10);
	assert_int_equal(dkim_verification_keys(dv, &answers, NULL), -EAGAIN);
	assert_int_equal(answers.questions, 2);
	assert_int_equal(dkim_verification_keys(dv, &answers, NULL), -EAGAIN);
	assert_int_equal(answers.questions, 2);
	dkim_verification_free(&dv);
	assert_null(dv);
	dkim_verification_free(&dv);

	/* Freed in the middle of the body. */
	dv = dkim_verification_new(k->lib, &conf, text,
				   strlen(text) -
					   strlen(strstr(text, "\r\n\r\n")),
				   k->now, &k->arena);
	assert_true(zone_settle(&k->zone, &answers));
	steps_init(&steps, &k->arena);
	assert_int_equal(dkim_verification_keys(dv, &answers, &steps), 0);
	assert_false(STAILQ_EMPTY(&steps.list));
	assert_true(dkim_verification_wants_body(dv));
	dkim_verification_body(dv, "a", 1);
	dkim_verification_free(&dv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DKIM_KIT_CASE(rfc8463),
		DKIM_KIT_CASE(passes_in_any_pieces),
		DKIM_KIT_CASE(changes_on_the_way),
		DKIM_KIT_CASE(bodies),
		DKIM_KIT_CASE(keys),
		DKIM_KIT_CASE(no_key_and_not_yet),
		DKIM_KIT_CASE(flags_of_a_key),
		DKIM_KIT_CASE(weak),
		DKIM_KIT_CASE(lengths),
		DKIM_KIT_CASE(none_and_the_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
