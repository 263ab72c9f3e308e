/*
 * The submit socket: anybody on the machine, known by the uid that the kernel
 * names. The login name is looked up in the pool, since a directory service may
 * take its time.
 */
#include "relay/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "relay/login.h"

#define SUBMIT_BUSY "421 4.3.2 busy, try again\r\n"

struct submit {
	struct relay_loop *rl; /* borrowed */
	struct accepted accepted;
	uid_t uid;
	char *login; /* owned */
	struct pool_job job;
};

static void
submit_look_up(void *arg)
{
	struct submit *s = arg;

	s->login = login_of(s->uid);
}

static void
submit_refuse(struct submit *s)
{
	/* The socket buffer is empty: a line always fits. */
	if (write(s->accepted.fd, SUBMIT_BUSY, sizeof(SUBMIT_BUSY) - 1) < 0)
		log_event(&s->rl->relay->log_root, LOG_DEBUG, "disconnect",
			  LOG_STR("client", "local"));
	close(s->accepted.fd);
	acceptor_release(&s->accepted.ticket);
	free(s->login);
	free(s);
}

static void
submit_start(void *arg)
{
	struct submit *s = arg;

	session_start(s->rl->sessions, &s->accepted, CONFIG_SUBMIT_NAME, s->uid,
		      s->login, NULL);
	free(s->login);
	free(s);
}

void
submit_accepted(struct port *port, struct relay_loop *rl,
		const struct accepted *a)
{
	struct submit *s = xcalloc(1, sizeof(*s));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	s->rl = rl;
	s->accepted = *a;
	if (getsockopt(a->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		submit_refuse(s);
		return;
	}
	s->uid = cred.uid;
	if (pool_run(port->relay->disk, &s->job, submit_look_up, rl->loop,
		     submit_start, s) < 0)
		submit_refuse(s);
}
