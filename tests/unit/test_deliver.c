/*
 * The agent and its connections, on real loops and sockets, with a queue that
 * is a fake and servers that do as they are told.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "deliver/deliver.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/smtp_server.h"
#include "tests/unit/test.h"

#define NLOOPS   2
#define HOPS_MAX 3
#define TEXT(s)  ((char *)(uintptr_t)(s))

struct rig {
	struct log *log;
	struct log_context context;
	struct loop *loops[NLOOPS];
	struct dns *dns[NLOOPS];
	struct queue *queue;
	struct deliver *deliver;
	struct delivery_conf conf;
	struct hop hops[HOPS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned sent_8bit;
	bool stopped;
};

static void
on_line(void *arg, const char *line)
{
	struct rig *g = arg;

	pthread_mutex_lock(&g->lock);
	if (strstr(line, "event=sent_8bit"))
		g->sent_8bit++;
	pthread_mutex_unlock(&g->lock);
}

/* Smarthosts at these ports of 127.0.0.1; 0 ends. */
static void
rig_conf(struct rig *g, const int *ports)
{
	memset(g, 0, sizeof(*g));
	g->conf.helo = TEXT("");
	g->conf.connections = 100;
	g->conf.per_destination.messages_per_connection = 100;
	g->conf.per_address.connections = 20;
	g->conf.timeouts =
		(struct delivery_timeouts){5000, 5000, 5000, 5000, 5000};
	for (size_t i = 0; i < HOPS_MAX && ports[i]; i++) {
		g->hops[i] = (struct hop){.name = TEXT(i ? "" : "dest"),
					  .host = TEXT("127.0.0.1"),
					  .port = ports[i],
					  .helo = TEXT(""),
					  .bind = TEXT("")};
		g->conf.smarthost.n = i + 1;
	}
	g->conf.smarthost.v = g->hops;
}

static struct routing *
rig_routing(struct rig *g)
{
	struct conf_errors errors;
	struct routing *r = NULL;

	conf_errors_init(&errors);
	assert_int_equal(
		routing_new(&g->conf, "relay.example.org", &errors, &r), 0);
	conf_errors_done(&errors);
	return r;
}

/* A resolver that knows /etc/hosts; its server is dead. */
static void
rig_dns(struct rig *g, size_t i)
{
	static char *servers[] = {TEXT("127.0.0.1@1")};
	const struct dns_conf conf = {.servers = {1, servers, NULL},
				      .timeout_ms = 300,
				      .trust_anchor = TEXT("")};
	char *why = NULL;

	assert_int_equal(dns_new(g->loops[i], &conf, &g->dns[i], &why), 0);
}

static void
rig_start(struct rig *g)
{
	struct routing *r = rig_routing(g);

	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	g->log = log_new_capture(on_line, g);
	g->context.log = g->log;
	g->queue = fake_queue_new();
	for (size_t i = 0; i < NLOOPS; i++) {
		g->loops[i] = loop_new(clock_system());
		rig_dns(g, i);
	}
	g->deliver = deliver_new(g->queue, r, g->loops, g->dns, NLOOPS,
				 &g->context, NULL);
	routing_unref(&r);
	for (size_t i = 0; i < NLOOPS; i++)
		assert_int_equal(loop_start(g->loops[i], "test"), 0);
}

static void
on_stopped(void *arg)
{
	struct rig *g = arg;

	pthread_mutex_lock(&g->lock);
	g->stopped = true;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void
rig_stop(struct rig *g, int64_t grace_ms)
{
	struct timespec until;
	bool stopped;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	deliver_stop(g->deliver, grace_ms, on_stopped, g);
	pthread_mutex_lock(&g->lock);
	while (!g->stopped &&
	       pthread_cond_timedwait(&g->changed, &g->lock, &until) == 0)
		;
	stopped = g->stopped;
	pthread_mutex_unlock(&g->lock);
	assert_true(stopped);
	for (size_t i = 0; i < NLOOPS; i++) {
		loop_stop(g->loops[i]);
		loop_join(g->loops[i]);
	}
}

static void
rig_done(struct rig *g)
{
	if (!g->stopped)
		rig_stop(g, 5000);
	deliver_free(&g->deliver);
	for (size_t i = 0; i < NLOOPS; i++) {
		dns_free(&g->dns[i]);
		loop_free(&g->loops[i]);
	}
	fake_queue_free(&g->queue);
	log_close(&g->log);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->changed);
}

/* --- one mail at a time -------------------------------------------------------- */

