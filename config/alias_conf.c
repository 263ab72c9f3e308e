/* The key aliases_file, and the file itself. */
#include "config/config_impl.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "mail/alias_file.h"

#define ALIAS_FILE_MAX ((size_t)16 * 1024 * 1024)

bool
config_check_aliases_file(void *field, const struct conf_mark *mark,
			  struct conf_errors *errors)
{
	const char *path = *(char **)field;
	int fd;

	if (path[0] == '\0')
		return true;
	if (!conf_check_path(field, mark, errors))
		return false;
	fd = conf_file_open(path);
	if (fd < 0) {
		conf_error(errors, mark, "%s can't be read: %s", path,
			   conf_file_error(fd));
		return false;
	}
	close(fd);
	return true;
}

/* 0 or -errno. */
static int
ac_read(const char *path, struct buf *out)
{
	char piece[16 * 1024];
	int fd = conf_file_open(path), r = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		r = buf_append(out, piece, (size_t)n);
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

bool
config_read_aliases(struct config *c, struct arena *arena,
		    struct conf_errors *errors)
{
	const struct conf_mark mark = {c->aliases_file, 1, 1};
	struct buf text;
	int r;

	if (c->aliases_file[0] == '\0')
		return true;
	buf_init(&text, ALIAS_FILE_MAX);
	r = ac_read(c->aliases_file, &text);
	if (r < 0)
		conf_error(errors, &mark, "the file can't be read: %s",
			   conf_file_error(r));
	else
		r = alias_file_parse(c->aliases_file, buf_str(&text), text.len,
				     arena, errors, &c->file_aliases);
	buf_done(&text);
	return r == 0;
}
