#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mail/sasl_client.h"
#include "mail/sasl_server.h"

struct keys {
	struct scram_keys keys;
	const struct scram_keys *later; /* from the second time on; or NULL */
	int times;
	char asked[64]; /* for whom */
};

static void
give_keys(void *arg, const char *name, struct scram_keys *ret)
{
	struct keys *k = arg;

	snprintf(k->asked, sizeof(k->asked), "%s", name);
	*ret = k->times++ > 0 && k->later != NULL ? *k->later : k->keys;
}

/* What C says and what S says, until one of them has said all. */
static enum sasl_result
talk(struct sasl_server *s, struct sasl_client *c)
{
	enum sasl_result result;
	struct buf said, asked;
	int r;

	buf_init(&said, 4096);
	buf_init(&asked, 4096);
	r = sasl_client_first(c, &said);
	assert_true(r >= 0);
	result = sasl_server_step(s, r > 0 ? buf_str(&said) : NULL, &asked);
	while (result == SASL_GO_ON) {
		buf_clear(&said);
		if (sasl_client_answer(c, buf_str(&asked), &said) < 0) {
			result = SASL_WRONG;
			break;
		}
		buf_clear(&asked);
		result = sasl_server_step(s, buf_str(&said), &asked);
	}
	buf_done(&said);
	buf_done(&asked);
	return result;
}

static enum sasl_result
talk_scram(struct sasl_context *context, struct keys *k, const char *user,
	   const char *password)
{
	struct sasl_server *s = sasl_server_new(context, SASL_IN_SCRAM_SHA_256,
						NULL, give_keys, k);
	struct sasl_client *c =
		sasl_client_new(SASL_SCRAM_SHA_256, user, password);
	enum sasl_result result = talk(s, c);

	if (result == SASL_PROVED) {
		assert_true(sasl_client_is_sure(c));
		assert_string_equal(sasl_server_user(s), user);
	}
	assert_null(sasl_server_password(s));
	sasl_client_free(&c);
	sasl_server_free(&s);
	return result;
}

static void
test_scram(void **state)
{
	struct sasl_context *context = sasl_context_new();
	struct keys k = {0}, other = {0};

	(void)state;
	assert_int_equal(
		scram_keys_make("p\xc3\xa4ss,w=rd", NULL, 4096, &k.keys), 0);
	assert_int_equal(scram_keys_make("other", NULL, 4096, &other.keys), 0);
	assert_int_equal(talk_scram(context, &k, "anna", "p\xc3\xa4ss,w=rd"),
			 SASL_PROVED);
	assert_string_equal(k.asked, "anna");
	assert_int_equal(talk_scram(context, &k, "a=b,c@d", "p\xc3\xa4ss,w=rd"),
			 SASL_PROVED);
	assert_string_equal(k.asked, "a=b,c@d");
	assert_int_equal(talk_scram(context, &k, "anna", "other"), SASL_WRONG);
	assert_int_equal(talk_scram(context, &other, "anna", "other"),
			 SASL_PROVED);
	/* Who was sent the salt before there were too many failures. */
	k.times = 0;
	k.later = &other.keys;
	assert_int_equal(talk_scram(context, &k, "anna", "p\xc3\xa4ss,w=rd"),
			 SASL_WRONG);
	sasl_context_free(&context);
}

