#include "tests/unit/dns_server.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
wire_reply(const struct dns_server *s, struct wire *w,
	   const struct dns_port_question *q, int rcode)
{
	unsigned answers, authority = 0;

	wire_number(w, q->id, 2);
	wire_number(w, 0x8180u | (unsigned)rcode, 2);
	wire_number(w, 1, 2);
	wire_number(w, 0, 4);
	wire_number(w, 0, 2);
	wire_name(w, q->name);
	wire_number(w, (unsigned)q->type, 2);
	wire_number(w, ns_c_in, 2);
	answers = append_rows(s, q->name, q->type, w);
	if (answers == 0)
		authority = append_rows(s, q->name, TYPE_NSEC, w);
	wire_counts(w, answers, authority);
}

static void
server_answer(void *arg, const struct dns_port_question *q, struct wire *w)
{
	struct dns_server *s = arg;
	int rcode = find_rcode(s, q->name);

	if (rcode != DNS_ROW_MUTE)
		wire_reply(s, w, q, rcode);
}

void
dns_server_init(struct dns_server *s, struct loop *loop,
		const struct dns_row *rows, size_t n)
{
	*s = (struct dns_server){.rows = rows, .n = n};
	dns_port_init(&s->port, loop, server_answer, s);
}

void
dns_server_done(struct dns_server *s)
{
	dns_port_done(&s->port);
}

struct dns *
dns_server_resolver(struct dns_server *s, struct loop *loop, int64_t timeout_ms)
{
	char *servers[1] = {s->port.address}, *why = NULL;
	struct dns_conf conf = {
		.servers = {.n = 1, .v = servers},
		.timeout_ms = timeout_ms,
	};
	struct dns *dns = NULL;

	if (dns_new(loop, &conf, &dns, &why) != 0)
		fail_msg("%s", why);
	return dns;
}
