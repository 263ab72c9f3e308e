/*
 * What time does that did not pass for us: stopped, asleep, or with a clock that
 * was set while nobody looked.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"

/* Stopped, and started when the wall clock shows MS more. */
static void
rest(struct engine_rig *er, int64_t ms)
{
	engine_rig_close(er);
	if (ms >= 0)
		clock_advance(er->rig.clock, ms);
	else
		clock_jump(er->rig.clock, ms);
	engine_rig_open(er);
}

static void
tell_one(struct engine_rig *er, const char *told)
{
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, told);
}

/* --- recoveries ------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool reload;
} hold_rows[] = {
	{"a start", false},
	{"a reload", true},
};

/* One that has not lasted yet is held over it. */
static void
test_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hold_rows) / sizeof(hold_rows[0]); i++) {
		struct engine_rig er;

		print_message("%s\n", hold_rows[i].name);
		engine_rig_init(&er, NULL);
		tell_one(&er, "anna firing Disk: +a\n");
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 10 * SECOND, SECOND);
		if (hold_rows[i].reload)
			engine_rig_rules(&er, "mail: [anna@example.org]\n");
		else
			rest(&er, 0);
		engine_rig_advance(&er, 100 * SECOND, SECOND);
		assert_told(&er, "");
		engine_rig_advance(&er, 11 * SECOND, SECOND);
		assert_told(&er, "anna recovery Disk: -a\n");
		engine_rig_done(&er);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
