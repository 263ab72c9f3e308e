/*
 * What stands between EHLO and the first mail, and servers that misbehave
 * there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "tests/unit/so_rig.h"
#include "tests/unit/test.h"

#define OFFER       "250-mx.example.net\r\n250-STARTTLS\r\n250 SIZE 100\r\n"
#define AUTH(words) "250-mx.example.net\r\n250 AUTH " words "\r\n"

/* Lines of a dialogue: what the server says, and what we are to say to it. */
enum turn {
	END,
	HEAR,   /* the server says TEXT */
	SAY,    /* since the last look we said TEXT */
	SECURE, /* the handshake is made */
	BREAK,  /* it fails: TEXT */
	TOKEN,  /* here is the token TEXT */
	NOTOKEN,
	STATE, /* by name */
	WHY,   /* closed, untried, and this is why */
};

struct line {
	enum turn turn;
	const char *text;
};

#define LINES_MAX 14
static const struct row {
	const char *name;
	enum tls_level tls;
	bool implicit;
	const char *user, *password; /* NULL: no login; no password: a token */
	bool in_clear;
	int mechanism; /* -1: any */
	struct line line[LINES_MAX];
} rows[] = {
	{"STARTTLS, and EHLO once more", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, OFFER},
		  {SAY, "STARTTLS\r\n"},
		  {HEAR, "220 go\r\n"},
		  {STATE, "tls"},
		  {SECURE, NULL},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {STATE, "ready"}}},
	{"implicit", TLS_LEVEL_ENCRYPT, true,
	 .line = {{STATE, "tls"},
		  {SECURE, NULL},
		  {STATE, "banner"},
		  {HEAR, "220 hi\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {STATE, "ready"}}},
	{"implicit, and it speaks in clear", TLS_LEVEL_ENCRYPT, true,
	 .line = {{HEAR, "220 hi\r\n"},
		  {WHY, "451 4.7.5 more came with the reply to STARTTLS"}}},
	{"none: it is offered, and not taken", TLS_LEVEL_NONE,
	 .line = {{HEAR, "220 hi\r\n"}, {HEAR, OFFER}, {STATE, "ready"}}},
	{"opportunistic, not offered", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {STATE, "ready"}}},
	{"opportunistic, refused", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "454 4.7.0 not now\r\n"},
		  {STATE, "ready"}}},
	{"opportunistic, by HELO", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "502 what?\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {STATE, "ready"}}},
	{"encrypt, not offered", TLS_LEVEL_ENCRYPT,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {WHY, "451 4.7.4 the server does not offer STARTTLS, and "
			"`tls: encrypt` wants it"}}},
	{"verify, by HELO", TLS_LEVEL_VERIFY,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "502 what?\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {WHY, "451 4.7.4 the server does not offer STARTTLS, and "
			"`tls: verify` wants it"}}},
	{"encrypt, refused", TLS_LEVEL_ENCRYPT,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "454 4.7.0 not now\r\n"},
		  {WHY, "451 4.7.4 the server refused STARTTLS: 454 4.7.0 not "
			"now, and `tls: encrypt` wants it"}}},
	{"the certificate is bad", TLS_LEVEL_VERIFY,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "220 go\r\n"},
		  {BREAK, "the certificate has expired"},
		  {WHY, "451 4.7.5 TLS: the certificate has expired"}}},
	{"something in the same read", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "220 go\r\n250 mx\r\n"},
		  {WHY, "451 4.7.5 more came with the reply to STARTTLS"}}},
	{"something in the next read", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "220 go\r\n"},
		  {HEAR, "2"},
		  {WHY, "451 4.7.5 more came with the reply to STARTTLS"}}},
	{"an answer before the question", TLS_LEVEL_VERIFY,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER "220 go\r\n"},
		  {WHY, "451 4.7.5 more came with the reply to EHLO than "
			"that"}}},
	{"the reply to STARTTLS has two lines", TLS_LEVEL_OPPORTUNISTIC,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "220-x\r\n220 go\r\n"},
		  {SECURE, NULL},
		  {HEAR, "250 mx\r\n"},
		  {STATE, "ready"}}},
	{"STARTTLS is offered again", TLS_LEVEL_ENCRYPT,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, OFFER},
		  {HEAR, "220 go\r\n"},
		  {SECURE, NULL},
		  {HEAR, OFFER},
		  {STATE, "ready"}}},

	{"a login in clear is none", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN LOGIN")},
		  {WHY, "451 4.7.10 no login: the connection is not "
			"encrypted"}}},
	{"unless it is allowed", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, AUTH("LOGIN PLAIN")},
		  {SAY, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"},
		  {HEAR, "235 welcome\r\n"},
		  {STATE, "ready"}}},
	{"LOGIN", TLS_LEVEL_NONE, .user = "anna", .password = "secret",
	 .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, "250-mx\r\n250 AUTH=LOGIN\r\n"},
		  {SAY, "AUTH LOGIN\r\n"},
		  {HEAR, "334 VXNlcm5hbWU6\r\n"},
		  {SAY, "YW5uYQ==\r\n"},
		  {HEAR, "334 UGFzc3dvcmQ6\r\n"},
		  {SAY, "c2VjcmV0\r\n"},
		  {HEAR, "235 welcome\r\n"},
		  {STATE, "ready"}}},
	{"SCRAM before PLAIN", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN LOGIN scram-sha-256")},
		  {STATE, "auth"},
		  /* r=abc,s=c2FsdA==,i=999999 */
		  {HEAR, "334 cj1hYmMscz1jMkZzZEE9PSxpPTk5OTk5OQ==\r\n"},
		  {WHY, "451 4.7.0 no login: the server asks for more than "
			"100000 rounds of SCRAM"}}},
	{"SCRAM taken without a proof", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("SCRAM-SHA-256")},
		  {HEAR, "235 welcome\r\n"},
		  {WHY, "451 4.7.0 no login: the server took it before it had "
			"shown that it knows the password"}}},
	{"not UTF-8: PLAIN, though SCRAM is there", TLS_LEVEL_NONE,
	 .user = "anna", .password = "\xff", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, AUTH("SCRAM-SHA-256 PLAIN")},
		  {SAY, "AUTH PLAIN AGFubmEA/w==\r\n"}}},
	{"the mechanism that is wanted", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = SASL_LOGIN,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, AUTH("SCRAM-SHA-256 PLAIN LOGIN")},
		  {SAY, "AUTH LOGIN\r\n"}}},
	{"is not offered", TLS_LEVEL_NONE, .user = "anna", .password = "secret",
	 .in_clear = true, .mechanism = SASL_SCRAM_SHA_256,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN LOGIN")},
		  {WHY, "451 4.7.4 no login: the server offers none that fits; "
			"of what we know: PLAIN LOGIN"}}},
	{"no login is offered", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "250 mx\r\n"},
		  {WHY, "451 4.7.4 no login: the server offers none that we "
			"know"}}},
	{"offered in clear only", TLS_LEVEL_ENCRYPT, .user = "anna",
	 .password = "secret", .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"},
		  {HEAR, "220 go\r\n"},
		  {SECURE, NULL},
		  {HEAR, "250 mx\r\n"},
		  {WHY, "451 4.7.4 no login: the server offers none that we "
			"know"}}},
	{"the password is wrong", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN")},
		  {HEAR, "535 5.7.8 no\r\n"},
		  {WHY, "535 5.7.8 no"}}},
	{"it quotes what it does not know", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN")},
		  {HEAR, "500 5.5.1 unrecognized: \"AUTH PLAIN "
			 "AGFubmEAc2VjcmV0\"\r\n"},
		  {WHY, "500 5.5.1 (these words have the login in them)"}}},
	{"the password in base64", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = SASL_LOGIN,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("LOGIN")},
		  {HEAR, "334 VXNlcm5hbWU6\r\n"},
		  {HEAR, "334 UGFzc3dvcmQ6\r\n"},
		  {HEAR, "421 what is c2VjcmV0?\r\n"},
		  {WHY, "421 (these words have the login in them)"}}},
	{"the password itself", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN")},
		  {HEAR, "535-5.7.8 no\r\n535 5.7.8 secret is old\r\n"},
		  {WHY, "535 5.7.8 (these words have the login in them)"}}},
	{"a token in the challenge", TLS_LEVEL_NONE, .user = "anna",
	 .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("XOAUTH2")},
		  {TOKEN, "401"},
		  {HEAR, "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"},
		  {HEAR, "535 5.7.8 no\r\n"},
		  {WHY, "535 5.7.8 (these words have the login in them)"}}},
	{"not now", TLS_LEVEL_NONE, .user = "anna", .password = "secret",
	 .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN")},
		  {HEAR, "454 4.7.0 later\r\n"},
		  {WHY, "454 4.7.0 later"}}},
	{"a question too many", TLS_LEVEL_NONE, .user = "anna",
	 .password = "secret", .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("PLAIN")},
		  {HEAR, "334 \r\n"},
		  {WHY, "451 4.7.0 no login: the server doesn't keep to the "
			"mechanism"}}},
	{"a token", TLS_LEVEL_NONE, .user = "anna", .in_clear = true,
	 .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {SAY, "EHLO relay.example.org\r\n"},
		  {HEAR, AUTH("PLAIN XOAUTH2")},
		  {STATE, "token"},
		  {TOKEN, "tok"},
		  {SAY, "AUTH XOAUTH2 "
			"dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHRvawEB\r\n"},
		  {HEAR, "235 welcome\r\n"},
		  {STATE, "ready"}}},
	{"a token is refused", TLS_LEVEL_NONE, .user = "anna", .in_clear = true,
	 .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("XOAUTH2")},
		  {TOKEN, "old"},
		  {HEAR, "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"},
		  {HEAR, "535 5.7.8 no\r\n"},
		  {WHY, "535 5.7.8 no; {\"status\":\"401\"}"}}},
	{"there is no token", TLS_LEVEL_NONE, .user = "anna", .in_clear = true,
	 .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("XOAUTH2")},
		  {NOTOKEN, "/x can't be read"},
		  {WHY, "451 4.7.0 no login: /x can't be read"}}},
	{"it speaks while the token is fetched", TLS_LEVEL_NONE, .user = "anna",
	 .in_clear = true, .mechanism = -1,
	 .line = {{HEAR, "220 hi\r\n"},
		  {HEAR, AUTH("XOAUTH2")},
		  {HEAR, "421 bye\r\n"},
		  {WHY, "421 bye"}}},
};

