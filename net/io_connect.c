#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/io_impl.h"

static int
io_socket(int family, const struct sockaddr *bind_addr, socklen_t bind_len)
{
	static const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind_addr == NULL)
		return fd;
	/* The port is chosen with the destination known, so that the ports of
	 * one address don't run out. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, bind_addr, bind_len) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int
io_connect(struct loop *loop, const struct sockaddr *addr, socklen_t addr_len,
	   const struct sockaddr *bind_addr, socklen_t bind_len, io_fn *fn,
	   void *arg, struct io **ret_io)
{
	int fd = io_socket(addr->sa_family, bind_addr, bind_len);
	struct io *io;

	if (fd < 0)
		return fd;
	io = io_make(loop, fd, fn, arg);
	io->connecting = true;
	if (connect(fd, addr, addr_len) == 0 || errno == EINPROGRESS) {
		io_arm_write(io);
	} else {
		io_set_error(io, errno);
		io_tell_late(io);
	}
	*ret_io = io;
	return 0;
}
