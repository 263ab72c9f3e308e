#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uthash.h>

#include "base/must.h"
#include "base/thread.h"
#include "base/xalloc.h"

struct loop_handle {
	uint64_t id;
	void *object; /* borrowed */
	UT_hash_handle hh;
};

struct loop {
	struct event_base *base; /* owned */
	struct clock *clock;     /* borrowed */
	/* The mailbox: a stack, the newest first. Whoever finds it empty wakes
	 * the loop. */
	struct post *_Atomic mailbox;
	int wake_fd;
	struct event *wake; /* owned */
	_Atomic bool stop;
	pthread_t thread;
	struct post *deferred, **deferred_end;
	TAILQ_HEAD(, loop_end) ends; /* borrowed */
	struct loop_handle *handles; /* owned; by id */
	/* The times of this turn, read when first asked for. */
	bool in_turn, mono_known, wall_known, real_known;
	int64_t mono_ms, wall_ms;
	int64_t real_ms; /* what timers go by, whatever the clock is */
};

/* Handles of all loops come from one counter, so that a handle which strays to
 * another loop finds nothing. */
static _Atomic uint64_t loop_last_handle;

static void
loop_wake(struct loop *loop)
{
	static const uint64_t one = 1;

	/* -EAGAIN is impossible short of 2^64 writes. */
	must(write(loop->wake_fd, &one, sizeof(one)) == sizeof(one));
}

static struct post *
post_reverse(struct post *newest_first)
{
	struct post *list = NULL;

	while (newest_first != NULL) {
		struct post *next = newest_first->next;

		newest_first->next = list;
		list = newest_first;
		newest_first = next;
	}
	return list;
}

/* A post's memory is its function's as soon as that begins. */
static void
post_run_all(struct post *list)
{
	while (list != NULL) {
		struct post *next = list->next;

		list->fn(list->arg);
		list = next;
	}
}

static void
loop_run_mailbox(struct loop *loop)
{
	post_run_all(post_reverse(atomic_exchange(&loop->mailbox, NULL)));
}

/* What is deferred meanwhile waits for the end of the next turn, so that no
 * turn is endless. */
static void
loop_run_deferred(struct loop *loop)
{
	struct post *list = loop->deferred;

	loop->deferred = NULL;
	loop->deferred_end = &loop->deferred;
	post_run_all(list);
}

/* The counter is never read: an edge-triggered eventfd reports every write,
 * which saves a system call a wake-up. */
static void
loop_wake_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_run_mailbox(arg);
}

static struct event_base *
loop_base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	must(config != NULL);
	/* No changelist: it tells the kernel only at the next turn, when the
	 * number of a descriptor that was closed may be somebody else's, and
	 * loses count of duplicated ones (listeners over a reload). */
	must(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0);
	base = event_base_new_with_config(config);
	must(base != NULL);
	event_config_free(config);
	return base;
}

struct loop *
loop_new(struct clock *clock)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->clock = clock;
	loop->deferred_end = &loop->deferred;
	TAILQ_INIT(&loop->ends);
	loop->base = loop_base_new();
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(loop->wake_fd >= 0);
	loop->wake =
		event_new(loop->base, loop->wake_fd,
			  EV_READ | EV_ET | EV_PERSIST, loop_wake_cb, loop);
	must(loop->wake != NULL && event_add(loop->wake, NULL) == 0);
	return loop;
}

bool
loop_run_rest(struct loop *loop)
{
	bool any = false;

	while (atomic_load(&loop->mailbox) != NULL || loop->deferred != NULL) {
		loop_run_mailbox(loop);
		loop_run_deferred(loop);
		any = true;
	}
	return any;
}

void
loop_free(struct loop **loopp)
{
	struct loop *loop = loopp != NULL ? *loopp : NULL;
	struct loop_handle *handle, *next;
	struct loop_end *end;

	if (loop == NULL)
		return;
	loop_run_rest(loop);
	while ((end = TAILQ_FIRST(&loop->ends)) != NULL) {
		loop_end_remove(loop, end);
		end->fn(end->arg);
	}
	loop_run_rest(loop);
	HASH_ITER(hh, loop->handles, handle, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		HASH_DEL(loop->handles, handle);
		free(handle);
	}
	event_free(loop->wake);
	close(loop->wake_fd);
	event_base_free(loop->base);
	free(loop);
	*loopp = NULL;
}

static void
loop_forget_times(struct loop *loop)
{
	loop->mono_known = loop->wall_known = loop->real_known = false;
}

void
loop_run(struct loop *loop)
{
	while (!atomic_exchange(&loop->stop, false)) {
		int flags =
			loop->deferred != NULL ? EVLOOP_NONBLOCK : EVLOOP_ONCE;

		loop_forget_times(loop);
		loop->in_turn = true;
		must(event_base_loop(loop->base, flags) >= 0);
		loop_run_deferred(loop);
		loop->in_turn = false;
	}
}

static void *
loop_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

int
loop_start(struct loop *loop, const char *name)
{
	return thread_start(name, loop_thread, loop, &loop->thread);
}

