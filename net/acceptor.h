/*
 * acceptor - one owner of the listening sockets and of the counts.
 *
 * It lives on one loop, counts connections in all and per client address, and
 * hands sockets out to the loops in turn. A client that is over a limit is told
 * so by its listener's refusal line and closed. Each accepted connection holds
 * a ticket that its session gives back when it ends, from any loop.
 */
#ifndef NET_ACCEPTOR_H
#define NET_ACCEPTOR_H

#include <stdint.h>

#include "base/log.h"
#include "net/loop.h"
#include "net/sockaddr.h"

struct acceptor;
struct acceptor_ticket;

struct accepted {
	int fd; /* the receiver's from now on; non-blocking */
	struct sockaddr_any peer, local;
	struct acceptor_ticket *ticket; /* give back exactly once */
};

/* Called on the loop that got the connection. */
typedef void accepted_fn(void *arg, struct loop *loop,
			 const struct accepted *a);

/* So many that were refused are given the time to read it, beyond the limits.
 */
#define ACCEPTOR_LINGER_MAX 64

struct acceptor_limits {
	int64_t connections;        /* in all */
	int64_t connections_per_ip; /* by sockaddr_site(); unix: per uid */
};

struct acceptor *acceptor_new(struct loop *home, struct loop *const *loops,
			      size_t nloops, const struct log_context *log);
/* From any thread. Without it nothing is limited. */
void acceptor_set_limits(struct acceptor *a,
			 const struct acceptor_limits *limits);
/* Take over FD, a bound and listening socket. REFUSAL (borrowed, may be NULL)
 * is what a client over a limit is sent; ON_REFUSED (may be NULL) is told on
 * the home loop, for log and counter, with "connections" or
 * "connections_per_ip". Like stop and free: before the home loop runs, or on
 * it but not from within FN. When the machine has no descriptor left, accepting
 * pauses for a second and event=accept_paused says why. */
void acceptor_add(struct acceptor *a, int fd, const char *refusal,
		  void (*on_refused)(void *arg, const struct sockaddr_any *peer,
				     const char *limit),
		  accepted_fn *fn, void *arg);
/* Close the listening sockets; connections live on. */
void acceptor_stop(struct acceptor *a);
void acceptor_free(struct acceptor **a);
/* From any thread. */
void acceptor_release(struct acceptor_ticket **ticket);

/* Bind and listen on a text address (sockaddr_parse_listen). Unix sockets get
 * MODE and GROUP (-1: unchanged), and a stale one is removed first. 0 or -errno
 * (-EEXIST: what is there is no socket). */
int acceptor_bind(const char *address, unsigned mode, long group,
		  int fds[static 2], size_t *ret_n);

#endif
