/*
 * verify - one probe of a recipient:
 *
 *	RESOLVE -> CONNECT -> HELLO -> MAIL -> RCPT -> over
 *	   ^ next host     ^ next address
 *	   +---------------+-----+
 *
 * Up to the first MAIL it is a delivery like any other, so the client's machine
 * says it, with TLS and a login where the next hop has them.
 */
#include "deliver/verify.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/ascii.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/routes_conf.h"
#include "deliver/smtp_hello.h"
#include "deliver/verify_impl.h"

#define PROBE_STEP_MS   30000 /* for a reply, at most */
#define PROBE_LINGER_MS 2000
#define PROBE_KEY_MAX   2048

const char *const verify_result_names[] = {
	[VERIFY_GOOD] = "good",
	[VERIFY_NOBODY] = "nobody",
	[VERIFY_LATER] = "later",
	[VERIFY_ASKED] = "asked",
	NULL,
};

/* A state is named after the command whose reply is awaited. */
enum probe_state {
	PROBE_RESOLVE,
	PROBE_CONNECT,
	PROBE_HELLO, /* up to the first MAIL */
	PROBE_MAIL,
	PROBE_RCPT,
	PROBE_OVER,
};
static const char *const probe_state_names[] = {
	[PROBE_RESOLVE] = "resolve",
	[PROBE_CONNECT] = "connect",
	[PROBE_HELLO] = "hello",
	[PROBE_MAIL] = "MAIL",
	[PROBE_RCPT] = "RCPT",
	[PROBE_OVER] = "over",
	NULL,
};

struct waiter {
	uint64_t handle;
	verify_fn *fn;
};

struct probe {
	UT_hash_handle hh;
	struct verifier *v;      /* borrowed */
	struct routing *routing; /* a reference */
	char *key, *address;     /* owned */
	int64_t keep_ms;
	enum probe_state state;
	const struct hop *hops; /* of ROUTING */
	size_t nhops, hop_at;
	struct sockaddr_any addrs[DNS_ADDRESSES_MAX];
	size_t naddrs, addr_at;
	struct dns_query *query; /* owned */
	struct io *io;           /* owned */
	struct smtp_out so;      /* in HELLO */
	struct buf out;          /* its */
	struct smtp_hello hello; /* what it wants */
	bool plain;              /* the handshake failed at this address */
	struct reply_parser parser;
	struct reply last;
	struct loop_timer patience; /* of those who wait */
	bool late;                  /* it is over */
	size_t nwaiters, waiters_cap;
	struct waiter *waiters; /* owned */
	enum verify_result result;
	struct post post;
};

struct verifier {
	struct loop *loop;             /* borrowed */
	struct dns *dns;               /* borrowed */
	struct pool *disk;             /* borrowed; may be NULL */
	struct verify_kept *kept;      /* borrowed */
	const struct log_context *log; /* borrowed */
	struct probe *probes;          /* hash; owned */
};

static void probe_host(struct probe *p);
static void probe_address(struct probe *p);

/* --- the end of a probe -------------------------------------------------------- */

static void
probe_hang_up(struct probe *p)
{
	smtp_hello_done(&p->hello);
	if (p->io != NULL)
		io_close(&p->io);
}

static void
probe_free(struct probe *p)
{
	HASH_DEL(p->v->probes, p);
	if (p->query != NULL)
		dns_cancel(&p->query);
	probe_hang_up(p);
	smtp_out_done(&p->so);
	buf_wipe(&p->out);
	loop_timer_done(&p->patience);
	routing_unref(&p->routing);
	free(p->waiters);
	free(p->key);
	free(p->address);
	free(p);
}

static void
probe_tell(struct probe *p, enum verify_result result)
{
	size_t n = p->nwaiters;

	p->nwaiters = 0;
	for (size_t i = 0; i < n; i++) {
		struct waiter w = p->waiters[i];
		void *object = loop_handle_find(p->v->loop, w.handle);

		if (object != NULL)
			w.fn(object, result);
	}
}

static int64_t
probe_keep_ms(const struct probe *p)
{
	int64_t most = p->result == VERIFY_GOOD     ? p->keep_ms
		       : p->result == VERIFY_NOBODY ? VERIFY_NOBODY_MS
						    : VERIFY_LATER_MS;

	return most < p->keep_ms ? most : p->keep_ms;
}

