/*
 * The queue, its store, the agent and the teller of DSNs together, on two loops
 * and real sockets, with servers that do as they are told.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver.h"
#include "queue/draft.h"
#include "tests/unit/smtp_server.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define NLOOPS  2
#define TEXT(s) ((char *)(uintptr_t)(s))

struct rig {
	char dir[64];
	struct log *log;
	struct log_context context;
	struct metrics *metrics;
	struct pool *disk;
	struct loop *loops[NLOOPS];
	struct queue *queue;
	struct deliver *deliver;
	struct hop hops[3];
	pthread_mutex_t lock; /* keeps what follows */
	pthread_cond_t changed;
	struct buf lines;
	unsigned answered;
	bool stopped;
};

static void
on_line(void *arg, const char *line)
{
	struct rig *g = arg;

	pthread_mutex_lock(&g->lock);
	buf_append_str(&g->lines, line);
	buf_append_char(&g->lines, '\n');
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static unsigned
count_text(const char *at, const char *text)
{
	unsigned n = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* Until TEXT was logged N times, ten seconds at most. */
static void
wait_logged(struct rig *g, const char *text, unsigned n)
{
	struct timespec until;
	unsigned seen;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&g->lock);
	while ((seen = count_text(buf_str(&g->lines), text)) < n &&
	       pthread_cond_timedwait(&g->changed, &g->lock, &until) == 0)
		;
	if (seen != n)
		print_error("%s", buf_str(&g->lines));
	pthread_mutex_unlock(&g->lock);
	if (seen != n)
		fail_msg("%s: %u times instead of %u", text, seen, n);
}

static struct routing *
rig_routing(struct rig *g, size_t nhops)
{
	struct delivery_conf conf = {
		.smarthost = {nhops, g->hops},
		.helo = TEXT(""),
		.per_destination.messages_per_connection = 100,
		.per_address.connections = 20,
		.timeouts = {5000, 5000, 5000, 5000, 5000},
	};
	struct conf_errors errors;
	struct routing *r = NULL;

	conf_errors_init(&errors);
	assert_int_equal(routing_new(&conf, "relay.example.org", &errors, &r),
			 0);
	conf_errors_done(&errors);
	return r;
}

static void
rig_open_queue(struct rig *g)
{
	const struct queue_conf conf = {
		.dir = g->dir,
		.max_size = 256 << 20,
		.retry = {.first_ms = 50, .max_ms = 200, .factor = 2},
		.destination = {.connections = 20,
				.messages_per_connection = 100,
				.recipients_per_message = 1000},
		.lifetime_ms = 3600000,
		.alert_lifetime_ms = 3600000,
		.connections = 100,
	};
	char *why = NULL;

	if (queue_open(&conf, clock_system(), g->loops, NLOOPS, g->disk,
		       &g->context, g->metrics, &g->queue, &why) < 0)
		fail_msg("%s", why);
}

/* Smarthosts at these ports; 0 ends. */
static void
rig_start(struct rig *g, const int *ports)
{
	struct routing *r;
	size_t nhops = 0;

	memset(g, 0, sizeof(*g));
	for (; ports[nhops]; nhops++)
		g->hops[nhops] = (struct hop){.name = TEXT(""),
					      .host = TEXT("127.0.0.1"),
					      .port = ports[nhops],
					      .helo = TEXT(""),
					      .bind = TEXT(""),
					      .mark = {"test", 1, 1}};
	snprintf(g->dir, sizeof(g->dir), "/tmp/belfry-delivery-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	buf_init(&g->lines, 64 << 20);
	g->log = log_new_capture(on_line, g);
	g->context.log = g->log;
	g->metrics = metrics_new();
	g->disk = pool_new("disk", 2, 256);
	for (size_t i = 0; i < NLOOPS; i++)
		g->loops[i] = loop_new(clock_system());
	rig_open_queue(g);
	r = rig_routing(g, nhops);
	g->deliver = deliver_new(g->queue, r, g->loops, NULL, NLOOPS,
				 &g->context, g->metrics);
	routing_unref(&r);
	queue_start(g->queue);
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
rig_done(struct rig *g)
{
	queue_stop(g->queue);
	deliver_stop(g->deliver, 5000, on_stopped, g);
	pthread_mutex_lock(&g->lock);
	while (!g->stopped)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < NLOOPS; i++) {
		loop_stop(g->loops[i]);
		loop_join(g->loops[i]);
	}
	pool_free(&g->disk);
	queue_close(&g->queue);
	deliver_free(&g->deliver);
	for (size_t i = 0; i < NLOOPS; i++)
		loop_free(&g->loops[i]);
	metrics_free(&g->metrics);
	log_close(&g->log);
	store_kit_remove(g->dir);
	buf_done(&g->lines);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->changed);
}

/* --- mail in, as a session would --------------------------------------------------- */

struct sending {
	struct post post;
	struct rig *rig;
	struct loop *loop;
	const char *content;
	size_t len;
	size_t nrcpt;
	struct draft *draft;
	size_t written;
	uint64_t handle;
};

static void
sending_done(void *object, int result, uint64_t id)
{
	struct sending *s = object;
	struct rig *g = s->rig;

	(void)id;
	must(result == 0);
	loop_handle_free(s->loop, s->handle);
	free(s);
	pthread_mutex_lock(&g->lock);
	g->answered++;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void
sending_commit(struct sending *s)
{
	struct envelope_rcpt *rcpt;
	struct arena arena;
	struct envelope env = {.sender = "anna@example.org",
			       .class = QUEUE_NORMAL,
			       .flow = 1,
			       .message_id = "x@example.org",
			       .teller = 'm',
			       .nrcpt = s->nrcpt};
	char dest[128] = "";

	for (size_t i = 0; i < 3 && s->rig->hops[i].port; i++)
		snprintf(dest + strlen(dest), sizeof(dest) - strlen(dest),
			 "%s127.0.0.1:%d", i ? "," : "",
			 (int)s->rig->hops[i].port);
	arena_init(&arena);
	rcpt = arena_alloc(&arena, s->nrcpt * sizeof(*rcpt));
	for (size_t i = 0; i < s->nrcpt; i++)
		rcpt[i] = (struct envelope_rcpt){
			.address = arena_printf(&arena, "r%zu@example.net", i),
			.agent = "smtp",
			.dest = dest,
			.route = "smarthost"};
	env.rcpt = rcpt;
	draft_commit(&s->draft, &env, sending_done);
	arena_done(&arena);
}

static void
sending_write(void *object)
{
	struct sending *s = object;
	int r = 0;

	while (r == 0 && s->written < s->len) {
		size_t n = s->len - s->written;

		n = n < 65536 ? n : 65536;
		r = draft_write(s->draft, s->content + s->written, n);
		must(r >= 0);
		s->written += n;
	}
	if (r == 0)
		sending_commit(s);
}

static void
sending_start(void *arg)
{
	struct sending *s = arg;

	s->handle = loop_handle_new(s->loop, s);
	must(draft_open(s->rig->queue, 1 << 26, STORE_NEED_MAIL, s->loop,
			s->handle, sending_write, &s->draft) == 0);
	sending_write(s);
}

#define CONTENT "Subject: x\r\n\r\nhello\r\n"

/* Send and wait for the commit. */
static void
send_content(struct rig *g, const char *content, size_t len, size_t nrcpt)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	unsigned before;

	s->rig = g;
	s->loop = g->loops[0];
	s->content = content;
	s->len = len;
	s->nrcpt = nrcpt;
	pthread_mutex_lock(&g->lock);
	before = g->answered;
	loop_post(s->loop, &s->post, sending_start, s);
	while (g->answered == before)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void
send_mail(struct rig *g)
{
	send_content(g, CONTENT, sizeof(CONTENT) - 1, 1);
}

/* --- nothing is left ---------------------------------------------------------------- */

struct looking {
	struct rig *rig;
	struct queue_stats *stats;
};

static void
on_stats(void *arg, struct queue_stats *stats)
{
	struct looking *l = arg;

	pthread_mutex_lock(&l->rig->lock);
	l->stats = stats;
	pthread_cond_signal(&l->rig->changed);
	pthread_mutex_unlock(&l->rig->lock);
}

static void
expect_empty(struct rig *g)
{
	uint64_t messages = 1;

	for (int i = 0; i < 500 && messages > 0; i++) {
		struct timespec little = {0, 10 * 1000 * 1000};
		struct looking l = {g, NULL};

		if (i > 0)
			nanosleep(&little, NULL);
		queue_stats(g->queue, g->loops[1], on_stats, &l);
		pthread_mutex_lock(&g->lock);
		while (!l.stats)
			pthread_cond_wait(&g->changed, &g->lock);
		pthread_mutex_unlock(&g->lock);
		messages = l.stats->messages;
		queue_stats_free(&l.stats);
	}
	assert_int_equal(messages, 0);
}

/* --- stories -------------------------------------------------------------------------- */

static void
test_stories(void **state)
{
	static const struct {
		const char *name;
		struct smtp_rule rules[4];
		bool dead_first; /* the first smarthost of two */
		unsigned send;
		struct {
			const char *text;
			unsigned n;
		} logged[4];
		unsigned connections; /* 0: any */
		unsigned mails;
	} row[] = {
		{"all is well, the connection kept",
		 {{0}},
		 false,
		 5,
		 {{"status=delivered", 5}},
		 1,
		 5},
		{"the first host is dead",
		 {{0}},
		 true,
		 3,
		 {{"status=delivered", 3}, {"destination_down", 0}},
		 1,
		 3},
		{"421 in the middle",
		 {{"MAIL", 2, "421 4.3.2 enough\r\n", true, false, NULL}},
		 false,
		 3,
		 {{"status=delivered", 3}, {"status=deferred", 0}},
		 2,
		 3},
		{"a close after the dot",
		 {{"DOT", 1, NULL, true, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1}, {"status=deferred", 1}},
		 2,
		 1},
		{"later, then taken",
		 {{"RCPT", 1, "450 4.2.1 grey\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1}, {"status=deferred", 1}},
		 0,
		 1},
		{"the destination fails, and comes back",
		 {{"BANNER", 1, "554 5.3.2 no\r\n", true, false, NULL},
		  {"BANNER", 2, "421 4.3.2 no\r\n", true, false, NULL}},
		 false,
		 1,
		 {{"status=delivered", 1},
		  {"destination_down", 1},
		  {"destination_up", 1}},
		 3,
		 1},
		{"refused: one DSN goes back",
		 {{"RCPT", 1, "550 5.1.1 who?\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=bounced", 1},
		  {"status=delivered", 1},
		  {"double_bounce", 0}},
		 0,
		 1},
		{"the DSN is refused too: nobody can be told",
		 {{"RCPT", 0, "550 5.1.1 who?\r\n", false, false, NULL}},
		 false,
		 1,
		 {{"status=bounced", 2},
		  {"event=double_bounce", 1},
		  {"status=delivered", 0}},
		 0,
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct smtp_server *s = smtp_server_start(row[i].rules, false);
		struct smtp_server *dead = smtp_server_start(NULL, false);
		int ports[3] = {smtp_server_port(s)};
		struct smtp_seen seen;
		struct rig g;

		print_message("%s\n", row[i].name);
		if (row[i].dead_first) {
			ports[1] = ports[0];
			ports[0] = smtp_server_port(dead);
		}
		smtp_server_stop(&dead);
		rig_start(&g, ports);
		for (unsigned n = 0; n < row[i].send; n++) {
			send_mail(&g);
			/* One after the other, to see what is kept. */
			if (row[i].send > 1)
				wait_logged(&g, "status=delivered", n + 1);
		}
		for (size_t n = 0; n < 4 && row[i].logged[n].text; n++)
			wait_logged(&g, row[i].logged[n].text,
				    row[i].logged[n].n);
		expect_empty(&g);
		for (size_t n = 0; n < 4 && row[i].logged[n].text; n++)
			wait_logged(&g, row[i].logged[n].text,
				    row[i].logged[n].n);
		seen = smtp_server_seen(s);
		free(seen.last);
		assert_int_equal(seen.mails, row[i].mails);
		if (row[i].connections > 0)
			assert_int_equal(seen.connections, row[i].connections);
		rig_done(&g);
		smtp_server_stop(&s);
	}
}

/* Two of three are refused: one DSN names both, and the third has its mail. */
static void
test_one_dsn(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 1, "550 5.1.1 not here\r\n", false, false, NULL},
		{"RCPT", 3, "553 5.1.3 never heard\r\n", false, false, NULL},
		{0}};
	struct smtp_server *s = smtp_server_start(rules, false);
	int ports[3] = {smtp_server_port(s)};
	struct smtp_seen seen;
	struct rig g;

	(void)state;
	rig_start(&g, ports);
	send_content(&g, CONTENT, sizeof(CONTENT) - 1, 3);
	wait_logged(&g, "status=delivered", 2); /* the mail, and the DSN */
	wait_logged(&g, "status=bounced", 2);
	expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.mails, 2);
	assert_non_null(strstr(seen.last, "To: <anna@example.org>"));
	assert_non_null(strstr(seen.last, "rfc822; r0@example.net"));
	assert_null(strstr(seen.last, "rfc822; r1@example.net"));
	assert_non_null(strstr(seen.last, "rfc822; r2@example.net"));
	assert_non_null(strstr(seen.last, "never heard"));
	assert_non_null(strstr(seen.last, "127.0.0.1 refused it"));
	assert_non_null(strstr(seen.last, "Remote-MTA: dns; 127.0.0.1\r\n"));
	assert_non_null(strstr(seen.last, "Diagnostic-Code: smtp; 550 5.1.1"));
	assert_non_null(strstr(seen.last, "Subject: x\r\n\r\nhello\r\n"));
	free(seen.last);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* What we decided ourselves is not laid at the server's door. */
static void
test_own_words(void **state)
{
	static const struct smtp_rule rules[] = {
		{"EHLO", 0, "250-test\r\n250 SIZE 150000\r\n", false, false,
		 NULL},
		{0}};
	struct smtp_server *s = smtp_server_start(rules, false);
	int ports[3] = {smtp_server_port(s)};
	struct smtp_seen seen;
	struct buf b;
	struct rig g;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_append_str(&b, "Subject: x\r\n\r\n");
	while (b.len < 200000)
		buf_append_str(&b, "a line\r\n");
	rig_start(&g, ports);
	send_content(&g, b.data, b.len, 1);
	wait_logged(&g, "status=bounced", 1);
	wait_logged(&g, "status=delivered", 1);
	expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_non_null(strstr(seen.last, "Status: 5.3.4\r\n"));
	assert_non_null(strstr(seen.last, "Diagnostic-Code: x-belfry; 552"));
	assert_null(strstr(seen.last, "Remote-MTA:"));
	assert_null(strstr(seen.last, "127.0.0.1 refused it"));
	assert_non_null(strstr(seen.last, "can't be sent to 127.0.0.1"));
	free(seen.last);
	buf_done(&b);
	rig_done(&g);
	smtp_server_stop(&s);
}

/* More than one report holds: every one is told, and once. */
static void
test_many_refused(void **state)
{
	static const struct smtp_rule rules[] = {
		{"RCPT", 0, "550 5.1.1 who?\r\n", false, false, "@example.net"},
		{0}};
	enum { MANY = 600 };
	struct smtp_server *s = smtp_server_start(rules, false);
	int ports[3] = {smtp_server_port(s)};
	struct rig g;
	char *all;

	(void)state;
	rig_start(&g, ports);
	send_content(&g, CONTENT, sizeof(CONTENT) - 1, MANY);
	wait_logged(&g, "status=bounced", MANY);
	expect_empty(&g);
	wait_logged(&g, "double_bounce", 0);
	all = smtp_server_all(s);
	assert_true(count_text(all, "multipart/report") > 1);
	for (unsigned i = 0; i < MANY; i++) {
		char field[64];

		snprintf(field, sizeof(field),
			 "Final-Recipient: rfc822; r%u@example.net\r\n", i);
		if (count_text(all, field) != 1)
			fail_msg("%s: %u times", field, count_text(all, field));
	}
	free(all);
	rig_done(&g);
	smtp_server_stop(&s);
}

static void
test_large(void **state)
{
	struct smtp_server *s = smtp_server_start(NULL, false);
	int ports[3] = {smtp_server_port(s)};
	struct smtp_seen seen;
	struct buf b;
	struct rig g;

	(void)state;
	buf_init(&b, 1 << 26);
	for (size_t i = 0; b.len < 3000000; i++)
		buf_printf(&b, "line %zu of a large message\r\n", i);
	rig_start(&g, ports);
	send_content(&g, b.data, b.len, 1);
	wait_logged(&g, "status=delivered", 1);
	expect_empty(&g);
	seen = smtp_server_seen(s);
	assert_int_equal(seen.last_len, b.len + 3);
	assert_memory_equal(seen.last, b.data, b.len);
	free(seen.last);
	buf_done(&b);
	rig_done(&g);
	smtp_server_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_one_dsn),
		cmocka_unit_test(test_own_words),
		cmocka_unit_test(test_many_refused),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
