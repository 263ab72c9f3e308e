/*
 * The dead man's switch: what must come, and what is asked for.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/heartbeat.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/http_bad.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

#define OWN "alertname=BelfryHeartbeat severity=critical source=own"
#define DOG "alertname=Watchdog"

struct beat_rig {
	struct engine_rig er;
	struct dns *dns;
	struct heartbeat *h;
	struct http_bad *server;
	struct loop_timer poll;
	unsigned want;
	int left;
	char url[60];
};

static void
beat_rig_rules(struct beat_rig *b, const char *yaml, const char *url)
{
	struct rules *rules = rules_kit_new(yaml);

	heartbeat_set(b->h, rules, url);
	rules_unref(&rules);
}

static void
beat_rig_begin(struct beat_rig *b)
{
	const struct heartbeat_deps deps = {
		.loop = b->er.rig.loop,
		.dns = b->dns,
		.clock = b->er.rig.clock,
		.queue = b->er.rig.q,
		.log = &b->er.rig.log_ctx,
		.metrics = b->er.rig.metrics,
	};

	assert_int_equal(heartbeat_new(&deps, &b->h), 0);
	b->er.hear = heartbeat_hear;
	b->er.hear_ctx = b->h;
}

/* Nobody is asked: addresses need no names. */
static void
beat_rig_resolver(struct beat_rig *b)
{
	static char *servers[] = {(char *)(uintptr_t) "127.0.0.1@1"};
	const struct dns_conf conf = {.servers = {1, servers, NULL},
				      .timeout_ms = 300,
				      .trust_anchor = (char *)(uintptr_t) ""};
	char *why;

	assert_int_equal(dns_new(b->er.rig.loop, &conf, &b->dns, &why), 0);
}

static int
setup(void **state)
{
	struct beat_rig *b = calloc(1, sizeof(*b));

	*state = b;
	signal(SIGPIPE, SIG_IGN);
	engine_rig_init(&b->er, NULL);
	beat_rig_resolver(b);
	beat_rig_begin(b);
	return 0;
}

static int
teardown(void **state)
{
	struct beat_rig *b = *state;

	b->er.hear = NULL;
	heartbeat_free(&b->h);
	dns_free(&b->dns);
	engine_rig_done(&b->er);
	http_bad_stop(&b->server);
	free(b);
	return 0;
}

/* --- what must come ------------------------------------------------------------- */

#define EXPECTS                                                                \
	"mail: [a@example.org]\n"                                              \
	"heartbeat: {expect: ['alertname=\"Watchdog\"'], within: 5m}\n"

/* It comes: is it an incident? */
static bool
comes(struct beat_rig *b, const char *labels, bool resolved)
{
	const struct engine_alert a = {.labels = labels, .resolved = resolved};

	assert_int_equal(engine_rig_take(&b->er, &a, 1), 0);
	return engine_rig_state(&b->er, labels) >= 0;
}

/* -1: no such incident. */
static int
after(struct beat_rig *b, int64_t ms)
{
	engine_rig_advance(&b->er, ms, ms);
	heartbeat_look(b->h);
	engine_rig_settle(&b->er);
	return engine_rig_state(&b->er, OWN);
}

static void
test_expected(void **state)
{
	struct beat_rig *b = *state;

	beat_rig_rules(b, EXPECTS, NULL);
	heartbeat_start(b->h, b->er.e);
	assert_true(comes(b, "alertname=Disk", false));
	assert_int_equal(after(b, 5 * MINUTE - 1), -1);
	assert_false(comes(b, DOG, false));
	assert_int_equal(after(b, 5 * MINUTE - 1), -1);
	assert_int_equal(after(b, 1), INCIDENT_OPEN);
	/* That it is over is no sign of life, and no incident either. */
	assert_false(comes(b, DOG, true));
	assert_int_equal(after(b, MINUTE), INCIDENT_OPEN);
	assert_false(comes(b, DOG, false));
	assert_int_equal(after(b, 1), INCIDENT_RESOLVED);
	assert_int_equal(after(b, 5 * MINUTE), INCIDENT_OPEN);
	/* Not expected any more. */
	beat_rig_rules(b, "mail: [a@example.org]\n", NULL);
	assert_true(comes(b, DOG, false));
	assert_int_equal(after(b, 1), INCIDENT_RESOLVED);
}

