/*
 * The agent `pipe`: what a program gets, and what becomes of the recipient by
 * how it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "deliver/routes_conf.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

#define COMMAND_MAX 12

struct pipe_rig {
	struct fake_rig fake;
	struct route_rule route;
	char *command[COMMAND_MAX];
};

/* COMMAND ends in NULL. */
static void
pipe_rig_start(struct pipe_rig *g, const char *const *command)
{
	struct agent_rig *agent = &g->fake.agent;
	struct spawner *spawner;
	struct routing *routing;
	struct route route;
	size_t n = 0;

	assert_int_equal(spawner_new(&spawner), 0); /* while one thread is */
	fake_rig_init(&g->fake);
	agent->spawner = spawner;
	while (command[n] != NULL) {
		g->command[n] = TEXT(command[n]);
		n++;
	}
	g->route = (struct route_rule){
		.match = TEXT("example.net"),
		.deliver = ROUTE_PIPE,
		.command = {n, g->command, NULL},
		.as = TEXT(""),
		.time_ms = 5000,
		.output_max = 2048,
		.mark = {"test", 1, 1},
	};
	agent->routes = (struct conf_list){1, &g->route};
	g->fake.mail.agent = "pipe";
	g->fake.mail.sender = "ben@example.org";
	routing = agent_rig_routing(agent);
	assert_int_equal(route_find(routing, "",
				    &(struct address){"a", "example.net"},
				    &route),
			 0);
	g->fake.mail.dest = xstrdup(route.dest);
	routing_unref(&routing);
}

static void
pipe_rig_shell(struct pipe_rig *g, const char *script)
{
	const char *command[] = {"/bin/sh", "-c", script, NULL};

	pipe_rig_start(g, command);
}

static void
pipe_rig_done(struct pipe_rig *g)
{
	fake_rig_done(&g->fake);
	spawner_free(&g->fake.agent.spawner);
	free((char *)(uintptr_t)g->fake.mail.dest);
}

/* Send, and what it said in the reply's words. */
static char *
pipe_rig_said(struct pipe_rig *g, enum attempt_outcome want)
{
	struct fake_result *r = fake_rig_send(&g->fake);
	char *text = xstrdup(r->rcpt[0].reply.text);

	if (r->rcpt[0].outcome != want)
		fail_msg("%s, dest %s", text, r->dest_reply.text);
	assert_string_equal(r->rcpt[0].relay, g->command[0]);
	free(r);
	return text;
}

static void
expect_said(struct pipe_rig *g, const char *want)
{
	char *text = pipe_rig_said(g, ATTEMPT_DONE);

	assert_string_equal(text, want);
	free(text);
}

/* --- what it gets ------------------------------------------------------------ */

static void
test_content(void **state)
{
	static const char *const command[] = {"/usr/bin/od", "-An", "-c", NULL};
	struct pipe_rig g;

	(void)state;
	pipe_rig_start(&g, command);
	fake_rig_start(&g.fake);
	g.fake.mail.content = "a\r\n.\r\nb\r";
	g.fake.mail.len = 8;
	expect_said(&g, "od: status 0, delivered:    a  \\n   .  \\n "
			"  b  \\r");
	g.fake.mail.content = "";
	g.fake.mail.len = 0;
	expect_said(&g, "od: status 0, delivered");
	pipe_rig_done(&g);
}

