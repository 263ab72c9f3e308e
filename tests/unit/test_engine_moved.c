/*
 * A reload that calls a receiver otherwise, or gives its alerts to another one:
 * who is told by both is not told again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/store_fail.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

#define OPS                                                                    \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"route: {receiver: ops}\n"
#define TEAM                                                                   \
	"own: []\nreceivers:\n"                                                \
	"- {name: team, mail: [anna@example.org]}\n"                           \
	"route: {receiver: team}\n"
#define TEAM_OF_TWO                                                            \
	"own: []\nreceivers:\n"                                                \
	"- {name: team, mail: [anna@example.org, carl@example.org]}\n"         \
	"route: {receiver: team}\n"
#define TEAM_OF_OTHERS                                                         \
	"own: []\nreceivers:\n"                                                \
	"- {name: team, mail: [carl@example.org]}\n"                           \
	"route: {receiver: team}\n"
/* Only those of the disks go. */
#define BOTH(matcher)                                                          \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"- {name: team, mail: [anna@example.org, carl@example.org]}\n"         \
	"route: {receiver: ops, routes: [{matchers: ['" matcher "'], "         \
	"receiver: team}]}\n"
#define EACH                                                                   \
	"own: []\nreceivers:\n"                                                \
	"- {name: team, mail: [anna@example.org]}\n"                           \
	"route: {receiver: team, group_by: [host]}\n"

static const struct {
	const char *name, *yaml;
	const char *reloaded, *over; /* what is told */
} rows[] = {
	{"renamed", TEAM, "", "anna recovery Disk: -a -b\n"},
	{"with somebody else", TEAM_OF_TWO, "carl firing Disk: +a +b\n",
	 "anna recovery Disk: -a -b\ncarl recovery Disk: -a -b\n"},
	{"only others", TEAM_OF_OTHERS, "carl firing Disk: +a +b\n",
	 "carl recovery Disk: -a -b\n"},
	{"to another one", BOTH("alertname=\"Disk\""),
	 "carl firing Disk: +a +b\n",
	 "anna recovery Disk: -a -b\ncarl recovery Disk: -a -b\n"},
	/* Some stay: who goes is told, and nobody hears less. */
	{"some of them", BOTH("host=\"a\""),
	 "anna firing Disk: +a\ncarl firing Disk: +a\n",
	 "anna recovery Disk: -a -b\ncarl recovery Disk: -a\n"},
	/* Grouped otherwise: it is told again, and ends for all. */
	{"grouped otherwise", EACH, "anna firing Disk: +a +b\n",
	 "anna recovery Disk: -a -b\n"},
};

enum how { RELOADED, STARTED, STARTED_AFTER, NHOW };

static const char *const hows[] = {"reloaded", "while it was stopped",
				   "reloaded, and started"};

static void
reload(struct engine_rig *er, const char *yaml, enum how how)
{
	if (how != STARTED)
		engine_rig_rules(er, yaml);
	if (how == RELOADED)
		return;
	engine_rig_close(er);
	er->yaml = yaml;
	engine_rig_open(er);
}

static void
test_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < NHOW * sizeof(rows) / sizeof(rows[0]); i++) {
		enum how how = (enum how)(i % NHOW);
		struct engine_rig er;

		print_message("%s, %s\n", rows[i / NHOW].name, hows[how]);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, OPS);
		engine_rig_fire(&er, A);
		engine_rig_fire(&er, B);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk: +a +b\n");
		reload(&er, rows[i / NHOW].yaml, how);
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		assert_told(&er, rows[i / NHOW].reloaded);
		engine_rig_resolve(&er, A);
		engine_rig_resolve(&er, B);
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		assert_told(&er, rows[i / NHOW].over);
		engine_rig_advance(&er, 5 * HOUR, MINUTE);
		assert_told(&er, "");
		assert_int_equal(engine_rig_rows(&er, "igs"), 0);
		engine_rig_done(&er);
	}
}

