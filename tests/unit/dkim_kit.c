#include "tests/unit/dkim_kit.h"

#include <errno.h>
#include <opendkim/dkim.h>
#include <stdlib.h>
#include <string.h>

#include "mail/header.h"
#include "tests/unit/test.h"
#include "verdict/dkim_lib.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()
#define __lsan_enable()
#endif

#define QUESTIONS 100

#define MESSAGE                                                                \
	"From: Anna <anna@example.org>\n"                                      \
	"To: ben@example.net\n"                                                \
	"Subject: a  subject\n"                                                \
	" that is folded\n"                                                    \
	"Date: Sat, 21 Nov 2026 10:00:00 +0000\n"                              \
	"\n"                                                                   \
	"Two  words \n"                                                        \
	"\n"                                                                   \
	"and an end\n"                                                         \
	"\n"                                                                   \
	"\n"

void
dkim_kit_init(struct dkim_kit *k)
{
	memset(k, 0, sizeof(*k));
	arena_init(&k->arena);
	zone_init(&k->zone);
	k->lib = dkim_library_new();
	k->now = DKIM_KIT_NOW;
	assert_int_equal(dkim_key_generate(DKIM_RSA_SHA256, 1024, &k->rsa), 0);
	assert_int_equal(dkim_key_generate(DKIM_ED25519_SHA256, 0, &k->ed25519),
			 0);
	dkim_kit_publish(k, "rsa",
			 arena_printf(&k->arena, "v=DKIM1; p=%s",
				      dkim_key_public(k->rsa)));
	dkim_kit_publish(k, "ed",
			 arena_printf(&k->arena, "v=DKIM1; k=ed25519; p=%s",
				      dkim_key_public(k->ed25519)));
}

void
dkim_kit_done(struct dkim_kit *k)
{
	dkim_key_free(&k->rsa);
	dkim_key_free(&k->ed25519);
	dkim_library_free(&k->lib);
	zone_done(&k->zone);
	arena_done(&k->arena);
}

void
dkim_kit_publish(struct dkim_kit *k, const char *selector, const char *text)
{
	zone_add(&k->zone,
		 arena_printf(&k->arena, "%s._domainkey.example.org", selector),
		 "TXT", text, strlen(text));
}

const char *
dkim_kit_crlf(struct dkim_kit *k, const char *text)
{
	char *out = arena_alloc(&k->arena, 2 * strlen(text) + 1), *to = out;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*to++ = '\r';
		*to++ = *text;
	}
	return out;
}

/* How much of MESSAGE is its header, the empty line not counted. */
static size_t
header_len(const char *message, size_t len)
{
	size_t at = 0;
	struct header_field f;

	while (header_next(message + at, len - at, &f) > 0)
		at += f.raw_len;
	return at;
}

const struct dkim_verdict *
dkim_kit_verify(struct dkim_kit *k, const char *message, size_t len)
{
	struct dkim_verify_conf conf = {.allow_length = k->allow_length};
	size_t header = header_len(message, len), at = header;
	struct dkim_verification *v = dkim_verification_new(
		k->lib, &conf, message, header, k->now, &k->arena);
	const struct dkim_verdict *verdict;
	struct answers answers;

	answers_init(&answers, &k->arena, QUESTIONS);
	while (dkim_verification_keys(v, &answers, NULL) == -EAGAIN)
		assert_true(zone_settle(&k->zone, &answers));
	if (len - at >= 2 && memcmp(message + at, "\r\n", 2) == 0)
		at += 2;
	while (at < len) {
		size_t n = k->piece > 0 && k->piece < len - at ? k->piece
							       : len - at;

		dkim_verification_body(v, message + at, n);
		at += n;
	}
	verdict = dkim_verification_end(v, NULL);
	dkim_verification_free(&v);
	return verdict;
}

/* --- libopendkim signs -------------------------------------------------------- */

static int
way_algorithm(const struct dkim_kit_way *way)
{
	if (way->ed25519)
		return DKIM_SIGN_ED25519SHA256;
	return way->sha1 ? DKIM_SIGN_RSASHA1 : DKIM_SIGN_RSASHA256;
}

