#include "tests/unit/engine_turns.h"

#include <semaphore.h>

#include "base/must.h"
#include "queue/queue_impl.h"
#include "tests/unit/store_kit.h"

#define TURNS_MAX 2000 /* until there is nothing to do */

static int
turns_look(struct store_txn *txn, void *arg)
{
	struct rig *rig = arg;
	struct queue *q = rig->q;

	(void)txn;
	rig->ntells = q->ntells;
	rig->busy = q->poked || q->scanning || q->count.counting ||
		    q->walk.page != NULL;
	for (size_t i = 0; i < q->ndues; i++)
		rig->busy |= q->dues[i].busy;
	return 0;
}

static void
turns_nothing(void *arg)
{
	(void)arg;
}

static void
turns_pass(void *arg)
{
	sem_post(arg);
}

/* What is read may be written, and the other way round. */
void
engine_turns_still(struct engine_rig *er)
{
	struct pool_job job = {0};
	struct rig *rig = &er->rig;
	sem_t sem;

	sem_init(&sem, 0, 0);
	must(store_kit_run(rig->q->store, turns_look, rig) == 0);
	must(pool_run(rig->disk, &job, turns_nothing, NULL, turns_pass, &sem) ==
	     0);
	while (sem_wait(&sem) != 0)
		continue;
	must(store_kit_run(rig->q->store, turns_look, rig) == 0);
	sem_destroy(&sem);
}

static struct post turns_post;

static void
turns_stop(void *arg)
{
	loop_stop(arg);
}

void
engine_turns_one(struct engine_rig *er)
{
	loop_post(er->rig.loop, &turns_post, turns_stop, er->rig.loop);
	loop_run(er->rig.loop);
	engine_turns_still(er);
}

bool
engine_turns_settle(struct engine_rig *er)
{
	int turns = 0;

	for (int quiet = 0; quiet < 3; quiet++) {
		size_t given = er->rig.given;

		engine_turn(er->e);
		store_poke(er->rig.q->store);
		engine_turns_still(er);
		engine_turns_one(er);
		if (engine_is_busy(er->e) || er->rig.given != given ||
		    er->reading > 0 || er->rig.busy || er->rig.ntells > 0)
			quiet = -1;
		if (++turns == TURNS_MAX)
			return false;
	}
	return true;
}

bool
engine_turns_advance(struct engine_rig *er, int64_t ms, int64_t step)
{
	for (; ms > 0; ms -= step) {
		clock_advance(er->rig.clock, ms < step ? ms : step);
		if (!engine_turns_settle(er))
			return false;
	}
	return true;
}
