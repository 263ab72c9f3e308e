/*
 * What comes between a look at a group and its commit, or while a job is out:
 * nobody is told twice, and nothing is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Disk host=c"

#define TURNS 10000000 /* more than the store needs */

/* --- one turn -------------------------------------------------------------------- */

static struct post stop_post;

static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
turn(struct engine_rig *er)
{
	loop_post(er->rig.loop, &stop_post, stop, er->rig.loop);
	loop_run(er->rig.loop);
}

static bool
is_out(const struct engine *e)
{
	return e->job.out;
}

static bool
is_flushing(const struct engine *e)
{
	return e->nflushes > 0;
}

static void
turn_until(struct engine_rig *er, bool (*fn)(const struct engine *e))
{
	for (int i = 0; i < TURNS && !fn(er->e); i++)
		turn(er);
	assert_true(fn(er->e));
}

static void
post(struct engine_rig *er, const char *labels)
{
	engine_rig_post(er, &(struct engine_alert){.labels = labels}, 1);
}

/* As engine_rig_rules(), and nothing is done yet. */
static void
set_rules(struct engine_rig *er, const char *yaml)
{
	rules_unref(&er->rules);
	er->yaml = yaml;
	er->rules = rules_kit_new(yaml);
	engine_set_rules(er->e, er->rules);
}

/* What waits is out. */
static void
begin_job(struct engine_rig *er)
{
	job_step(er->e);
	assert_true(is_out(er->e));
}

/* The group that is due is being told. */
static void
begin_flush(struct engine_rig *er)
{
	engine_turn(er->e);
	assert_int_equal(er->e->nflushes, 1);
}

/* Until the time of the only group has come. */
static void
advance_to_due(struct engine_rig *er)
{
	int64_t when = er->e->groups->due.when_ms;

	assert_int_equal(HASH_CNT(by_id, er->e->groups), 1);
	assert_true(when > clock_wall_ms(er->rig.clock));
	clock_advance(er->rig.clock, when - clock_wall_ms(er->rig.clock));
}

/* --- it fires again --------------------------------------------------------------- */

/* The group of what came and went is about to end. */
static void
test_ends(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	advance_to_due(er);
	post(er, A);
	begin_flush(er);
	engine_rig_settle(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* Its recovery is accepted, and it is about to leave its group. */
static void
test_leaves(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	er->far = FAR_SLOW;
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_int_equal(er->nout, 1);
	er->far = FAR_TAKES;
	assert_false(is_out(er->e));
	engine_rig_hand(er);
	turn_until(er, is_out);
	post(er, B);
	engine_rig_settle(er);
	assert_told(er, "anna partly Disk: -b a\n");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n");
}

/* The same, while what was told of another is about to change. */
static void
test_leaves_beside(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.key = "b", .labels = B " severity=warning"},
		{.key = "a", .labels = A " severity=warning"},
	};

	engine_rig_take(er, v, 2);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +b +a\n");
	er->far = FAR_SLOW;
	v[0].resolved = true;
	engine_rig_take(er, v, 1);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_int_equal(er->nout, 1);
	er->far = FAR_TAKES;
	engine_rig_hand(er);
	turn_until(er, is_out);
	v[1].labels = A " severity=critical";
	engine_rig_post(er, v + 1, 1);
	engine_rig_settle(er);
	assert_told(er, "anna partly Disk: -b a\n");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +a\n");
	assert_int_equal(er->e->groups->n, 1);
}

/* --- one comes as its group is told ------------------------------------------------ */

/* They have nothing to say, and it comes too late for that look. */
static void
test_joins(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	advance_to_due(er);
	post(er, B);
	begin_job(er);
	begin_flush(er);
	engine_rig_settle(er);
	engine_rig_advance(er, 29 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +b\n");
}

/* The same of a recovery. */
static void
test_ends_meanwhile(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_fire(er, B);
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	advance_to_due(er);
	engine_rig_post(
		er, &(struct engine_alert){.labels = A, .resolved = true}, 1);
	begin_job(er);
	begin_flush(er);
	engine_rig_settle(er);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
}

/* --- what was told changes -------------------------------------------------------- */

#define ONLY                                                                   \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"route: {receiver: ops}\n"

/* A was told; now it is B's turn. */
static void
advance_to_second(struct engine_rig *er, struct engine_alert *a)
{
	engine_rig_rules(er, ONLY);
	engine_rig_take(er, a, 1);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_fire(er, B);
	advance_to_due(er);
}

/* One becomes worse while another is about to be told. */
static void
test_worse(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.key = "a", .labels = A " severity=warning"};

	advance_to_second(er, &a);
	a.labels = A " severity=critical";
	engine_rig_post(er, &a, 1);
	begin_job(er);
	begin_flush(er);
	engine_rig_settle(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna more Disk: +a +b\n");
}

/* What was told comes back while another is about to be told. */
static void
test_bounced(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.labels = A};

	advance_to_second(er, &a);
	engine_bounced(er->e, er->e->groups->id, 1, "anna@example.org", "5.2.2",
		       "full", engine_rig_answered, er);
	begin_job(er);
	begin_flush(er);
	engine_rig_settle(er);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
}

static void
bounce(struct engine_rig *er, int result)
{
	engine_bounced(er->e, er->e->groups->id, 1, "anna@example.org", "5.2.2",
		       "full", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, result);
}

/* The bounce was quicker than the word that the mail was accepted: its mail
 * comes again. */
static void
test_bounced_early(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ONLY);
	er->far = FAR_SLOW;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	bounce(er, -EAGAIN);
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_settle(er);
	assert_told(er, "anna firing Disk: +a\n");
	bounce(er, 0);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* --- a reload --------------------------------------------------------------------- */

