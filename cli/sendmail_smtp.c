/* -bs: whoever started us speaks SMTP on standard input and output; belfryd
 * answers at its submit socket, and knows the caller by the uid. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/sendmail.h"

#define SMTP_PIECE (64 * 1024)

/* 1: something was passed on; 0: the end of FROM; -errno. */
static int
sb_pass(int from, int to)
{
	char data[SMTP_PIECE];
	ssize_t n = read(from, data, sizeof(data)), done = 0, w;

	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 0 : -errno;
	for (; done < n; done += w) {
		w = write(to, data + done, (size_t)(n - done));
		if (w < 0 && errno == EINTR)
			w = 0;
		if (w < 0)
			return -errno;
	}
	return 1;
}

/* Blocking writes can't lock up: belfryd reads on while what it says waits. */
static int
sb_loop(int fd)
{
	struct pollfd p[2] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};
	int r = 1;

	while (r > 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents != 0)
			r = sb_pass(fd, STDOUT_FILENO);
		if (r <= 0 || p[0].revents == 0)
			continue;
		if (sb_pass(STDIN_FILENO, fd) <= 0) {
			shutdown(fd, SHUT_WR);
			p[0].fd = -1;
			p[0].revents = 0;
		}
	}
	return r;
}

int
sendmail_smtp(struct sendmail *sm)
{
	int fd = talk_connect(sm->conf.submit_socket), r;

	if (fd < 0) {
		puts("421 4.3.2 belfryd can't be reached, try again later\r");
		fflush(stdout);
		sendmail_say("can't reach belfryd at %s: %s",
			     sm->conf.submit_socket, strerror(-fd));
		return fd == -EACCES ? EX_NOPERM : EX_TEMPFAIL;
	}
	r = sb_loop(fd);
	close(fd);
	return r < 0 ? EX_IOERR : EX_OK;
}
