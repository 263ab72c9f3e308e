#include "tests/unit/test.h"

#include <errno.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/sasl_client.h"

static char *
decoded(const char *text)
{
	char *data = NULL, *copy;
	size_t len = 0;

	assert_int_equal(gsasl_base64_from(text, strlen(text), &data, &len),
			 GSASL_OK);
	copy = xmalloc(len + 1);
	memcpy(copy, data, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\0')
			copy[i] = '~'; /* so that a row can say it */
	gsasl_free(data);
	return copy;
}

static char *
encoded(const char *text, size_t len)
{
	char *data = NULL, *copy;

	assert_int_equal(gsasl_base64_to(text, len, &data, NULL), GSASL_OK);
	copy = xstrdup(data);
	gsasl_free(data);
	return copy;
}

/* --- dialogues ---------------------------------------------------------------- */

/* The server's challenges and our words, in turn; NULL ends. */
static const struct dialogue_row {
	const char *name;
	enum sasl_mechanism mechanism;
	const char *user, *password;
	const char *first; /* NULL: the server begins */
	struct {
		const char *challenge, *answer;
		int r;
	} step[4];
	bool sure;
	const char *words;
} dialogue_rows[] = {
	{"PLAIN",
	 SASL_PLAIN,
	 "anna",
	 "secret",
	 "~anna~secret",
	 {{0}},
	 true,
	 ""},
	{"PLAIN, any byte",
	 SASL_PLAIN,
	 "anna@example.org",
	 "\xff\x01 $%#\n\"\\",
	 "~anna@example.org~\xff\x01 $%#\n\"\\",
	 {{0}},
	 true,
	 ""},
	{"PLAIN is asked once more",
	 SASL_PLAIN,
	 "a",
	 "b",
	 "~a~b",
	 {{"", NULL, -EPROTO}},
	 true,
	 ""},
	{"LOGIN",
	 SASL_LOGIN,
	 "anna",
	 "s\xe9"
	 "cret",
	 NULL,
	 {{"VXNlcm5hbWU6", "anna", 0},
	  {"UGFzc3dvcmQ6",
	   "s\xe9"
	   "cret",
	   0}},
	 true,
	 ""},
	{"LOGIN asks in its own way",
	 SASL_LOGIN,
	 "anna",
	 "secret",
	 NULL,
	 {{"", "anna", 0}, {"not base64!", "secret", 0}},
	 true,
	 ""},
	{"LOGIN ends early",
	 SASL_LOGIN,
	 "anna",
	 "secret",
	 NULL,
	 {{"VXNlcm5hbWU6", "anna", 0}},
	 false,
	 ""},
	{"LOGIN asks for a third word",
	 SASL_LOGIN,
	 "a",
	 "b",
	 NULL,
	 {{"", "a", 0}, {"", "b", 0}, {"", NULL, -EPROTO}},
	 true,
	 ""},
	{"XOAUTH2",
	 SASL_XOAUTH2,
	 "anna@example.org",
	 "ya29.token",
	 "user=anna@example.org\001auth=Bearer ya29.token\001\001",
	 {{0}},
	 true,
	 ""},
	{"XOAUTH2 is refused",
	 SASL_XOAUTH2,
	 "anna",
	 "old",
	 "user=anna\001auth=Bearer old\001\001",
	 /* {"status":"401",\n "schemes":"bearer"} */
	 {{"eyJzdGF0dXMiOiI0MDEiLAogInNjaGVtZXMiOiJiZWFyZXIifQ==", "", 0}},
	 false,
	 "{\"status\":\"401\", \"schemes\":\"bearer\"}"},
	{"XOAUTH2 asks twice",
	 SASL_XOAUTH2,
	 "anna",
	 "old",
	 "user=anna\001auth=Bearer old\001\001",
	 {{"e30=", "", 0}, {"e30=", NULL, -EPROTO}},
	 false,
	 "{}"},
	{"XOAUTH2 with what is no base64",
	 SASL_XOAUTH2,
	 "anna",
	 "old",
	 "user=anna\001auth=Bearer old\001\001",
	 {{"{\"status\"}", NULL, -EPROTO}},
	 true,
	 ""},
	/* {"status":"\x1b[31m"}: not on somebody's terminal */
	{"XOAUTH2 with control characters",
	 SASL_XOAUTH2,
	 "anna",
	 "old",
	 "user=anna\001auth=Bearer old\001\001",
	 {{"eyJzdGF0dXMiOiIbWzMxbSJ9", "", 0}},
	 false,
	 "{\"status\":\"[31m\"}"},
	{"SCRAM: no nonce of ours",
	 SASL_SCRAM_SHA_256,
	 "anna",
	 "secret",
	 "",
	 {{"cj1hYmMscz1jMkZzZEE9PSxpPTQwOTY=", NULL, -EACCES}},
	 false,
	 ""},
	{"SCRAM: no iterations",
	 SASL_SCRAM_SHA_256,
	 "anna",
	 "secret",
	 "",
	 {{"cj1hYmMscz1jMkZzZEE9PQ==", NULL, -EPROTO}},
	 false,
	 ""},
	/* r=abc,s=c2FsdA==,i=100001 */
	{"SCRAM: too many iterations",
	 SASL_SCRAM_SHA_256,
	 "anna",
	 "secret",
	 "",
	 {{"cj1hYmMscz1jMkZzZEE9PSxpPTEwMDAwMQ==", NULL, -ERANGE}},
	 false,
	 ""},
};

static void
dialogue(const struct dialogue_row *row)
{
	struct sasl_client *sc =
		sasl_client_new(row->mechanism, row->user, row->password);
	struct buf out;
	char *said;

	print_message("%s\n", row->name);
	buf_init(&out, 8192);
	assert_int_equal(sasl_client_first(sc, &out), row->first != NULL);
	said = decoded(buf_str(&out));
	if (row->first != NULL && row->first[0] != '\0')
		assert_string_equal(said, row->first);
	free(said);
	for (size_t i = 0; row->step[i].challenge != NULL; i++) {
		buf_clear(&out);
		assert_int_equal(
			sasl_client_answer(sc, row->step[i].challenge, &out),
			row->step[i].r);
		if (row->step[i].answer == NULL)
			continue;
		said = decoded(buf_str(&out));
		assert_string_equal(said, row->step[i].answer);
		free(said);
	}
	assert_int_equal(sasl_client_is_sure(sc), row->sure);
	assert_string_equal(sasl_client_words(sc), row->words);
	buf_done(&out);
	sasl_client_free(&sc);
	assert_null(sc);
}

static void
test_dialogues(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogue_rows) / sizeof(*dialogue_rows);
	     i++)
		dialogue(&dialogue_rows[i]);
}

