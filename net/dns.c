/*
 * A question for addresses is two of libunbound's, A and AAAA; any other is one.
 * Its end is
 * always told from the end of a turn: libunbound answers from its cache and
 * from /etc/hosts before ub_resolve_event() returns, and its own stack is no
 * place for an owner who may free the resolver.
 */
#include "net/dns.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "net/dns_answer.h"

#define DNS_HOSTS "/etc/hosts"

struct dns {
	struct loop *loop;  /* borrowed */
	struct ub_ctx *ctx; /* owned */
	int64_t timeout_ms;
	LIST_HEAD(, dns_query) queries; /* owned */
};

/* One of the two questions. */
struct dns_leg {
	struct dns_query *query;
	int type;
	int async_id;
	bool pending;
};

struct dns_query;

/* What is asked for: how an answer is read into the query, what it says when
 * there is none, and how its end is told. */
struct dns_kind {
	int (*read)(struct dns_query *q, const void *packet, size_t len,
		    int type);
	void (*sum_up)(struct dns_query *q);
	void (*tell)(const struct dns_query *q);
	const char *none;
};

struct dns_query {
	LIST_ENTRY(dns_query) link;
	struct dns *dns; /* borrowed; NULL when that is gone */
	const struct dns_kind *kind;
	union {
		dns_fn *addresses;
		dns_mx_fn *mx;
		dns_records_fn *records;
	} fn;
	void *arg;
	bool cancelled;
	struct dns_leg leg[2];
	struct loop_timer deadline;
	struct post end;
	bool ending; /* END is posted */
	bool asking; /* not all legs were asked yet */
	bool failed; /* one of the legs brought no answer */
	bool no_name;
	bool authentic;
	struct arena arena;
	union {
		struct dns_answer addresses;
		struct dns_mx_answer *mx; /* in ARENA */
		struct dns_records records;
	} answer;
	char why[256];
};

