/*
 * Sockets that the service manager has made (sd_listen_fds(3)). Which port each
 * is for, its address says: a name beside it could only contradict that.
 *
 * They are kept for as long as belfryd runs, and the ports have duplicates: the
 * manager listens on them in any case, so an address that a reload takes away
 * and another one brings back has its socket again.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "relay/relay.h"

struct passed {
	int fd; /* owned */
	struct sockaddr_any address;
	bool used;
};

struct ports_passed {
	size_t n;
	struct passed v[];
};

static int
pp_look(struct passed *p)
{
	struct sockaddr_any *a = &p->address;
	int flags;

	if (sd_is_socket(p->fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return -ENOTSOCK;
	a->len = sizeof(a->ss);
	if (getsockname(p->fd, (struct sockaddr *)&a->ss, &a->len) < 0)
		return -errno;
	flags = fcntl(p->fd, F_GETFL);
	if (flags < 0 || fcntl(p->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int
ports_passed_take(struct relay *r)
{
	int n = sd_listen_fds(1), result = 0;
	struct ports_passed *all;

	if (n <= 0)
		return n;
	all = xcalloc(1, sizeof(*all) + (size_t)n * sizeof(all->v[0]));
	for (int i = 0; i < n; i++)
		all->v[all->n++].fd = SD_LISTEN_FDS_START + i;
	for (size_t i = 0; result == 0 && i < all->n; i++)
		result = pp_look(&all->v[i]);
	r->passed = all;
	return result;
}

void
ports_passed_free(struct ports_passed **passed)
{
	struct ports_passed *all = *passed;

	*passed = NULL;
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->n; i++)
		close(all->v[i].fd);
	free(all);
}

/* Where A is, whatever else the kernel says of it. */
static bool
pp_is_at(const struct passed *p, const struct sockaddr_any *a)
{
	char x[SOCKADDR_TEXT_MAX], y[SOCKADDR_TEXT_MAX];

	if (p->address.ss.ss_family != a->ss.ss_family)
		return false;
	sockaddr_text(&p->address, x);
	sockaddr_text(a, y);
	return strcmp(x, y) == 0;
}

/* Is it for IPv4 too, besides IPv6? */
static bool
pp_is_dual(int fd)
{
	int only = 1;
	socklen_t len = sizeof(only);

	return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 &&
	       only == 0;
}

/* Of the two addresses of ":25" the one that was not passed. */
static int
pp_bind_other(struct port *port, const struct sockaddr_any wanted[2])
{
	struct sockaddr_any has = {.len = sizeof(has.ss)};
	char text[SOCKADDR_TEXT_MAX];
	size_t n = 0;
	int fds[2], r;

	if (getsockname(port->fds[0], (struct sockaddr *)&has.ss, &has.len) < 0)
		return -errno;
	if (pp_is_dual(port->fds[0]))
		return 0;
	sockaddr_text(&wanted[has.ss.ss_family == wanted[0].ss.ss_family],
		      text);
	r = acceptor_bind(text, 0, -1, fds, &n);
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		return 0;
	if (r == 0)
		port->fds[port->nfds++] = fds[0];
	return r;
}

int
ports_passed_find(struct relay *r, struct port *port)
{
	struct sockaddr_any wanted[2];
	size_t n = 0;
	int result = 0;

	if (r->passed == NULL ||
	    sockaddr_parse_listen(port->address, wanted, &n) < 0)
		return 0;
	for (size_t i = 0; i < r->passed->n * n; i++) {
		struct passed *p = &r->passed->v[i / n];

		if (port->nfds == 2 || !pp_is_at(p, &wanted[i % n]))
			continue;
		port->fds[port->nfds] = fcntl(p->fd, F_DUPFD_CLOEXEC, 3);
		if (port->fds[port->nfds] < 0)
			return -errno;
		port->nfds++;
		port->passed = p->used = true;
	}
	if (n == 2 && port->nfds == 1)
		result = pp_bind_other(port, wanted);
	return result < 0 ? result : port->nfds > 0;
}

bool
ports_passed_unused(const struct relay *r,
		    char ret_address[static SOCKADDR_TEXT_MAX])
{
	for (size_t i = 0; r->passed != NULL && i < r->passed->n; i++) {
		if (r->passed->v[i].used)
			continue;
		sockaddr_text(&r->passed->v[i].address, ret_address);
		return true;
	}
	return false;
}
