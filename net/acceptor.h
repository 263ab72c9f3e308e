/*
 * acceptor - one owner of the listening sockets and of the counts.
 *
 * It lives on one loop, counts connections in all, per client address and per
 * network, and hands sockets out to the loops in turn. A client that is over a
 * limit is told so by its listener's refusal line and closed. Each accepted
 * connection holds a ticket that its session gives back when it ends, from any
 * loop.
 *
 * Nearly full, the acceptor shares out what is left: of the last quarter a
 * network gets no more than is still free, and then an idle connection gives
 * way, the one that is idle for longest of the network that has most.
 */
#ifndef NET_ACCEPTOR_H
#define NET_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/sockaddr.h"

struct acceptor;
struct acceptor_ticket;

/* Who a connection comes from. */
enum acceptor_peer {
	ACCEPTOR_ANYBODY,
	ACCEPTOR_TRUSTED, /* neither rates nor shares hold for it */
	ACCEPTOR_PROXY,   /* speaks for somebody: acceptor_move() says who */
};

struct accepted {
	int fd; /* the receiver's from now on; non-blocking */
	struct sockaddr_any peer, local;
	struct sockaddr_any proxy; /* that spoke for PEER; len 0: none */
	bool no_trust; /* the proxy didn't say for whom: PEER is its own */
	enum acceptor_peer who;
	struct acceptor_ticket *ticket; /* give back exactly once */
};

/* Called on the loop that got the connection. */
typedef void accepted_fn(void *arg, struct loop *loop,
			 const struct accepted *a);

/* So many that were refused are given the time to read it, so many that give
 * way the time to end, and so many of a proxy the time to say whose they are:
 * all of them beyond the limits. */
#define ACCEPTOR_LINGER_MAX  64
#define ACCEPTOR_LEAVING_MAX 64
#define ACCEPTOR_PENDING_MAX 256
/* Whoever did something useful so lately does not give way. */
#define ACCEPTOR_IDLE_MS 5000
/* Addresses and networks each whose rates are remembered. */
#define ACCEPTOR_RATES_MAX 16384

struct acceptor_limits {
	int64_t connections;        /* in all */
	int64_t connections_per_ip; /* by sockaddr_site(); unix: per uid */
	bool shared;                /* the last quarter is */
	struct conf_rate rate_per_ip, rate_per_network; /* of connections */
};

/* What a listener does with what comes. */
struct acceptor_calls {
	/* What a client over a limit is sent, NULL: nothing. On the home loop;
	 * may be NULL. */
	const char *(*refusal)(void *arg);
	/* On the home loop; may be NULL: ACCEPTOR_ANYBODY. */
	enum acceptor_peer (*judge)(void *arg, const struct sockaddr_any *peer);
	/* For log and counter, on the home loop; may be NULL. LIMIT is
	 * "connections", "connections_share", or the name of the limit per
	 * address or the rate. */
	void (*refused)(void *arg, const struct sockaddr_any *peer,
			const char *limit);
	accepted_fn *accepted;
};

struct acceptor *acceptor_new(struct loop *home, struct loop *const *loops,
			      size_t nloops, const struct log_context *log);
/* From any thread. Without it nothing is limited. */
void acceptor_set_limits(struct acceptor *a,
			 const struct acceptor_limits *limits);
/* Take over FD, a bound and listening socket. Like stop and free: before the
 * home loop runs, or on it but not from within CALLS. When the machine has no
 * descriptor left, accepting pauses for a second and event=accept_paused says
 * why. */
void acceptor_add(struct acceptor *a, int fd,
		  const struct acceptor_calls *calls, void *arg);
/* Close the listening sockets; connections live on. */
void acceptor_stop(struct acceptor *a);
void acceptor_free(struct acceptor **a);

/* Tickets, from any thread. A NULL ticket is counted nowhere. */

void acceptor_release(struct acceptor_ticket **ticket);
/* It is CLIENT's, as somebody said who is believed: it is counted there from
 * now on. NULL, or the limit that it is over; then it is to be closed. NOW is
 * loop_mono_ms(). */
const char *acceptor_move(struct acceptor_ticket *ticket,
			  const struct sockaddr_any *client,
			  enum acceptor_peer who, int64_t now);
/* It is refused: may it be given the time to read that? */
bool acceptor_may_linger(struct acceptor_ticket *ticket);
/* Whom to ask to give way: GIVE_WAY(object of HANDLE), on LOOP, once. */
void acceptor_owned(struct acceptor_ticket *ticket, struct loop *loop,
		    uint64_t handle, loop_fn *give_way);
/* Nothing useful came since NOW; INT64_MAX: something is under way, or it is
 * never asked to give way, as before the first call. */
void acceptor_idle(struct acceptor_ticket *ticket, int64_t now);

/* Bind and listen on a text address (sockaddr_parse_listen). Unix sockets get
 * MODE and GROUP (-1: unchanged), and a stale one is removed first. 0 or -errno
 * (-EEXIST: what is there is no socket). */
int acceptor_bind(const char *address, unsigned mode, long group,
		  int fds[static 2], size_t *ret_n);

/* The file of a unix socket at which nobody listens any more goes away. 0, also
 * when there is none; -EADDRINUSE: somebody does; -EEXIST: it is no socket;
 * other -errno. */
int acceptor_remove_stale(const char *address);

#endif
