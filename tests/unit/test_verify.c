/*
 * The host behind us is asked for a recipient, on a loop of its own, and
 * servers on loopback answer.
 */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "deliver/routes_conf.h"
#include "deliver/verify_impl.h"
#include "tests/unit/smtp_server.h"
#include "tests/unit/tls_kit.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

struct rig {
	struct log *log;
	struct log_context context;
	struct loop *loop;
	struct dns *dns;
	struct pool *disk;
	struct verify_kept *kept;
	struct verifier *v;
	struct hop hops[2];
	struct route_rule rule;
	struct routing *routing;
	struct route route;
	uint64_t handle;
	unsigned told, wanted;
	enum verify_result last;
};

static void
no_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
rig_hop(struct hop *hop, int port)
{
	*hop = (struct hop){.name = TEXT(""),
			    .host = TEXT("127.0.0.1"),
			    .port = port,
			    .helo = TEXT(""),
			    .bind = TEXT("")};
}

static const struct delivery_conf plain_conf = {
	.helo = TEXT(""), .timeouts = {2000, 2000, 2000, 2000, 2000}};

/* At PORTS, the second 0: only one. */
static void
rig_hops(struct rig *g, const char *host, int first, int second)
{
	*g = (struct rig){0};
	rig_hop(&g->hops[0], first);
	g->hops[0].host = TEXT(host);
	rig_hop(&g->hops[1], second);
}

/* By the hops that are there. */
static void
rig_open(struct rig *g, const struct delivery_conf *conf)
{
	static const struct dns_conf dns_conf = {.timeout_ms = 1000,
						 .trust_anchor = TEXT("")};
	const struct conf_list routes = {1, &g->rule};
	const struct routing_sources from = {
		.delivery = conf,
		.routes = &routes,
		.hostname = "relay.example.org",
	};
	const struct address any = {"a", "inner.example"};
	struct conf_errors e;
	char *why = NULL;

	g->log = log_new_capture(no_line, NULL);
	g->context = (struct log_context){.log = g->log};
	g->loop = loop_new(clock_system());
	assert_int_equal(dns_new(g->loop, &dns_conf, &g->dns, &why), 0);
	g->kept = verify_kept_new();
	g->v = verifier_new(g->loop, g->dns, g->disk, g->kept, &g->context);
	g->rule = (struct route_rule){
		.match = TEXT("inner.example"),
		.via = {g->hops[1].port > 0 ? 2 : 1, g->hops},
		.path = TEXT(""),
		.verify = {.cache_ms = 60000},
	};
	conf_errors_init(&e);
	assert_int_equal(routing_new(&from, &e, &g->routing), 0);
	assert_int_equal(routing_arm(g->routing, SECRETS_REFUSE, &e), 0);
	conf_errors_done(&e);
	assert_int_equal(route_find(g->routing, "", &any, &g->route), 0);
	g->handle = loop_handle_new(g->loop, g);
}

static void
rig_init_as(struct rig *g, const char *host, int first, int second,
	    const struct delivery_conf *conf)
{
	rig_hops(g, host, first, second);
	rig_open(g, conf);
}

static void
rig_init(struct rig *g, int first, int second)
{
	rig_init_as(g, "127.0.0.1", first, second, &plain_conf);
}

static void
rig_done(struct rig *g)
{
	pool_free(&g->disk);
	verifier_free(&g->v);
	loop_handle_free(g->loop, g->handle);
	routing_unref(&g->routing);
	dns_free(&g->dns);
	loop_free(&g->loop);
	verify_kept_free(&g->kept);
	log_close(&g->log);
}

static void
rig_told(void *object, enum verify_result result)
{
	struct rig *g = object;

	g->last = result;
	if (++g->told == g->wanted)
		loop_stop(g->loop);
}

static enum verify_result
rig_ask(struct rig *g, const char *address)
{
	return verifier_ask(g->v, g->routing, &g->route, address, g->handle,
			    rig_told);
}

/* Ask and wait; what was known already is not waited for. */
static enum verify_result
rig_wait(struct rig *g, const char *address)
{
	enum verify_result r = rig_ask(g, address);

	if (r != VERIFY_ASKED)
		return r;
	g->wanted = g->told + 1;
	loop_run(g->loop);
	return g->last;
}

