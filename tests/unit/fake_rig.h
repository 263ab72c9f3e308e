/*
 * fake_rig - the agent with a queue that is a fake: one mail at a time, and
 * what became of it.
 */
#ifndef TESTS_UNIT_FAKE_RIG_H
#define TESTS_UNIT_FAKE_RIG_H

#include "tests/unit/agent_rig.h"
#include "tests/unit/fake_queue.h"

struct fake_rig {
	struct agent_rig agent;
	struct queue *queue;
	struct fake_mail mail; /* a small one to a@example.net */
};

/* Without a smarthost; or with one that follows RULES, whose server it is. */
void fake_rig_init(struct fake_rig *g);
struct smtp_server *fake_rig_serve(struct fake_rig *g,
				   const struct smtp_rule *rules);
void fake_rig_start(struct fake_rig *g);
/* Stopped if it still runs. */
void fake_rig_done(struct fake_rig *g);

/* Send the mail and hand its result over. */
struct fake_result *fake_rig_send(struct fake_rig *g);
/* Hand over the next result; fails where none comes. */
struct fake_result *fake_rig_take(struct fake_rig *g);

/* Send the mail: this became of it. */
void fake_rig_expect(struct fake_rig *g, enum attempt_outcome outcome,
		     enum attempt_dest dest, const char *dsn);
void fake_rig_expect_done(struct fake_rig *g);
/* The server has seen so many. */
void fake_rig_expect_seen(struct smtp_server *s, unsigned connections,
			  unsigned mails);

#endif
