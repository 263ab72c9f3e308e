/*
 * Requests to a server that answers as it is told.
 */
#include "net/fetch.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/dns_server.h"
#include "tests/unit/http_bad.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

#define ROWS(a) (a), sizeof(a) / sizeof((a)[0])

struct rig {
	struct loop *loop;
	struct dns_server names;
	struct dns *dns;
	struct fetcher *fetcher;
	struct http_bad *server;
	struct loop_timer patience;
	unsigned ended, want;
	/* Of the last answer. */
	struct fetch_answer last;
	char why[300], body[100], redirect[100], peer[SOCKADDR_TEXT_MAX];
	char type[50];
	struct fetch *cancel; /* when one ends */
};

static const struct dns_row names[] = {
	{"hook.test", ns_t_a, DNS_DATA("\x7f\0\0\1"), ns_r_noerror},
	{"fails.test", ns_t_a, DNS_DATA(""), ns_r_servfail},
};

static void
rig_late(void *arg)
{
	(void)arg;
	fail_msg("nothing came of it");
}

static int
setup(void **state)
{
	struct rig *g = xcalloc(1, sizeof(*g));

	*state = g;
	signal(SIGPIPE, SIG_IGN);
	g->loop = loop_new(clock_system());
	dns_server_init(&g->names, g->loop, ROWS(names));
	g->dns = dns_server_resolver(&g->names, g->loop, 5000);
	assert_int_equal(fetcher_new(g->loop, g->dns, &g->fetcher), 0);
	loop_timer_init(&g->patience, g->loop, rig_late, g);
	return 0;
}

static int
teardown(void **state)
{
	struct rig *g = *state;

	fetcher_free(&g->fetcher);
	dns_free(&g->dns);
	dns_server_done(&g->names);
	loop_timer_done(&g->patience);
	loop_free(&g->loop);
	http_bad_stop(&g->server);
	free(g);
	return 0;
}

static void
rig_ended(void *arg, const struct fetch_answer *answer)
{
	struct rig *g = arg;

	g->last = *answer;
	snprintf(g->why, sizeof(g->why), "%s", answer->why);
	snprintf(g->body, sizeof(g->body), "%s", answer->body);
	snprintf(g->redirect, sizeof(g->redirect), "%s", answer->redirect);
	if (answer->peer.len > 0)
		sockaddr_ip(&answer->peer, g->peer);
	snprintf(g->type, sizeof(g->type), "%s", answer->type);
	fetch_cancel(&g->cancel);
	if (++g->ended == g->want)
		loop_stop(g->loop);
}

static struct fetch_request
rig_request(const char *url)
{
	return (struct fetch_request){.method = "POST",
				      .url = url,
				      .body = "hello",
				      .body_len = 5,
				      .time_ms = 5000};
}

static void
rig_wait(struct rig *g, unsigned n)
{
	g->want = n;
	if (g->ended < n) {
		loop_timer_set(&g->patience, 20000);
		loop_run(g->loop);
		loop_timer_clear(&g->patience);
	}
	assert_int_equal(g->ended, n);
}

static void
rig_fetch(struct rig *g, const struct fetch_request *request)
{
	struct fetch *f;

	g->ended = 0;
	assert_int_equal(fetch_start(g->fetcher, request, rig_ended, g, &f), 0);
	assert_int_equal(g->ended, 0);
	rig_wait(g, 1);
}

static const char *
rig_url(struct rig *g, const char *scheme, const char *host)
{
	static char url[100];

	snprintf(url, sizeof(url), "%s://%s:%d/secret?x=1", scheme, host,
		 http_bad_port(g->server));
	return url;
}

/* --- what is sent ---------------------------------------------------------------- */

