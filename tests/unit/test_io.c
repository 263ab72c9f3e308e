/*
 * An io reads, writes, waits and connects; how one ends is in test_io_close.c.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/io_kit.h"
#include "tests/unit/test.h"

static void
test_input_then_eof_once(void **state)
{
	struct io_kit *k = *state;

	assert_int_equal(write(k->far, "hello", 5), 5);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	io_kit_expect_input(k, "hello");
	shutdown(k->far, SHUT_WR);
	assert_true(io_kit_run_until(k, IO_EOF, 5000));
	io_pause_input(k->io);
	io_resume_input(k->io);
	assert_false(io_kit_run_until(k, IO_FAILED, 30));
	assert_int_equal(k->told[IO_EOF], 1);
	assert_int_equal(k->told[IO_INPUT], 1);
	/* The other direction lives on. */
	io_write(k->io, "bye", 3);
	io_kit_expect_far(k, "bye");
}

static void
test_paused_input_waits(void **state)
{
	struct io_kit *k = *state;

	io_pause_input(k->io);
	assert_int_equal(write(k->far, "a", 1), 1);
	assert_false(io_kit_run_until(k, IO_INPUT, 30));
	assert_int_equal(k->told[IO_INPUT], 0);
	io_resume_input(k->io);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	io_kit_expect_input(k, "a");
}

static void
test_one_turn_reads_a_bounded_amount(void **state)
{
	struct io_kit *k = *state;
	static char data[IO_READ_MAX];
	size_t sent = 0;
	ssize_t n;

	while ((n = write(k->far, data, sizeof(data))) > 0)
		sent += (size_t)n;
	assert_true(sent > IO_READ_MAX);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	assert_true(evbuffer_get_length(io_input(k->io)) <= IO_READ_MAX);
	while (evbuffer_get_length(io_input(k->io)) < sent)
		assert_true(io_kit_run_until(k, IO_INPUT, 5000));
}

static void
test_write_goes_at_once(void **state)
{
	struct io_kit *k = *state;

	io_write(k->io, "x", 1);
	io_kit_expect_far(k, "x");
	assert_int_equal(io_output_len(k->io), 0);
}

static void
test_cork_collects(void **state)
{
	struct io_kit *k = *state;
	char c;

	io_cork(k->io);
	io_write(k->io, "one ", 4);
	io_write(k->io, "two", 3);
	assert_int_equal(read(k->far, &c, 1), -1);
	assert_int_equal(io_output_len(k->io), 7);
	io_uncork(k->io);
	io_kit_expect_far(k, "one two");
	assert_int_equal(k->told[IO_DRAINED], 0);
}

static void
test_full_kernel_keeps_the_rest(void **state)
{
	struct io_kit *k = *state;
	const size_t half = IO_KIT_BIG / 2;
	size_t at = 0;

	io_kit_write_pattern(k, 0, half);
	assert_true(io_output_len(k->io) > 0);
	io_cork(k->io);
	io_kit_write_pattern(k, half, half);
	io_uncork(k->io);
	while (k->told[IO_DRAINED] == 0) {
		at = io_kit_drain_far(k, at);
		io_kit_run_until(k, IO_DRAINED, 20);
	}
	assert_int_equal(io_output_len(k->io), 0);
	assert_int_equal(io_kit_drain_far(k, at), IO_KIT_BIG);
	/* Nothing left to wait for: told once. */
	assert_false(io_kit_run_until(k, IO_DRAINED, 30));
	assert_int_equal(k->told[IO_DRAINED], 1);
}

/* The kernel is full; before the loop sees that it has room again an uncork has
 * sent the rest. Whoever waits to be told must not wait for ever. */
static void
test_drained_by_an_uncork_is_told(void **state)
{
	struct io_kit *k = *state;
	size_t at = 0;

	io_kit_write_pattern(k, 0, IO_KIT_BIG);
	assert_true(io_output_len(k->io) > 0);
	while (io_output_len(k->io) > 0) {
		at = io_kit_drain_far(k, at);
		io_cork(k->io);
		io_uncork(k->io);
	}
	assert_int_equal(io_kit_drain_far(k, at), IO_KIT_BIG);
	assert_int_equal(k->told[IO_DRAINED], 0);
	assert_true(io_kit_run_until(k, IO_DRAINED, 5000));
	assert_false(io_kit_run_until(k, IO_DRAINED, 30));
	assert_int_equal(k->told[IO_DRAINED], 1);
}

