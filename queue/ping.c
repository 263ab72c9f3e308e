/* Does the store thread still work? */
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

struct ping {
	struct store_job job;
	loop_fn *fn;
	void *arg;
};

/* An empty transaction writes nothing. */
static int
ping_job(struct store_txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

static void
ping_done(void *arg, int result)
{
	struct ping *p = arg;

	(void)result;
	p->fn(p->arg);
	free(p);
}

void
queue_ping(struct queue *q, struct loop *loop, loop_fn *fn, void *arg)
{
	struct ping *p = xcalloc(1, sizeof(*p));

	p->fn = fn;
	p->arg = arg;
	p->job = (struct store_job){
		.fn = ping_job,
		.need = STORE_NEED_RESULT,
		.done = ping_done,
		.arg = p,
		.loop = loop,
		.patient = true,
	};
	queue_run(q, &p->job);
}
