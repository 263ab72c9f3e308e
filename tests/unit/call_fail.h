/*
 * call_fail - make the n-th call of this process to the kernel fail, or its
 * last.
 *
 * Linked into a test, it stands before libc's open, openat, mkdirat, linkat,
 * unlinkat, renameat, fstat, fstatat, fchmod, pread, write, pwrite, fsync,
 * syncfs and close, and what starts a program: pipe2, socketpair and sendmsg.
 * Nothing is counted before call_fail_arm().
 *
 * After call_fail_port() only the calls to that port are counted: socket,
 * connect, sendmsg and recv. fork is counted by itself, and on in the child.
 */
#ifndef TESTS_UNIT_CALL_FAIL_H
#define TESTS_UNIT_CALL_FAIL_H

#include <stdbool.h>
#include <stddef.h>

enum call_fail_how {
	CALL_FAIL_ERRNO,
	CALL_FAIL_SHORT,       /* a write or read moves half; others all */
	CALL_FAIL_KILL_BEFORE, /* SIGKILL instead of the call */
	CALL_FAIL_KILL_AFTER,
};

/* N 0: only count. */
void call_fail_arm(long n, enum call_fail_how how, int error);
/* Count what a client of this port of 127.0.0.1 does, and nothing else; 0: as
 * before. */
void call_fail_port(int port);
/* The N-th fork from here on fails with ERROR; N 0: none. */
void call_fail_fork(long n, int error);
/* How many calls were counted; none are from here on. */
long call_fail_disarm(void);

/* Do something in which the N-th call fails so: how many calls there were, and
 * whether it was done. */
typedef long call_fail_fn(long n, enum call_fail_how how, int error,
			  bool *ret_done);
/* With each of its calls failing in turn, by each of these errors: up to MOST
 * calls, and what is left undone is some of it, and not what failed nowhere. */
void call_fail_each(call_fail_fn *fn, const int *errors, size_t nerrors,
		    long most);
/* With each of its calls moving a part only: it is done all the same. */
void call_fail_each_short(call_fail_fn *fn);

#endif
