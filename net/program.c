#include "net/program.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"

#define PROGRAM_READ  ((size_t)16 * 1024)
#define PROGRAM_READS 16 /* in one turn of the loop */

struct program {
	struct loop *loop; /* borrowed */
	program_fn *fn;
	void *arg;
	int in, out, control;                  /* owned; -1: closed */
	struct event *writable, *said, *ended; /* owned */
	const char *data;                      /* borrowed; to be written */
	size_t len;
	struct buf output;
	bool drop_more, too_much;
	struct spawn_report report;
};

static void
pg_close(int *fd, struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- its input ------------------------------------------------------------ */

static void
pg_writable(evutil_socket_t fd, short what, void *arg)
{
	struct program *p = arg;
	ssize_t n = 0;

	(void)what;
	if (p->in >= 0 && p->len > 0)
		n = write(fd, p->data, p->len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		p->data += n;
		p->len -= (size_t)n;
		if (p->len > 0)
			return;
	}
	event_del(p->writable);
	if (n < 0)
		pg_close(&p->in, &p->writable); /* EPIPE */
	p->len = 0;
	p->fn(p->arg, PROGRAM_WRITTEN);
}

void
program_write(struct program *p, const char *data, size_t len)
{
	must(p->in >= 0 && p->len == 0 && len > 0);
	p->data = data;
	p->len = len;
	event_add(p->writable, NULL);
}

bool
program_is_deaf(const struct program *p)
{
	return p->in < 0;
}

void
program_drop_more(struct program *p)
{
	p->drop_more = true;
}

void
program_write_end(struct program *p)
{
	must(p->len == 0);
	pg_close(&p->in, &p->writable);
	spawn_input_end(p->control);
}

/* --- its output -------------------------------------------------------------- */

/* False: that is too much. */
static bool
pg_hear(struct program *p, const char *data, size_t len)
{
	size_t max = p->output.max, room;

	if (p->drop_more && len > max) {
		data += len - max;
		len = max;
	}
	room = max - p->output.len;
	if (p->drop_more && len > room) {
		buf_consume(&p->output, len - room);
		room = len;
	}
	p->too_much = len > room;
	must(buf_append(&p->output, data, len < room ? len : room) == 0);
	return !p->too_much;
}

/* What is there now, of one that never pauses some. False when no more will
 * come. */
static bool
pg_listen(struct program *p)
{
	char data[PROGRAM_READ];

	for (int i = 0; i < PROGRAM_READS; i++) {
		ssize_t n = read(p->out, data, sizeof(data));

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (!pg_hear(p, data, (size_t)n))
			return false;
	}
	return true;
}

static void
pg_said(evutil_socket_t fd, short what, void *arg)
{
	struct program *p = arg;

	(void)fd;
	(void)what;
	if (pg_listen(p))
		return;
	pg_close(&p->out, &p->said);
	/* Nothing comes on the control but a report, and nothing can be said
	 * there but that it is no longer wanted. */
	if (p->too_much)
		shutdown(p->control, SHUT_WR);
}

/* --- its end ------------------------------------------------------------------ */

static void
pg_ended(evutil_socket_t fd, short what, void *arg)
{
	struct program *p = arg;

	(void)what;
	if (spawn_report_read(fd, &p->report) == 0)
		return;
	if (p->out >= 0)
		pg_listen(p);
	pg_close(&p->control, &p->ended);
	pg_close(&p->out, &p->said);
	pg_close(&p->in, &p->writable);
	p->len = 0;
	p->fn(p->arg, PROGRAM_ENDED);
}

const struct spawn_report *
program_report(const struct program *p)
{
	return &p->report;
}

bool
program_said_too_much(const struct program *p)
{
	return p->too_much;
}

const char *
program_output(const struct program *p, size_t *ret_len)
{
	*ret_len = p->output.len;
	return buf_str(&p->output);
}

void
program_free(struct program **pp)
{
	struct program *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	pg_close(&p->control, &p->ended); /* which ends it */
	pg_close(&p->out, &p->said);
	pg_close(&p->in, &p->writable);
	buf_done(&p->output);
	free(p);
}

/* --- its start ----------------------------------------------------------------- */

static struct program *
pg_new(struct loop *loop, size_t output_max, program_fn *fn, void *arg)
{
	struct program *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->fn = fn;
	p->arg = arg;
	p->in = p->out = p->control = -1;
	buf_init(&p->output, output_max);
	return p;
}

/* Only our ends do not block: a program has a right to pipes as it knows them.
 */
static int
pg_pipes(struct program *p, int *ret_in, int *ret_out)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		int error = errno;

		close(in[0]);
		close(in[1]);
		return -error;
	}
	p->in = in[1];
	p->out = out[0];
	*ret_in = in[0];
	*ret_out = out[1];
	if (fcntl(p->in, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(p->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static void
pg_watch(struct program *p)
{
	struct event_base *base = loop_base(p->loop);

	p->writable =
		event_new(base, p->in, EV_WRITE | EV_PERSIST, pg_writable, p);
	p->said = event_new(base, p->out, EV_READ | EV_PERSIST, pg_said, p);
	p->ended =
		event_new(base, p->control, EV_READ | EV_PERSIST, pg_ended, p);
	must(p->writable && p->said && p->ended);
	event_add(p->said, NULL);
	event_add(p->ended, NULL);
}

int
program_start(struct loop *loop, struct spawner *spawner,
	      const struct spawn_request *request, size_t output_max,
	      program_fn *fn, void *arg, struct program **ret_program)
{
	struct program *p = pg_new(loop, output_max, fn, arg);
	int in = -1, out = -1, r;

	r = pg_pipes(p, &in, &out);
	if (r == 0)
		r = spawner_start(spawner, request, in, out, p->in,
				  &p->control);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (r < 0) {
		program_free(&p);
		return r;
	}
	pg_watch(p);
	*ret_program = p;
	return 0;
}
