/*
 * effect - what a job will change in memory once it is committed.
 *
 * A job's FN may run again when a batch is split, so it only notes; the AFTER
 * applies all notes at once. Strings that are noted are copied.
 */
#ifndef QUEUE_EFFECT_H
#define QUEUE_EFFECT_H

#include "queue/count.h"
#include "queue/message.h"

enum effect_kind {
	EFFECT_WAKE,    /* a row came into a ready list */
	EFFECT_TELL,    /* a message has something to tell */
	EFFECT_GONE,    /* a message is gone */
	EFFECT_FATE,    /* only copies are left of a message */
	EFFECT_EXPIRED, /* a recipient's time was over */
	EFFECT_CORRUPT, /* a record was set aside */
	EFFECT_PROBE,   /* a destination may be probed */
	EFFECT_RESUME,  /* the pause is over */
};

struct effect {
	enum effect_kind kind;
	uint64_t id; /* message */
	uint32_t n;
	uint64_t dest;
	uint8_t lane;
	uint32_t flow;
	bool delivered;
	uint8_t record; /* CORRUPT: the kind of the record */
	const char *agent, *name;
	const struct rcpt *rcpt;
};

#define EFFECTS_INLINE 4

struct effects {
	struct arena arena;
	struct count_list counts;
	size_t n, cap;
	struct effect *v; /* owned unless FIRST */
	struct effect first[EFFECTS_INLINE];
};

struct queue;

void effects_init(struct effects *e);
void effects_done(struct effects *e);
void effects_clear(struct effects *e);

void effect_wake(struct effects *e, uint64_t id, const struct rcpt *r);
void effect_tell(struct effects *e, uint64_t id);
void effect_gone(struct effects *e, uint64_t id, bool delivered);
void effect_fate(struct effects *e, uint64_t id, bool delivered);
void effect_expired(struct effects *e, uint64_t id, const struct rcpt *r);
void effect_corrupt(struct effects *e, uint8_t record, uint64_t id, uint32_t n);
void effect_probe(struct effects *e, uint64_t dest, const char *agent,
		  const char *name);
void effect_resume(struct effects *e);

/* In the store thread, after the commit. */
void effects_apply(struct queue *q, struct effects *e);

#endif
