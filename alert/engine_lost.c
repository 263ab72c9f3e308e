/*
 * engine_lost - messages that are no more, and whose end nobody told: they were
 * removed while Belfry was stopped, or were in the part of a store that could
 * not be salvaged. Looked for once, after a start.
 */
#include <stdlib.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"

struct lost {
	struct store_job job;
	struct engine *e;
	size_t n;
	uint64_t *v; /* owned: messages; what is there becomes 0 */
};

/* Store thread. */
static int
lost_look(struct store_txn *txn, void *arg)
{
	struct lost *l = arg;

	for (size_t i = 0; i < l->n; i++)
		if (!publish_is_gone_in(txn, l->v[i]))
			l->v[i] = 0;
	return 0;
}

static void
lost_done(void *arg, int result)
{
	struct lost *l = arg;

	for (size_t i = 0; result == 0 && i < l->n; i++)
		if (l->v[i] != 0 && !l->e->stopping)
			outcome_lost(l->e, l->v[i]);
	l->e->losing = false;
	free(l->v);
	free(l);
}

void
lost_begin(struct engine *e)
{
	struct lost *l = xcalloc(1, sizeof(*l));
	struct alert_group *g, *next;

	l->e = e;
	HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++) {
		if (g->notices[i]->c.message == 0)
			continue;
		l->v = xreallocarray(l->v, l->n + 1, sizeof(l->v[0]));
		l->v[l->n++] = g->notices[i]->c.message;
	}
	l->job = (struct store_job){
		.fn = lost_look,
		.done = lost_done,
		.arg = l,
		.loop = e->deps.loop,
		.need = STORE_NEED_RESULT,
	};
	e->losing = true;
	store_run(e->store, &l->job);
}
