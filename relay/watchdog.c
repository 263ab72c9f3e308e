#include "relay/watchdog.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct watchdog_loop {
	struct watchdog *watchdog;
	struct post post;
};

struct watchdog {
	struct watchdog_conf conf;
	struct loop_timer timer;
	size_t unanswered;
	bool stopped;
	struct watchdog_loop loops[]; /* but the home loop, which is here */
};

static void
wd_answered(void *arg)
{
	struct watchdog *w = arg;

	if (--w->unanswered > 0 || w->stopped)
		return;
	w->conf.alive(w->conf.arg);
	loop_timer_set(&w->timer, w->conf.every_ms);
}

static void
wd_loop_answered(void *arg)
{
	struct watchdog_loop *wl = arg;

	wd_answered(wl->watchdog);
}

/* On the loop that is asked. */
static void
wd_answer(void *arg)
{
	struct watchdog_loop *wl = arg;

	loop_post(wl->watchdog->conf.loops[0], &wl->post, wd_loop_answered, wl);
}

static void
wd_round(void *arg)
{
	struct watchdog *w = arg;

	w->unanswered = w->conf.nloops;
	for (size_t i = 1; i < w->conf.nloops; i++)
		loop_post(w->conf.loops[i], &w->loops[i - 1].post, wd_answer,
			  &w->loops[i - 1]);
	w->conf.ask_store(w->conf.arg, w->conf.loops[0], wd_answered, w);
}

struct watchdog *
watchdog_new(const struct watchdog_conf *conf)
{
	struct watchdog *w = xcalloc(
		1, sizeof(*w) + (conf->nloops - 1) * sizeof(w->loops[0]));

	w->conf = *conf;
	for (size_t i = 1; i < conf->nloops; i++)
		w->loops[i - 1].watchdog = w;
	loop_timer_init(&w->timer, conf->loops[0], wd_round, w);
	loop_timer_set(&w->timer, 0);
	return w;
}

void
watchdog_stop(struct watchdog *w)
{
	if (w == NULL)
		return;
	w->stopped = true;
	loop_timer_done(&w->timer);
}

void
watchdog_free(struct watchdog **w)
{
	watchdog_stop(*w);
	free(*w);
	*w = NULL;
}