#define OTHERS                                                                 \
	"own: []\nreceivers:\n"                                                \
	"- {name: team, mail: [carl@example.org]}\n"                           \
	"route: {receiver: team}\n"

/* The receiver of a group that is about to end is there again. */
static void
test_is_back(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ONLY);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	set_rules(er, OTHERS);
	turn_until(er, is_flushing);
	set_rules(er, ONLY);
	engine_rig_settle(er);
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_mails(er);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n");
	engine_rig_resolve(er, A);
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a -b\n");
}

#define BACKED(name)                                                           \
	"own: []\nreceivers:\n"                                                \
	"- {name: " name ", mail: [anna@example.org], "                        \
	"fallback: {receiver: boss, after: 20m}}\n"                            \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: " name "}\n"

/* A receiver is called otherwise while its first message is written. */
static void
test_renamed(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, BACKED("ops"));
	engine_rig_fire(er, A);
	advance_to_due(er);
	begin_flush(er);
	set_rules(er, BACKED("team"));
	er->far = FAR_DOWN;
	er->only = "anna@example.org";
	engine_rig_settle(er);
	engine_rig_advance(er, 19 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss fallback Disk: +a\n");
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\nboss recovery Disk: -a\n");
}

#define MANY 3000

/* It is stopped between the pieces of a reload. */
static void
test_stops(void **state)
{
	struct engine_rig *er = *state;
	static struct engine_alert v[MANY];
	static char labels[MANY][40];

	engine_rig_rules(er, ONLY);
	for (int i = 0; i < MANY; i++) {
		snprintf(labels[i], sizeof(labels[i]), "alertname=N host=h%d",
			 i);
		v[i] = (struct engine_alert){.labels = labels[i]};
	}
	assert_int_equal(engine_rig_take(er, v, MANY), 0);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_int_equal(er->nmails, 1);
	er->nmails = 0;
	set_rules(er, BACKED("team"));
	turn_until(er, is_out);
	engine_rig_post(er, &(struct engine_alert){.labels = A}, 1);
	engine_rig_close(er);
	assert_int_equal(er->result, -ESHUTDOWN);
	engine_rig_open(er);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "");
}

/* --- in one job ------------------------------------------------------------------- */

#define BY_TEAM                                                                \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"- {name: team, mail: [carl@example.org]}\n"                           \
	"route: {receiver: ops, routes: [{matchers: ['team=x'], "              \
	"receiver: team}]}\n"

static const struct {
	const char *name;
	bool told; /* before its labels change */
	const char *then, *over;
} label_rows[] = {
	{"of a new one", false, "anna firing Disk: +a\n",
	 "anna recovery Disk: -a\n"},
	{"of one that was told", true, "", "anna recovery Disk: -a\n"},
};

/* Its labels are others, and the same again, in one job: it is nowhere else. */
static void
test_labels_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(label_rows) / sizeof(label_rows[0]);
	     i++) {
		struct engine_rig er;
		struct engine_alert a = {.key = "a", .labels = A};

		print_message("%s\n", label_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, BY_TEAM);
		if (label_rows[i].told) {
			engine_rig_take(&er, &a, 1);
			engine_rig_advance(&er, 40 * SECOND, SECOND);
			assert_told(&er, "anna firing Disk: +a\n");
		}
		engine_rig_post(&er, &a, 1);
		a.labels = A " team=x";
		engine_rig_post(&er, &a, 1);
		a.labels = A;
		engine_rig_post(&er, &a, 1);
		engine_rig_settle(&er);
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, label_rows[i].then);
		a.resolved = true;
		engine_rig_take(&er, &a, 1);
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, label_rows[i].over);
		engine_rig_advance(&er, 5 * HOUR, MINUTE);
		assert_int_equal(engine_rig_rows(&er, "igs"), 0);
		engine_rig_done(&er);
	}
}

/* --- it leaves ------------------------------------------------------------------- */

/* What was worth no message leaves memory while somebody says so. */
static void
test_noise(void **state)
{
	struct engine_rig *er = *state;
	uint64_t id;

	engine_rig_fire(er, A);
	engine_rig_resolve(er, A);
	id = engine_rig_id(er, A);
	engine_rig_advance(er, 59 * MINUTE, SECOND);
	while (!is_out(er->e)) {
		clock_advance(er->rig.clock, SECOND);
		engine_turn(er->e);
		job_step(er->e);
	}
	assert_true(er->e->incidents->edit->past);
	engine_act(er->e, ENGINE_NOISE, id, "anna", "", engine_rig_answered,
		   er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	assert_int_equal(engine_rig_state(er, A), -1);
	assert_non_null(strstr(engine_rig_history(er, id), "noise"));
}

/* It is stopped after an outcome came, before that is looked at: who was told of
 * the first while the second joined hears of that, too. */
static void
test_stops_after_outcome(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\nreceivers:\n"
			     "- {name: ops, mail: [anna@example.org, "
			     "ben@example.org]}\n"
			     "route: {receiver: ops}\n");
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "ben firing Disk: +a\n");
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "ben more Disk: +b a\n");
	er->far = FAR_TAKES;
	engine_rig_hand(er);
	turn_until(er, is_out);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\nanna more Disk: +b a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_ends),
		ENGINE_TEST(test_leaves),
		ENGINE_TEST(test_leaves_beside),
		ENGINE_TEST(test_worse),
		ENGINE_TEST(test_joins),
		ENGINE_TEST(test_ends_meanwhile),
		ENGINE_TEST(test_bounced),
		ENGINE_TEST(test_bounced_early),
		ENGINE_TEST(test_is_back),
		ENGINE_TEST(test_renamed),
		ENGINE_TEST(test_stops),
		cmocka_unit_test(test_labels_back),
		ENGINE_TEST(test_noise),
		ENGINE_TEST(test_stops_after_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
