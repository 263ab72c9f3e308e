#include "verdict/observed_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"

#define HOUR_MS INT64_C(3600000)
#define PREFIX  "verdict."
#define PART    ".part"
/* The one under way has at most so much of all. */
#define PARTS 8
#define TAIL  4096

static void
of_name(int64_t ms, char ret[static OBSERVED_NAME_LEN])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
	snprintf(ret, OBSERVED_NAME_LEN, PREFIX "%s%03dZ.%ld", text,
		 (int)(ms % 1000), (long)getpid());
}

static void
of_part(const char *name, char ret[static OBSERVED_NAME_LEN + sizeof(PART)])
{
	snprintf(ret, OBSERVED_NAME_LEN + sizeof(PART), "%s" PART, name);
}

static bool
of_is_part(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(PART) && len < OBSERVED_NAME_LEN + strlen(PART) &&
	       strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	       strcmp(name + len - strlen(PART), PART) == 0;
}

static bool
of_is_whole(const char *name)
{
	size_t len = strlen(name);

	return len < OBSERVED_NAME_LEN &&
	       strncmp(name, PREFIX, strlen(PREFIX)) == 0 && !of_is_part(name);
}

/* --- whole files --------------------------------------------------------------- */

struct of_entry {
	char name[OBSERVED_NAME_LEN];
	int64_t size;
};

static int
of_compare(const void *a, const void *b)
{
	return strcmp(((const struct of_entry *)a)->name,
		      ((const struct of_entry *)b)->name);
}

/* A directory stream on a descriptor of its own; NULL and -errno. */
static DIR *
of_scan(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && d == NULL)
		close(fd);
	return d;
}

/* The whole ones, oldest first; the caller frees them. */
static struct of_entry *
of_list(int dir_fd, size_t *ret_n)
{
	struct of_entry *v = NULL;
	DIR *d = of_scan(dir_fd);
	const struct dirent *e;
	struct stat st;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!of_is_whole(e->d_name) ||
		    fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		v = xreallocarray(v, n + 1, sizeof(*v));
		memcpy(v[n].name, e->d_name, strlen(e->d_name) + 1);
		v[n++].size = st.st_size;
	}
	if (d != NULL)
		closedir(d);
	if (n > 0)
		qsort(v, n, sizeof(*v), of_compare);
	*ret_n = n;
	return v;
}

/* The oldest go, until the rest is not too much and none is too old. */
static void
of_ceiling(struct observed_file *f, int64_t now_ms)
{
	char oldest[OBSERVED_NAME_LEN];
	struct of_entry *v;
	int64_t sum = 0;
	size_t n;

	v = of_list(f->dir_fd, &n);
	of_name(now_ms > f->max_age_ms ? now_ms - f->max_age_ms : 0, oldest);
	for (size_t i = 0; i < n; i++)
		sum += v[i].size;
	for (size_t i = 0; i < n; i++) {
		if (sum <= f->max_size - f->max_size / PARTS &&
		    strcmp(v[i].name, oldest) >= 0)
			break;
		if (unlinkat(f->dir_fd, v[i].name, 0) == 0)
			f->dropped++;
		sum -= v[i].size;
	}
	free(v);
}

/* --- the one under way --------------------------------------------------------- */

static bool
of_exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
of_begin(struct observed_file *f, int64_t now_ms)
{
	char part[OBSERVED_NAME_LEN + sizeof(PART)];

	/* Process ids come again, and a clock may stand still. */
	for (int64_t ms = now_ms;; ms++) {
		of_name(ms, f->name);
		of_part(f->name, part);
		if (of_exists(f->dir_fd, f->name))
			continue;
		f->fd = openat(f->dir_fd, part,
			       O_RDWR | O_CREAT | O_EXCL | O_APPEND |
				       O_CLOEXEC | O_NOFOLLOW,
			       0640);
		if (f->fd >= 0 || errno != EEXIST)
			break;
	}
	if (f->fd < 0)
		return -errno;
	f->opened_ms = now_ms;
	f->len = 0;
	flock(f->fd, LOCK_EX | LOCK_NB);
	return 0;
}