#define CONTENT "Subject: x\r\n\r\n.dot\r\n"

static struct fake_mail
mail_new(void)
{
	struct fake_mail m = {.content = CONTENT,
			      .len = sizeof(CONTENT) - 1,
			      .class = QUEUE_NORMAL,
			      .dest = "dest",
			      .rcpt = {"a@example.net"}};

	return m;
}

/* Send M and hand its result over. */
static struct fake_result *
send_mail(struct rig *g, const struct fake_mail *m)
{
	struct fake_result *r;

	fake_queue_give(g->queue, g->loops[0], m);
	r = fake_queue_take(g->queue);
	assert_non_null(r);
	return r;
}

static void
expect(struct rig *g, const struct fake_mail *m, enum attempt_outcome outcome,
       enum attempt_dest dest, const char *dsn)
{
	struct fake_result *r = send_mail(g, m);
	const struct reply *reply = dest == ATTEMPT_DEST_FAILED
					    ? &r->dest_reply
					    : &r->rcpt[0].reply;

	if (r->rcpt[0].outcome != outcome || r->dest_state != dest ||
	    strcmp(reply->dsn, dsn) != 0)
		fail_msg("%s, dest %d, %s %s",
			 attempt_outcome_names[r->rcpt[0].outcome],
			 (int)r->dest_state, reply->dsn, reply->text);
	free(r);
}

static void
expect_done(struct rig *g, const struct fake_mail *m)
{
	expect(g, m, ATTEMPT_DONE, ATTEMPT_DEST_OK, "2.0.0");
}

static void
expect_seen(struct smtp_server *s, unsigned connections, unsigned mails)
{
	struct smtp_seen seen = smtp_server_seen(s);

	free(seen.last);
	assert_int_equal(seen.connections, connections);
	assert_int_equal(seen.mails, mails);
}

/* A port on which nobody listens. */
static int
dead_port(void)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int port = smtp_server_port(s);

	smtp_server_stop(&s);
	return port;
}

static void
test_reuse(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct fake_result *r;
	struct smtp_seen seen;
	char relay[64];
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	g.conf.per_destination.messages_per_connection = 3;
	rig_start(&g);
	r = send_mail(&g, &m);
	snprintf(relay, sizeof(relay), "127.0.0.1[127.0.0.1]:%d", ports[0]);
	assert_string_equal(r->rcpt[0].relay, relay);
	assert_true(r->keep);
	assert_false(r->reached);
	free(r);
	seen = smtp_server_seen(s);
	assert_string_equal(seen.helo, "relay.example.org");
	assert_string_equal(seen.last, "Subject: x\r\n\r\n..dot\r\n.\r\n");
	free(seen.last);
	expect_done(&g, &m);
	r = send_mail(&g, &m); /* the third is the last one */
	assert_false(r->keep);
	free(r);
	expect_seen(s, 1, 3);
	m.probe = true;
	r = send_mail(&g, &m);
	assert_true(r->reached);
	free(r);
	expect_seen(s, 2, 4);
	rig_stop(&g, 5000);
	rig_done(&g);
	smtp_server_stop(&s);
}

