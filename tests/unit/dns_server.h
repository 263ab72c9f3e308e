/*
 * dns_server - a name server of a few records, on the loop of the test.
 */
#ifndef TESTS_UNIT_DNS_SERVER_H
#define TESTS_UNIT_DNS_SERVER_H

#include <stddef.h>

#include "net/dns.h"
#include "net/loop.h"
#include "tests/unit/dns_port.h"

#define DNS_ROW_MUTE (-1)

/* A name without a row does not exist. */
struct dns_row {
	const char *name; /* as ns_rr_name() writes it */
	int type;         /* 0: none, the name is only there; an NSEC is given
			   * where there is nothing else */
	const char *data; /* in wire form */
	size_t len;
	int rcode; /* of all questions for NAME, or DNS_ROW_MUTE */
};

/* The DATA and LEN of a literal. */
#define DNS_DATA(s) (s), sizeof(s) - 1

struct dns_server {
	struct dns_port port;
	const struct dns_row *rows; /* borrowed */
	size_t n;
};

void dns_server_init(struct dns_server *s, struct loop *loop,
		     const struct dns_row *rows, size_t n);
void dns_server_done(struct dns_server *s);
/* A resolver that asks S. */
struct dns *dns_server_resolver(struct dns_server *s, struct loop *loop,
				int64_t timeout_ms);

#endif
