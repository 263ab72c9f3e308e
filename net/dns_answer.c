#include "net/dns_answer.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

static void
answer_add_ipv4(struct sockaddr_any *a, const void *data)
{
	struct sockaddr_in *in = (void *)&a->ss;

	*a = (struct sockaddr_any){.len = sizeof(*in)};
	in->sin_family = AF_INET;
	memcpy(&in->sin_addr, data, NS_INADDRSZ);
}

static void
answer_add_ipv6(struct sockaddr_any *a, const void *data)
{
	struct sockaddr_in6 *in6 = (void *)&a->ss;

	*a = (struct sockaddr_any){.len = sizeof(*in6)};
	in6->sin6_family = AF_INET6;
	memcpy(&in6->sin6_addr, data, NS_IN6ADDRSZ);
}

int
dns_answer_add(struct dns_answer *answer, const void *packet, size_t len,
	       int type)
{
	size_t size = type == ns_t_a ? NS_INADDRSZ : NS_IN6ADDRSZ;
	ns_msg msg;
	ns_rr rr;

	if (len > NS_MAXMSG || ns_initparse(packet, (int)len, &msg) < 0)
		return -EBADMSG;
	/* The names are not compared: the resolver has followed the aliases
	 * and dropped what does not belong to the question. */
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0)
			return -EBADMSG;
		if ((int)ns_rr_type(rr) != type || ns_rr_class(rr) != ns_c_in ||
		    ns_rr_rdlen(rr) != size)
			continue;
		if (answer->n == DNS_ADDRESSES_MAX)
			break;
		if (type == ns_t_a)
			answer_add_ipv4(&answer->v[answer->n++],
					ns_rr_rdata(rr));
		else
			answer_add_ipv6(&answer->v[answer->n++],
					ns_rr_rdata(rr));
	}
	return ns_msg_getflag(msg, ns_f_rcode);
}
