/*
 * store_work - a fixed piece of work for a store that something happens to, and
 * the judge of what is left of it.
 *
 * The work is a row of jobs that put, move, rewrite and delete a few records
 * with blobs; what each does follows from the record it finds and its own
 * number. So the state after any of them can be told without the store, and a
 * store is right when it is one of the states that what was answered leaves
 * open.
 */
#ifndef TESTS_UNIT_STORE_WORK_H
#define TESTS_UNIT_STORE_WORK_H

#include "queue/store.h"

#define STORE_WORK_JOBS  24
#define STORE_WORK_SLOTS 6

/* One answer, as it goes through a pipe. */
struct store_work_answer {
	int job;
	int result;
};

/* Do all jobs, partly in batches; every answer is written to FD (not counted by
 * store_fail) as soon as it is given. */
void store_work_run(struct store *store, int fd);

/* Is what STORE holds explained by the answers? NULL, or what is wrong. */
const char *store_work_judge(struct store *store,
			     const struct store_work_answer *answer, size_t n);

#endif
