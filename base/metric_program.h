/*
 * metric_program - what each of our daemons tells of itself: which it is, and
 * whether its configuration was taken.
 */
#ifndef BASE_METRIC_PROGRAM_H
#define BASE_METRIC_PROGRAM_H

#include <stdbool.h>

#include "base/metric.h"

struct metric_program {
	struct metric_cell *reload_ok, *reload_time;
};

/* NAME is the program's. */
void metric_program_init(struct metric_program *p, struct metrics *m,
			 const char *name);
/* At the start and after each reload: was it taken, at NOW_MS of the wall? */
void metric_program_reloaded(struct metric_program *p, bool ok, int64_t now_ms);

#endif
