/*
 * smtp_try - an attempt on its way to a connection, and back to the queue.
 *
 *	ROUTE -> [MX] -> [HOST_SLOT] -> RESOLVE -> [ADDRESS_SLOT] -> CONNECT
 *	          ^   next host                     ^ next address |     |
 *	          +---------------------------------+--------------+    MAIL
 *
 * An idle connection leads from anywhere to MAIL. When the last host has failed
 * the destination has, and the recipients go back untried; but when the DNS
 * knows that none of its mail exchangers ever takes mail they are refused.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "deliver/deliver_impl.h"
#include "deliver/hop_conf.h"

const char *const smtp_try_state_names[] = {
	[SMTP_TRY_ROUTE] = "route",
	[SMTP_TRY_MX] = "mx",
	[SMTP_TRY_HOST_SLOT] = "host_slot",
	[SMTP_TRY_RESOLVE] = "resolve",
	[SMTP_TRY_ADDRESS_SLOT] = "address_slot",
	[SMTP_TRY_CONNECT] = "connect",
	[SMTP_TRY_MAIL] = "mail",
	[SMTP_TRY_OVER] = "over",
};

static void try_address(struct smtp_try *t);

static bool
try_is_waiting(enum smtp_try_state state)
{
	return state == SMTP_TRY_HOST_SLOT || state == SMTP_TRY_ADDRESS_SLOT;
}

static void
try_move(struct smtp_try *t, enum smtp_try_state to)
{
	struct deliver_loop *dl = t->dl;

	if (try_is_waiting(t->state) != try_is_waiting(to)) {
		struct smtp_try_list *from = &dl->tries, *into = &dl->waiting;

		if (try_is_waiting(t->state)) {
			from = &dl->waiting;
			into = &dl->tries;
		}
		TAILQ_REMOVE(from, t, link);
		TAILQ_INSERT_TAIL(into, t, link);
	}
	t->state = to;
}

bool
smtp_try_is_lmtp(const struct smtp_try *t)
{
	return strcmp(t->a->agent, "lmtp") == 0;
}

static int64_t
try_now(const struct smtp_try *t)
{
	return loop_mono_ms(t->dl->loop);
}

/* --- back to the queue --------------------------------------------------------- */

static void
try_hand_back(struct smtp_try *t)
{
	struct attempt *a = t->a;

	for (size_t i = 0; i < a->nrcpt; i++)
		if (!a->rcpt[i].relay)
			a->rcpt[i].relay = "";
	TAILQ_REMOVE(&t->dl->tries, t, link);
	deliver_hand_back(t->dl, a, t->routing); /* T is gone with it */
}

void
smtp_try_finish(struct smtp_try *t)
{
	if (t->query)
		dns_cancel(&t->query);
	slots_cancel(&t->wait);
	slots_give(&t->hop_slot);
	try_move(t, SMTP_TRY_OVER);
	t->conn = NULL;
	if (!t->reading)
		try_hand_back(t);
}

static void
try_dest_failed(struct smtp_try *t)
{
	t->a->dest_state = ATTEMPT_DEST_FAILED;
	reply_copy(&t->a->dest_reply, &t->last);
	smtp_try_finish(t);
}

static void
try_never(struct smtp_try *t)
{
	for (size_t i = 0; i < t->a->nrcpt; i++) {
		struct attempt_rcpt *rcpt = &t->a->rcpt[i];

		if (rcpt->outcome != ATTEMPT_UNTRIED)
			continue;
		rcpt->outcome = ATTEMPT_NEVER;
		reply_copy(&rcpt->reply, &t->never);
	}
	t->a->dest_state = ATTEMPT_DEST_OK;
	smtp_try_finish(t);
}

void
smtp_try_give_up(struct smtp_try *t)
{
	struct smtp_conn *c = t->conn;

	if (t->state == SMTP_TRY_MAIL || t->state == SMTP_TRY_OVER)
		return;
	if (c)
		smtp_conn_abort(c); /* and so T is finished */
	else
		smtp_try_finish(t);
}

void
smtp_try_note(struct smtp_try *t, const char *relay,
	      const struct attempt_tls *tls)
{
	struct attempt *a = t->a;
	const char *copy = arena_strdup(&a->arena, relay);
	struct attempt_tls *how = NULL;

	if (tls->version) {
		how = arena_alloc(&a->arena, sizeof(*how));
		*how = *tls;
	}
	for (size_t i = 0; i < a->nrcpt; i++)
		if (a->rcpt[i].outcome != ATTEMPT_UNTRIED &&
		    !a->rcpt[i].relay) {
			a->rcpt[i].relay = copy;
			a->rcpt[i].tls = how;
		}
}

