#include "net/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include <uthash.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/io.h"

#define ACCEPT_BURST     32   /* connections a listener takes in one turn */
#define ACCEPT_PAUSE_MS  1000 /* when the machine can't give another one */
#define REFUSE_LINGER_MS 2000 /* for the peer to read its refusal */

/* Whose connections are counted together. */
struct peer_key {
	uint8_t is_unix;
	uint8_t id[16]; /* sockaddr_site(); a uid for unix sockets */
};

/* One client; every connection from there holds the same ticket. It
 * lives while N > 0. */
struct acceptor_ticket {
	struct acceptor *acceptor; /* borrowed */
	struct peer_key key;
	int64_t n;
	UT_hash_handle hh;
};

struct listener {
	TAILQ_ENTRY(listener) link;
	struct acceptor *acceptor; /* borrowed */
	int fd;                    /* owned */
	struct event *event;       /* owned */
	struct sockaddr_any local;
	const char *refusal; /* borrowed; may be NULL */
	void (*on_refused)(void *arg, const struct sockaddr_any *peer,
			   const char *limit);
	accepted_fn *fn;
	void *arg;
};

/*
 * Listeners, pause and turn belong to the home loop. The counts are given back
 * from any thread, so they have a lock; it is never held over a system call.
 */
struct acceptor {
	struct loop *home;                /* borrowed */
	const struct log_context *log;    /* borrowed */
	TAILQ_HEAD(, listener) listeners; /* owned */
	struct loop_timer pause;
	size_t turn; /* the loop that gets the next one */

	pthread_mutex_t lock;
	struct acceptor_limits limits;
	struct acceptor_ticket *tickets; /* owned */
	int64_t connections;
	int64_t lingering; /* refused, and still to read why */
	bool closed;       /* freed with the last of both */

	size_t nloops;
	struct loop *loops[]; /* borrowed */
};

/* A connection on its way to another loop. */
struct handover {
	struct post post;
	struct accepted accepted;
	accepted_fn *fn;
	void *arg;
	struct loop *loop;
};

