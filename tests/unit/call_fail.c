#include "tests/unit/call_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/unit/test.h"

static atomic_bool cf_armed;
static atomic_long cf_calls;
static long cf_n;
static enum call_fail_how cf_how;
static int cf_error;
static atomic_int cf_port;
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
call_fail_port(int port)
{
	atomic_store(&cf_port, port);
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

void
call_fail_each(call_fail_fn *fn, const int *errors, size_t nerrors, long most)
{
	size_t late = 0;
	bool done;

	for (size_t i = 0; i < nerrors; i++) {
		long n = 1;

		while (fn(n, CALL_FAIL_ERRNO, errors[i], &done) >= n) {
			late += !done;
			n++;
		}
		assert_in_range(n, 8, most);
		assert_true(done); /* when nothing failed */
	}
	assert_in_range(late, 8, 240);
}

void
call_fail_each_short(call_fail_fn *fn)
{
	bool done;

	for (long n = 1; fn(n, CALL_FAIL_SHORT, 0, &done) >= n; n++)
		assert_true(done);
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

static bool
cf_moves_data(long call)
{
	return call == SYS_write || call == SYS_pwrite64 ||
	       call == SYS_pread64 || call == SYS_recvfrom;
}

/* A counted call, or what is to happen instead. */
static long
cf_counted(long call, long a, long b, long c, long d, long e)
{
	bool hit = cf_hit();
	long r;

	if (hit && cf_how == CALL_FAIL_KILL_BEFORE)
		cf_kill();
	if (hit && cf_how == CALL_FAIL_SHORT && cf_moves_data(call))
		c = (c + 1) / 2;
	if (hit && cf_how == CALL_FAIL_ERRNO && call != SYS_close) {
		errno = cf_error;
		return -1;
	}
	r = syscall(call, a, b, c, d, e, 0L);
	if (hit && cf_how == CALL_FAIL_KILL_AFTER)
		cf_kill();
	if (hit && cf_how == CALL_FAIL_ERRNO) { /* closed all the same */
		errno = cf_error;
		return -1;
	}
	return r;
}

/* One that has nothing to do with a port. */
static long
cf_call(long call, long a, long b, long c, long d, long e)
{
	if (atomic_load(&cf_port) > 0)
		return syscall(call, a, b, c, d, e, 0L);
	return cf_counted(call, a, b, c, d, e);
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

	return atomic_load(&cf_armed) && syscall(SYS_fstat, fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (!cf_is_file(fd))
		return syscall(SYS_write, fd, data, len);
	return cf_call(SYS_write, fd, (long)data, (long)len, 0, 0);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return cf_call(SYS_pwrite64, fd, (long)data, (long)len, at, 0);
}

ssize_t
pread(int fd, void *data, size_t len, off_t at)
{
	return cf_call(SYS_pread64, fd, (long)data, (long)len, at, 0);
}

int
fstat(int fd, struct stat *ret)
{
	return (int)cf_call(SYS_fstat, fd, (long)ret, 0, 0, 0);
}

int
fstatat(int dir, const char *path, struct stat *ret, int flags)
{
	return (int)cf_call(SYS_newfstatat, dir, (long)path, (long)ret, flags,
			    0);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	return (int)cf_call(SYS_renameat, from, (long)old, to, (long)new, 0);
}

int
fchmod(int fd, mode_t mode)
{
	return (int)cf_call(SYS_fchmod, fd, (long)mode, 0, 0, 0);
}

int
fsync(int fd)
{
	return (int)cf_call(SYS_fsync, fd, 0, 0, 0, 0);
}

int
syncfs(int fd)
{
	return (int)cf_call(SYS_syncfs, fd, 0, 0, 0, 0);
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

/* --- a port -------------------------------------------------------------------- */

static bool
cf_is_port(const struct sockaddr_in *sa)
{
	return sa->sin_family == AF_INET &&
	       ntohs(sa->sin_port) == atomic_load(&cf_port);
}

static bool
cf_leads_there(int fd)
{
	struct sockaddr_in sa = {.sin_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return atomic_load(&cf_port) > 0 &&
	       getpeername(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       cf_is_port(&sa);
}

int
socket(int domain, int type, int protocol)
{
	if (atomic_load(&cf_port) == 0 || domain != AF_INET)
		return (int)syscall(SYS_socket, domain, type, protocol);
	return (int)cf_counted(SYS_socket, domain, type, protocol, 0, 0);
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct sockaddr_in sa = {.sin_family = AF_UNSPEC};

	if (len == sizeof(sa))
		memcpy(&sa, to, sizeof(sa));
	if (atomic_load(&cf_port) == 0 || !cf_is_port(&sa))
		return (int)syscall(SYS_connect, fd, to, len);
	return (int)cf_counted(SYS_connect, fd, (long)to, (long)len, 0, 0);
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	if (!cf_leads_there(fd))
		return syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
	return cf_counted(SYS_recvfrom, fd, (long)data, (long)len, flags, 0);
}

/* A short one says less than it could have. */
static ssize_t
cf_sendmsg_there(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr part = *msg;
	struct iovec first;

	if (cf_how == CALL_FAIL_SHORT && msg->msg_iovlen > 0 && cf_hit()) {
		first = msg->msg_iov[0];
		first.iov_len = (first.iov_len + 1) / 2;
		part.msg_iov = &first;
		part.msg_iovlen = 1;
		return syscall(SYS_sendmsg, fd, &part, flags);
	}
	if (cf_how == CALL_FAIL_SHORT)
		return syscall(SYS_sendmsg, fd, msg, flags);
	return cf_counted(SYS_sendmsg, fd, (long)msg, flags, 0, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (cf_leads_there(fd))
		return cf_sendmsg_there(fd, msg, flags);
	return cf_call(SYS_sendmsg, fd, (long)msg, flags, 0, 0);
}