/* What is still on its way is the same message. */
static void
test_on_its_way(void **state)
{
	(void)state;
	for (enum how how = RELOADED; how < NHOW; how++) {
		struct engine_rig er;
		int n;

		print_message("%s\n", hows[how]);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, OPS);
		er.far = FAR_DOWN;
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		n = engine_rig_rows(&er, "m");
		reload(&er, TEAM, how);
		engine_rig_advance(&er, MINUTE, SECOND);
		assert_int_equal(engine_rig_rows(&er, "m"), n);
		er.far = FAR_TAKES;
		engine_rig_advance(&er, MINUTE, SECOND);
		assert_told(&er, "anna firing Disk: +a\n");
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 6 * MINUTE, SECOND);
		assert_told(&er, "anna recovery Disk: -a\n");
		engine_rig_done(&er);
	}
}

/* Whose receiver is no more hears nothing that was on its way: they would not
 * hear how it ends. */
static void
test_taken_back(void **state)
{
	(void)state;
	for (enum how how = RELOADED; how < NHOW; how++) {
		struct engine_rig er;

		print_message("%s\n", hows[how]);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, OPS);
		er.far = FAR_DOWN;
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		reload(&er, TEAM_OF_OTHERS, how);
		engine_rig_advance(&er, MINUTE, SECOND);
		er.far = FAR_TAKES;
		engine_rig_advance(&er, 2 * MINUTE, SECOND);
		assert_told(&er, "carl firing Disk: +a\n");
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 6 * MINUTE, SECOND);
		assert_told(&er, "carl recovery Disk: -a\n");
		engine_rig_done(&er);
	}
}

/* ... also when it was out just then, and came back. */
static void
test_taken_back_later(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OPS);
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_int_equal(er->nout, 1);
	engine_rig_rules(er, TEAM_OF_OTHERS);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "carl firing Disk: +a\n");
	engine_rig_fail(er);
	er->far = FAR_DOWN;
	engine_rig_advance(er, MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	/* Of carl's alone. */
	assert_int_equal(engine_rig_rows(er, "gsm"), 2);
}

/* But how it ends is told, whatever becomes of the receiver. */
static const struct {
	const char *name, *yaml;
} gone_rows[] = {
	{"others", TEAM_OF_OTHERS},
	{"grouped otherwise, and renamed", EACH},
};

static void
test_end_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * NHOW; i++) {
		struct engine_rig er;

		print_message("%s, %s\n", gone_rows[i / NHOW].name,
			      hows[i % NHOW]);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, OPS);
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk: +a\n");
		er.far = FAR_DOWN;
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 6 * MINUTE, SECOND);
		reload(&er, gone_rows[i / NHOW].yaml, (enum how)(i % NHOW));
		engine_rig_advance(&er, MINUTE, SECOND);
		er.far = FAR_TAKES;
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, "anna recovery Disk: -a\n");
		engine_rig_advance(&er, HOUR, MINUTE);
		assert_int_equal(engine_rig_rows(&er, "gsm"), 0);
		engine_rig_done(&er);
	}
}

/* So is what a mute kept back. */
static void
test_mute_is_told(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OPS);
	engine_mute(er->e, clock_wall_ms(er->rig.clock) + 20 * MINUTE, "storm",
		    "anna", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_told(er, "anna mute_begin Mute of alerts: storm\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 5 * MINUTE, SECOND);
	engine_rig_resolve(er, A);
	er->far = FAR_DOWN;
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	engine_rig_rules(er, TEAM);
	engine_rig_advance(er, MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna mute_end Mute of alerts: -a storm\n");
}

/* Host a has a receiver of its own, with the same reader. */
#define OF_A(name, reader)                                                     \
	"own: []\nreceivers:\n"                                                \
	"- {name: " name ", mail: [" reader "@example.org]}\n"                 \
	"- {name: all, mail: [anna@example.org]}\n"                            \
	"route: {receiver: all, group_by: [host], group_interval: 1s, "        \
	"routes: [{matchers: [host=\"a\"], receiver: " name "}]}\n"
#define D "alertname=Disk host=d"

/* A mail that tells two groups is taken back for both or for neither: what the
 * other has to say goes with a mail of a third, whose old one is out. */
static void
test_shared(void **state)
{
	struct engine_rig *er = *state;
	const struct engine_alert two[] = {{.labels = A}, {.labels = B}};

	engine_rig_rules(er, OF_A("ops", "anna"));
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, D);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_int_equal(er->nout, 1);
	er->far = FAR_DOWN;
	engine_rig_take(er, two, 2);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_int_equal(er->written, 2);
	engine_rig_resolve(er, D);
	engine_rig_advance(er, 119 * SECOND, SECOND);
	clock_advance(er->rig.clock, SECOND);
	engine_rig_rules(er, OF_A("carl", "carl"));
	engine_rig_advance(er, 20 * SECOND, SECOND);
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, 30 * MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "anna firing Disk: +b"));
}