/* Keep the first reason for a failure; the text may hold a peer's bytes. */
static void
query_failed(struct dns_query *q, const char *why, const char *detail)
{
	if (q->failed)
		return;
	q->failed = true;
	snprintf(q->why, sizeof(q->why), "%s%s%.200s", why,
		 detail != NULL ? ": " : "", detail != NULL ? detail : "");
	for (char *c = q->why; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void
query_none(struct dns_query *q, const char *why)
{
	if (!q->failed)
		snprintf(q->why, sizeof(q->why), "%s", why);
}

static void
query_invalid(struct dns_query *q)
{
	q->no_name = true;
	query_none(q, "the name is not a valid domain name");
}

/* Forget what libunbound still works on. */
static void
query_drop_legs(struct dns_query *q)
{
	for (int i = 0; i < 2; i++)
		if (q->leg[i].pending)
			ub_cancel(q->dns->ctx, q->leg[i].async_id);
	q->leg[0].pending = q->leg[1].pending = false;
	loop_timer_done(&q->deadline);
}

static enum dns_status
query_status(const struct dns_query *q, size_t n)
{
	return n > 0 ? DNS_OK : q->failed ? DNS_TEMPFAIL : DNS_NONE;
}

static int
addresses_read(struct dns_query *q, const void *packet, size_t len, int type)
{
	return dns_answer_add(&q->answer.addresses, packet, len, type);
}

static void
addresses_sum_up(struct dns_query *q)
{
	struct dns_answer *a = &q->answer.addresses;

	a->status = query_status(q, a->n);
	a->partial = a->n > 0 && q->failed;
	a->why = a->n > 0 && !q->failed ? "" : q->why;
}

static void
addresses_tell(const struct dns_query *q)
{
	q->fn.addresses(q->arg, &q->answer.addresses);
}

static const struct dns_kind kind_addresses = {
	.read = addresses_read,
	.sum_up = addresses_sum_up,
	.tell = addresses_tell,
	.none = "the name has no address",
};

static int
mx_read(struct dns_query *q, const void *packet, size_t len, int type)
{
	(void)type;
	return dns_answer_add_mx(q->answer.mx, packet, len);
}

/* There are records, but none that names a host: that is neither "no MX" nor,
 * by a root that is left, "no mail" (RFC 5321, 5.1). */
static void
mx_check(struct dns_query *q)
{
	struct dns_mx_answer *mx = q->answer.mx;

	if (!mx->unusable)
		return;
	for (size_t i = 0; i < mx->n; i++)
		if (mx->v[i].host[0] != '\0')
			return;
	mx->n = 0;
	query_failed(q, "none of its MX records names a usable host", NULL);
}

static void
mx_sum_up(struct dns_query *q)
{
	struct dns_mx_answer *mx = q->answer.mx;

	mx_check(q);
	mx->status = query_status(q, mx->n);
	mx->no_name = q->no_name;
	mx->why = mx->n > 0 ? "" : q->why;
}

static void
mx_tell(const struct dns_query *q)
{
	q->fn.mx(q->arg, q->answer.mx);
}

static const struct dns_kind kind_mx = {
	.read = mx_read,
	.sum_up = mx_sum_up,
	.tell = mx_tell,
	.none = "the name has no MX record",
};

static int
records_read(struct dns_query *q, const void *packet, size_t len, int type)
{
	return dns_answer_records(&q->answer.records, packet, len, type,
				  &q->arena);
}

static void
records_sum_up(struct dns_query *q)
{
	struct dns_records *a = &q->answer.records;

	a->status = query_status(q, a->n);
	a->no_name = q->no_name;
	a->authentic = q->authentic && !q->failed;
	a->why = a->n > 0 ? "" : q->why;
}

static void
records_tell(const struct dns_query *q)
{
	q->fn.records(q->arg, &q->answer.records);
}

static const struct dns_kind kind_records = {
	.read = records_read,
	.sum_up = records_sum_up,
	.tell = records_tell,
	.none = "the name has no such record",
};

static void
query_end(void *arg)
{
	struct dns_query *q = arg;

	if (q->dns != NULL)
		LIST_REMOVE(q, link);
	if (!q->cancelled)
		q->kind->tell(q);
	arena_done(&q->arena);
	free(q);
}

static void
query_post_end(struct dns_query *q)
{
	q->kind->sum_up(q);
	query_drop_legs(q);
	q->ending = true;
	loop_defer(q->dns->loop, &q->end, query_end, q);
}

static void
query_deadline(void *arg)
{
	struct dns_query *q = arg;

	query_failed(q, "no answer from the DNS in time", NULL);
	query_post_end(q);
}

static void
leg_no_name(struct dns_query *q)
{
	q->no_name = true;
	query_none(q, "the name does not exist");
}

/* libunbound's callback. RCODE 2 without a packet is also what a resolver that
 * is being deleted says. */
static void
leg_answered(void *arg, int rcode, void *packet, int len, int security,
	     char *why_bogus, int was_limited)
{
	struct dns_leg *leg = arg;
	struct dns_query *q = leg->query;

	(void)was_limited;
	leg->pending = false;
	/* "No such name" is only in the packet. What is bogus stays unread. */
	if (security != 1 && rcode == ns_r_noerror)
		rcode = len <= 0 ? -EBADMSG
				 : q->kind->read(q, packet, (size_t)len,
						 leg->type);
	q->authentic = security == 2;
	if (security == 1)
		query_failed(q, "the DNS answer is not authentic", why_bogus);
	else if (rcode == ns_r_nxdomain)
		leg_no_name(q);
	else if (rcode == ns_r_noerror)
		query_none(q, q->kind->none);
	else
		query_failed(q,
			     rcode < 0 ? "the DNS answer is malformed"
				       : "the DNS server failed",
			     NULL);
	if (!q->asking && !q->leg[0].pending && !q->leg[1].pending)
		query_post_end(q);
}

static void
leg_ask(struct dns_query *q, struct dns_leg *leg, const char *name, int type)
{
	int r;

	*leg = (struct dns_leg){.query = q, .type = type, .pending = true};
	r = ub_resolve_event(q->dns->ctx, name, type, ns_c_in, leg,
			     leg_answered, &leg->async_id);
	if (r == UB_NOERROR)
		return;
	leg->pending = false;
	if (r == UB_SYNTAX)
		query_invalid(q);
	else
		query_failed(q, "the DNS can't be asked", ub_strerror(r));
}

static struct dns_query *
query_new(struct dns *dns, const struct dns_kind *kind, void *arg)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));

	q->dns = dns;
	q->kind = kind;
	arena_init(&q->arena);
	q->arg = arg;
	loop_timer_init(&q->deadline, dns->loop, query_deadline, q);
	LIST_INSERT_HEAD(&dns->queries, q, link);
	return q;
}

