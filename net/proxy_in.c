#include "net/proxy_in.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/xalloc.h"

struct proxy_in {
	struct loop *loop; /* borrowed */
	int fd;            /* borrowed */
	proxy_in_fn *fn;
	void *arg;
	struct event *readable; /* owned */
	struct loop_timer timer;
	struct loop_end end;
	size_t len;
	char data[PROXY_HEADER_MAX];
};

static void
proxy_in_finish(struct proxy_in *p, int result,
		const struct proxy_header *header)
{
	proxy_in_fn *fn = p->fn;
	void *arg = p->arg;

	event_free(p->readable);
	loop_timer_done(&p->timer);
	loop_end_remove(p->loop, &p->end);
	free(p);
	fn(arg, result, header);
}

/* The next LEN octets, that were looked at, leave the socket. */
static bool
proxy_in_take(struct proxy_in *p, size_t len)
{
	ssize_t n = recv(p->fd, p->data + p->len, len, 0);

	if (n != (ssize_t)len)
		return false;
	p->len += len;
	return true;
}

static void
proxy_in_readable(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_in *p = arg;
	struct proxy_header header;
	size_t used;
	ssize_t n;
	int r;

	(void)what;
	n = recv(fd, p->data + p->len, sizeof(p->data) - p->len, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		proxy_in_finish(p, -ECONNRESET, NULL);
		return;
	}
	r = proxy_header_parse(p->data, p->len + (size_t)n, &header, &used);
	if (r >= 0 && !proxy_in_take(p, r > 0 ? used - p->len : (size_t)n))
		r = -ECONNRESET;
	if (r != 0)
		proxy_in_finish(p, r < 0 ? r : 0, &header);
}

static void
proxy_in_late(void *arg)
{
	proxy_in_finish(arg, -ETIMEDOUT, NULL);
}

static void
proxy_in_end(void *arg)
{
	struct proxy_in *p = arg;

	/* It was taken off the list, where finish looks for it. */
	loop_end_add(p->loop, &p->end, proxy_in_end, p);
	proxy_in_finish(p, -ECANCELED, NULL);
}

void
proxy_in_start(struct loop *loop, int fd, int64_t within_ms, proxy_in_fn *fn,
	       void *arg)
{
	struct proxy_in *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->fd = fd;
	p->fn = fn;
	p->arg = arg;
	p->readable = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST,
				proxy_in_readable, p);
	must(p->readable != NULL && event_add(p->readable, NULL) == 0);
	loop_timer_init(&p->timer, loop, proxy_in_late, p);
	loop_timer_set(&p->timer, within_ms);
	loop_end_add(loop, &p->end, proxy_in_end, p);
}
