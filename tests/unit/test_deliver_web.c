/*
 * The agent `web`: what a URL gets of a message, and what becomes of the
 * recipient by what it says.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "deliver/content.h"
#include "deliver/endpoint.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/http_bad.h"
#include "tests/unit/test.h"

#define NAME "oncall/webhook/0"

static const struct endpoint_codes done[] = {{200, 299}};
static const struct endpoint_codes dead[] = {{403, 404}, {410, 410}};

struct web_rig {
	struct fake_rig fake;
	struct http_bad *server;
	struct endpoint ep;
	char url[60];
};

static void
web_rig_content(struct web_rig *g, const char *content)
{
	g->fake.mail.content = content;
	g->fake.mail.len = strlen(content);
}

static void
web_rig_init(struct web_rig *g, const struct http_bad_step *steps, size_t n)
{
	signal(SIGPIPE, SIG_IGN);
	memset(g, 0, sizeof(*g));
	fake_rig_init(&g->fake);
	g->server = http_bad_start(steps, n);
	snprintf(g->url, sizeof(g->url), "http://127.0.0.1:%d/s3cret",
		 http_bad_port(g->server));
	g->ep = (struct endpoint){.name = NAME,
				  .kind = ENDPOINT_WEB,
				  .time_ms = 5000,
				  .method = "POST",
				  .url = g->url,
				  .ndone = 1,
				  .done = done,
				  .ndead = 2,
				  .dead = dead};
	g->fake.mail.agent = "web";
	g->fake.mail.dest = g->fake.mail.rcpt[0] = NAME;
	g->fake.mail.class = QUEUE_ALERT;
	web_rig_content(g, "Content-Type: text/plain\n\nhello");
}

static void
web_rig_set(struct web_rig *g)
{
	struct endpoints *e = endpoints_new(&g->ep, 1);

	deliver_set_endpoints(g->fake.agent.deliver, e);
	endpoints_unref(&e);
}

static void
web_rig_open(struct web_rig *g)
{
	agent_rig_open(&g->fake.agent, g->fake.queue, NULL);
	assert_int_equal(deliver_web(g->fake.agent.deliver), 0);
}

static void
web_rig_start(struct web_rig *g)
{
	web_rig_open(g);
	web_rig_set(g);
	agent_rig_run(&g->fake.agent);
}

static void
web_rig_done(struct web_rig *g)
{
	fake_rig_done(&g->fake);
	http_bad_stop(&g->server);
}

/* --- the request -------------------------------------------------------------- */

/* What was asked for, without the lines that are always the same. */
static char *
web_rig_asked(struct web_rig *g, unsigned at)
{
	char *text = http_bad_request(g->server, at), *body;
	char *user = strstr(text, "User-Agent: Belfry/");
	char *length = strstr(text, "Content-Length: ");

	assert_non_null(text);
	assert_non_null(user);
	body = strstr(user, "Accept: */*\r\n") + strlen("Accept: */*\r\n");
	length = strstr(body, "Content-Length: ");
	assert_non_null(length);
	body = xasprintf("%.*s%.*s%s", (int)(strchr(text, '\n') + 1 - text),
			 text, (int)(length - body), body,
			 strchr(length, '\n') + 1);
	free(text);
	return body;
}

