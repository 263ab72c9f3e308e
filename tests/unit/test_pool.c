#include "net/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/unit/test.h"

#define JOBS 200

struct work {
	struct pool_job job;
	struct loop *loop;
	pthread_t ran_in;
	int *done; /* the loop's */
	bool ran;
};

static void
work_fn(void *arg)
{
	struct work *w = arg;

	w->ran_in = pthread_self();
	w->ran = true;
}

static void
work_done(void *arg)
{
	struct work *w = arg;

	assert_true(w->ran);
	assert_false(pthread_equal(w->ran_in, pthread_self()));
	if (++*w->done == JOBS)
		loop_stop(w->loop);
}

static void
test_done_comes_back_to_the_loop(void **state)
{
	struct loop *loop = loop_new(clock_system());
	struct pool *pool = pool_new("pool-test", 3, JOBS);
	static struct work w[JOBS];
	int done = 0;

	(void)state;
	for (int i = 0; i < JOBS; i++) {
		w[i] = (struct work){.loop = loop, .done = &done};
		assert_int_equal(pool_run(pool, &w[i].job, work_fn, loop,
					  work_done, &w[i]),
				 0);
	}
	loop_run(loop);
	assert_int_equal(done, JOBS);
	pool_free(&pool);
	assert_null(pool);
	loop_free(&loop);
}

struct gate {
	pthread_barrier_t entered;
	pthread_mutex_t closed;
	_Atomic int done;
};

static void
gate_fn(void *arg)
{
	struct gate *g = arg;

	pthread_barrier_wait(&g->entered);
	pthread_mutex_lock(&g->closed);
	pthread_mutex_unlock(&g->closed);
}

static void
nothing_fn(void *arg)
{
	(void)arg;
}

static void
gate_done(void *arg)
{
	struct gate *g = arg;

	atomic_fetch_add(&g->done, 1);
}

/* One job runs, two wait, the fourth is refused; what waits is run before the
 * pool ends. */
static void
test_full_is_told_and_free_finishes(void **state)
{
	struct pool *pool = pool_new("pool-test", 1, 2);
	struct pool_job job[4];
	struct gate g = {.closed = PTHREAD_MUTEX_INITIALIZER};

	(void)state;
	pthread_barrier_init(&g.entered, NULL, 2);
	pthread_mutex_lock(&g.closed);
	assert_int_equal(pool_run(pool, &job[0], gate_fn, NULL, gate_done, &g),
			 0);
	pthread_barrier_wait(&g.entered);
	for (int i = 1; i <= 2; i++)
		assert_int_equal(pool_run(pool, &job[i], nothing_fn, NULL,
					  gate_done, &g),
				 0);
	assert_int_equal(
		pool_run(pool, &job[3], nothing_fn, NULL, gate_done, &g),
		-EAGAIN);
	pthread_mutex_unlock(&g.closed);
	pool_free(&pool);
	assert_int_equal(atomic_load(&g.done), 3);
	pthread_barrier_destroy(&g.entered);
}

/* Whoever comes late with a job is told so. */
static void
test_ended(void **state)
{
	struct gate g = {.done = 0};
	struct pool *pool = pool_new("test", 2, 8);
	struct pool_job job;

	(void)state;
	pool_end(pool);
	assert_int_equal(pool_run(pool, &job, nothing_fn, NULL, gate_done, &g),
			 -EAGAIN);
	pool_end(pool);
	pool_free(&pool);
	assert_int_equal(atomic_load(&g.done), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done_comes_back_to_the_loop),
		cmocka_unit_test(test_full_is_told_and_free_finishes),
		cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
