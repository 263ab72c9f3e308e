#include "base/thread.h"

#include <signal.h>
#include <time.h>

#include "base/must.h"

int
thread_start(const char *name, void *(*fn)(void *arg), void *arg,
	     pthread_t *ret_thread)
{
	static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE,
				  SIGILL,  SIGABRT, SIGTRAP};
	sigset_t all, old;
	int r;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		pthread_setname_np(*ret_thread, name);
	return -r;
}

void
cond_init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(cond, &attr) == 0);
	pthread_condattr_destroy(&attr);
}
