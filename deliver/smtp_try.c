/*
 * smtp_try - an attempt on its way to a connection, and back to the queue.
 *
 *	ROUTE -> [HOST_SLOT] -> RESOLVE -> [ADDRESS_SLOT] -> CONNECT -> MAIL
 *	           ^   next host                ^   next address  |
 *	           +----------------------------+-----------------+
 *
 * An idle connection leads from anywhere to MAIL. When the last host has failed
 * the destination has, and the recipients go back untried.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "deliver/deliver_impl.h"

const char *const smtp_try_state_names[] = {
	[SMTP_TRY_ROUTE] = "route",
	[SMTP_TRY_HOST_SLOT] = "host_slot",
	[SMTP_TRY_RESOLVE] = "resolve",
	[SMTP_TRY_ADDRESS_SLOT] = "address_slot",
	[SMTP_TRY_CONNECT] = "connect",
	[SMTP_TRY_MAIL] = "mail",
	[SMTP_TRY_OVER] = "over",
};

#define TRY_KEY_MAX 512

static void try_host(struct smtp_try *t);
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
	struct deliver_loop *dl = t->dl;
	struct attempt *a = t->a;

	for (size_t i = 0; i < a->nrcpt; i++)
		if (!a->rcpt[i].relay)
			a->rcpt[i].relay = "";
	TAILQ_REMOVE(&dl->tries, t, link);
	routing_unref(&t->routing);
	dl->under_way--;
	attempt_result(&a); /* T is gone with it */
	deliver_loop_check(dl);
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
smtp_try_note(struct smtp_try *t, const char *relay)
{
	struct attempt *a = t->a;
	const char *copy = arena_strdup(&a->arena, relay);

	for (size_t i = 0; i < a->nrcpt; i++)
		if (a->rcpt[i].outcome != ATTEMPT_UNTRIED && !a->rcpt[i].relay)
			a->rcpt[i].relay = copy;
}

/* --- routes ------------------------------------------------------------------------ */

/* How many are to be delivered here; their hosts in *RET_ROUTE. */
static size_t
try_route(struct smtp_try *t, struct route *ret_route)
{
	struct route route;
	size_t n = 0;

	for (size_t i = 0; i < t->a->nrcpt; i++) {
		t->a->rcpt[i].relay = NULL;
		if (attempt_route_rcpt(t->a, &t->a->rcpt[i], t->routing,
				       &route)) {
			*ret_route = route;
			n++;
		}
	}
	return n;
}

static const char *
try_hop_key(const struct hop *hop, char *key, size_t size)
{
	snprintf(key, size, "host %s:%" PRId64, hop->host, hop->port);
	return key;
}

/* The list's order, but what failed lately last. */
static void
try_order_hops(struct smtp_try *t, const struct route *route)
{
	char key[TRY_KEY_MAX];

	t->hops = arena_alloc(&t->a->arena, route->nhops * sizeof(*t->hops));
	t->nhops = 0;
	for (int failed = 0; failed < 2; failed++)
		for (size_t i = 0; i < route->nhops; i++) {
			const struct hop *hop = &route->hops[i];

			try_hop_key(hop, key, sizeof(key));
			if (host_memory_has(&t->dl->memory, key, try_now(t)) ==
			    (failed == 1))
				t->hops[t->nhops++] = hop;
		}
}

/* --- addresses ---------------------------------------------------------------------- */

static const struct hop *
try_hop(const struct smtp_try *t)
{
	return t->hops[t->hop_at];
}

static void
try_next_host(struct smtp_try *t)
{
	char key[TRY_KEY_MAX];

	host_memory_add(&t->dl->memory,
			try_hop_key(try_hop(t), key, sizeof(key)), try_now(t));
	slots_give(&t->hop_slot);
	try_move(t, SMTP_TRY_ROUTE); /* the addresses were that host's */
	t->naddrs = t->addr_at = 0;
	t->hop_at++;
	try_host(t);
}