static void
test_arguments(void **state)
{
	static const struct {
		const char *name;
		const char *args[6];
		const char *sender, *rcpt;
		const char *said; /* NULL: 5.1.3 */
	} row[] = {
		{"values",
		 {"{from}", "{to}", "{local}", "{domain}", "{extension}"},
		 "ben@example.org",
		 "Anna+x@example.net",
		 "<ben@example.org><Anna+x@example.net><Anna><example.net><x>"},
		{"a report", {"{from}", "x"}, "", "anna@example.net", "<><x>"},
		{"no shell",
		 {"{local}", "$HOME", "*"},
		 "",
		 "\"a;`id` $(id)\"@example.net",
		 "<a;`id` $(id)><$HOME><*>"},
		{"an option by content",
		 {"{from}"},
		 "-oQ/tmp@example.org",
		 "anna@example.net",
		 NULL},
		{"an option by content, of the recipient",
		 {"x", "{local}"},
		 "",
		 "-f@example.net",
		 NULL},
		{"an option by an empty value and another",
		 {"{from}{local}"},
		 "",
		 "-f@example.net",
		 NULL},
		{"the operator's own option",
		 {"-x{from}", "--for={local}"},
		 "-a@example.org",
		 "-f@example.net",
		 "<-x-a@example.org><--for=-f>"},
		{"behind two dashes",
		 {"--", "{from}"},
		 "-a@example.org",
		 "anna@example.net",
		 "<--><-a@example.org>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *command[COMMAND_MAX] = {"/usr/bin/printf", "<%s>"};
		struct pipe_rig g;
		char *want;

		print_message("%s\n", row[i].name);
		for (size_t n = 0; n < 5 && row[i].args[n]; n++)
			command[2 + n] = row[i].args[n];
		pipe_rig_start(&g, command);
		g.fake.mail.sender = row[i].sender;
		g.fake.mail.rcpt[0] = row[i].rcpt;
		fake_rig_start(&g.fake);
		if (row[i].said == NULL) {
			fake_rig_expect(&g.fake, ATTEMPT_NEVER, ATTEMPT_DEST_OK,
					"5.1.3");
		} else {
			want = xasprintf("printf: status 0, delivered: %s",
					 row[i].said);
			expect_said(&g, want);
			free(want);
		}
		pipe_rig_done(&g);
	}
}

static char *
long_content(size_t *ret_len)
{
	struct buf b;

	buf_init(&b, 1 << 26);
	for (size_t i = 0; i < 50000; i++)
		buf_printf(&b, "line %06zu\r\n", i);
	*ret_len = b.len;
	return buf_take(&b);
}

static void
test_long_content(void **state)
{
	static const struct {
		const char *script, *said;
	} row[] = {
		{"wc -c", ": 600000"},
		/* Not read, or not to the end: its status counts. */
		{"exit 0", ""},
		{"head -c 70000 | wc -c", ": 70000"},
		{"exec <&-; sleep 0.1; exit 0", ""},
	};
	size_t len;
	char *content = long_content(&len);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct pipe_rig g;
		char *want =
			xasprintf("sh: status 0, delivered%s", row[i].said);

		print_message("%s\n", row[i].script);
		pipe_rig_shell(&g, row[i].script);
		g.fake.mail.content = content;
		g.fake.mail.len = len;
		fake_rig_start(&g.fake);
		expect_said(&g, want);
		free(want);
		pipe_rig_done(&g);
	}
	free(content);
}

/* A message that can't be read to its end must not look whole. */
static void
test_damaged_content(void **state)
{
	char file[] = "/tmp/belfry-pipe-XXXXXX";
	int fd = mkstemp(file);
	char *script = xasprintf("cat >/dev/null && echo whole >>%s", file);
	struct pipe_rig g;
	size_t len;
	char *content = long_content(&len), byte;

	(void)state;
	assert_true(fd >= 0);
	pipe_rig_shell(&g, script);
	g.fake.mail.content = content;
	g.fake.mail.len = len;
	g.fake.mail.broken_at = 100000;
	fake_rig_start(&g.fake);
	for (int i = 0; i < 20; i++)
		fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK,
				"4.3.0");
	pipe_rig_done(&g); /* waits for what runs */
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	unlink(file);
	free(script);
	free(content);
}

/* --- how it ends ---------------------------------------------------------------- */

