/*
 * io_kit - one end of a socket pair in an io, the other in the test's hands.
 */
#ifndef TESTS_UNIT_IO_KIT_H
#define TESTS_UNIT_IO_KIT_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/io.h"

#define IO_KIT_EVENTS 6
#define IO_KIT_BIG    (3 * 1024 * 1024) /* more than the kernel takes */

struct io_kit {
	struct loop *loop;
	struct io *io;
	int far; /* the other end; -1: closed */
	int told[IO_KIT_EVENTS];
	enum io_event last, stop_at;
	void (*hook)(struct io_kit *k, enum io_event event);
	struct loop_timer timer; /* a bound to every wait */
	bool timed_out;
};

/* cmocka's fixture: an open io, in *STATE. */
int io_kit_setup(void **state);
int io_kit_teardown(void **state);
#define IO_KIT_TEST(f)                                                         \
	cmocka_unit_test_setup_teardown(f, io_kit_setup, io_kit_teardown)

/* The callback of every io here; ARG is the kit. */
void io_kit_heard(void *arg, enum io_event event);
/* Run until EVENT; false: not within MS. */
bool io_kit_run_until(struct io_kit *k, enum io_event event, int64_t ms);

void io_kit_expect_input(struct io_kit *k, const char *expected);
void io_kit_expect_far(struct io_kit *k, const char *expected);

/* Write LEN bytes of a pattern, from its byte AT on. */
void io_kit_write_pattern(struct io_kit *k, size_t at, size_t len);
/* Read all that is there at the far end, from byte AT of the pattern on: no
 * byte has moved. Where it ends. */
size_t io_kit_drain_far(struct io_kit *k, size_t at);

/* A listening socket on loopback. */
int io_kit_listen(struct sockaddr_in *ret_addr);

#endif
