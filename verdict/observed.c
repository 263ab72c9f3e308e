#include "verdict/observed.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "base/xalloc.h"
#include "verdict/observed_file.h"

/* So many octets wake the thread before its second is over. */
#define OBSERVED_WAKE (64 * 1024)
/* How often it looks at the hour, and at what is too old, when nothing comes. */
#define OBSERVED_IDLE_S 30

static const struct metric_desc metric_lines = {
	.name = "belfry_observed_lines_dropped_total",
	.type = METRIC_COUNTER,
	.help = "Verdicts that could not be written down for reports",
	.labels = {NULL},
};

static const struct metric_desc metric_files = {
	.name = "belfry_observed_files_dropped_total",
	.type = METRIC_COUNTER,
	.help = "Files of verdicts that were too old or too much, and removed",
	.labels = {NULL},
};

struct observed {
	struct clock *clock;           /* borrowed */
	const struct log_context *log; /* borrowed */
	struct observed_file file;     /* of whoever turns */
	struct buf writing;            /* likewise */
	bool failing;                  /* likewise: the last write was lost */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct buf waiting;
	uint64_t waiting_lines;
	struct observed_counts counts;
	struct metric_cell *lines_cell, *files_cell; /* NULL: not counted */
	int64_t max_size, max_age_ms;
	bool running, stop;
	pthread_t thread;
};

int
observed_open(const char *dir, int64_t max_size, int64_t max_age_ms,
	      struct clock *clock, const struct log_context *log,
	      struct observed **ret)
{
	struct observed *o = xcalloc(1, sizeof(*o));
	int r = observed_file_open(&o->file, dir, max_size, max_age_ms);

	if (r < 0) {
		free(o);
		return r;
	}
	o->clock = clock;
	o->log = log;
	o->max_size = max_size;
	o->max_age_ms = max_age_ms;
	buf_init(&o->waiting, OBSERVED_BUFFER_MAX);
	buf_init(&o->writing, OBSERVED_BUFFER_MAX);
	pthread_mutex_init(&o->lock, NULL);
	cond_init_monotonic(&o->wake);
	observed_turn(o);
	*ret = o;
	return 0;
}

void
observed_register(struct observed *o, struct metrics *m)
{
	o->lines_cell = metric_cell(metric_register(m, &metric_lines), NULL);
	o->files_cell = metric_cell(metric_register(m, &metric_files), NULL);
	metric_add(o->files_cell, (int64_t)o->counts.files_dropped);
}

/* --- writing ------------------------------------------------------------------- */

/* With the lock. */
static void
observed_lost(struct observed *o, uint64_t n)
{
	o->counts.lines_dropped += n;
	if (o->lines_cell != NULL)
		metric_add(o->lines_cell, (int64_t)n);
}

static void
observed_say(struct observed *o, int r)
{
	if (r < 0 && !o->failing)
		log_event(o->log, LOG_WARNING, "observed",
			  LOG_STR("status", "lost"),
			  LOG_STR("error", strerror(-r)));
	else if (r == 0 && o->failing)
		log_event(o->log, LOG_INFO, "observed",
			  LOG_STR("status", "written"));
	o->failing = r < 0;
}

void
observed_turn(struct observed *o)
{
	int64_t now_ms = clock_wall_ms(o->clock);
	struct buf lines;
	uint64_t n;
	int r;

	pthread_mutex_lock(&o->lock);
	lines = o->waiting;
	n = o->waiting_lines;
	o->waiting = o->writing;
	o->waiting_lines = 0;
	o->file.max_size = o->max_size;
	o->file.max_age_ms = o->max_age_ms;
	pthread_mutex_unlock(&o->lock);

	o->writing = lines;
	if (n == 0) {
		r = observed_file_turn(&o->file, now_ms);
	} else {
		r = observed_file_write(&o->file, lines.data, lines.len,
					now_ms);
		observed_say(o, r);
	}
	buf_clear(&o->writing);

	pthread_mutex_lock(&o->lock);
	if (r < 0)
		observed_lost(o, n);
	else
		o->counts.lines += n;
	if (o->files_cell != NULL)
		metric_add(o->files_cell, (int64_t)(o->file.dropped -
						    o->counts.files_dropped));
	o->counts.files_dropped = o->file.dropped;
	pthread_mutex_unlock(&o->lock);
}

/* Until SECONDS are over, or there are OCTETS to be written. */
static void
observed_wait(struct observed *o, int seconds, size_t octets)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	while (!o->stop && o->waiting.len < octets)
		if (pthread_cond_timedwait(&o->wake, &o->lock, &until) ==
		    ETIMEDOUT)
			return;
}

static void *
observed_main(void *arg)
{
	struct observed *o = arg;
	bool stop = false;

	while (!stop) {
		pthread_mutex_lock(&o->lock);
		observed_wait(o, OBSERVED_IDLE_S, 1);
		observed_wait(o, 1, OBSERVED_WAKE);
		stop = o->stop;
		pthread_mutex_unlock(&o->lock);
		observed_turn(o);
	}
	return NULL;
}

int
observed_start(struct observed *o)
{
	int r = thread_start("observed", observed_main, o, &o->thread);

	o->running = r == 0;
	return r;
}

/* --- from any thread ----------------------------------------------------------- */

void
observed_set_limits(struct observed *o, int64_t max_size, int64_t max_age_ms)
{
	pthread_mutex_lock(&o->lock);
	o->max_size = max_size;
	o->max_age_ms = max_age_ms;
	pthread_mutex_unlock(&o->lock);
}

void
observed_add(struct observed *o, const struct verdict_message *m,
	     const struct verdict_result *r)
{
	struct buf line;
	bool wake = false;

	if (m->how != VERDICT_EVALUATE)
		return;
	buf_init(&line, OBSERVED_LINE_MAX);
	if (observed_line(m, r, &line) < 0)
		buf_clear(&line);
	pthread_mutex_lock(&o->lock);
	if (line.len == 0 || buf_append(&o->waiting, line.data, line.len) < 0)
		observed_lost(o, 1);
	else
		o->waiting_lines++;
	wake = o->waiting_lines == 1 || o->waiting.len >= OBSERVED_WAKE;
	pthread_mutex_unlock(&o->lock);
	buf_done(&line);
	if (wake)
		pthread_cond_signal(&o->wake);
}

void
observed_count(struct observed *o, struct observed_counts *ret)
{
	pthread_mutex_lock(&o->lock);
	*ret = o->counts;
	pthread_mutex_unlock(&o->lock);
}

void
observed_close(struct observed **observed)
{
	struct observed *o = *observed;

	*observed = NULL;
	if (o == NULL)
		return;
	if (o->running) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_mutex_unlock(&o->lock);
		pthread_cond_signal(&o->wake);
		pthread_join(o->thread, NULL);
	} else {
		observed_turn(o);
	}
	observed_file_close(&o->file);
	buf_done(&o->waiting);
	buf_done(&o->writing);
	pthread_cond_destroy(&o->wake);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
