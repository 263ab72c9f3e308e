/*
 * The spawner with real programs: what they get, how they end, and what
 * becomes of them when somebody is killed.
 */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 10000

static struct spawner *spawner;

static int
setup(void **state)
{
	(void)state;
	return spawner_new(&spawner);
}

static int
teardown(void **state)
{
	(void)state;
	spawner_free(&spawner);
	return 0;
}

struct run {
	int control, out;
	struct spawn_report report;
	char said[8192];
};

static int
start(struct run *g, const struct spawn_request *request, const char *input)
{
	int in[2], out[2], r;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	r = spawner_start(spawner, request, in[0], out[1], -1, &g->control);
	close(in[0]);
	close(out[1]);
	g->out = out[0];
	if (r == 0 && input)
		assert_int_equal(write(in[1], input, strlen(input)),
				 strlen(input));
	close(in[1]);
	if (r < 0)
		close(g->out);
	return r;
}

/* All that is said, until nobody is left to say more. */
static void
hear(struct run *g)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(g->out, g->said + len, sizeof(g->said) - 1 - len)) > 0)
		len += (size_t)n;
	g->said[len] = '\0';
	close(g->out);
}

static void
await(struct run *g)
{
	struct pollfd fd = {g->control, POLLIN, 0};

	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_int_equal(spawn_report_read(g->control, &g->report), 1);
	close(g->control);
}

static void
run(struct run *g, const struct spawn_request *request, const char *input)
{
	assert_int_equal(start(g, request, input), 0);
	hear(g);
	await(g);
}

static struct spawn_request
shell(const char *script)
{
	static const char *argv[5] = {"/bin/sh", "-c"};

	argv[2] = script;
	argv[3] = "sh";
	return (struct spawn_request){
		.argv = argv, .cwd = "/", .time_ms = PATIENCE_MS};
}

/* --- ends ------------------------------------------------------------------ */

static void
test_ends(void **state)
{
	static const struct {
		const char *script;
		int64_t time_ms;
		enum spawn_end end;
		int value;
	} row[] = {
		{"exit 0", 5000, SPAWN_EXITED, 0},
		{"exit 75", 5000, SPAWN_EXITED, 75},
		{"kill -9 $$", 5000, SPAWN_SIGNALLED, SIGKILL},
		{"kill -15 $$", 5000, SPAWN_SIGNALLED, SIGTERM},
		{"sleep 60", 100, SPAWN_TIMED_OUT, 0},
		{"trap '' TERM; sleep 60; sleep 60", 100, SPAWN_TIMED_OUT, 0},
		/* Whoever asks may say anything. */
		{"sleep .1; exit 3", INT64_MAX, SPAWN_EXITED, 3},
		{"sleep 60", INT64_MIN, SPAWN_TIMED_OUT, 0},
	};
	struct run g;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct spawn_request r = shell(row[i].script);

		print_message("%s\n", row[i].script);
		r.time_ms = row[i].time_ms;
		run(&g, &r, NULL);
		assert_int_equal(g.report.end, row[i].end);
		assert_int_equal(g.report.value, row[i].value);
		assert_true(g.report.pid > 0);
	}
}

static void
test_not_started(void **state)
{
	static const struct {
		const char *program, *cwd;
		int error;
	} row[] = {
		{"/proc/nonexistent/program", "/", ENOENT},
		{"/etc/passwd", "/", EACCES},
		{"/", "/", EACCES},
		{"/bin/true", "/proc/nonexistent", ENOENT},
	};
	struct run g;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *argv[] = {row[i].program, NULL};
		const struct spawn_request r = {
			.argv = argv, .cwd = row[i].cwd, .time_ms = 1000};

		print_message("%s\n", row[i].program);
		run(&g, &r, NULL);
		assert_int_equal(g.report.end, SPAWN_NOT_STARTED);
		assert_int_equal(g.report.value, row[i].error);
	}
}

