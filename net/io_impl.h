/*
 * io_impl - what the files of net/io share.
 *
 *	io.c          bytes in and out, the events
 *	io_connect.c  how one begins
 *	io_end.c      how one ends
 *	io_tls.c      what TLS puts between the io and its socket
 *
 * connecting -> open -> failed, and with io_start_tls_*() from open to
 * connecting once more.
 *
 * From each of them io_close() leads to closed: events and descriptor are gone
 * at once, the memory goes at the end of the turn. An io that was left to
 * itself by io_close_after_write() or io_hang_up() is on the loop's list of
 * ends; that it has no FN says nothing, for some never had one.
 */
#ifndef NET_IO_IMPL_H
#define NET_IO_IMPL_H

#include <event2/event_struct.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/io.h"

struct io_tls;

struct io {
	struct loop *loop; /* borrowed */
	int fd;            /* owned; -1 when closed */
	io_fn *fn;         /* NULL: nobody listens any more */
	void *arg;
	struct event readable, writable;
	bool read_armed, write_armed;
	bool connecting; /* or in the TLS handshake: nothing is sent yet */
	bool paused, corked, eof;
	bool drain_due; /* output was kept: IO_DRAINED once it has gone */
	/* TLS: to read it must first write; to write, read. */
	bool read_waits, send_waits;
	int error;                       /* errno; 0 while all is well */
	struct evbuffer *input, *output; /* owned */
	struct io_tls *tls;              /* owned; NULL: plain */
	struct loop_timer deadline;
	struct post late, reap;
	bool late_posted;
	struct loop_end end; /* its fn is set once it is left to itself */
	bool drains;         /* then: throws away what comes */
	size_t drained;
	loop_fn *closed; /* may be NULL */
	void *closed_arg;
};

static inline bool
io_is_closed(const struct io *io)
{
	return io->fd < 0;
}

static inline bool
io_is_left(const struct io *io)
{
	return io->end.fn != NULL;
}

/* --- io.c ------------------------------------------------------------------ */

struct io *io_make(struct loop *loop, int fd, io_fn *fn, void *arg);
void io_arm_read(struct io *io);
void io_disarm_read(struct io *io);
void io_arm_write(struct io *io);
void io_disarm_write(struct io *io);
void io_tell(struct io *io, enum io_event event);
/* For a failure within the owner's own call. */
void io_tell_late(struct io *io);
void io_set_error(struct io *io, int error);
/* As recv(), but -errno. */
ssize_t io_recv(struct io *io, void *data, size_t max);
/* Bytes taken by the kernel (0 when it is full), or -errno. */
ssize_t io_send(struct io *io, const struct iovec *iov, size_t niov);
/* Read, and tell. */
void io_read_turn(struct io *io);

/* --- io_end.c ---------------------------------------------------------------- */

/* Nobody listens, and the output is with the kernel. */
void io_written(struct io *io);
/* Read for the bin. */
void io_drain(struct io *io);

/* --- io_tls.c: only with TLS ------------------------------------------------- */

/* A step of the handshake. */
void io_tls_shake(struct io *io);
/* Bytes, 0 at the end, -EAGAIN or -errno. */
ssize_t io_tls_receive(struct io *io, char *data, size_t max);
/* Bytes taken (0 when the kernel is full), or -errno. */
ssize_t io_tls_send(struct io *io, const char *data, size_t len);
/* The same with what io_write() kept. */
ssize_t io_tls_flush(struct io *io);
/* Input that is not with the kernel any more is told in the next turn. */
void io_tls_go_on(struct io *io);
/* Say that nothing more comes. */
void io_tls_bye(struct io *io);
void io_tls_free(struct io *io);

#endif
