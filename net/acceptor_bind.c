/*
 * Binding: unix sockets have a file that may be stale and rights to be set;
 * ":25" is two sockets.
 */
#include "net/acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket file without a listener is in the way; one with a listener is
 * somebody's, and what is no socket is nothing to remove. */
static int
unix_remove_stale(const struct sockaddr_any *a)
{
	const char *path = ((const struct sockaddr_un *)&a->ss)->sun_path;
	struct stat st;
	int fd, r = 0;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Other errors, as of rights or of the socket's type, say that somebody
	 * is there. */
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) == 0 ||
	    errno != ECONNREFUSED)
		r = -EADDRINUSE;
	else if (unlink(path) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Between bind() and listen() nobody can connect: there the rights are set. */
static int
unix_set_rights(const struct sockaddr_any *a, unsigned mode, long group)
{
	const char *path = ((const struct sockaddr_un *)&a->ss)->sun_path;

	if (group >= 0 && chown(path, (uid_t)-1, (gid_t)group) < 0)
		return -errno;
	if (chmod(path, (mode_t)mode) < 0)
		return -errno;
	return 0;
}

static int
bind_one(const struct sockaddr_any *a, unsigned mode, long group)
{
	static const int on = 1;
	bool is_unix = a->ss.ss_family == AF_UNIX;
	int fd, r;

	r = is_unix ? unix_remove_stale(a) : 0;
	if (r < 0)
		return r;
	fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	if (!is_unix)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0) {
		r = -errno;
		goto close;
	}
	r = is_unix ? unix_set_rights(a, mode, group) : 0;
	if (r < 0)
		goto close;
	if (listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		goto close;
	}
	return fd;

close:
	close(fd);
	return r;
}

int
acceptor_bind(const char *address, unsigned mode, long group, int fds[static 2],
	      size_t *ret_n)
{
	struct sockaddr_any a[2];
	size_t n = 0, bound = 0;
	int fd, r;

	r = sockaddr_parse_listen(address, a, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		fd = bind_one(&a[i], mode, group);
		if (fd >= 0) {
			fds[bound++] = fd;
			continue;
		}
		/* Of two families one may be missing on this host. */
		r = fd;
		if (n == 1 || (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL))
			goto close;
	}
	if (bound == 0)
		return r;
	*ret_n = bound;
	return 0;

close:
	while (bound > 0)
		close(fds[--bound]);
	return r;
}

int
acceptor_remove_stale(const char *address)
{
	struct sockaddr_any a[2];
	size_t n = 0;
	int r = sockaddr_parse_listen(address, a, &n);

	if (r < 0 || a[0].ss.ss_family != AF_UNIX)
		return r;
	return unix_remove_stale(&a[0]);
}