static void
test_last_words_before_a_write_fails(void **state)
{
	struct io_kit *k = *state;

	assert_int_equal(write(k->far, "421 bye", 7), 7);
	close(k->far);
	k->far = -1;
	io_write(k->io, "x", 1); /* EPIPE, without a signal */
	assert_int_equal(k->told[IO_FAILED], 0);
	assert_true(io_kit_run_until(k, IO_FAILED, 5000));
	assert_int_equal(io_error(k->io), EPIPE);
	io_kit_expect_input(k, "421 bye");
	assert_int_equal(k->told[IO_FAILED], 1);
	io_write(k->io, "x", 1);
	assert_false(io_kit_run_until(k, IO_FAILED, 30));
}

static void
close_hook(struct io_kit *k, enum io_event event)
{
	(void)event;
	io_close(&k->io);
}

static void
test_close_in_its_own_callback(void **state)
{
	struct io_kit *k = *state;

	k->hook = close_hook;
	io_set_deadline(k->io, 5);
	assert_int_equal(write(k->far, "a", 1), 1);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	assert_null(k->io);
	assert_false(io_kit_run_until(k, IO_DEADLINE, 30));
	assert_int_equal(k->told[IO_INPUT], 1);
}

/* Close, and take the same descriptor number again in the same turn. */
static void
reopen_hook(struct io_kit *k, enum io_event event)
{
	int old = io_fd(k->io), fd[2];

	(void)event;
	k->hook = NULL;
	io_close(&k->io);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(fd[0], old);
	close(k->far);
	k->far = fd[1];
	k->io = io_new(k->loop, fd[0], io_kit_heard, k);
}

static void
test_descriptor_used_again_in_the_same_turn(void **state)
{
	struct io_kit *k = *state;

	k->hook = reopen_hook;
	assert_int_equal(write(k->far, "old", 3), 3);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	assert_int_equal(write(k->far, "new", 3), 3);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	io_kit_expect_input(k, "new");
}

static void
test_deadline_fires_once_and_is_cleared(void **state)
{
	struct io_kit *k = *state;

	io_set_deadline(k->io, 60000);
	io_set_deadline(k->io, 5);
	assert_true(io_kit_run_until(k, IO_DEADLINE, 5000));
	assert_false(io_kit_run_until(k, IO_DEADLINE, 30));
	io_set_deadline(k->io, 5);
	io_set_deadline(k->io, 0);
	assert_false(io_kit_run_until(k, IO_DEADLINE, 30));
	assert_int_equal(k->told[IO_DEADLINE], 1);
}

