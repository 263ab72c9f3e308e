#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/io_impl.h"

void
io_arm_read(struct io *io)
{
	if (io->read_armed)
		return;
	must(event_add(&io->readable, NULL) == 0);
	io->read_armed = true;
}

void
io_disarm_read(struct io *io)
{
	if (io->read_armed)
		event_del(&io->readable);
	io->read_armed = false;
}

void
io_arm_write(struct io *io)
{
	if (io->write_armed || io->send_waits)
		return;
	must(event_add(&io->writable, NULL) == 0);
	io->write_armed = true;
}

void
io_disarm_write(struct io *io)
{
	if (io->write_armed)
		event_del(&io->writable);
	io->write_armed = false;
}

void
io_tell(struct io *io, enum io_event event)
{
	if (!io_is_closed(io) && io->fn != NULL)
		io->fn(io->arg, event);
}

ssize_t
io_recv(struct io *io, void *data, size_t max)
{
	ssize_t n;

	do {
		n = recv(io->fd, data, max, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The bytes of one readiness. A buffer on the stack and a copy keep an idle io
 * free of read-ahead memory. >0, 0 at the end, or -errno. */
static ssize_t
io_receive(struct io *io)
{
	char data[IO_READ_MAX];
	ssize_t n = io->tls != NULL ? io_tls_receive(io, data, sizeof(data))
				    : io_recv(io, data, sizeof(data));

	if (n > 0)
		must(evbuffer_add(io->input, data, (size_t)n) == 0);
	return n;
}

ssize_t
io_send(struct io *io, const struct iovec *iov, size_t niov)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = niov,
	};
	ssize_t n;

	do {
		n = sendmsg(io->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

/* A failure that could not be told from within the owner's own call. */
static void
io_late(void *arg)
{
	struct io *io = arg;

	io->late_posted = false;
	if (io_is_closed(io))
		return;
	/* A peer often says why before it hangs up. */
	if (!io->connecting && !io->eof && !io->paused && io_receive(io) > 0)
		io_tell(io, IO_INPUT);
	io_tell(io, IO_FAILED);
}

void
io_tell_late(struct io *io)
{
	if (!io->late_posted)
		loop_defer(io->loop, &io->late, io_late, io);
	io->late_posted = true;
}

void
io_set_error(struct io *io, int error)
{
	io->error = error;
	io_disarm_read(io);
	io_disarm_write(io);
	evbuffer_drain(io->output, SIZE_MAX);
}

#define IO_PIECES 16 /* of the output that one call sends */

/* There is output for which the kernel has no room. */
static void
io_keep(struct io *io)
{
	io->drain_due = true;
	io_arm_write(io);
}

/* One call with what is kept; what the kernel does not take, and pieces beyond
 * IO_PIECES, wait until it has room. */
static ssize_t
io_send_kept(struct io *io)
{
	struct evbuffer_iovec iov[IO_PIECES];
	int niov = evbuffer_peek(io->output, -1, NULL, iov, IO_PIECES);
	ssize_t n = io_send(io, iov, (size_t)niov);

	if (n > 0)
		evbuffer_drain(io->output, (size_t)n);
	return n;
}

/* Write what is kept. False: it failed. */
static bool
io_flush(struct io *io)
{
	ssize_t n;

	if (evbuffer_get_length(io->output) == 0)
		return true;
	n = io->tls != NULL ? io_tls_flush(io) : io_send_kept(io);
	if (n < 0) {
		io_set_error(io, (int)-n);
		return false;
	}
	if (evbuffer_get_length(io->output) > 0)
		io_keep(io);
	return true;
}

void
io_read_turn(struct io *io)
{
	ssize_t n = io_receive(io);

	if (n > 0) {
		io_tell(io, IO_INPUT);
		if (io->tls != NULL && !io_is_closed(io))
			io_tls_go_on(io);
	} else if (n == 0) {
		io->eof = true;
		io_disarm_read(io);
		io_tell(io, IO_EOF);
	} else if (n != -EAGAIN) {
		io_set_error(io, (int)-n);
		io_tell(io, IO_FAILED);
	}
}

static void
io_readable(evutil_socket_t fd, short what, void *arg)
{
	struct io *io = arg;

	(void)fd;
	(void)what;
	if (io->drains) {
		io_drain(io);
		return;
	}
	if (io->connecting) {
		io_tls_shake(io);
		return;
	}
	if (io->send_waits) {
		io->send_waits = false;
		io_arm_write(io);
	}
	/* A pause takes effect when something comes: most are over before. */
	if (io->paused)
		io_disarm_read(io);
	else
		io_read_turn(io);
}

static void
io_connect_done(struct io *io)
{
	int error = 0;
	socklen_t len = sizeof(error);

	must(getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	if (error != 0) {
		io_set_error(io, error);
		io_tell(io, IO_FAILED);
		return;
	}
	io->connecting = false;
	if (!io->paused)
		io_arm_read(io);
	io_tell(io, IO_CONNECTED);
}

/* True: what is kept can be written now. */
static bool
io_writable_first(struct io *io)
{
	if (io->connecting && io->tls != NULL) {
		io_tls_shake(io);
	} else if (io->connecting) {
		io_connect_done(io);
	} else if (io->read_waits) {
		io->read_waits = false;
		if (!io->paused) {
			io_arm_read(io);
			io_read_turn(io);
		}
	}
	return !io_is_closed(io) && io->error == 0 && !io->connecting;
}

static void
io_writable(evutil_socket_t fd, short what, void *arg)
{
	struct io *io = arg;

	(void)fd;
	(void)what;
	if (!io_writable_first(io))
		return;
	if (evbuffer_get_length(io->output) > 0)
		io->drain_due = true;
	if (!io_flush(io)) {
		if (io_is_left(io))
			io_close(&io);
		else
			io_tell(io, IO_FAILED);
		return;
	}
	if (evbuffer_get_length(io->output) > 0)
		return;
	if (io_is_left(io)) {
		io_written(io);
		return;
	}
	if (io->drain_due) {
		io->drain_due = false;
		io_tell(io, IO_DRAINED);
	}
	/* Only now: the owner may just have filled the kernel again. */
	if (!io_is_closed(io) && !io->connecting && !io->read_waits &&
	    evbuffer_get_length(io->output) == 0)
		io_disarm_write(io);
}

static void
io_deadline(void *arg)
{
	struct io *io = arg;

	if (io_is_left(io))
		io_close(&io);
	else
		io_tell(io, IO_DEADLINE);
}

struct io *
io_make(struct loop *loop, int fd, io_fn *fn, void *arg)
{
	struct io *io = xcalloc(1, sizeof(*io));
	struct event_base *base = loop_base(loop);

	io->loop = loop;
	io->fd = fd;
	io->fn = fn;
	io->arg = arg;
	io->input = evbuffer_new();
	io->output = evbuffer_new();
	must(io->input != NULL && io->output != NULL);
	loop_timer_init(&io->deadline, loop, io_deadline, io);
	event_assign(&io->readable, base, fd, EV_READ | EV_PERSIST, io_readable,
		     io);
	event_assign(&io->writable, base, fd, EV_WRITE | EV_PERSIST,
		     io_writable, io);
	return io;
}

struct io *
io_new(struct loop *loop, int fd, io_fn *fn, void *arg)
{
	struct io *io = io_make(loop, fd, fn, arg);

	io_arm_read(io);
	return io;
}

struct evbuffer *
io_input(struct io *io)
{
	return io->input;
}

size_t
io_output_len(const struct io *io)
{
	return evbuffer_get_length(io->output);
}

void
io_write(struct io *io, const void *data, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)data, len};
	ssize_t n = 0;

	if (io_is_closed(io) || io->error != 0 || len == 0)
		return;
	if (!io->corked && !io->connecting && io_output_len(io) == 0)
		n = io->tls != NULL ? io_tls_send(io, data, len)
				    : io_send(io, &iov, 1);
	if (n < 0) {
		io_set_error(io, (int)-n);
		io_tell_late(io);
		return;
	}
	if ((size_t)n == len)
		return;
	must(evbuffer_add(io->output, (const char *)data + n,
			  len - (size_t)n) == 0);
	if (!io->corked)
		io_keep(io);
}

void
io_cork(struct io *io)
{
	io->corked = true;
}

void
io_uncork(struct io *io)
{
	io->corked = false;
	if (io_is_closed(io) || io->error != 0 || io->connecting)
		return;
	if (!io_flush(io))
		io_tell_late(io);
}

void
io_pause_input(struct io *io)
{
	io->paused = true;
}

void
io_resume_input(struct io *io)
{
	io->paused = false;
	if (!io_is_closed(io) && io->error == 0 && !io->eof && !io->connecting)
		io_arm_read(io);
	if (io->tls != NULL && io->read_armed)
		io_tls_go_on(io);
}

void
io_set_deadline(struct io *io, int64_t after_ms)
{
	if (io_is_closed(io))
		return;
	if (after_ms > 0)
		loop_timer_set(&io->deadline, after_ms);
	else
		loop_timer_clear(&io->deadline);
}

int
io_error(const struct io *io)
{
	return io->error;
}

int
io_fd(const struct io *io)
{
	return io->fd;
}

void
io_ack_now(struct io *io)
{
	int on = 1;

	/* It may be no TCP: then nothing is held back either. */
	setsockopt(io->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