static void
test_long_challenge(void **state)
{
	struct sasl_client *sc = sasl_client_new(SASL_XOAUTH2, "a", "b");
	char *challenge = xmalloc(SASL_CHALLENGE_MAX + 5);
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	memset(challenge, 'A', SASL_CHALLENGE_MAX + 4);
	challenge[SASL_CHALLENGE_MAX + 4] = '\0';
	assert_int_equal(sasl_client_first(sc, &out), 1);
	assert_int_equal(sasl_client_answer(sc, challenge, &out), -EPROTO);
	challenge[SASL_CHALLENGE_MAX] = '\0';
	sasl_client_free(&sc);
	sc = sasl_client_new(SASL_XOAUTH2, "a", "b");
	assert_int_equal(sasl_client_first(sc, &out), 1);
	assert_int_equal(sasl_client_answer(sc, challenge, &out), 0);
	buf_done(&out);
	free(challenge);
	sasl_client_free(&sc);
}

/* --- SCRAM, with the library's own server --------------------------------------- */

static int
server_property(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	(void)ctx;
	if (property != GSASL_PASSWORD)
		return GSASL_NO_CALLBACK;
	return gsasl_property_set(session, GSASL_PASSWORD, "right");
}

/* One word of ours to the server, and what it says to that. */
static int
server_hears(Gsasl_session *server, struct buf *out, char **ret)
{
	char *said = NULL;
	int r = gsasl_step64(server, buf_str(out), &said);

	*ret = xstrdup(said != NULL ? said : "");
	gsasl_free(said);
	buf_clear(out);
	return r;
}

/* What the client says of the server's last word; TAMPER: somebody else said
 * it. */
static int
scram(const char *password, bool tamper, bool *ret_sure)
{
	struct sasl_client *sc =
		sasl_client_new(SASL_SCRAM_SHA_256, "anna", password);
	Gsasl_session *server;
	struct buf out;
	Gsasl *ctx;
	char *said;
	int r;

	buf_init(&out, 8192);
	assert_int_equal(gsasl_init(&ctx), GSASL_OK);
	gsasl_callback_set(ctx, server_property);
	assert_int_equal(gsasl_server_start(ctx, "SCRAM-SHA-256", &server),
			 GSASL_OK);
	assert_int_equal(sasl_client_first(sc, &out), 1);
	assert_int_equal(server_hears(server, &out, &said), GSASL_NEEDS_MORE);
	assert_int_equal(sasl_client_answer(sc, said, &out), 0);
	assert_false(sasl_client_is_sure(sc));
	free(said);
	r = server_hears(server, &out, &said);
	if (tamper) {
		free(said);
		said = encoded("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			       46);
		r = GSASL_OK;
	}
	if (r == GSASL_OK) {
		r = sasl_client_answer(sc, said, &out);
		assert_int_equal(out.len, 0);
	}
	*ret_sure = sasl_client_is_sure(sc);
	free(said);
	gsasl_finish(server);
	gsasl_done(ctx);
	buf_done(&out);
	sasl_client_free(&sc);
	return r;
}

static void
test_scram(void **state)
{
	bool sure;

	(void)state;
	assert_int_equal(scram("right", false, &sure), 0);
	assert_true(sure);
	assert_int_equal(scram("wrong", false, &sure),
			 GSASL_AUTHENTICATION_ERROR);
	assert_false(sure);
	assert_true(scram("right", true, &sure) < 0);
	assert_false(sure);
}

static const struct fits_row {
	const char *name;
	enum sasl_mechanism mechanism;
	const char *user, *password;
	bool fits;
} fits_rows[] = {
	{"plain words", SASL_SCRAM_SHA_256, "anna", "secret", true},
	{"UTF-8", SASL_SCRAM_SHA_256, "anna", "gr\xc3\xbc\xc3\x9f", true},
	{"not UTF-8", SASL_SCRAM_SHA_256, "anna", "gr\xfc\xdf", false},
	{"a control character", SASL_SCRAM_SHA_256, "anna", "a\x01", false},
	{"nothing is left", SASL_SCRAM_SHA_256, "anna", "\xc2\xad", false},
	{"PLAIN takes that", SASL_PLAIN, "anna", "a\x01\xff", true},
	{"LOGIN too", SASL_LOGIN, "anna", "a\x01\xff", true},
	{"a token", SASL_XOAUTH2, "anna", "ya29", true},
	{"a token with the separator", SASL_XOAUTH2, "anna", "a\x01", false},
};

static void
test_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fits_rows) / sizeof(*fits_rows); i++) {
		const struct fits_row *row = &fits_rows[i];

		print_message("%s\n", row->name);
		assert_int_equal(sasl_client_fits(row->mechanism, row->user,
						  row->password),
				 row->fits);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_long_challenge),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