static void
sign_header(DKIM *dkim, const char *message, size_t len)
{
	struct header_field f;

	while (header_next(message, len, &f) > 0) {
		size_t n = (size_t)(f.value - f.name) + f.value_len;

		assert_int_equal(dkim_header(dkim, dkim_octets(f.name), n), 0);
		message += f.raw_len;
		len -= f.raw_len;
	}
	assert_int_equal(dkim_eoh(dkim), DKIM_STAT_OK);
}

const char *
dkim_kit_sign(struct dkim_kit *k, const struct dkim_kit_way *way,
	      const char *message)
{
	size_t len = strlen(message), header = header_len(message, len);
	int body = way->simple ? DKIM_CANON_SIMPLE : DKIM_CANON_RELAXED;
	int fields = way->ed25519 ? DKIM_CANON_RELAXED : body;
	const char *selector = way->selector != NULL ? way->selector
			       : way->ed25519        ? "ed"
						     : "rsa";
	uint64_t fixed = DKIM_KIT_NOW;
	unsigned bits = 512;
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	unsigned char *text;
	const char *signed_;
	struct buf pem;
	DKIM_STAT status;
	size_t n;
	DKIM *dkim;

	buf_init(&pem, 65536);
	if (way->pem != NULL)
		assert_int_equal(buf_append_str(&pem, way->pem), 0);
	else
		assert_int_equal(
			dkim_key_write(way->ed25519 ? k->ed25519 : k->rsa,
				       &pem),
			0);
	assert_int_equal(dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME,
				      &fixed, sizeof(fixed)),
			 0);
	assert_int_equal(dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS,
				      &bits, sizeof(bits)),
			 0);
	dkim = dkim_sign(lib, dkim_octets("-"), NULL,
			 dkim_octets(buf_str(&pem)), dkim_octets(selector),
			 dkim_octets("example.org"), fields, body,
			 way_algorithm(way), way->length > 0 ? way->length : -1,
			 &status);
	assert_non_null(dkim);
	if (way->signer != NULL)
		assert_int_equal(
			dkim_set_signer(dkim, dkim_octets(way->signer)), 0);
	sign_header(dkim, message, header);
	header += len - header >= 2 ? 2 : 0;
	assert_int_equal(
		dkim_body(dkim, dkim_octets(message + header), len - header),
		0);
	__lsan_disable(); /* it forgets a key of Ed25519 */
	assert_int_equal(dkim_eom(dkim, NULL), DKIM_STAT_OK);
	__lsan_enable();
	assert_int_equal(dkim_getsighdr_d(dkim, 16, &text, &n), 0);
	signed_ = arena_printf(&k->arena, "DKIM-Signature: %s\r\n%s",
			       (const char *)text, message);
	dkim_free(dkim);
	dkim_close(lib);
	buf_wipe(&pem);
	return signed_;
}

/* --- what tests ask ------------------------------------------------------------- */

const struct dkim_kit_way dkim_kit_ways[DKIM_KIT_NWAYS] = {
	{.sha1 = false},
	{.simple = true},
	{.ed25519 = true},
	{.ed25519 = true, .simple = true},
};

bool
dkim_kit_result(const struct dkim_signature *s, enum dkim_result result,
		const char *why)
{
	bool ok = s->result == result && strstr(s->why, why) != NULL &&
		  (result != DKIM_PASS || s->why[0] == '\0');

	if (!ok)
		print_error("%s (%s), not %s (%s)\n",
			    dkim_result_names[s->result], s->why,
			    dkim_result_names[result], why);
	return ok;
}

bool
dkim_kit_is(struct dkim_kit *k, const char *message, enum dkim_result result,
	    const char *why)
{
	const struct dkim_verdict *v =
		dkim_kit_verify(k, message, strlen(message));

	assert_int_equal(v->n, 1);
	return dkim_kit_result(&v->signatures[0], result, why);
}

const char *
dkim_kit_changed(struct dkim_kit *k, const char *text, const char *from,
		 const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return arena_printf(&k->arena, "%.*s%s%s", (int)(at - text), text, to,
			    at + strlen(from));
}

const char *
dkim_kit_plain(struct dkim_kit *k)
{
	return dkim_kit_crlf(k, MESSAGE);
}

int
dkim_kit_setup(void **state)
{
	*state = calloc(1, sizeof(struct dkim_kit));
	dkim_kit_init(*state);
	return 0;
}

int
dkim_kit_teardown(void **state)
{
	dkim_kit_done(*state);
	free(*state);
	return 0;
}