void
loop_join(struct loop *loop)
{
	must(pthread_join(loop->thread, NULL) == 0);
}

void
loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	loop_wake(loop);
}

void
loop_post(struct loop *loop, struct post *post, loop_fn *fn, void *arg)
{
	struct post *newest = atomic_load(&loop->mailbox);

	post->fn = fn;
	post->arg = arg;
	/* Once it is in the list the post may be gone any moment. */
	do {
		post->next = newest;
	} while (!atomic_compare_exchange_weak(&loop->mailbox, &newest, post));
	if (newest == NULL)
		loop_wake(loop);
}

void
loop_defer(struct loop *loop, struct post *post, loop_fn *fn, void *arg)
{
	*post = (struct post){.next = NULL, .fn = fn, .arg = arg};
	*loop->deferred_end = post;
	loop->deferred_end = &post->next;
}

void
loop_end_add(struct loop *loop, struct loop_end *end, loop_fn *fn, void *arg)
{
	end->fn = fn;
	end->arg = arg;
	TAILQ_INSERT_TAIL(&loop->ends, end, link);
}

void
loop_end_remove(struct loop *loop, struct loop_end *end)
{
	TAILQ_REMOVE(&loop->ends, end, link);
}

uint64_t
loop_handle_new(struct loop *loop, void *object)
{
	struct loop_handle *handle = xcalloc(1, sizeof(*handle));

	handle->id = atomic_fetch_add(&loop_last_handle, 1) + 1;
	handle->object = object;
	HASH_ADD(hh, loop->handles, id, sizeof(handle->id), handle);
	return handle->id;
}

static struct loop_handle *
loop_handle_get(struct loop *loop, uint64_t id)
{
	struct loop_handle *handle;

	HASH_FIND(hh, loop->handles, &id, sizeof(id), handle);
	return handle;
}

void *
loop_handle_find(struct loop *loop, uint64_t handle)
{
	struct loop_handle *found = loop_handle_get(loop, handle);

	return found != NULL ? found->object : NULL;
}

void
loop_handle_free(struct loop *loop, uint64_t handle)
{
	struct loop_handle *found = loop_handle_get(loop, handle);

	if (found == NULL)
		return;
	HASH_DEL(loop->handles, found);
	free(found);
}

int64_t
loop_mono_ms(struct loop *loop)
{
	if (!loop->mono_known || !loop->in_turn) {
		loop->mono_ms = clock_mono_ms(loop->clock);
		loop->mono_known = true;
	}
	return loop->mono_ms;
}

int64_t
loop_wall_ms(struct loop *loop)
{
	if (!loop->wall_known || !loop->in_turn) {
		loop->wall_ms = clock_wall_ms(loop->clock);
		loop->wall_known = true;
	}
	return loop->wall_ms;
}

/* A test's clock stands still; its time-outs don't. */
static int64_t
loop_real_ms(struct loop *loop)
{
	if (!loop->real_known || !loop->in_turn) {
		loop->real_ms = clock_mono_ms(clock_system());
		loop->real_known = true;
	}
	return loop->real_ms;
}

struct clock *
loop_clock(const struct loop *loop)
{
	return loop->clock;
}

struct event_base *
loop_base(struct loop *loop)
{
	return loop->base;
}

static void
loop_timer_arm(struct loop_timer *t, int64_t now)
{
	int64_t after_ms = t->due_mono_ms > now ? t->due_mono_ms - now : 0;
	struct timeval tv = {
		.tv_sec = after_ms / 1000,
		.tv_usec = after_ms % 1000 * 1000,
	};

	must(event_add(t->event, &tv) == 0);
	t->armed_mono_ms = t->due_mono_ms;
}

static void
loop_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	int64_t now = loop_real_ms(t->loop);

	(void)fd;
	(void)what;
	t->armed_mono_ms = 0;
	if (t->due_mono_ms == 0)
		return;
	if (t->due_mono_ms > now) { /* it was moved, or libevent's cached
				     * time ran behind */
		loop_timer_arm(t, now);
		return;
	}
	t->due_mono_ms = 0;
	t->fn(t->arg);
}

void
loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
	*t = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
}

void
loop_timer_done(struct loop_timer *t)
{
	if (t == NULL || t->event == NULL)
		return;
	event_free(t->event);
	t->event = NULL;
	t->due_mono_ms = t->armed_mono_ms = 0;
}

void
loop_timer_set(struct loop_timer *t, int64_t after_ms)
{
	int64_t now = loop_real_ms(t->loop);

	if (t->event == NULL) {
		t->event =
			event_new(loop_base(t->loop), -1, 0, loop_timer_cb, t);
		must(t->event != NULL);
	}
	t->due_mono_ms = now + (after_ms > 0 ? after_ms : 0);
	if (t->armed_mono_ms == 0 || t->armed_mono_ms > t->due_mono_ms)
		loop_timer_arm(t, now);
}

void
loop_timer_clear(struct loop_timer *t)
{
	t->due_mono_ms = 0;
}
