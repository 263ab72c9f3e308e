/*
 * Sessions and the end of belfryd, with a store that takes its time.
 */
#include "relay/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/relay.h"
#include "relay/session_impl.h"
#include "tests/unit/snapshot_kit.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define GRACE_MS 300
#define STEP_MS  5
#define STEPS    2000 /* ten seconds */

struct fixture {
	struct relay relay; /* its metrics only */
	struct log *log;
	struct log_context log_root;
	char dir[64];
	struct loop *loop;
	struct loop_timer timer;
	struct pool *disk;
	struct queue *q;
	struct snapshot *snapshot;
	struct rates *rates;
	struct sessions *sessions;
	struct store_gate gate;
	int far;
	char said[4096];
	bool closed; /* by belfryd */
	bool stopped;
};

static void
no_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
on_timer(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void
on_stopped(void *arg)
{
	struct fixture *f = arg;

	f->stopped = true;
}

/* Let the loop run for a moment, and hear what was said. */
static void
step(struct fixture *f)
{
	size_t have = strlen(f->said);
	ssize_t n;

	loop_timer_set(&f->timer, STEP_MS);
	loop_run(f->loop);
	n = recv(f->far, f->said + have, sizeof(f->said) - 1 - have,
		 MSG_DONTWAIT);
	if (n > 0)
		f->said[have + (size_t)n] = '\0';
	f->closed |= n == 0 || (n < 0 && errno != EAGAIN);
}

/* Until the last line said begins with CODE. */
static void
say(struct fixture *f, const char *text, const char *code)
{
	size_t len = strlen(text);

	f->said[0] = '\0';
	assert_int_equal(send(f->far, text, len, 0), len);
	for (int i = 0; i < STEPS; i++) {
		step(f);
		if (strncmp(f->said, code, 3) == 0)
			return;
	}
	fail_msg("%s: %s", text, f->said);
}

static void
open_snapshot(struct fixture *f)
{
	static const char text[] =
		"hostname: relay.example.org\n"
		"delivery: {smarthost: [{host: 127.0.0.1}]}\n";

	f->snapshot = snapshot_kit_new(&f->relay, text);
}

static void
open_queue(struct fixture *f)
{
	struct queue_conf conf = relay_queue_conf(f->snapshot->config);
	char *why = NULL;

	snprintf(f->dir, sizeof(f->dir), "/tmp/belfry-session-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	conf.dir = f->dir;
	conf.max_size = (int64_t)64 << 20;
	conf.reserve = 0;
	f->disk = pool_new("disk", 1, 16);
	if (queue_open(&conf, clock_system(), &f->loop, 1, f->disk,
		       &f->log_root, NULL, &f->q, &why) < 0)
		fail_msg("%s", why);
}

static void
open_session(struct fixture *f)
{
	struct accepted a = {.ticket = NULL};
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	f->far = fds[0];
	a.fd = fds[1];
	f->rates = rates_new();
	f->sessions = sessions_new(f->loop, f->q, NULL, f->snapshot, f->rates,
				   &f->log_root);
	session_start(f->sessions, &a, CONFIG_SUBMIT_NAME, 1000, "anna", NULL);
}

/* A session whose message waits for the store. */
static void
begin(struct fixture *f)
{
	static const char content[] = "Subject: x\r\n\r\ny\r\n.\r\n";

	memset(f, 0, sizeof(*f));
	f->log = log_new_capture(no_line, f);
	f->log_root.log = f->log;
	f->loop = loop_new(clock_system());
	loop_timer_init(&f->timer, f->loop, on_timer, f);
	open_snapshot(f);
	open_queue(f);
	open_session(f);
	say(f, "EHLO c.example.org\r\n", "220");
	say(f, "MAIL FROM:<a@example.org>\r\n", "250");
	say(f, "RCPT TO:<b@example.net>\r\n", "250");
	say(f, "DATA\r\n", "354");
	f->said[0] = '\0';
	store_gate_init(&f->gate, 0);
	store_gate_hold(&f->gate, queue_store(f->q));
	assert_int_equal(send(f->far, content, sizeof(content) - 1, 0),
			 sizeof(content) - 1);
	for (int i = 0; i < STEPS; i++) {
		step(f);
		if (TAILQ_FIRST(&f->sessions->list)->smtp.state ==
		    SMTP_IN_COMMIT)
			return;
	}
	fail_msg("no commit");
}

static void
end(struct fixture *f)
{
	loop_timer_done(&f->timer);
	pool_end(f->disk);
	queue_close(&f->q);
	pool_free(&f->disk);
	sessions_free(&f->sessions);
	rates_free(&f->rates);
	loop_free(&f->loop);
	snapshot_unref(&f->snapshot);
	log_close(&f->log);
	metrics_free(&f->relay.metrics);
	store_gate_done(&f->gate);
	store_kit_remove(f->dir);
	close(f->far);
}

static void
wait_graces(struct fixture *f, int graces)
{
	const struct sessions *all = f->sessions;

	for (int n = 0; n < STEPS && graces > 0 && !all->grace_again; n++)
		step(f);
	for (int n = 0; n < STEPS && graces > 1 && !f->closed; n++)
		step(f);
}

static void
test_stop_while_committing(void **state)
{
	static const struct {
		const char *name;
		int graces; /* that pass before the disk answers */
		const char *says;
		bool closed;
	} row[] = {
		{"soon", 0, "250 2.0.0 queued as ", false},
		{"after the grace", 1, "250 2.0.0 queued as ", false},
		{"never, as it seems", 2, "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fixture f;

		print_message("  %s\n", row[i].name);
		begin(&f);
		sessions_stop(f.sessions, GRACE_MS, on_stopped, &f);
		wait_graces(&f, row[i].graces);
		assert_int_equal(f.closed, row[i].closed);
		store_gate_open(&f.gate);
		for (int n = 0; n < STEPS && !f.stopped; n++)
			step(&f);
		assert_true(f.stopped);
		step(&f);
		assert_int_equal(
			strncmp(f.said, row[i].says, strlen(row[i].says)), 0);
		end(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_while_committing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