/* In a turn of its own: nobody is called from within verifier_ask(). */
static void
probe_finish(void *arg)
{
	struct probe *p = arg;

	verify_kept_put(p->v->kept, p->key, p->result,
			loop_mono_ms(p->v->loop) + probe_keep_ms(p));
	p->late = true; /* who asks from now on finds what was kept */
	probe_tell(p, p->result);
	probe_free(p);
}

static void
probe_over(struct probe *p, enum verify_result result)
{
	char line[REPLY_TEXT_MAX + 32] = "";

	if (p->last.code > 0)
		reply_line(&p->last, line, sizeof(line));
	log_event(p->v->log, LOG_INFO, "verify", LOG_ADDR("to", p->address),
		  LOG_STR("result", verify_result_names[result]),
		  LOG_STR("state", probe_state_names[p->state]),
		  LOG_STR("reply", line));
	p->state = PROBE_OVER;
	p->result = result;
	loop_defer(p->v->loop, &p->post, probe_finish, p);
}

static void
probe_too_late(void *arg)
{
	struct probe *p = arg;

	p->late = true;
	probe_tell(p, VERIFY_LATER);
}

/* --- what the server says -------------------------------------------------------- */

static enum probe_state
probe_say(struct probe *p, enum probe_state next, const char *verb,
	  const char *argument, const char *end)
{
	char line[1200];
	int len =
		snprintf(line, sizeof(line), "%s%s%s\r\n", verb, argument, end);

	must(len > 0 && (size_t)len < sizeof(line));
	io_write(p->io, line, (size_t)len);
	io_set_deadline(p->io, PROBE_STEP_MS);
	return next;
}

static void
probe_next_address(struct probe *p)
{
	probe_hang_up(p);
	p->plain = false;
	p->addr_at++;
	probe_address(p);
}

/* Is the 5xx R about the recipient, and not about us, the empty sender or the
 * mailbox's size? X.1.7 and X.1.8 are the sender's (RFC 3463, 3.2). */
static bool
probe_is_nobody(const struct reply *r)
{
	if (r->dsn[0] == '\0')
		return r->code == 550;
	return strncmp(r->dsn, "5.1.", 4) == 0 &&
	       strcmp(r->dsn, "5.1.7") != 0 && strcmp(r->dsn, "5.1.8") != 0;
}

/* The server has said what it knows. Under soft_bounce no no is believed. */
static enum probe_state
probe_heard_rcpt(struct probe *p)
{
	enum verify_result result = VERIFY_LATER;

	if (reply_ok(&p->last))
		result = VERIFY_GOOD;
	else if (reply_permanent(&p->last) && probe_is_nobody(&p->last) &&
		 !routing_conf(p->routing)->soft_bounce)
		result = VERIFY_NOBODY;
	probe_say(p, p->state, "RSET\r\nQUIT", "", "");
	io_close_after_write(&p->io, PROBE_LINGER_MS);
	probe_over(p, result);
	return PROBE_OVER;
}

static enum probe_state
probe_heard(struct probe *p)
{
	bool ok = reply_ok(&p->last);

	switch (p->state) {
	case PROBE_MAIL:
		if (ok)
			return probe_say(p, PROBE_RCPT, "RCPT TO:<", p->address,
					 ">");
		io_close(&p->io);
		probe_over(p, VERIFY_LATER);
		return PROBE_OVER;
	case PROBE_RCPT:
		return probe_heard_rcpt(p);
	case PROBE_RESOLVE:
	case PROBE_CONNECT:
	case PROBE_HELLO:
	case PROBE_OVER:
		break;
	}
	must(!"a state in which something is heard");
	return PROBE_OVER;
}

static void
probe_input(struct probe *p)
{
	struct evbuffer *in = io_input(p->io);
	size_t len, used;
	int r = 0;

	while (r >= 0 && p->io != NULL &&
	       (len = evbuffer_get_contiguous_space(in)) > 0) {
		const char *data = (char *)evbuffer_pullup(in, (ev_ssize_t)len);

		r = reply_parse(&p->parser, data, len, &used);
		evbuffer_drain(in, used);
		if (r <= 0)
			continue;
		reply_copy(&p->last, &p->parser.reply);
		p->state = probe_heard(p);
		if (p->state == PROBE_OVER)
			return;
	}
	if (r < 0)
		probe_next_address(p);
}

/* --- the way there ---------------------------------------------------------------- */

