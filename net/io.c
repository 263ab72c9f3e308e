#include "net/io.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"

/*
 * connecting -> open -> failed
 *
 * From each of them io_close() leads to closed: events and descriptor are gone
 * at once, the memory goes at the end of the turn. An io that was left to
 * itself by io_close_after_write() or io_hang_up() is on the loop's list of
 * ends; that it has no FN says nothing, for some never had one.
 */
struct io {
	struct loop *loop; /* borrowed */
	int fd;            /* owned; -1 when closed */
	io_fn *fn;         /* NULL: nobody listens any more */
	void *arg;
	struct event readable, writable;
	bool read_armed, write_armed;
	bool connecting;
	bool paused, corked, eof;
	int error;                       /* errno; 0 while all is well */
	struct evbuffer *input, *output; /* owned */
	struct loop_timer deadline;
	struct post late, reap;
	bool late_posted;
	struct loop_end end; /* its fn is set once it is left to itself */
	bool drains;         /* then: throws away what comes */
	size_t drained;
	loop_fn *closed; /* may be NULL */
	void *closed_arg;
};

static bool
io_is_closed(const struct io *io)
{
	return io->fd < 0;
}

static bool
io_is_left(const struct io *io)
{
	return io->end.fn != NULL;
}

static void
io_arm_read(struct io *io)
{
	if (io->read_armed)
		return;
	must(event_add(&io->readable, NULL) == 0);
	io->read_armed = true;
}

static void
io_disarm_read(struct io *io)
{
	if (io->read_armed)
		event_del(&io->readable);
	io->read_armed = false;
}

static void
io_arm_write(struct io *io)
{
	if (io->write_armed)
		return;
	must(event_add(&io->writable, NULL) == 0);
	io->write_armed = true;
}

static void
io_disarm_write(struct io *io)
{
	if (io->write_armed)
		event_del(&io->writable);
	io->write_armed = false;
}

static void
io_tell(struct io *io, enum io_event event)
{
	if (!io_is_closed(io) && io->fn != NULL)
		io->fn(io->arg, event);
}

/* The bytes of one readiness. A buffer on the stack and a copy keep an idle io
 * free of read-ahead memory. >0, 0 at the end, or -errno. */
static ssize_t
io_receive(struct io *io)
{
	char data[IO_READ_MAX];
	ssize_t n;

	do {
		n = recv(io->fd, data, sizeof(data), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (io->drains)
		io->drained += (size_t)n;
	else if (n > 0)
		must(evbuffer_add(io->input, data, (size_t)n) == 0);
	return n;
}

/* Bytes taken by the kernel (0 when it is full), or -errno. */
static ssize_t
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

static void
io_reap(void *arg)
{
	struct io *io = arg;

	evbuffer_free(io->input);
	evbuffer_free(io->output);
	free(io);
}

void
io_close(struct io **iop)
{
	struct io *io = iop != NULL ? *iop : NULL;

	if (io == NULL)
		return;
	*iop = NULL;
	must(!io_is_closed(io));
	if (io_is_left(io))
		loop_end_remove(io->loop, &io->end);
	io_disarm_read(io);
	io_disarm_write(io);
	loop_timer_done(&io->deadline);
	close(io->fd);
	io->fd = -1;
	if (io->closed != NULL)
		io->closed(io->closed_arg);
	loop_defer(io->loop, &io->reap, io_reap, io);
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

static void
io_tell_late(struct io *io)
{
	if (!io->late_posted)
		loop_defer(io->loop, &io->late, io_late, io);
	io->late_posted = true;
}

static void
io_set_error(struct io *io, int error)
{
	io->error = error;
	io_disarm_read(io);
	io_disarm_write(io);
	evbuffer_drain(io->output, SIZE_MAX);
}

#define IO_PIECES 16 /* of the output that one call sends */

/* Write what is kept, with one call; what the kernel does not take, and pieces
 * beyond IO_PIECES, wait until it has room. False: it failed. */
static bool
io_flush(struct io *io)
{
	struct evbuffer_iovec iov[IO_PIECES];
	ssize_t n;
	int niov;

	if (evbuffer_get_length(io->output) == 0)
		return true;
	niov = evbuffer_peek(io->output, -1, NULL, iov, IO_PIECES);
	n = io_send(io, iov, (size_t)niov);
	if (n < 0) {
		io_set_error(io, (int)-n);
		return false;
	}
	evbuffer_drain(io->output, (size_t)n);
	if (evbuffer_get_length(io->output) > 0)
		io_arm_write(io);
	return true;
}

/* Nobody listens, and the output is with the kernel. A close with input that
 * was not read, or is still to come, is a reset, and that may overtake what we
 * said last: then the peer is told the end, and heard out. */
static void
io_written(struct io *io)
{
	if (!io->drains || io->eof || shutdown(io->fd, SHUT_WR) < 0)
		io_close(&io);
	else
		io_disarm_write(io);
}

static void
io_drain(struct io *io)
{
	ssize_t n = io_receive(io);

	if (n == -EAGAIN || (n > 0 && io->drained < IO_DRAIN_MAX))
		return;
	io->eof = n == 0;
	io_disarm_read(io);
	/* One that closed its side may still read. */
	if (n != 0 || io_output_len(io) == 0)
		io_close(&io);
}

static void
io_readable(evutil_socket_t fd, short what, void *arg)
{
	struct io *io = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	if (io->drains) {
		io_drain(io);
		return;
	}
	/* A pause takes effect when something comes: most are over before. */
	if (io->paused) {
		io_disarm_read(io);
		return;
	}
	n = io_receive(io);
	if (n > 0) {
		io_tell(io, IO_INPUT);
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

static void
io_writable(evutil_socket_t fd, short what, void *arg)
{
	struct io *io = arg;
	/* Else it is armed only for what had to be kept, even when an uncork
	 * has sent that meanwhile. */
	bool kept = !io->connecting;

	(void)fd;
	(void)what;
	if (io->connecting) {
		io_connect_done(io);
		if (io_is_closed(io) || io->error != 0)
			return;
		kept = evbuffer_get_length(io->output) > 0;
	}
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
	if (kept)
		io_tell(io, IO_DRAINED);
	/* Only now: the owner may just have filled the kernel again. */
	if (!io_is_closed(io) && evbuffer_get_length(io->output) == 0)
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

static struct io *
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

static int
io_socket(int family, const struct sockaddr *bind_addr, socklen_t bind_len)
{
	static const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind_addr == NULL)
		return fd;
	/* The port is chosen with the destination known, so that the ports of
	 * one address don't run out. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, bind_addr, bind_len) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int
io_connect(struct loop *loop, const struct sockaddr *addr, socklen_t addr_len,
	   const struct sockaddr *bind_addr, socklen_t bind_len, io_fn *fn,
	   void *arg, struct io **ret_io)
{
	int fd = io_socket(addr->sa_family, bind_addr, bind_len);
	struct io *io;

	if (fd < 0)
		return fd;
	io = io_make(loop, fd, fn, arg);
	io->connecting = true;
	if (connect(fd, addr, addr_len) == 0 || errno == EINPROGRESS) {
		io_arm_write(io);
	} else {
		io_set_error(io, errno);
		io_tell_late(io);
	}
	*ret_io = io;
	return 0;
}

static void
io_end(void *arg)
{
	struct io *io = arg;

	/* io_close() takes it off the list, where it no longer is. */
	loop_end_add(io->loop, &io->end, io_end, io);
	io_close(&io);
}

static void
io_leave(struct io *io, bool drains, int64_t linger_ms)
{
	io_uncork(io);
	if (io->error != 0 || (io_output_len(io) == 0 && !drains)) {
		io_close(&io);
		return;
	}
	io->fn = NULL;
	io->drains = drains;
	io->paused = true;
	loop_end_add(io->loop, &io->end, io_end, io);
	io_set_deadline(io, linger_ms > 0 ? linger_ms : 1);
	if (drains)
		io_arm_read(io);
	else
		io_disarm_read(io);
	if (io_output_len(io) == 0)
		io_written(io);
}

void
io_close_after_write(struct io **iop, int64_t linger_ms)
{
	struct io *io = iop != NULL ? *iop : NULL;

	if (io == NULL)
		return;
	*iop = NULL;
	io_leave(io, false, linger_ms);
}

void
io_hang_up(struct io **iop, int64_t linger_ms)
{
	struct io *io = iop != NULL ? *iop : NULL;

	if (io == NULL)
		return;
	*iop = NULL;
	io_leave(io, !io->eof && !io->connecting, linger_ms);
}

void
io_on_close(struct io *io, loop_fn *closed, void *arg)
{
	io->closed = closed;
	io->closed_arg = arg;
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
		n = io_send(io, &iov, 1);
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
		io_arm_write(io);
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
