/*
 * program_fate - a program of an attempt: how it is run, and what becomes of the
 * recipient by how it ended.
 *
 *	exit status of <sysexits.h>   done, later or never, as it means
 *	another one, a signal, too
 *	long, too much said           later
 *	its arguments are too long    never
 *	it can't be run at all        the destination failed
 */
#ifndef DELIVER_PROGRAM_FATE_H
#define DELIVER_PROGRAM_FATE_H

#include "net/program.h"
#include "queue/attempt.h"

struct program_plan {
	const char *path; /* absolute */
	const char *as;   /* whose program it is to be; "": ours */
	int64_t time_ms, output_max;
};

/* Start ARGV, which ends in NULL. 0 or -errno, as program_start(). */
int program_plan_start(const struct program_plan *plan, struct loop *loop,
		       struct spawner *spawner, struct arena *arena,
		       const char *const *argv, program_fn *fn, void *arg,
		       struct program **ret_program);

/* Into the only recipient of A and what A says of its destination. */
void program_fate_set(struct attempt *a, const struct program_plan *plan,
		      enum attempt_outcome outcome, int code, const char *dsn,
		      const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* P has ended. */
void program_fate_ended(struct attempt *a, const struct program_plan *plan,
			const struct program *p);
/* program_plan_start() said -ERROR. */
void program_fate_unstarted(struct attempt *a, const struct program_plan *plan,
			    int error);
/* What people are told of PATH: where it lies is nobody's business. */
const char *program_plan_name(const struct program_plan *plan);

#endif
