#include "tests/unit/store_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct store_fail sf;
static atomic_long sf_calls;
static atomic_bool sf_armed;

void
store_fail_arm(const struct store_fail *fail)
{
	sf = *fail;
	atomic_store(&sf_calls, 0);
	atomic_store(&sf_armed, true);
}

void
store_fail_disarm(void)
{
	atomic_store(&sf_armed, false);
}

long
store_fail_calls(void)
{
	return atomic_load(&sf_calls);
}

static void
sf_kill(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
}

/* Is it this call's turn to go wrong? */
static bool
sf_hit(bool durable)
{
	long n;

	if (!atomic_load(&sf_armed) || (sf.durable_only && !durable))
		return false;
	n = atomic_fetch_add(&sf_calls, 1) + 1;
	return sf.n > 0 && (n == sf.n || (sf.sticky && n > sf.n));
}

/* Before the call: true when it must not be made. */
static bool
sf_before(bool hit)
{
	if (hit && sf.how == STORE_FAIL_KILL_BEFORE)
		sf_kill();
	if (!hit || sf.how != STORE_FAIL_ERRNO)
		return false;
	errno = sf.error;
	return true;
}

static long
sf_after(bool hit, long r)
{
	if (hit && sf.how == STORE_FAIL_KILL_AFTER)
		sf_kill();
	return r;
}

static size_t
sf_len(bool hit, size_t len)
{
	return hit && sf.how == STORE_FAIL_SHORT ? len / 2 : len;
}

/* A wake-up of a loop is no write to the disk. */
static bool
sf_is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	bool hit = atomic_load(&sf_armed) && sf_is_file(fd) && sf_hit(true);

	if (sf_before(hit))
		return -1;
	return sf_after(hit, syscall(SYS_write, fd, data, sf_len(hit, len)));
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return sf_after(hit,
			syscall(SYS_pwrite64, fd, data, sf_len(hit, len), at));
}

/* Half of the pieces, or half of the only one. */
static long
sf_writev(const struct iovec *v, int n, bool hit, long call, int fd, off_t at)
{
	struct iovec one = v[0];

	if (hit && sf.how == STORE_FAIL_SHORT) {
		if (n > 1) {
			n /= 2;
		} else {
			one.iov_len /= 2;
			v = &one;
		}
	}
	return syscall(call, fd, v, n, at, 0L);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return sf_after(hit, sf_writev(v, n, hit, SYS_writev, fd, 0));
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return sf_after(hit, sf_writev(v, n, hit, SYS_pwritev, fd, at));
}

int
fdatasync(int fd)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return (int)sf_after(hit, syscall(SYS_fdatasync, fd));
}

int
fsync(int fd)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return (int)sf_after(hit, syscall(SYS_fsync, fd));
}

int
open(const char *path, int flags, ...)
{
	bool hit = sf_hit(false);
	mode_t mode = 0;
	va_list ap;

	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (sf_before(hit))
		return -1;
	return (int)sf_after(hit,
			     syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	bool hit = fd >= 0 && sf_hit(false); /* memory is no file */

	if (sf_before(hit))
		return MAP_FAILED;
	return (void *)sf_after(
		hit, syscall(SYS_mmap, at, len, prot, flags, fd, offset));
}

int
ftruncate(int fd, off_t len)
{
	bool hit = sf_hit(true);

	if (sf_before(hit))
		return -1;
	return (int)sf_after(hit, syscall(SYS_ftruncate, fd, len));
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	bool hit = sf_hit(false);

	if (sf_before(hit))
		return -1;
	return (int)sf_after(hit, syscall(SYS_fallocate, fd, mode, at, len));
}
