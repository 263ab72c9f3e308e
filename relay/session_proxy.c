#include "relay/session_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "net/io.h"
#include "net/proxy_in.h"
#include "relay/session_impl.h"

/* A proxy sends it at once: what is longer on its way is lost. */
#define PROXIED_WITHIN_MS 10000
#define PROXIED_LINGER_MS 2000

struct proxied {
	struct sessions *all;     /* borrowed */
	struct accepted accepted; /* owned: its descriptor and ticket */
	char *service;            /* owned */
};

static void
proxied_free(struct proxied *p)
{
	free(p->service);
	free(p);
}

static void
proxied_closed(void *ticket)
{
	struct acceptor_ticket *t = ticket;

	acceptor_release(&t);
}

static void
proxied_refuse(struct proxied *p, const struct service *service,
	       enum smtp_in_no no, const char *why)
{
	const struct smtp_in_refusal *row = &smtp_in_refusals[no];
	char ip[SOCKADDR_TEXT_MAX], *line;
	struct io *io;

	sockaddr_ip(&p->accepted.peer, ip);
	metric_add(service->refused[no], 1);
	log_event(p->all->log, LOG_WARNING, "refuse", LOG_STR("client", ip),
		  LOG_STR("verb", "connect"), LOG_INT("code", row->code),
		  LOG_STR("dsn", row->dsn), LOG_STR("reason", row->reason),
		  LOG_STR("why", why), LOG_STR("listener", p->service));
	if (service->smtp.tls == CONFIG_TLS_IMPLICIT) {
		/* In clear it would be none for who begins with TLS. */
		close(p->accepted.fd);
		acceptor_release(&p->accepted.ticket);
		return;
	}
	line = xasprintf("%d %s %s\r\n", row->code, row->dsn, row->text);
	if (acceptor_may_linger(p->accepted.ticket)) {
		io = io_new(p->all->loop, p->accepted.fd, NULL, NULL);
		io_on_close(io, proxied_closed, p->accepted.ticket);
		io_write(io, line, strlen(line));
		io_hang_up(&io, PROXIED_LINGER_MS);
	} else {
		send(p->accepted.fd, line, strlen(line),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
		close(p->accepted.fd);
		acceptor_release(&p->accepted.ticket);
	}
	free(line);
}

static const char *
proxied_why(int result)
{
	switch (result) {
	case -EINVAL:
		return "it began with something else than a PROXY header";
	case -ETIMEDOUT:
		return "no PROXY header came in time";
	default:
		return "it hung up before its PROXY header";
	}
}

/* From now on all looks at the address that was told; without one, the proxy
 * may do what anybody may. */
static void
proxied_take(struct accepted *a, const struct proxy_header *header)
{
	a->proxy = a->peer;
	a->no_trust = !header->known;
	if (header->known) {
		a->peer = header->client;
		a->local = header->server;
	}
}

static void
proxied_known(void *arg, int result, const struct proxy_header *header)
{
	struct proxied *p = arg;
	struct accepted *a = &p->accepted;
	const struct service *service = NULL;
	const char *limit;

	/* With the loop all sessions ended, and before it. */
	if (result != -ECANCELED && !p->all->stopping)
		service = snapshot_service(p->all->snapshot, p->service);
	if (service == NULL) {
		close(a->fd);
		acceptor_release(&a->ticket);
		proxied_free(p);
		return;
	}
	if (result < 0) {
		proxied_refuse(p, service, SMTP_IN_NO_PROXY,
			       proxied_why(result));
		proxied_free(p);
		return;
	}
	proxied_take(a, header);
	a->who = !a->no_trust && network_list_has(service->trusted, &a->peer)
			 ? ACCEPTOR_TRUSTED
			 : ACCEPTOR_ANYBODY;
	limit = acceptor_move(a->ticket, &a->peer, a->who,
			      loop_mono_ms(p->all->loop));
	if (limit != NULL)
		proxied_refuse(p, service, SMTP_IN_NO_CONNECTIONS, limit);
	else
		session_start(p->all, a, p->service, -1, NULL, NULL);
	proxied_free(p);
}

void
session_proxied(struct sessions *all, const struct accepted *accepted,
		const char *service)
{
	struct proxied *p = xcalloc(1, sizeof(*p));

	p->all = all;
	p->accepted = *accepted;
	p->service = xstrdup(service);
	proxy_in_start(all->loop, accepted->fd, PROXIED_WITHIN_MS,
		       proxied_known, p);
}
