#include "cli/drop_leave.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct leave {
	int dir;    /* owned; O_PATH */
	FILE *file; /* owned */
	char name[DROP_NAME_LEN + 1];
	char tmp[DROP_NAME_LEN + sizeof(DROP_TMP)];
	int64_t size;
};

static int
dl_errno(void)
{
	return errno != 0 ? -errno : -EIO;
}

static int
dl_open(struct leave *l, const char *dir)
{
	unsigned char random[DROP_NAME_LEN / 2];
	int fd;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return dl_errno();
	drop_name(random, l->name);
	snprintf(l->tmp, sizeof(l->tmp), "%s" DROP_TMP, l->name);
	l->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return -errno;
	fd = openat(l->dir, l->tmp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	l->file = fdopen(fd, "w");
	return 0;
}

static void
dl_copy(struct leave *l, FILE *from)
{
	bool cr = false;
	int c;

	while (from != NULL && (c = getc_unlocked(from)) != EOF) {
		if (c == '\n' && !cr) {
			putc_unlocked('\r', l->file);
			l->size++;
		}
		putc_unlocked(c, l->file);
		l->size++;
		cr = c == '\r';
	}
}

static int
dl_write(struct leave *l, const struct drop_envelope *env, FILE *header,
	 FILE *body)
{
	char digits[DROP_SIZE_DIGITS + 1];
	size_t size_at;
	struct buf b;
	int r;

	buf_init(&b, DROP_ENVELOPE_MAX);
	r = drop_write(env, &b, &size_at);
	errno = 0;
	if (r == 0)
		fwrite(b.data, 1, b.len, l->file);
	buf_done(&b);
	if (r < 0)
		return r;
	dl_copy(l, header);
	dl_copy(l, body);
	drop_size_text(l->size, digits);
	if (ferror(body) || (header != NULL && ferror(header)))
		return dl_errno();
	if (fflush(l->file) != 0 || ferror(l->file) ||
	    pwrite(fileno(l->file), digits, DROP_SIZE_DIGITS, (off_t)size_at) !=
		    DROP_SIZE_DIGITS)
		return dl_errno();
	return 0;
}

/* The folder is 3733: it gives its group to the file, and belfryd reads it by
 * that. Nobody who left a message may list those of others, so most can't open
 * the folder to sync it either. */
static int
dl_publish(struct leave *l)
{
	int fd = fileno(l->file), dir, r = 0;

	if (fchmod(fd, 0640) < 0 || fsync(fd) < 0 ||
	    renameat(l->dir, l->tmp, l->dir, l->name) < 0)
		return -errno;
	dir = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((dir >= 0 ? fsync(dir) : syncfs(fd)) < 0) {
		r = -errno;
		unlinkat(l->dir, l->name, 0);
	}
	if (dir >= 0)
		close(dir);
	return r;
}

int
drop_leave(const char *dir, const struct drop_envelope *env, FILE *header,
	   FILE *body)
{
	struct leave l = {.dir = -1};
	int r = dl_open(&l, dir);

	if (r == 0)
		r = dl_write(&l, env, header, body);
	if (r == 0)
		r = dl_publish(&l);
	if (l.file != NULL) {
		fclose(l.file);
		if (r < 0)
			unlinkat(l.dir, l.tmp, 0);
	}
	if (l.dir >= 0)
		close(l.dir);
	return r;
}
