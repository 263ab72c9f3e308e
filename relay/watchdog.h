/*
 * watchdog - signs of life for the service manager.
 *
 * A round asks every loop and the store thread for an answer. Only when all of
 * them came the manager is told, and the next round begins a while later: a
 * thread that is stuck stops the signs, and the manager ends the process.
 */
#ifndef RELAY_WATCHDOG_H
#define RELAY_WATCHDOG_H

#include "net/loop.h"

struct watchdog;

struct watchdog_conf {
	struct loop *const *loops; /* borrowed; the first is the caller's */
	size_t nloops;
	int64_t every_ms; /* from an answered round to the next */
	/* Have the store thread call ANSWER(ANSWER_ARG) on HOME. */
	void (*ask_store)(void *arg, struct loop *home, loop_fn *answer,
			  void *answer_arg);
	void (*alive)(void *arg);
	void *arg;
};

/* The first round begins at once. */
struct watchdog *watchdog_new(const struct watchdog_conf *conf);
/* No more rounds; answers may still come. NULL is fine. */
void watchdog_stop(struct watchdog *w);
/* When none can come any more. */
void watchdog_free(struct watchdog **w);

#endif
