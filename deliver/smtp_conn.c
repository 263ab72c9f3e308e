/*
 * smtp_conn - a socket and its machine.
 *
 * Whatever happens to the socket goes into the machine, then smtp_conn_turn()
 * looks at what the machine wants: a mail, content, to be kept, to be closed.
 * What the machine has to say in a turn goes out with one write.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"

#define CONN_LINGER_MS 2000

static void
conn_moved(void *arg, enum smtp_out_state from, enum smtp_out_state to)
{
	struct smtp_conn *c = arg;

	log_event(c->dl->deliver->log, LOG_DEBUG, "smtp_out",
		  LOG_STR("relay", c->relay),
		  LOG_STR("from", smtp_out_state_names[from]),
		  LOG_STR("to", smtp_out_state_names[to]));
}

static const struct delivery_conf *
conn_conf(const struct smtp_conn *c)
{
	return routing_conf(c->routing);
}

/* --- the end ----------------------------------------------------------------- */

static void
conn_free(struct smtp_conn *c)
{
	routing_unref(&c->routing);
	free(c->domain);
	free(c->host);
	free(c);
}

static void
conn_end(struct smtp_conn *c)
{
	struct deliver_loop *dl = c->dl;

	if (c->quitting)
		io_close_after_write(&c->io, CONN_LINGER_MS);
	else
		io_close(&c->io);
	if (c->idle)
		smtp_idle_remove(&dl->idle, c);
	else
		TAILQ_REMOVE(&dl->busy, c, link);
	slots_give(&c->addr_slot);
	slots_give(&c->hop_slot);
	smtp_hello_done(&c->hello);
	smtp_out_done(&c->so);
	conn_free(c);
	deliver_loop_check(dl);
}

static void
conn_flush(struct smtp_conn *c)
{
	struct buf *out = &c->dl->out;

	if (out->len > 0)
		io_write(c->io, out->data, out->len);
	if (c->so.secret && out->data)
		explicit_bzero(out->data, out->cap);
	c->so.secret = false;
	buf_clear(out);
}

void
smtp_conn_quit(struct smtp_conn *c)
{
	must(!c->try);
	smtp_out_quit(&c->so);
	conn_flush(c);
	c->quitting = true;
	conn_end(c);
}

void
smtp_conn_abort(struct smtp_conn *c)
{
	struct smtp_try *t = c->try;
	struct reply our = {0};

	/* Before the final dot nothing was delivered: as if never tried. */
	if (t && c->so.mail && c->so.left) {
		reply_set(&our, 451, "4.3.2",
			  "stopped before the reply to "
			  "the end of the content");
		smtp_out_break(&c->so, &our);
	}
	if (t)
		smtp_try_note(t, c->relay, &c->tls);
	c->try = NULL;
	conn_end(c);
	if (t)
		smtp_try_finish(t);
}

/* --- to rest, or to end -------------------------------------------------------- */

static bool
conn_is_used_up(const struct smtp_conn *c)
{
	int64_t most = conn_conf(c)->per_destination.messages_per_connection;

	return c->dl->stopping || (most > 0 && c->so.carried >= most);
}

/* Mail to ever new domains leaves a connection each. As many may rest as may be
 * at work: with fewer, mail that goes round many domains finds that of its next
 * one gone. */
static void
conn_drop_oldest(const struct smtp_conn *c)
{
	struct deliver_loop *dl = c->dl;
	size_t most = (size_t)conn_conf(c)->connections;

	most /= dl->deliver->nloops;
	if (dl->idle.n > (most > 0 ? most : 1))
		smtp_conn_quit(TAILQ_LAST(&dl->idle.all, smtp_conn_list));
}

/* Ready and without a mail: the next one, a rest, or QUIT. */
static void
conn_rest(struct smtp_conn *c)
{
	struct smtp_try *t;

	if (conn_is_used_up(c)) {
		smtp_conn_quit(c);
		return;
	}
	TAILQ_REMOVE(&c->dl->busy, c, link);
	smtp_idle_add(&c->dl->idle, c);
	c->idle = true;
	TAILQ_FOREACH (t, &c->dl->waiting, link)
		if (smtp_idle_fits(c, t)) {
			smtp_conn_carry(c, t);
			return;
		}
	if (slots_wanted(c->addr_slot) || slots_wanted(c->hop_slot)) {
		smtp_conn_quit(c);
		return;
	}
	io_set_deadline(c->io, SMTP_IDLE_MS);
	conn_drop_oldest(c);
}

/* --- a mail ---------------------------------------------------------------------- */

static void
conn_give(struct smtp_conn *c)
{
	c->given = true;
	if (c->so.carried == 0)
		smtp_tls_note(c);
	smtp_try_ready(c->try);
	smtp_out_mail(&c->so, c->try->a);
	/* The first piece is read while the server thinks of MAIL. */
	if (c->so.state == SMTP_OUT_MAIL)
		smtp_try_read(c->try);
}

