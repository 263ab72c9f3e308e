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
	sockaddr_unmap(a);
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

/* Room for PREFERENCE behind its equals; NULL when there are better ones
 * enough. */
static struct dns_mx *
answer_mx_place(struct dns_mx_answer *a, unsigned preference)
{
	size_t at = a->n;

	while (at > 0 && a->v[at - 1].preference > preference)
		at--;
	if (at == DNS_MX_MAX)
		return NULL;
	if (a->n < DNS_MX_MAX)
		a->n++;
	memmove(&a->v[at + 1], &a->v[at], (a->n - 1 - at) * sizeof(a->v[0]));
	return &a->v[at];
}

/* Escapes stand for octets that no host's name has; it ends up in replies and
 * logs. */
static bool
answer_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len >= DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '\\')
			return false;
	return true;
}

static int
answer_mx(struct dns_mx_answer *answer, const ns_msg *msg, const ns_rr *rr)
{
	const unsigned char *data = ns_rr_rdata(*rr);
	char name[NS_MAXDNAME];
	struct dns_mx *mx;
	unsigned preference;

	if (ns_rr_rdlen(*rr) < NS_INT16SZ + 1)
		return -EBADMSG;
	preference = ns_get16(data);
	if (ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg),
			       data + NS_INT16SZ, name, sizeof(name)) < 0)
		return -EBADMSG;
	if (!answer_name_ok(name)) {
		answer->unusable = true;
		return 0;
	}
	mx = answer_mx_place(answer, preference);
	if (mx == NULL)
		return 0;
	mx->preference = (uint16_t)preference;
	/* The root is written "." or "". */
	if (strcmp(name, ".") == 0)
		name[0] = '\0';
	memcpy(mx->host, name, strlen(name) + 1);
	return 0;
}

int
dns_answer_add_mx(struct dns_mx_answer *answer, const void *packet, size_t len)
{
	ns_msg msg;
	ns_rr rr;

	if (len > NS_MAXMSG || ns_initparse(packet, (int)len, &msg) < 0)
		return -EBADMSG;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0 ||
		    (ns_rr_type(rr) == ns_t_mx && ns_rr_class(rr) == ns_c_in &&
		     answer_mx(answer, &msg, &rr) < 0)) {
			answer->n = 0; /* half a list may lack the best */
			return -EBADMSG;
		}
	}
	return ns_msg_getflag(msg, ns_f_rcode);
}
