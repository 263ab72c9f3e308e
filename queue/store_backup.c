#include "queue/store_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/thread.h"
#include "base/xalloc.h"
#include "queue/store_impl.h"

#define BK_NAME      "data.mdb" /* so that the folder is a store */
#define BK_PART      "data.mdb.part"
#define BK_PIECE     ((size_t)256 << 10)
#define BK_SYNC      ((uint64_t)8 << 20)  /* dirty bytes at most */
#define BK_GROWTH    ((uint64_t)16 << 20) /* allowed without a reserve */
#define BK_REST      3 /* times as long as it worked, while others commit */
#define BK_REST_MOST INT64_C(500000000)

struct store_backup {
	struct store *store; /* borrowed */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* Under the mutex. */
	struct store_backup_info info;
	bool stop;    /* the store is being closed */
	bool started; /* there is a thread to join */
	pthread_t thread;
	/* The thread's. */
	int dir_fd, part_fd; /* owned; -1: none */
	int pipe_fd[2];      /* owned; -1: none */
	pthread_t copier;
	int copy_result;
	uint64_t bytes, synced, file_bytes, commits;
	bool had_room;
	char *piece; /* owned */
};

const char *const store_backup_state_names[] = {
	[STORE_BACKUP_NONE] = "none",
	[STORE_BACKUP_RUNNING] = "running",
	[STORE_BACKUP_DONE] = "done",
	[STORE_BACKUP_FAILED] = "failed",
};

/* --- what is said of it ---------------------------------------------------- */

/* R, or -errno of the step that failed, with words for the operator. */
static int __attribute__((format(printf, 3, 4)))
bk_fail(struct store_backup *b, int r, const char *help, ...)
{
	va_list ap;

	pthread_mutex_lock(&b->mutex);
	snprintf(b->info.error, sizeof(b->info.error), "%s", strerror(-r));
	va_start(ap, help);
	vsnprintf(b->info.help, sizeof(b->info.help), help, ap);
	va_end(ap);
	pthread_mutex_unlock(&b->mutex);
	return r;
}

static bool
bk_stopped(struct store_backup *b)
{
	bool stop;

	pthread_mutex_lock(&b->mutex);
	stop = b->stop;
	pthread_mutex_unlock(&b->mutex);
	return stop;
}

/* --- where it goes --------------------------------------------------------- */

static int
bk_is_own_dir(struct store_backup *b)
{
	struct stat own, dir;

	return fstat(b->store->dir_fd, &own) == 0 &&
	       fstat(b->dir_fd, &dir) == 0 && own.st_dev == dir.st_dev &&
	       own.st_ino == dir.st_ino;
}

/* A store lives there, and somebody has it open. */
static bool
bk_is_used(struct store_backup *b)
{
	int fd = openat(b->dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool used;

	if (fd < 0)
		return false;
	used = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return used;
}

/* A store that is not in use, whose mail the copy would take the place of. A
 * copy has no such file. */
static bool
bk_is_store(struct store_backup *b)
{
	struct stat st;

	return fstatat(b->dir_fd, STORE_GENERATION_FILE, &st,
		       AT_SYMLINK_NOFOLLOW) == 0 ||
	       errno != ENOENT;
}

static int
bk_open_dir(struct store_backup *b)
{
	const char *dir = b->info.dir;

	b->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir_fd < 0)
		return bk_fail(b, -errno,
			       "%s must be a folder that belfryd's user can "
			       "enter and write; for example `install -d -m "
			       "0700 -o belfry %s`",
			       dir, dir);
	if (bk_is_own_dir(b))
		return bk_fail(b, -EINVAL,
			       "%s is the store itself; name another folder, "
			       "best on another disk",
			       dir);
	if (bk_is_used(b))
		return bk_fail(b, -EBUSY,
			       "%s is a store that another process uses; name "
			       "another folder",
			       dir);
	if (bk_is_store(b))
		return bk_fail(b, -EEXIST,
			       "%s is a store itself, as the file %s in it "
			       "says; name another folder",
			       dir, STORE_GENERATION_FILE);
	return 0;
}

static int
bk_open_part(struct store_backup *b)
{
	const char *dir = b->info.dir;

	(void)unlinkat(b->dir_fd, BK_PART, 0); /* of one that was killed */
	b->part_fd = openat(
		b->dir_fd, BK_PART,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b->part_fd >= 0)
		return 0;
	return bk_fail(b, -errno,
		       "belfryd's user must be able to write %s; for example "
		       "`install -d -m 0700 -o belfry %s`, and below systemd "
		       "`ReadWritePaths=%s` in the unit",
		       dir, dir, dir);
}

/* --- the copy -------------------------------------------------------------- */

static void *
bk_copier(void *arg)
{
	struct store_backup *b = arg;

	b->copy_result = engine_copy(b->store->engine, b->pipe_fd[1]);
	close(b->pipe_fd[1]);
	return NULL;
}