static void
query_asked(struct dns_query *q)
{
	q->asking = false;
	if (q->leg[0].pending || q->leg[1].pending)
		loop_timer_set(&q->deadline, q->dns->timeout_ms);
	else
		query_post_end(q);
}

struct dns_query *
dns_addresses(struct dns *dns, const char *name, dns_fn *fn, void *arg)
{
	struct dns_query *q = query_new(dns, &kind_addresses, arg);
	struct dns_answer *a = &q->answer.addresses;

	q->fn.addresses = fn;
	if (sockaddr_parse_ip(name, 0, &a->v[0]) == 0) {
		a->n = 1;
		query_post_end(q);
		return q;
	}
	q->asking = true;
	leg_ask(q, &q->leg[0], name, ns_t_aaaa);
	leg_ask(q, &q->leg[1], name, ns_t_a);
	query_asked(q);
	return q;
}

struct dns_query *
dns_mx(struct dns *dns, const char *name, dns_mx_fn *fn, void *arg)
{
	struct dns_query *q = query_new(dns, &kind_mx, arg);

	q->fn.mx = fn;
	q->answer.mx = arena_alloc(&q->arena, sizeof(*q->answer.mx));
	q->asking = true;
	leg_ask(q, &q->leg[0], name, ns_t_mx);
	query_asked(q);
	return q;
}

struct dns_query *
dns_records(struct dns *dns, const char *name, int type, dns_records_fn *fn,
	    void *arg)
{
	struct dns_query *q = query_new(dns, &kind_records, arg);
	char escaped[DNS_ESCAPED_MAX];

	q->fn.records = fn;
	q->asking = true;
	if (dns_name_escape(name, escaped))
		leg_ask(q, &q->leg[0], escaped, type);
	else
		query_invalid(q);
	query_asked(q);
	return q;
}

void
dns_cancel(struct dns_query **query)
{
	struct dns_query *q = query != NULL ? *query : NULL;

	if (q == NULL)
		return;
	*query = NULL;
	q->cancelled = true;
	if (q->ending)
		return; /* freed by what is posted */
	query_drop_legs(q);
	query_end(q);
}

static int
dns_set_servers(struct dns *dns, const struct dns_conf *conf, char **ret_why)
{
	int r;

	for (size_t i = 0; i < conf->servers.n; i++) {
		r = ub_ctx_set_fwd(dns->ctx, conf->servers.v[i]);
		if (r == UB_NOERROR)
			continue;
		*ret_why = xasprintf("dns server %s: %s", conf->servers.v[i],
				     ub_strerror(r));
		return -EINVAL;
	}
	if (conf->servers.n > 0)
		return 0;
	r = ub_ctx_resolvconf(dns->ctx, NULL);
	if (r == UB_NOERROR)
		return 0;
	*ret_why = xasprintf("resolv.conf: %s", ub_strerror(r));
	return -EINVAL;
}