static void
test_ends(void **state)
{
	static const struct {
		const char *script;
		enum attempt_outcome outcome;
		const char *dsn, *text; /* what is part of it */
	} row[] = {
		{"exit 0", ATTEMPT_DONE, "2.0.0", "delivered"},
		{"exit 1", ATTEMPT_LATER, "4.3.0", "status 1"},
		{"exit 64", ATTEMPT_LATER, "4.3.5", "wrong usage"},
		{"exit 65", ATTEMPT_NEVER, "5.6.0", "bad content"},
		{"exit 66", ATTEMPT_LATER, "4.3.0", "status 66"},
		{"echo who is that; exit 67", ATTEMPT_NEVER, "5.1.1",
		 "sh: status 67, no such user: who is that"},
		{"exit 68", ATTEMPT_NEVER, "5.1.2", "no such host"},
		{"exit 69", ATTEMPT_NEVER, "5.3.0", "unavailable"},
		{"exit 70", ATTEMPT_LATER, "4.3.0", "status 70"},
		{"exit 71", ATTEMPT_LATER, "4.3.0", "status 71"},
		{"exit 73", ATTEMPT_LATER, "4.2.0", "can't create"},
		{"exit 74", ATTEMPT_LATER, "4.3.0", "status 74"},
		{"exit 75", ATTEMPT_LATER, "4.3.0", "not now"},
		{"exit 76", ATTEMPT_LATER, "4.3.0", "status 76"},
		{"exit 77", ATTEMPT_NEVER, "5.7.0", "not permitted"},
		{"exit 78", ATTEMPT_LATER, "4.3.5", "bad configuration"},
		{"exit 127", ATTEMPT_LATER, "4.3.0", "status 127"},
		{"exit 255", ATTEMPT_LATER, "4.3.0", "status 255"},
		{"kill -9 $$", ATTEMPT_LATER, "4.3.0", "signal 9"},
		{"kill -SEGV $$", ATTEMPT_LATER, "4.3.0", "signal 11"},
		{"sleep 60", ATTEMPT_LATER, "4.3.0", "longer than 1 seconds"},
		{"yes", ATTEMPT_LATER, "4.3.0", "more than 2048 bytes"},
		{"seq 300; exit 75", ATTEMPT_LATER, "4.3.0",
		 "not now: 126\n127\n"},
		{"seq 300; exit 75", ATTEMPT_LATER, "4.3.0", "\n300"},
		{"printf 'a\\0b\\001\\n\\n'; exit 75", ATTEMPT_LATER, "4.3.0",
		 "not now: ab"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_result *r;
		struct pipe_rig g;

		print_message("%s\n", row[i].script);
		pipe_rig_shell(&g, row[i].script);
		g.route.time_ms = 1000;
		fake_rig_start(&g.fake);
		r = fake_rig_send(&g.fake);
		if (r->rcpt[0].outcome != row[i].outcome ||
		    strcmp(r->rcpt[0].reply.dsn, row[i].dsn) != 0 ||
		    strstr(r->rcpt[0].reply.text, row[i].text) == NULL)
			fail_msg("%d %s %s", (int)r->rcpt[0].outcome,
				 r->rcpt[0].reply.dsn, r->rcpt[0].reply.text);
		assert_int_equal(r->dest_state, ATTEMPT_DEST_OK);
		free(r);
		pipe_rig_done(&g);
	}
}

/* With delivery.soft_bounce nothing is for good, whoever says so. */
static void
test_soft_bounce(void **state)
{
	struct fake_result *r;
	struct pipe_rig g;

	(void)state;
	pipe_rig_shell(&g, "exit 67");
	g.fake.agent.conf.soft_bounce = true;
	fake_rig_start(&g.fake);
	r = fake_rig_send(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_LATER);
	assert_int_equal(r->rcpt[0].reply.code, 450);
	assert_string_equal(r->rcpt[0].reply.dsn, "4.1.1");
	assert_string_equal(r->rcpt[0].reply.text,
			    "sh: status 67, no such user");
	free(r);
	pipe_rig_done(&g);
}

/* What can't be run for anybody is the destination's. */
static void
test_no_such_program(void **state)
{
	static const char *const command[] = {"/proc/nonexistent/program",
					      NULL};
	struct pipe_rig g;

	(void)state;
	pipe_rig_start(&g, command);
	fake_rig_start(&g.fake);
	fake_rig_expect(&g.fake, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, "4.3.5");
	pipe_rig_done(&g);
}

/* Whatever of the start fails: the message waits, nothing stays open, and the
 * next try goes well. */
static void
test_every_call_of_the_start_fails(void **state)
{
	static const int errors[] = {EMFILE, EAGAIN, ENOBUFS};
	struct pipe_rig g;
	long calls;
	int free_fd, fd;

	(void)state;
	pipe_rig_shell(&g, "cat >/dev/null");
	fake_rig_start(&g.fake);
	call_fail_arm(0, CALL_FAIL_ERRNO, 0);
	fake_rig_expect_done(&g.fake);
	calls = call_fail_disarm();
	assert_in_range(calls, 4, 20);
	free_fd = dup(0);
	close(free_fd);
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		for (long n = 1; n <= calls; n++) {
			call_fail_arm(n, CALL_FAIL_ERRNO, errors[e]);
			fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK,
					"4.3.2");
			call_fail_disarm();
			fd = dup(0);
			assert_int_equal(fd, free_fd);
			close(fd);
			fake_rig_expect_done(&g.fake);
		}
	pipe_rig_done(&g);
}