static void
test_request(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct fetch_header headers[] = {
		{"Content-Type", "application/json"},
		{"X-Empty", ""},
		{"X-Token", "a b"},
	};
	static const struct {
		const char *method;
		size_t nheaders;
		const char *want;
	} row[] = {
		{"POST", 3,
		 "POST /secret?x=1 HTTP/1.1\r\n"
		 "User-Agent: Belfry/" BELFRY_VERSION "\r\nAccept: */*\r\n"
		 "Content-Type: application/json\r\nX-Empty:\r\n"
		 "X-Token: a b\r\nContent-Length: 5\r\n\r\nhello"},
		{"PUT", 0,
		 "PUT /secret?x=1 HTTP/1.1\r\n"
		 "User-Agent: Belfry/" BELFRY_VERSION "\r\nAccept: */*\r\n"
		 "Content-Length: 5\r\n\r\nhello"},
		{"GET", 0,
		 "GET /secret?x=1 HTTP/1.1\r\n"
		 "User-Agent: Belfry/" BELFRY_VERSION
		 "\r\nAccept: */*\r\n\r\n"},
	};
	struct rig *g = *state;

	g->server = http_bad_start(&ok, 1);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fetch_request request =
			rig_request(rig_url(g, "http", "127.0.0.1"));
		char host[60], *got, *at;

		request.method = row[i].method;
		request.headers = headers;
		request.nheaders = row[i].nheaders;
		rig_fetch(g, &request);
		snprintf(host, sizeof(host), "Host: 127.0.0.1:%d\r\n",
			 http_bad_port(g->server));
		got = http_bad_request(g->server, i);
		at = strstr(got, host);
		assert_non_null(at);
		memmove(at, at + strlen(host), strlen(at + strlen(host)) + 1);
		assert_string_equal(got, row[i].want);
		free(got);
		assert_int_equal(g->last.status, 200);
		assert_string_equal(g->body, "ok");
	}
	assert_int_equal(http_bad_connections(g->server), 1);
	assert_string_equal(g->peer, "127.0.0.1");
	assert_null(g->last.tls_version);
}

/* --- what comes back --------------------------------------------------------------- */

#define HEAD(status, fields) "HTTP/1.1 " status "\r\n" fields "\r\n"

