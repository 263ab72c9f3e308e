#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "net/dns_answer.h"

#define NAME_OCTETS_MAX 253
#define LABEL_MAX       63

#define TYPE_NSEC   47
#define TYPE_NXNAME 128 /* RFC 9824, 2 */

static bool
octet_is_plain(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

bool
dns_name_escape(const char *name, char ret[static DNS_ESCAPED_MAX])
{
	size_t len = strlen(name), label = 0;
	char *to = ret;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_OCTETS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '.' ? label == 0 : label == LABEL_MAX)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (c != '.' && !octet_is_plain(c)) {
			*to++ = '\\';
			*to++ = (char)('0' + c / 100);
			*to++ = (char)('0' + c / 10 % 10);
			c = (unsigned char)('0' + c % 10);
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return label > 0;
}

/* The labels of a name in wire form with dots between them; false: one holds a
 * dot or a NUL. */
static bool
labels_join(const unsigned char *wire, char ret[static NS_MAXCDNAME])
{
	size_t at = 0;

	for (size_t n; (n = *wire) > 0; wire += n + 1) {
		if (memchr(wire + 1, '.', n) != NULL ||
		    memchr(wire + 1, '\0', n) != NULL)
			return false;
		if (at > 0)
			ret[at++] = '.';
		memcpy(ret + at, wire + 1, n);
		at += n;
	}
	ret[at] = '\0';
	return true;
}

/* The name OFFSET octets into RR's data: 1; 0: it can't be written; or
 * -EBADMSG. */
static int
record_name(const ns_msg *msg, const ns_rr *rr, size_t offset,
	    struct arena *arena, struct dns_record *ret)
{
	unsigned char wire[NS_MAXCDNAME];
	char name[NS_MAXCDNAME];

	if (ns_rr_rdlen(*rr) < offset + 1 ||
	    ns_name_unpack(ns_msg_base(*msg), ns_msg_end(*msg),
			   ns_rr_rdata(*rr) + offset, wire, sizeof(wire)) < 0)
		return -EBADMSG;
	if (!labels_join(wire, name))
		return 0;
	ret->len = strlen(name);
	ret->data = arena_strndup(arena, name, ret->len);
	return 1;
}

static int
record_text(const ns_rr *rr, struct arena *arena, struct dns_record *ret)
{
	const unsigned char *data = ns_rr_rdata(*rr);
	size_t left = ns_rr_rdlen(*rr), n;
	char *text = arena_alloc(arena, left + 1);

	ret->data = text;
	for (; left > 0; data += n + 1, left -= n + 1) {
		n = *data;
		if (n >= left)
			return -EBADMSG;
		memcpy(text + ret->len, data + 1, n);
		ret->len += n;
	}
	return 1;
}

static int
record_octets(const ns_rr *rr, size_t size, struct arena *arena,
	      struct dns_record *ret)
{
	if (ns_rr_rdlen(*rr) != size)
		return -EBADMSG;
	ret->len = size;
	ret->data = arena_strndup(arena, (const char *)ns_rr_rdata(*rr), size);
	return 1;
}

/* 1; 0: it is left out; or -EBADMSG. */
static int
record_read(const ns_msg *msg, const ns_rr *rr, struct arena *arena,
	    struct dns_record *ret)
{
	*ret = (struct dns_record){.len = 0};
	switch ((int)ns_rr_type(*rr)) {
	case ns_t_a:
		return record_octets(rr, NS_INADDRSZ, arena, ret);
	case ns_t_aaaa:
		return record_octets(rr, NS_IN6ADDRSZ, arena, ret);
	case ns_t_mx:
		if (ns_rr_rdlen(*rr) < NS_INT16SZ)
			return -EBADMSG;
		ret->preference = ns_get16(ns_rr_rdata(*rr));
		return record_name(msg, rr, NS_INT16SZ, arena, ret);
	case ns_t_ptr:
		return record_name(msg, rr, 0, arena, ret);
	case ns_t_txt:
		return record_text(rr, arena, ret);
	default:
		return 0;
	}
}

/* The answer section. The names are not compared: the resolver has followed the
 * aliases and dropped what does not belong to the question. */
static int
read_records(struct dns_records *answer, ns_msg *msg, int type,
	     struct arena *arena)
{
	size_t count = ns_msg_count(*msg, ns_s_an), n = 0;
	struct dns_record *v;
	ns_rr rr;

	if (count > DNS_RECORDS_MAX)
		count = DNS_RECORDS_MAX;
	v = arena_alloc(arena, (count + 1) * sizeof(*v));
	for (int i = 0; i < ns_msg_count(*msg, ns_s_an) && n < count; i++) {
		int r = 0;

		if (ns_parserr(msg, ns_s_an, i, &rr) < 0)
			return -EBADMSG;
		if ((int)ns_rr_type(rr) == type && ns_rr_class(rr) == ns_c_in)
			r = record_read(msg, &rr, arena, &v[n]);
		if (r < 0)
			return r;
		n += (size_t)r;
	}
	answer->v = v;
	answer->n = n;
	return 0;
}

/* Windows of "number, length, bits" (RFC 4034, 4.1.2). */
static bool
bitmap_has(const unsigned char *map, size_t left, int type)
{
	size_t byte = (size_t)(type % 256) / 8;

	for (size_t n; left >= 2 && left >= (n = map[1]) + 2u;
	     left -= n + 2, map += n + 2)
		if (map[0] == type / 256)
			return byte < n &&
			       (map[2 + byte] & 0x80 >> type % 8) != 0;
	return false;
}

/* "No data", with an NSEC in the authority section which says that the name
 * exists for this denial only. */
static bool
says_nxname(ns_msg *msg)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_ns); i++) {
		const unsigned char *data;
		int n;

		if (ns_parserr(msg, ns_s_ns, i, &rr) < 0)
			return false;
		if (ns_rr_type(rr) != TYPE_NSEC || ns_rr_class(rr) != ns_c_in)
			continue;
		data = ns_rr_rdata(rr);
		n = dn_skipname(data, data + ns_rr_rdlen(rr));
		if (n >= 0 && bitmap_has(data + n, ns_rr_rdlen(rr) - (size_t)n,
					 TYPE_NXNAME))
			return true;
	}
	return false;
}

int
dns_answer_records(struct dns_records *answer, const void *packet, size_t len,
		   int type, struct arena *arena)
{
	ns_msg msg;
	int r;

	if (len > NS_MAXMSG || ns_initparse(packet, (int)len, &msg) < 0)
		return -EBADMSG;
	r = read_records(answer, &msg, type, arena);
	if (r < 0)
		return r;
	if (answer->n == 0 && says_nxname(&msg))
		return ns_r_nxdomain;
	return ns_msg_getflag(msg, ns_f_rcode);
}