static int64_t
bk_ns(const struct timespec *t0)
{
	struct timespec t1;

	clock_gettime(CLOCK_MONOTONIC, &t1);
	return (int64_t)(t1.tv_sec - t0->tv_sec) * 1000000000 + t1.tv_nsec -
	       t0->tv_nsec;
}

/* Others are at work: they get most of the disk's time. */
static void
bk_rest(struct store_backup *b, int64_t worked_ns)
{
	uint64_t commits = atomic_load(&b->store->commits);
	bool busy = commits != b->commits;
	int64_t ns = worked_ns * BK_REST;
	struct timespec until;
	int r = 0;

	b->commits = commits;
	if (!busy)
		return;
	if (ns > BK_REST_MOST)
		ns = BK_REST_MOST;
	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += until.tv_nsec;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	pthread_mutex_lock(&b->mutex);
	while (!b->stop && r == 0)
		r = pthread_cond_timedwait(&b->cond, &b->mutex, &until);
	pthread_mutex_unlock(&b->mutex);
}

/* Nothing that is freed can be used again while this goes on. */
static int
bk_check_growth(struct store_backup *b)
{
	struct store *s = b->store;
	uint64_t most = (uint64_t)s->conf.reserve;
	uint64_t now = engine_file_bytes(s->engine);

	if (most < BK_GROWTH)
		most = BK_GROWTH;
	if (now - b->file_bytes < most &&
	    (!b->had_room || store_has_room(s, STORE_NEED_MAIL)))
		return 0;
	return bk_fail(b, -ENOSPC,
		       "more mail came meanwhile than store.reserve leaves "
		       "room for; try again when less comes, write to a faster "
		       "disk, or raise store.reserve");
}

static int
bk_write(struct store_backup *b, size_t len)
{
	ssize_t n;

	for (size_t at = 0; at < len; at += (size_t)n) {
		n = write(b->part_fd, b->piece + at, len - at);
		if (n <= 0)
			return bk_fail(b, n < 0 ? -errno : -EIO,
				       "writing %s/" BK_PART " failed; is "
				       "there room?",
				       b->info.dir);
	}
	b->bytes += len;
	pthread_mutex_lock(&b->mutex);
	b->info.bytes = b->bytes;
	pthread_mutex_unlock(&b->mutex);
	return 0;
}

/* Little by little, so that no commit waits behind gigabytes, and so that what
 * is written here drives nothing of use out of memory. */
static int
bk_sync(struct store_backup *b)
{
	if (fdatasync(b->part_fd) < 0)
		return bk_fail(b, -errno, "syncing %s/" BK_PART " failed",
			       b->info.dir);
	(void)posix_fadvise(b->part_fd, (off_t)b->synced,
			    (off_t)(b->bytes - b->synced), POSIX_FADV_DONTNEED);
	b->synced = b->bytes;
	return 0;
}

/* One piece: 1, 0 at the end, -errno. */
static int
bk_piece(struct store_backup *b)
{
	struct timespec t0;
	ssize_t n;
	int r;

	if (bk_stopped(b))
		return bk_fail(b, -ECANCELED, "belfryd was stopped");
	r = bk_check_growth(b);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	n = read(b->pipe_fd[0], b->piece, BK_PIECE);
	if (n <= 0)
		return n < 0 ? bk_fail(b, -errno, "reading failed") : 0;
	r = bk_write(b, (size_t)n);
	if (r == 0 && b->bytes - b->synced >= BK_SYNC)
		r = bk_sync(b);
	if (r < 0)
		return r;
	bk_rest(b, bk_ns(&t0));
	return 1;
}

static int
bk_copy(struct store_backup *b)
{
	int r;

	if (pipe2(b->pipe_fd, O_CLOEXEC) < 0)
		return bk_fail(b, -errno, "try again");
	(void)fcntl(b->pipe_fd[1], F_SETPIPE_SZ, (int)BK_PIECE);
	r = thread_start("backup-read", bk_copier, b, &b->copier);
	if (r < 0) {
		close(b->pipe_fd[1]);
		close(b->pipe_fd[0]);
		return bk_fail(b, r, "try again");
	}
	while ((r = bk_piece(b)) > 0)
		continue;
	close(b->pipe_fd[0]); /* ends a reader that is not through */
	pthread_join(b->copier, NULL);
	if (r == 0 && b->copy_result < 0)
		r = bk_fail(b, b->copy_result,
			    "the store could not be read; stop belfryd and run "
			    "`belfryd --verify %s`",
			    b->store->conf.dir);
	return r;
}

/* --- all of it ------------------------------------------------------------- */

/* Another generation of the store; with DONE a backup succeeded. */
static int
bk_renew(struct store_backup *b, bool done)
{
	struct store_generation next = store_generation_next(b->store);
	int r;

	if (done)
		next.backup_ms = next.since_ms;
	r = store_generation_renew(b->store, &next);
	if (r < 0)
		return bk_fail(b, r, "the store did not take the mark of it");
	return 0;
}

/* The copy is what the store was before: not its generation any more. That it
 * succeeded is written down when it is there under its name. */