/* A recovery that has not lasted yet lasts on, and is told in the same thread. */
static void
test_held(void **state)
{
	struct engine_rig *er = *state;
	char first[64];

	engine_rig_rules(er, OPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	snprintf(first, sizeof(first), "%s", er->mails[0].id);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	engine_rig_rules(er, TEAM);
	engine_rig_advance(er, 100 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 11 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	assert_string_equal(er->mails[0].root, first);
	assert_string_equal(er->mails[0].from, "team");
	assert_told(er, "anna recovery Disk: -a\n");
}

#define STEPS(first, second, fallback)                                         \
	"own: []\nreceivers:\n"                                                \
	"- {name: " first ", mail: [anna@example.org], fallback: {receiver: "  \
	"boss, after: " fallback "}}\n"                                        \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: " first ", escalate: [{after: " second              \
	", receiver: boss}]}\n"

/* The escalation's clock goes on, and so does the fallback's. */
static void
test_goes_on(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, STEPS("ops", "1h", "20m"));
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_rules(er, STEPS("team", "1h", "20m"));
	engine_rig_advance(er, 29 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 3 * MINUTE, 10 * SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	er->far = FAR_DOWN;
	er->only = "anna@example.org";
	engine_rig_fire(er, C);
	engine_rig_advance(er, 15 * MINUTE, 10 * SECOND);
	engine_rig_rules(er, STEPS("crew", "5h", "20m"));
	engine_rig_advance(er, 4 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 3 * MINUTE, 10 * SECOND);
	assert_told(er, "boss fallback Load: +c\n");
}

#define STEP_BACKED(name)                                                      \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"- {name: " name ", mail: [boss@example.org], fallback: {receiver: "   \
	"chief, after: 20m}}\n"                                                \
	"- {name: chief, mail: [carl@example.org]}\n"                          \
	"route: {receiver: ops, escalate: [{after: 1h, receiver: " name        \
	"}]}\n"

/* The receiver of a step is called otherwise: its fallback is as before. */
static void
test_step(void **state)
{
	(void)state;
	for (enum how how = RELOADED; how < NHOW; how++) {
		struct engine_rig er;

		print_message("%s\n", hows[how]);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, STEP_BACKED("boss"));
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 59 * MINUTE, 10 * SECOND);
		assert_told(&er, "anna firing Disk: +a\n");
		er.far = FAR_DOWN;
		er.only = "boss@example.org";
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		reload(&er, STEP_BACKED("head"), how);
		engine_rig_advance(&er, 5 * MINUTE, 10 * SECOND);
		assert_told(&er, "");
		engine_rig_advance(&er, 20 * MINUTE, 10 * SECOND);
		assert_told(&er, "carl fallback Disk: +a\n");
		engine_rig_done(&er);
	}
}

/* --- a full disk ----------------------------------------------------------------- */

