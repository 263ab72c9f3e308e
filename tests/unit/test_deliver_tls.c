/*
 * The agent at next hops that want TLS and logins, or break them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

static struct tls_maker maker;
static char ca[256], good[256], good_key[256], token[256];

struct tls_rig {
	struct fake_rig fake;
	struct smtp_server *server;
	struct hop *hop;
};

/* A server with a certificate for 127.0.0.1. */
static void
tls_rig_init(struct tls_rig *g, const struct smtp_rule *rules, bool implicit)
{
	fake_rig_init(&g->fake);
	g->server = agent_rig_serve_at(
		&g->fake.agent,
		smtp_server_start_tls(rules, good, good_key, implicit));
	g->hop = &g->fake.agent.hops[0];
	g->hop->ca_file = TEXT("");
	/* Each mail by a connection of its own. */
	g->fake.agent.conf.per_destination.messages_per_connection = 1;
}

static void
tls_rig_log_in(struct hop *hop, const char *user)
{
	hop->user = TEXT(user);
	hop->password.env.text = "TEST_PASSWORD";
	hop->tls = HOP_TLS_ENCRYPT;
	hop->allow_plaintext_login = true;
}

/* The mail went, and so. */
static void
expect_sent(struct tls_rig *g, const char *tls, bool verified)
{
	struct fake_result *r = fake_rig_send(&g->fake);

	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
	assert_string_equal(r->rcpt[0].tls, tls);
	assert_int_equal(r->rcpt[0].verified, verified);
	free(r);
}

/* It came back untried, and the destination's failure says so. */
static void
expect_failed(struct tls_rig *g, int code, const char *dsn, const char *says)
{
	struct fake_result *r = fake_rig_send(&g->fake);

	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_UNTRIED);
	assert_int_equal(r->dest_state, ATTEMPT_DEST_FAILED);
	assert_int_equal(r->dest_reply.code, code);
	assert_string_equal(r->dest_reply.dsn, dsn);
	if (strstr(r->dest_reply.text, says) == NULL)
		assert_string_equal(r->dest_reply.text, says);
	free(r);
}

static void
expect_handshakes(struct tls_rig *g, unsigned connections, unsigned handshakes)
{
	struct smtp_seen seen = smtp_server_counts(g->server);

	assert_int_equal(seen.connections, connections);
	assert_int_equal(seen.handshakes, handshakes);
}

/* --- TLS ------------------------------------------------------------------------- */

static void
test_opportunistic(void **state)
{
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, NULL, false);
	fake_rig_start(&g.fake);
	expect_sent(&g, "TLSv1.3", false);
	expect_handshakes(&g, 1, 1);
	fake_rig_done(&g.fake);
}

static void
test_none(void **state)
{
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, NULL, false);
	g.hop->tls = HOP_TLS_NONE;
	fake_rig_start(&g.fake);
	expect_sent(&g, "", false);
	expect_handshakes(&g, 1, 0);
	fake_rig_done(&g.fake);
}

/* The first mail goes in clear by a second connection, the next one at once. */
static void
test_handshake_fails(void **state)
{
	static const struct smtp_rule rules[] = {
		{"STARTTLS", 0, "220 go\r\n", true, false, NULL}, {0}};
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, rules, false);
	fake_rig_start(&g.fake);
	expect_sent(&g, "", false);
	expect_handshakes(&g, 2, 0);
	expect_sent(&g, "", false);
	expect_handshakes(&g, 3, 0);
	agent_rig_wait_logged(&g.fake.agent, "event=tls_failed", 1);
	fake_rig_done(&g.fake);
}

static void
test_handshake_is_silence(void **state)
{
	/* It says 220 and waits for more of SMTP: what we begin is none. */
	static const struct smtp_rule rules[] = {
		{"STARTTLS", 0, "220 go\r\n", true, false, NULL}, {0}};
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, rules, false);
	g.hop->tls = HOP_TLS_ENCRYPT;
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.5", "TLS: ");
	expect_handshakes(&g, 1, 0);
	fake_rig_done(&g.fake);
}

static void
test_injected(void **state)
{
	static const struct smtp_rule rules[] = {
		{"STARTTLS", 0, "220 go\r\n250 mx\r\n", true, false, NULL},
		{0}};
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, rules, false);
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.5", "more came with the reply to STARTTLS");
	expect_handshakes(&g, 1, 0);
	fake_rig_done(&g.fake);
}

