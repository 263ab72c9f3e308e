/*
 * queue_rig - a queue in a folder of its own, with a clock that stands still,
 * an agent whose attempts the test answers, and a teller that takes notes.
 *
 * The loop runs in the test's own thread, only while the test waits.
 */
#ifndef TESTS_UNIT_QUEUE_RIG_H
#define TESTS_UNIT_QUEUE_RIG_H

#include <pthread.h>

#include "queue/attempt.h"
#include "queue/draft.h"
#include "queue/queue.h"
#include "queue/teller.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define RIG_OUT  2100
#define RIG_TOLD 64

struct rig;
typedef void rig_agent_fn(struct rig *rig, struct attempt *a);

struct rig_told {
	uint64_t id;
	uint8_t kind;
	bool delivered, reached, doubted, over;
	size_t nrcpt;
	char first[64]; /* address of the first recipient */
	uint8_t notify; /* ... and what it asked for */
	char orcpt[64];
	enum dsn_ret ret;
	char envid[64];
	bool utf8_header;
	enum tell_what what; /* of the first, and of the last */
	enum tell_what last_what;
	int code;
	uint32_t tries;
};

struct rig {
	char dir[64];
	bool borrowed_dir;
	struct queue_conf conf;
	struct clock *clock;
	struct loop *loop;
	struct pool *disk;
	struct log *log;
	struct log_context log_ctx;
	struct metrics *metrics;
	struct queue *q;
	uint64_t handle; /* of the rig itself */
	/* Attempts that are out, in the order they were given. */
	struct attempt *out[RIG_OUT];
	size_t nout, given;
	bool no_agent;           /* nobody serves "test" */
	queue_router_fn *router; /* NULL: routes never change; of ctx RIG */
	unsigned char routes[QUEUE_ROUTES_LEN]; /* their fingerprint */
	rig_agent_fn *agent; /* answers at once; NULL: they wait in OUT */
	/* What the teller was told. */
	struct rig_told told[RIG_TOLD];
	size_t ntold;
	enum attempt_reach reach; /* of what the test says is done */
	bool report;              /* write a DSN; else nothing can be said */
	const char *report_dest;
	int tell_busy;        /* drop so many first */
	bool tell_slow;       /* the first waits for rig_tell() ... */
	struct tell *telling; /* ... here */
	/* Store job of the test's own with a tell. */
	store_fn *tell_fn;
	void *tell_arg;
	/* Answers. */
	int result;
	uint64_t id;
	struct queue_stats *stats;
	struct queue_listing *listing;
	bool busy;
	uint32_t ntells; /* under way */
	bool ready, fated, delivered;
	struct reply fate;
	pthread_mutex_t lock;
	struct buf lines; /* the log, under the lock */
};

struct rig_mail {
	const char *sender; /* NULL: a@example.org */
	const char *to[8];  /* NULL ends; the first is needed */
	const char *dest;   /* NULL: "hop" */
	bool alert, bulk;   /* else of class normal */
	uint32_t flow;
	const char *key;
	bool key_kept;
	size_t size;  /* of the content; 0: a few bytes */
	char fill;    /* of it */
	size_t nrcpt; /* more than TO: r0, r1, ... */
	uint8_t teller;
	struct store_key teller_key;
	const char *prefix; /* fields of ours, before the content */
	const char *late;   /* ... before these, known at the end */
	/* What the sender wants to hear. */
	enum dsn_ret ret;
	const char *envid, *orcpt;
	uint8_t notify[8];     /* of TO */
	const char *orcpts[8]; /* of TO; NULL: ORCPT */
	bool copy[8];          /* of TO */
	bool smtputf8, utf8_header;
	/* Who sent it. */
	bool submitted;
	const char *verdict;
};
#define RIG_MAIL(...) (&(struct rig_mail){__VA_ARGS__})

/* DIR NULL: a new folder, removed at the end. */
void rig_init(struct rig *rig, const char *dir);
void rig_open(struct rig *rig); /* without queue_start() */
void rig_start(struct rig *rig);
/* What is out is forgotten, as in a crash. */
void rig_close(struct rig *rig);
void rig_done(struct rig *rig);

/* Until the queue has nothing left to do at this time of the clock. */
void rig_settle(struct rig *rig);
void rig_advance(struct rig *rig, int64_t ms);
/* Run the loop until a callback of the rig says so. */
void rig_wait(struct rig *rig);

/* Publish, wait, and return the outcome; the id is in RIG->id. */
int rig_send(struct rig *rig, const struct rig_mail *mail);
/* The same, not waited for: rig_settle(). */
void rig_post(struct rig *rig, const struct rig_mail *mail);
struct draft *rig_draft(struct rig *rig, const struct rig_mail *mail);

/* Attempt number AT of those that are out ends: all recipients alike. */
void rig_answer(struct rig *rig, size_t at, enum attempt_outcome outcome,
		int code);
void rig_answer_dest(struct rig *rig, size_t at, enum attempt_outcome outcome,
		     enum attempt_dest dest, int code);
/* What the slow teller was asked. */
void rig_tell(struct rig *rig);
int rig_act(struct rig *rig, enum queue_action action, uint64_t id);
struct queue_stats *rig_stats(struct rig *rig);
/* N 0: no such message. Borrowed until the next. */
struct queue_message_info *rig_show(struct rig *rig, uint64_t id);
int rig_pause(struct rig *rig, bool alerts, int64_t until_ms);
int rig_resume(struct rig *rig);
/* How often TEXT stands in the log. */
int rig_logged(struct rig *rig, const char *text);

/* Agents that answer at once. */
void rig_deliver(struct rig *rig, struct attempt *a);

/* All that is out is delivered, and then nothing is left. */
void rig_deliver_rest(struct rig *rig);

/* cmocka's fixture: a rig that is open and started, in *STATE. */
int rig_setup(void **state);
int rig_teardown(void **state);
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif
