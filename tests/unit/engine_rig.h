/*
 * engine_rig - an engine on a queue in a folder of its own, with a clock that
 * is moved by hand.
 */
#ifndef TESTS_UNIT_ENGINE_RIG_H
#define TESTS_UNIT_ENGINE_RIG_H

#include "alert/engine.h"
#include "alert/render.h"
#include "alert/rules.h"
#include "tests/unit/queue_rig.h"

#define SECOND INT64_C(1000)

#define ENGINE_RIG_MAILS 4096

/* One line for each message that was delivered:
 *
 *	KIND SUBJECT: +alert alert -alert ~alert [F firing R over S stale]
 *
 * "+" is news, "-" over, "~" no longer reported. */
struct engine_mail {
	char to[64];
	char text[512];
	char id[64], root[64]; /* "" none */
	char from[32];         /* the receiver */
	char next[48];
	char subject[160];        /* TEXT has it up to " on " */
	char who[64];             /* "" nobody */
	uint64_t queue_id, group; /* GROUP and SEQ: those of ID */
	uint32_t seq;
	int64_t when_ms;
	size_t shown;
};

enum engine_far {
	FAR_TAKES,
	FAR_DOWN,    /* it can't be reached */
	FAR_REFUSES, /* with CODE */
	FAR_SLOW,    /* attempts stay out until the test says otherwise */
	FAR_MUTE,    /* it takes it, and does not say so */
};

struct engine_rig {
	struct rig rig;
	struct engine *e;
	const char *yaml; /* of the section */
	struct rules *rules;
	int result; /* of the last answer */
	int answers;
	/* The far end. */
	enum engine_far far;
	const char *only, *also;   /* FAR is of these addresses only */
	const char *down;          /* this one can't be reached; NULL: none */
	const char *dsn;           /* of refusals: "5.7.1" */
	struct engine_mail *mails; /* what was delivered */
	size_t nmails;
	struct attempt *out[64];
	size_t nout;
	int reading;           /* a thread reads what was taken */
	int written;           /* letters */
	const char *unwritten; /* letters to this address fail; NULL: none do */
	int unwritten_why;     /* -errno; 0: -EMSGSIZE */
	const char *alias;     /* it stands for x@ and y@example.org */
	bool synced;           /* the clock */
	bool unturned;         /* the engine takes its turns by itself */
	/* Who hears of each mail that arrives; then none is kept. */
	void (*on_mail)(const struct engine_mail *m);
	/* As in engine_deps; may change. */
	bool (*hear)(void *ctx, const struct alert *a);
	void *hear_ctx;
	char lines[8192];
};

/* Another section. */
void engine_rig_rules(struct engine_rig *er, const char *yaml);
/* All that was delivered since the last call, "TO TEXT\n" each, sorted. */
const char *engine_rig_mails(struct engine_rig *er);
/* That is EXPECTED. */
void engine_rig_told_is(struct engine_rig *er, const char *expected,
			const char *file, int line);
#define assert_told(er, expected)                                              \
	engine_rig_told_is(er, expected, __FILE__, __LINE__)
/* Records of the kinds in KINDS. */
int engine_rig_rows(struct engine_rig *er, const char *kinds);
/* Those that are out: delivered, or refused with a code of 550. */
void engine_rig_answer(struct engine_rig *er, bool delivered);
/* Those that are out are taken; nobody waits for that. */
void engine_rig_hand(struct engine_rig *er);
/* ... come back: they could not be delivered. */
void engine_rig_fail(struct engine_rig *er);

/* DIR NULL: a new folder. */
void engine_rig_init(struct engine_rig *er, const char *dir);
/* The same without opening. */
void engine_rig_begin(struct engine_rig *er, const char *dir);
void engine_rig_done(struct engine_rig *er);
/* Closed as after a crash, for the next life. */
void engine_rig_close(struct engine_rig *er);
void engine_rig_open(struct engine_rig *er);
/* The same, and its records are still to be read. */
void engine_rig_start(struct engine_rig *er);
/* Until there is nothing to do at this time of the clock. */
void engine_rig_settle(struct engine_rig *er);
/* The clock goes on in steps of at most STEP. */
void engine_rig_advance(struct engine_rig *er, int64_t ms, int64_t step);

/* An alert from text: "alertname=Disk host=a", annotations likewise. */
struct engine_alert {
	const char *source; /* NULL: "test" */
	const char *key;
	const char *labels, *annotations;
	bool resolved;
	int64_t starts_ms, ends_ms;
};
/* Take, and don't wait. */
void engine_rig_post(struct engine_rig *er, const struct engine_alert *v,
		     size_t n);
/* Take and wait; the result. */
int engine_rig_take(struct engine_rig *er, const struct engine_alert *v,
		    size_t n);
int engine_rig_fire(struct engine_rig *er, const char *labels);
int engine_rig_resolve(struct engine_rig *er, const char *labels);
void engine_rig_answered(void *arg, int result);

/* The incident of these labels: its state, or -1. */
int engine_rig_state(struct engine_rig *er, const char *labels);
uint64_t engine_rig_id(struct engine_rig *er, const char *labels);
/* Its history, as "opened, queued, ..." in a buffer of the rig's. */
const char *engine_rig_history(struct engine_rig *er, uint64_t id);

int engine_rig_setup(void **state);
int engine_rig_teardown(void **state);
#define ENGINE_TEST(f)                                                         \
	cmocka_unit_test_setup_teardown(f, engine_rig_setup,                   \
					engine_rig_teardown)

#endif
