/*
 * dns - names to addresses, mail exchangers and other records on a loop, through
 * libunbound; /etc/hosts first.
 *
 * One resolver context per loop, whose cache keeps answers as long as their
 * TTL says. Every question has a deadline of its own (a dead forwarder makes
 * libunbound silent). The callback runs exactly once, on the loop, never from
 * within the call that asked, unless the query was cancelled.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "net/loop.h"
#include "net/sockaddr.h"

struct dns_conf {
	struct conf_strings servers; /* "ADDRESS" or "ADDRESS@PORT"; empty:
				      * resolv.conf */
	int64_t timeout_ms;
	char *trust_anchor; /* file; "": no validation */
};

extern const struct conf_table dns_conf_table;

struct dns;
struct dns_query;

enum dns_status {
	DNS_OK,       /* at least one record */
	DNS_NONE,     /* the name has none, or does not exist */
	DNS_TEMPFAIL, /* timeout, SERVFAIL, bogus: try again */
};

#define DNS_ADDRESSES_MAX 32

struct dns_answer {
	enum dns_status status;
	size_t n; /* addresses, port 0, IPv6 and IPv4 as they came */
	struct sockaddr_any v[DNS_ADDRESSES_MAX];
	bool partial; /* with DNS_OK: the question for the other family failed,
		       * for which there may be addresses too */
	const char *why; /* for a log or a bounce, without a final dot; valid
			  * during the callback; "" with DNS_OK, unless it is
			  * partial */
};

#define DNS_MX_MAX   32
#define DNS_NAME_MAX 256

struct dns_mx {
	uint16_t preference;
	char host[DNS_NAME_MAX]; /* no final dot; "" is the root, which with
				  * no other one says "no mail" (RFC 7505) */
};

struct dns_mx_answer {
	enum dns_status status;
	bool no_name;  /* with DNS_NONE: the name does not exist at all */
	bool unusable; /* one was left out: its name is no host's. Where that
			* leaves none, the status is DNS_TEMPFAIL */
	size_t n;      /* the best, in the order of their preference */
	struct dns_mx v[DNS_MX_MAX];
	const char *why; /* as above */
};

#define DNS_RECORDS_MAX 100 /* of one answer; more are left out */

struct dns_record {
	/* A: 4 octets, AAAA: 16; MX and PTR: the host's name, "" is the root;
	 * TXT: all its strings, one behind the other. Followed by a NUL. */
	const char *data;
	size_t len;
	uint16_t preference; /* MX */
};

struct dns_records {
	enum dns_status status;
	bool no_name;   /* with DNS_NONE: the name does not exist at all, by the
			 * code of the answer or by an NSEC with NXNAME
			 * (RFC 9824) */
	bool authentic; /* DNSSEC proves the answer, whichever it is */
	size_t n;
	const struct dns_record
		*v;      /* as they came; valid during the callback */
	const char *why; /* as above */
};

typedef void dns_fn(void *arg, const struct dns_answer *answer);

/* 0 or -errno; -EINVAL with a line in *RET_WHY (owned by the caller). */
int dns_new(struct loop *loop, const struct dns_conf *conf,
	    struct dns **ret_dns, char **ret_why);
/* Questions under way end without a callback. */
void dns_free(struct dns **dns);
/* A and AAAA of NAME, asked side by side; a literal address (without brackets)
 * answers itself. What one of the two brought counts, also when the other
 * failed or was too late. */
struct dns_query *dns_addresses(struct dns *dns, const char *name, dns_fn *fn,
				void *arg);
typedef void dns_mx_fn(void *arg, const struct dns_mx_answer *answer);
/* The mail exchangers of NAME. */
struct dns_query *dns_mx(struct dns *dns, const char *name, dns_mx_fn *fn,
			 void *arg);
typedef void dns_records_fn(void *arg, const struct dns_records *answer);
/* The records of NAME of one TYPE: ns_t_a, ns_t_aaaa, ns_t_mx, ns_t_ptr or
 * ns_t_txt. Names, also those in the records, are labels with dots between
 * them, of any octets but NUL and nothing escaped; a record with a name that
 * can't be written so is left out. What is no name of the
 * DNS does not exist. */
struct dns_query *dns_records(struct dns *dns, const char *name, int type,
			      dns_records_fn *fn, void *arg);
/* No callback any more. Leaves NULL. */
void dns_cancel(struct dns_query **query);

#endif
