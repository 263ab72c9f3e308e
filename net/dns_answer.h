/*
 * dns_answer - the addresses or mail exchangers of a DNS answer in wire format
 * (RFC 1035, 4.1).
 */
#ifndef NET_DNS_ANSWER_H
#define NET_DNS_ANSWER_H

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

#endif