static void
conn_log_8bit(const struct smtp_conn *c)
{
	const struct deliver *d = c->dl->deliver;
	char id[QUEUE_ID_LEN];

	queue_id_text(c->try->a->id, id);
	log_event(d->log, LOG_INFO, "sent_8bit", LOG_STR("id", id),
		  LOG_STR("relay", c->relay));
	if (d->sent_8bit)
		metric_add(d->sent_8bit, 1);
}

/* True when content went out. */
static bool
conn_pump(struct smtp_conn *c)
{
	struct smtp_try *t = c->try;
	bool fed = false;

	while (smtp_out_wants_body(&c->so) && t->has_piece &&
	       io_output_len(c->io) == 0) {
		smtp_try_feed(t, &c->so);
		fed = true;
		conn_flush(c);
	}
	return fed;
}

/* What is still ours, or was lost with the socket, has not left. */
static void
conn_left(struct smtp_conn *c)
{
	if (io_output_len(c->io) > 0 || io_error(c->io) != 0 ||
	    !smtp_out_left(&c->so))
		return;
	/* Postfix says three replies to nobody who answers: the last one would
	 * wait for our delayed acknowledgement, 40 ms. */
	if (c->so.chunked)
		io_ack_now(c->io);
	if (c->so.sent_8bit)
		conn_log_8bit(c);
}

static void
conn_set_deadline(struct smtp_conn *c, bool anew)
{
	if (!anew && c->timed_heard == c->so.heard &&
	    c->timed_state == c->so.state)
		return;
	c->timed_heard = c->so.heard;
	c->timed_state = c->so.state;
	/* What greets or refuses us carries no mail. */
	if (c->try && c->so.mail_ok)
		attempt_heard(c->try->a);
	io_set_deadline(c->io,
			smtp_out_patience(&c->so, &conn_conf(c)->timeouts));
}

/* What the machine wants now. ANEW: what was awaited has gone forward. */
static void
conn_look(struct smtp_conn *c, bool anew)
{
	struct smtp_try *t = c->try;
	enum smtp_out_fate fate;
	struct reply why;
	char relay[SMTP_RELAY_MAX];
	bool closed, keep, plain = false;

	c->turning = true;
	if (c->so.state == SMTP_OUT_READY && t && !c->given)
		conn_give(c);
	/* Before the handshake, lest STARTTLS goes behind it: who answers ahead
	 * would shift all replies to what is said under TLS. */
	conn_flush(c);
	if (c->connected)
		smtp_hello_look(&c->hello, c->io);
	conn_flush(c);
	if (smtp_out_wants_body(&c->so) && conn_pump(c))
		anew = true;
	conn_left(c);
	c->turning = false;

	fate = smtp_out_take(&c->so);
	closed = c->so.state == SMTP_OUT_CLOSED;
	keep = !closed && !conn_is_used_up(c);
	must(t || fate == SMTP_OUT_NONE);
	if (fate == SMTP_OUT_SETTLED)
		smtp_try_note(t, c->relay, &c->tls);
	if (fate != SMTP_OUT_NONE || closed)
		c->try = NULL;
	if (closed && t && fate == SMTP_OUT_NONE) {
		must(c->so.failed);
		smtp_tls_note(c);
		plain = c->so.tls_failed &&
			c->hello.policy.level == TLS_LEVEL_OPPORTUNISTIC;
		reply_copy(&why, &c->so.why);
		memcpy(relay, c->relay, sizeof(relay));
		t->hop_slot = c->hop_slot;
		c->hop_slot = NULL;
	}

	/* The connection first: it may carry what the result sets free. */
	if (closed)
		conn_end(c);
	else if (c->so.state == SMTP_OUT_READY && !c->try)
		conn_rest(c);
	else
		conn_set_deadline(c, anew);

	if (fate == SMTP_OUT_SETTLED) {
		t->a->keep = keep;
		smtp_try_finish(t);
	} else if (fate == SMTP_OUT_NOT_BEGUN) {
		smtp_try_again(t);
	} else if (plain) {
		smtp_try_plain(t);
	} else if (closed && t) {
		smtp_try_failed(t, &why, relay);
	}
}

void
smtp_conn_turn(struct smtp_conn *c)
{
	if (!c->turning)
		conn_look(c, false);
}

void
smtp_conn_carry(struct smtp_conn *c, struct smtp_try *t)
{
	must(c->idle && !c->try && c->so.state == SMTP_OUT_READY);
	smtp_idle_remove(&c->dl->idle, c);
	TAILQ_INSERT_HEAD(&c->dl->busy, c, link);
	c->idle = false;
	c->given = false;
	c->try = t;
	t->conn = c;
	conn_look(c, true);
}

