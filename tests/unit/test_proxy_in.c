#include "net/proxy_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\n"

struct fixture {
	struct loop *loop;
	int near, far;
	int called, result;
	char client[SOCKADDR_TEXT_MAX];
};

static void
done(void *arg, int result, const struct proxy_header *header)
{
	struct fixture *f = arg;

	f->called++;
	f->result = result;
	if (result == 0)
		sockaddr_text(&header->client, f->client);
	loop_stop(f->loop);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	f->loop = loop_new(clock_system());
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	f->near = fds[0];
	f->far = fds[1];
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(&f->loop);
	close(f->near);
	close(f->far);
	free(f);
	return 0;
}

static void
tell(struct fixture *f, const char *text, size_t len)
{
	assert_int_equal(send(f->far, text, len, 0), len);
}

/* What stayed in the socket. */
static void
left(struct fixture *f, const char *wanted)
{
	char rest[256] = "";
	ssize_t n = recv(f->near, rest, sizeof(rest) - 1, 0);

	assert_int_equal(n < 0 ? 0 : n, strlen(wanted));
	assert_string_equal(rest, wanted);
}

static void
turn_over(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void
test_takes_its_own_octets_only(void **state)
{
	struct fixture *f = *state;

	tell(f, HEADER "EHLO x\r\n", strlen(HEADER "EHLO x\r\n"));
	proxy_in_start(f->loop, f->near, 10000, done, f);
	assert_int_equal(f->called, 0);
	loop_run(f->loop);
	assert_int_equal(f->called, 1);
	assert_int_equal(f->result, 0);
	assert_string_equal(f->client, "192.0.2.7:4660");
	left(f, "EHLO x\r\n");
}

static void
test_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct loop_timer timer;

	loop_timer_init(&timer, f->loop, turn_over, f);
	proxy_in_start(f->loop, f->near, 10000, done, f);
	for (size_t i = 0; i < strlen(HEADER); i++) {
		assert_int_equal(f->called, 0);
		tell(f, &HEADER[i], 1);
		loop_timer_set(&timer, 1);
		loop_run(f->loop);
	}
	assert_int_equal(f->called, 1);
	assert_int_equal(f->result, 0);
	tell(f, "E", 1);
	left(f, "E");
	loop_timer_done(&timer);
}

static void
test_something_else(void **state)
{
	struct fixture *f = *state;

	tell(f, "EHLO x\r\n", 8);
	proxy_in_start(f->loop, f->near, 10000, done, f);
	loop_run(f->loop);
	assert_int_equal(f->result, -EINVAL);
}

static void
test_hang_up(void **state)
{
	struct fixture *f = *state;

	tell(f, "PROXY ", 6);
	shutdown(f->far, SHUT_WR);
	proxy_in_start(f->loop, f->near, 10000, done, f);
	loop_run(f->loop);
	assert_int_equal(f->result, -ECONNRESET);
}

static void
test_too_late(void **state)
{
	struct fixture *f = *state;

	tell(f, "PROXY ", 6);
	proxy_in_start(f->loop, f->near, 20, done, f);
	loop_run(f->loop);
	assert_int_equal(f->result, -ETIMEDOUT);
}

static void
test_end(void **state)
{
	struct fixture *f = *state;

	proxy_in_start(f->loop, f->near, 10000, done, f);
	loop_free(&f->loop);
	assert_int_equal(f->called, 1);
	assert_int_equal(f->result, -ECANCELED);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_takes_its_own_octets_only),
		TEST(test_byte_by_byte),
		TEST(test_something_else),
		TEST(test_hang_up),
		TEST(test_too_late),
		TEST(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
