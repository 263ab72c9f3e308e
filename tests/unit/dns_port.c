#include "tests/unit/dns_port.h"

#include <arpa/nameser.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/test.h"

static void
dp_ready(evutil_socket_t fd, short what, void *arg)
{
	struct dns_port *p = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	unsigned char data[1500];
	struct wire w = {.len = 0};
	ns_msg msg;
	ns_rr rr;
	ssize_t n = recvfrom(fd, data, sizeof(data), 0,
			     (struct sockaddr *)&from, &len);

	(void)what;
	if (n <= 0)
		return;
	p->asked++;
	assert_int_equal(ns_initparse(data, (int)n, &msg), 0);
	assert_int_equal(ns_parserr(&msg, ns_s_qd, 0, &rr), 0);
	p->fn(p->arg,
	      &(struct dns_port_question){.id = ns_msg_id(msg),
					  .name = ns_rr_name(rr),
					  .type = ns_rr_type(rr)},
	      &w);
	if (w.len > 0)
		sendto(fd, w.data, w.len, 0, (struct sockaddr *)&from, len);
}

void
dns_port_init(struct dns_port *p, struct loop *loop, dns_port_fn *fn, void *arg)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	*p = (struct dns_port){.fn = fn, .arg = arg};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&a, len), 0);
	getsockname(p->fd, (struct sockaddr *)&a, &len);
	snprintf(p->address, sizeof(p->address), "127.0.0.1@%d",
		 ntohs(a.sin_port));
	p->event = event_new(loop_base(loop), p->fd, EV_READ | EV_PERSIST,
			     dp_ready, p);
	event_add(p->event, NULL);
}

void
dns_port_done(struct dns_port *p)
{
	event_free(p->event);
	close(p->fd);
}
