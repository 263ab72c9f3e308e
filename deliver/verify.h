/*
 * verify - does the server behind us know this recipient? It is asked while the
 * client waits: MAIL FROM:<>, RCPT, RSET, QUIT.
 *
 * What was learnt is kept for a while, for all loops together and up to
 * VERIFY_KEPT_MAX recipients; a loop asks for one recipient once at a time, and
 * for at most VERIFY_PROBES_MAX. Whoever asks waits VERIFY_WAIT_MS at most; the
 * answer that comes later is for the next who asks.
 */
#ifndef DELIVER_VERIFY_H
#define DELIVER_VERIFY_H

#include "base/log.h"
#include "deliver/route.h"
#include "net/dns.h"
#include "net/loop.h"
#include "net/pool.h"

#define VERIFY_KEPT_MAX   20000
#define VERIFY_PROBES_MAX 200
#define VERIFY_WAIT_MS    10000
/* What is no yes is kept for a shorter time than a yes. */
#define VERIFY_NOBODY_MS (60 * 60 * 1000)
#define VERIFY_LATER_MS  (10 * 1000)

enum verify_result {
	VERIFY_GOOD,   /* 2xx at RCPT */
	VERIFY_NOBODY, /* 5xx at RCPT that is about the recipient */
	VERIFY_LATER,  /* anything else, no connection: nobody knows */
	VERIFY_ASKED,  /* the function will be called */
};
extern const char *const verify_result_names[];

/* What was learnt; any thread. */
struct verify_kept;
struct verify_kept *verify_kept_new(void);
void verify_kept_free(struct verify_kept **k);

/* Of one loop, but for its end, which is after the loop's and that of DISK,
 * which reads tokens; NULL: read on the loop. */
struct verifier;
struct verifier *verifier_new(struct loop *loop, struct dns *dns,
			      struct pool *disk, struct verify_kept *kept,
			      const struct log_context *log);
void verifier_free(struct verifier **v);

/* Of ROUTING, where ADDRESS goes: hops, a name, and an entry of `routes` that
 * says how long an answer holds. ASKED: FN on this loop, never from within, for
 * the object of HANDLE if that is still there. */
typedef void verify_fn(void *object, enum verify_result result);
enum verify_result verifier_ask(struct verifier *v, struct routing *routing,
				const struct route *route, const char *address,
				uint64_t handle, verify_fn *fn);

#endif