/* T's place below the ceiling of the address. */
static int
try_connect(struct smtp_try *t, struct slot *slot)
{
	const struct sockaddr_any *addr = &t->addrs[t->addr_at];
	char text[SOCKADDR_TEXT_MAX];
	int r;

	try_move(t, SMTP_TRY_CONNECT);
	r = smtp_conn_open(t, try_hop(t), addr, &slot);
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

		c = t->fresh ? NULL : smtp_conn_find_addr(t, try_hop(t), addr);
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
	try_next_host(t);
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

static void
try_set_port(struct sockaddr_any *addr, int64_t port)
{
	char ip[SOCKADDR_TEXT_MAX];

	sockaddr_ip(addr, ip);
	must(sockaddr_parse_ip(ip, (int)port, addr) == 0);
}

static void
try_resolved(void *arg, const struct dns_answer *answer)
{
	struct smtp_try *t = arg;
	const struct hop *hop = try_hop(t);
	struct sockaddr_any v[DNS_ADDRESSES_MAX];

	t->query = NULL;
	if (answer->status != DNS_OK) {
		reply_set(&t->last, 451,
			  answer->status == DNS_NONE ? "4.4.4" : "4.4.3",
			  "%s: %s", hop->host, answer->why);
		try_next_host(t);
		return;
	}
	for (size_t i = 0; i < answer->n; i++) {
		v[i] = answer->v[i];
		try_set_port(&v[i], hop->port);
	}
	try_order_addrs(t, v, answer->n);
	try_address(t);
}

static void
try_resolve(struct smtp_try *t)
{
	const struct hop *hop = try_hop(t);
	struct sockaddr_any addr;

	try_move(t, SMTP_TRY_RESOLVE);
	if (sockaddr_parse_ip(hop->host, (int)hop->port, &addr) == 0) {
		try_order_addrs(t, &addr, 1);
		try_address(t);
		return;
	}
	t->query = dns_addresses(t->dl->dns, hop->host, try_resolved, t);
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

static void
try_host(struct smtp_try *t)
{
	struct smtp_conn *c;
	const struct hop *hop;
	char key[TRY_KEY_MAX];

	if (t->hop_at == t->nhops) {
		try_dest_failed(t);
		return;
	}
	hop = try_hop(t);
	c = t->fresh ? NULL : smtp_conn_find_hop(t->dl, hop);
	if (c) {
		smtp_conn_carry(c, t);
		return;
	}
	if (hop->connections > 0) {
		try_move(t, SMTP_TRY_HOST_SLOT);
		t->hop_slot = slots_take(t->dl->deliver->slots,
					 try_hop_key(hop, key, sizeof(key)),
					 hop->connections, t->dl->loop,
					 try_host_slot, t, &t->wait);
		if (!t->hop_slot)
			return;
	}
	try_resolve(t);
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
	if (dl->stopping || try_route(t, &route) == 0) {
		smtp_try_finish(t);
		return;
	}
	try_order_hops(t, &route);
	try_host(t);
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
smtp_try_again(struct smtp_try *t)
{
	t->conn = NULL;
	t->fresh = true;
	t->hop_at = 0;
	try_move(t, SMTP_TRY_ROUTE);
	if (t->dl->stopping)
		smtp_try_finish(t);
	else
		try_host(t);
}

/* --- the mail ------------------------------------------------------------------------- */

void
smtp_try_ready(struct smtp_try *t)
{
	char key[TRY_KEY_MAX];

	slots_cancel(&t->wait); /* an idle connection came first */
	slots_give(&t->hop_slot);
	if (t->state == SMTP_TRY_CONNECT) {
		try_hop_key(try_hop(t), key, sizeof(key));
		host_memory_remove(&t->dl->memory, key);
		sockaddr_text(&t->addrs[t->addr_at], key);
		host_memory_remove(&t->dl->memory, key);
		if (t->a->probe)
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
			  t->piece_len == -EAGAIN ? "can't be read now"
						  : "is damaged");
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
