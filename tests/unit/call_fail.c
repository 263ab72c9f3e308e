#include "tests/unit/call_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool cf_armed;
static atomic_long cf_calls;
static long cf_n;
static enum call_fail_how cf_how;
static int cf_error;
static long cf_forks;
static int cf_fork_error;

void
call_fail_arm(long n, enum call_fail_how how, int error)
{
	cf_n = n;
	cf_how = how;
	cf_error = error;
	atomic_store(&cf_calls, 0);
	atomic_store(&cf_armed, true);
}

long
call_fail_disarm(void)
{
	atomic_store(&cf_armed, false);
	return atomic_load(&cf_calls);
}

void
call_fail_fork(long n, int error)
{
	cf_forks = n;
	cf_fork_error = error;
}

pid_t
fork(void)
{
	if (cf_forks > 0 && --cf_forks == 0) {
		errno = cf_fork_error;
		return -1;
	}
	return _Fork();
}

static bool
cf_hit(void)
{
	if (!atomic_load(&cf_armed))
		return false;
	return atomic_fetch_add(&cf_calls, 1) + 1 == cf_n;
}

static void
cf_kill(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
}

/* The call, or what is to happen instead. */
static long
cf_call(long call, long a, long b, long c, long d, long e)
{
	bool hit = cf_hit();
	long r;

	if (hit && cf_how == CALL_FAIL_KILL_BEFORE)
		cf_kill();
	if (hit && cf_how == CALL_FAIL_SHORT && call == SYS_write)
		c = (c + 1) / 2;
	if (hit && cf_how == CALL_FAIL_ERRNO && call != SYS_close) {
		errno = cf_error;
		return -1;
	}
	r = syscall(call, a, b, c, d, e);
	if (hit && cf_how == CALL_FAIL_KILL_AFTER)
		cf_kill();
	if (hit && cf_how == CALL_FAIL_ERRNO) { /* closed all the same */
		errno = cf_error;
		return -1;
	}
	return r;
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)cf_call(SYS_openat, AT_FDCWD, (long)path, flags, (long)mode,
			    0);
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)cf_call(SYS_openat, dir, (long)path, flags, (long)mode, 0);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	return (int)cf_call(SYS_mkdirat, dir, (long)path, (long)mode, 0, 0);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	return (int)cf_call(SYS_linkat, from, (long)old, to, (long)new, flags);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return (int)cf_call(SYS_unlinkat, dir, (long)path, flags, 0, 0);
}

/* A wake-up of a loop is no call to the file system. */
static bool
cf_is_file(int fd)
{
	struct stat st;

	return atomic_load(&cf_armed) && fstat(fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (!cf_is_file(fd))
		return syscall(SYS_write, fd, data, len);
	return cf_call(SYS_write, fd, (long)data, (long)len, 0, 0);
}

int
fsync(int fd)
{
	return (int)cf_call(SYS_fsync, fd, 0, 0, 0, 0);
}

int
close(int fd)
{
	if (!cf_is_file(fd))
		return (int)syscall(SYS_close, fd);
	return (int)cf_call(SYS_close, fd, 0, 0, 0, 0);
}

int
pipe2(int fds[2], int flags)
{
	return (int)cf_call(SYS_pipe2, (long)fds, flags, 0, 0, 0);
}

int
socketpair(int domain, int type, int protocol, int fds[2])
{
	return (int)cf_call(SYS_socketpair, domain, type, protocol, (long)fds,
			    0);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return cf_call(SYS_sendmsg, fd, (long)msg, flags, 0, 0);
}
