#include "net/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/acceptor_counts.h"
#include "net/io.h"

#define ACCEPT_BURST     32   /* connections a listener takes in one turn */
#define ACCEPT_PAUSE_MS  1000 /* when the machine can't give another one */
#define REFUSE_LINGER_MS 2000 /* for the peer to read its refusal */

struct listener {
	TAILQ_ENTRY(listener) link;
	struct acceptor *acceptor; /* borrowed */
	int fd;                    /* owned */
	struct event *event;       /* owned */
	struct sockaddr_any local;
	struct acceptor_calls calls;
	void *arg;
};

/* All but the counts belongs to the home loop. */
struct acceptor {
	struct loop *home;                /* borrowed */
	const struct log_context *log;    /* borrowed */
	TAILQ_HEAD(, listener) listeners; /* owned */
	struct loop_timer pause;
	size_t turn;                    /* the loop that gets the next one */
	struct acceptor_counts *counts; /* owned until counts_close() */
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
		l->calls.accepted(l->arg, loop, accepted);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	*h = (struct handover){
		.accepted = *accepted,
		.fn = l->calls.accepted,
		.arg = l->arg,
		.loop = loop,
	};
	loop_post(loop, &h->post, handover_fn, h);
}

/* A peer that speaks before it listens would get a reset in place of the
 * refusal, so it is heard out for a moment; a flood is not. */
static void
listener_say_no(const struct listener *l, int fd)
{
	struct acceptor_counts *counts = l->acceptor->counts;
	const char *refusal =
		l->calls.refusal != NULL ? l->calls.refusal(l->arg) : NULL;
	struct io *io;

	if (refusal != NULL && counts_may_linger(counts)) {
		io = io_new(l->acceptor->home, fd, NULL, NULL);
		io_on_close(io, counts_lingered, counts);
		io_write(io, refusal, strlen(refusal));
		io_hang_up(&io, REFUSE_LINGER_MS);
		return;
	}
	if (refusal != NULL)
		send(fd, refusal, strlen(refusal), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
listener_refuse(const struct listener *l, int fd,
		const struct sockaddr_any *peer, const char *limit)
{
	listener_say_no(l, fd);
	if (l->calls.refused != NULL)
		l->calls.refused(l->arg, peer, limit);
}

static void
listener_take(struct listener *l, int fd, const struct sockaddr_any *peer)
{
	struct accepted accepted = {.fd = fd, .peer = *peer, .local = l->local};
	const struct acceptor *a = l->acceptor;
	const char *limit = NULL;

	if (l->calls.judge != NULL)
		accepted.who = l->calls.judge(l->arg, peer);
	accepted.ticket = counts_admit(a->counts, fd, peer, accepted.who,
				       loop_mono_ms(a->home), &limit);
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
	a->counts = counts_new();
	a->nloops = nloops;
	memcpy(a->loops, loops, nloops * sizeof(a->loops[0]));
	return a;
}

void
acceptor_set_limits(struct acceptor *a, const struct acceptor_limits *limits)
{
	counts_set_limits(a->counts, limits);
}

void
acceptor_add(struct acceptor *a, int fd, const struct acceptor_calls *calls,
	     void *arg)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	static const int on = 1;

	*l = (struct listener){
		.acceptor = a,
		.fd = fd,
		.calls = *calls,
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

	if (a == NULL)
		return;
	*ap = NULL;
	acceptor_stop(a);
	loop_timer_done(&a->pause);
	counts_close(a->counts);
	free(a);
}
