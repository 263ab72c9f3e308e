/*
 * dkim_pool - signatures of RSA take a millisecond each, which is too long for a
 * loop: they are made in a pool.
 */
#ifndef VERDICT_DKIM_POOL_H
#define VERDICT_DKIM_POOL_H

#include "net/pool.h"
#include "verdict/dkim_sign.h"

/* RESULT as dkim_signing_end()'s; FIELDS are borrowed, and empty on failure. */
typedef void dkim_signed_fn(void *arg, int result, const struct buf *fields);

/* Consumes S, whose fields may have MAX_BYTES. FN(ARG) runs once on LOOP, which
 * is the caller's, and never from within this call. When POOL is full, or NULL,
 * they are made at once: the loop then waits for them, and by that the next
 * client for its turn. */
void dkim_signing_run(struct dkim_signing *s, size_t max_bytes,
		      struct pool *pool, struct loop *loop, dkim_signed_fn *fn,
		      void *arg);

#endif
