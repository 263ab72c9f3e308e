#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/unit/test.h"

struct fixture {
	struct clock *clock;
	struct loop *loop;
	int calls;
	int order[8];
};

struct step {
	struct fixture *f;
	struct post post;
	int number;
};

static int
setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.clock = clock_new_fixed(1000)};
	f.loop = loop_new(f.clock);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(&f->loop);
	assert_null(f->loop);
	clock_free(&f->clock);
	return 0;
}

static void
step_fn(void *arg)
{
	struct step *s = arg;

	s->f->order[s->f->calls++] = s->number;
}

static void
stop_fn(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void
test_posts_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct step step[3];
	struct post stop;

	for (int i = 0; i < 3; i++) {
		step[i] = (struct step){.f = f, .number = i};
		loop_post(f->loop, &step[i].post, step_fn, &step[i]);
	}
	loop_post(f->loop, &stop, stop_fn, f);
	loop_run(f->loop);
	assert_int_equal(f->calls, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->order[i], i);
}

static void
test_free_runs_what_is_left(void **state)
{
	struct fixture *f = *state;
	struct step posted = {.f = f, .number = 1};
	struct step deferred = {.f = f, .number = 2};

	loop_post(f->loop, &posted.post, step_fn, &posted);
	loop_defer(f->loop, &deferred.post, step_fn, &deferred);
	loop_free(&f->loop);
	assert_int_equal(f->calls, 2);
}

static void
defer_fn(void *arg)
{
	struct step *s = arg;

	loop_defer(s->f->loop, &s->post, step_fn, s);
}

/* Deferred work comes after all callbacks of the turn. */
static void
test_defer_runs_at_the_end_of_the_turn(void **state)
{
	struct fixture *f = *state;
	struct step late = {.f = f, .number = 2};
	struct step soon = {.f = f, .number = 1};
	struct post first, stop;

	loop_post(f->loop, &first, defer_fn, &late);
	loop_post(f->loop, &soon.post, step_fn, &soon);
	loop_post(f->loop, &stop, stop_fn, f);
	loop_run(f->loop);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->order[0], 1);
	assert_int_equal(f->order[1], 2);
}

static void
defer_stop_fn(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	loop_stop(f->loop);
}

static void
defer_again_fn(void *arg)
{
	struct fixture *f = arg;
	static struct post again;

	f->calls++;
	loop_defer(f->loop, &again, defer_stop_fn, f);
}

/* Nothing else would wake this loop. */
static void
test_defer_from_defer_needs_no_event(void **state)
{
	struct fixture *f = *state;
	struct post post;

	loop_defer(f->loop, &post, defer_again_fn, f);
	loop_run(f->loop);
	assert_int_equal(f->calls, 2);
}

static void
test_handles(void **state)
{
	struct fixture *f = *state;
	int a, b;
	uint64_t ha = loop_handle_new(f->loop, &a);
	uint64_t hb = loop_handle_new(f->loop, &b);

	assert_int_not_equal(ha, 0);
	assert_int_not_equal(ha, hb);
	assert_ptr_equal(loop_handle_find(f->loop, ha), &a);
	assert_ptr_equal(loop_handle_find(f->loop, hb), &b);
	loop_handle_free(f->loop, ha);
	loop_handle_free(f->loop, ha);
	assert_null(loop_handle_find(f->loop, ha));
	assert_null(loop_handle_find(f->loop, 0));
	assert_int_not_equal(loop_handle_new(f->loop, &a), ha);
}

static void
advance_fn(void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(loop_mono_ms(f->loop), 0);
	assert_int_equal(loop_wall_ms(f->loop), 1000);
	clock_advance(f->clock, 5);
	assert_int_equal(loop_mono_ms(f->loop), 0);
	assert_int_equal(loop_wall_ms(f->loop), 1000);
	loop_stop(f->loop);
}

static void
test_time_is_read_once_a_turn(void **state)
{
	struct fixture *f = *state;
	struct post post;

	loop_post(f->loop, &post, advance_fn, f);
	loop_run(f->loop);
	assert_int_equal(loop_mono_ms(f->loop), 5);
	assert_int_equal(loop_wall_ms(f->loop), 1005);
}

static void
count_fn(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	loop_stop(f->loop);
}

static void
test_timers_go_by_real_time(void **state)
{
	struct fixture *f = *state;
	struct loop_timer t, cleared;
	int64_t start = clock_mono_ms(clock_system());

	loop_timer_init(&cleared, f->loop, count_fn, f);
	loop_timer_set(&cleared, 1);
	loop_timer_clear(&cleared);
	loop_timer_init(&t, f->loop, count_fn, f);
	loop_timer_set(&t, 5);
	loop_timer_set(&t, 30); /* moved back: only a store */
	loop_run(f->loop);
	assert_int_equal(f->calls, 1);
	assert_true(clock_mono_ms(clock_system()) - start >= 30);

	loop_timer_set(&t, 60000);
	loop_timer_set(&t, 1); /* moved forward */
	loop_run(f->loop);
	assert_int_equal(f->calls, 2);
	assert_true(clock_mono_ms(clock_system()) - start < 60000);
	loop_timer_done(&t);
	loop_timer_done(&cleared);
	loop_timer_done(&cleared);
}

#define POSTERS 4
#define POSTS   5000

struct poster {
	struct fixture *f;
	pthread_t thread;
	struct counted {
		struct post post;
		struct poster *poster;
		int number;
	} posts[POSTS];
	int seen; /* the loop's */
};

static void
counted_fn(void *arg)
{
	struct counted *c = arg;

	/* The order of one thread is kept. */
	assert_int_equal(c->number, c->poster->seen);
	c->poster->seen++;
	if (++c->poster->f->calls == POSTERS * POSTS)
		loop_stop(c->poster->f->loop);
}

static void *
poster_thread(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POSTS; i++) {
		p->posts[i].poster = p;
		p->posts[i].number = i;
		loop_post(p->f->loop, &p->posts[i].post, counted_fn,
			  &p->posts[i]);
	}
	return NULL;
}

static void
test_posts_from_threads(void **state)
{
	static struct poster p[POSTERS];
	struct fixture *f = *state;

	assert_int_equal(loop_start(f->loop, "loop-test"), 0);
	for (int i = 0; i < POSTERS; i++) {
		p[i].f = f;
		pthread_create(&p[i].thread, NULL, poster_thread, &p[i]);
	}
	for (int i = 0; i < POSTERS; i++)
		pthread_join(p[i].thread, NULL);
	loop_join(f->loop);
	assert_int_equal(f->calls, POSTERS * POSTS);
}

static void
test_stop_before_start_is_kept(void **state)
{
	struct fixture *f = *state;

	loop_stop(f->loop);
	assert_int_equal(loop_start(f->loop, "loop-test"), 0);
	loop_join(f->loop);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_posts_keep_their_order),
		T(test_free_runs_what_is_left),
		T(test_defer_runs_at_the_end_of_the_turn),
		T(test_defer_from_defer_needs_no_event),
		T(test_handles),
		T(test_time_is_read_once_a_turn),
		T(test_timers_go_by_real_time),
		T(test_posts_from_threads),
		T(test_stop_before_start_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