/* What was silent before a restart is told to be back. */
static void
test_expected_restart(void **state)
{
	struct beat_rig *b = *state;

	beat_rig_rules(b, EXPECTS, NULL);
	heartbeat_start(b->h, b->er.e);
	assert_int_equal(after(b, 5 * MINUTE), INCIDENT_OPEN);
	heartbeat_stop(b->h);
	b->er.hear = NULL;
	heartbeat_free(&b->h);
	dns_free(&b->dns);
	engine_rig_close(&b->er);
	engine_rig_open(&b->er);
	beat_rig_resolver(b);
	beat_rig_begin(b);
	beat_rig_rules(b, EXPECTS, NULL);
	heartbeat_start(b->h, b->er.e);
	assert_int_equal(after(b, MINUTE), INCIDENT_OPEN);
	assert_false(comes(b, DOG, false));
	assert_int_equal(after(b, 1), INCIDENT_RESOLVED);
}

/* --- what is asked for ------------------------------------------------------------ */

static void
on_poll(void *arg)
{
	struct beat_rig *b = arg;

	if (rig_logged(&b->er.rig, "event=heartbeat") >= (int)b->want ||
	    --b->left == 0) {
		loop_stop(b->er.rig.loop);
		return;
	}
	loop_timer_set(&b->poll, 10);
}

/* Until so much was said of it. */
static void
wait_logged(struct beat_rig *b, unsigned n)
{
	b->want = n;
	b->left = 1000;
	loop_timer_init(&b->poll, b->er.rig.loop, on_poll, b);
	loop_timer_set(&b->poll, 0);
	loop_run(b->er.rig.loop);
	loop_timer_done(&b->poll);
	assert_int_equal(rig_logged(&b->er.rig, "event=heartbeat"), n);
}

static void
test_pings(void **state)
{
	static const struct http_bad_step steps[] = {
		{"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", HTTP_BAD_KEEP,
		 NULL},
		{HTTP_BAD_OK, HTTP_BAD_KEEP, NULL},
		{NULL, HTTP_BAD_CLOSE, NULL},
	};
	struct beat_rig *b = *state;
	char *asked;

	b->server = http_bad_start(steps, 3);
	snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d/s3cret",
		 http_bad_port(b->server));
	beat_rig_rules(b, EXPECTS, b->url);
	assert_int_equal(http_bad_requests(b->server), 0);
	heartbeat_start(b->h, b->er.e);
	wait_logged(b, 1);
	assert_int_equal(rig_logged(&b->er.rig, "HTTP status 500"), 1);
	asked = http_bad_request(b->server, 0);
	assert_int_equal(strncmp(asked, "GET /s3cret HTTP/1.1\r\n", 22), 0);
	free(asked);
	/* A reload asks at once. */
	beat_rig_rules(b, EXPECTS, b->url);
	wait_logged(b, 2);
	assert_int_equal(rig_logged(&b->er.rig, "state=answered"), 1);
	beat_rig_rules(b, EXPECTS, b->url);
	wait_logged(b, 3);
	assert_int_equal(rig_logged(&b->er.rig, "state=failed"), 2);
	/* A kept connection may have ended by itself: a new one was tried. */
	assert_int_equal(http_bad_requests(b->server), 4);
	assert_int_equal(rig_logged(&b->er.rig, "s3cret"), 0);
}

/* Nobody would be told: that is to be noticed elsewhere. */
static void
test_no_pings_while_alerts_are_paused(void **state)
{
	static const struct http_bad_step ok = {HTTP_BAD_OK, HTTP_BAD_KEEP,
						NULL};
	struct beat_rig *b = *state;

	b->server = http_bad_start(&ok, 1);
	snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d/",
		 http_bad_port(b->server));
	assert_int_equal(rig_pause(&b->er.rig, true, 0), 0);
	beat_rig_rules(b, EXPECTS, b->url);
	heartbeat_start(b->h, b->er.e);
	engine_rig_settle(&b->er);
	assert_int_equal(http_bad_connections(b->server), 0);
	/* One that fails is asked as soon as they are not. */
	assert_int_equal(rig_resume(&b->er.rig), 0);
	http_bad_stop(&b->server);
	beat_rig_rules(b, EXPECTS, b->url);
	wait_logged(b, 1);
}

#define BEAT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BEAT_TEST(test_expected),
		BEAT_TEST(test_expected_restart),
		BEAT_TEST(test_pings),
		BEAT_TEST(test_no_pings_while_alerts_are_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
