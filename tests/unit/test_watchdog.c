#include "tests/unit/test.h"

#include <stdbool.h>

#include "base/clock.h"
#include "relay/watchdog.h"

#define EVERY_MS 20

/* A home loop that this thread runs, another one, and a store that answers when
 * it is told to. */
struct rig {
	struct loop *loops[2];
	struct loop_timer timer;
	struct watchdog *watchdog;
	loop_fn *answer;
	void *answer_arg;
	bool store_works;
	int signs;
};

static void
rig_ask_store(void *arg, struct loop *home, loop_fn *answer, void *answer_arg)
{
	struct rig *g = arg;

	assert_ptr_equal(home, g->loops[0]);
	if (g->store_works) {
		answer(answer_arg);
		return;
	}
	g->answer = answer;
	g->answer_arg = answer_arg;
}

static void
rig_alive(void *arg)
{
	struct rig *g = arg;

	g->signs++;
}

static void
rig_stop(void *arg)
{
	struct rig *g = arg;

	loop_stop(g->loops[0]);
}

/* As many signs as come in this time. */
static int
rig_run(struct rig *g, int64_t ms)
{
	g->signs = 0;
	loop_timer_set(&g->timer, ms);
	loop_run(g->loops[0]);
	return g->signs;
}

static void
rig_init(struct rig *g, bool store_works)
{
	*g = (struct rig){.store_works = store_works};
	for (size_t i = 0; i < 2; i++)
		g->loops[i] = loop_new(clock_system());
	loop_timer_init(&g->timer, g->loops[0], rig_stop, g);
	g->watchdog = watchdog_new(&(struct watchdog_conf){
		.loops = g->loops,
		.nloops = 2,
		.every_ms = EVERY_MS,
		.ask_store = rig_ask_store,
		.alive = rig_alive,
		.arg = g,
	});
}

static void
rig_done(struct rig *g)
{
	watchdog_stop(g->watchdog);
	loop_timer_done(&g->timer);
	loop_free(&g->loops[1]);
	loop_free(&g->loops[0]);
	watchdog_free(&g->watchdog);
}

static void
gives_signs(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, true);
	assert_int_equal(loop_start(g.loops[1], "other"), 0);
	assert_true(rig_run(&g, EVERY_MS * 10) >= 2);
	loop_stop(g.loops[1]);
	loop_join(g.loops[1]);
	rig_done(&g);
}

static void
misses_a_loop(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, true);
	assert_int_equal(rig_run(&g, EVERY_MS * 5), 0);
	assert_int_equal(loop_start(g.loops[1], "other"), 0);
	assert_true(rig_run(&g, EVERY_MS * 10) >= 1);
	loop_stop(g.loops[1]);
	loop_join(g.loops[1]);
	rig_done(&g);
}

static void
misses_the_store(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, false);
	assert_int_equal(loop_start(g.loops[1], "other"), 0);
	assert_int_equal(rig_run(&g, EVERY_MS * 5), 0);
	g.store_works = true;
	g.answer(g.answer_arg);
	assert_true(rig_run(&g, EVERY_MS * 10) >= 1);
	loop_stop(g.loops[1]);
	loop_join(g.loops[1]);
	rig_done(&g);
}

/* An answer that comes after the stop is none. */
static void
stops_between(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, false);
	assert_int_equal(loop_start(g.loops[1], "other"), 0);
	assert_int_equal(rig_run(&g, EVERY_MS), 0);
	watchdog_stop(g.watchdog);
	g.answer(g.answer_arg);
	assert_int_equal(rig_run(&g, EVERY_MS * 3), 0);
	loop_stop(g.loops[1]);
	loop_join(g.loops[1]);
	rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_signs),
		cmocka_unit_test(misses_a_loop),
		cmocka_unit_test(misses_the_store),
		cmocka_unit_test(stops_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
