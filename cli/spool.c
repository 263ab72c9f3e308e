#include "cli/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/xalloc.h"

/* A file in a folder for such; where none can be written (a web server's jail),
 * memory. */
static int
spool_open(void)
{
	const char *dirs[] = {getenv("TMPDIR"), "/tmp", "/var/tmp"};
	int fd;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (dirs[i] == NULL || dirs[i][0] != '/')
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
	}
	fd = memfd_create("message", MFD_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* The next octet; '\n' for every end of a line, EOF at the end. */
static int
spool_octet(FILE *in)
{
	int c = getc_unlocked(in);

	if (c == '\0')
		return ' ';
	if (c != '\r')
		return c;
	c = getc_unlocked(in);
	if (c == '\n')
		return c;
	ungetc(c, in);
	return ' ';
}

static void
spool_put(struct spool *s, int c)
{
	if (c == '\n') {
		putc_unlocked('\r', s->file);
		s->size++;
	}
	putc_unlocked(c, s->file);
	s->size++;
}

static void
spool_copy(struct spool *s, FILE *in, bool dot_ends)
{
	bool at_start = true, held = false; /* a dot that may be the end */
	int c;

	while (!ferror(s->file) && (c = spool_octet(in)) != EOF) {
		if (held && c == '\n')
			return;
		if (held)
			spool_put(s, '.');
		held = dot_ends && at_start && c == '.';
		if (!held)
			spool_put(s, c);
		at_start = c == '\n';
	}
	if (!at_start && !held)
		spool_put(s, '\n');
}

static int
spool_begin(struct spool *s)
{
	int fd = spool_open();

	if (fd < 0)
		return fd;
	*s = (struct spool){.file = fdopen(fd, "w+")};
	errno = 0;
	return 0;
}

/* Did all of IN come here? */
static int
spool_end(struct spool *s, FILE *in)
{
	int r = 0;

	if (ferror(in) || fflush(s->file) != 0 || ferror(s->file))
		r = errno != 0 ? -errno : -EIO;
	if (r < 0)
		spool_done(s);
	return r;
}

int
spool_read(struct spool *s, FILE *in, bool dot_ends)
{
	int r = spool_begin(s);

	if (r < 0)
		return r;
	spool_copy(s, in, dot_ends);
	return spool_end(s, in);
}

int
spool_keep(struct spool *s, FILE *in)
{
	int r = spool_begin(s), c;

	if (r < 0)
		return r;
	while (!ferror(s->file) && (c = getc_unlocked(in)) != EOF) {
		putc_unlocked(c, s->file);
		s->size++;
	}
	return spool_end(s, in);
}

void
spool_done(struct spool *s)
{
	if (s->file != NULL)
		fclose(s->file);
	s->file = NULL;
}

char *
spool_front(struct spool *s, size_t *ret_len)
{
	size_t len = s->size < SPOOL_HEADER_MAX ? s->size : SPOOL_HEADER_MAX;
	char *front = xmalloc(len + 1);

	if (fseeko(s->file, 0, SEEK_SET) < 0 ||
	    fread(front, 1, len, s->file) != len) {
		free(front);
		return NULL;
	}
	*ret_len = len;
	return front;
}
