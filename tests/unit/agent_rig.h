/*
 * agent_rig - the agent on two loops of its own, with servers on loopback as
 * its smarthosts. The queue is the caller's.
 */
#ifndef TESTS_UNIT_AGENT_RIG_H
#define TESTS_UNIT_AGENT_RIG_H

#include <pthread.h>

#include "deliver/deliver.h"
#include "tests/unit/smtp_server.h"

#define AGENT_LOOPS 2
#define AGENT_HOPS  3
#define TEXT(s)     ((char *)(uintptr_t)(s))

struct agent_rig {
	struct log *log;
	struct log_context context;
	struct loop *loops[AGENT_LOOPS];
	struct dns *dns[AGENT_LOOPS];
	/* The caller's; both NULL: no agents for this machine. */
	struct pool *disk;
	struct spawner *spawner;
	struct deliver *deliver;
	struct delivery_conf conf;
	struct conf_list routes;
	/* of struct route_rule */ /* to be changed before the start */
	struct hop hops[AGENT_HOPS];
	struct smtp_server *servers[AGENT_HOPS];
	size_t nservers;
	int nobody[AGENT_HOPS]; /* sockets at ports where nobody listens */
	size_t nnobody;
	pthread_mutex_t lock; /* keeps what follows */
	pthread_cond_t changed;
	struct buf lines; /* the log */
	bool stopped;
};

void agent_rig_init(struct agent_rig *g);
/* One more smarthost at this port of 127.0.0.1; the first is called "dest". */
void agent_rig_hop(struct agent_rig *g, int port);
/* One where this server listens; it ends with the rig. */
struct smtp_server *agent_rig_serve(struct agent_rig *g,
				    const struct smtp_rule *rules, bool slow);
/* The same with a server that was started already. */
struct smtp_server *agent_rig_serve_at(struct agent_rig *g,
				       struct smtp_server *s);
/* One where nobody listens, and nobody else does while the rig is there. */
void agent_rig_serve_nobody(struct agent_rig *g);

/* Of the configuration as it is now. */
struct routing *agent_rig_routing(struct agent_rig *g);
/* The agent for Q; the loops do not run yet. */
void agent_rig_open(struct agent_rig *g, struct queue *q,
		    struct metrics *metrics);
void agent_rig_run(struct agent_rig *g);
void agent_rig_stop(struct agent_rig *g, int64_t grace_ms);
/* After a stop. */
void agent_rig_done(struct agent_rig *g);

/* How often TEXT stands in AT. */
unsigned agent_rig_count(const char *at, const char *text);
/* Until TEXT was logged N times, ten seconds at most; more often fails. */
void agent_rig_wait_logged(struct agent_rig *g, const char *text, unsigned n);

#endif
