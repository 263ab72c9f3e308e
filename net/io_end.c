#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "net/io_impl.h"

static void
io_reap(void *arg)
{
	struct io *io = arg;

	io_tls_free(io);
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
	if (io->tls != NULL)
		io_tls_bye(io);
	close(io->fd);
	io->fd = -1;
	if (io->closed != NULL)
		io->closed(io->closed_arg);
	loop_defer(io->loop, &io->reap, io_reap, io);
}

/* Nobody listens, and the output is with the kernel. A close with input that
 * was not read, or is still to come, is a reset, and that may overtake what we
 * said last: then the peer is told the end, and heard out. */
void
io_written(struct io *io)
{
	if (io->tls != NULL)
		io_tls_bye(io);
	if (!io->drains || io->eof || shutdown(io->fd, SHUT_WR) < 0)
		io_close(&io);
	else
		io_disarm_write(io);
}

void
io_drain(struct io *io)
{
	char data[IO_READ_MAX];
	ssize_t n = io_recv(io, data, sizeof(data)); /* TLS or not */

	if (n > 0)
		io->drained += (size_t)n;
	if (n == -EAGAIN || (n > 0 && io->drained < IO_DRAIN_MAX))
		return;
	io->eof = n == 0;
	io_disarm_read(io);
	/* One that closed its side may still read. */
	if (n != 0 || io_output_len(io) == 0)
		io_close(&io);
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
	if (io->error != 0 || (io_output_len(io) == 0 && !drains) ||
	    (io->tls != NULL && io->connecting)) {
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
