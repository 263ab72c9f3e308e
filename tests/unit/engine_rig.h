/*
 * engine_rig - an engine on a queue in a folder of its own, with a clock that
 * is moved by hand.
 */
#ifndef TESTS_UNIT_ENGINE_RIG_H
#define TESTS_UNIT_ENGINE_RIG_H

#include "alert/engine.h"
#include "tests/unit/queue_rig.h"

#define SECOND INT64_C(1000)

struct engine_rig {
	struct rig rig;
	struct engine *e;
	int result; /* of the last answer */
	int answers;
};

/* DIR NULL: a new folder. */
void engine_rig_init(struct engine_rig *er, const char *dir);
void engine_rig_done(struct engine_rig *er);
/* Closed as after a crash, for the next life. */
void engine_rig_close(struct engine_rig *er);
void engine_rig_open(struct engine_rig *er);
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
/* Take and wait; the result. */
int engine_rig_take(struct engine_rig *er, const struct engine_alert *v,
		    size_t n);
int engine_rig_fire(struct engine_rig *er, const char *labels);
int engine_rig_resolve(struct engine_rig *er, const char *labels);
void engine_rig_answered(void *arg, int result);

/* The incident of these labels: its state, or -1. */
int engine_rig_state(struct engine_rig *er, const char *labels);
uint64_t engine_rig_id(struct engine_rig *er, const char *labels);
/* Its history, as "opened, told, ..." in a buffer of the rig's. */
const char *engine_rig_history(struct engine_rig *er, uint64_t id);

int engine_rig_setup(void **state);
int engine_rig_teardown(void **state);
#define ENGINE_TEST(f)                                                         \
	cmocka_unit_test_setup_teardown(f, engine_rig_setup,                   \
					engine_rig_teardown)

#endif
