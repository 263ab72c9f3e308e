#include "net/io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define EVENTS 6

struct fixture {
	struct loop *loop;
	struct io *io;
	int far; /* the other end of the socket pair */
	int told[EVENTS];
	enum io_event last, stop_at;
	void (*hook)(struct fixture *f, enum io_event event);
	struct loop_timer timer; /* a bound to every wait */
	bool timed_out;
};

static void
heard(void *arg, enum io_event event)
{
	struct fixture *f = arg;

	f->told[event]++;
	f->last = event;
	if (f->hook != NULL)
		f->hook(f, event);
	if (event == f->stop_at)
		loop_stop(f->loop);
}

static void
timer_fn(void *arg)
{
	struct fixture *f = arg;

	f->timed_out = true;
	loop_stop(f->loop);
}

/* Run until EVENT; false: not within MS. */
static bool
run_until(struct fixture *f, enum io_event event, int64_t ms)
{
	f->stop_at = event;
	f->timed_out = false;
	loop_timer_set(&f->timer, ms);
	loop_run(f->loop);
	loop_timer_clear(&f->timer);
	return !f->timed_out;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd[2];

	f->loop = loop_new(clock_system());
	loop_timer_init(&f->timer, f->loop, timer_fn, f);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	f->far = fd[1];
	f->io = io_new(f->loop, fd[0], heard, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	io_close(&f->io);
	if (f->far >= 0)
		close(f->far);
	loop_timer_done(&f->timer);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void
assert_input(struct fixture *f, const char *expected)
{
	char text[64] = "";

	assert_true(evbuffer_get_length(io_input(f->io)) < sizeof(text));
	evbuffer_copyout(io_input(f->io), text, sizeof(text) - 1);
	assert_string_equal(text, expected);
}

static void
assert_far_reads(struct fixture *f, const char *expected)
{
	char text[64] = "";

	assert_true(read(f->far, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, expected);
}

static void
test_input_then_eof_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->far, "hello", 5), 5);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_input(f, "hello");
	shutdown(f->far, SHUT_WR);
	assert_true(run_until(f, IO_EOF, 5000));
	io_pause_input(f->io);
	io_resume_input(f->io);
	assert_false(run_until(f, IO_FAILED, 30));
	assert_int_equal(f->told[IO_EOF], 1);
	assert_int_equal(f->told[IO_INPUT], 1);
	/* The other direction lives on. */
	io_write(f->io, "bye", 3);
	assert_far_reads(f, "bye");
}

static void
test_paused_input_waits(void **state)
{
	struct fixture *f = *state;

	io_pause_input(f->io);
	assert_int_equal(write(f->far, "a", 1), 1);
	assert_false(run_until(f, IO_INPUT, 30));
	assert_int_equal(f->told[IO_INPUT], 0);
	io_resume_input(f->io);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_input(f, "a");
}

static void
test_one_turn_reads_a_bounded_amount(void **state)
{
	struct fixture *f = *state;
	static char data[IO_READ_MAX];
	size_t sent = 0;
	ssize_t n;

	while ((n = write(f->far, data, sizeof(data))) > 0)
		sent += (size_t)n;
	assert_true(sent > IO_READ_MAX);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_true(evbuffer_get_length(io_input(f->io)) <= IO_READ_MAX);
	while (evbuffer_get_length(io_input(f->io)) < sent)
		assert_true(run_until(f, IO_INPUT, 5000));
}

static void
test_write_goes_at_once(void **state)
{
	struct fixture *f = *state;

	io_write(f->io, "x", 1);
	assert_far_reads(f, "x");
	assert_int_equal(io_output_len(f->io), 0);
}

static void
test_cork_collects(void **state)
{
	struct fixture *f = *state;
	char c;

	io_cork(f->io);
	io_write(f->io, "one ", 4);
	io_write(f->io, "two", 3);
	assert_int_equal(read(f->far, &c, 1), -1);
	assert_int_equal(io_output_len(f->io), 7);
	io_uncork(f->io);
	assert_far_reads(f, "one two");
	assert_int_equal(f->told[IO_DRAINED], 0);
}

