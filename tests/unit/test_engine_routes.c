/*
 * By which route an alert came to its group, and what a reload makes of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define OPS "- {name: ops, mail: [ops@example.org]}\n"
#define DB  "- {name: db, mail: [db@example.org]}\n"

#define DB_AND_OPS                                                             \
	"own: []\nreceivers:\n" DB OPS "route:\n  receiver: ops\n  routes:\n"  \
	"  - {matchers: ['team=\"db\"'], receiver: db}\n"
#define ONLY_OPS "own: []\nreceivers:\n" OPS "route: {receiver: ops}\n"

#define DISK "alertname=Disk team=db"

/* --- a reload while a job is out ------------------------------------------------ */

static struct post stop_post;

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* Taken, and on its way to the store. */
static void
fire_out(struct engine_rig *er)
{
	struct label l[] = {{"alertname", "Disk"}, {"team", "db"}};
	struct alert a = {
		.source = "test",
		.status = ALERT_FIRING,
		.labels = {.n = 2, .v = l},
		.url = "",
	};

	engine_take(er->e, &a, 1, engine_rig_answered, er);
	loop_post(er->rig.loop, &stop_post, stop, er->rig.loop);
	loop_run(er->rig.loop);
	assert_true(er->e->job.out);
}

/* What the job makes is routed by the new rules, once there are any. */
static void
test_reload_job(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, DB_AND_OPS);
	fire_out(er);
	engine_rig_rules(er, ONLY_OPS);
	assert_int_equal(er->result, 0);
	engine_rig_advance(er, 10 * MINUTE, 5 * SECOND);
	assert_told(er, "ops firing Disk: +Disk\n");
}

/* The last of those that came while a job was out. */
static void
test_reload_job_twice(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ONLY_OPS);
	fire_out(er);
	engine_set_rules(er->e, er->rules);
	assert_true(er->e->job.out);
	engine_rig_rules(er, DB_AND_OPS);
	engine_rig_advance(er, 10 * MINUTE, 5 * SECOND);
	assert_told(er, "db firing Disk: +Disk\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_reload_job),
		ENGINE_TEST(test_reload_job_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
