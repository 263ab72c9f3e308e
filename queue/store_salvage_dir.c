/*
 * store_salvage_dir - the folder that a salvage fills: empty before, and of the
 * same owner as the old one after.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "queue/store_offline_impl.h"

int
store_make_empty_dir(const char *dir)
{
	struct dirent *e;
	int r = 0;
	DIR *d;

	if (mkdir(dir, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	d = opendir(dir);
	if (d == NULL)
		return -errno;
	while (r == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = -EEXIST;
	closedir(d);
	return r;
}

/* DIR itself and the files in it. */
static int
sv_give_all(const char *dir, uid_t uid, gid_t gid)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, "..") != 0 &&
		    fchownat(dirfd(d), e->d_name, uid, gid,
			     AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	if (fsync(dirfd(d)) < 0)
		r = -errno;
	closedir(d);
	return r;
}

int
salvage_give(const char *new_dir, const char *dir, bool has_lost)
{
	char *lost = xasprintf("%s/lost", new_dir);
	struct stat st;
	int r = stat(dir, &st) < 0 ? -errno : 0;

	if (geteuid() != 0) {
		st.st_uid = geteuid();
		st.st_gid = (gid_t)-1;
	}
	if (r == 0)
		r = sv_give_all(new_dir, st.st_uid, st.st_gid);
	if (r == 0 && has_lost)
		r = sv_give_all(lost, st.st_uid, st.st_gid);
	free(lost);
	return r;
}