static void
test_too_long_a_request(void **state)
{
	char *big = xmalloc(SPAWN_REQUEST_MAX + 1);
	const char *argv[] = {"/bin/echo", big, NULL};
	const struct spawn_request r = {
		.argv = argv, .cwd = "/", .time_ms = 1000};
	struct run g;

	(void)state;
	memset(big, 'x', SPAWN_REQUEST_MAX);
	big[SPAWN_REQUEST_MAX] = '\0';
	assert_int_equal(start(&g, &r, NULL), -E2BIG);
	big[8000] = '\0';
	run(&g, &r, NULL);
	assert_int_equal(g.report.value, 0);
	assert_int_equal(strlen(g.said), 8001);
	free(big);
}

/* --- what it gets ------------------------------------------------------------- */

static void
expect_said(const char *script, const char *input, const char *want)
{
	struct spawn_request r = shell(script);
	struct run g;

	r.limit.cpu_s = 7;
	r.limit.files = 20;
	r.limit.memory = INT64_C(1) << 30;
	r.limit.processes = 4000;
	run(&g, &r, input);
	assert_string_equal(g.said, want);
	assert_int_equal(g.report.end, SPAWN_EXITED);
}

static void
test_what_it_gets(void **state)
{
	setenv("SECRET", "hidden", 1);
	setenv("TZ", "UTC", 1);
	teardown(state);
	/* Something open that it must not see. */
	assert_true(dup2(1, 15) == 15);
	assert_int_equal(setup(state), 0);
	close(15);
	expect_said("cat", "in\r\nput", "in\r\nput");
	expect_said("echo a; echo b >&2", NULL, "a\nb\n");
	expect_said("env | grep -vE '^(PWD|SHLVL|_|OLDPWD)=' | sort", NULL,
		    "HOME=/\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:"
		    "/usr/sbin:/usr/bin:/sbin:/bin\nTZ=UTC\n");
	expect_said("pwd; umask", NULL, "/\n0077\n");
	expect_said("ulimit -c; ulimit -t; ulimit -n; ulimit -v; ulimit -Ht",
		    NULL, "0\n7\n20\n1048576\n7\n");
	/* The two ends of ls's own reading, and nothing of ours. */
	expect_said("ls /proc/self/fd | tr '\\n' ' '", NULL, "0 1 2 3 ");
	/* Nothing blocked, nothing ignored. */
	expect_said("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2", NULL,
		    "0000000000000000\n0000000000000000\n");
	expect_said("test $(ps -o sid= -p $$) = $$ && echo own", NULL, "own\n");
}

static void
test_arguments_are_not_read(void **state)
{
	static const char *const argv[] = {"/usr/bin/printf",
					   "<%s>",
					   "a b",
					   "$HOME",
					   "`id`",
					   ";",
					   "",
					   "-n",
					   "*",
					   NULL};
	const struct spawn_request r = {
		.argv = argv, .cwd = "/", .time_ms = 5000};
	struct run g;

	(void)state;
	run(&g, &r, NULL);
	assert_string_equal(g.said, "<a b><$HOME><`id`><;><><-n><*>");
}

/* --- whom it takes along ---------------------------------------------------------- */

/* The write end of a fifo that nobody has open any more: all are gone. That
 * reading ends at all is the proof. */
static void
test_takes_its_group_along(void **state)
{
	struct spawn_request r = shell("sleep 60 & exit 3");
	struct run g;

	(void)state;
	run(&g, &r, NULL); /* hear() would wait for sleep */
	assert_int_equal(g.report.value, 3);
}

static void
test_cancel(void **state)
{
	struct spawn_request r = shell("sleep 60 & sleep 60; wait");
	struct run g;

	(void)state;
	assert_int_equal(start(&g, &r, NULL), 0);
	close(g.control);
	hear(&g);
	/* The same, and to be told. */
	assert_int_equal(start(&g, &r, NULL), 0);
	shutdown(g.control, SHUT_WR);
	hear(&g);
	await(&g);
	assert_int_equal(g.report.end, SPAWN_SIGNALLED);
	assert_int_equal(g.report.value, SIGTERM);
}

