/*
 * engine_random - what test_engine_random does to an engine, and what must be
 * true then.
 */
#ifndef TESTS_UNIT_ENGINE_RANDOM_H
#define TESTS_UNIT_ENGINE_RANDOM_H

#include "base/buf.h"
#include "tests/unit/engine_random_rules.h"
#include "tests/unit/engine_rig.h"

#define NANSWERS 1024
#define NSENT    256

enum heard {
	HEARD_NOTHING,
	HEARD_FIRING,
	HEARD_STALE,
	HEARD_OVER,
	HEARD_RETURNED, /* it came back: they heard nothing */
};

/* What else there is in a run. */
enum extra {
	EXTRA_ACT = 1 << 0,     /* people acknowledge and close */
	EXTRA_REFUSE = 1 << 1,  /* addresses refuse */
	EXTRA_SLOW = 1 << 2,    /* attempts stay out */
	EXTRA_STEP = 1 << 3,    /* escalation */
	EXTRA_INSTEAD = 1 << 4, /* fallback */
	EXTRA_RATE = 1 << 5,
	EXTRA_HOLD = 1 << 6, /* a longer one */
	EXTRA_BOUNCE = 1 << 7,
	NEXTRA = 8,
};

/* A mail that was delivered, and may come back. */
struct sent {
	struct model *m;
	uint64_t group;
	uint32_t seq;
	enum who who;
	char to[64];
	size_t number;  /* from 1 */
	bool came_back; /* and the engine was told */
	bool early;     /* ... too early */
};

struct answer {
	struct model *m;
	size_t alert;
	bool firing, ends;
};

struct model {
	struct engine_rig er;
	uint64_t random;
	unsigned extras;
	int64_t began_ms;
	struct ruleset rules;
	struct ruleset settled; /* those that were in force for certain */
	bool open[NALERTS], may_expire[NALERTS], critical[NALERTS];
	enum heard heard[NWHO][NALERTS];
	enum form heard_by[NWHO][NALERTS]; /* rules; NFORM: some of two */
	bool excused[NWHO][NALERTS];       /* they need not hear of its end */
	/* They may miss what others of an alias heard, or hear what was out for a
	 * receiver that is gone. */
	bool lags[NWHO];
	bool refused[NWHO]; /* something, for good */
	bool calm;          /* nothing disturbs any more */
	/* What came back may be told as late as by the reminder: it was to be
	 * again during a silence, or while others were told. */
	bool late;
	size_t heard_in[NWHO][NALERTS]; /* its number */
	struct sent sent[NSENT];        /* the last; number N at N % NSENT */
	char silence[ENGINE_SILENCE_ID];
	struct answer answers[NANSWERS];
	size_t nanswers;
	size_t nmails;
	struct buf log;
	bool failed;
	bool mutes;
};

/* Less than N. */
size_t random_draw(struct model *m, size_t n);
/* What happened, for who looks for why. */
void random_note(struct model *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* ... and should not. */
void random_wrong(struct model *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* engine_turns_settle() and -advance(). */
void random_settle(struct model *m);
void random_advance(struct model *m, int64_t ms, int64_t step);

/* --- engine_random_do.c ------------------------------------------------------ */

/* One operation, and some of the engine's work. */
void random_operate(struct model *m);
/* S, which was just delivered, may come back at once. */
void random_deliver(struct model *m, struct sent *s);
/* Did anything come back, from anybody? */
bool random_was_refused(const struct model *m);
/* All that disturbs is taken away. */
void random_calm(struct model *m);
void random_resolve_all(struct model *m);

/* --- engine_random_check.c ---------------------------------------------------- */

/* What everybody heard last is what is true. */
void random_check(struct model *m);
/* ... and where it came back, they heard it again, or the fallback in their
 * place. */
void random_check_returned(struct model *m);
/* What is in memory is in the store; nothing is under way. */
void random_check_records(struct model *m);
/* No record is left. */
void random_check_rest(struct model *m);

#endif
