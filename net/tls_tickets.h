/*
 * tls_tickets - the keys of the session tickets of one loop (RFC 5077, RFC 8446).
 *
 * All loops of a process begin with one seed and step on by the clock, each by
 * itself: a ticket that one gave out the others take, and they share no mutable
 * state. A step can't be undone: of a ticket that is older than two periods
 * nobody learns anything, who reads all our memory either.
 *
 * A reload keeps them. One owner on one loop; not thread-safe.
 */
#ifndef NET_TLS_TICKETS_H
#define NET_TLS_TICKETS_H

#include "base/clock.h"

#define TLS_TICKETS_SEED      32
#define TLS_TICKETS_PERIOD_MS (INT64_C(60) * 60 * 1000)

struct tls_tickets;

/* A new one; the caller wipes it. */
void tls_tickets_make_seed(unsigned char ret[TLS_TICKETS_SEED]);
/* CLOCK is borrowed. What has the same SEED and EPOCH_MS, a time of its
 * monotonic clock that is not later than now, has the same keys. */
struct tls_tickets *tls_tickets_new(struct clock *clock,
				    const unsigned char seed[TLS_TICKETS_SEED],
				    int64_t epoch_ms);
/* Wiped. NULL is fine. */
void tls_tickets_free(struct tls_tickets **tickets);

#endif