static void
test_answers(void **state)
{
	static const struct {
		const char *name;
		struct http_bad_step step;
		enum fetch_end end;
		int status;
		const char *body; /* or why */
		size_t body_len;
		int64_t retry_after_ms;
		const char *redirect;
	} row[] = {
		{"200",
		 {HTTP_BAD_OK, HTTP_BAD_KEEP, NULL},
		 FETCH_ANSWERED,
		 200,
		 "ok",
		 2,
		 -1,
		 ""},
		{"204 after two of 1xx",
		 {HEAD("100 Go on", "") HEAD("103 Hints", "Retry-After: 9\r\n")
			  HEAD("204 Done", ""),
		  HTTP_BAD_KEEP, NULL},
		 FETCH_ANSWERED,
		 204,
		 "",
		 0,
		 -1,
		 ""},
		{"429",
		 {HEAD("429 No",
		       "retry-after:  7 \r\nContent-Length: 4\r\n") "slow",
		  HTTP_BAD_KEEP, NULL},
		 FETCH_ANSWERED,
		 429,
		 "slow",
		 4,
		 7000,
		 ""},
		{"503, of another day",
		 {HEAD("503 No",
		       "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
		       "Content-Length: 0\r\n"),
		  HTTP_BAD_KEEP, NULL},
		 FETCH_ANSWERED,
		 503,
		 "",
		 0,
		 0,
		 ""},
		{"a redirect is not followed",
		 {HEAD("302 There", "Location: https://other.test:9/private\r\n"
				    "Content-Length: 0\r\n"),
		  HTTP_BAD_KEEP, NULL},
		 FETCH_ANSWERED,
		 302,
		 "",
		 0,
		 -1,
		 "other.test:9"},
		{"cut off in its body",
		 {HEAD("200 OK", "Content-Length: 100\r\n") "half",
		  HTTP_BAD_CLOSE, NULL},
		 FETCH_ANSWERED,
		 200,
		 "half",
		 4,
		 -1,
		 ""},
		{"cut off in a chunk",
		 {HEAD("500 No", "Transfer-Encoding: chunked\r\n") "9\r\nhalf",
		  HTTP_BAD_CLOSE, NULL},
		 FETCH_ANSWERED,
		 500,
		 "half",
		 4,
		 -1,
		 ""},
		{"silent in its body",
		 {HEAD("200 OK", "Content-Length: 100\r\n") "half",
		  HTTP_BAD_SILENT, NULL},
		 FETCH_ANSWERED,
		 200,
		 "half",
		 4,
		 -1,
		 ""},
		{"an endless body",
		 {HEAD("200 OK", ""), HTTP_BAD_ENDLESS, "giant"},
		 FETCH_ANSWERED,
		 200,
		 "giantgiant",
		 FETCH_BODY_MAX,
		 -1,
		 ""},
		{"cut off in its head",
		 {"HTTP/1.1 200 OK\r\nContent-Le", HTTP_BAD_CLOSE, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "",
		 0,
		 -1,
		 ""},
		{"an endless head",
		 {"HTTP/1.1 200 OK\r\n", HTTP_BAD_ENDLESS, "A: b\r\n"},
		 FETCH_UNANSWERED,
		 0,
		 "the head of the answer is too long",
		 0,
		 -1,
		 ""},
		{"endless 1xx",
		 {HEAD("100 Go on", ""), HTTP_BAD_ENDLESS, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "the head of the answer is too long",
		 0,
		 -1,
		 ""},
		{"no answer",
		 {NULL, HTTP_BAD_CLOSE, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "Empty reply from server",
		 0,
		 -1,
		 ""},
		{"no HTTP",
		 {"220 mail.test ESMTP\r\n", HTTP_BAD_CLOSE, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "Received HTTP/0.9 when not allowed",
		 0,
		 -1,
		 ""},
		{"silence",
		 {NULL, HTTP_BAD_SILENT, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "no answer within 0.5 s",
		 0,
		 -1,
		 ""},
		{"a head byte by byte, for ever",
		 {"HTTP/1.1 200 OK\r\nA:", HTTP_BAD_SILENT, NULL},
		 FETCH_UNANSWERED,
		 0,
		 "no answer within 0.5 s",
		 0,
		 -1,
		 ""},
	};
	struct rig *g = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fetch_request request;

		print_message("%s\n", row[i].name);
		g->server = http_bad_start(&row[i].step, 1);
		request = rig_request(rig_url(g, "http", "127.0.0.1"));
		if (row[i].step.then == HTTP_BAD_SILENT)
			request.time_ms = 500;
		rig_fetch(g, &request);
		assert_int_equal(g->last.end, row[i].end);
		if (row[i].end == FETCH_ANSWERED) {
			assert_memory_equal(g->body, row[i].body,
					    strlen(row[i].body));
			assert_int_equal(g->last.body_len, row[i].body_len);
		} else if (row[i].body[0] != '\0') {
			assert_string_equal(g->why, row[i].body);
		} else {
			assert_true(g->why[0] != '\0');
		}
		assert_int_equal(g->last.status, row[i].status);
		assert_int_equal(g->last.retry_after_ms, row[i].retry_after_ms);
		assert_string_equal(g->redirect, row[i].redirect);
		http_bad_stop(&g->server);
	}
}

/* --- connections --------------------------------------------------------------------- */

static void
test_unsent(void **state)
{
	static const struct {
		const char *host, *why;
	} row[] = {
		{"127.0.0.1", "Failed to connect to 127.0.0.1 port"},
		{"hook.test", "Failed to connect to hook.test port"},
		{"none.test", "none.test: "},
		{"fails.test", "fails.test: "},
	};
	struct rig *g = *state;
	char url[100];
	int port, fd = http_bad_nobody(&port);

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fetch_request request = rig_request(url);

		snprintf(url, sizeof(url), "http://%s:%d/secret", row[i].host,
			 port);
		rig_fetch(g, &request);
		assert_int_equal(g->last.end, FETCH_UNSENT);
		if (strncmp(g->why, row[i].why, strlen(row[i].why)) != 0)
			fail_msg("%s", g->why);
		assert_null(strstr(g->why, "secret"));
	}
	close(fd);
}

static void
test_names(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	struct rig *g = *state;
	struct fetch_request request;

	g->server = http_bad_start(&ok, 1);
	request = rig_request(rig_url(g, "http", "HOOK.test"));
	for (int i = 0; i < 3; i++) {
		rig_fetch(g, &request);
		assert_int_equal(g->last.status, 200);
	}
	assert_int_equal(http_bad_connections(g->server), 1);
	assert_int_equal(http_bad_requests(g->server), 3);
}

/* A kept connection that ended meanwhile is no failure. */
static void
test_kept_ended(void **state)
{
	static const struct http_bad_step steps[] = {
		{HTTP_BAD_OK, HTTP_BAD_CLOSE, NULL},
		{HTTP_BAD_OK, HTTP_BAD_CLOSE, NULL},
	};
	struct rig *g = *state;
	struct fetch_request request;

	g->server = http_bad_start(ROWS(steps));
	request = rig_request(rig_url(g, "http", "127.0.0.1"));
	for (unsigned i = 1; i <= 5; i++) {
		rig_fetch(g, &request);
		assert_int_equal(g->last.status, 200);
		assert_int_equal(http_bad_requests(g->server), i);
	}
}

static void
test_tls(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct {
		const char *cert, *host;
		bool believed;
		const char *why; /* NULL: it works */
	} row[] = {
		{"good", "hook.test", true, NULL},
		{"good", "127.0.0.1", true, NULL},
		{"other", "hook.test", true, "no alternative certificate"},
		{"old", "hook.test", true, "certificate has expired"},
		{"good", "hook.test", false, "SSL certificate problem"},
	};
	struct rig *g = *state;
	struct tls_maker m;

	tls_maker_init(&m);
	tls_make(&m, &(struct tls_cert_want){
			     .file = "good",
			     .cn = "hook.test",
			     .names = "DNS:hook.test,IP:127.0.0.1"});
	tls_make(&m, &(struct tls_cert_want){.file = "other",
					     .cn = "other.test",
					     .names = "DNS:other.test"});
	tls_make(&m, &(struct tls_cert_want){.file = "old",
					     .cn = "hook.test",
					     .names = "DNS:hook.test",
					     .days = -1});
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tls_pair pair = tls_pair_of(&m, row[i].cert);
		struct fetch_request request;

		print_message("%s for %s\n", row[i].cert, row[i].host);
		g->server = http_bad_start_tls(&ok, 1, pair.certificate_file,
					       pair.key_file);
		request = rig_request(rig_url(g, "https", row[i].host));
		if (row[i].believed)
			request.ca_file = tls_path(&m, "ca.pem");
		rig_fetch(g, &request);
		if (row[i].why == NULL) {
			assert_int_equal(g->last.status, 200);
			assert_string_equal(g->last.tls_version, "TLSv1.3");
			assert_non_null(g->last.tls_cipher);
		} else {
			assert_int_equal(g->last.end, FETCH_UNSENT);
			if (strstr(g->why, row[i].why) == NULL)
				fail_msg("%s", g->why);
			assert_int_equal(http_bad_requests(g->server), 0);
		}
		http_bad_stop(&g->server);
	}
	tls_maker_done(&m);
}

/* --- the end of it ---------------------------------------------------------------------- */

static void
test_cancel(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct http_bad_step mute = {NULL, HTTP_BAD_SILENT, NULL};
	struct rig *g = *state;
	struct http_bad *silent = http_bad_start(&mute, 1);
	struct fetch_request request;
	struct fetch *f[3];
	char url[60];

	g->server = http_bad_start(&ok, 1);
	request = rig_request(rig_url(g, "http", "hook.test"));
	/* At once: also while the name is looked up. */
	assert_int_equal(fetch_start(g->fetcher, &request, rig_ended, g, &f[0]),
			 0);
	fetch_cancel(&f[0]);
	assert_null(f[0]);
	/* On its way, by the end of another. */
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
		 http_bad_port(silent));
	request.url = url;
	assert_int_equal(fetch_start(g->fetcher, &request, rig_ended, g, &f[1]),
			 0);
	g->cancel = f[1];
	request.url = rig_url(g, "http", "127.0.0.1");
	assert_int_equal(fetch_start(g->fetcher, &request, rig_ended, g, &f[0]),
			 0);
	rig_wait(g, 1);
	assert_null(g->cancel);
	/* By the end of the fetcher. */
	assert_int_equal(fetch_start(g->fetcher, &request, rig_ended, g, &f[2]),
			 0);
	fetcher_free(&g->fetcher);
	assert_int_equal(g->ended, 1);
	http_bad_stop(&silent);
}

static void
test_ceiling(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	struct rig *g = *state;
	struct fetch_request request;
	struct fetch *f;

	g->server = http_bad_start(&ok, 1);
	request = rig_request(rig_url(g, "http", "127.0.0.1"));
	for (int i = 0; i < FETCH_MAX; i++)
		assert_int_equal(
			fetch_start(g->fetcher, &request, rig_ended, g, &f), 0);
	assert_int_equal(fetch_start(g->fetcher, &request, rig_ended, g, &f),
			 -EAGAIN);
	rig_wait(g, FETCH_MAX);
	assert_int_equal(http_bad_requests(g->server), FETCH_MAX);
	rig_fetch(g, &request);
}

#define FETCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FETCH_TEST(test_request),    FETCH_TEST(test_answers),
		FETCH_TEST(test_unsent),     FETCH_TEST(test_names),
		FETCH_TEST(test_kept_ended), FETCH_TEST(test_tls),
		FETCH_TEST(test_cancel),     FETCH_TEST(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
