#include "queue/store_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/xalloc.h"

#define FS_FUSE_MAGIC 0x65735546

/* include/uapi/linux/magic.h has most, the rest live in their drivers. */
static const struct {
	uint32_t magic;
	const char *name;
} fs_network[] = {
	{0x00006969, "nfs"},    {0x0000517b, "smb"},    {0xff534d42, "cifs"},
	{0xfe534d42, "smb2"},   {0x00c36400, "ceph"},   {0x01021997, "9p"},
	{0x5346414f, "afs"},    {0x73757245, "coda"},   {0x0000564c, "ncp"},
	{0x0bd00bd0, "lustre"}, {0x01161970, "gfs2"},   {0x7461636f, "ocfs2"},
	{0x47504653, "gpfs"},   {0x19830326, "beegfs"}, {0xaad7aaea, "panfs"},
};

/* Programs behind FUSE that reach over a network. */
static const char *const fs_network_type[] = {
	"fuse.sshfs",   "fuse.glusterfs", "fuse.s3fs",    "fuse.rclone",
	"fuse.davfs",   "fuse.curlftpfs", "fuse.ceph",    "fuse.ceph-fuse",
	"fuse.juicefs", "fuse.goofys",    "fuse.gcsfuse", "fuse.seaweedfs",
	"fuse.mfs",     "fuse.moosefs",
};

const char *
store_fs_network_name(uint32_t magic)
{
	for (size_t i = 0; i < sizeof(fs_network) / sizeof(*fs_network); i++) {
		if (fs_network[i].magic == magic)
			return fs_network[i].name;
	}
	return NULL;
}

bool
store_fs_type_is_network(const char *type)
{
	size_t n = sizeof(fs_network_type) / sizeof(*fs_network_type);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(fs_network_type[i], type) == 0)
			return true;
	}
	return false;
}

/* One line of mountinfo (proc(5)): id, parent, MAJOR:MINOR, root, mount point,
 * options, ..., "-", TYPE, source. True when it is of device DEV. */
static bool
fs_parse_mount(char *line, dev_t dev, char *ret_type, size_t size)
{
	unsigned int maj, min;
	char *type;

	if (sscanf(line, "%*d %*d %u:%u", &maj, &min) != 2 ||
	    makedev(maj, min) != dev)
		return false;
	type = strstr(line, " - ");
	if (type == NULL)
		return false;
	type += 3;
	type[strcspn(type, " \n")] = '\0';
	snprintf(ret_type, size, "%s", type);
	return true;
}

/* All of FUSE has one magic; who is behind it stands in mountinfo. */
static bool
fs_find_type(const char *dir, char *ret_type, size_t size)
{
	char *line = NULL;
	size_t cap = 0;
	bool found = false;
	struct stat st;
	FILE *f;

	if (stat(dir, &st) < 0)
		return false;
	f = fopen("/proc/self/mountinfo", "re");
	if (f == NULL)
		return false;
	while (!found && getline(&line, &cap, f) > 0)
		found = fs_parse_mount(line, st.st_dev, ret_type, size);
	free(line);
	fclose(f);
	return found;
}

static int
fs_refuse_network(const char *dir, char **ret_why)
{
	const char *name;
	char type[64];
	struct statfs sf;

	if (statfs(dir, &sf) < 0) {
		*ret_why = xasprintf("%s: %s", dir, strerror(errno));
		return -errno;
	}
	name = store_fs_network_name((uint32_t)sf.f_type);
	if (name == NULL && (uint32_t)sf.f_type == FS_FUSE_MAGIC &&
	    fs_find_type(dir, type, sizeof(type)) &&
	    store_fs_type_is_network(type))
		name = type;
	if (name == NULL)
		return 0;
	*ret_why = xasprintf("%s: the store can't live on a network file "
			     "system (%s): its locks and syncs don't hold "
			     "there; use a local disk",
			     dir, name);
	return -EOPNOTSUPP;
}

/* So that the entry of DIR itself survives a power cut. */
static int
fs_sync_parent(const char *dir)
{
	char *parent = xasprintf("%s/..", dir);
	int fd, r = 0;

	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int
fs_make_dir(const char *dir, char **ret_why)
{
	int r = 0;

	if (mkdir(dir, 0700) == 0)
		r = fs_sync_parent(dir);
	else if (errno != EEXIST)
		r = -errno;
	if (r < 0)
		*ret_why = xasprintf("%s: can't make the directory: %s", dir,
				     strerror(-r));
	return r;
}

static int
fs_is_locked(const char *dir, int fd, char **ret_why)
{
	char pid[24] = "";
	ssize_t n;

	n = pread(fd, pid, sizeof(pid) - 1, 0);
	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	*ret_why = xasprintf("%s: the store is in use by process %s", dir,
			     pid[0] != '\0' ? pid : "(unknown)");
	return -EBUSY;
}

static int
fs_write_pid(int fd)
{
	char pid[24];
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	ssize_t n;

	if (ftruncate(fd, 0) < 0)
		return -errno;
	n = pwrite(fd, pid, (size_t)len, 0);
	if (n < 0)
		return -errno;
	return n == len ? 0 : -EIO;
}

/* The pid only informs: on a full file system the lock holds without it. */
static int
fs_lock(const char *dir, int *ret_fd, char **ret_why)
{
	char *path = xasprintf("%s/lock", dir);
	int fd, r = 0;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		*ret_why = xasprintf("%s: %s", path, strerror(-r));
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		if (r == -EWOULDBLOCK)
			r = fs_is_locked(dir, fd, ret_why);
		else
			*ret_why = xasprintf("%s: can't lock: %s", path,
					     strerror(-r));
		close(fd);
	} else {
		(void)fs_write_pid(fd);
		*ret_fd = fd;
	}
	free(path);
	return r;
}

int
store_fs_open(const char *dir, int *ret_lock_fd, char **ret_why)
{
	int r;

	r = fs_make_dir(dir, ret_why);
	if (r == 0)
		r = fs_refuse_network(dir, ret_why);
	if (r == 0)
		r = fs_lock(dir, ret_lock_fd, ret_why);
	return r;
}

int
store_fs_allocate(int fd, int64_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, size) == 0)
		return 0;
	return -errno;
}

int
store_fs_room(int fd, int64_t *ret_bytes, int64_t *ret_ahead)
{
	int64_t ahead, left, most;
	struct rlimit limit;
	struct statvfs sv;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatvfs(fd, &sv) < 0)
		return -errno;
	ahead = (int64_t)st.st_blocks * 512 - st.st_size;
	if (ahead < 0)
		ahead = 0;
	left = ahead + (int64_t)(sv.f_bavail * sv.f_frsize);
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY) {
		most = (int64_t)limit.rlim_cur - st.st_size;
		if (left > most)
			left = most > 0 ? most : 0;
	}
	*ret_bytes = left;
	*ret_ahead = ahead;
	return 0;
}
