#include "relay/drop_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "relay/login.h"

/* Nobody takes that long to write a message. */
#define DROP_STALE_MS (INT64_C(24) * 60 * 60 * 1000)

/* --- the folder --------------------------------------------------------------- */

static int
scan_open(struct drop_scan *s)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	s->dir = fdopendir(fd);
	if (s->dir == NULL) {
		int error = -errno;

		close(fd);
		return error;
	}
	s->odd = s->stale = s->bad = s->bad_gone = 0;
	return 0;
}

static int64_t
stat_wall_ms(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* A crash left it half-written. */
static void
scan_tmp(struct drop_scan *s, const char *name, const struct stat *st)
{
	if (s->now_ms - stat_wall_ms(&st->st_mtim) > DROP_STALE_MS &&
	    unlinkat(s->dir_fd, name, 0) == 0)
		s->stale++;
}

/* Its owner can set the other times; this one says when it was put aside. */
static void
scan_bad(struct drop_scan *s, const char *name)
{
	struct stat st;

	if (fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (s->now_ms - stat_wall_ms(&st.st_ctim) > s->keep_bad_ms &&
	    unlinkat(s->dir_fd, name, 0) == 0)
		s->bad_gone++;
	else
		s->bad++;
}

static void
scan_entry(struct drop_scan *s, const char *name)
{
	bool tmp = drop_is_tmp(name);
	struct drop_found *found = &s->v[s->n];
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (strncmp(name, DROP_BAD, strlen(DROP_BAD)) == 0) {
		scan_bad(s, name);
		return;
	}
	if ((!tmp && !drop_is_name(name)) ||
	    fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode)) {
		s->odd++;
		return;
	}
	if (tmp) {
		scan_tmp(s, name, &st);
		return;
	}
	memcpy(found->name, name, sizeof(found->name));
	found->uid = st.st_uid;
	found->size = st.st_size;
	found->left = st.st_mtim;
	s->n++;
}

/* The oldest first; what is large after all that may fit where it does not. */
static int
found_order(const void *a, const void *b)
{
	const struct drop_found *x = a, *y = b;
	bool large = x->size > DROP_PIECE;

	if (large != (y->size > DROP_PIECE))
		return large ? 1 : -1;
	if (x->left.tv_sec != y->left.tv_sec)
		return x->left.tv_sec < y->left.tv_sec ? -1 : 1;
	return (x->left.tv_nsec > y->left.tv_nsec) -
	       (x->left.tv_nsec < y->left.tv_nsec);
}

static void
scan_entries(struct drop_scan *s)
{
	const struct dirent *entry;

	for (size_t i = 0; i < DROP_TURN && s->n < DROP_BATCH; i++) {
		errno = 0;
		entry = readdir(s->dir);
		if (entry == NULL) {
			s->error = -errno;
			s->end = true;
			drop_scan_done(s);
			return;
		}
		scan_entry(s, entry->d_name);
	}
}

void
drop_scan_turn(struct drop_scan *s)
{
	s->n = 0;
	s->end = false;
	s->error = s->dir == NULL ? scan_open(s) : 0;
	if (s->error < 0)
		return;
	scan_entries(s);
	qsort(s->v, s->n, sizeof(s->v[0]), found_order);
}

void
drop_scan_done(struct drop_scan *s)
{
	if (s->dir != NULL)
		closedir(s->dir);
	s->dir = NULL;
}

/* --- a file --------------------------------------------------------------------- */

void
drop_file_init(struct drop_file *f, int dir_fd, const char *name)
{
	*f = (struct drop_file){.dir_fd = dir_fd, .fd = -1};
	snprintf(f->name, sizeof(f->name), "%s", name);
	arena_init(&f->arena);
}

void
drop_file_done(struct drop_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	free(f->login);
	free(f->front);
	free(f->piece);
	f->login = f->front = f->piece = NULL;
	arena_done(&f->arena);
}

static int
file_read_at(struct drop_file *f, char *data, size_t len, int64_t at,
	     size_t *ret_len)
{
	ssize_t n;

	do
		n = pread(f->fd, data, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_len = (size_t)n;
	return 0;
}

/* Most envelopes lie in the first piece. */
static void
file_envelope(struct drop_file *f)
{
	size_t n = 0;
	int r = 0;

	f->front = xmalloc(DROP_ENVELOPE_MAX + DROP_PIECE);
	while (r == 0 && f->front_len < DROP_ENVELOPE_MAX) {
		f->error = file_read_at(f, f->front + f->front_len, DROP_PIECE,
					(int64_t)f->front_len, &n);
		if (f->error < 0)
			return;
		if (n == 0) {
			f->bad = "it ends within the envelope";
			return;
		}
		f->front_len += n;
		r = drop_parse(f->front, f->front_len, &f->arena, &f->env,
			       &f->body_at, &f->bad);
	}
	if (r == 0 && f->bad == NULL)
		f->bad = "the envelope is too large";
	if (r == 1 && f->st.st_size != (off_t)f->body_at + f->env.size)
		f->bad = "it is not as long as it says";
}

/* The owner counts as the author, but who renames a file into the folder need
 * not own it. Made there it has the folder's group, by the folder's setgid bit;
 * moved there it keeps its own. And nobody else may have written to it. Why it
 * can't be taken, or NULL. */
static const char *
file_stranger(const struct drop_file *f, const struct stat *dir)
{
	if (!S_ISREG(f->st.st_mode))
		return "it is no plain file";
	if (f->st.st_nlink != 1)
		return "it has another name too";
	if (f->st.st_gid != dir->st_gid)
		return "it was not made in the folder: its group is another";
	if ((f->st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner may write to it";
	return NULL;
}

void
drop_file_open(struct drop_file *f)
{
	struct stat dir;

	f->fd = openat(f->dir_fd, f->name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			       O_CLOEXEC);
	f->error = f->fd < 0 || fstat(f->fd, &f->st) < 0 ||
				   fstat(f->dir_fd, &dir) < 0
			   ? -errno
			   : 0;
	if (f->error < 0)
		return;
	f->bad = file_stranger(f, &dir);
	if (f->bad == NULL)
		file_envelope(f);
	if (f->error < 0 || f->bad != NULL)
		return;
	f->login = login_of(f->st.st_uid);
	f->piece = xmalloc(DROP_PIECE);
}

static bool
file_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_nlink == b->st_nlink &&
	       a->st_uid == b->st_uid &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

void
drop_file_read(struct drop_file *f)
{
	int64_t left = f->env.size - f->at;
	struct stat now;

	f->piece_len = 0;
	if (left > 0) {
		f->error = file_read_at(
			f, f->piece,
			left < DROP_PIECE ? (size_t)left : DROP_PIECE,
			(int64_t)f->body_at + f->at, &f->piece_len);
		f->at += (int64_t)f->piece_len;
		f->changed = f->error == 0 && f->piece_len == 0;
		return;
	}
	f->error = fstat(f->fd, &now) < 0 ? -errno : 0;
	f->changed = f->error == 0 && !file_same(&f->st, &now);
}

/* 1: it is still there; 0: its owner took it away meanwhile; or -errno: who
 * knows. */
static int
file_still_there(const struct drop_file *f)
{
	struct stat now;

	if (fstatat(f->dir_fd, f->name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return now.st_ino == f->st.st_ino && now.st_dev == f->st.st_dev;
}

void
drop_file_finish(struct drop_file *f)
{
	char aside[sizeof(DROP_BAD) + DROP_NAME_LEN];
	int r;

	f->error = 0;
	if (f->action == DROP_KEEP)
		return;
	r = file_still_there(f);
	if (r <= 0) {
		f->error = r;
		return;
	}
	if (f->action == DROP_UNLINK) {
		f->error = unlinkat(f->dir_fd, f->name, 0) < 0 ? -errno : 0;
		return;
	}
	snprintf(aside, sizeof(aside), DROP_BAD "%s", f->name);
	if (renameat(f->dir_fd, f->name, f->dir_fd, aside) < 0)
		f->error = -errno;
}
