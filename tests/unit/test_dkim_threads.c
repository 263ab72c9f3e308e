/*
 * One library and one set of keys, shared by threads that verify and sign.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dkim_kit.h"
#include "tests/unit/test.h"
#include "verdict/dkim_sign.h"

#define THREADS 4
#define ROUNDS  50
#define HEADER  "From: anna@example.org\r\nSubject: x\r\n"
#define BODY    "a  body\r\n\r\nof lines \r\n"

static struct {
	struct dkim_library *lib;
	struct dkim_keys *keys;
	char rsa[1024], ed25519[256]; /* their records */
	_Atomic unsigned good;
} shared;

static void
settle(struct answers *answers)
{
	struct answer *a;

	while ((a = answers_next_open(answers)) != NULL) {
		const char *record = strncmp(a->name, "rsa.", 4) == 0
					     ? shared.rsa
					     : shared.ed25519;

		answer_add(answers, a, record, strlen(record), 0);
		answer_settle(answers, a, ANSWER_OK, "");
	}
}

static bool
passes(const struct buf *header, struct arena *arena)
{
	struct dkim_verify_conf conf = {.allow_length = false};
	struct dkim_verification *v =
		dkim_verification_new(shared.lib, &conf, header->data,
				      header->len, DKIM_KIT_NOW, arena);
	const struct dkim_verdict *verdict;
	struct answers answers;
	bool ok;

	answers_init(&answers, arena, 10);
	while (dkim_verification_keys(v, &answers, NULL) == -EAGAIN)
		settle(&answers);
	dkim_verification_body(v, BODY, strlen(BODY));
	verdict = dkim_verification_end(v, NULL);
	ok = verdict->n == 2 && verdict->signatures[0].result == DKIM_PASS &&
	     verdict->signatures[1].result == DKIM_PASS;
	dkim_verification_free(&v);
	return ok;
}

static void
one_round(void)
{
	struct dkim_keys *keys = dkim_keys_ref(shared.keys);
	struct dkim_signing *s = NULL;
	struct arena arena;
	struct buf b;

	arena_init(&arena);
	buf_init(&b, DKIM_SIGNING_MAX);
	if (dkim_signing_new(keys, HEADER, strlen(HEADER), DKIM_KIT_NOW, &s) ==
	    0) {
		dkim_signing_body(s, BODY, strlen(BODY));
		if (dkim_signing_end(s, &b) == 0 &&
		    buf_append_str(&b, HEADER) == 0 && passes(&b, &arena))
			atomic_fetch_add(&shared.good, 1);
	}
	dkim_signing_free(&s);
	dkim_keys_unref(&keys);
	buf_done(&b);
	arena_done(&arena);
}

static void *
thread(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		one_round();
	return arg;
}

static void
key_add(struct dkim_rule *rule, enum dkim_algorithm algorithm, const char *name,
	char *record, size_t size)
{
	struct dkim_key *key = NULL;

	assert_int_equal(dkim_key_generate(algorithm, 1024, &key), 0);
	snprintf(record, size, "k=%s; p=%s",
		 algorithm == DKIM_RSA_SHA256 ? "rsa" : "ed25519",
		 dkim_key_public(key));
	dkim_rule_add(rule, name, key);
}

static void
together(void **state)
{
	pthread_t threads[THREADS];
	struct pattern *match = NULL;
	struct dkim_rule *rule;
	char *why = NULL;

	(void)state;
	shared.lib = dkim_library_new();
	shared.keys = dkim_keys_new();
	assert_int_equal(pattern_new("example.org", '\0', &match, &why), 0);
	rule = dkim_keys_add(shared.keys, match, "example.org");
	key_add(rule, DKIM_RSA_SHA256, "rsa", shared.rsa, sizeof(shared.rsa));
	key_add(rule, DKIM_ED25519_SHA256, "ed", shared.ed25519,
		sizeof(shared.ed25519));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, thread, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(shared.good, THREADS * ROUNDS);
	dkim_keys_unref(&shared.keys);
	dkim_library_free(&shared.lib);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(together)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