static void
test_answers(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rule;
		enum verify_result result;
	} row[] = {
		{"yes", {0}, VERIFY_GOOD},
		{"no",
		 {.verb = "RCPT", .reply = "550 5.1.1 no\r\n"},
		 VERIFY_NOBODY},
		{"no, in no more than a code",
		 {.verb = "RCPT", .reply = "550 no\r\n"},
		 VERIFY_NOBODY},
		{"no such domain",
		 {.verb = "RCPT", .reply = "553 5.1.2 no\r\n"},
		 VERIFY_NOBODY},
		{"we are not liked",
		 {.verb = "RCPT", .reply = "550 5.7.1 listed\r\n"},
		 VERIFY_LATER},
		{"we are not liked, in no more than a code",
		 {.verb = "RCPT", .reply = "554 listed\r\n"},
		 VERIFY_LATER},
		{"no null sender, said late",
		 {.verb = "RCPT", .reply = "550 5.1.7 no\r\n"},
		 VERIFY_LATER},
		{"no such sender, said late",
		 {.verb = "RCPT", .reply = "550 5.1.8 no\r\n"},
		 VERIFY_LATER},
		{"too full",
		 {.verb = "RCPT", .reply = "552 full\r\n"},
		 VERIFY_LATER},
		{"later",
		 {.verb = "RCPT", .reply = "451 grey\r\n"},
		 VERIFY_LATER},
		{"no banner",
		 {.verb = "BANNER", .reply = "554 no\r\n"},
		 VERIFY_LATER},
		{"HELO",
		 {.verb = "EHLO", .reply = "502 what\r\n"},
		 VERIFY_GOOD},
		{"EHLO later",
		 {.verb = "EHLO", .reply = "421 no\r\n"},
		 VERIFY_LATER},
		{"no null sender",
		 {.verb = "MAIL", .reply = "550 no\r\n"},
		 VERIFY_LATER},
		{"garbage",
		 {.verb = "RCPT", .reply = "what?\r\n"},
		 VERIFY_LATER},
		{"hangs up", {.verb = "MAIL", .close = true}, VERIFY_LATER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct smtp_rule rules[] = {row[i].rule, {0}};
		struct smtp_server *s = smtp_server_start(rules, false);
		enum verify_result got;
		struct rig g;

		print_message("  %s\n", row[i].name);
		rig_init(&g, smtp_server_port(s), 0);
		got = rig_wait(&g, "a@inner.example");
		assert_int_equal(got, row[i].result);
		/* And so it is known. */
		assert_int_equal(rig_ask(&g, "A@inner.example"), got);
		assert_int_equal(smtp_server_counts(s).connections, 1);
		assert_int_equal(smtp_server_counts(s).mails, 0);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

/* It is asked as mail is sent: with the same TLS and login, or not at all. */
static void
test_tls(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rule;
		int tls;
		bool believed, login, implicit;
		unsigned connections, handshakes;
		enum verify_result result;
	} row[] = {
		{"opportunistic",
		 {0},
		 HOP_TLS_AUTO,
		 .connections = 1,
		 .handshakes = 1,
		 .result = VERIFY_GOOD},
		{"verified",
		 {0},
		 HOP_TLS_VERIFY,
		 .believed = true,
		 .connections = 1,
		 .handshakes = 1,
		 .result = VERIFY_GOOD},
		{"implicit",
		 {0},
		 HOP_TLS_VERIFY,
		 .believed = true,
		 .implicit = true,
		 .connections = 1,
		 .handshakes = 1,
		 .result = VERIFY_GOOD},
		{"not believed",
		 {0},
		 HOP_TLS_VERIFY,
		 .connections = 1,
		 .result = VERIFY_LATER},
		{"the handshake fails, and so in clear",
		 {.verb = "STARTTLS", .reply = "220 go\r\n", .close = true},
		 HOP_TLS_AUTO,
		 .connections = 2,
		 .result = VERIFY_GOOD},
		{"the handshake fails, and no further",
		 {.verb = "STARTTLS", .reply = "220 go\r\n", .close = true},
		 HOP_TLS_ENCRYPT,
		 .connections = 1,
		 .result = VERIFY_LATER},
		{"a login",
		 {0},
		 HOP_TLS_VERIFY,
		 .believed = true,
		 .login = true,
		 .connections = 1,
		 .handshakes = 1,
		 .result = VERIFY_GOOD},
		{"a login that is refused",
		 {.verb = "AUTH", .reply = "535 5.7.8 no\r\n"},
		 HOP_TLS_VERIFY,
		 .believed = true,
		 .login = true,
		 .connections = 1,
		 .handshakes = 1,
		 .result = VERIFY_LATER},
	};
	const struct tls_cert_want want = {
		.file = "good", .cn = "good", .names = "IP:127.0.0.1"};
	struct tls_maker maker;
	char ca[256], good[256];

	(void)state;
	tls_maker_init(&maker);
	tls_make(&maker, &want);
	snprintf(ca, sizeof(ca), "%s", tls_path(&maker, "ca.pem"));
	snprintf(good, sizeof(good), "%s", tls_path(&maker, "good.pem"));
	setenv("TEST_PASSWORD", "secret", 1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct smtp_rule rules[] = {row[i].rule, {0}};
		struct smtp_server *s = smtp_server_start_tls(
			rules, good, tls_path(&maker, "good.key"),
			row[i].implicit);
		struct smtp_seen seen;
		struct rig g;

		print_message("  %s\n", row[i].name);
		rig_hops(&g, "127.0.0.1", smtp_server_port(s), 0);
		g.hops[0].tls = row[i].tls;
		g.hops[0].ca_file = row[i].believed ? ca : NULL;
		if (row[i].implicit)
			g.hops[0].implicit_tls = HOP_IMPLICIT_TRUE;
		if (row[i].login) {
			g.hops[0].user = TEXT("anna");
			g.hops[0].password.env.text = "TEST_PASSWORD";
		}
		rig_open(&g, &plain_conf);
		assert_int_equal(rig_wait(&g, "a@inner.example"),
				 row[i].result);
		seen = smtp_server_counts(s);
		assert_int_equal(seen.connections, row[i].connections);
		assert_int_equal(seen.handshakes, row[i].handshakes);
		rig_done(&g);
		smtp_server_stop(&s);
	}
	tls_maker_done(&maker);
}

/* A token is read where reading may take its time; without one nobody knows. */
static void
test_token(void **state)
{
	static char token[256];
	const struct tls_cert_want want = {
		.file = "good", .cn = "good", .names = "IP:127.0.0.1"};
	struct tls_maker maker;
	struct smtp_server *s;
	struct rig g;
	FILE *f;

	(void)state;
	tls_maker_init(&maker);
	tls_make(&maker, &want);
	s = smtp_server_start_tls(NULL, tls_path(&maker, "good.pem"),
				  tls_path(&maker, "good.key"), false);
	snprintf(token, sizeof(token), "%s", tls_path(&maker, "token"));
	rig_hops(&g, "127.0.0.1", smtp_server_port(s), 0);
	g.disk = pool_new("disk", 1, 10);
	g.hops[0].user = TEXT("anna");
	g.hops[0].token.file = (struct conf_text){token, {"test", 1, 1}};
	g.hops[0].tls = HOP_TLS_ENCRYPT;
	rig_open(&g, &plain_conf);
	assert_int_equal(rig_wait(&g, "a@inner.example"), VERIFY_LATER);
	assert_string_equal(smtp_server_counts(s).auth, "");
	f = fopen(token, "we");
	assert_non_null(f);
	fputs("one\n", f);
	fclose(f);
	assert_int_equal(chmod(token, 0600), 0);
	assert_int_equal(rig_wait(&g, "b@inner.example"), VERIFY_GOOD);
	assert_string_equal(smtp_server_counts(s).auth,
			    "XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIG9uZQEB");
	rig_done(&g);
	unlink(token);
	smtp_server_stop(&s);
	tls_maker_done(&maker);
}

/* Where a refusal is no bounce it is no no either. */
static void
test_soft_bounce(void **state)
{
	const struct smtp_rule rules[] = {
		{.verb = "RCPT", .reply = "550 5.1.1 no\r\n"}, {0}};
	struct smtp_server *s = smtp_server_start(rules, false);
	struct delivery_conf conf = plain_conf;
	struct rig g;

	(void)state;
	conf.soft_bounce = true;
	rig_init_as(&g, "127.0.0.1", smtp_server_port(s), 0, &conf);
	assert_int_equal(rig_wait(&g, "a@inner.example"), VERIFY_LATER);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* Addresses that delivery.prefer leaves out are not asked either. */
static void
test_prefer(void **state)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(sa);
	int fd =
		socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct delivery_conf conf = plain_conf;
	struct rig g;

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0)
		skip();
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	conf.prefer = PREFER_IPV4_ONLY;
	rig_init_as(&g, "::1", ntohs(sa.sin6_port), 0, &conf);
	assert_int_equal(rig_wait(&g, "a@inner.example"), VERIFY_LATER);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	rig_done(&g);
	close(fd);
}

