/*
 * dns_answer - the addresses, mail exchangers or records of a DNS answer in wire
 * format (RFC 1035, 4.1).
 */
#ifndef NET_DNS_ANSWER_H
#define NET_DNS_ANSWER_H

#include "base/arena.h"
#include "net/dns.h"

/* Append the addresses of record type TYPE (ns_t_a or ns_t_aaaa) that the
 * answer section holds to ANSWER, as many as fit. The answer's RCODE
 * (ns_r_noerror is 0), or -EBADMSG. */
int dns_answer_add(struct dns_answer *answer, const void *packet, size_t len,
		   int type);
/* The same with its MX records; of more than fit the best stay. A name that is
 * no host name by its length or its octets is left out, and that noted. */
int dns_answer_add_mx(struct dns_mx_answer *answer, const void *packet,
		      size_t len);
/* The same with its records of TYPE, which live in ARENA. Where an NSEC of the
 * authority section says NXNAME (RFC 9824) it is ns_r_nxdomain. */
int dns_answer_records(struct dns_records *answer, const void *packet,
		       size_t len, int type, struct arena *arena);

/* Room for a name of 253 octets in escapes. */
#define DNS_ESCAPED_MAX (4 * DNS_NAME_MAX)
/* NAME as master files write it (RFC 1035, 5.1), so that every octet counts as
 * itself: true, or false for what the DNS can't have. */
bool dns_name_escape(const char *name, char ret[static DNS_ESCAPED_MAX]);

#endif
