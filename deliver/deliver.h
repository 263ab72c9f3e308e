/*
 * deliver - the agents that take a message out of the queue, and the DSN.
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "base/log.h"
#include "base/metric.h"
#include "base/spawn.h"
#include "deliver/route.h"
#include "net/dns.h"
#include "net/pool.h"
#include "queue/queue.h"

struct deliver;
struct endpoints;

/* Register the agents `smtp` and `lmtp` and the teller of DSNs with Q. One dns
 * per loop, in the order of LOOPS. Before queue_start(). */
struct deliver *deliver_new(struct queue *q, struct routing *routing,
			    struct loop *const *loops, struct dns *const *dns,
			    size_t nloops, const struct log_context *log,
			    struct metrics *metrics);
/* Register the agents `maildir`, whose files are written in DISK, and `pipe`,
 * whose programs SPAWNER starts. Before queue_start(). */
void deliver_local(struct deliver *d, struct pool *disk,
		   struct spawner *spawner);
/* Register the agents `web` and, where deliver_local() gave a spawner, `exec`.
 * 0 or -errno. Before queue_start(). */
int deliver_web(struct deliver *d);
/* Where these take alerts: before queue_start(), and after a reload, from any
 * thread. What is under way ends with the old ones. */
void deliver_set_endpoints(struct deliver *d, struct endpoints *endpoints);
/* Reports are signed in CPU, where routing has keys. Before queue_start(). */
void deliver_sign(struct deliver *d, struct pool *cpu);
/* After a reload; from any thread. Sessions under way end with the old one. */
void deliver_set_routing(struct deliver *d, struct routing *routing);
/* End idle connections with QUIT, hand back what is out as untried where
 * nothing was sent, and call DONE on the first loop when all are closed, at the
 * latest after GRACE_MS. */
void deliver_stop(struct deliver *d, int64_t grace_ms, loop_fn *done,
		  void *arg);
/* When the queue is closed and the loops have been joined, before they are
 * freed: what is still posted to them is run first. */
void deliver_free(struct deliver **d);

#endif