/* The machine is at its end: in the clear, elsewhere, or not at all. */
static void
probe_hello_failed(struct probe *p)
{
	reply_copy(&p->last, &p->so.why);
	if (!p->so.tls_failed ||
	    p->hello.policy.level != TLS_LEVEL_OPPORTUNISTIC) {
		probe_next_address(p);
		return;
	}
	probe_hang_up(p);
	p->plain = true;
	probe_address(p);
}

static void
probe_flush(struct probe *p)
{
	if (p->out.len > 0)
		io_write(p->io, p->out.data, p->out.len);
	buf_wipe(&p->out);
}

/* What the machine wants now. */
static void
probe_hello(void *arg)
{
	struct probe *p = arg;

	probe_flush(p);
	smtp_hello_look(&p->hello, p->io);
	probe_flush(p);
	if (p->so.state == SMTP_OUT_CLOSED) {
		probe_hello_failed(p);
		return;
	}
	if (p->so.state == SMTP_OUT_READY) {
		p->state = probe_say(p, PROBE_MAIL, "MAIL FROM:<>", "", "");
		return;
	}
	io_set_deadline(p->io, PROBE_STEP_MS);
}

static void
probe_hello_input(struct probe *p)
{
	struct evbuffer *in = io_input(p->io);
	size_t n;

	while ((n = evbuffer_get_contiguous_space(in)) > 0) {
		smtp_out_input(&p->so,
			       (char *)evbuffer_pullup(in, (ev_ssize_t)n), n);
		evbuffer_drain(in, n);
	}
	probe_hello(p);
}

static void
probe_connected(struct probe *p)
{
	if (p->hello.shaking)
		smtp_hello_secured(&p->hello);
	p->state = PROBE_HELLO;
	probe_hello(p);
}

static void
probe_broke(struct probe *p, enum io_event event)
{
	if (p->state != PROBE_HELLO) {
		reply_set(&p->last, 451, "4.4.2", "no answer from %s",
			  p->hops[p->hop_at].host);
		probe_next_address(p);
		return;
	}
	smtp_hello_broke(&p->hello, p->io, event);
	probe_hello(p);
}

static void
probe_event(void *arg, enum io_event event)
{
	struct probe *p = arg;

	switch (event) {
	case IO_CONNECTED:
		probe_connected(p);
		return;
	case IO_INPUT:
		if (p->state == PROBE_HELLO)
			probe_hello_input(p);
		else
			probe_input(p);
		return;
	case IO_DRAINED:
		return;
	case IO_EOF:
	case IO_FAILED:
	case IO_DEADLINE:
		probe_broke(p, event);
		return;
	}
}

/* A machine for a new connection. */
static void
probe_begin(struct probe *p)
{
	const struct hop *hop = &p->hops[p->hop_at];
	struct smtp_out_conf conf = {.helo = routing_helo(p->routing, hop)};

	p->hello = (struct smtp_hello){
		.loop = p->v->loop,
		.disk = p->v->disk,
		.routing = p->routing,
		.entry = hop,
		.so = &p->so,
		.turn = probe_hello,
		.arg = p,
	};
	smtp_hello_init(&p->hello, hop->host, p->plain, &conf);
	smtp_out_done(&p->so);
	smtp_out_init(&p->so, &conf, &p->out);
}

static int
probe_connect(struct probe *p, const struct sockaddr_any *addr)
{
	const struct delivery_conf *conf = routing_conf(p->routing);
	struct sockaddr_any from;
	bool bound = routing_bind(p->routing, &p->hops[p->hop_at],
				  addr->ss.ss_family, &from);
	int r;

	r = io_connect(p->v->loop, (const struct sockaddr *)&addr->ss,
		       addr->len,
		       bound ? (const struct sockaddr *)&from.ss : NULL,
		       bound ? from.len : 0, probe_event, p, &p->io);
	if (r < 0)
		return r;
	p->state = PROBE_CONNECT;
	probe_begin(p);
	reply_parser_init(&p->parser);
	io_set_deadline(p->io, conf->timeouts.connect_ms);
	return 0;
}

static void
probe_address(struct probe *p)
{
	while (p->addr_at < p->naddrs) {
		if (probe_connect(p, &p->addrs[p->addr_at]) == 0)
			return;
		p->addr_at++;
	}
	p->hop_at++;
	probe_host(p);
}

