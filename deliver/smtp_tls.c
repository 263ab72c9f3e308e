/*
 * smtp_tls - the policy of a connection: what is said and counted of its TLS
 * and its login, and where its handshake fails.
 *
 * Where TLS is opportunistic and the handshake fails, the same address is tried
 * again in the clear, and for a while goes on so: a host whose TLS is broken
 * costs no handshake a mail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "net/tls.h"

/* --- metrics ------------------------------------------------------------------- */

static const struct metric_desc connections_desc = {
	.name = "belfry_next_hop_connections_total",
	.type = METRIC_COUNTER,
	.help = "Connections to next hops by their encryption: none, "
		"unverified, verified, or failed: the handshake.",
	.labels = {"tls"},
};
static const struct metric_desc refused_desc = {
	.name = "belfry_next_hop_logins_refused_total",
	.type = METRIC_COUNTER,
	.help = "Logins that a next hop refused.",
};

void
smtp_tls_metrics_init(struct smtp_tls_metrics *m, struct metrics *metrics)
{
	struct metric_family *f;

	if (!metrics)
		return;
	f = metric_register(metrics, &connections_desc);
	m->plain = metric_cell(f, "none", NULL);
	m->unverified = metric_cell(f, "unverified", NULL);
	m->verified = metric_cell(f, "verified", NULL);
	m->failed = metric_cell(f, "failed", NULL);
	m->refused = metric_cell(metric_register(metrics, &refused_desc), NULL);
}

static void
tls_count(struct metric_cell *cell)
{
	if (cell)
		metric_add(cell, 1);
}

/* --- addresses where it fails ------------------------------------------------------ */

static void
tls_key(const struct sockaddr_any *addr, char key[SMTP_KEY_MAX])
{
	char text[SOCKADDR_TEXT_MAX];

	sockaddr_text(addr, text);
	snprintf(key, SMTP_KEY_MAX, "tls %s", text);
}

bool
smtp_tls_is_bad(const struct smtp_try *t, const struct sockaddr_any *addr)
{
	char key[SMTP_KEY_MAX];

	tls_key(addr, key);
	return host_memory_has(&t->dl->memory, key, loop_mono_ms(t->dl->loop));
}

void
smtp_tls_set_bad(struct smtp_try *t, const struct sockaddr_any *addr)
{
	char key[SMTP_KEY_MAX];

	tls_key(addr, key);
	host_memory_add(&t->dl->memory, key, loop_mono_ms(t->dl->loop));
}

/* --- the handshake -------------------------------------------------------------------- */

static void
tls_turn(void *arg)
{
	smtp_conn_turn(arg);
}

void
smtp_tls_init(struct smtp_conn *c, const struct smtp_try *t,
	      struct smtp_out_conf *conf)
{
	c->hello = (struct smtp_hello){
		.loop = c->dl->loop,
		.disk = c->dl->deliver->disk,
		.routing = c->routing,
		.entry = c->entry,
		.so = &c->so,
		.turn = tls_turn,
		.arg = c,
	};
	smtp_hello_init(&c->hello, c->host, smtp_tls_is_bad(t, &c->addr), conf);
}

void
smtp_tls_made(struct smtp_conn *c)
{
	struct tls_session session;
	struct tls_peer peer;

	if (io_tls_session(c->io, &session))
		c->tls = (struct attempt_tls){.version = session.version,
					      .cipher = session.cipher};
	if (io_tls_peer(c->io, &peer) == 0) {
		c->tls.verified = peer.verified;
		tls_peer_done(&peer);
	}
	smtp_hello_secured(&c->hello);
}

/* --- what is said of it ------------------------------------------------------------------ */

static void
tls_log_failed(const struct smtp_conn *c, const char *line)
{
	bool plain = c->hello.policy.level == TLS_LEVEL_OPPORTUNISTIC;

	tls_count(c->dl->deliver->tls.failed);
	log_event(c->dl->deliver->log, plain ? LOG_INFO : LOG_WARNING,
		  "tls_failed", LOG_STR("relay", c->relay),
		  LOG_STR("goes_on", plain ? "in clear" : NULL),
		  LOG_STR("reply", line));
}

/* Loud once, until a login goes well again or the configuration is read anew:
 * the mail waits, and only somebody who knows the password can help. */
static void
tls_log_refused(const struct smtp_conn *c, const char *line)
{
	const struct smtp_login *login = c->so.conf.login;
	bool known = atomic_exchange(login->refused, true);

	tls_count(c->dl->deliver->tls.refused);
	log_event(c->dl->deliver->log, known ? LOG_INFO : LOG_ERROR,
		  "login_refused", LOG_STR("relay", c->relay),
		  LOG_ADDR("user", login->user), LOG_STR("reply", line));
}

void
smtp_tls_note(struct smtp_conn *c)
{
	const struct smtp_tls_metrics *m = &c->dl->deliver->tls;
	char line[REPLY_TEXT_MAX + 32];

	if (c->so.state == SMTP_OUT_CLOSED) {
		reply_line(&c->so.why, line, sizeof(line));
		if (c->so.tls_failed)
			tls_log_failed(c, line);
		else if (c->so.login_failed)
			tls_log_refused(c, line);
		return;
	}
	if (c->so.conf.login)
		atomic_store(c->so.conf.login->refused, false);
	tls_count(!c->tls.version   ? m->plain
		  : c->tls.verified ? m->verified
				    : m->unverified);
}
