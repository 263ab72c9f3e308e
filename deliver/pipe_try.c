/*
 * pipe_try - an attempt on its way into a program.
 *
 *	ROUTE -> program -> READ -> WRITE -> end of the program -> back
 *	                     ^        |
 *	                     +--------+  while there is more, and it reads
 *
 * What becomes of the recipient is the program's exit status; how much of the
 * message it read is its own affair.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "deliver/local_names.h"
#include "deliver/routes_conf.h"
#include "deliver/unix_lines.h"
#include "net/program.h"

#define PT_PIECE ((size_t)64 * 1024)
/* So much of what it said stands in the reply. */
#define PT_QUOTE ((size_t)700)
/* Against programs that run wild; what a mail program needs is far below. */
#define PT_MEMORY    (INT64_C(8) << 30)
#define PT_FILES     1024
#define PT_PROCESSES 4096
#define PT_CPUS      4 /* seconds of CPU for a second of `time` */

/* So long another user's runner may take, beside the program's time, before
 * nobody waits for it: it may never come up. */
#define PT_RUNNER_MS 10000

/* Lives in its attempt's arena. */
struct pipe_try {
	LIST_ENTRY(pipe_try) link;
	struct deliver_loop *dl; /* borrowed */
	struct attempt *a;       /* owned until handed back */
	struct routing *routing; /* a reference */
	const struct route_rule *rule;
	struct program *program; /* owned; NULL: not started, or over */
	bool reading;            /* attempt_read() is under way */
	bool over;               /* the outcome is set */
	struct loop_timer late;  /* for a runner */
	struct unix_lines lines;
	char *piece; /* of the arena */
	int64_t read_bytes;
};

/* --- back to the queue ------------------------------------------------------------ */

static void
pt_finish(struct pipe_try *t)
{
	t->over = true;
	loop_timer_done(&t->late);
	program_free(&t->program);
	if (t->reading)
		return; /* pt_got() comes back */
	LIST_REMOVE(t, link);
	deliver_hand_back(t->dl, t->a, t->routing); /* T is gone with it */
}

/* For words that a stranger may read: where it lies is nobody's business. */
static const char *
pt_name(const struct pipe_try *t)
{
	return strrchr(t->rule->command.v[0], '/') + 1;
}