/* Read everything at the far end, and check that no byte moved. */
static size_t
far_drain(struct fixture *f, size_t at)
{
	unsigned char data[8192];
	ssize_t n;

	while ((n = read(f->far, data, sizeof(data))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			assert_int_equal(data[i], at % 251);
	return at;
}

#define BIG (3 * 1024 * 1024)

static void
test_full_kernel_keeps_the_rest(void **state)
{
	struct fixture *f = *state;
	unsigned char *data = malloc(BIG);
	size_t at = 0;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (unsigned char)(i % 251);
	io_write(f->io, data, BIG / 2);
	assert_true(io_output_len(f->io) > 0);
	io_cork(f->io);
	io_write(f->io, data + BIG / 2, BIG / 2);
	io_uncork(f->io);
	free(data);
	while (f->told[IO_DRAINED] == 0) {
		at = far_drain(f, at);
		run_until(f, IO_DRAINED, 20);
	}
	assert_int_equal(io_output_len(f->io), 0);
	assert_int_equal(far_drain(f, at), BIG);
	/* Nothing left to wait for: told once. */
	assert_false(run_until(f, IO_DRAINED, 30));
	assert_int_equal(f->told[IO_DRAINED], 1);
}

/* The kernel is full; before the loop sees that it has room again an uncork has
 * sent the rest. Whoever waits to be told must not wait for ever. */
static void
test_drained_by_an_uncork_is_told(void **state)
{
	struct fixture *f = *state;
	unsigned char *data = malloc(BIG);
	size_t at = 0;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (unsigned char)(i % 251);
	io_write(f->io, data, BIG);
	free(data);
	assert_true(io_output_len(f->io) > 0);
	while (io_output_len(f->io) > 0) {
		at = far_drain(f, at);
		io_cork(f->io);
		io_uncork(f->io);
	}
	assert_int_equal(far_drain(f, at), BIG);
	assert_int_equal(f->told[IO_DRAINED], 0);
	assert_true(run_until(f, IO_DRAINED, 5000));
	assert_false(run_until(f, IO_DRAINED, 30));
	assert_int_equal(f->told[IO_DRAINED], 1);
}

static void
test_last_words_before_a_write_fails(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->far, "421 bye", 7), 7);
	close(f->far);
	f->far = -1;
	io_write(f->io, "x", 1); /* EPIPE, without a signal */
	assert_int_equal(f->told[IO_FAILED], 0);
	assert_true(run_until(f, IO_FAILED, 5000));
	assert_int_equal(io_error(f->io), EPIPE);
	assert_input(f, "421 bye");
	assert_int_equal(f->told[IO_FAILED], 1);
	io_write(f->io, "x", 1);
	assert_false(run_until(f, IO_FAILED, 30));
}

static void
close_hook(struct fixture *f, enum io_event event)
{
	(void)event;
	io_close(&f->io);
}

static void
test_close_in_its_own_callback(void **state)
{
	struct fixture *f = *state;

	f->hook = close_hook;
	io_set_deadline(f->io, 5);
	assert_int_equal(write(f->far, "a", 1), 1);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_null(f->io);
	assert_false(run_until(f, IO_DEADLINE, 30));
	assert_int_equal(f->told[IO_INPUT], 1);
}

/* Close, and take the same descriptor number again in the same turn. */
static void
reopen_hook(struct fixture *f, enum io_event event)
{
	int old = io_fd(f->io), fd[2];

	(void)event;
	f->hook = NULL;
	io_close(&f->io);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(fd[0], old);
	close(f->far);
	f->far = fd[1];
	f->io = io_new(f->loop, fd[0], heard, f);
}

static void
test_descriptor_used_again_in_the_same_turn(void **state)
{
	struct fixture *f = *state;

	f->hook = reopen_hook;
	assert_int_equal(write(f->far, "old", 3), 3);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_int_equal(write(f->far, "new", 3), 3);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_input(f, "new");
}

static void
test_deadline_fires_once_and_is_cleared(void **state)
{
	struct fixture *f = *state;

	io_set_deadline(f->io, 60000);
	io_set_deadline(f->io, 5);
	assert_true(run_until(f, IO_DEADLINE, 5000));
	assert_false(run_until(f, IO_DEADLINE, 30));
	io_set_deadline(f->io, 5);
	io_set_deadline(f->io, 0);
	assert_false(run_until(f, IO_DEADLINE, 30));
	assert_int_equal(f->told[IO_DEADLINE], 1);
}

static void
test_close_after_write(void **state)
{
	struct fixture *f = *state;
	unsigned char *data = malloc(BIG);
	size_t at = 0;
	char c;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (unsigned char)(i % 251);
	io_write(f->io, data, BIG);
	free(data);
	io_close_after_write(&f->io, 60000);
	assert_null(f->io);
	while (at < BIG) {
		at = far_drain(f, at);
		run_until(f, IO_FAILED, 5);
	}
	assert_int_equal(read(f->far, &c, 1), 0);
	for (int i = 0; i < EVENTS; i++)
		assert_int_equal(f->told[i], 0);
}

