/*
 * io - a stream socket on a loop: the same few events for plain and TLS.
 *
 * Reads go to io_input() as they come, at most IO_READ_MAX a turn, until the
 * owner pauses; writes are tried at once and what does not fit is kept. One
 * deadline per io. io_close() may be called from within its own callback: the
 * io is marked, makes no further call and is freed at the end of the turn.
 */
#ifndef NET_IO_H
#define NET_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/loop.h"

struct evbuffer;
struct io;
struct tls_client;
struct tls_server;
struct tls_tickets;

#define IO_READ_MAX  (64 * 1024)
#define IO_DRAIN_MAX (1024 * 1024)

enum io_event {
	IO_CONNECTED, /* io_connect() or a TLS handshake succeeded */
	IO_INPUT,     /* io_input() has grown */
	IO_DRAINED,   /* output that had to be kept is with the kernel now; not
		       * told of what went at once */
	IO_EOF,       /* the peer will send no more; input may hold a rest */
	IO_FAILED,    /* connect, handshake, read or write failed: io_error() */
	IO_DEADLINE,  /* the deadline passed; it is cleared */
};

typedef void io_fn(void *arg, enum io_event event);

/* Take FD, a connected non-blocking stream socket, and read from it. FN may be
 * NULL when io_close_after_write() or io_hang_up() follows in the same turn.
 * TCP_NODELAY is the caller's (the acceptor sets it on its listeners). */
struct io *io_new(struct loop *loop, int fd, io_fn *fn, void *arg);
/* Connect to ADDR from BIND_ADDR (NULL: any). Later one IO_CONNECTED or
 * IO_FAILED, never from within this call. 0 or -errno when no socket could be
 * made or bound. */
int io_connect(struct loop *loop, const struct sockaddr *addr,
	       socklen_t addr_len, const struct sockaddr *bind_addr,
	       socklen_t bind_len, io_fn *fn, void *arg, struct io **ret_io);
/* Close and leave NULL. Output not yet with the kernel is dropped. */
void io_close(struct io **io);
/* Close once the output is written or LINGER_MS have passed. No further
 * callback. Leaves NULL. */
void io_close_after_write(struct io **io, int64_t linger_ms);
/* The same for a peer that may go on sending: until it closes its side, up to
 * IO_DRAIN_MAX bytes are read and thrown away, so that no reset takes our last
 * words from it. All of it within LINGER_MS. */
void io_hang_up(struct io **io, int64_t linger_ms);
/* CLOSED(ARG) once the descriptor is gone, in whatever way: what counts
 * descriptors counts those too that linger. It touches no io. */
void io_on_close(struct io *io, loop_fn *closed, void *arg);

struct evbuffer *io_input(struct io *io);
/* Bytes not yet with the kernel: what the owner watches for backpressure. */
size_t io_output_len(const struct io *io);
/* Never calls back; a failure is told by IO_FAILED at the end of the turn,
 * after what the peer had still said. */
void io_write(struct io *io, const void *data, size_t len);
/* Collect writes between cork and uncork; uncork sends them with one call. */
void io_cork(struct io *io);
void io_uncork(struct io *io);

/*
 * From plain to TLS, on an open io. What was written before still goes out in
 * clear; then the handshake, and one IO_CONNECTED or IO_FAILED, never from
 * within these calls. Until then there is no input, paused or not, and what is
 * written waits. The deadline is the caller's.
 *
 * What io_input() holds came in clear, before the handshake, and must not be
 * taken for what comes after it: it is thrown away; returns how much it was.
 *
 * TICKETS, of IO's loop, let clients go on with a session they had; NULL: every
 * handshake is a whole one. They stay until it has ended or IO is closed.
 */
size_t io_start_tls_server(struct io *io, struct tls_server *server,
			   struct tls_tickets *tickets);
/* NAME, a host name or an address, is what the certificate must be for; the
 * server is told it when it is a host name. NULL: nobody in particular. With
 * VERIFY the handshake fails with EKEYREJECTED when it is not, or its chain
 * leads to nobody whom CLIENT believes; without it io_tls_peer() says so. */
size_t io_start_tls_client(struct io *io, struct tls_client *client,
			   const char *name, bool verify);

/* While paused there is no IO_INPUT and no IO_EOF. Resuming does not tell again
 * of what io_input() already holds. */
void io_pause_input(struct io *io);
void io_resume_input(struct io *io);
/* IO_DEADLINE after that many milliseconds from now; 0 clears. */
void io_set_deadline(struct io *io, int64_t after_ms);
/* errno of IO_FAILED. In TLS also EPROTO, and EKEYREJECTED: the peer's
 * certificate is not believed. */
int io_error(const struct io *io);
/* The same for people, with what TLS has to say; until IO is closed. */
const char *io_error_text(const struct io *io);
int io_fd(const struct io *io);
/* What comes next is acknowledged at once: for a peer that says several small
 * things and waits with the second until the first is acknowledged (Nagle). */
void io_ack_now(struct io *io);

#endif