static void
test_failover(void **state)
{
	static const struct smtp_rule busy[] = {
		{"BANNER", 0, "554 5.3.2 not today\r\n", true, false, NULL},
		{0}};
	struct smtp_server *refuses = smtp_server_start(busy, false);
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {dead_port(), smtp_server_port(refuses),
			       smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	g.conf.per_destination.messages_per_connection = 1;
	rig_start(&g);
	expect_done(&g, &m);
	expect_done(&g, &m);
	expect_seen(s, 2, 2);
	/* The second mail did not begin with the hosts that failed. */
	expect_seen(refuses, 1, 0);
	rig_done(&g);
	smtp_server_stop(&s);
	smtp_server_stop(&refuses);
}

/* The first host fails one of two late, when the other has left the second
 * host's connection idle. */
static void
test_failover_to_idle(void **state)
{
	static const struct smtp_rule rules[] = {
		{"BANNER", 1, NULL, false, true, NULL},
		{"BANNER", 2, "421 4.3.2 busy\r\n", true, false, NULL},
		{0}};
	const struct timespec little = {0, 10 * 1000 * 1000};
	struct smtp_server *fails = smtp_server_start(rules, false);
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(fails), smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	g.conf.timeouts.banner_ms = 1500;
	rig_start(&g);
	fake_queue_give(g.queue, g.loops[0], &m);
	for (unsigned n = 0; n == 0; nanosleep(&little, NULL)) {
		struct smtp_seen seen = smtp_server_seen(fails);

		free(seen.last);
		n = seen.connections;
	}
	fake_queue_give(g.queue, g.loops[0], &m);
	for (int i = 0; i < 2; i++) {
		struct fake_result *r = fake_queue_take(g.queue);

		assert_non_null(r);
		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
		free(r);
	}
	expect_seen(fails, 2, 0);
	expect_seen(s, 1, 2);
	rig_done(&g);
	smtp_server_stop(&s);
	smtp_server_stop(&fails);
}

static void
test_dead(void **state)
{
	int ports[HOPS_MAX] = {dead_port(), dead_port()};
	struct fake_mail m = mail_new();
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	rig_start(&g);
	expect(&g, &m, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.1");
	expect(&g, &m, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.1");
	rig_done(&g);
}

/* Of several hosts, which one said it, and what did we say ourselves? */
static void
test_words(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[2];
		int code;
		const char *text; /* behind the relay's name */
	} row[] = {
		{"its own",
		 {{"BANNER", 0, "554 5.3.2 not today\r\n", true, false, NULL}},
		 554,
		 " said: not today"},
		{"two lines",
		 {{"EHLO", 0, "421-4.3.2 go\r\n421 4.3.2 away\r\n", true, false,
		   NULL}},
		 421,
		 " said: go\naway"},
		{"a close",
		 {{"BANNER", 0, NULL, true, false, NULL}},
		 451,
		 ": connection lost before the greeting"},
		{"garbage",
		 {{"EHLO", 0, "hello\r\n", false, false, NULL}},
		 451,
		 ": what came instead of the reply to EHLO is not SMTP"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct smtp_server *s = smtp_server_start(row[i].rules, false);
		int ports[HOPS_MAX] = {smtp_server_port(s)};
		struct fake_mail m = mail_new();
		struct fake_result *r;
		char text[256];
		struct rig g;

		print_message("%s\n", row[i].name);
		rig_conf(&g, ports);
		rig_start(&g);
		r = send_mail(&g, &m);
		snprintf(text, sizeof(text), "127.0.0.1[127.0.0.1]:%d%s",
			 ports[0], row[i].text);
		assert_int_equal(r->dest_state, ATTEMPT_DEST_FAILED);
		assert_int_equal(r->dest_reply.code, row[i].code);
		assert_string_equal(r->dest_reply.text, text);
		assert_true(r->dest_reply.ours);
		free(r);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

/* "localhost" may be ::1 too, where nobody listens. */
static void
test_names(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(s), smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	g.hops[0].host = TEXT("no.such.host.invalid");
	g.hops[1].host = TEXT("localhost");
	rig_start(&g);
	expect_done(&g, &m);
	expect_done(&g, &m);
	expect_seen(s, 1, 2);
	rig_done(&g);

	ports[1] = 0;
	rig_conf(&g, ports);
	g.hops[0].host = TEXT("no.such.host.invalid");
	rig_start(&g);
	expect(&g, &m, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.4");
	rig_done(&g);

	rig_conf(&g, ports);
	g.hops[0].host = TEXT("mx.example.net"); /* nobody answers */
	rig_start(&g);
	expect(&g, &m, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.4.3");
	rig_done(&g);
	smtp_server_stop(&s);
}

/* --- what a server does --------------------------------------------------------- */

static void
test_server_does(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[3];
		unsigned before; /* mails that go well first */
		enum attempt_outcome outcome;
		enum attempt_dest dest;
		const char *dsn;
		unsigned connections, mails;
	} row[] = {
		{"421 between two mails",
		 {{"MAIL", 2, "421 4.3.2 enough\r\n", true, false, NULL}},
		 1,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 2,
		 2},
		{"a close between two mails",
		 {{"MAIL", 2, NULL, true, false, NULL}},
		 1,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 2,
		 2},
		{"a close at the first MAIL",
		 {{"MAIL", 1, NULL, true, false, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"a close after the dot",
		 {{"DOT", 1, NULL, true, false, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence at MAIL",
		 {{"MAIL", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence after the dot",
		 {{"DOT", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_DROPPED,
		 "4.4.2",
		 1,
		 0},
		{"silence at the greeting",
		 {{"BANNER", 1, NULL, false, true, NULL}},
		 0,
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "4.4.2",
		 1,
		 0},
		{"EHLO is not known",
		 {{"EHLO", 1, "502 5.5.1 what?\r\n", false, false, NULL}},
		 0,
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "2.0.0",
		 1,
		 1},
		{"a refusal of the recipient, then the next mail",
		 {{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.1.1",
		 1,
		 0},
		{"a refusal while the content comes",
		 {{"BODY", 1, "552 5.3.4 too much\r\n", true, false, NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.4",
		 1,
		 0},
		{"too large for it",
		 {{"EHLO", 1, "250-test\r\n250 SIZE 5\r\n", false, false,
		   NULL}},
		 0,
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "5.3.4",
		 1,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct smtp_server *s = smtp_server_start(row[i].rules, false);
		int ports[HOPS_MAX] = {smtp_server_port(s)};
		struct fake_mail m = mail_new();
		struct rig g;

		print_message("%s\n", row[i].name);
		rig_conf(&g, ports);
		g.conf.timeouts.banner_ms = g.conf.timeouts.command_ms =
			g.conf.timeouts.after_dot_ms = 300;
		rig_start(&g);
		for (unsigned n = 0; n < row[i].before; n++)
			expect_done(&g, &m);
		expect(&g, &m, row[i].outcome, row[i].dest, row[i].dsn);
		expect_seen(s, row[i].connections, row[i].mails);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

static void
test_after_a_refusal_the_next(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL},
		{"DATA", 1, "354 go on\r\n", false, false, NULL},
		{0}};
	struct smtp_server *s = smtp_server_start(rules, false);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct smtp_seen seen;
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	g.hops[0].connections = 1;
	rig_start(&g);
	expect(&g, &m, ATTEMPT_NEVER, ATTEMPT_DEST_OK, "5.1.1");
	/* The lone dot is still to be answered; there is one place only. */
	expect_done(&g, &m);
	seen = smtp_server_seen(s);
	free(seen.last);
	assert_int_equal(seen.connections, 1);
	assert_int_equal(seen.dots, 2);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* --- routes ----------------------------------------------------------------------- */

static void
test_moved(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct delivery_rule rule = {.match = TEXT("b@example.net")};
	struct fake_mail m = mail_new();
	struct fake_result *r;
	struct routing *routing;
	struct hop other;
	struct rig g;

	(void)state;
	m.rcpt[1] = "b@example.net";
	rig_conf(&g, ports);
	rig_start(&g);
	other = g.hops[0];
	other.name = TEXT("other");
	rule.via = (struct conf_list){1, &other};
	g.conf.by_domain = (struct conf_list){1, &rule};
	routing = rig_routing(&g);
	deliver_set_routing(g.deliver, routing);
	routing_unref(&routing);
	r = send_mail(&g, &m);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(r->rcpt[1].outcome, ATTEMPT_MOVED);
	assert_string_equal(r->rcpt[1].moved_dest, "other");
	free(r);
	g.conf.by_domain.n = g.conf.smarthost.n = 0;
	routing = rig_routing(&g);
	deliver_set_routing(g.deliver, routing);
	routing_unref(&routing);
	expect(&g, &m, ATTEMPT_LATER, ATTEMPT_DEST_UNKNOWN, "4.4.4");
	rig_done(&g);
	smtp_server_stop(&s);
}

/* --- content ------------------------------------------------------------------------ */

static char *
long_content(size_t lines, size_t *ret_len)
{
	struct buf b;

	buf_init(&b, 1 << 26);
	for (size_t i = 0; i < lines; i++)
		buf_printf(&b, "line %zu of a long message, and so on\r\n", i);
	*ret_len = b.len;
	return buf_take(&b);
}

static void
test_long_content(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, true);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct smtp_seen seen;
	size_t len;
	char *content = long_content(50000, &len);
	struct rig g;

	(void)state;
	m.content = content;
	m.len = len;
	rig_conf(&g, ports);
	rig_start(&g);
	expect_done(&g, &m);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.last_len, len + 3);
	assert_memory_equal(seen.last, content, len);
	free(seen.last);
	free(content);
	rig_done(&g);
	smtp_server_stop(&s);
}

static void
test_damaged_content(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct smtp_seen seen;
	size_t len;
	char *content = long_content(5000, &len);
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	rig_start(&g);
	m.broken_at = 1; /* from the beginning */
	expect(&g, &m, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	m.content = content;
	m.len = len;
	m.broken_at = 100000; /* in the second piece */
	expect(&g, &m, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	m.broken_at = 0;
	m.size = (int64_t)len + 1; /* shorter than it was */
	expect(&g, &m, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	seen = smtp_server_seen(s);
	assert_int_equal(seen.dots, 0);
	m.size = 0;
	expect_done(&g, &m);
	rig_done(&g);
	free(content);
	smtp_server_stop(&s);
}

static void
test_8bit(void **state)
{
	static const struct smtp_rule rules[] = {
		{"EHLO", 0, "250 test\r\n", false, false, NULL}, {0}};

	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		struct smtp_server *s = smtp_server_start(rules, false);
		int ports[HOPS_MAX] = {smtp_server_port(s)};
		struct fake_mail m = mail_new();
		struct rig g;

		m.eight_bit = true;
		rig_conf(&g, ports);
		g.conf.strict_8bit = strict;
		rig_start(&g);
		if (strict)
			expect(&g, &m, ATTEMPT_NEVER, ATTEMPT_DEST_OK, "5.6.3");
		else
			expect_done(&g, &m);
		assert_int_equal(g.sent_8bit, strict ? 0 : 1);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

/* --- ceilings -------------------------------------------------------------------------- */

static void
run_many(struct rig *g, size_t n, enum queue_class class)
{
	struct fake_mail m = mail_new();

	m.class = class;
	for (size_t i = 0; i < n; i++)
		fake_queue_give(g->queue, g->loops[i % NLOOPS], &m);
	for (size_t i = 0; i < n; i++) {
		struct fake_result *r = fake_queue_take(g->queue);

		assert_non_null(r);
		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
		free(r);
	}
}

static void
test_ceilings(void **state)
{
	static const struct {
		const char *name;
		int64_t per_address, per_hop;
		enum queue_class class;
		unsigned most;
	} row[] = {
		{"of an address", 1, 0, QUEUE_NORMAL, 1},
		{"of an address, an alert", 1, 0, QUEUE_ALERT, 2},
		{"of an entry", 20, 1, QUEUE_NORMAL, 1},
		{"of an entry, an alert", 20, 1, QUEUE_ALERT, 1},
		{"both", 2, 3, QUEUE_NORMAL, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct smtp_server *s = smtp_server_start(NULL, false);
		int ports[HOPS_MAX] = {smtp_server_port(s)};
		struct smtp_seen seen;
		struct rig g;

		rig_conf(&g, ports);
		g.conf.per_address.connections = row[i].per_address;
		g.hops[0].connections = row[i].per_hop;
		rig_start(&g);
		run_many(&g, 30, row[i].class);
		seen = smtp_server_seen(s);
		free(seen.last);
		/* The server sees a close a little late: one more is fine. */
		if (seen.most_at_once > row[i].most + 1 || seen.mails != 30)
			fail_msg("%s: %u at once, %u mails", row[i].name,
				 seen.most_at_once, seen.mails);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

/* --- the stop ---------------------------------------------------------------------------- */

static void
test_stop(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[2];
		enum attempt_outcome outcome;
	} row[] = {
		{"before MAIL",
		 {{"BANNER", 0, NULL, false, true, NULL}},
		 ATTEMPT_UNTRIED},
		{"before the dot",
		 {{"MAIL", 0, NULL, false, true, NULL}},
		 ATTEMPT_UNTRIED},
		{"after the dot",
		 {{"DOT", 0, NULL, false, true, NULL}},
		 ATTEMPT_LATER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct smtp_server *s = smtp_server_start(row[i].rules, false);
		int ports[HOPS_MAX] = {smtp_server_port(s)};
		struct fake_mail m = mail_new();
		struct timespec little = {0, 100 * 1000 * 1000};
		struct fake_result *r;
		struct rig g;

		rig_conf(&g, ports);
		rig_start(&g);
		fake_queue_give(g.queue, g.loops[0], &m);
		/* Let it get there: nothing else tells when it waits. */
		nanosleep(&little, NULL);
		rig_stop(&g, 200);
		r = fake_queue_take(g.queue);
		assert_non_null(r);
		if (r->rcpt[0].outcome != row[i].outcome)
			fail_msg("%s: %s", row[i].name,
				 attempt_outcome_names[r->rcpt[0].outcome]);
		free(r);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

static void
test_stop_says_quit(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[HOPS_MAX] = {smtp_server_port(s)};
	struct fake_mail m = mail_new();
	struct smtp_seen seen;
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	rig_start(&g);
	expect_done(&g, &m);
	rig_stop(&g, 5000);
	for (int i = 0; i < 1000; i++) {
		struct timespec little = {0, 1000 * 1000};

		seen = smtp_server_seen(s);
		free(seen.last);
		if (seen.quits == 1)
			break;
		nanosleep(&little, NULL);
	}
	assert_int_equal(seen.quits, 1);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* --- bounces -------------------------------------------------------------------------------- */

static void
test_bounce(void **state)
{
	static const struct {
		const char *name, *sender;
		size_t header, body, nrcpt;
		bool expired, eight_bit;
		const char *has[4], *not [2];
	} row[] = {
		{"small: all of it",
		 "anna@example.org",
		 100,
		 100,
		 2,
		 false,
		 false,
		 {"Final-Recipient: rfc822; r1@example.net", "Status: 5.1.1",
		  "message/rfc822", "b b b"},
		 {NULL}},
		{"large: the header",
		 "anna@example.org",
		 100,
		 100000,
		 1,
		 false,
		 false,
		 {"text/rfc822-headers", "X-0: h", "words of the server"},
		 {"b b b", "message/rfc822"}},
		{"a very large header: its beginning",
		 "anna@example.org",
		 100000,
		 10,
		 1,
		 false,
		 false,
		 {"text/rfc822-headers", "X-0: h"},
		 {"b b b"}},
		{"expired",
		 "anna@example.org",
		 100,
		 100,
		 1,
		 true,
		 false,
		 {"Status: 4.4.7", "450"},
		 {NULL}},
		{"octets above 127",
		 "anna@example.org",
		 100,
		 100,
		 1,
		 false,
		 true,
		 {"Status: 5.1.1"},
		 {NULL}},
		{"many recipients",
		 "anna@example.org",
		 100,
		 40000,
		 200,
		 false,
		 false,
		 {"r0@example.net", "r199@example.net"},
		 {NULL}},
		{"very many recipients: the first half",
		 "anna@example.org",
		 100,
		 100,
		 500,
		 false,
		 false,
		 {"r0@example.net", "r249@example.net"},
		 {"r250@example.net"}},
		{"a DSN", "", 100, 100, 1, false, false, {NULL}, {NULL}},
	};
	int ports[HOPS_MAX] = {25};
	struct rig g;

	(void)state;
	rig_conf(&g, ports);
	rig_start(&g);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_mail m = mail_new();
		struct fake_report *r;
		struct buf b;

		buf_init(&b, 1 << 20);
		for (size_t n = 0; b.len < row[i].header; n++)
			buf_printf(&b, "X-%zu: header field\r\n", n);
		buf_append_str(&b, "\r\n");
		for (size_t n = 0; n < row[i].body; n += 7)
			buf_append_str(&b, "b b b\r\n");
		if (row[i].eight_bit)
			buf_append_str(&b, "\xc3\xa4\r\n");
		m.sender = row[i].sender;
		m.content = b.data;
		m.len = b.len;
		m.class = QUEUE_BULK;
		fake_queue_tell(g.queue, g.loops[1], &m, row[i].nrcpt,
				row[i].expired);
		r = fake_queue_take_report(g.queue);
		assert_non_null(r);
		assert_false(r->dropped);
		if (row[i].sender[0] == '\0') {
			assert_null(r->text);
			fake_report_free(&r);
			buf_done(&b);
			continue;
		}
		assert_non_null(r->text);
		assert_string_equal(r->sender, "");
		assert_string_equal(r->to, row[i].sender);
		assert_string_equal(r->dest, "dest");
		assert_int_equal(r->class, QUEUE_BULK);
		assert_int_equal(r->eight_bit, row[i].eight_bit);
		if (r->len > (size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
			fail_msg("%s: %zu bytes", row[i].name, r->len);
		for (size_t n = 0; n < 4 && row[i].has[n]; n++)
			if (!strstr(r->text, row[i].has[n]))
				fail_msg("%s: no %s in %s", row[i].name,
					 row[i].has[n], r->text);
		for (size_t n = 0; n < 2 && row[i].not [n]; n++)
			if (strstr(r->text, row[i].not [n]))
				fail_msg("%s: %s in %s", row[i].name,
					 row[i].not [n], r -> text);
		fake_report_free(&r);
		buf_done(&b);
	}
	rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_failover_to_idle),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_server_does),
		cmocka_unit_test(test_after_a_refusal_the_next),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_long_content),
		cmocka_unit_test(test_damaged_content),
		cmocka_unit_test(test_8bit),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_says_quit),
		cmocka_unit_test(test_bounce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
