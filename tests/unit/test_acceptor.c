#include "net/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define LOOPS 3

static char tmp[64];

struct fixture {
	struct log *log;
	struct log_context ctx;
	struct loop *loops[LOOPS];
	struct acceptor *acceptor;
	struct sockaddr_any address;
	struct loop_timer timer;
	bool timed_out;
	int paused;         /* log lines of a pause */
	int want;           /* connections or refusals until the loop stops */
	int taken, refused; /* of the home loop */
	struct accepted got[16];
	const char *limit;
};

static void
log_line(void *arg, const char *line)
{
	struct fixture *f = arg;

	if (strstr(line, "accept_paused") != NULL)
		f->paused++;
}

static void
count_down(struct fixture *f)
{
	if (--f->want == 0)
		loop_stop(f->loops[0]);
}

static void
taken(void *arg, struct loop *loop, const struct accepted *a)
{
	struct fixture *f = arg;

	assert_ptr_equal(loop, f->loops[0]);
	f->got[f->taken++] = *a;
	count_down(f);
}

static void
refused(void *arg, const struct sockaddr_any *peer, const char *limit)
{
	struct fixture *f = arg;

	assert_int_equal(peer->ss.ss_family, f->address.ss.ss_family);
	f->limit = limit;
	f->refused++;
	count_down(f);
}

static void
timer_fn(void *arg)
{
	struct fixture *f = arg;

	f->timed_out = true;
	loop_stop(f->loops[0]);
}

/* Run until N connections were taken or refused; false: not within MS. */
static bool
run_until(struct fixture *f, int n, int64_t ms)
{
	f->want = n;
	f->timed_out = false;
	loop_timer_set(&f->timer, ms);
	loop_run(f->loops[0]);
	loop_timer_clear(&f->timer);
	return !f->timed_out;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->log = log_new_capture(log_line, f);
	f->ctx.log = f->log;
	for (int i = 0; i < LOOPS; i++)
		f->loops[i] = loop_new(clock_system());
	loop_timer_init(&f->timer, f->loops[0], timer_fn, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	acceptor_free(&f->acceptor);
	loop_timer_done(&f->timer);
	for (int i = 0; i < LOOPS; i++)
		loop_free(&f->loops[i]);
	log_close(&f->log);
	free(f);
	return 0;
}

static const char *
busy(void *arg)
{
	(void)arg;
	return "421 busy\r\n";
}

static struct acceptor_limits
limits_of(int64_t connections, int64_t per_ip)
{
	return (struct acceptor_limits){.connections = connections,
					.connections_per_ip = per_ip};
}

/* An acceptor with one listener on ADDRESS, for the home loop only. */
static void
start(struct fixture *f, const char *address, struct acceptor_limits limits)
{
	static const struct acceptor_calls calls = {
		.refusal = busy,
		.refused = refused,
		.accepted = taken,
	};
	int fds[2] = {-1, -1};
	size_t n = 0;

	assert_int_equal(acceptor_bind(address, 0600, -1, fds, &n), 0);
	assert_int_equal(n, 1);
	f->address.len = sizeof(f->address.ss);
	getsockname(fds[0], (struct sockaddr *)&f->address.ss, &f->address.len);
	f->acceptor = acceptor_new(f->loops[0], f->loops, 1, &f->ctx);
	acceptor_set_limits(f->acceptor, &limits);
	acceptor_add(f->acceptor, fds[0], &calls, f);
}

static int
client(const struct fixture *f)
{
	int fd = socket(f->address.ss.ss_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&f->address.ss,
				 f->address.len),
			 0);
	return fd;
}

static void
end(struct fixture *f)
{
	for (int i = 0; i < f->taken; i++) {
		close(f->got[i].fd);
		acceptor_release(&f->got[i].ticket);
	}
}