static void
test_refused(void **state)
{
	static const struct smtp_rule rules[] = {
		{"STARTTLS", 0, "454 4.7.0 not now\r\n", false, false, NULL},
		{0}};
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, rules, false);
	fake_rig_start(&g.fake);
	expect_sent(&g, "", false);
	expect_handshakes(&g, 1, 0);
	fake_rig_done(&g.fake);

	tls_rig_init(&g, rules, false);
	g.hop->tls = HOP_TLS_ENCRYPT;
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.4",
		      "the server refused STARTTLS: 454 4.7.0 "
		      "not now");
	fake_rig_done(&g.fake);
}

static void
test_verify(void **state)
{
	struct tls_rig g;

	(void)state;
	for (int implicit = 0; implicit < 2; implicit++) {
		tls_rig_init(&g, NULL, implicit);
		g.hop->tls = HOP_TLS_VERIFY;
		g.hop->implicit_tls =
			implicit ? HOP_IMPLICIT_TRUE : HOP_IMPLICIT_AUTO;
		g.hop->ca_file = ca;
		fake_rig_start(&g.fake);
		expect_sent(&g, "TLSv1.3", true);
		expect_handshakes(&g, 1, 1);
		fake_rig_done(&g.fake);
	}
	/* Of an authority that nobody knows. */
	tls_rig_init(&g, NULL, false);
	g.hop->tls = HOP_TLS_VERIFY;
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.5", "TLS: ");
	fake_rig_done(&g.fake);
	/* For another name. */
	tls_rig_init(&g, NULL, false);
	g.hop->tls = HOP_TLS_VERIFY;
	g.hop->ca_file = ca;
	g.hop->host = TEXT("localhost");
	g.fake.agent.conf.prefer = PREFER_IPV4_ONLY;
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.5", "not for localhost");
	fake_rig_done(&g.fake);
}

/* A server without TLS is no reason to send it in clear, nor is it for the
 * next of the list. */
static void
test_next_host(void **state)
{
	struct tls_rig g;
	struct smtp_server *second;

	(void)state;
	fake_rig_init(&g.fake);
	agent_rig_serve(&g.fake.agent, NULL, false);
	second = agent_rig_serve_at(
		&g.fake.agent,
		smtp_server_start_tls(NULL, good, good_key, false));
	g.fake.agent.hops[0].tls = HOP_TLS_ENCRYPT;
	g.fake.agent.hops[1].tls = HOP_TLS_ENCRYPT;
	fake_rig_start(&g.fake);
	expect_sent(&g, "TLSv1.3", false);
	fake_rig_expect_seen(second, 1, 1);
	fake_rig_done(&g.fake);
}

/* --- logins ----------------------------------------------------------------------- */

static void
test_login(void **state)
{
	struct tls_rig g;
	struct smtp_seen seen;

	(void)state;
	tls_rig_init(&g, NULL, false);
	tls_rig_log_in(g.hop, "anna");
	g.fake.agent.conf.per_destination.messages_per_connection = 100;
	fake_rig_start(&g.fake);
	expect_sent(&g, "TLSv1.3", false);
	expect_sent(&g, "TLSv1.3", false); /* by the same connection */
	seen = smtp_server_counts(g.server);
	assert_string_equal(seen.auth, "PLAIN AGFubmEAc2VjcmV0");
	expect_handshakes(&g, 1, 1);
	assert_null(strstr(buf_str(&g.fake.agent.lines), "secret"));
	fake_rig_done(&g.fake);
}

/* Each of these waits for somebody who mends it; none bounces. */
static void
test_login_fails(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[2];
		int code;
		const char *dsn, *says;
	} row[] = {
		{"a wrong password",
		 {{"AUTH", 0, "535 5.7.8 no\r\n", false, false, NULL}},
		 535,
		 "5.7.8",
		 "said: no"},
		{"not now",
		 {{"AUTH", 0, "454 4.7.0 later\r\n", false, false, NULL}},
		 454,
		 "4.7.0",
		 "said: later"},
		{"it closes",
		 {{"AUTH", 0, NULL, true, false, NULL}},
		 451,
		 "4.4.2",
		 "AUTH"},
		{"it asks a question",
		 {{"AUTH", 0, "334 UGFzc3dvcmQ6\r\n", false, false, NULL}},
		 451,
		 "4.7.0",
		 "mechanism"},
		{"it is no SMTP",
		 {{"AUTH", 0, "hello\r\n", false, false, NULL}},
		 451,
		 "4.5.0",
		 "not SMTP"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tls_rig g;

		print_message("%s\n", row[i].name);
		tls_rig_init(&g, row[i].rules, false);
		tls_rig_log_in(g.hop, "anna");
		fake_rig_start(&g.fake);
		expect_failed(&g, row[i].code, row[i].dsn, row[i].says);
		fake_rig_expect_seen(g.server, 1, 0);
		fake_rig_done(&g.fake);
	}
}

