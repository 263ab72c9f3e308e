#include "tests/unit/dns_server.h"

#include <arpa/nameser.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/unit/dns_wire.h"
#include "tests/unit/test.h"

#define TYPE_NSEC 47

/* Append what there is of TYPE, or with TYPE_NSEC for the denial; how many. */
static unsigned
append_rows(const struct dns_server *s, const char *name, int type,
	    struct wire *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct dns_row *row = &s->rows[i];

		if (row->type != type || strcasecmp(row->name, name) != 0)
			continue;
		wire_record(w, name, type, row->len);
		assert_true(w->len + row->len <= sizeof(w->data));
		memcpy(w->data + w->len, row->data, row->len);
		w->len += row->len;
		n++;
	}
	return n;
}

static int
find_rcode(const struct dns_server *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->rows[i].name, name) == 0)
			return s->rows[i].rcode;
	return ns_r_nxdomain;
}

static void
wire_counts(struct wire *w, unsigned answers, unsigned authority)
{
	size_t len = w->len;

	w->len = 6;
	wire_number(w, answers, 2);
	wire_number(w, authority, 2);
	w->len = len;
}

static void
wire_reply(const struct dns_server *s, struct wire *w, unsigned id,
	   const char *name, int type, int rcode)
{
	unsigned answers, authority = 0;

	w->len = 0;
	wire_number(w, id, 2);
	wire_number(w, 0x8180u | (unsigned)rcode, 2);
	wire_number(w, 1, 2);
	wire_number(w, 0, 4);
	wire_number(w, 0, 2);
	wire_name(w, name);
	wire_number(w, (unsigned)type, 2);
	wire_number(w, ns_c_in, 2);
	answers = append_rows(s, name, type, w);
	if (answers == 0)
		authority = append_rows(s, name, TYPE_NSEC, w);
	wire_counts(w, answers, authority);
}

static void
server_ready(evutil_socket_t fd, short what, void *arg)
{
	struct dns_server *s = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	unsigned char data[1500];
	struct wire w;
	ns_msg msg;
	ns_rr rr;
	int rcode;
	ssize_t n = recvfrom(fd, data, sizeof(data), 0,
			     (struct sockaddr *)&from, &len);

	(void)what;
	if (n <= 0)
		return;
	s->asked++;
	assert_int_equal(ns_initparse(data, (int)n, &msg), 0);
	assert_int_equal(ns_parserr(&msg, ns_s_qd, 0, &rr), 0);
	rcode = find_rcode(s, ns_rr_name(rr));
	if (rcode == DNS_ROW_MUTE)
		return;
	wire_reply(s, &w, ns_msg_id(msg), ns_rr_name(rr), ns_rr_type(rr),
		   rcode);
	sendto(fd, w.data, w.len, 0, (struct sockaddr *)&from, len);
}

void
dns_server_init(struct dns_server *s, struct loop *loop,
		const struct dns_row *rows, size_t n)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	*s = (struct dns_server){.rows = rows, .n = n};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, len), 0);
	getsockname(s->fd, (struct sockaddr *)&a, &len);
	snprintf(s->address, sizeof(s->address), "127.0.0.1@%d",
		 ntohs(a.sin_port));
	s->event = event_new(loop_base(loop), s->fd, EV_READ | EV_PERSIST,
			     server_ready, s);
	event_add(s->event, NULL);
}

void
dns_server_done(struct dns_server *s)
{
	event_free(s->event);
	close(s->fd);
}

struct dns *
dns_server_resolver(struct dns_server *s, struct loop *loop, int64_t timeout_ms)
{
	char *servers[1] = {s->address}, *why = NULL;
	struct dns_conf conf = {
		.servers = {.n = 1, .v = servers},
		.timeout_ms = timeout_ms,
	};
	struct dns *dns = NULL;

	if (dns_new(loop, &conf, &dns, &why) != 0)
		fail_msg("%s", why);
	return dns;
}
