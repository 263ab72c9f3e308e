#include "tests/unit/io_kit.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

#define IO_KIT_PERIOD 251

void
io_kit_heard(void *arg, enum io_event event)
{
	struct io_kit *k = arg;

	k->told[event]++;
	k->last = event;
	if (k->hook != NULL)
		k->hook(k, event);
	if (event == k->stop_at)
		loop_stop(k->loop);
}

static void
timer_fn(void *arg)
{
	struct io_kit *k = arg;

	k->timed_out = true;
	loop_stop(k->loop);
}

bool
io_kit_run_until(struct io_kit *k, enum io_event event, int64_t ms)
{
	k->stop_at = event;
	k->timed_out = false;
	loop_timer_set(&k->timer, ms);
	loop_run(k->loop);
	loop_timer_clear(&k->timer);
	return !k->timed_out;
}

int
io_kit_setup(void **state)
{
	struct io_kit *k = xcalloc(1, sizeof(*k));
	int fd[2];

	k->loop = loop_new(clock_system());
	loop_timer_init(&k->timer, k->loop, timer_fn, k);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	k->far = fd[1];
	k->io = io_new(k->loop, fd[0], io_kit_heard, k);
	*state = k;
	return 0;
}

int
io_kit_teardown(void **state)
{
	struct io_kit *k = *state;

	io_close(&k->io);
	if (k->far >= 0)
		close(k->far);
	loop_timer_done(&k->timer);
	loop_free(&k->loop);
	free(k);
	return 0;
}

void
io_kit_expect_input(struct io_kit *k, const char *expected)
{
	char text[64] = "";

	assert_true(evbuffer_get_length(io_input(k->io)) < sizeof(text));
	evbuffer_copyout(io_input(k->io), text, sizeof(text) - 1);
	assert_string_equal(text, expected);
}

void
io_kit_expect_far(struct io_kit *k, const char *expected)
{
	char text[64] = "";

	assert_true(read(k->far, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, expected);
}

size_t
io_kit_drain_far(struct io_kit *k, size_t at)
{
	unsigned char data[8192];
	ssize_t n;

	while ((n = read(k->far, data, sizeof(data))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			assert_int_equal(data[i], at % IO_KIT_PERIOD);
	return at;
}

int
io_kit_listen(struct sockaddr_in *ret_addr)
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

void
io_kit_write_pattern(struct io_kit *k, size_t at, size_t len)
{
	unsigned char *data = xmalloc(len);

	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)((at + i) % IO_KIT_PERIOD);
	io_write(k->io, data, len);
	free(data);
}