static int
bk_finish(struct store_backup *b)
{
	int r = bk_sync(b);

	if (r == 0 && fsync(b->part_fd) < 0)
		r = bk_fail(b, -errno, "syncing %s/" BK_PART " failed",
			    b->info.dir);
	if (r == 0)
		r = bk_renew(b, false);
	if (r < 0)
		return r;
	if (renameat(b->dir_fd, BK_PART, b->dir_fd, BK_NAME) < 0 ||
	    fsync(b->dir_fd) < 0)
		return bk_fail(b, -errno, "renaming in %s failed", b->info.dir);
	return bk_renew(b, true);
}

static int
bk_run(struct store_backup *b)
{
	int r;

	b->file_bytes = engine_file_bytes(b->store->engine);
	b->had_room = store_has_room(b->store, STORE_NEED_MAIL);
	r = bk_open_dir(b);

	if (r == 0)
		r = bk_open_part(b);
	if (r < 0)
		return r;
	/* So that the copy says when it was made. */
	r = bk_renew(b, false);
	if (r == 0)
		r = bk_copy(b);
	if (r == 0)
		r = bk_finish(b);
	if (r < 0)
		(void)unlinkat(b->dir_fd, BK_PART, 0);
	return r;
}

static void
bk_tell(struct store_backup *b, int r)
{
	struct store *s = b->store;
	const struct store_backup_info *info = &b->info;

	if (r < 0)
		log_event(s->conf.log, LOG_ERROR, "backup_failed",
			  LOG_STR("dir", info->dir),
			  LOG_STR("error", info->error),
			  LOG_STR("help", info->help));
	else
		log_event(s->conf.log, LOG_INFO, "backup",
			  LOG_STR("dir", info->dir),
			  LOG_INT("size", info->bytes),
			  LOG_INT("ms", info->ended_ms - info->started_ms));
	if (r == 0 && s->backup_time != NULL)
		metric_set(s->backup_time, (double)(info->success_ms / 1000));
}

static void *
bk_main(void *arg)
{
	struct store_backup *b = arg;
	int r;

	b->dir_fd = b->part_fd = -1;
	b->bytes = b->synced = 0;
	b->piece = xmalloc(BK_PIECE);
	r = bk_run(b);
	free(b->piece);
	if (b->part_fd >= 0)
		close(b->part_fd);
	if (b->dir_fd >= 0)
		close(b->dir_fd);
	pthread_mutex_lock(&b->mutex);
	b->info.state = r < 0 ? STORE_BACKUP_FAILED : STORE_BACKUP_DONE;
	b->info.ended_ms = clock_wall_ms(b->store->conf.clock);
	if (r == 0)
		b->info.success_ms = b->store->generation.backup_ms;
	bk_tell(b, r);
	pthread_mutex_unlock(&b->mutex);
	return NULL;
}

int
store_backup_start(struct store *s, const char *dir)
{
	struct store_backup *b = s->backup;
	int r = 0;

	if (dir[0] != '/' || strlen(dir) >= sizeof(b->info.dir))
		return -EINVAL;
	pthread_mutex_lock(&b->mutex);
	if (b->info.state == STORE_BACKUP_RUNNING)
		r = -EBUSY;
	if (r == 0 && b->started)
		pthread_join(b->thread, NULL); /* it is over */
	if (r == 0) {
		b->info = (struct store_backup_info){
			.state = STORE_BACKUP_RUNNING,
			.expected = store_used_bytes(s),
			.started_ms = clock_wall_ms(s->conf.clock),
			.success_ms = b->info.success_ms,
		};
		memcpy(b->info.dir, dir, strlen(dir) + 1);
		r = thread_start("backup", bk_main, b, &b->thread);
		b->started = r == 0;
		if (r < 0)
			b->info.state = STORE_BACKUP_NONE;
	}
	pthread_mutex_unlock(&b->mutex);
	return r;
}

void
store_backup_look(struct store *s, struct store_backup_info *ret)
{
	struct store_backup *b = s->backup;

	pthread_mutex_lock(&b->mutex);
	*ret = b->info;
	pthread_mutex_unlock(&b->mutex);
}

void
store_backup_init(struct store *s)
{
	struct store_backup *b = xcalloc(1, sizeof(*b));

	b->store = s;
	must(pthread_mutex_init(&b->mutex, NULL) == 0);
	cond_init_monotonic(&b->cond);
	s->backup = b;
}

void
store_backup_opened(struct store *s)
{
	s->backup->info.success_ms = s->generation.backup_ms;
}

void
store_backup_done(struct store *s)
{
	struct store_backup *b = s->backup;

	if (b == NULL)
		return;
	pthread_mutex_lock(&b->mutex);
	b->stop = true;
	pthread_cond_signal(&b->cond);
	pthread_mutex_unlock(&b->mutex);
	if (b->started)
		pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->cond);
	pthread_mutex_destroy(&b->mutex);
	free(b);
	s->backup = NULL;
}