static const struct {
	const char *name, *yaml, *told, *over;
} full_rows[] = {
	{"renamed", TEAM, "", "anna recovery Disk and 2 more: -a -b -c\n"},
	{"only others", TEAM_OF_OTHERS,
	 "carl firing Disk and 2 more: +a +b +c\n",
	 "carl recovery Disk and 2 more: -a -b -c\n"},
	{"with somebody else", TEAM_OF_TWO,
	 "carl firing Disk and 2 more: +a +b +c\n",
	 "anna recovery Disk and 2 more: -a -b -c\n"
	 "carl recovery Disk and 2 more: -a -b -c\n"},
};

/* What could not be written is tried again: all are told, and nobody twice. */
static void
test_full_disk(void **state)
{
	const struct store_fail full = {.n = 1,
					.how = STORE_FAIL_ERRNO,
					.error = ENOSPC,
					.sticky = true,
					.durable_only = true};

	(void)state;
	for (size_t i = 0; i < sizeof(full_rows) / sizeof(full_rows[0]); i++) {
		struct engine_rig er;
		long calls;

		print_message("%s\n", full_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, OPS);
		engine_rig_fire(&er, A);
		engine_rig_fire(&er, B);
		engine_rig_fire(&er, C);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk and 2 more: +a +b +c\n");
		store_fail_arm(&full);
		engine_rig_rules(&er, full_rows[i].yaml);
		calls = store_fail_calls();
		engine_rig_advance(&er, MINUTE, SECOND);
		/* It was tried, and again. */
		assert_true(calls > 0 && store_fail_calls() > calls);
		assert_int_equal(er.e->nreroutes, 1);
		store_fail_disarm();
		assert_told(&er, "");
		engine_rig_advance(&er, 10 * SECOND, SECOND);
		assert_int_equal(er.e->nreroutes, 0);
		/* The store believes that it is full for a while yet, by a clock
		 * of its own. */
		engine_rig_close(&er);
		engine_rig_open(&er);
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, full_rows[i].told);
		engine_rig_resolve(&er, A);
		engine_rig_resolve(&er, B);
		engine_rig_resolve(&er, C);
		engine_rig_advance(&er, 10 * MINUTE, SECOND);
		assert_told(&er, full_rows[i].over);
		engine_rig_done(&er);
	}
}

#define OPS_EACH                                                               \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"route: {receiver: ops, group_by: [host]}\n"

/* In the group that it left a recovery has to last, too. */
static void
test_lasts(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_rules(er, OPS_EACH);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 119 * SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\nanna recovery Disk: -a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	assert_int_equal(engine_rig_rows(er, "gs"), 0);
}

/* Worse than what was told there when it comes back. */
static void
test_comes_back(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.key = "a", .labels = A " severity=warning"},
		{.key = "b", .labels = B " severity=warning"},
	};

	engine_rig_rules(er, OPS);
	engine_rig_take(er, v, 2);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	engine_rig_rules(er, BOTH("host=\"a\""));
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	engine_rig_mails(er);
	v[0].labels = A " severity=critical";
	engine_rig_take(er, v, 1);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +a\ncarl more Disk: +a\n");
	engine_rig_rules(er, OPS);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +a b\n");
}

#define OPS_OF_TWO                                                             \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org, dora@example.org]}\n"          \
	"- {name: team, mail: [carl@example.org]}\n"                           \
	"route: {receiver: ops}\n"

/* It comes back, and somebody is there who was not told of it. */
static void
test_comes_back_untold(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OPS);
	engine_rig_fire(er, A);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	engine_rig_rules(er, BOTH("host=\"a\""));
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	engine_rig_mails(er);
	engine_rig_rules(er, OPS_OF_TWO);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "dora firing Disk: +a +b\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_on_its_way),
		ENGINE_TEST(test_held),
		ENGINE_TEST(test_lasts),
		ENGINE_TEST(test_comes_back),
		ENGINE_TEST(test_comes_back_untold),
		ENGINE_TEST(test_goes_on),
		cmocka_unit_test(test_taken_back),
		ENGINE_TEST(test_taken_back_later),
		cmocka_unit_test(test_end_is_told),
		ENGINE_TEST(test_mute_is_told),
		ENGINE_TEST(test_shared),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