/* The library's own client acts for another; ours never does. "n,a=ben," */
static void
test_scram_lines(void **state)
{
	static const struct {
		const char *line;
		enum sasl_result result;
	} rows[] = {
		/* n,,n=anna,r=abcdefgh */
		{"biwsbj1hbm5hLHI9YWJjZGVmZ2g=", SASL_GO_ON},
		/* p=tls-unique,,n=anna,r=abcdefgh: not offered */
		{"cD10bHMtdW5pcXVlLCxuPWFubmEscj1hYmNkZWZnaA==", SASL_WRONG},
		{"", SASL_GO_ON},
		{"eA==", SASL_SYNTAX},
		{"AAAA", SASL_SYNTAX},
	};
	enum { NROWS = sizeof(rows) / sizeof(rows[0]) };
	struct sasl_context *context = sasl_context_new();
	struct keys k = {0};

	(void)state;
	assert_int_equal(scram_keys_make("x", NULL, 4096, &k.keys), 0);
	/* At once, then behind an empty initial response. */
	for (size_t i = 0; i < 2 * NROWS; i++) {
		struct sasl_server *s = sasl_server_new(
			context, SASL_IN_SCRAM_SHA_256, NULL, give_keys, &k);
		enum sasl_result result;
		struct buf asked;

		buf_init(&asked, 4096);
		print_message("%s\n", rows[i % NROWS].line);
		if (i >= NROWS)
			assert_int_equal(sasl_server_step(s, "=", &asked),
					 SASL_GO_ON);
		result = sasl_server_step(s, rows[i % NROWS].line, &asked);
		if (rows[i % NROWS].result == SASL_GO_ON)
			assert_int_equal(result, SASL_GO_ON);
		else
			assert_true(result == SASL_WRONG ||
				    result == SASL_SYNTAX);
		buf_done(&asked);
		sasl_server_free(&s);
	}
	sasl_context_free(&context);
}

/* Any byte but NUL may stand in a password. */
static void
test_passwords(void **state)
{
	static const enum sasl_mechanism client[] = {SASL_PLAIN, SASL_LOGIN};
	static const enum sasl_mech server[] = {SASL_IN_PLAIN, SASL_IN_LOGIN};
	static const char *const passwords[] = {
		"x", "", "\xff\xfe \t\r\n\x01", "p\xc3\xa4ss", "=", "*",
	};
	struct sasl_context *context = sasl_context_new();

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < 6; i++) {
			struct sasl_server *s = sasl_server_new(
				context, server[m], NULL, give_keys, NULL);
			struct sasl_client *c = sasl_client_new(
				client[m], "an na", passwords[i]);

			assert_int_equal(talk(s, c), SASL_PASSWORD);
			assert_int_equal(sasl_server_mech(s), server[m]);
			assert_string_equal(sasl_server_user(s), "an na");
			assert_string_equal(sasl_server_password(s),
					    passwords[i]);
			sasl_client_free(&c);
			sasl_server_free(&s);
		}
	}
	sasl_context_free(&context);
}

static void
test_external(void **state)
{
	static const struct {
		const char *line, *user;
		enum sasl_result result;
	} rows[] = {
		{"=", NULL, SASL_SHOWN},
		{"", NULL, SASL_SHOWN},
		{"YW5uYQ==", "anna", SASL_SHOWN},
		{"YW4AYQ==", NULL, SASL_SYNTAX},
		{"x", NULL, SASL_SYNTAX},
	};
	struct buf asked;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sasl_server *s = sasl_server_new(NULL, SASL_IN_EXTERNAL,
							NULL, give_keys, NULL);

		buf_init(&asked, 100);
		if (i > 0) {
			assert_int_equal(sasl_server_step(s, NULL, &asked),
					 SASL_GO_ON);
			assert_int_equal(asked.len, 0);
		}
		assert_int_equal(sasl_server_step(s, rows[i].line, &asked),
				 rows[i].result);
		if (rows[i].user != NULL)
			assert_string_equal(sasl_server_user(s), rows[i].user);
		else
			assert_null(sasl_server_user(s));
		sasl_server_free(&s);
		buf_done(&asked);
	}
}

static void
test_names(void **state)
{
	enum sasl_mech mech;

	(void)state;
	assert_int_equal(sasl_mech_find("pLaIn", &mech), 0);
	assert_int_equal(mech, SASL_IN_PLAIN);
	assert_int_equal(sasl_mech_find("SCRAM-SHA-256", &mech), 0);
	assert_int_equal(mech, SASL_IN_SCRAM_SHA_256);
	assert_int_equal(sasl_mech_find("SCRAM-SHA-1", &mech), -ENOENT);
	assert_int_equal(sasl_mech_find("", &mech), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_lines),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