static void
test_login_is_loud_once(void **state)
{
	static const struct smtp_rule rules[] = {
		{"AUTH", 1, "535 5.7.8 no\r\n", false, false, NULL},
		{"AUTH", 2, "535 5.7.8 no\r\n", false, false, NULL},
		{"AUTH", 4, "535 5.7.8 no\r\n", false, false, NULL},
		{0}};
	struct tls_rig g;

	(void)state;
	tls_rig_init(&g, rules, false);
	tls_rig_log_in(g.hop, "anna");
	fake_rig_start(&g.fake);
	expect_failed(&g, 535, "5.7.8", "no");
	expect_failed(&g, 535, "5.7.8", "no");
	agent_rig_wait_logged(&g.fake.agent, "event=login_refused", 2);
	agent_rig_wait_logged(&g.fake.agent, "level=error event=login_refused",
			      1);
	expect_sent(&g, "TLSv1.3", false);
	expect_failed(&g, 535, "5.7.8", "no");
	agent_rig_wait_logged(&g.fake.agent, "level=error event=login_refused",
			      2);
	fake_rig_done(&g.fake);
}

/* What one login failed at is no reason to keep the mail of another from the
 * same host. */
static void
test_login_is_ones_own(void **state)
{
	static const struct smtp_rule rules[] = {
		{"AUTH", 1, "535 5.7.8 no\r\n", false, false, NULL}, {0}};
	struct delivery_conf *conf;
	struct delivery_rule rule;
	struct smtp_server *other;
	struct tls_rig g;
	struct hop bens;

	(void)state;
	tls_rig_init(&g, rules, false);
	tls_rig_log_in(g.hop, "anna");
	other = agent_rig_serve(&g.fake.agent, NULL, false);
	conf = &g.fake.agent.conf;
	conf->smarthost.n = 1;
	conf->fallback.v = &g.hop[1];
	conf->fallback.n = 1;
	bens = *g.hop;
	bens.name = TEXT("bens");
	bens.user = TEXT("ben");
	rule = (struct delivery_rule){.match = TEXT("ben@example.org"),
				      .via = {.v = &bens, .n = 1},
				      .mark = bens.mark};
	conf->by_sender.v = &rule;
	conf->by_sender.n = 1;
	fake_rig_start(&g.fake);
	expect_sent(&g, "", false);
	fake_rig_expect_seen(other, 1, 1);
	g.fake.mail.sender = "ben@example.org";
	g.fake.mail.dest = "bens";
	expect_sent(&g, "TLSv1.3", false);
	fake_rig_expect_seen(other, 1, 1);
	fake_rig_done(&g.fake);
}

static void
token_put(const char *text)
{
	FILE *f = fopen(token, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(token, 0600), 0);
}

/* It is read at each login; while there is none the mail waits. */
static void
test_token(void **state)
{
	struct smtp_seen seen;
	struct tls_rig g;
	struct pool *disk = pool_new("disk", 1, 10);

	(void)state;
	unlink(token);
	tls_rig_init(&g, NULL, false);
	g.hop->user = TEXT("anna");
	g.hop->token.file = (struct conf_text){token, g.hop->mark};
	g.hop->tls = HOP_TLS_ENCRYPT;
	g.hop->allow_plaintext_login = true;
	g.fake.agent.disk = disk;
	fake_rig_start(&g.fake);
	expect_failed(&g, 451, "4.7.0", "can't be read");
	token_put("one\n");
	expect_sent(&g, "TLSv1.3", false);
	seen = smtp_server_counts(g.server);
	assert_string_equal(seen.auth,
			    "XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIG9uZQEB");
	token_put("two\n");
	expect_sent(&g, "TLSv1.3", false);
	seen = smtp_server_counts(g.server);
	assert_string_equal(seen.auth,
			    "XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHR3bwEB");
	/* Whoever renewed it let everybody read it. */
	assert_int_equal(chmod(token, 0644), 0);
	expect_failed(&g, 451, "4.7.0", "everybody on this machine can read");
	agent_rig_stop(&g.fake.agent, 5000);
	pool_free(&disk);
	fake_rig_done(&g.fake);
	unlink(token);
}