static void __attribute__((format(printf, 5, 6)))
pt_settle(struct pipe_try *t, enum attempt_outcome outcome, int code,
	  const char *dsn, const char *fmt, ...)
{
	struct attempt_rcpt *rcpt = &t->a->rcpt[0];
	char text[REPLY_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rcpt->outcome = outcome;
	rcpt->relay = arena_strdup(&t->a->arena, t->rule->command.v[0]);
	rcpt->reach = ATTEMPT_DELIVERED;
	t->a->dest_state = ATTEMPT_DEST_OK;
	reply_set(&rcpt->reply, code, dsn, "%s", text);
}

/* Nothing of it can be run: the route fails, not this message. */
static void
pt_route_failed(struct pipe_try *t, int error)
{
	t->a->dest_state = ATTEMPT_DEST_FAILED;
	reply_set(&t->a->dest_reply, 451, "4.3.5", "%s can't be started: %s",
		  pt_name(t), strerror(error));
}

/* Another user's runner does not take it. */
static void
pt_runner_failed(struct pipe_try *t, int error)
{
	t->a->dest_state = ATTEMPT_DEST_FAILED;
	reply_set(&t->a->dest_reply, 451, "4.3.5",
		  error == EPERM ? "%s is not among the commands of its account"
				 : "%s: nobody runs commands for its account",
		  pt_name(t));
}

static void
pt_late(void *arg)
{
	struct pipe_try *t = arg;

	pt_settle(t, ATTEMPT_LATER, 451, "4.3.2",
		  "%s: its account's runner does not answer", pt_name(t));
	pt_finish(t);
}

/* What the machine lacks now, it has again when some of what runs has ended. */
static bool
pt_is_short(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE ||
	       error == ENFILE;
}

static void
pt_not_now(struct pipe_try *t, int error)
{
	pt_settle(t, ATTEMPT_LATER, 451, "4.3.2", "%s can't be started now: %s",
		  pt_name(t), strerror(error));
}

/* --- the end of the program --------------------------------------------------------- */

/* Its last lines, whole ones where they fit; NULs cut. */
static const char *
pt_quote(struct pipe_try *t)
{
	size_t len;
	const char *said = program_output(t->program, &len), *at, *line;
	char *copy = arena_alloc(&t->a->arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (said[i] != '\0')
			copy[n++] = said[i];
	while (n > 0 && strchr(" \t\r\n", copy[n - 1]) != NULL)
		n--;
	copy[n] = '\0';
	if (n <= PT_QUOTE)
		return copy;
	at = copy + n - PT_QUOTE;
	line = strchr(at, '\n');
	return line ? line + 1 : at;
}

/* What is the message's or the recipient's own fault is for good; all else may
 * be mended, and so waits. */
static void
pt_exited(struct pipe_try *t, int status)
{
	static const struct {
		int status;
		enum attempt_outcome outcome;
		int code;
		const char *dsn, *means;
	} row[] = {
		{EX_OK, ATTEMPT_DONE, 250, "2.0.0", "delivered"},
		{EX_DATAERR, ATTEMPT_NEVER, 554, "5.6.0", "bad content"},
		{EX_NOUSER, ATTEMPT_NEVER, 550, "5.1.1", "no such user"},
		{EX_NOHOST, ATTEMPT_NEVER, 550, "5.1.2", "no such host"},
		{EX_UNAVAILABLE, ATTEMPT_NEVER, 554, "5.3.0", "unavailable"},
		{EX_NOPERM, ATTEMPT_NEVER, 550, "5.7.0", "not permitted"},
		{EX_USAGE, ATTEMPT_LATER, 451, "4.3.5", "wrong usage"},
		{EX_CONFIG, ATTEMPT_LATER, 451, "4.3.5", "bad configuration"},
		{EX_CANTCREAT, ATTEMPT_LATER, 451, "4.2.0", "can't create"},
		{EX_TEMPFAIL, ATTEMPT_LATER, 451, "4.3.0", "not now"},
	};
	const char *said = pt_quote(t), *between = said[0] ? ": " : "";

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].status == status) {
			pt_settle(t, row[i].outcome, row[i].code, row[i].dsn,
				  "%s: status %d, %s%s%s", pt_name(t), status,
				  row[i].means, between, said);
			return;
		}
	pt_settle(t, ATTEMPT_LATER, 451, "4.3.0", "%s: status %d%s%s",
		  pt_name(t), status, between, said);
}

static void
pt_ended(struct pipe_try *t)
{
	const struct spawn_report *report = program_report(t->program);

	if (program_said_too_much(t->program)) {
		pt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
			  "%s said more than %" PRId64 " bytes and was ended",
			  pt_name(t), t->rule->output_max);
		return;
	}
	switch ((enum spawn_end)report->end) {
	case SPAWN_EXITED:
		pt_exited(t, report->value);
		return;
	case SPAWN_SIGNALLED:
		pt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
			  "%s was ended by signal %d", pt_name(t),
			  report->value);
		return;
	case SPAWN_TIMED_OUT:
		pt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
			  "%s took longer than %" PRId64
			  " seconds and was ended",
			  pt_name(t), t->rule->time_ms / 1000);
		return;
	case SPAWN_NOT_STARTED:
		if (pt_is_short(report->value))
			pt_not_now(t, report->value);
		else if (report->value == EPERM && t->rule->as[0] != '\0')
			pt_runner_failed(t, EPERM);
		else
			pt_route_failed(t, report->value);
		return;
	case SPAWN_LOST:
		pt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
			  "%s was lost on its way", pt_name(t));
		return;
	}
	abort();
}

/* --- the content ----------------------------------------------------------------------- */

static void pt_read(struct pipe_try *t);

/* Without its end the program must not take the message for whole. */
static void
pt_damaged(struct pipe_try *t, ssize_t why)
{
	pt_settle(t, ATTEMPT_LATER, 451, "4.3.0", "the stored content %s",
		  deliver_unread(why));
	pt_finish(t); /* which ends the program */
}

static void
pt_write(struct pipe_try *t, const char *data, size_t len)
{
	size_t n = unix_lines_feed(&t->lines, data, len, t->piece);

	if (t->read_bytes == t->a->size && unix_lines_end(&t->lines)[0])
		t->piece[n++] = unix_lines_end(&t->lines)[0];
	if (n > 0)
		program_write(t->program, t->piece, n);
	else if (t->read_bytes == t->a->size)
		program_write_end(t->program);
	else
		pt_read(t);
}

