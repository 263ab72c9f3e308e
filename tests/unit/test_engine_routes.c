/*
 * By which route an alert came to its group, and what a reload makes of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/rules_kit.h"
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

/* --- routes that share a receiver ---------------------------------------------- */

#define BOSS "- {name: boss, mail: [boss@example.org]}\n"
#define NIGHTS                                                                 \
	"time_intervals:\n"                                                    \
	"- {name: nights, time_intervals: [{times: [{start_time: '00:00', "    \
	"end_time: '24:00'}]}]}\n"
#define PAGED                                                                  \
	"  - {matchers: ['severity=\"critical\"'], "                           \
	"escalate: [{after: 10m, receiver: boss}]}\n"
#define MUTED                                                                  \
	"  - {matchers: ['severity=\"warning\"'], "                            \
	"mute_time_intervals: [nights]}\n"
#define ROUTES(routes)                                                         \
	"own: []\nreceivers:\n" OPS BOSS NIGHTS                                \
	"route:\n  receiver: ops\n  group_by: [alertname]\n  routes:\n" routes

#define CRITICAL "alertname=Disk host=a severity=critical"
#define WARNING  "alertname=Disk host=b severity=warning"

/* What is muted by its route mutes nothing else, and takes no escalation. */
static void
test_shared(void **state)
{
	static const char *const orders[][2] = {
		{CRITICAL, WARNING},
		{WARNING, CRITICAL},
	};
	struct engine_rig *er = *state;

	engine_rig_rules(er, ROUTES(PAGED MUTED));
	for (size_t i = 0; i < 2; i++) {
		engine_rig_fire(er, orders[i][0]);
		engine_rig_fire(er, orders[i][1]);
		engine_rig_advance(er, MINUTE, SECOND);
		assert_told(er, "ops firing Disk: +a\n");
		engine_rig_advance(er, 11 * MINUTE, 10 * SECOND);
		assert_told(er, "boss escalation Disk: +a\n");
		engine_rig_resolve(er, CRITICAL);
		engine_rig_resolve(er, WARNING);
		engine_rig_advance(er, 2 * HOUR, MINUTE);
		assert_told(er, "boss recovery Disk: -a\n"
				"ops recovery Disk: -a\n");
	}
}

#define UNPAGED                                                                \
	"  - {matchers: ['severity=\"warning\"'], repeat_interval: 1d}\n"

/* What does not escalate starts no clock for what does. */
static void
test_shared_clock(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ROUTES(PAGED UNPAGED));
	engine_rig_fire(er, WARNING);
	engine_rig_advance(er, 6 * HOUR, MINUTE);
	assert_told(er, "ops firing Disk: +b\n");
	engine_rig_fire(er, CRITICAL);
	engine_rig_advance(er, 9 * MINUTE, SECOND);
	assert_told(er, "ops more Disk: +a b\n");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +a +b\n");
	/* It is over, and with it the reminders that are its own. */
	engine_rig_resolve(er, CRITICAL);
	engine_rig_advance(er, 6 * HOUR, MINUTE);
	assert_told(er, "boss partly Disk: -a b\nops partly Disk: -a b\n");
}

#define TWICE                                                                  \
	"  - {matchers: ['team=\"db\"'], continue: true}\n"                    \
	"  - {matchers: ['alertname=\"Disk\"'], "                              \
	"mute_time_intervals: [nights]}\n"
#define TWICE_BACK                                                             \
	"  - {matchers: ['alertname=\"Disk\"'], "                              \
	"mute_time_intervals: [nights], continue: true}\n"                     \
	"  - {matchers: ['team=\"db\"']}\n"

/* By two routes to one group: told once, and if any of them tells. */
static void
test_twice(void **state)
{
	static const char *const rules[] = {ROUTES(TWICE), ROUTES(TWICE_BACK)};
	struct engine_rig *er = *state;

	for (size_t i = 0; i < 2; i++) {
		engine_rig_rules(er, rules[i]);
		engine_rig_fire(er, DISK);
		engine_rig_advance(er, HOUR, 10 * SECOND);
		assert_told(er, "ops firing Disk: +Disk\n");
		engine_rig_resolve(er, DISK);
		engine_rig_advance(er, 2 * HOUR, MINUTE);
		assert_told(er, "ops recovery Disk: -Disk\n");
	}
}

