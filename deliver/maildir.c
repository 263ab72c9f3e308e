/*
 * maildir - a message on its way into a Maildir.
 */
#include "deliver/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"

#define MD_PIECE   ((size_t)16 * 1024)
#define MD_ENTRIES 10000 /* looked at by one cleaning */
#define MD_FOLDER  (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
/* ",S=" and the longest number. */
#define MD_SIZE_MAX 32

/* --- folders --------------------------------------------------------------- */

/* 1: it was made; 0: it is there; -errno. */
static int
md_make(int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

static int
md_sync(int fd)
{
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Make NAME in *DIR, for good, and go into it. That another delivery made it
 * just now does not say that it has synced. */
static int
md_enter(int *dir, const char *name)
{
	int r = md_make(*dir, name), next;

	if (r >= 0)
		r = md_sync(*dir);
	if (r < 0)
		return r;
	next = openat(*dir, name, MD_FOLDER);
	if (next < 0)
		return -errno;
	close(*dir);
	*dir = next;
	return 0;
}

/* A folder that can't be read was not made here, and there are file systems
 * whose folders can't be synced. */
static int
md_sync_at(const char *path)
{
	int fd = open(path, MD_FOLDER), r;

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	r = md_sync(fd);
	close(fd);
	return r == -EINVAL || r == -EROFS ? 0 : r;
}

/* The folders above PATH that may have been made here: behind its first FIXED
 * bytes, and the one there. */
static int
md_sync_above(const char *path, size_t fixed)
{
	char copy[PATH_MAX];
	int r = 0;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	for (size_t i = fixed; r == 0 && path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(copy, path, i + 1);
		copy[i + 1] = '\0';
		r = md_sync_at(copy);
	}
	return r;
}

/* The folder at PATH; what is missing behind its first FIXED bytes is made. A
 * missing folder before that is more likely a disk that is not mounted. */
static int
md_open_root(const char *path, size_t fixed, int *ret_fd)
{
	char part[MAILDIR_NAME_MAX], copy[PATH_MAX];
	const char *at = path + fixed;
	int fd = open(path, MD_FOLDER), r = 0;

	if (fd >= 0 || errno != ENOENT) {
		*ret_fd = fd;
		return fd < 0 ? -errno : 0;
	}
	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, fixed);
	copy[fixed] = '\0';
	fd = open(fixed > 0 ? copy : "/", MD_FOLDER);
	if (fd < 0)
		return -errno;
	while (r == 0 && *(at += strspn(at, "/")) != '\0') {
		size_t len = strcspn(at, "/");

		if (len >= sizeof(part)) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(part, at, len);
		part[len] = '\0';
		r = md_enter(&fd, part);
		at += len;
	}
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static int
md_make_folders(struct maildir *m, bool sync)
{
	static const char *const names[] = {"cur", "new", "tmp"};
	int made = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = md_make(m->root, names[i]);

		if (r < 0)
			return r;
		made += r;
	}
	return made > 0 || sync ? md_sync(m->root) : 0;
}

static int
md_open_folders(struct maildir *m, const char *path, size_t fixed, bool sync)
{
	int r = md_open_root(path, fixed, &m->root);

	if (r == 0 && sync)
		r = md_sync_above(path, fixed);
	if (r == 0)
		r = md_make_folders(m, sync);
	if (r < 0)
		return r;
	m->tmp = openat(m->root, "tmp", MD_FOLDER);
	if (m->tmp < 0)
		return -errno;
	m->new = openat(m->root, "new", MD_FOLDER);
	return m->new < 0 ? -errno : 0;
}

static void
md_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
md_end(struct maildir *m)
{
	md_close(&m->fd);
	md_close(&m->new);
	md_close(&m->tmp);
	md_close(&m->root);
}

/* --- the file --------------------------------------------------------------- */

static int
md_open_file(struct maildir *m)
{
	for (int i = 0; i < 2; i++) {
		m->fd = openat(m->tmp, m->name,
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (m->fd >= 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		/* Left by a crash: nobody else delivers this one. */
		if (unlinkat(m->tmp, m->name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return -EEXIST;
}

int
maildir_open(struct maildir *m, const char *path, size_t fixed, bool sync,
	     const struct maildir_name *name)
{
	int n, r;

	*m = (struct maildir){.root = -1, .tmp = -1, .new = -1, .fd = -1};
	must(fixed <= strlen(path));
	n = snprintf(m->name, sizeof(m->name),
		     "%" PRId64 ".M%" PRId64 "Q%s_%" PRIu32 ".%s",
		     name->arrival_ms / 1000, name->arrival_ms % 1000 * 1000,
		     name->id, name->n, name->host);
	if (n < 0 || (size_t)n + MD_SIZE_MAX > sizeof(m->name))
		return -ENAMETOOLONG;
	r = md_open_folders(m, path, fixed, sync);
	if (r == 0)
		r = md_open_file(m);
	if (r < 0)
		md_end(m);
	return r;
}

static int
md_put(struct maildir *m, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(m->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		m->size += n;
	}
	return 0;
}

int
maildir_write(struct maildir *m, const char *data, size_t len)
{
	char out[MD_PIECE + 1];
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = len < MD_PIECE ? len : MD_PIECE;

		r = md_put(m, out, unix_lines_feed(&m->lines, data, n, out));
		data += n;
		len -= n;
	}
	return r;
}

/* A file of this name in new/ is this message: it was whole and synced before
 * it came there. */
static int
md_publish(struct maildir *m)
{
	char to[MAILDIR_NAME_MAX + MD_SIZE_MAX];
	int r;

	snprintf(to, sizeof(to), "%s,S=%" PRId64, m->name, m->size);
	if (linkat(m->tmp, m->name, m->new, to, 0) < 0 && errno != EEXIST)
		return -errno;
	r = md_sync(m->new);
	/* Not whole: it must not be found and read before it comes again. */
	if (r < 0)
		unlinkat(m->new, to, 0);
	return r;
}

int
maildir_commit(struct maildir *m)
{
	const char *rest = unix_lines_end(&m->lines);
	int fd, r = md_put(m, rest, strlen(rest));

	if (r == 0)
		r = md_sync(m->fd);
	if (r == 0) {
		fd = m->fd;
		m->fd = -1;
		if (close(fd) < 0)
			r = -errno;
	}
	if (r == 0)
		r = md_publish(m);
	unlinkat(m->tmp, m->name, 0);
	md_end(m);
	return r;
}

void
maildir_abandon(struct maildir *m)
{
	if (m->tmp >= 0)
		unlinkat(m->tmp, m->name, 0);
	md_end(m);
}

/* --- what crashes left -------------------------------------------------------- */

/* "SECONDS.M...Q..._N.HOST" */
static bool
md_is_ours(const char *name, const char *host)
{
	size_t digits = strspn(name, "0123456789"), len = strlen(name),
	       host_len = strlen(host);

	return digits > 0 && strncmp(name + digits, ".M", 2) == 0 &&
	       strchr(name, 'Q') != NULL && len > host_len + 1 &&
	       name[len - host_len - 1] == '.' &&
	       strcmp(name + len - host_len, host) == 0;
}

static void
md_clean_one(int tmp, const char *name, int64_t before_s)
{
	struct stat st;

	if (fstatat(tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime < before_s)
		unlinkat(tmp, name, 0);
}

void
maildir_clean(const struct maildir *m, const char *host, int64_t now_wall_ms)
{
	int64_t before_s = (now_wall_ms - MAILDIR_STALE_MS) / 1000;
	int fd = openat(m->root, "tmp", MD_FOLDER);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int i = 0; i < MD_ENTRIES && (e = readdir(dir)) != NULL; i++)
		if (md_is_ours(e->d_name, host))
			md_clean_one(fd, e->d_name, before_s);
	closedir(dir);
}
