/*
 * spawn - belfryd's side: the fork, and requests.
 */
#include "base/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "base/spawn_impl.h"
#include "base/xalloc.h"

struct spawner {
	pid_t pid;
	int socket; /* owned */
	int status;
	bool gone; /* STATUS is set */
};

int
spawner_new(struct spawner **ret_spawner)
{
	struct spawner *s;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int error = errno;

		close(pair[0]);
		close(pair[1]);
		return -error;
	}
	if (pid == 0) {
		close(pair[0]);
		spawn_serve(pair[1]);
	}
	close(pair[1]);
	s = xcalloc(1, sizeof(*s));
	s->pid = pid;
	s->socket = pair[0];
	*ret_spawner = s;
	return 0;
}

static void
spawner_wait(struct spawner *s)
{
	pid_t r;

	if (s->gone)
		return;
	do {
		r = waitpid(s->pid, &s->status, 0);
	} while (r < 0 && errno == EINTR);
	s->gone = true;
}

void
spawner_free(struct spawner **sp)
{
	struct spawner *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	close(s->socket); /* which tells it */
	spawner_wait(s);
	free(s);
}

pid_t
spawner_pid(const struct spawner *s)
{
	return s->pid;
}

int
spawner_fd(const struct spawner *s)
{
	return s->socket;
}

int
spawner_status(struct spawner *s)
{
	/* Its socket is closed before it can be waited for, and one that closed
	 * it without an end is of no use. */
	if (!s->gone)
		kill(s->pid, SIGKILL);
	spawner_wait(s);
	return s->status;
}

/* --- requests ------------------------------------------------------------- */

static bool
sp_add(char *packet, size_t *len, const void *data, size_t n)
{
	if (n > SPAWN_REQUEST_MAX - *len)
		return false;
	memcpy(packet + *len, data, n);
	*len += n;
	return true;
}

/* The length, or -E2BIG. */
static ssize_t
sp_pack(const struct spawn_request *r, char *packet)
{
	struct spawn_packet head = {
		.time_ms = r->time_ms,
		.cpu_s = r->limit.cpu_s,
		.memory = r->limit.memory,
		.files = r->limit.files,
		.processes = r->limit.processes,
	};
	size_t len = sizeof(head);

	must(r->argv[0] != NULL);
	if (!sp_add(packet, &len, r->cwd, strlen(r->cwd) + 1))
		return -E2BIG;
	while (r->argv[head.nargs] != NULL) {
		const char *arg = r->argv[head.nargs++];

		if (!sp_add(packet, &len, arg, strlen(arg) + 1))
			return -E2BIG;
	}
	memcpy(packet, &head, sizeof(head));
	return (ssize_t)len;
}

static int
sp_send(int fd, void *packet, size_t len, const int fds[static SPAWN_NFD])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SPAWN_NFD * sizeof(int))];
	} control = {0};
	struct iovec iov = {packet, len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	size_t nfds = fds[SPAWN_FD_HOLD] < 0 ? SPAWN_FD_HOLD : SPAWN_NFD;
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Never waits: what is connected is queued there. */
static int
sp_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int
sp_send_to(const struct spawner *s, const char *at, void *packet, size_t len,
	   const int fds[static SPAWN_NFD])
{
	int r, fd;

	if (at == NULL)
		return sp_send(s->socket, packet, len, fds);
	fd = sp_connect(at);
	if (fd < 0)
		return fd;
	r = sp_send(fd, packet, len, fds);
	close(fd);
	return r;
}

int
spawner_start(struct spawner *s, const struct spawn_request *request, int in,
	      int out, int hold, int *ret_control)
{
	char *packet = xmalloc(SPAWN_REQUEST_MAX);
	ssize_t len = sp_pack(request, packet);
	int pair[2], r = (int)len;

	if (len > 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		r = -errno;
	if (r > 0) {
		const int fds[SPAWN_NFD] = {pair[1], in, out, hold};

		r = sp_send_to(s, request->at, packet, (size_t)len, fds);
		close(pair[1]);
		if (r == 0)
			*ret_control = pair[0];
		else
			close(pair[0]);
	}
	free(packet);
	return r;
}

void
spawn_input_end(int control)
{
	ssize_t n;

	/* Where it fails the spawner is gone, and the program with it. */
	do {
		n = send(control, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
}

int
spawn_report_read(int control, struct spawn_report *ret)
{
	struct spawn_report report;
	ssize_t n;

	do {
		n = recv(control, &report, sizeof(report), MSG_DONTWAIT);
		/* It closed before it read that the input is complete. That is
		 * told once, ahead of the report, which is still there. */
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return 0;
	*ret = n == sizeof(report) ? report
				   : (struct spawn_report){.end = SPAWN_LOST};
	return 1;
}
