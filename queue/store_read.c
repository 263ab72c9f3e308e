/*
 * store_read - read transactions in the disk pool; and a job that is waited
 * for.
 */
#include <semaphore.h>

#include "base/must.h"
#include "queue/store_impl.h"

static void
rd_run(void *arg)
{
	struct store_job *job = arg;
	struct store_txn txn;

	job->result = store_txn_begin(job->store, false, &txn);
	if (job->result < 0)
		return;
	job->result = job->fn(&txn, job->arg);
	store_txn_abort(&txn);
}

/* In the pool's thread; with a loop DONE follows there. */
static void
rd_after(struct store_job *job)
{
	struct store *store = job->store;

	if (job->after != NULL)
		job->after(job->arg, job->result);
	atomic_fetch_sub(&store->reads, 1);
}

static void
rd_run_and_after(void *arg)
{
	rd_run(arg);
	rd_after(arg);
}

static void
rd_done(void *arg)
{
	struct store_job *job = arg;

	if (job->done != NULL)
		job->done(job->arg, job->result);
}

static void
rd_done_here(void *arg)
{
	rd_after(arg);
}

int
store_read(struct store *store, struct store_job *job)
{
	int r;

	job->store = store;
	atomic_fetch_add(&store->reads, 1);
	/* Without a loop AFTER may free the job, so it comes when the pool has
	 * let go of it. */
	if (job->loop != NULL)
		r = pool_run(store->conf.disk, &job->read, rd_run_and_after,
			     job->loop, rd_done, job);
	else
		r = pool_run(store->conf.disk, &job->read, rd_run, NULL,
			     rd_done_here, job);
	if (r < 0)
		atomic_fetch_sub(&store->reads, 1);
	return r;
}

/* --- waited for -------------------------------------------------------------- */

struct rd_wait {
	store_fn *fn;
	void *arg;
	sem_t over;
	int result;
};

static int
rd_wait_fn(struct store_txn *txn, void *arg)
{
	struct rd_wait *w = arg;

	return w->fn(txn, w->arg);
}

static void
rd_wait_after(void *arg, int result)
{
	struct rd_wait *w = arg;

	w->result = result;
	sem_post(&w->over);
}

int
store_run_wait(struct store *store, store_fn *fn, void *arg)
{
	struct rd_wait w = {.fn = fn, .arg = arg};
	struct store_job job = {
		.fn = rd_wait_fn,
		.after = rd_wait_after,
		.need = STORE_NEED_RESULT,
		.arg = &w,
	};

	must(sem_init(&w.over, 0, 0) == 0);
	store_run(store, &job);
	while (sem_wait(&w.over) < 0)
		continue;
	sem_destroy(&w.over);
	return w.result;
}
