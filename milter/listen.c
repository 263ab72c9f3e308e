/*
 * The socket of the mail server. libmilter makes it and keeps it; what it does
 * not see to is done around: who may use it, a stale one, and over TCP that
 * small packets go out at once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "base/jail.h"
#include "base/places.h"
#include "base/start_failed.h"
#include "base/xalloc.h"
#include "milter/milter.h"

#define LISTEN_BACKLOG 128
/* Descriptors that are looked at for the socket: it is one of the first. */
#define LISTEN_FDS 64

/* The folder of a socket that nobody has made yet: the group passes through,
 * and what is made there is of the group. */
#define LISTEN_DIR_MODE 02750

static int
ml_owner(const struct config *config, struct place_owner *ret)
{
	const char *user = config->milter.user;

	*ret = (struct place_owner){
		.user = user, .uid = geteuid(), .gid = getegid()};
	return user[0] == '\0' ? 0 : jail_find_user(user, &ret->uid, &ret->gid);
}

/* --- over TCP -------------------------------------------------------------------- */

/* What is accepted has it from the listening one. Without, an answer of ours
 * waits for the acknowledgement of the one before: 40 ms each. */
static int
ml_set_nodelay(void)
{
	static const int on = 1;

	for (int fd = 3; fd < LISTEN_FDS; fd++) {
		int listening = 0;
		socklen_t len = sizeof(listening);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening,
			       &len) < 0 ||
		    !listening)
			continue;
		if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) <
		    0)
			return -errno;
		return 0;
	}
	return -ENOENT;
}

/* --- a unix socket ---------------------------------------------------------------- */

static int
ml_group(const struct config *config, gid_t *ret)
{
	const char *name = config->milter.socket_group;
	int r;

	if (name[0] == '\0')
		return 0;
	r = jail_find_group(name, ret);
	if (r < 0)
		return start_failed(
			MILTER_EXIT_CONFIG,
			"socket_group %s: no such group; name the one of the "
			"mail server, or set `socket_group: \"\"`",
			name);
	return 0;
}

/* Made without any right, so that nobody comes in before they are set. */
static int
ml_give(const char *path, const struct config *config, bool entered,
	const struct place_owner *owner, gid_t gid)
{
	uid_t uid = geteuid() == 0 && !entered ? owner->uid : (uid_t)-1;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* A folder with the set-group-ID bit has seen to the group. */
	if ((uid != (uid_t)-1 || st.st_gid != gid) &&
	    lchown(path, uid, gid) < 0)
		return -errno;
	return chmod(path, config->milter.socket_mode) < 0 ? -errno : 0;
}

static int
ml_open_unix(const char *path, const struct config *config, bool entered,
	     const struct place_owner *owner, gid_t gid)
{
	int r = acceptor_remove_stale(config->milter.socket);
	mode_t was;

	if (r < 0)
		return r;
	was = umask(0777);
	r = smfi_opensocket(false) == MI_SUCCESS ? 0
	    : errno != 0                         ? -errno
						 : -EIO;
	umask(was);
	return r < 0 ? r : ml_give(path, config, entered, owner, gid);
}

static const char *
ml_help(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another program listens there";
	case EACCES:
	case EPERM:
		return "; the user must be able to write to its folder, and be "
		       "in socket_group";
	case EEXIST:
		return "; what is there is no socket";
	default:
		return "";
	}
}

static int
ml_failed(const struct config *config, int r)
{
	return start_failed(MILTER_EXIT_FAILED, "socket %s: can't listen: %s%s",
			    config->milter.socket, strerror(-r), ml_help(-r));
}

/* As root, a file in a folder of our user is made by that user. */
static int
ml_listen_unix(const struct config *config, const char *path)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	struct place_owner owner;
	int r = ml_owner(config, &owner), entered;
	gid_t gid = owner.gid;

	slash[slash == dir] = '\0';
	if (r == 0 && ml_group(config, &gid) != 0) {
		free(dir);
		return MILTER_EXIT_CONFIG;
	}
	if (r == 0) {
		struct place_owner of_dir = owner;

		of_dir.gid = gid;
		r = place_make_dir(dir, LISTEN_DIR_MODE, &of_dir);
	}
	entered = r == 0 && geteuid() == 0 ? place_enter(dir, &owner, gid) : r;
	r = entered;
	if (r >= 0) {
		r = ml_open_unix(path, config, entered > 0, &owner, gid);
		place_leave(entered);
	}
	free(dir);
	return r < 0 ? ml_failed(config, r) : 0;
}

/* --- either ----------------------------------------------------------------------- */

/* "unix:/path", "inet:8891@127.0.0.1" or "inet6:8891@::1". */
static char *
ml_libmilter_address(const char *address)
{
	struct sockaddr_any sa[2];
	char ip[SOCKADDR_TEXT_MAX];
	size_t n;

	sockaddr_parse_listen(address, sa, &n);
	if (sa[0].ss.ss_family == AF_UNIX)
		return xstrdup(address);
	sockaddr_ip(&sa[0], ip);
	return xasprintf("%s:%d@%s",
			 sa[0].ss.ss_family == AF_INET6 ? "inet6" : "inet",
			 sockaddr_port(&sa[0]), ip);
}

int
milter_listen(struct milter *m, const struct config *config)
{
	const char *address = config->milter.socket;
	bool is_unix = strncmp(address, "unix:", 5) == 0;
	char *theirs = ml_libmilter_address(address);
	int r;

	/* Answers that nobody waits for spare half of the packets of a unix
	 * socket; over TCP they would wait for each other. */
	m->replies = !is_unix;
	r = milter_register(m);
	if (r == 0 && (smfi_setconn(theirs) == MI_FAILURE ||
		       smfi_setbacklog(LISTEN_BACKLOG) == MI_FAILURE))
		r = -1;
	free(theirs);
	if (r < 0)
		return ml_failed(config, -EINVAL);
	errno = 0;
	if (is_unix)
		return ml_listen_unix(config, address + 5);
	r = smfi_opensocket(false) == MI_SUCCESS ? ml_set_nodelay()
	    : errno != 0                         ? -errno
						 : -EIO;
	return r < 0 ? ml_failed(config, r) : 0;
}