static void
test_many_at_once(void **state)
{
	enum { N = 60 };
	static struct run g[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		char *script = xasprintf("read x; echo $x; exit %d", i);
		char *input = xasprintf("%d\n", i);
		struct spawn_request r = shell(script);

		while (start(&g[i], &r, input) == -EAGAIN)
			usleep(1000);
		free(script);
		free(input);
	}
	for (int i = N - 1; i >= 0; i--) {
		hear(&g[i]);
		await(&g[i]);
		assert_int_equal(g[i].report.end, SPAWN_EXITED);
		assert_int_equal(g[i].report.value, i);
		assert_int_equal(atoi(g[i].said), i);
	}
}

/* As many programs as run at a time, and one more: it is told so, and has its
 * place when another one is over. */
static void
test_ceiling(void **state)
{
	static const char *const argv[] = {"/bin/sleep", "60", NULL};
	const struct spawn_request r = {
		.argv = argv, .cwd = "/", .time_ms = 60000};
	struct rlimit files;
	static struct run g[SPAWN_MAX + 1];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_max < SPAWN_MAX + 100)
		skip();
	for (int i = 0; i <= SPAWN_MAX; i++)
		while (spawner_start(spawner, &r, null, null, -1,
				     &g[i].control) == -EAGAIN)
			usleep(1000);
	await(&g[SPAWN_MAX]);
	assert_int_equal(g[SPAWN_MAX].report.end, SPAWN_NOT_STARTED);
	assert_int_equal(g[SPAWN_MAX].report.value, EAGAIN);
	shutdown(g[7].control, SHUT_WR);
	await(&g[7]);
	assert_int_equal(g[7].report.value, SIGTERM);
	assert_int_equal(
		spawner_start(spawner, &r, null, null, -1, &g[7].control), 0);
	for (int i = 0; i < SPAWN_MAX; i++)
		shutdown(g[i].control, SHUT_WR);
	for (int i = 0; i < SPAWN_MAX; i++) {
		await(&g[i]);
		assert_int_equal(g[i].report.end, SPAWN_SIGNALLED);
	}
	close(null);
}

/* --- deaths -------------------------------------------------------------------------- */

static void
test_the_spawner_is_killed(void **state)
{
	struct spawn_request r = shell("ps -o ppid= -p $$; exec sleep 60");
	struct pollfd fd = {spawner_fd(spawner), POLLIN, 0};
	char pid[16] = "";
	struct run g;

	(void)state;
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(start(&g, &r, NULL), 0);
	assert_true(read(g.out, pid, sizeof(pid) - 1) > 0);
	assert_int_equal(kill(atoi(pid), SIGKILL), 0);
	hear(&g); /* the program is gone too */
	await(&g);
	assert_int_equal(g.report.end, SPAWN_LOST);
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_true(WIFSIGNALED(spawner_status(spawner)));
	assert_true(start(&g, &r, NULL) < 0);
}

/* In whatever way belfryd ends. */
static void
test_the_owner_is_killed(void **state)
{
	struct run g;
	int out[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct spawn_request r =
			shell("trap '' TERM; echo up; sleep 60 & sleep 60");
		int control;

		if (spawner_new(&spawner) < 0 ||
		    spawner_start(spawner, &r, 0, out[1], -1, &control) < 0)
			_exit(1);
		pause();
		_exit(1);
	}
	close(out[1]);
	g.out = out[0];
	assert_int_equal(read(g.out, g.said, 3), 3);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	hear(&g); /* ends when all of the group are gone */
	assert_string_equal(g.said, "");
}

/* --- the runner ------------------------------------------------------------------- */

struct runner {
	char *dir, *path; /* owned; of its socket */
	pid_t pid;
};

static void
runner_start(struct runner *g, const char *line)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char *list;
	FILE *file;
	int fd;

	g->dir = xstrdup("/tmp/belfry-run-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	g->path = xasprintf("%s/s", g->dir);
	list = xasprintf("%s/list", g->dir);
	file = fopen(list, "we");
	assert_non_null(file);
	fprintf(file, "%s\n", line);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(list, 0644), 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", g->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	g->pid = fork();
	if (g->pid == 0)
		spawn_run(fd, list, getpwuid(geteuid()));
	close(fd);
	free(list);
}

