/*
 * store_fail - make the n-th call of this process to the disk fail, or its
 * last.
 *
 * Linked into a test, it stands before libc's write, writev, pwrite, pwritev,
 * fdatasync, fsync, open, mmap, ftruncate and fallocate, for LMDB and for us.
 * Meant for a forked child: armed once, counted from then on.
 */
#ifndef TESTS_UNIT_STORE_FAIL_H
#define TESTS_UNIT_STORE_FAIL_H

#include <stdbool.h>

enum store_fail_how {
	STORE_FAIL_ERRNO,       /* the call fails */
	STORE_FAIL_SHORT,       /* a write writes half; others go through */
	STORE_FAIL_KILL_BEFORE, /* SIGKILL instead of the call */
	STORE_FAIL_KILL_AFTER,
};

struct store_fail {
	long n; /* the first is 1; 0: only count */
	enum store_fail_how how;
	int error;
	bool sticky;       /* and every later one */
	bool durable_only; /* count only writes and syncs */
};

void store_fail_arm(const struct store_fail *fail);
void store_fail_disarm(void);
/* How many calls were counted. */
long store_fail_calls(void);

#endif