static void
test_close_after_write_lingers_no_longer(void **state)
{
	struct fixture *f = *state;
	static char data[BIG];
	ssize_t n;

	io_write(f->io, data, sizeof(data));
	io_close_after_write(&f->io, 5);
	assert_false(run_until(f, IO_FAILED, 40));
	while ((n = read(f->far, data, sizeof(data))) > 0)
		;
	assert_int_equal(n, 0); /* not EAGAIN: it is closed */
}

/* The loop ends while one still lingers: nothing is lost to the leak check. */
static void
test_loop_end_closes_what_lingers(void **state)
{
	struct fixture *f = *state;
	static char data[BIG];

	io_write(f->io, data, sizeof(data));
	io_close_after_write(&f->io, 60000);
	assert_null(f->io);
}

static int
listen_here(struct sockaddr_in *ret_addr)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_addr = a;
	return fd;
}

/* A connection of the network in place of the socket pair. */
static void
use_tcp(struct fixture *f)
{
	struct sockaddr_in addr;
	int lfd = listen_here(&addr), near;

	io_close(&f->io);
	close(f->far);
	f->far = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
		connect(f->far, (struct sockaddr *)&addr, sizeof(addr)), 0);
	near = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	assert_true(near >= 0);
	close(lfd);
	f->io = io_new(f->loop, near, heard, f);
}

static void
count_closed(void *arg)
{
	(*(int *)arg)++;
}

/* The peer goes on sending, and hears what was said to its end all the same. */
static void
check_hang_up(struct fixture *f)
{
	static const char more[1000];
	int closed = 0;
	char c;

	io_on_close(f->io, count_closed, &closed);
	assert_int_equal(write(f->far, more, sizeof(more)), sizeof(more));
	io_write(f->io, "421 bye", 7);
	io_hang_up(&f->io, 60000);
	assert_null(f->io);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(f->far, more, sizeof(more)),
				 sizeof(more));
		run_until(f, IO_FAILED, 5);
	}
	assert_int_equal(closed, 0);
	assert_far_reads(f, "421 bye");
	assert_int_equal(read(f->far, &c, 1), 0); /* and not ECONNRESET */
	shutdown(f->far, SHUT_WR);
	run_until(f, IO_FAILED, 5);
	assert_int_equal(closed, 1);
	for (int i = 0; i < EVENTS; i++)
		assert_int_equal(f->told[i], 0);
}

static void
test_hang_up_hears_the_peer_out(void **state)
{
	struct fixture *f = *state;

	check_hang_up(f);
}

static void
test_hang_up_hears_the_peer_out_tcp(void **state)
{
	struct fixture *f = *state;

	use_tcp(f);
	check_hang_up(f);
}

/* Output that the kernel does not take yet: the peer gets all of it, although
 * it first sends what it has. */
static void
test_hang_up_with_much_to_say(void **state)
{
	struct fixture *f = *state;
	unsigned char *data = malloc(BIG);
	size_t at = 0, sent = 0;
	ssize_t n;
	char c;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (unsigned char)(i % 251);
	io_write(f->io, data, BIG);
	io_hang_up(&f->io, 60000);
	while (sent < IO_DRAIN_MAX / 2) {
		n = write(f->far, data, 4096);
		sent += n > 0 ? (size_t)n : 0;
		if (n < 0)
			run_until(f, IO_FAILED, 5);
	}
	shutdown(f->far, SHUT_WR);
	while (at < BIG) {
		at = far_drain(f, at);
		run_until(f, IO_FAILED, 5);
	}
	assert_int_equal(read(f->far, &c, 1), 0);
	free(data);
}