static void
test_connect(void **state)
{
	struct io_kit *k = *state;
	struct sockaddr_in addr, from = {.sin_family = AF_INET}, peer = {0};
	socklen_t len = sizeof(peer);
	int lfd = io_kit_listen(&addr), fd, on = 0;

	from.sin_addr.s_addr = htonl(0x7f000002);
	io_close(&k->io);
	assert_int_equal(io_connect(k->loop, (struct sockaddr *)&addr,
				    sizeof(addr), (struct sockaddr *)&from,
				    sizeof(from), io_kit_heard, k, &k->io),
			 0);
	io_write(k->io, "early", 5);
	assert_int_equal(k->told[IO_CONNECTED], 0);
	assert_true(io_kit_run_until(k, IO_CONNECTED, 5000));
	fd = accept(lfd, (struct sockaddr *)&peer, &len);
	assert_true(fd >= 0);
	assert_int_equal(peer.sin_addr.s_addr, from.sin_addr.s_addr);
	len = sizeof(on);
	getsockopt(io_fd(k->io), IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_int_not_equal(on, 0);
	close(k->far);
	k->far = fd;
	io_kit_run_until(k, IO_DRAINED, 30);
	io_kit_expect_far(k, "early");
	assert_int_equal(write(fd, "ok", 2), 2);
	assert_true(io_kit_run_until(k, IO_INPUT, 5000));
	io_kit_expect_input(k, "ok");
	assert_int_equal(k->told[IO_CONNECTED], 1);
	close(lfd);
}

static void
test_acknowledged_at_once(void **state)
{
	struct io_kit *k = *state;
	struct sockaddr_in addr;
	int lfd = io_kit_listen(&addr), off = 0, quick = 0;
	socklen_t len = sizeof(quick);
	struct io *io = NULL;

	assert_int_equal(io_connect(k->loop, (struct sockaddr *)&addr,
				    sizeof(addr), NULL, 0, io_kit_heard, k,
				    &io),
			 0);
	assert_true(io_kit_run_until(k, IO_CONNECTED, 5000));
	assert_int_equal(setsockopt(io_fd(io), IPPROTO_TCP, TCP_QUICKACK, &off,
				    sizeof(off)),
			 0);
	io_ack_now(io);
	assert_int_equal(
		getsockopt(io_fd(io), IPPROTO_TCP, TCP_QUICKACK, &quick, &len),
		0);
	assert_true(quick);
	io_close(&io);
	io_ack_now(k->io); /* no TCP */
	close(lfd);
}

static void
test_connect_refused(void **state)
{
	struct io_kit *k = *state;
	struct sockaddr_in addr;

	close(io_kit_listen(&addr));
	io_close(&k->io);
	assert_int_equal(io_connect(k->loop, (struct sockaddr *)&addr,
				    sizeof(addr), NULL, 0, io_kit_heard, k,
				    &k->io),
			 0);
	assert_true(io_kit_run_until(k, IO_FAILED, 5000));
	assert_int_equal(io_error(k->io), ECONNREFUSED);
	assert_int_equal(k->told[IO_CONNECTED], 0);
}

/* An error that connect() gives at once is told later all the same. */
static void
test_connect_fails_at_once(void **state)
{
	struct io_kit *k = *state;
	struct sockaddr gone = {.sa_family = AF_UNIX, .sa_data = "/no/sock"};

	io_close(&k->io);
	assert_int_equal(io_connect(k->loop, &gone, sizeof(gone), NULL, 0,
				    io_kit_heard, k, &k->io),
			 0);
	assert_int_equal(k->told[IO_FAILED], 0);
	assert_true(io_kit_run_until(k, IO_FAILED, 5000));
	assert_int_equal(io_error(k->io), ENOENT);
	assert_int_equal(k->told[IO_FAILED], 1);
}

static void
test_connect_from_a_foreign_address(void **state)
{
	struct io_kit *k = *state;
	struct sockaddr_in addr, from = {.sin_family = AF_INET};
	int lfd = io_kit_listen(&addr);
	struct io *io = NULL;

	from.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	assert_int_equal(io_connect(k->loop, (struct sockaddr *)&addr,
				    sizeof(addr), (struct sockaddr *)&from,
				    sizeof(from), io_kit_heard, k, &io),
			 -EADDRNOTAVAIL);
	assert_null(io);
	close(lfd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IO_KIT_TEST(test_input_then_eof_once),
		IO_KIT_TEST(test_paused_input_waits),
		IO_KIT_TEST(test_one_turn_reads_a_bounded_amount),
		IO_KIT_TEST(test_write_goes_at_once),
		IO_KIT_TEST(test_cork_collects),
		IO_KIT_TEST(test_full_kernel_keeps_the_rest),
		IO_KIT_TEST(test_drained_by_an_uncork_is_told),
		IO_KIT_TEST(test_last_words_before_a_write_fails),
		IO_KIT_TEST(test_close_in_its_own_callback),
		IO_KIT_TEST(test_descriptor_used_again_in_the_same_turn),
		IO_KIT_TEST(test_deadline_fires_once_and_is_cleared),
		IO_KIT_TEST(test_connect),
		IO_KIT_TEST(test_acknowledged_at_once),
		IO_KIT_TEST(test_connect_refused),
		IO_KIT_TEST(test_connect_fails_at_once),
		IO_KIT_TEST(test_connect_from_a_foreign_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