/* The machine is short of something: that is no fault of the program's, and
 * other messages need not wait for it. */
static void
test_no_fork(void **state)
{
	static const int errors[] = {EAGAIN, ENOMEM};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct fake_result *r;
		struct pipe_rig g;

		call_fail_fork(2, errors[i]); /* the first is the spawner's */
		pipe_rig_shell(&g, "cat >/dev/null");
		call_fail_fork(0, 0);
		fake_rig_start(&g.fake);
		r = fake_rig_send(&g.fake);
		assert_int_equal(r->dest_state, ATTEMPT_DEST_OK);
		assert_int_equal(r->rcpt[0].outcome, ATTEMPT_LATER);
		assert_string_equal(r->rcpt[0].reply.dsn, "4.3.2");
		assert_non_null(strstr(r->rcpt[0].reply.text,
				       "sh can't be started now: "));
		free(r);
		fake_rig_expect_done(&g.fake);
		pipe_rig_done(&g);
	}
}

/* --- ends of other things -------------------------------------------------------- */

static void
test_stop(void **state)
{
	struct fake_result *r;
	struct pipe_rig g;

	(void)state;
	pipe_rig_shell(&g, "sleep 60");
	fake_rig_start(&g.fake);
	fake_queue_give(g.fake.queue, g.fake.agent.loops[0], &g.fake.mail);
	agent_rig_stop(&g.fake.agent, 200);
	r = fake_rig_take(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_LATER);
	assert_string_equal(r->rcpt[0].reply.dsn, "4.3.2");
	free(r);
	pipe_rig_done(&g);
}

static void
test_the_spawner_is_killed(void **state)
{
	struct fake_result *r;
	struct pipe_rig g;
	struct pollfd gone = {.events = POLLIN};
	char pid[16] = "", dir[] = "/tmp/belfry-pipe-XXXXXX";
	char *fifo, *script;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fifo = xasprintf("%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	script = xasprintf("ps -o ppid= -p $$ >%s; exec sleep 60", fifo);
	pipe_rig_shell(&g, script);
	fake_rig_start(&g.fake);
	fake_queue_give(g.fake.queue, g.fake.agent.loops[0], &g.fake.mail);
	fd = open(fifo, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, pid, sizeof(pid) - 1) > 0);
	kill(atoi(pid), SIGKILL);
	r = fake_rig_take(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_LATER);
	assert_string_equal(r->rcpt[0].reply.dsn, "4.3.0");
	free(r);
	/* And from now on; its descriptors are closed one by one. */
	gone.fd = spawner_fd(g.fake.agent.spawner);
	assert_int_equal(poll(&gone, 1, 10000), 1);
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.2");
	pipe_rig_done(&g);
	close(fd);
	unlink(fifo);
	rmdir(dir);
	free(fifo);
	free(script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_long_content),
		cmocka_unit_test(test_damaged_content),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_soft_bounce),
		cmocka_unit_test(test_no_such_program),
		cmocka_unit_test(test_every_call_of_the_start_fails),
		cmocka_unit_test(test_no_fork),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_the_spawner_is_killed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