/* Neither bytes nor time without end. */
static void
test_hang_up_is_bounded(void **state)
{
	struct fixture *f = *state;
	static const char data[4096];
	size_t sent = 0;
	int closed = 0;

	io_on_close(f->io, count_closed, &closed);
	io_hang_up(&f->io, 60000);
	while (closed == 0) {
		ssize_t n = send(f->far, data, sizeof(data), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		assert_true(sent < 4 * IO_DRAIN_MAX);
		if (n < 0)
			run_until(f, IO_FAILED, 5);
	}
	assert_true(sent >= IO_DRAIN_MAX);
}

static void
test_hang_up_lingers_no_longer(void **state)
{
	struct fixture *f = *state;
	int closed = 0;

	io_on_close(f->io, count_closed, &closed);
	io_hang_up(&f->io, 5);
	assert_int_equal(closed, 0);
	assert_false(run_until(f, IO_FAILED, 40));
	assert_int_equal(closed, 1);
}

/* A peer that has closed its side is not waited for. */
static void
test_hang_up_after_eof(void **state)
{
	struct fixture *f = *state;
	int closed = 0;

	io_on_close(f->io, count_closed, &closed);
	shutdown(f->far, SHUT_WR);
	assert_true(run_until(f, IO_EOF, 5000));
	io_hang_up(&f->io, 60000);
	assert_int_equal(closed, 1);
}

static void
test_connect(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in addr, from = {.sin_family = AF_INET}, peer;
	socklen_t len = sizeof(peer);
	int lfd = listen_here(&addr), fd, on = 0;

	from.sin_addr.s_addr = htonl(0x7f000002);
	io_close(&f->io);
	assert_int_equal(io_connect(f->loop, (struct sockaddr *)&addr,
				    sizeof(addr), (struct sockaddr *)&from,
				    sizeof(from), heard, f, &f->io),
			 0);
	io_write(f->io, "early", 5);
	assert_int_equal(f->told[IO_CONNECTED], 0);
	assert_true(run_until(f, IO_CONNECTED, 5000));
	fd = accept(lfd, (struct sockaddr *)&peer, &len);
	assert_true(fd >= 0);
	assert_int_equal(peer.sin_addr.s_addr, from.sin_addr.s_addr);
	len = sizeof(on);
	getsockopt(io_fd(f->io), IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_int_not_equal(on, 0);
	close(f->far);
	f->far = fd;
	run_until(f, IO_DRAINED, 30);
	assert_far_reads(f, "early");
	assert_int_equal(write(fd, "ok", 2), 2);
	assert_true(run_until(f, IO_INPUT, 5000));
	assert_input(f, "ok");
	assert_int_equal(f->told[IO_CONNECTED], 1);
	close(lfd);
}

static void
test_connect_refused(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in addr;

	close(listen_here(&addr));
	io_close(&f->io);
	assert_int_equal(io_connect(f->loop, (struct sockaddr *)&addr,
				    sizeof(addr), NULL, 0, heard, f, &f->io),
			 0);
	assert_true(run_until(f, IO_FAILED, 5000));
	assert_int_equal(io_error(f->io), ECONNREFUSED);
	assert_int_equal(f->told[IO_CONNECTED], 0);
}

/* An error that connect() gives at once is told later all the same. */
static void
test_connect_fails_at_once(void **state)
{
	struct fixture *f = *state;
	struct sockaddr gone = {.sa_family = AF_UNIX, .sa_data = "/no/sock"};

	io_close(&f->io);
	assert_int_equal(io_connect(f->loop, &gone, sizeof(gone), NULL, 0,
				    heard, f, &f->io),
			 0);
	assert_int_equal(f->told[IO_FAILED], 0);
	assert_true(run_until(f, IO_FAILED, 5000));
	assert_int_equal(io_error(f->io), ENOENT);
	assert_int_equal(f->told[IO_FAILED], 1);
}

static void
test_connect_from_a_foreign_address(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in addr, from = {.sin_family = AF_INET};
	int lfd = listen_here(&addr);
	struct io *io = NULL;

	from.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	assert_int_equal(io_connect(f->loop, (struct sockaddr *)&addr,
				    sizeof(addr), (struct sockaddr *)&from,
				    sizeof(from), heard, f, &io),
			 -EADDRNOTAVAIL);
	assert_null(io);
	close(lfd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_input_then_eof_once),
		T(test_paused_input_waits),
		T(test_one_turn_reads_a_bounded_amount),
		T(test_write_goes_at_once),
		T(test_cork_collects),
		T(test_full_kernel_keeps_the_rest),
		T(test_drained_by_an_uncork_is_told),
		T(test_last_words_before_a_write_fails),
		T(test_close_in_its_own_callback),
		T(test_descriptor_used_again_in_the_same_turn),
		T(test_deadline_fires_once_and_is_cleared),
		T(test_close_after_write),
		T(test_close_after_write_lingers_no_longer),
		T(test_loop_end_closes_what_lingers),
		T(test_hang_up_hears_the_peer_out),
		T(test_hang_up_hears_the_peer_out_tcp),
		T(test_hang_up_with_much_to_say),
		T(test_hang_up_is_bounded),
		T(test_hang_up_lingers_no_longer),
		T(test_hang_up_after_eof),
		T(test_connect),
		T(test_connect_refused),
		T(test_connect_fails_at_once),
		T(test_connect_from_a_foreign_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