static void
test_accepted_knows_both_ends(void **state)
{
	struct fixture *f = *state;
	char text[SOCKADDR_TEXT_MAX], expected[SOCKADDR_TEXT_MAX];
	struct sockaddr_any mine = {.len = sizeof(mine.ss)};
	int fd;

	start(f, "0.0.0.0:0", limits_of(10, 10));
	fd = client(f);
	assert_true(run_until(f, 1, 5000));
	getsockname(fd, (struct sockaddr *)&mine.ss, &mine.len);
	sockaddr_text(&mine, expected);
	sockaddr_text(&f->got[0].peer, text);
	assert_string_equal(text, expected);
	sockaddr_ip(&f->got[0].local, text);
	assert_string_equal(text, "127.0.0.1");
	assert_true(fcntl(f->got[0].fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	end(f);
}

static void
test_limits(void **state)
{
	const struct {
		const char *name, *address, *limit;
		struct acceptor_limits limits;
	} row[] = {
		{"in all",
		 "127.0.0.1:0",
		 "connections",
		 {.connections = 2, .connections_per_ip = 9}},
		{"per address",
		 "127.0.0.1:0",
		 "connections_per_ip",
		 {.connections = 9, .connections_per_ip = 2}},
		{"per uid",
		 tmp,
		 "connections_per_ip",
		 {.connections = 9, .connections_per_ip = 2}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char said[32] = "";
		int fd[4];

		print_message("%s\n", row[i].name);
		f->taken = f->refused = 0;
		start(f, row[i].address, row[i].limits);
		for (int j = 0; j < 3; j++)
			fd[j] = client(f);
		assert_true(run_until(f, 3, 5000));
		assert_int_equal(f->taken, 2);
		assert_int_equal(f->refused, 1);
		assert_string_equal(f->limit, row[i].limit);
		assert_int_equal(read(fd[2], said, sizeof(said) - 1), 10);
		assert_string_equal(said, "421 busy\r\n");
		assert_int_equal(read(fd[2], said, sizeof(said)), 0);

		/* One leaves, the next may come. */
		acceptor_release(&f->got[1].ticket);
		assert_null(f->got[1].ticket);
		close(f->got[1].fd);
		f->taken = 1;
		fd[3] = client(f);
		assert_true(run_until(f, 1, 5000));
		assert_int_equal(f->taken, 2);

		/* Connections outlive the acceptor. */
		acceptor_free(&f->acceptor);
		assert_null(f->acceptor);
		end(f);
		for (int j = 0; j < 4; j++)
			close(fd[j]);
	}
}

/* A client that speaks first is told all the same, and no reset comes: up to a
 * ceiling, beyond which it is cut off. */
static void
test_refusal_is_read(void **state)
{
	struct fixture *f = *state;
	int fd[1 + ACCEPTOR_LINGER_MAX + 1];
	const int n = (int)(sizeof(fd) / sizeof(fd[0]));
	char said[32] = "";

	start(f, "127.0.0.1:0", limits_of(1, 1));
	for (int i = 0; i < n; i++) {
		fd[i] = client(f);
		assert_int_equal(write(fd[i], "EHLO a\r\n", 8), 8);
	}
	assert_true(run_until(f, n, 5000));
	assert_int_equal(f->refused, n - 1);
	for (int i = 1; i < n; i++) {
		bool heard_out = i <= ACCEPTOR_LINGER_MAX;

		assert_int_equal(read(fd[i], said, sizeof(said) - 1), 10);
		assert_string_equal(said, "421 busy\r\n");
		assert_int_equal(read(fd[i], said, sizeof(said)),
				 heard_out ? 0 : -1);
	}
	/* They outlive the acceptor too. */
	acceptor_free(&f->acceptor);
	end(f);
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

/* One over the limit that is gone before its refusal can be written. */
static void
test_reset_before_refusal(void **state)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct fixture *f = *state;
	int fd[2];

	start(f, "127.0.0.1:0", limits_of(9, 1));
	fd[0] = client(f);
	assert_true(run_until(f, 1, 5000));
	fd[1] = client(f);
	assert_int_equal(
		setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		0);
	close(fd[1]);
	assert_true(run_until(f, 1, 5000));
	assert_int_equal(f->refused, 1);

	/* Nothing of it lingers: the next one is served. */
	acceptor_release(&f->got[0].ticket);
	close(f->got[0].fd);
	f->taken = 0;
	fd[1] = client(f);
	assert_true(run_until(f, 1, 5000));
	assert_int_equal(f->taken, 1);
	end(f);
	close(fd[0]);
	close(fd[1]);
}

static void
test_other_addresses_are_counted_apart(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_any from;
	int fd[2];

	start(f, "127.0.0.1:0", limits_of(9, 1));
	fd[0] = client(f);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(sockaddr_parse_ip("127.0.0.2", 0, &from), 0);
	assert_int_equal(bind(fd[1], (struct sockaddr *)&from.ss, from.len), 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&f->address.ss,
				 f->address.len),
			 0);
	assert_true(run_until(f, 2, 5000));
	assert_int_equal(f->taken, 2);
	end(f);
	close(fd[0]);
	close(fd[1]);
}

static void
test_stop_closes_the_listeners_only(void **state)
{
	struct fixture *f = *state;
	int fd, late;

	start(f, "127.0.0.1:0", limits_of(9, 9));
	fd = client(f);
	assert_true(run_until(f, 1, 5000));
	acceptor_stop(f->acceptor);
	late = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(late, (struct sockaddr *)&f->address.ss,
				 f->address.len),
			 -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(write(f->got[0].fd, "x", 1), 1);
	end(f);
	close(fd);
	close(late);
}

/* Without a free descriptor a client waits; it is served when there is one. */
static void
test_out_of_descriptors_pauses(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, none;
	int fd;

	start(f, "127.0.0.1:0", limits_of(9, 9));
	fd = client(f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(run_until(f, 1, 100));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f->paused, 1);
	assert_true(run_until(f, 1, 10000));
	assert_int_equal(f->taken, 1);
	assert_int_equal(f->refused, 0);
	end(f);
	close(fd);
}

struct spread {
	struct loop **loops;
	_Atomic int per_loop[LOOPS];
	_Atomic int total, refused;
};

/* In the receiving loop's thread: end it there at once. */
static void
spread_taken(void *arg, struct loop *loop, const struct accepted *a)
{
	struct spread *s = arg;
	struct acceptor_ticket *ticket = a->ticket;

	for (int i = 0; i < LOOPS; i++)
		if (s->loops[i] == loop)
			atomic_fetch_add(&s->per_loop[i], 1);
	assert_int_equal(write(a->fd, "hi", 2), 2);
	close(a->fd);
	acceptor_release(&ticket);
	atomic_fetch_add(&s->total, 1);
}

static void
test_loops_take_turns(void **state)
{
	struct fixture *f = *state;
	struct spread s = {.loops = f->loops};
	const struct acceptor_calls calls = {.accepted = spread_taken};
	int fds[2], n = 300;
	size_t nfds = 0;

	assert_int_equal(acceptor_bind("127.0.0.1:0", 0, -1, fds, &nfds), 0);
	f->address.len = sizeof(f->address.ss);
	getsockname(fds[0], (struct sockaddr *)&f->address.ss, &f->address.len);
	f->acceptor = acceptor_new(f->loops[0], f->loops, LOOPS, &f->ctx);
	acceptor_add(f->acceptor, fds[0], &calls, &s);
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(loop_start(f->loops[i], "loop-test"), 0);
	for (int i = 0; i < n; i++) {
		char said[4];
		int fd = client(f);

		assert_int_equal(read(fd, said, sizeof(said)), 2);
		close(fd);
	}
	for (int i = 0; i < LOOPS; i++) {
		loop_stop(f->loops[i]);
		loop_join(f->loops[i]);
	}
	assert_int_equal(atomic_load(&s.total), n);
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(atomic_load(&s.per_loop[i]), n / LOOPS);
}

static void
test_bind_unix(void **state)
{
	const char *path = strchr(tmp, ':') + 1;
	struct stat st;
	int fds[2], again[2];
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the second time over a stale one */
		assert_int_equal(acceptor_bind(tmp, 0660, -1, fds, &n), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0660);
		assert_int_equal(acceptor_bind(tmp, 0660, -1, again, &n),
				 -EADDRINUSE);
		close(fds[0]);
	}
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(acceptor_bind(tmp, 0660, -1, fds, &n), -EEXIST);
	unlink(path);
	assert_int_equal(acceptor_bind("unix:/no/such/dir/x", 0, -1, fds, &n),
			 -ENOENT);
}

/* Somebody's socket that a stream can't connect to is not stale either. */
static void
test_bind_leaves_a_datagram_socket(void **state)
{
	struct sockaddr_any a[2];
	struct stat st;
	int fds[2], fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t n;

	(void)state;
	assert_int_equal(sockaddr_parse_listen(tmp, a, &n), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a[0].ss, a[0].len), 0);
	assert_int_equal(acceptor_bind(tmp, 0660, -1, fds, &n), -EADDRINUSE);
	assert_int_equal(stat(strchr(tmp, ':') + 1, &st), 0);
	close(fd);
	assert_int_equal(acceptor_bind(tmp, 0660, -1, fds, &n), 0);
	close(fds[0]);
	unlink(strchr(tmp, ':') + 1);
}

static void
test_bind_both_families(void **state)
{
	int fds[2];
	size_t n = 0;

	(void)state;
	assert_int_equal(acceptor_bind("nonsense", 0, -1, fds, &n), -EINVAL);
	assert_int_equal(acceptor_bind(":0", 0, -1, fds, &n), 0);
	assert_in_range(n, 1, 2);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_accepted_knows_both_ends),
		T(test_limits),
		T(test_refusal_is_read),
		T(test_reset_before_refusal),
		T(test_other_addresses_are_counted_apart),
		T(test_stop_closes_the_listeners_only),
		T(test_out_of_descriptors_pauses),
		T(test_loops_take_turns),
		cmocka_unit_test(test_bind_unix),
		cmocka_unit_test(test_bind_leaves_a_datagram_socket),
		cmocka_unit_test(test_bind_both_families),
	};
	int failed;

	snprintf(tmp, sizeof(tmp), "unix:/tmp/acceptor.%d", (int)getpid());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(tmp + 5);
	return failed;
}