/* The addresses of the host at hand, as they are tried. */
static void
probe_go_to(struct probe *p, const struct sockaddr_any *v, size_t n)
{
	p->naddrs = routing_prefer(p->routing, v, n, p->addrs);
	p->addr_at = 0;
	for (size_t i = 0; i < p->naddrs; i++)
		sockaddr_set_port(&p->addrs[i], (int)p->hops[p->hop_at].port);
	probe_address(p);
}

static void
probe_resolved(void *arg, const struct dns_answer *answer)
{
	struct probe *p = arg;
	const struct hop *hop = &p->hops[p->hop_at];

	p->query = NULL;
	if (answer->status != DNS_OK)
		reply_set(&p->last, 451, "4.4.3", "%s: %s", hop->host,
			  answer->why);
	probe_go_to(p, answer->v, answer->n);
}

static void
probe_host(struct probe *p)
{
	const struct hop *hop = &p->hops[p->hop_at];
	struct sockaddr_any addr;

	if (p->hop_at == p->nhops) {
		probe_over(p, VERIFY_LATER);
		return;
	}
	p->state = PROBE_RESOLVE;
	if (sockaddr_parse_ip(hop->host, (int)hop->port, &addr) == 0) {
		probe_go_to(p, &addr, 1);
		return;
	}
	p->query = dns_addresses(p->v->dns, hop->host, probe_resolved, p);
}

/* --- the face ---------------------------------------------------------------------- */

static void
probe_wait(struct probe *p, uint64_t handle, verify_fn *fn)
{
	if (p->nwaiters == p->waiters_cap) {
		p->waiters_cap = 2 * p->waiters_cap + 4;
		p->waiters = xreallocarray(p->waiters, p->waiters_cap,
					   sizeof(*p->waiters));
	}
	p->waiters[p->nwaiters++] = (struct waiter){handle, fn};
}

static struct probe *
probe_new(struct verifier *v, struct routing *routing,
	  const struct route *route, const char *key, const char *address)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->v = v;
	p->routing = routing_ref(routing);
	p->key = xstrdup(key);
	p->address = xstrdup(address);
	buf_init(&p->out, SMTP_OUT_MAX);
	p->keep_ms = route->entry->verify.cache_ms;
	p->hops = route->hops;
	p->nhops = route->nhops;
	HASH_ADD_KEYPTR(hh, v->probes, p->key, strlen(p->key), p);
	loop_timer_init(&p->patience, v->loop, probe_too_late, p);
	loop_timer_set(&p->patience, VERIFY_WAIT_MS);
	return p;
}

/* One recipient at one destination, whatever case it is written in. */
static void
verify_key(const struct route *route, const char *address,
	   char key[static PROBE_KEY_MAX])
{
	snprintf(key, PROBE_KEY_MAX, "%s %s", address, route->dest);
	for (char *c = key; *c != '\0' && *c != ' '; c++)
		*c = ascii_lower(*c);
}

enum verify_result
verifier_ask(struct verifier *v, struct routing *routing,
	     const struct route *route, const char *address, uint64_t handle,
	     verify_fn *fn)
{
	enum verify_result known;
	char key[PROBE_KEY_MAX];
	struct probe *p;

	verify_key(route, address, key);
	known = verify_kept_get(v->kept, key, loop_mono_ms(v->loop));
	if (known != VERIFY_ASKED)
		return known;
	HASH_FIND_STR(v->probes, key, p);
	if (p == NULL && HASH_COUNT(v->probes) >= VERIFY_PROBES_MAX)
		return VERIFY_LATER;
	if (p != NULL && p->late)
		return VERIFY_LATER;
	if (p == NULL) {
		p = probe_new(v, routing, route, key, address);
		probe_wait(p, handle, fn);
		probe_host(p);
	} else {
		probe_wait(p, handle, fn);
	}
	return VERIFY_ASKED;
}

struct verifier *
verifier_new(struct loop *loop, struct dns *dns, struct pool *disk,
	     struct verify_kept *kept, const struct log_context *log)
{
	struct verifier *v = xcalloc(1, sizeof(*v));

	v->loop = loop;
	v->dns = dns;
	v->disk = disk;
	v->kept = kept;
	v->log = log;
	return v;
}

void
verifier_free(struct verifier **vp)
{
	struct verifier *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	loop_run_rest(v->loop); /* what is over goes in a turn of its own */
	while (v->probes != NULL)
		probe_free(v->probes);
	free(v);
}
