/*
 * The end of an io: what is still to be said is said, the peer is heard out,
 * and neither takes for ever.
 */
#include <string.h>
#include <unistd.h>

#include "tests/unit/io_kit.h"
#include "tests/unit/test.h"

static void
test_close_after_write(void **state)
{
	struct io_kit *k = *state;
	size_t at = 0;
	char c;

	io_kit_write_pattern(k, 0, IO_KIT_BIG);
	io_close_after_write(&k->io, 60000);
	assert_null(k->io);
	while (at < IO_KIT_BIG) {
		at = io_kit_drain_far(k, at);
		io_kit_run_until(k, IO_FAILED, 5);
	}
	assert_int_equal(read(k->far, &c, 1), 0);
	for (int i = 0; i < IO_KIT_EVENTS; i++)
		assert_int_equal(k->told[i], 0);
}

static void
test_close_after_write_lingers_no_longer(void **state)
{
	struct io_kit *k = *state;
	static char data[IO_KIT_BIG];
	ssize_t n;

	io_write(k->io, data, sizeof(data));
	io_close_after_write(&k->io, 5);
	assert_false(io_kit_run_until(k, IO_FAILED, 40));
	while ((n = read(k->far, data, sizeof(data))) > 0)
		;
	assert_int_equal(n, 0); /* not EAGAIN: it is closed */
}

/* The loop ends while one still lingers: nothing is lost to the leak check. */
static void
test_loop_end_closes_what_lingers(void **state)
{
	struct io_kit *k = *state;
	static char data[IO_KIT_BIG];

	io_write(k->io, data, sizeof(data));
	io_close_after_write(&k->io, 60000);
	assert_null(k->io);
}

/* A connection of the network in place of the socket pair. */
static void
use_tcp(struct io_kit *k)
{
	struct sockaddr_in addr;
	int lfd = io_kit_listen(&addr), near;

	io_close(&k->io);
	close(k->far);
	k->far = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
		connect(k->far, (struct sockaddr *)&addr, sizeof(addr)), 0);
	near = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	assert_true(near >= 0);
	close(lfd);
	k->io = io_new(k->loop, near, io_kit_heard, k);
}

static void
count_closed(void *arg)
{
	(*(int *)arg)++;
}

/* The peer goes on sending, and hears what was said to its end all the same. */
static void
check_hang_up(struct io_kit *k)
{
	static const char more[1000];
	int closed = 0;
	char c;

	io_on_close(k->io, count_closed, &closed);
	assert_int_equal(write(k->far, more, sizeof(more)), sizeof(more));
	io_write(k->io, "421 bye", 7);
	io_hang_up(&k->io, 60000);
	assert_null(k->io);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(k->far, more, sizeof(more)),
				 sizeof(more));
		io_kit_run_until(k, IO_FAILED, 5);
	}
	assert_int_equal(closed, 0);
	io_kit_expect_far(k, "421 bye");
	assert_int_equal(read(k->far, &c, 1), 0); /* and not ECONNRESET */
	shutdown(k->far, SHUT_WR);
	io_kit_run_until(k, IO_FAILED, 5);
	assert_int_equal(closed, 1);
	for (int i = 0; i < IO_KIT_EVENTS; i++)
		assert_int_equal(k->told[i], 0);
}

static void
test_hang_up_hears_the_peer_out(void **state)
{
	struct io_kit *k = *state;

	check_hang_up(k);
}

static void
test_hang_up_hears_the_peer_out_tcp(void **state)
{
	struct io_kit *k = *state;

	use_tcp(k);
	check_hang_up(k);
}

/* Output that the kernel does not take yet: the peer gets all of it, although
 * it first sends what it has. */
static void
test_hang_up_with_much_to_say(void **state)
{
	struct io_kit *k = *state;
	static const char more[4096];
	size_t at = 0, sent = 0;
	ssize_t n;
	char c;

	io_kit_write_pattern(k, 0, IO_KIT_BIG);
	io_hang_up(&k->io, 60000);
	while (sent < IO_DRAIN_MAX / 2) {
		n = write(k->far, more, sizeof(more));
		sent += n > 0 ? (size_t)n : 0;
		if (n < 0)
			io_kit_run_until(k, IO_FAILED, 5);
	}
	shutdown(k->far, SHUT_WR);
	while (at < IO_KIT_BIG) {
		at = io_kit_drain_far(k, at);
		io_kit_run_until(k, IO_FAILED, 5);
	}
	assert_int_equal(read(k->far, &c, 1), 0);
}

/* Neither bytes nor time without end. */
static void
test_hang_up_is_bounded(void **state)
{
	struct io_kit *k = *state;
	static const char data[4096];
	size_t sent = 0;
	int closed = 0;

	io_on_close(k->io, count_closed, &closed);
	io_hang_up(&k->io, 60000);
	while (closed == 0) {
		ssize_t n = send(k->far, data, sizeof(data), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		assert_true(sent < 4 * IO_DRAIN_MAX);
		if (n < 0)
			io_kit_run_until(k, IO_FAILED, 5);
	}
	assert_true(sent >= IO_DRAIN_MAX);
}

static void
test_hang_up_lingers_no_longer(void **state)
{
	struct io_kit *k = *state;
	int closed = 0;

	io_on_close(k->io, count_closed, &closed);
	io_hang_up(&k->io, 5);
	assert_int_equal(closed, 0);
	assert_false(io_kit_run_until(k, IO_FAILED, 40));
	assert_int_equal(closed, 1);
}

/* A peer that has closed its side is not waited for. */
static void
test_hang_up_after_eof(void **state)
{
	struct io_kit *k = *state;
	int closed = 0;

	io_on_close(k->io, count_closed, &closed);
	shutdown(k->far, SHUT_WR);
	assert_true(io_kit_run_until(k, IO_EOF, 5000));
	io_hang_up(&k->io, 60000);
	assert_int_equal(closed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IO_KIT_TEST(test_close_after_write),
		IO_KIT_TEST(test_close_after_write_lingers_no_longer),
		IO_KIT_TEST(test_loop_end_closes_what_lingers),
		IO_KIT_TEST(test_hang_up_hears_the_peer_out),
		IO_KIT_TEST(test_hang_up_hears_the_peer_out_tcp),
		IO_KIT_TEST(test_hang_up_with_much_to_say),
		IO_KIT_TEST(test_hang_up_is_bounded),
		IO_KIT_TEST(test_hang_up_lingers_no_longer),
		IO_KIT_TEST(test_hang_up_after_eof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