static void
pt_got(void *arg, const char *data, ssize_t len)
{
	struct pipe_try *t = arg;

	t->reading = false;
	if (t->over) {
		pt_finish(t);
		return;
	}
	if (len > 0)
		t->read_bytes += len;
	if (len < 0 || t->read_bytes > t->a->size ||
	    (len == 0 && t->read_bytes < t->a->size))
		pt_damaged(t, len);
	else
		pt_write(t, data, (size_t)len);
}

static void
pt_read(struct pipe_try *t)
{
	t->reading = true;
	attempt_read(t->a, pt_got, t);
}

static void
pt_event(void *arg, enum program_event event)
{
	struct pipe_try *t = arg;

	if (event == PROGRAM_ENDED) {
		pt_ended(t);
		pt_finish(t);
	} else if (!program_is_deaf(t->program)) {
		if (t->read_bytes < t->a->size)
			pt_read(t);
		else
			program_write_end(t->program);
	}
}

/* --- the start ---------------------------------------------------------------------------- */

static void
pt_run(struct pipe_try *t, const char **argv)
{
	const char *as = t->rule->as;
	struct spawn_request request = {
		.argv = argv,
		.cwd = "/",
		.time_ms = t->rule->time_ms,
		.limit =
			{
				.cpu_s =
					(t->rule->time_ms / 1000 + 1) * PT_CPUS,
				.memory = PT_MEMORY,
				.files = PT_FILES,
				.processes = PT_PROCESSES,
			},
	};
	int r;

	if (as[0] != '\0')
		request.at =
			arena_printf(&t->a->arena, ROUTE_RUN_DIR "/%s", as);
	r = program_start(t->dl->loop, t->dl->deliver->spawner, &request,
			  (size_t)t->rule->output_max, pt_event, t,
			  &t->program);
	if (r == 0) {
		if (as[0] != '\0')
			loop_timer_set(&t->late,
				       request.time_ms + PT_RUNNER_MS);
		t->piece = arena_alloc(&t->a->arena, PT_PIECE + 2);
		pt_read(t);
		return;
	}
	if (as[0] != '\0' &&
	    (r == -ENOENT || r == -ECONNREFUSED || r == -EACCES))
		pt_runner_failed(t, -r);
	else if (r == -E2BIG)
		pt_settle(t, ATTEMPT_LATER, 451, "4.3.5",
			  "the arguments of %s are too long", pt_name(t));
	else /* no descriptors, or a spawner that is busy or gone */
		pt_not_now(t, -r);
	pt_finish(t);
}

static void
pt_begin(struct pipe_try *t)
{
	struct arena *arena = &t->a->arena;
	struct template_values values;
	const char **argv;

	template_values_init(&values, t->a->sender, t->a->rcpt[0].address,
			     routing_delimiter(t->routing), arena);
	argv = local_args(&t->rule->command, &values, arena);
	if (argv) {
		pt_run(t, argv);
		return;
	}
	pt_settle(t, ATTEMPT_NEVER, 550, "5.1.3",
		  "an address that begins with \"-\" can't be given to %s",
		  pt_name(t));
	pt_finish(t);
}

void
pipe_try_start(struct deliver_loop *dl, struct attempt *a)
{
	struct pipe_try *t = arena_alloc(&a->arena, sizeof(*t));
	struct route route;

	must(a->nrcpt == 1);
	t->dl = dl;
	t->a = a;
	t->routing = deliver_routing(dl->deliver);
	loop_timer_init(&t->late, dl->loop, pt_late, t);
	LIST_INSERT_HEAD(&dl->pipes, t, link);
	dl->under_way++;
	if (dl->stopping ||
	    !attempt_route_rcpt(a, &a->rcpt[0], t->routing, &route)) {
		pt_finish(t);
		return;
	}
	t->rule = route.entry;
	pt_begin(t);
}

struct pipe_try *
pipe_try_next(const struct pipe_try *t)
{
	return LIST_NEXT(t, link);
}

void
pipe_try_abort(struct pipe_try *t)
{
	if (t->over)
		return;
	pt_settle(t, ATTEMPT_LATER, 451, "4.3.2", "stopped before %s ended",
		  pt_name(t));
	pt_finish(t);
}