/* Other routes to the same receiver are no news. */
static void
test_reload_routes(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ROUTES(UNPAGED));
	engine_rig_fire(er, CRITICAL);
	engine_rig_fire(er, WARNING);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "ops firing Disk: +a +b\n");
	engine_rig_rules(er, ROUTES(MUTED PAGED));
	engine_rig_advance(er, 9 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	/* They are what counts from now on. */
	engine_rig_advance(er, 2 * MINUTE, 10 * SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	engine_rig_resolve(er, CRITICAL);
	engine_rig_resolve(er, WARNING);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "boss recovery Disk: -a\n"
			"ops recovery Disk: -a -b\n");
}

/* --- many ------------------------------------------------------------------------ */

#define MANY 3000

#define INHIBITING                                                             \
	"own: []\nreceivers:\n" OPS "route: {receiver: ops}\n"                 \
	"inhibit_rules: [{source_matchers: ['alertname=\"Last\"'], "           \
	"target_matchers: ['alertname=\"N\"']}]\n"

static void
fire_many(struct engine_rig *er)
{
	static struct engine_alert v[MANY];
	static char labels[MANY][40];

	for (int i = 0; i < MANY; i++) {
		snprintf(labels[i], sizeof(labels[i]), "alertname=%s host=h%d",
			 i + 1 == MANY ? "Last" : "N", i);
		v[i] = (struct engine_alert){.labels = labels[i]};
	}
	assert_int_equal(engine_rig_take(er, v, MANY), 0);
}

static bool
see_inhibited(void *arg, const struct incident_view *v)
{
	int *n = arg;

	*n += v->inhibited_by[0] != '\0';
	return true;
}

static int
inhibited(struct engine_rig *er)
{
	int n = 0;

	engine_each(er->e, NULL, 0, MANY, see_inhibited, &n);
	return n;
}

/* A reload keeps the loop for some of them at a time, and nobody is told by the
 * half of the new rules. */
static void
test_reload_many(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ONLY_OPS);
	fire_many(er);
	assert_int_equal(inhibited(er), 0);
	rules_unref(&er->rules);
	er->yaml = INHIBITING;
	er->rules = rules_kit_new(INHIBITING);
	engine_set_rules(er->e, er->rules);
	for (int i = 0; i < 2; i++) {
		loop_post(er->rig.loop, &stop_post, stop, er->rig.loop);
		loop_run(er->rig.loop);
		assert_int_equal(er->e->nreroutes, 1);
	}
	engine_rig_settle(er);
	assert_int_equal(er->e->nreroutes, 0);
	assert_int_equal(inhibited(er), MANY - 1);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "ops firing Last: +h2999\n");
	engine_rig_close(er);
	engine_rig_open(er);
	assert_int_equal(inhibited(er), MANY - 1);
	engine_rig_rules(er, ONLY_OPS);
	assert_int_equal(inhibited(er), 0);
}

/* What waits is not put off by one reload after the other. */
static void
test_reload_again(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "receivers:\n" OPS "route: {receiver: ops}\n");
	engine_own(er->e, "paused", "", true, "Paused", "warning");
	for (int i = 0; i < 3; i++) {
		engine_set_rules(er->e, er->rules);
		loop_post(er->rig.loop, &stop_post, stop, er->rig.loop);
		loop_run(er->rig.loop);
	}
	assert_true(er->e->job.out || HASH_CNT(by_id, er->e->incidents) == 1);
	engine_rig_settle(er);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_reload_job),
		ENGINE_TEST(test_reload_job_twice),
		ENGINE_TEST(test_shared),
		ENGINE_TEST(test_shared_clock),
		ENGINE_TEST(test_twice),
		ENGINE_TEST(test_reload_routes),
		ENGINE_TEST(test_reload_many),
		ENGINE_TEST(test_reload_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
