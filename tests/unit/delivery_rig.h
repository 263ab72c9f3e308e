/*
 * delivery_rig - the agent and the teller of DSNs with a real queue and its
 * store, and mail that goes in as from a session.
 */
#ifndef TESTS_UNIT_DELIVERY_RIG_H
#define TESTS_UNIT_DELIVERY_RIG_H

#include "tests/unit/agent_rig.h"

struct delivery_rig {
	struct agent_rig agent;
	char dir[64];
	struct metrics *metrics;
	struct pool *disk;
	struct queue *queue;
	unsigned answered; /* under the agent's lock */
};

/* Without a smarthost; or with one that follows RULES, whose server it is. */
void delivery_rig_init(struct delivery_rig *g);
struct smtp_server *delivery_rig_serve(struct delivery_rig *g,
				       const struct smtp_rule *rules);
void delivery_rig_start(struct delivery_rig *g);
void delivery_rig_done(struct delivery_rig *g);

/* Send this to r0, r1, ... of example.net, and wait for the commit. */
void delivery_rig_send(struct delivery_rig *g, const char *content, size_t len,
		       size_t nrcpt);
/* The same with a few bytes. */
void delivery_rig_send_small(struct delivery_rig *g, size_t nrcpt);
/* Until TEXT was logged N times. */
void delivery_rig_wait_logged(struct delivery_rig *g, const char *text,
			      unsigned n);
/* Until nothing is left in the queue, five seconds at least. */
void delivery_rig_expect_empty(struct delivery_rig *g);

#endif