/* A dead host is passed over; without any nobody knows. */
static void
test_hosts(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int port, nobody = smtp_server_nobody(&port);
	struct rig g;

	(void)state;
	rig_init(&g, port, smtp_server_port(s));
	assert_int_equal(rig_wait(&g, "a@inner.example"), VERIFY_GOOD);
	rig_done(&g);
	rig_init(&g, port, 0);
	assert_int_equal(rig_wait(&g, "a@inner.example"), VERIFY_LATER);
	rig_done(&g);
	smtp_server_stop(&s);
	close(nobody);
}

/* Who asks while it is asked for shares the answer. */
static void
test_single_flight(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	struct rig g;

	(void)state;
	rig_init(&g, smtp_server_port(s), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(rig_ask(&g, "a@inner.example"), VERIFY_ASKED);
	assert_int_equal(g.told, 0);
	g.wanted = 20;
	loop_run(g.loop);
	assert_int_equal(g.told, 20);
	assert_int_equal(g.last, VERIFY_GOOD);
	assert_int_equal(smtp_server_counts(s).connections, 1);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* A ceiling on what is asked at once; and all ends with questions open. */
static void
test_ceiling(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char address[64];
	struct rig g;

	(void)state;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 512), 0); /* and never accept */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	rig_init(&g, ntohs(sa.sin_port), 0);
	for (int i = 0; i <= VERIFY_PROBES_MAX; i++) {
		snprintf(address, sizeof(address), "a%d@inner.example", i);
		assert_int_equal(rig_ask(&g, address), i < VERIFY_PROBES_MAX
							       ? VERIFY_ASKED
							       : VERIFY_LATER);
	}
	rig_done(&g);
	assert_int_equal(g.told, 0);
	close(fd);
}

