/*
 * spawn - programs, started by a process that does nothing else.
 *
 * The spawner is forked before the first thread. It holds no secret, no
 * listening socket and no store; it is asked through a socket, and starts each
 * program in a session of its own, with a clean environment and limits. For
 * each program there is one more socket, the control:
 *
 *	the program ended       one report comes on it
 *	it is closed by us      the program's group is ended; after a
 *	                        shutdown(SHUT_WR) with a report
 *	it ends without report  the spawner is gone; so is the program, but
 *	                        nobody knows how far it came
 *
 * A program whose input is half a message must not see its end only because
 * belfryd died: so the spawner may hold the other end of the input too, and
 * lets go of it when one octet comes on the control, else when the program is
 * dead.
 *
 * A program that takes too long, or is not wanted any more, gets SIGTERM and
 * SPAWN_GRACE_MS later SIGKILL, with all of its process group. What a program
 * leaves behind in its group when it ends is killed too. When belfryd ends, in
 * whatever way, the spawner ends all that runs and itself; when the spawner is
 * killed, the kernel kills the programs.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <pwd.h>
#include <stdint.h>
#include <sys/types.h>

/* What a request may hold: path, arguments and their ends. */
#define SPAWN_REQUEST_MAX ((size_t)64 * 1024)
/* Programs at the same time. */
#define SPAWN_MAX      1000
#define SPAWN_GRACE_MS 2000
/* A program has no more time than that, whatever a request says. */
#define SPAWN_TIME_MAX_MS (INT64_C(3600) * 1000)

struct spawner;

struct spawn_request {
	const char *const *argv; /* NULL ends; argv[0] is the program's path */
	const char *cwd;
	/* A socket of spawn_run(), to whom the request goes instead; NULL. */
	const char *at;
	int64_t time_ms; /* from the start to SIGTERM; SPAWN_TIME_MAX_MS at
			  * most */
	/* Above what the process has they are that; 0: as it is. */
	struct {
		int64_t cpu_s, memory, files, processes;
	} limit;
};

enum spawn_end {
	SPAWN_EXITED,      /* VALUE is its status */
	SPAWN_SIGNALLED,   /* VALUE is the signal */
	SPAWN_TIMED_OUT,   /* and was ended */
	SPAWN_NOT_STARTED, /* VALUE is the errno; EAGAIN: SPAWN_MAX run */
	SPAWN_LOST,        /* the spawner is gone */
};

struct spawn_report {
	int32_t end; /* enum spawn_end */
	int32_t value;
	int32_t pid; /* 0: none */
};

/* Fork it; one thread only. 0 or -errno. */
int spawner_new(struct spawner **ret_spawner);
/* End it with all that runs, and wait for that. NULL is fine. */
void spawner_free(struct spawner **spawner);
/* Its process. */
pid_t spawner_pid(const struct spawner *s);
/* Turns readable when the spawner is gone. */
int spawner_fd(const struct spawner *s);
/* Then: why it ended, as wait(2) has it. */
int spawner_status(struct spawner *s);

/* From any thread: start a program with IN as its standard input and OUT as
 * output and error output. HOLD is the other end of IN, or -1. All stay the
 * caller's. *RET_CONTROL is the caller's to close, non-blocking. 0; -E2BIG;
 * -EAGAIN when the spawner is busy; other -errno when it is gone. To another
 * user's runner nobody listens: -ENOENT, -ECONNREFUSED, -EACCES. */
int spawner_start(struct spawner *s, const struct spawn_request *request,
		  int in, int out, int hold, int *ret_control);
/* The input is complete: let go of HOLD. */
void spawn_input_end(int control);
/* The runner's life, which SIGTERM ends: programs for whoever connects to
 * LISTENER (unix, seqpacket), where LIST (run_list.h) has them, as who we are.
 * One that it has not is not started: EPERM. Who connects and asks nothing is
 * hung up on; what runs does not wait for that. With one thread. */
_Noreturn void spawn_run(int listener, const char *list,
			 const struct passwd *account);

/* 1: *RET tells what became of the program; 0: nothing yet. */
int spawn_report_read(int control, struct spawn_report *ret);

#endif
