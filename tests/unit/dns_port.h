/*
 * dns_port - questions that come over the wire to a test's own name server, on
 * its loop.
 */
#ifndef TESTS_UNIT_DNS_PORT_H
#define TESTS_UNIT_DNS_PORT_H

#include "net/loop.h"
#include "tests/unit/dns_wire.h"

struct dns_port_question {
	unsigned id;
	const char *name; /* as ns_rr_name() writes it */
	int type;
};

/* Write the answer into W, which is empty; left so there is none. */
typedef void dns_port_fn(void *arg, const struct dns_port_question *q,
			 struct wire *w);

struct dns_port {
	int fd;
	struct event *event;
	dns_port_fn *fn;
	void *arg;
	int asked;
	char address[40]; /* for struct dns_conf */
};

void dns_port_init(struct dns_port *p, struct loop *loop, dns_port_fn *fn,
		   void *arg);
void dns_port_done(struct dns_port *p);

#endif