/* --- addresses ---------------------------------------------------------------------- */

static const struct smtp_host *
try_host_now(const struct smtp_try *t)
{
	return &t->hosts[t->host_at];
}

static void
try_next_host(struct smtp_try *t)
{
	slots_give(&t->hop_slot);
	try_move(t, SMTP_TRY_ROUTE); /* the addresses were that host's */
	t->naddrs = t->addr_at = 0;
	t->host_at++;
	smtp_try_host(t);
}

/* The host at hand failed, as T->last says. */
static void
try_host_failed(struct smtp_try *t)
{
	char key[SMTP_KEY_MAX];

	host_memory_add(&t->dl->memory,
			smtp_host_key(try_host_now(t), key, sizeof(key)),
			try_now(t));
	t->later = true;
	try_next_host(t);
}

void
smtp_try_failed_host(struct smtp_try *t, const char *dsn, const char *fmt, ...)
{
	char text[REPLY_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_set(&t->last, 451, dsn, "%s", text);
	try_host_failed(t);
}

void
smtp_try_hopeless(struct smtp_try *t, int code, const char *dsn,
		  const char *fmt, ...)
{
	char text[REPLY_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (try_host_now(t)->entry != t->mx_entry) {
		smtp_try_failed_host(t, "4.4.4", "%s", text);
		return;
	}
	reply_set(&t->never, code, dsn, "%s", text);
	try_next_host(t);
}

/* T's place below the ceiling of the address. */
static int
try_connect(struct smtp_try *t, struct slot *slot)
{
	const struct sockaddr_any *addr = &t->addrs[t->addr_at];
	char text[SOCKADDR_TEXT_MAX];
	int r;

	try_move(t, SMTP_TRY_CONNECT);
	r = smtp_conn_open(t, try_host_now(t), addr, &slot);
	if (r == 0)
		return 0;
	slots_give(&slot);
	sockaddr_text(addr, text);
	reply_set(&t->last, 451, "4.4.1", "%s: connect: %s", text,
		  strerror(-r));
	t->addr_at++;
	return r;
}

static void
try_address_slot(void *arg, struct slot *slot)
{
	struct smtp_try *t = arg;

	t->wait = NULL;
	if (try_connect(t, slot) < 0)
		try_address(t);
}

static void
try_address(struct smtp_try *t)
{
	int64_t max = routing_conf(t->routing)->per_address.connections;
	char key[SOCKADDR_TEXT_MAX];
	struct smtp_conn *c;
	struct slot *slot;

	if (t->a->class == QUEUE_ALERT)
		max++;
	while (t->addr_at < t->naddrs) {
		const struct sockaddr_any *addr = &t->addrs[t->addr_at];

		c = t->fresh ? NULL
			     : smtp_idle_find_addr(t, try_host_now(t), addr);
		if (c) {
			smtp_conn_carry(c, t);
			return;
		}
		sockaddr_text(addr, key);
		try_move(t, SMTP_TRY_ADDRESS_SLOT);
		slot = slots_take(t->dl->deliver->slots, key, max, t->dl->loop,
				  try_address_slot, t, &t->wait);
		if (!slot || try_connect(t, slot) == 0)
			return;
	}
	try_host_failed(t);
}

/* As they came, but what failed lately last. */
static void
try_order_addrs(struct smtp_try *t, const struct sockaddr_any *v, size_t n)
{
	char key[SOCKADDR_TEXT_MAX];

	t->addrs = arena_alloc(&t->a->arena, n * sizeof(*t->addrs));
	t->naddrs = t->addr_at = 0;
	for (int failed = 0; failed < 2; failed++)
		for (size_t i = 0; i < n; i++) {
			sockaddr_text(&v[i], key);
			if (host_memory_has(&t->dl->memory, key, try_now(t)) ==
			    (failed == 1))
				t->addrs[t->naddrs++] = v[i];
		}
}

/* Where it would come back from, and what is not better than that. */
static bool
try_is_us(struct smtp_try *t, const struct sockaddr_any *v, size_t n)
{
	const struct smtp_host *host = try_host_now(t);

	for (size_t i = 0; host->is_mx && i < n; i++) {
		if (!smtp_hosts_is_us(t, &v[i]))
			continue;
		smtp_hosts_drop_equals(t);
		smtp_try_hopeless(t, 554, "5.4.6",
				  "mail for %s loops: its mail host %s is this "
				  "one",
				  t->a->dest, host->name);
		return true;
	}
	return false;
}

static void
try_no_address(struct smtp_try *t, const char *why)
{
	const struct smtp_host *host = try_host_now(t);

	if (host->entry == t->mx_entry &&
	    strcasecmp(host->name, t->a->dest) == 0)
		smtp_try_hopeless(t, 550, "5.4.4",
				  "the domain %s has neither a mail host (MX) "
				  "nor an address",
				  t->a->dest);
	else
		smtp_try_hopeless(t, 550, "5.4.4", "%s: %s", host->name, why);
}

/* The addresses of the host at hand, with its port. LOST: why they may not be
 * all; NULL when they are. */
static void
try_go_to(struct smtp_try *t, const struct sockaddr_any *all, size_t n,
	  const char *lost)
{
	size_t most = (size_t)routing_conf(t->routing)->mx.addresses;
	struct sockaddr_any v[DNS_ADDRESSES_MAX];

	if (try_is_us(t, all, n))
		return;
	n = routing_prefer(t->routing, all, n, v);
	if (n == 0 && lost) {
		smtp_try_failed_host(t, "4.4.3", "%s: %s",
				     try_host_now(t)->name, lost);
		return;
	}
	if (n == 0) {
		try_no_address(t, "it has no IPv4 address, and delivery.prefer "
				  "is ipv4-only");
		return;
	}
	if (try_host_now(t)->is_mx) {
		if (n > most - t->mx_addrs)
			n = most - t->mx_addrs;
		t->mx_addrs += n;
	}
	if (n == 0) {
		try_next_host(t); /* enough were tried */
		return;
	}
	try_order_addrs(t, v, n);
	try_address(t);
}

static void
try_resolved(void *arg, const struct dns_answer *answer)
{
	struct smtp_try *t = arg;
	const struct smtp_host *host = try_host_now(t);
	struct sockaddr_any v[DNS_ADDRESSES_MAX];

	t->query = NULL;
	switch (answer->status) {
	case DNS_OK:
		break;
	case DNS_NONE:
		try_no_address(t, answer->why);
		return;
	case DNS_TEMPFAIL:
		smtp_try_failed_host(t, "4.4.3", "%s: %s", host->name,
				     answer->why);
		return;
	}
	for (size_t i = 0; i < answer->n; i++) {
		v[i] = answer->v[i];
		sockaddr_set_port(&v[i], (int)host->entry->port);
	}
	try_go_to(t, v, answer->n, answer->partial ? answer->why : NULL);
}

static void
try_resolve(struct smtp_try *t)
{
	const struct smtp_host *host = try_host_now(t);
	struct sockaddr_any v[2];
	size_t n = 1;

	try_move(t, SMTP_TRY_RESOLVE);
	if (!host->is_mx && hop_is_unix(host->entry)
		    ? sockaddr_parse_listen(host->name, v, &n) == 0
		    : sockaddr_parse_ip(host->name, (int)host->entry->port,
					v) == 0)
		try_go_to(t, v, n, NULL);
	else
		t->query =
			dns_addresses(t->dl->dns, host->name, try_resolved, t);
}

/* --- hosts -------------------------------------------------------------------------- */

static void
try_host_slot(void *arg, struct slot *slot)
{
	struct smtp_try *t = arg;

	t->wait = NULL;
	t->hop_slot = slot;
	try_resolve(t);
}

/* The ceiling of an entry is one for all its mail exchangers. */
static bool
try_take_host_slot(struct smtp_try *t)
{
	const struct hop *entry = try_host_now(t)->entry;
	const struct smtp_host host = {.entry = entry, .name = entry->host};
	char key[SMTP_KEY_MAX];

	if (entry->connections == 0)
		return true;
	try_move(t, SMTP_TRY_HOST_SLOT);
	smtp_host_key(&host, key, sizeof(key));
	t->hop_slot = slots_take(t->dl->deliver->slots, key, entry->connections,
				 t->dl->loop, try_host_slot, t, &t->wait);
	return t->hop_slot != NULL;
}

/* Of its own hosts none is left, and each is known to take nothing: that is no
 * case for the fallback. */
static bool
try_is_hopeless(const struct smtp_try *t)
{
	if (t->never.code == 0 || t->later)
		return false;
	for (size_t i = t->host_at; i < t->nhosts; i++)
		if (!t->hosts[i].fallback)
			return false;
	return true;
}

void
smtp_try_host(struct smtp_try *t)
{
	struct smtp_conn *c;

	if (try_is_hopeless(t)) {
		try_never(t);
		return;
	}
	if (t->host_at == t->nhosts) {
		try_dest_failed(t);
		return;
	}
	c = t->fresh ? NULL : smtp_idle_find_host(t, try_host_now(t));
	if (c) {
		smtp_conn_carry(c, t);
	} else if (smtp_host_is_open(try_host_now(t))) {
		try_move(t, SMTP_TRY_MX);
		smtp_hosts_ask(t);
	} else if (try_take_host_slot(t)) {
		try_resolve(t);
	}
}

void
smtp_try_start(struct deliver_loop *dl, struct attempt *a)
{
	struct smtp_try *t = arena_alloc(&a->arena, sizeof(*t));
	struct route route;

	t->dl = dl;
	t->a = a;
	t->routing = deliver_routing(dl->deliver);
	dl->under_way++;
	TAILQ_INSERT_TAIL(&dl->tries, t, link);
	if (dl->stopping || smtp_hosts_route(t, &route) == 0) {
		smtp_try_finish(t);
		return;
	}
	smtp_hosts_init(t, &route);
	smtp_try_host(t);
}

/* A destination may be several hosts, so its last words name the one. */
void
smtp_try_failed(struct smtp_try *t, const struct reply *why, const char *relay)
{
	char key[SOCKADDR_TEXT_MAX];

	t->conn = NULL;
	reply_set(&t->last, why->code, why->dsn, "%s%s%s", relay,
		  why->ours ? ": " : " said: ", why->text);
	sockaddr_text(&t->addrs[t->addr_at], key);
	host_memory_add(&t->dl->memory, key, try_now(t));
	t->addr_at++;
	try_address(t);
}

void
smtp_try_plain(struct smtp_try *t)
{
	t->conn = NULL;
	smtp_tls_set_bad(t, &t->addrs[t->addr_at]);
	try_address(t);
}

void
smtp_try_again(struct smtp_try *t)
{
	t->conn = NULL;
	t->fresh = true;
	t->host_at = t->mx_addrs = 0;
	t->later = false;
	t->never.code = 0;
	try_move(t, SMTP_TRY_ROUTE);
	if (t->dl->stopping)
		smtp_try_finish(t);
	else
		smtp_try_host(t);
}

/* --- the mail ------------------------------------------------------------------------- */

void
smtp_try_ready(struct smtp_try *t)
{
	char key[SMTP_KEY_MAX];

	slots_cancel(&t->wait); /* an idle connection came first */
	slots_give(&t->hop_slot);
	if (t->state == SMTP_TRY_CONNECT) {
		smtp_host_key(try_host_now(t), key, sizeof(key));
		host_memory_remove(&t->dl->memory, key);
		sockaddr_text(&t->addrs[t->addr_at], key);
		host_memory_remove(&t->dl->memory, key);
		attempt_reached(t->a);
	}
	try_move(t, SMTP_TRY_MAIL);
}

static void
try_got(void *arg, const char *data, ssize_t len)
{
	struct smtp_try *t = arg;

	t->reading = false;
	if (t->state == SMTP_TRY_OVER) {
		try_hand_back(t);
		return;
	}
	t->has_piece = true;
	t->piece = data;
	t->piece_len = len;
	if (t->conn)
		smtp_conn_turn(t->conn);
}

void
smtp_try_read(struct smtp_try *t)
{
	if (t->reading || t->has_piece) /* for a connection that broke */
		return;
	t->reading = true;
	attempt_read(t->a, try_got, t);
}

/* The final dot follows when all of it was read and is as long as it was when
 * it was taken in. */
void
smtp_try_feed(struct smtp_try *t, struct smtp_out *so)
{
	struct reply our = {0};

	t->has_piece = false;
	if (t->piece_len > 0)
		t->read_bytes += t->piece_len;
	if (t->piece_len < 0 || t->read_bytes > t->a->size ||
	    (t->piece_len == 0 && t->read_bytes < t->a->size)) {
		reply_set(&our, 451, "4.3.0", "the stored content %s",
			  deliver_unread(t->piece_len));
		smtp_out_break(so, &our);
		return;
	}
	if (t->piece_len > 0)
		smtp_out_body(so, t->piece, (size_t)t->piece_len);
	if (t->read_bytes == t->a->size)
		smtp_out_body_end(so);
	else
		smtp_try_read(t);
}