/* What is remembered has a ceiling: the oldest goes first, and what is learnt
 * anew is the newest. */
static void
test_memory_ceiling(void **state)
{
	struct verify_kept *k = verify_kept_new();
	char key[32];

	(void)state;
	for (int i = 0; i < VERIFY_KEPT_MAX; i++) {
		snprintf(key, sizeof(key), "a%d hub", i);
		verify_kept_put(k, key, VERIFY_GOOD, 1000);
	}
	assert_int_equal(verify_kept_get(k, "a0 hub", 0), VERIFY_GOOD);
	verify_kept_put(k, "a0 hub", VERIFY_NOBODY, 1000);
	verify_kept_put(k, "one more", VERIFY_GOOD, 1000);
	assert_int_equal(verify_kept_get(k, "one more", 0), VERIFY_GOOD);
	assert_int_equal(verify_kept_get(k, "a0 hub", 0), VERIFY_NOBODY);
	assert_int_equal(verify_kept_get(k, "a1 hub", 0), VERIFY_ASKED);
	assert_int_equal(verify_kept_get(k, "a2 hub", 0), VERIFY_GOOD);
	/* Another one with a time that is over has made room by itself. */
	assert_int_equal(verify_kept_get(k, "a2 hub", 1000), VERIFY_ASKED);
	verify_kept_put(k, "two more", VERIFY_GOOD, 1000);
	assert_int_equal(verify_kept_get(k, "a3 hub", 0), VERIFY_GOOD);
	verify_kept_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_soft_bounce),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_memory_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
