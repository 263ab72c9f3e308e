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

int
ports_passed_find(struct relay *r, struct port *port)
{
	struct sockaddr_any wanted[2];
	size_t n = 0;

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
	return port->nfds > 0;
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