static int
dns_set_hosts(struct dns *dns, char **ret_why)
{
	int r = ub_ctx_hosts(dns->ctx, DNS_HOSTS);

	if (r == UB_NOERROR || (r == UB_READFILE && errno == ENOENT))
		return 0;
	*ret_why = xasprintf("%s: %s", DNS_HOSTS, ub_strerror(r));
	return -EINVAL;
}

static void
dns_set_option(struct dns *dns, const char *option, const char *value)
{
	must(ub_ctx_set_option(dns->ctx, option, value) == UB_NOERROR);
}

static int
dns_set_options(struct dns *dns, const struct dns_conf *conf, char **ret_why)
{
	bool validate =
		conf->trust_anchor != NULL && conf->trust_anchor[0] != '\0';
	int fd;

	ub_ctx_debugout(dns->ctx, NULL); /* stderr is the log's */
	dns_set_option(dns, "do-not-query-localhost:", "no");
	/* As a library it has 16 sockets: eight silent names would stop all
	 * others. One is open only while it is used. */
	dns_set_option(dns, "outgoing-range:", "512");
	/* A server that was down is asked again as soon as it answers, not
	 * after the 15 minutes its bad name is kept. */
	dns_set_option(dns, "infra-keep-probing:", "yes");
	/* Names of private addresses: whoever has some has them in his own
	 * DNS. Nobody signs them. */
	dns_set_option(dns, "unblock-lan-zones:", "yes");
	dns_set_option(dns, "insecure-lan-zones:", "yes");
	if (!validate) {
		dns_set_option(dns, "module-config:", "iterator");
		return 0;
	}
	/* libunbound reads it later, and names no file when it can't. */
	fd = conf_file_open(conf->trust_anchor);
	if (fd >= 0) {
		close(fd);
		must(ub_ctx_add_ta_file(dns->ctx, conf->trust_anchor) ==
		     UB_NOERROR);
		return 0;
	}
	*ret_why = xasprintf("%s: %s", conf->trust_anchor, conf_file_error(fd));
	return -EINVAL;
}

/* libunbound answers some zones itself, with "no such name"; these two are in
 * real use behind many a forwarder. The first call also reads in all that was
 * set: what is no trust anchor is found here. */
static int
dns_finish(struct dns *dns, char **ret_why)
{
	int r = ub_ctx_zone_remove(dns->ctx, "test.");

	if (r == UB_NOERROR)
		r = ub_ctx_zone_remove(dns->ctx, "home.arpa.");
	if (r == UB_NOERROR)
		return 0;
	*ret_why = xasprintf("the resolver does not start: %s", ub_strerror(r));
	return -EINVAL;
}

int
dns_new(struct loop *loop, const struct dns_conf *conf, struct dns **ret_dns,
	char **ret_why)
{
	struct dns *dns = xcalloc(1, sizeof(*dns));
	int r;

	dns->loop = loop;
	dns->timeout_ms = conf->timeout_ms;
	LIST_INIT(&dns->queries);
	dns->ctx = ub_ctx_create_event(loop_base(loop));
	must(dns->ctx != NULL);
	r = dns_set_options(dns, conf, ret_why);
	if (r == 0)
		r = dns_set_servers(dns, conf, ret_why);
	if (r == 0)
		r = dns_set_hosts(dns, ret_why);
	if (r == 0)
		r = dns_finish(dns, ret_why);
	if (r < 0)
		dns_free(&dns);
	else
		*ret_dns = dns;
	return r;
}

void
dns_free(struct dns **dnsp)
{
	struct dns *dns = dnsp != NULL ? *dnsp : NULL;
	struct dns_query *q;

	if (dns == NULL)
		return;
	while ((q = LIST_FIRST(&dns->queries)) != NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		if (q->ending) {
			LIST_REMOVE(q, link);
			q->dns = NULL;
		}
		dns_cancel(&q);
	}
	ub_ctx_delete(dns->ctx);
	free(dns);
	*dnsp = NULL;
}
