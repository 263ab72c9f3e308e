/*
 * session - one SMTP client on a loop: its socket, its smtp_in, its draft.
 *
 * A session lives and dies on one loop. When the client hangs up while its
 * message is being committed, the session stays until the outcome is known, so
 * that what was accepted is also logged.
 */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "base/log.h"
#include "net/acceptor.h"
#include "net/dns.h"
#include "net/loop.h"
#include "net/tls_tickets.h"
#include "relay/logins.h"
#include "relay/rates.h"
#include "relay/snapshot.h"

struct observed;

/* The sessions of one loop, and what they share. */
struct sessions;

/* Takes a reference of SNAPSHOT; RATES, which all loops share, is borrowed. */
struct sessions *sessions_new(struct loop *loop, struct queue *queue,
			      struct verifier *verifier,
			      struct snapshot *snapshot, struct rates *rates,
			      const struct log_context *log);
/* Clients may log in; LOGINS is borrowed. Before the first session. */
void sessions_set_logins(struct sessions *all, struct logins *logins);
/* What verdicts ask, where signatures are made, and where verdicts are written
 * down for reports (NULL: nowhere); all are borrowed. Before the first
 * session. */
void sessions_set_seal(struct sessions *all, struct dns *dns, struct pool *cpu,
		       struct observed *observed);
/* When none is left. NULL is fine. */
void sessions_free(struct sessions **all);
/* TICKETS, which it owns from now on, are of this loop. */
void sessions_set_tickets(struct sessions *all, struct tls_tickets *tickets);
/* On its loop: what sessions use from their next MAIL on. */
void sessions_set_snapshot(struct sessions *all, struct snapshot *snapshot);
/* On its loop: 421 to all, after the messages that are being sent or committed;
 * then DONE(ARG). What is left after GRACE_MS is told 421 and hung up on; a
 * commit under way then has GRACE_MS more to be answered. */
void sessions_stop(struct sessions *all, int64_t grace_ms, loop_fn *done,
		   void *arg);

/* On its loop: a client of SERVICE (a name). LOGIN: of the peer's uid at the
 * submit socket, else NULL. KEY: its only message is published under it, once,
 * and the key stays until queue_forget_key(); NULL: none. The connection is
 * closed when the service is gone or all are told to stop. */
void session_start(struct sessions *all, const struct accepted *accepted,
		   const char *service, int64_t uid, const char *login,
		   const char *key);

#endif
