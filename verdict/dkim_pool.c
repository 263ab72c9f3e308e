#include "verdict/dkim_pool.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct dkim_run {
	struct dkim_signing *signing; /* owned */
	struct buf fields;
	int result;
	dkim_signed_fn *fn;
	void *arg;
	struct pool_job job;
	struct post post;
};

static void
run_sign(void *arg)
{
	struct dkim_run *run = arg;

	run->result = dkim_signing_end(run->signing, &run->fields);
	if (run->result < 0)
		buf_done(&run->fields);
}

static void
run_done(void *arg)
{
	struct dkim_run *run = arg;

	run->fn(run->arg, run->result, &run->fields);
	buf_done(&run->fields);
	dkim_signing_free(&run->signing);
	free(run);
}

void
dkim_signing_run(struct dkim_signing *s, size_t max_bytes, struct pool *pool,
		 struct loop *loop, dkim_signed_fn *fn, void *arg)
{
	struct dkim_run *run = xcalloc(1, sizeof(*run));

	run->signing = s;
	run->fn = fn;
	run->arg = arg;
	buf_init(&run->fields, max_bytes);
	if (pool != NULL &&
	    pool_run(pool, &run->job, run_sign, loop, run_done, run) == 0)
		return;
	run_sign(run);
	loop_post(loop, &run->post, run_done, run);
}