static void
test_requests(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct endpoint_header headers[] = {
		{"Authorization", "Bearer t0ken"},
		{"X-Fixed", "ours"},
	};
	static const struct {
		const char *name, *content, *method;
		bool headers;
		const char *sign, *insert;
		const char *want;
	} row[] = {
		{"fields and a body",
		 "Content-Type: text/plain\nTitle: a: b\n\nhello\n", "POST",
		 false, NULL, NULL,
		 "POST /s3cret HTTP/1.1\r\nContent-Type: text/plain\r\n"
		 "Title: a: b\r\n\r\nhello\n"},
		{"CRLF, no fields, no body", "\r\n", "PUT", false, NULL, NULL,
		 "PUT /s3cret HTTP/1.1\r\n\r\n"},
		{"the endpoint's own headers first, and they stay",
		 "x-fixed: theirs\nX-Other: 1\nAuthorization: none\n\n{}",
		 "POST", true, NULL, NULL,
		 "POST /s3cret HTTP/1.1\r\nAuthorization: Bearer t0ken\r\n"
		 "X-Fixed: ours\r\nX-Other: 1\r\n\r\n{}"},
		{"what can be no header is left out",
		 "X A: b\nContent-Length: 9\nHost\x01: c\nTitle: \x02\n"
		 "Tags: ok\n\nhello",
		 "POST", false, NULL, NULL,
		 "POST /s3cret HTTP/1.1\r\nTags: ok\r\n\r\nhello"},
		{"signed (RFC 4231, case 2)", "\nwhat do ya want for nothing?",
		 "POST", false, "Jefe", NULL,
		 "POST /s3cret HTTP/1.1\r\nBelfry-Signature: sha256="
		 "5bdcc146bf60754e6a042426089575c7"
		 "5a003f089d2739839dec58b964ec3843\r\n\r\n"
		 "what do ya want for nothing?"},
		{"put in", "\n {\"a\":{}}", "POST", false, NULL, "\"k\":1,",
		 "POST /s3cret HTTP/1.1\r\n\r\n {\"k\":1,\"a\":{}}"},
		{"a URL of its own",
		 "Belfry-URL: URL/other?x=1\nBelfry-Argument: x\n\nhello",
		 "POST", false, NULL, NULL,
		 "POST /s3cret/other?x=1 HTTP/1.1\r\n\r\nhello"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct web_rig g;
		char *got, *content, *url;

		print_message("%s\n", row[i].name);
		web_rig_init(&g, &ok, 1);
		content = xstrdup(row[i].content);
		url = strstr(content, "URL/");
		if (url != NULL) {
			char *whole =
				xasprintf("%.*s%s%s", (int)(url - content),
					  content, g.url, url + 3);

			free(content);
			content = whole;
		}
		web_rig_content(&g, content);
		g.ep.method = row[i].method;
		g.ep.headers = headers;
		g.ep.nheaders = row[i].headers ? 2 : 0;
		g.ep.sign = row[i].sign;
		g.ep.insert = row[i].insert;
		web_rig_start(&g);
		fake_rig_expect_done(&g.fake);
		got = web_rig_asked(&g, 0);
		assert_string_equal(got, row[i].want);
		free(got);
		free(content);
		web_rig_done(&g);
	}
}

/* What refuses the body gets a plainer one where there is one, once. */
static void
test_plain(void **state)
{
	static const char no[] =
		"HTTP/1.1 400 No\r\nContent-Length: 14\r\n\r\ninvalid_blocks";
	static const char ok[] = HTTP_BAD_OK;
	static const char gone[] =
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
	static const char plain[] =
		"Belfry-Plain: {\"text\":\"a\"}\nX: y\n\n{\"blocks\":[]}";
	static const struct {
		const char *name, *content;
		const char *answers[2];
		unsigned requests;
		enum attempt_outcome outcome;
		const char *dsn;
	} row[] = {
		{"it likes that", plain, {no, ok}, 2, ATTEMPT_DONE, "2.0.0"},
		{"nor that", plain, {no, no}, 2, ATTEMPT_NEVER, "5.3.0"},
		{"it liked the first",
		 plain,
		 {ok, no},
		 1,
		 ATTEMPT_DONE,
		 "2.0.0"},
		{"something else is wrong",
		 plain,
		 {gone, ok},
		 1,
		 ATTEMPT_NEVER,
		 "5.1.1"},
		{"there is none",
		 "X: y\n\n{}",
		 {no, ok},
		 1,
		 ATTEMPT_NEVER,
		 "5.3.0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct http_bad_step steps[] = {
			{row[i].answers[0], HTTP_BAD_KEEP, NULL},
			{row[i].answers[1], HTTP_BAD_KEEP, NULL},
		};
		struct web_rig g;
		char *got;

		print_message("%s\n", row[i].name);
		web_rig_init(&g, steps, 2);
		web_rig_content(&g, row[i].content);
		g.ep.insert = "\"k\":1,";
		web_rig_start(&g);
		fake_rig_expect(&g.fake, row[i].outcome, ATTEMPT_DEST_OK,
				row[i].dsn);
		assert_int_equal(http_bad_requests(g.server), row[i].requests);
		if (row[i].requests == 2) {
			got = web_rig_asked(&g, 1);
			assert_string_equal(
				got, "POST /s3cret HTTP/1.1\r\nX: y\r\n\r\n"
				     "{\"k\":1,\"text\":\"a\"}");
			free(got);
		}
		web_rig_done(&g);
	}
}

/* --- the answer --------------------------------------------------------------- */

#define HEAD(status, fields) "HTTP/1.1 " status "\r\n" fields "\r\n"
#define SAYS(status, text)                                                     \
	"HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" text

/* It may have been heard. */
static bool
is_doubted(const char *dsn, const char *text)
{
	return strcmp(dsn, "4.4.2") == 0 || strncmp(text, "500", 3) == 0 ||
	       strncmp(text, "502", 3) == 0;
}

static void
test_answers(void **state)
{
	static const struct {
		struct http_bad_step step;
		enum attempt_outcome outcome;
		enum attempt_dest dest;
		const char *dsn, *text; /* of it, at its beginning */
		int64_t asked_ms;
	} row[] = {
		{{SAYS("200 OK", "\r\nok\r\nmore"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 "200: ok",
		 0},
		{{SAYS("202 OK", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 "202",
		 0},
		{{SAYS("400 No", "invalid_payload"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.0",
		 "400: invalid_payload",
		 0},
		{{SAYS("401 No", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.0",
		 "401",
		 0},
		{{SAYS("404 No", "no_service"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.1.1",
		 "404: no_service",
		 0},
		{{SAYS("404 No", "no POST /s3cret here"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.1.1",
		 "404: no POST *** here",
		 0},
		{{SAYS("410 No", "channel_is_archived"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.1.1",
		 "410: channel_is_archived",
		 0},
		{{SAYS("413 No", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.4",
		 "413",
		 0},
		{{SAYS("408 No", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.3.0",
		 "408",
		 0},
		{{SAYS("500 No", "rollup_error"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.3.0",
		 "500: rollup_error",
		 0},
		{{SAYS("502 No", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.2",
		 "502",
		 0},
		{{HEAD("503 No", "Retry-After: 120\r\n"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.2",
		 "503",
		 120000},
		{{HEAD("429 No", "Retry-After: 1\r\n"), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.2",
		 "429",
		 1000},
		{{HEAD("429 No", "Retry-After: 99999\r\n"), HTTP_BAD_CLOSE,
		  NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.2",
		 "429",
		 3600000},
		{{HEAD("429 No", ""), HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.2",
		 "429",
		 30000},
		{{HEAD("302 No", "Location: https://login.test/s3cret\r\n"),
		  HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.3.5",
		 "302 redirects to login.test, which is not followed",
		 60000},
		{{HEAD("200 OK", "Content-Length: 9\r\n") "half",
		  HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 "200: half",
		 0},
		{{HEAD("200 OK", ""), HTTP_BAD_ENDLESS, "giant"},
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 "200: giantgiant",
		 0},
		{{"HTTP/1.1 200 OK\r\nCont", HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_UNKNOWN,
		 "4.4.2",
		 "",
		 0},
		{{NULL, HTTP_BAD_CLOSE, NULL},
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_UNKNOWN,
		 "4.4.2",
		 "Empty reply",
		 0},
		{{NULL, HTTP_BAD_SILENT, NULL},
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_UNKNOWN,
		 "4.4.2",
		 "no answer within 0.5 s",
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_result *r;
		const struct reply *reply;
		char relay[60];
		struct web_rig g;
		int64_t now = clock_wall_ms(clock_system());

		print_message("%s %s\n", row[i].dsn, row[i].text);
		web_rig_init(&g, &row[i].step, 1);
		if (row[i].step.then == HTTP_BAD_SILENT)
			g.ep.time_ms = 500;
		web_rig_start(&g);
		r = fake_rig_send(&g.fake);
		assert_int_equal(r->rcpt[0].outcome, row[i].outcome);
		assert_int_equal(r->dest_state, row[i].dest);
		assert_int_equal(r->rcpt[0].doubted,
				 is_doubted(row[i].dsn, row[i].text));
		reply = row[i].dest == ATTEMPT_DEST_FAILED ? &r->dest_reply
							   : &r->rcpt[0].reply;
		assert_string_equal(reply->dsn, row[i].dsn);
		if (strncmp(reply->text, row[i].text, strlen(row[i].text)) != 0)
			fail_msg("%s", reply->text);
		assert_null(strstr(reply->text, "s3cret"));
		snprintf(relay, sizeof(relay), "127.0.0.1[127.0.0.1]:%d",
			 http_bad_port(g.server));
		assert_string_equal(r->rcpt[0].relay, relay);
		if (row[i].asked_ms == 0)
			assert_int_equal(r->dest_not_before_ms, 0);
		else
			assert_in_range(r->dest_not_before_ms,
					now + row[i].asked_ms,
					now + row[i].asked_ms + 10000);
		assert_int_equal(http_bad_requests(g.server), 1);
		free(r);
		web_rig_done(&g);
	}
}

static void
test_nobody_there(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct {
		const char *url, *dsn;
	} row[] = {
		{NULL, "4.4.1"},
		{"http://no.such.name.invalid/s3cret", "4.4.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct web_rig g;

		web_rig_init(&g, &ok, 1);
		http_bad_stop(&g.server);
		if (row[i].url != NULL)
			g.ep.url = row[i].url;
		web_rig_start(&g);
		fake_rig_expect(&g.fake, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED,
				row[i].dsn);
		web_rig_done(&g);
	}
}

/* --- what is not sent ------------------------------------------------------------ */

static void
test_refused(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	static const struct {
		const char *name, *content, *rcpt;
		int64_t size;
		bool insert;
		enum attempt_outcome outcome;
		const char *dsn;
	} row[] = {
		{"no such endpoint", "\nx", "oncall/slack/9", 0, false,
		 ATTEMPT_NEVER, "5.3.5"},
		{"no fields and no empty line", "hello", NAME, 0, false,
		 ATTEMPT_NEVER, "5.6.0"},
		{"a field without a name", ": x\n\n", NAME, 0, false,
		 ATTEMPT_NEVER, "5.6.0"},
		{"a field without a colon", "A: b\nc\n\n", NAME, 0, false,
		 ATTEMPT_NEVER, "5.6.0"},
		{"too long", "\nx", NAME, CONTENT_MAX + 1, false, ATTEMPT_NEVER,
		 "5.3.4"},
		{"shorter than it was", "\nx", NAME, 9, false, ATTEMPT_LATER,
		 "4.3.0"},
		{"nothing to put something into", "\nx", NAME, 0, true,
		 ATTEMPT_NEVER, "5.6.0"},
		{"another host", "Belfry-URL: http://127.0.0.1:1/x\n\nx", NAME,
		 0, false, ATTEMPT_NEVER, "5.1.3"},
		{"no URL", "Belfry-URL: file:///etc/passwd\n\nx", NAME, 0,
		 false, ATTEMPT_NEVER, "5.1.3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct web_rig g;

		print_message("%s\n", row[i].name);
		web_rig_init(&g, &ok, 1);
		web_rig_content(&g, row[i].content);
		g.fake.mail.rcpt[0] = row[i].rcpt;
		g.fake.mail.size = row[i].size;
		g.ep.insert = row[i].insert ? "\"k\":1," : NULL;
		web_rig_start(&g);
		fake_rig_expect(&g.fake, row[i].outcome, ATTEMPT_DEST_UNKNOWN,
				row[i].dsn);
		assert_int_equal(http_bad_requests(g.server), 0);
		web_rig_done(&g);
	}
}

/* A reload changes where the next one goes. */
static void
test_reload(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	struct web_rig g;
	char url[70], *got;

	(void)state;
	web_rig_init(&g, &ok, 1);
	web_rig_open(&g);
	agent_rig_run(&g.fake.agent);
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_UNKNOWN, "4.3.5");
	web_rig_set(&g);
	fake_rig_expect_done(&g.fake);
	snprintf(url, sizeof(url), "%s/next", g.url);
	g.ep.url = url;
	web_rig_set(&g);
	fake_rig_expect_done(&g.fake);
	got = http_bad_request(g.server, 1);
	assert_int_equal(strncmp(got, "POST /s3cret/next ", 18), 0);
	free(got);
	assert_int_equal(http_bad_connections(g.server), 1);
	web_rig_done(&g);
}

/* What hangs at a stop goes back as it came. */
static void
test_stop(void **state)
{
	static const struct http_bad_step mute = {NULL, HTTP_BAD_SILENT, NULL};
	struct fake_result *r;
	struct web_rig g;

	(void)state;
	web_rig_init(&g, &mute, 1);
	g.ep.time_ms = 60000;
	web_rig_start(&g);
	for (size_t i = 0; i < AGENT_LOOPS; i++)
		fake_queue_give(g.fake.queue, g.fake.agent.loops[i],
				&g.fake.mail);
	agent_rig_stop(&g.fake.agent, 100);
	for (size_t i = 0; i < AGENT_LOOPS; i++) {
		r = fake_rig_take(&g.fake);
		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_UNTRIED);
		assert_int_equal(r->dest_state, ATTEMPT_DEST_UNKNOWN);
		free(r);
	}
	web_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