/* --- the socket ------------------------------------------------------------------- */

static void
conn_feed(struct smtp_conn *c)
{
	struct evbuffer *in = io_input(c->io);
	size_t n;

	while ((n = evbuffer_get_contiguous_space(in)) > 0) {
		smtp_out_input(&c->so, (char *)evbuffer_pullup(in, (ssize_t)n),
			       n);
		evbuffer_drain(in, n);
	}
}

static void
conn_connect_failed(struct smtp_conn *c, int error)
{
	struct reply our = {0};

	reply_set(&our, 451, "4.4.1", "connect: %s", strerror(error));
	smtp_out_break(&c->so, &our);
}

static void
conn_broke(struct smtp_conn *c, enum io_event event)
{
	if (c->connected)
		smtp_hello_broke(&c->hello, c->io, event);
	else
		conn_connect_failed(c, event == IO_FAILED ? io_error(c->io)
							  : ETIMEDOUT);
}

static void
conn_event(void *arg, enum io_event event)
{
	struct smtp_conn *c = arg;

	switch (event) {
	case IO_CONNECTED:
		if (c->hello.shaking)
			smtp_tls_made(c);
		c->connected = true;
		break;
	case IO_INPUT:
		conn_left(c);
		conn_feed(c);
		break;
	case IO_DRAINED:
		break;
	case IO_EOF:
	case IO_FAILED:
	case IO_DEADLINE:
		if (c->idle && event == IO_DEADLINE) {
			smtp_conn_quit(c);
			return;
		}
		conn_broke(c, event);
		break;
	}
	conn_look(c, event == IO_CONNECTED || event == IO_DRAINED);
}

void
smtp_conn_make_room(struct deliver_loop *dl, const char *key)
{
	struct smtp_conn *c;

	TAILQ_FOREACH_REVERSE(c, &dl->idle.all, smtp_conn_list, link)
	{
		if (strcmp(slots_key(c->addr_slot), key) != 0 &&
		    (!c->hop_slot || strcmp(slots_key(c->hop_slot), key) != 0))
			continue;
		if (slots_wanted(c->addr_slot) || slots_wanted(c->hop_slot))
			smtp_conn_quit(c);
		return;
	}
}

static struct smtp_conn *
conn_new(struct smtp_try *t, const struct smtp_host *host,
	 const struct sockaddr_any *addr)
{
	struct smtp_conn *c = xcalloc(1, sizeof(*c));
	char ip[SOCKADDR_TEXT_MAX];

	c->dl = t->dl;
	c->routing = routing_ref(t->routing);
	c->entry = host->entry;
	if (c->entry == t->mx_entry)
		c->domain = xstrdup(t->a->dest);
	c->host = xstrdup(host->name);
	c->helo = routing_helo(c->routing, c->entry);
	c->addr = *addr;
	routing_bind(c->routing, c->entry, addr->ss.ss_family, &c->source);
	sockaddr_ip(addr, ip);
	if (addr->ss.ss_family == AF_UNIX)
		snprintf(c->relay, sizeof(c->relay), "%s", host->name);
	else
		snprintf(c->relay, sizeof(c->relay), "%s[%s]:%d", host->name,
			 ip, sockaddr_port(addr));
	return c;
}

int
smtp_conn_open(struct smtp_try *t, const struct smtp_host *host,
	       const struct sockaddr_any *addr, struct slot **addr_slot)
{
	struct smtp_conn *c = conn_new(t, host, addr);
	bool bound = c->source.len > 0;
	struct smtp_out_conf conf = {
		.helo = c->helo,
		.lmtp = smtp_try_is_lmtp(t),
		.strict_8bit = conn_conf(c)->strict_8bit,
		.chunking = conn_conf(c)->chunking,
		.moved = conn_moved,
		.arg = c,
	};
	int r;

	smtp_tls_init(c, t, &conf);
	r = io_connect(c->dl->loop, (const struct sockaddr *)&addr->ss,
		       addr->len,
		       bound ? (const struct sockaddr *)&c->source.ss : NULL,
		       c->source.len, conn_event, c, &c->io);
	if (r < 0) {
		conn_free(c);
		return r;
	}
	smtp_out_init(&c->so, &conf, &c->dl->out);
	c->addr_slot = *addr_slot;
	*addr_slot = NULL;
	c->hop_slot = t->hop_slot;
	t->hop_slot = NULL;
	c->try = t;
	t->conn = c;
	TAILQ_INSERT_HEAD(&c->dl->busy, c, link);
	io_set_deadline(c->io, conn_conf(c)->timeouts.connect_ms);
	return 0;
}