static void
expect_why(struct so_rig *g, const char *why)
{
	char line[REPLY_TEXT_MAX + 32];

	assert_int_equal(g->so.state, SMTP_OUT_CLOSED);
	assert_true(g->so.failed);
	reply_line(&g->so.why, line, sizeof(line));
	if (strncmp(line, why, strlen(why)) != 0)
		assert_string_equal(line, why);
}

static void
play(struct so_rig *g, const struct line *line)
{
	struct secret *token;

	switch (line->turn) {
	case HEAR:
		so_rig_hear(g, line->text);
		break;
	case SAY:
		so_rig_expect_sent(g, line->text);
		break;
	case SECURE:
		smtp_out_secured(&g->so);
		assert_false(g->so.size);
		assert_int_equal(g->so.logins, 0);
		break;
	case BREAK:
		smtp_out_tls_failed(&g->so, line->text);
		assert_true(g->so.tls_failed);
		break;
	case TOKEN:
		buf_clear(&g->out);
		token = secret_new(line->text, strlen(line->text));
		smtp_out_token(&g->so, token, NULL);
		secret_free(&token);
		break;
	case NOTOKEN:
		smtp_out_token(&g->so, NULL, line->text);
		break;
	case STATE:
		assert_string_equal(smtp_out_state_names[g->so.state],
				    line->text);
		break;
	case WHY:
		expect_why(g, line->text);
		break;
	case END:
		break;
	}
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct smtp_login login = {.user = row->user,
					   .any = row->mechanism < 0,
					   .in_clear = row->in_clear};
		struct secret *password = NULL;
		struct so_rig g;

		print_message("%s\n", row->name);
		if (row->mechanism >= 0)
			login.mechanism = (enum sasl_mechanism)row->mechanism;
		if (row->password != NULL)
			password = secret_new(row->password,
					      strlen(row->password));
		login.password = password;
		so_rig_init(&g, 1);
		g.so.conf.tls = row->tls;
		g.so.conf.implicit_tls = row->implicit;
		g.so.conf.login = row->user != NULL ? &login : NULL;
		if (row->implicit)
			g.so.state = SMTP_OUT_TLS;
		for (size_t k = 0; k < LINES_MAX && row->line[k].turn != END;
		     k++)
			play(&g, &row->line[k]);
		so_rig_done(&g);
		secret_free(&password);
	}
}

/* A word that is too long for the command's line is said when it is asked
 * for; what is sent is marked to be wiped. */
static void
test_long(void **state)
{
	struct smtp_login login = {
		.user = "anna", .any = true, .in_clear = true};
	struct secret *token;
	struct so_rig g;
	char *text;

	(void)state;
	text = xcalloc(1, 2001);
	memset(text, 'x', 2000);
	token = secret_new(text, 2000);
	so_rig_init(&g, 1);
	g.so.conf.login = &login;
	so_rig_hear(&g, "220 hi\r\n");
	so_rig_hear(&g, AUTH("XOAUTH2"));
	buf_clear(&g.out);
	smtp_out_token(&g.so, token, NULL);
	so_rig_expect_sent(&g, "AUTH XOAUTH2\r\n");
	so_rig_hear(&g, "334 \r\n");
	assert_true(g.so.secret);
	assert_true(g.out.len > 2600);
	assert_string_equal(g.out.data + g.out.len - 2, "\r\n");
	so_rig_hear(&g, "235 welcome\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_READY);
	so_rig_done(&g);
	secret_free(&token);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
