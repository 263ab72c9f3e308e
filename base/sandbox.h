/*
 * sandbox - which system calls the process may make from now on.
 *
 * Two seccomp filters, which nobody can take off again:
 *
 *	the daemon's    names what belfryd needs, and allows no more. Any other
 *	                call that is known here ends the process with SIGSYS;
 *	                one that is newer than that is answered ENOSYS, as an
 *	                older kernel would, so that a newer libc falls back.
 *	the spawner's   programs inherit it with the exec, and nobody knows what
 *	                they need. So it names what none of them has a use for,
 *	                and answers EPERM.
 *
 * A build with sanitizers allows what those need, too: sandbox_daemon.c has the
 * list.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <sys/types.h>

/* For all threads, those that run and those to come. CHILD is the one process
 * that may be signalled; 0: none. What a lookup of an account loads is loaded
 * first: afterwards no memory can be made executable. 0; -EOPNOTSUPP: this
 * kernel or this architecture has no filters; other -errno. */
int sandbox_daemon(pid_t child);

/* The same for belfry-milter, which needs less: it starts and signals no process,
 * keeps no store and watches no folder. */
int sandbox_milter(void);

/* With one thread. As above. */
int sandbox_spawner(void);

#endif
