/*
 * Messages that never come to their recipients, for no fault of these.
 */
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "queue/queue_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"

static const char boss[] = "own: []\n"
			   "receivers:\n"
			   "- {name: oncall, mail: [anna@example.org],\n"
			   "   fallback: {receiver: boss, after: 1h}}\n"
			   "- {name: boss, mail: [boss@example.org]}\n"
			   "route: {receiver: oncall}\n";

struct aside {
	struct queue *q;
	uint64_t id;
};

static int
set_aside(struct store_txn *txn, void *arg)
{
	const struct aside *a = arg;
	struct effects effects;
	int r;

	effects_init(&effects);
	r = message_set_aside(a->q, txn, a->id, &effects);
	effects_done(&effects);
	return r;
}

/* Anna's mail waits in the queue, and FN is done to it. */
static void
begin(struct engine_rig *er, store_fn *fn)
{
	struct aside a = {.q = er->rig.q};

	engine_rig_rules(er, boss);
	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	a.id = er->e->groups->notices[0]->c.message;
	assert_int_equal(store_kit_run(queue_store(er->rig.q), fn, &a), 0);
}

/* A message in which the store found damage: somebody else is told. */
static void
test_damaged(void **state)
{
	struct engine_rig *er = *state;

	begin(er, set_aside);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss fallback Disk: +a\n");
	engine_rig_advance(er, 4 * HOUR, MINUTE);
	assert_told(er, "anna firing Disk: +a\nboss reminder Disk: a\n");
}

static int
remove_it(struct store_txn *txn, void *arg)
{
	const struct aside *a = arg;
	struct effects effects;
	int r;

	effects_init(&effects);
	r = message_del_all(a->q, txn, a->id, &effects, 0);
	effects_done(&effects);
	return r;
}

/* One that a store put back, or an operator's hand, made vanish. */
static void
test_gone(void **state)
{
	struct engine_rig *er = *state;

	begin(er, remove_it);
	engine_rig_close(er);
	er->far = FAR_TAKES;
	engine_rig_open(er);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	assert_told(er, "boss fallback Disk: +a\n");
}

/* ... when one of those that an address stands for had it: they know. */
static void
test_gone_reached(void **state)
{
	struct engine_rig *er = *state;

	er->alias = "anna@example.org";
	er->only = er->down = "y@example.org";
	begin(er, remove_it);
	assert_told(er, "x firing Disk: +a\n");
	engine_rig_close(er);
	er->far = FAR_TAKES;
	er->only = er->down = NULL;
	engine_rig_open(er);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "x recovery Disk: -a\ny recovery Disk: -a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_damaged),
		ENGINE_TEST(test_gone),
		ENGINE_TEST(test_gone_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