static int
of_finish(struct observed_file *f)
{
	char part[OBSERVED_NAME_LEN + sizeof(PART)];
	int r = 0;

	if (f->fd < 0)
		return 0;
	of_part(f->name, part);
	if (f->len == 0)
		r = unlinkat(f->dir_fd, part, 0) < 0 ? -errno : 0;
	else if (fdatasync(f->fd) < 0 ||
		 renameat(f->dir_fd, part, f->dir_fd, f->name) < 0)
		r = -errno;
	close(f->fd);
	f->fd = -1;
	return r;
}

/* The length of FD up to its last line end; -errno. */
static int64_t
of_whole_lines(int fd)
{
	char tail[TAIL];
	off_t end = lseek(fd, 0, SEEK_END);

	while (end > 0) {
		size_t n = end < TAIL ? (size_t)end : TAIL;
		ssize_t got = pread(fd, tail, n, end - (off_t)n);
		const char *lf;

		if (got != (ssize_t)n)
			return got < 0 ? -errno : -EIO;
		lf = memrchr(tail, '\n', n);
		if (lf != NULL)
			return end - (off_t)n + (lf - tail) + 1;
		end -= (off_t)n;
	}
	return end < 0 ? -errno : 0;
}

/* PART of a process that is gone: what it wrote last may be half a line. */
static void
of_adopt(struct observed_file *f, const char *part)
{
	struct observed_file other = {.dir_fd = f->dir_fd};

	other.fd = openat(f->dir_fd, part,
			  O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (other.fd < 0)
		return;
	snprintf(other.name, sizeof(other.name), "%.*s",
		 (int)(strlen(part) - strlen(PART)), part);
	other.len = flock(other.fd, LOCK_EX | LOCK_NB) < 0
			    ? -errno
			    : of_whole_lines(other.fd);
	if (other.len >= 0 && ftruncate(other.fd, other.len) == 0)
		of_finish(&other);
	else
		close(other.fd);
}

int
observed_file_open(struct observed_file *f, const char *dir, int64_t max_size,
		   int64_t max_age_ms)
{
	const struct dirent *e;
	DIR *d;

	*f = (struct observed_file){
		.fd = -1, .max_size = max_size, .max_age_ms = max_age_ms};
	f->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir_fd < 0)
		return -errno;
	d = of_scan(f->dir_fd);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (of_is_part(e->d_name))
			of_adopt(f, e->d_name);
	if (d != NULL)
		closedir(d);
	return 0;
}

/* Nothing of a write that failed may stand there: the next would follow half a
 * line. */
static int
of_append(struct observed_file *f, const char *lines, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(f->fd, lines + done, len - done);
		int r = n < 0 ? -errno : 0;

		if (r == -EINTR)
			continue;
		if (r < 0 && ftruncate(f->fd, f->len) < 0)
			of_finish(f);
		if (r < 0)
			return r;
		done += (size_t)n;
	}
	f->len += (int64_t)len;
	return 0;
}

int
observed_file_write(struct observed_file *f, const char *lines, size_t len,
		    int64_t now_ms)
{
	int r = 0, r2;

	if (f->fd < 0)
		r = of_begin(f, now_ms);
	if (r == 0)
		r = of_append(f, lines, len);
	r2 = observed_file_turn(f, now_ms);
	return r < 0 ? r : r2;
}

int
observed_file_turn(struct observed_file *f, int64_t now_ms)
{
	bool over = f->opened_ms / HOUR_MS != now_ms / HOUR_MS;
	int r = 0;

	if (f->fd >= 0 && (over || f->len >= f->max_size / PARTS))
		r = of_finish(f);
	else if (!over)
		return 0;
	f->opened_ms = now_ms;
	of_ceiling(f, now_ms);
	return r;
}

void
observed_file_close(struct observed_file *f)
{
	of_finish(f);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	f->dir_fd = -1;
}
