#include "base/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/xalloc.h"

#define PLACE_ABOVE_MODE 0755

/* May OWNER put something else in the place of what lies in this folder? Any
 * group but root's may be one of its supplementary groups. */
static bool
pl_is_theirs(const struct stat *st, const struct place_owner *o)
{
	return st->st_uid == o->uid ||
	       ((st->st_mode & S_IWGRP) && (st->st_gid != 0 || o->gid == 0)) ||
	       ((st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX));
}

/* --- as who we are: the folders from the top ------------------------------------ */

struct pl_walk {
	const struct place_owner *owner;
	mode_t mode; /* of the last */
	bool make;   /* what is missing */
	int fd;      /* the folder that was reached */
};

static int
pl_made(const struct pl_walk *w, int fd, bool last)
{
	if (last && geteuid() == 0 &&
	    fchown(fd, w->owner->uid, w->owner->gid) < 0)
		return -errno;
	/* Whatever the umask is. */
	if (fchmod(fd, last ? w->mode : PLACE_ABOVE_MODE) < 0)
		return -errno;
	return 0;
}

static int
pl_make(const struct pl_walk *w, const char *name, bool last, int *ret_fd)
{
	int r;

	if (mkdirat(w->fd, name, last ? w->mode : PLACE_ABOVE_MODE) < 0)
		return -errno;
	*ret_fd = openat(w->fd, name,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return -errno;
	r = pl_made(w, *ret_fd, last);
	if (r < 0)
		close(*ret_fd);
	return r;
}

/* One folder further. In one that everybody may write to nobody's link is
 * followed; elsewhere links are the operator's. 1: it is in the hands of the
 * owner. */
static int
pl_step(struct pl_walk *w, const char *name, bool last)
{
	struct stat st;
	int fd, r;

	if (fstat(w->fd, &st) < 0)
		return -errno;
	if (geteuid() == 0 && pl_is_theirs(&st, w->owner))
		return 1;
	fd = openat(w->fd, name,
		    O_PATH | O_DIRECTORY | O_CLOEXEC |
			    ((st.st_mode & S_IWOTH) ? O_NOFOLLOW : 0));
	r = fd < 0 ? -errno : 0;
	if (r == -ENOENT && w->make)
		r = pl_make(w, name, last, &fd);
	if (r < 0)
		return r;
	close(w->fd);
	w->fd = fd;
	return 0;
}

/* 0; 1: it leads through a folder in the owner's hands, and only what lies
 * before is made; -errno. */
static int
pl_walk(const char *dir, struct pl_walk *w)
{
	char *path = xstrdup(dir), *at = path, *name;
	int r = 0;

	w->fd = open(dir[0] == '/' ? "/" : ".",
		     O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->fd < 0)
		r = -errno;
	while (r == 0 && (name = strsep(&at, "/")) != NULL) {
		if (at != NULL)
			at += strspn(at, "/");
		if (name[0] != '\0')
			r = pl_step(w, name, at == NULL || at[0] == '\0');
	}
	free(path);
	return r;
}

/* --- the face -------------------------------------------------------------------- */

static int
pl_borrow(const struct place_owner *o, gid_t gid)
{
	int r = jail_borrow(o->user, gid);

	return r < 0 ? r : 1;
}

int
place_make_dir(const char *dir, mode_t mode, const struct place_owner *o)
{
	struct pl_walk w = {.owner = o, .mode = mode, .make = true};
	int entered = 0, r = pl_walk(dir, &w);

	if (w.fd >= 0)
		close(w.fd);
	if (r != 1)
		return r;
	entered = pl_borrow(o, o->gid);
	if (entered < 0)
		return entered;
	r = pl_walk(dir, &w);
	if (w.fd >= 0)
		close(w.fd);
	place_leave(entered);
	return r;
}

int
place_enter(const char *dir, const struct place_owner *o, gid_t gid)
{
	struct pl_walk w = {.owner = o};
	struct stat st;
	int r;

	if (geteuid() != 0 || o->user[0] == '\0')
		return 0;
	r = pl_walk(dir, &w);
	if (r == 0)
		r = fstat(w.fd, &st) < 0 ? -errno : pl_is_theirs(&st, o);
	if (w.fd >= 0)
		close(w.fd);
	return r == 1 ? pl_borrow(o, gid) : r;
}

void
place_leave(int entered)
{
	if (entered == 1)
		jail_return();
}