static void
runner_end(struct runner *g)
{
	char *list = xasprintf("%s/list", g->dir);
	int status;

	assert_int_equal(kill(g->pid, SIGTERM), 0);
	assert_int_equal(waitpid(g->pid, &status, 0), g->pid);
	assert_int_equal(status, 0);
	unlink(list);
	unlink(g->path);
	rmdir(g->dir);
	free(list);
	free(g->path);
	free(g->dir);
}

static int
runner_connect(const struct runner *g)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", g->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Who says nothing is hung up on, and what runs doesn't wait for that. */
static void
test_a_silent_caller(void **state)
{
	struct spawn_request r = shell("sleep .2; exit 5");
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	struct runner runner;
	struct run g;

	(void)state;
	runner_start(&runner, "/bin/sh -c {script} sh");
	r.at = runner.path;
	assert_int_equal(start(&g, &r, NULL), 0);
	fds[0].fd = g.control;
	fds[1].fd = runner_connect(&runner);
	assert_int_equal(poll(fds, 2, PATIENCE_MS), 1);
	assert_int_equal(fds[1].revents, 0);
	await(&g);
	assert_int_equal(g.report.end, SPAWN_EXITED);
	assert_int_equal(g.report.value, 5);
	close(g.out);
	assert_int_equal(poll(&fds[1], 1, PATIENCE_MS), 1);
	assert_true((fds[1].revents & POLLHUP) != 0);
	close(fds[1].fd);
	/* The next one is heard. */
	assert_int_equal(start(&g, &r, NULL), 0);
	await(&g);
	assert_int_equal(g.report.value, 5);
	close(g.out);
	runner_end(&runner);
}

/* Half a message is not taken for a whole one. */
static void
test_input_ends_when_it_is_complete(void **state)
{
	static const char *const want[] = {"", "got it\n"};

	(void)state;
	for (int complete = 0; complete < 2; complete++) {
		struct spawn_request r = shell("cat >/dev/null; echo got it");
		int in[2], out[2];
		struct run g;

		assert_int_equal(pipe2(in, O_CLOEXEC), 0);
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		assert_int_equal(spawner_start(spawner, &r, in[0], out[1],
					       in[1], &g.control),
				 0);
		g.out = out[0];
		close(in[0]);
		close(in[1]);
		close(out[1]);
		if (complete)
			spawn_input_end(g.control);
		else
			shutdown(g.control, SHUT_WR);
		hear(&g);
		await(&g);
		assert_string_equal(g.said, want[complete]);
		assert_int_equal(g.report.end,
				 complete ? SPAWN_EXITED : SPAWN_SIGNALLED);
	}
}

/* The spawner may report and close before it reads that the input is complete.
 */
static void
test_report_before_the_end_of_input(void **state)
{
	const struct spawn_report sent = {SPAWN_EXITED, 3, 7};
	struct spawn_report got;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	spawn_input_end(pair[0]);
	assert_int_equal(send(pair[1], &sent, sizeof(sent), 0), sizeof(sent));
	close(pair[1]);
	assert_int_equal(spawn_report_read(pair[0], &got), 1);
	assert_int_equal(got.end, SPAWN_EXITED);
	assert_int_equal(got.value, 3);
	/* Without a report it is lost. */
	assert_int_equal(spawn_report_read(pair[0], &got), 1);
	assert_int_equal(got.end, SPAWN_LOST);
	close(pair[0]);
}

#define SPAWN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SPAWN_TEST(test_ends),
		SPAWN_TEST(test_not_started),
		SPAWN_TEST(test_too_long_a_request),
		SPAWN_TEST(test_what_it_gets),
		SPAWN_TEST(test_arguments_are_not_read),
		SPAWN_TEST(test_takes_its_group_along),
		SPAWN_TEST(test_cancel),
		SPAWN_TEST(test_a_silent_caller),
		SPAWN_TEST(test_input_ends_when_it_is_complete),
		cmocka_unit_test(test_report_before_the_end_of_input),
		SPAWN_TEST(test_many_at_once),
		SPAWN_TEST(test_ceiling),
		SPAWN_TEST(test_the_spawner_is_killed),
		SPAWN_TEST(test_the_owner_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
