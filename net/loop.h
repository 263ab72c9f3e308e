/*
 * loop - one libevent base per thread, and its mailbox.
 *
 * A session lives and dies on one loop. Other threads reach it only by posts:
 * a function and its argument, run on the loop's thread in the order they were
 * posted. Answers of other threads come back by handle, never by pointer, so a
 * late answer to a dead session finds nothing.
 *
 * Unless said otherwise a call belongs to the loop's own thread.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"

struct event_base;
struct loop;

typedef void loop_fn(void *arg);

/* Embedded in whatever travels; owned by the receiver until FN has begun. */
struct post {
	struct post *next;
	loop_fn *fn;
	void *arg;
};

struct loop *loop_new(struct clock *clock);
/* After loop_run() has returned and the threads that post to it have ended: a
 * post may already be run while its loop_post() has still to wake the loop.
 * What is posted, deferred or to be run at the end is run first. */
void loop_free(struct loop **loop);
/* Likewise, but LOOP stays: for who shares it and ends before it does. False
 * when nothing was posted or deferred. What it runs may post to other loops. */
bool loop_run_rest(struct loop *loop);

/* Run until loop_stop(); loop_start() does so in a thread of its own, which
 * loop_join() waits for. 0 or -errno. */
void loop_run(struct loop *loop);
int loop_start(struct loop *loop, const char *name);
void loop_join(struct loop *loop);
/* From any thread: return from loop_run() after the current turn, or at once
 * from the next loop_run(). */
void loop_stop(struct loop *loop);

/* From any thread: run FN(ARG) on LOOP. POST is storage that must stay until
 * FN begins. */
void loop_post(struct loop *loop, struct post *post, loop_fn *fn, void *arg);
/* Run FN(ARG) at the end of this turn, after the callbacks now under way: where
 * sessions that were closed are reaped. */
void loop_defer(struct loop *loop, struct post *post, loop_fn *fn, void *arg);

/* What lives on a loop without an owner is ended by loop_free(): FN(ARG),
 * unless it has ended before and took itself off the list. */
struct loop_end {
	TAILQ_ENTRY(loop_end) link;
	loop_fn *fn;
	void *arg;
};

void loop_end_add(struct loop *loop, struct loop_end *end, loop_fn *fn,
		  void *arg);
void loop_end_remove(struct loop *loop, struct loop_end *end);

/* Handles: never reused within a process. 0 is no handle. */
uint64_t loop_handle_new(struct loop *loop, void *object);
void *loop_handle_find(struct loop *loop, uint64_t handle); /* NULL: gone */
void loop_handle_free(struct loop *loop, uint64_t handle);

/* Times of this turn by the loop's clock, read once a turn. */
int64_t loop_mono_ms(struct loop *loop);
int64_t loop_wall_ms(struct loop *loop);
struct clock *loop_clock(const struct loop *loop);

/* For libraries that bring their own libevent code. */
struct event_base *loop_base(struct loop *loop);

/*
 * A timer that is cheap to move: a later deadline costs a store, and clearing
 * it too. Embedded; fires FN(ARG) once, at or after its time. It goes by the
 * machine's monotonic time, also where the loop's clock is a test's.
 */
struct loop_timer {
	struct loop *loop;   /* borrowed */
	void *event;         /* owned; struct event of libevent */
	int64_t due_mono_ms; /* 0: not set */
	int64_t armed_mono_ms;
	loop_fn *fn;
	void *arg;
};

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn,
		     void *arg);
void loop_timer_done(struct loop_timer *t);
void loop_timer_set(struct loop_timer *t, int64_t after_ms);
void loop_timer_clear(struct loop_timer *t);

#endif
