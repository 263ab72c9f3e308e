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

enum heard { HEARD_NOTHING, HEARD_FIRING, HEARD_STALE, HEARD_OVER };

/* What else there is in a run. */
enum extra {
	EXTRA_ACT = 1 << 0,     /* people acknowledge and close */
	EXTRA_REFUSE = 1 << 1,  /* addresses refuse */
	EXTRA_SLOW = 1 << 2,    /* attempts stay out */
	EXTRA_STEP = 1 << 3,    /* escalation */
	EXTRA_INSTEAD = 1 << 4, /* fallback */
	EXTRA_RATE = 1 << 5,
	EXTRA_HOLD = 1 << 6, /* a longer one */
	NEXTRA = 7,
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
/* All that disturbs is taken away. */
void random_calm(struct model *m);
void random_resolve_all(struct model *m);

/* --- engine_random_check.c ---------------------------------------------------- */

/* What everybody heard last is what is true. */
void random_check(struct model *m);
/* What is in memory is in the store; nothing is under way. */
void random_check_records(struct model *m);
/* No record is left. */
void random_check_rest(struct model *m);

#endif
