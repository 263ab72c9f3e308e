/*
 * pool - a few threads for what would make a loop wait.
 *
 * Two instances in belfryd: disk (reads of bodies and listings) and CPU
 * (signatures, password hashes). A job runs FN in a pool thread, then DONE on
 * the loop it names. The queue of jobs is bounded: when it is full the caller
 * is told at once and answers "try again".
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stddef.h>

#include "net/loop.h"

struct pool;

/* Embedded in what the job works on; the pool's until DONE begins. */
struct pool_job {
	struct pool_job *next;
	loop_fn *fn, *done;
	void *arg;
	struct loop *loop; /* borrowed; NULL: DONE runs in the pool thread */
	struct post post;
};

struct pool *pool_new(const char *name, size_t nthreads, size_t max_jobs);
/* Runs what is queued, then ends the threads. Others may still come with jobs,
 * and are told -EAGAIN; once they are gone it can be freed. NULL is fine. */
void pool_end(struct pool *pool);
/* Both, if it was not ended yet. */
void pool_free(struct pool **pool);
/* From any thread. 0, or -EAGAIN when the queue is full, or it is ended. */
int pool_run(struct pool *pool, struct pool_job *job, loop_fn *fn,
	     struct loop *loop, loop_fn *done, void *arg);

#endif
