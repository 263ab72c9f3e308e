#include "net/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/thread.h"
#include "base/xalloc.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct pool_job *head, **end; /* borrowed until done */
	size_t njobs, max_jobs;
	bool closing;
	size_t idle;
	bool waking; /* one is, and it wakes the next if there is more */
	size_t nthreads;
	pthread_t threads[];
};

/* Whether to signal: another thread is wanted, and none is on its way. A signal
 * a job would wake all threads for a few small reads, and they would meet at
 * the lock. Under the lock. */
static bool
pool_wants_thread(struct pool *pool)
{
	if (pool->head == NULL || pool->idle == 0 || pool->waking)
		return false;
	pool->waking = true;
	return true;
}

static void
pool_sleep(struct pool *pool)
{
	pool->idle++;
	pthread_cond_wait(&pool->wanted, &pool->lock);
	pool->idle--;
	pool->waking = false;
}

/* The next job, waiting for one; NULL when the pool closes and is empty. */
static struct pool_job *
pool_take(struct pool *pool)
{
	struct pool_job *job;
	bool more;

	pthread_mutex_lock(&pool->lock);
	while (pool->head == NULL && !pool->closing)
		pool_sleep(pool);
	job = pool->head;
	if (job != NULL) {
		pool->head = job->next;
		if (pool->head == NULL)
			pool->end = &pool->head;
		pool->njobs--;
	}
	more = pool_wants_thread(pool);
	pthread_mutex_unlock(&pool->lock);
	if (more)
		pthread_cond_signal(&pool->wanted);
	return job;
}

static void *
pool_thread(void *arg)
{
	struct pool_job *job;

	while ((job = pool_take(arg)) != NULL) {
		job->fn(job->arg);
		if (job->loop != NULL)
			loop_post(job->loop, &job->post, job->done, job->arg);
		else
			job->done(job->arg);
	}
	return NULL;
}

struct pool *
pool_new(const char *name, size_t nthreads, size_t max_jobs)
{
	struct pool *pool =
		xcalloc(1, sizeof(*pool) + nthreads * sizeof(pool->threads[0]));

	must(nthreads > 0);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->end = &pool->head;
	pool->max_jobs = max_jobs;
	pool->nthreads = nthreads;
	for (size_t i = 0; i < nthreads; i++)
		must(thread_start(name, pool_thread, pool, &pool->threads[i]) ==
		     0);
	return pool;
}

void
pool_end(struct pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	for (; pool->nthreads > 0; pool->nthreads--)
		pthread_join(pool->threads[pool->nthreads - 1], NULL);
}

void
pool_free(struct pool **poolp)
{
	struct pool *pool = poolp != NULL ? *poolp : NULL;

	if (pool == NULL)
		return;
	pool_end(pool);
	pthread_cond_destroy(&pool->wanted);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	*poolp = NULL;
}

int
pool_run(struct pool *pool, struct pool_job *job, loop_fn *fn,
	 struct loop *loop, loop_fn *done, void *arg)
{
	bool wake = false;
	int r = -EAGAIN;

	*job = (struct pool_job){
		.fn = fn,
		.done = done,
		.arg = arg,
		.loop = loop,
	};
	pthread_mutex_lock(&pool->lock);
	if (pool->njobs < pool->max_jobs && !pool->closing) {
		*pool->end = job;
		pool->end = &job->next;
		pool->njobs++;
		wake = pool_wants_thread(pool);
		r = 0;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->wanted);
	return r;
}