static void
acceptor_destroy(struct acceptor *a)
{
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Nobody is left who would give something back. */
static bool
acceptor_is_over(const struct acceptor *a)
{
	return a->closed && a->connections == 0 && a->lingering == 0;
}

static void
peer_key_get(int fd, const struct sockaddr_any *peer, struct peer_key *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(ret, 0, sizeof(*ret));
	if (peer->ss.ss_family != AF_UNIX) {
		sockaddr_site(peer, ret->id);
		return;
	}
	ret->is_unix = 1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		memcpy(ret->id, &cred.uid, sizeof(cred.uid));
}

/* Count one more. NULL when that is too many, with the limit's name. */
static struct acceptor_ticket *
acceptor_admit(struct acceptor *a, const struct peer_key *key,
	       const char **ret_limit)
{
	struct acceptor_ticket *t = NULL;

	pthread_mutex_lock(&a->lock);
	if (a->connections >= a->limits.connections) {
		*ret_limit = "connections";
		goto out;
	}
	HASH_FIND(hh, a->tickets, key, sizeof(*key), t);
	if ((t != NULL ? t->n : 0) >= a->limits.connections_per_ip) {
		*ret_limit = "connections_per_ip";
		t = NULL;
		goto out;
	}
	if (t == NULL) {
		t = xcalloc(1, sizeof(*t));
		t->acceptor = a;
		t->key = *key;
		HASH_ADD(hh, a->tickets, key, sizeof(t->key), t);
	}
	t->n++;
	a->connections++;
out:
	pthread_mutex_unlock(&a->lock);
	return t;
}

void
acceptor_release(struct acceptor_ticket **ticket)
{
	struct acceptor_ticket *t = ticket != NULL ? *ticket : NULL;
	struct acceptor *a;
	bool last;

	if (t == NULL)
		return;
	*ticket = NULL;
	a = t->acceptor;
	pthread_mutex_lock(&a->lock);
	must(t->n > 0);
	if (--t->n == 0) {
		HASH_DEL(a->tickets, t);
		free(t);
	}
	a->connections--;
	last = acceptor_is_over(a);
	pthread_mutex_unlock(&a->lock);
	if (last)
		acceptor_destroy(a);
}

static void
handover_fn(void *arg)
{
	struct handover *h = arg;

	h->fn(h->arg, h->loop, &h->accepted);
	free(h);
}

static void
acceptor_hand_out(struct acceptor *a, const struct listener *l,
		  const struct accepted *accepted)
{
	struct loop *loop = a->loops[a->turn++ % a->nloops];
	struct handover *h;

	if (loop == a->home) {
		l->fn(l->arg, loop, accepted);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	*h = (struct handover){
		.accepted = *accepted,
		.fn = l->fn,
		.arg = l->arg,
		.loop = loop,
	};
	loop_post(loop, &h->post, handover_fn, h);
}

static void
acceptor_lingered(void *arg)
{
	struct acceptor *a = arg;
	bool last;

	pthread_mutex_lock(&a->lock);
	a->lingering--;
	last = acceptor_is_over(a);
	pthread_mutex_unlock(&a->lock);
	if (last)
		acceptor_destroy(a);
}

/* A peer that speaks before it listens would get a reset in place of the
 * refusal, so it is heard out for a moment; a flood is not. */
static bool
acceptor_may_linger(struct acceptor *a)
{
	bool may;

	pthread_mutex_lock(&a->lock);
	may = a->lingering < ACCEPTOR_LINGER_MAX;
	a->lingering += may;
	pthread_mutex_unlock(&a->lock);
	return may;
}

static void
listener_say_no(const struct listener *l, int fd)
{
	struct io *io;

	if (l->refusal != NULL && acceptor_may_linger(l->acceptor)) {
		io = io_new(l->acceptor->home, fd, NULL, NULL);
		io_on_close(io, acceptor_lingered, l->acceptor);
		io_write(io, l->refusal, strlen(l->refusal));
		io_hang_up(&io, REFUSE_LINGER_MS);
		return;
	}
	if (l->refusal != NULL)
		send(fd, l->refusal, strlen(l->refusal),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
listener_refuse(const struct listener *l, int fd,
		const struct sockaddr_any *peer, const char *limit)
{
	listener_say_no(l, fd);
	if (l->on_refused != NULL)
		l->on_refused(l->arg, peer, limit);
}

static void
listener_take(struct listener *l, int fd, const struct sockaddr_any *peer)
{
	struct accepted accepted = {.fd = fd, .peer = *peer, .local = l->local};
	const char *limit = NULL;
	struct peer_key key;

	peer_key_get(fd, peer, &key);
	accepted.ticket = acceptor_admit(l->acceptor, &key, &limit);
	if (accepted.ticket == NULL) {
		listener_refuse(l, fd, peer, limit);
		return;
	}
	if (sockaddr_is_any(&l->local)) {
		accepted.local.len = sizeof(accepted.local.ss);
		getsockname(fd, (struct sockaddr *)&accepted.local.ss,
			    &accepted.local.len);
	}
	acceptor_hand_out(l->acceptor, l, &accepted);
}

static void
acceptor_resume(void *arg)
{
	struct acceptor *a = arg;
	struct listener *l;

	TAILQ_FOREACH (l, &a->listeners, link)
		must(event_add(l->event, NULL) == 0);
}

/* Out of descriptors or memory: whoever waits in the backlog is served when
 * there are some again. */
static void
acceptor_pause(struct acceptor *a, int error)
{
	struct listener *l;

	log_event(a->log, LOG_WARNING, "accept_paused",
		  LOG_STR("reason", strerrordesc_np(error)));
	TAILQ_FOREACH (l, &a->listeners, link)
		event_del(l->event);
	loop_timer_set(&a->pause, ACCEPT_PAUSE_MS);
}

/* Does this errno of accept() speak of one connection only? (accept(2) lists
 * those of the network.) */
static bool
accept_error_is_passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static void
listener_ready(evutil_socket_t lfd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		struct sockaddr_any peer = {.len = sizeof(peer.ss)};
		int fd = accept4(lfd, (struct sockaddr *)&peer.ss, &peer.len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			listener_take(l, fd, &peer);
		} else if (errno == EAGAIN) {
			return;
		} else if (!accept_error_is_passing(errno)) {
			acceptor_pause(l->acceptor, errno);
			return;
		}
	}
}

struct acceptor *
acceptor_new(struct loop *home, struct loop *const *loops, size_t nloops,
	     const struct log_context *log)
{
	struct acceptor *a =
		xcalloc(1, sizeof(*a) + nloops * sizeof(a->loops[0]));

	must(nloops > 0);
	a->home = home;
	a->log = log;
	TAILQ_INIT(&a->listeners);
	loop_timer_init(&a->pause, home, acceptor_resume, a);
	pthread_mutex_init(&a->lock, NULL);
	a->limits = (struct acceptor_limits){INT64_MAX, INT64_MAX};
	a->nloops = nloops;
	memcpy(a->loops, loops, nloops * sizeof(a->loops[0]));
	return a;
}

void
acceptor_set_limits(struct acceptor *a, const struct acceptor_limits *limits)
{
	pthread_mutex_lock(&a->lock);
	a->limits = *limits;
	pthread_mutex_unlock(&a->lock);
}

void
acceptor_add(struct acceptor *a, int fd, const char *refusal,
	     void (*on_refused)(void *arg, const struct sockaddr_any *peer,
				const char *limit),
	     accepted_fn *fn, void *arg)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	static const int on = 1;

	*l = (struct listener){
		.acceptor = a,
		.fd = fd,
		.refusal = refusal,
		.on_refused = on_refused,
		.fn = fn,
		.arg = arg,
	};
	l->local.len = sizeof(l->local.ss);
	getsockname(fd, (struct sockaddr *)&l->local.ss, &l->local.len);
	/* What is accepted inherits it, which saves a call each. */
	if (l->local.ss.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	evutil_make_socket_nonblocking(fd);
	l->event = event_new(loop_base(a->home), fd, EV_READ | EV_PERSIST,
			     listener_ready, l);
	must(l->event != NULL && event_add(l->event, NULL) == 0);
	TAILQ_INSERT_TAIL(&a->listeners, l, link);
}

void
acceptor_stop(struct acceptor *a)
{
	struct listener *l;

	loop_timer_clear(&a->pause);
	while ((l = TAILQ_FIRST(&a->listeners)) != NULL) {
		TAILQ_REMOVE(&a->listeners, l, link);
		event_free(l->event);
		close(l->fd);
		free(l);
	}
}

void
acceptor_free(struct acceptor **ap)
{
	struct acceptor *a = ap != NULL ? *ap : NULL;
	bool last;

	if (a == NULL)
		return;
	*ap = NULL;
	acceptor_stop(a);
	loop_timer_done(&a->pause);
	pthread_mutex_lock(&a->lock);
	a->closed = true;
	last = acceptor_is_over(a);
	pthread_mutex_unlock(&a->lock);
	if (last)
		acceptor_destroy(a);
}