/* --- calls that fail ---------------------------------------------------------------- */

/* One of all calls on the connection fails: how many there were, and whether
 * the mail went. It never goes in clear, and nothing bounces. */
static long
fail_once(long n, enum call_fail_how how, int error, bool *ret_done)
{
	struct fake_result *r;
	struct smtp_seen seen;
	struct tls_rig g;
	long calls;

	tls_rig_init(&g, NULL, false);
	tls_rig_log_in(g.hop, "anna");
	fake_rig_start(&g.fake);
	call_fail_port(smtp_server_port(g.server));
	call_fail_arm(n, how, error);
	r = fake_rig_send(&g.fake);
	calls = call_fail_disarm();
	call_fail_port(0);
	seen = smtp_server_counts(g.server);
	*ret_done = r->rcpt[0].outcome == ATTEMPT_DONE;
	assert_true(r->rcpt[0].outcome != ATTEMPT_NEVER);
	assert_true(seen.mails == 0 || seen.handshakes > 0);
	assert_true(!*ret_done || seen.mails == 1);
	free(r);
	fake_rig_done(&g.fake);
	return calls;
}

static void
test_every_call_fails(void **state)
{
	static const int errors[] = {ECONNRESET, ENOBUFS};

	(void)state;
	call_fail_each(fail_once, errors, sizeof(errors) / sizeof(errors[0]),
		       120);
}

static void
test_every_call_is_short(void **state)
{
	(void)state;
	call_fail_each_short(fail_once);
}

/* --- what is as good -------------------------------------------------------------- */

static void
test_same_session(void **state)
{
	struct hop plain = {.host = TEXT("a.example"),
			    .ca_file = TEXT(""),
			    .certificate_file = TEXT(""),
			    .user = TEXT("")};
	struct hop other = plain, login = plain, shown = plain, ours = plain;
	struct hop none = plain;

	(void)state;
	login.user = TEXT("anna");
	shown.certificate_file = TEXT("/c");
	ours.ca_file = TEXT("/ca");
	none.tls = HOP_TLS_NONE;
	assert_true(hop_same_session(&plain, &plain));
	assert_true(hop_same_session(&login, &login));
	assert_true(hop_same_session(&plain, &other));
	assert_false(hop_same_session(&plain, &login));
	assert_false(hop_same_session(&login, &plain));
	assert_false(hop_same_session(&plain, &shown));
	assert_false(hop_same_session(&shown, &plain));
	assert_false(hop_same_session(&plain, &ours));
	assert_false(hop_same_session(&plain, &none));
}

static int
make_certificates(void **state)
{
	const struct tls_cert_want want = {
		.file = "good", .cn = "good", .names = "IP:127.0.0.1"};

	(void)state;
	tls_maker_init(&maker);
	tls_make(&maker, &want);
	snprintf(ca, sizeof(ca), "%s", tls_path(&maker, "ca.pem"));
	snprintf(good, sizeof(good), "%s", tls_path(&maker, "good.pem"));
	snprintf(good_key, sizeof(good_key), "%s",
		 tls_path(&maker, "good.key"));
	snprintf(token, sizeof(token), "%s", tls_path(&maker, "token"));
	setenv("TEST_PASSWORD", "secret", 1);
	return 0;
}

static int
drop_certificates(void **state)
{
	(void)state;
	tls_maker_done(&maker);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opportunistic),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_handshake_fails),
		cmocka_unit_test(test_handshake_is_silence),
		cmocka_unit_test(test_injected),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_next_host),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_login_fails),
		cmocka_unit_test(test_login_is_loud_once),
		cmocka_unit_test(test_login_is_ones_own),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_every_call_is_short),
		cmocka_unit_test(test_same_session),
	};

	return cmocka_run_group_tests(tests, make_certificates,
				      drop_certificates);
}
