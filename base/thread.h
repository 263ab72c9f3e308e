/*
 * thread - the start of a thread, and what its waits count by.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* FN(ARG) in a thread of that NAME (at most 15 characters) that takes no
 * signal but those of its own faults: the others belong to the main thread. 0
 * or -errno. */
int thread_start(const char *name, void *(*fn)(void *arg), void *arg,
		 pthread_t *ret_thread);

/* Timed waits on COND count by CLOCK_MONOTONIC: who sets the wall's clock
 * neither hastens nor delays them. */
void cond_init_monotonic(pthread_cond_t *cond);

#endif
