/*
 * A message with signatures, and the record of their key in its first line,
 * whatever the octets: verified at once and in pieces, which has to come to the
 * same. Then it is signed by us, and libopendkim has to find that good.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "mail/header.h"
#include "verdict/dkim_sign.h"
#include "verdict/dkim_verify.h"

#define NOW        1700000000
#define FIELDS_FEW 900
#define OURS       "fuzz._domainkey.example.org"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static struct dkim_library *library;
static struct dkim_keys *keys;
static const char *our_record;

struct message {
	const char *header, *body, *record;
	size_t header_len, body_len, record_len;
	size_t fields;
};

static void
setup(void)
{
	struct dkim_key *key = NULL;
	struct pattern *match = NULL;
	static struct arena arena;
	char *why = NULL;

	if (library != NULL)
		return;
	library = dkim_library_new();
	must(dkim_key_generate(DKIM_ED25519_SHA256, 0, &key) == 0);
	must(pattern_new("/./", '\0', &match, &why) == 0);
	our_record =
		arena_printf(&arena, "k=ed25519; p=%s", dkim_key_public(key));
	keys = dkim_keys_new();
	dkim_rule_add(dkim_keys_add(keys, match, "example.org"), "fuzz", key);
}

static struct message
message_of(const char *text, size_t len)
{
	const char *nl = memchr(text, '\n', len);
	struct message m = {.record = text, .record_len = len};
	struct header_field f;
	size_t at = 0;

	m.header = text + len;
	if (nl != NULL) {
		m.record_len = (size_t)(nl - text);
		m.header = nl + 1;
	}
	len -= (size_t)(m.header - text);
	for (; header_next(m.header + at, len - at, &f) > 0; m.fields++)
		at += f.raw_len;
	m.header_len = at;
	if (len - at >= 2 && memcmp(m.header + at, "\r\n", 2) == 0)
		at += 2;
	m.body = m.header + at;
	m.body_len = len - at;
	return m;
}

static void
settle(struct answers *answers, const struct message *m)
{
	struct answer *a;

	while ((a = answers_next_open(answers)) != NULL) {
		if (strcmp(a->name, OURS) == 0)
			answer_add(answers, a, our_record, strlen(our_record),
				   0);
		else
			answer_add(answers, a, m->record, m->record_len, 0);
		answer_settle(answers, a, ANSWER_OK, "");
	}
}

static const struct dkim_verdict *
verify(const struct message *m, size_t piece, struct arena *arena)
{
	struct dkim_verify_conf conf = {.allow_length = false};
	struct dkim_verification *v = dkim_verification_new(
		library, &conf, m->header, m->header_len, NOW, arena);
	const struct dkim_verdict *verdict;
	struct answers answers;
	struct steps steps;

	answers_init(&answers, arena, 100);
	steps_init(&steps, arena);
	while (dkim_verification_keys(v, &answers, &steps) == -EAGAIN)
		settle(&answers, m);
	for (size_t at = 0; at < m->body_len; at += piece) {
		size_t n = m->body_len - at;

		dkim_verification_body(v, m->body + at, n < piece ? n : piece);
	}
	verdict = dkim_verification_end(v, &steps);
	dkim_verification_free(&v);
	return verdict;
}

static void
check_same(const struct dkim_verdict *a, const struct dkim_verdict *b)
{
	must(a->n == b->n && a->n <= DKIM_SIGNATURES_MAX);
	must(a->left_out == b->left_out);
	for (size_t i = 0; i < a->n; i++) {
		const struct dkim_signature *s = &a->signatures[i];

		must(s->result == b->signatures[i].result);
		must(s->result != DKIM_NONE);
		must(strcmp(s->why, b->signatures[i].why) == 0);
		must((s->why[0] == '\0') == (s->result == DKIM_PASS));
		for (const char *c = s->identity; *c != '\0'; c++)
			must(*c > ' ' && *c <= '~');
	}
}

/* libopendkim takes these for blanks, which they are not. */
static bool
has_odd_blank(const struct message *m)
{
	return memchr(m->header, '\v', m->header_len) != NULL ||
	       memchr(m->header, '\f', m->header_len) != NULL;
}

static void
check_signing(const struct message *m, struct arena *arena)
{
	struct dkim_signing *s = NULL;
	struct message ours = *m;
	struct buf b;

	if (m->fields > FIELDS_FEW || has_odd_blank(m) ||
	    dkim_signing_new(keys, m->header, m->header_len, NOW, &s) < 0 ||
	    s == NULL)
		return;
	buf_init(&b, 1 << 24);
	dkim_signing_body(s, m->body, m->body_len);
	if (dkim_signing_end(s, &b) == 0) {
		must(buf_append(&b, m->header, m->header_len) == 0);
		ours.header = b.data;
		ours.header_len = b.len;
		must(verify(&ours, 7, arena)->signatures[0].result ==
		     DKIM_PASS);
	}
	dkim_signing_free(&s);
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct message m = message_of((const char *)data, len);
	struct arena arena;

	setup();
	arena_init(&arena);
	check_same(verify(&m, m.body_len + 1, &arena), verify(&m, 1, &arena));
	check_signing(&m, &arena);
	arena_done(&arena);
	return 0;
}
