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

#include "base/must.h"
#include "deliver/deliver_impl.h"
#include "deliver/local_names.h"
#include "deliver/program_fate.h"
#include "deliver/routes_conf.h"
#include "deliver/unix_lines.h"

#define PT_PIECE ((size_t)64 * 1024)

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
	struct program_plan plan;
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

static void
pt_late(void *arg)
{
	struct pipe_try *t = arg;

	program_fate_set(t->a, &t->plan, ATTEMPT_LATER, 451, "4.3.2",
			 "%s: its account's runner does not answer",
			 program_plan_name(&t->plan));
	pt_finish(t);
}

/* --- the content ----------------------------------------------------------------------- */

static void pt_read(struct pipe_try *t);

/* Without its end the program must not take the message for whole. */
static void
pt_damaged(struct pipe_try *t, ssize_t why)
{
	program_fate_set(t->a, &t->plan, ATTEMPT_LATER, 451, "4.3.0",
			 "the stored content %s", deliver_unread(why));
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
		program_fate_ended(t->a, &t->plan, t->program);
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
	int r = program_plan_start(&t->plan, t->dl->loop,
				   t->dl->deliver->spawner, &t->a->arena, argv,
				   pt_event, t, &t->program);

	if (r < 0) {
		program_fate_unstarted(t->a, &t->plan, -r);
		pt_finish(t);
		return;
	}
	if (t->plan.as[0] != '\0')
		loop_timer_set(&t->late, t->plan.time_ms + PT_RUNNER_MS);
	t->piece = arena_alloc(&t->a->arena, PT_PIECE + 2);
	pt_read(t);
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
	program_fate_set(
		t->a, &t->plan, ATTEMPT_NEVER, 550, "5.1.3",
		"an address that begins with \"-\" can't be given to %s",
		program_plan_name(&t->plan));
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
	t->plan = (struct program_plan){t->rule->command.v[0], t->rule->as,
					t->rule->time_ms, t->rule->output_max};
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
	program_fate_set(t->a, &t->plan, ATTEMPT_LATER, 451, "4.3.2",
			 "stopped before %s ended",
			 program_plan_name(&t->plan));
	pt_finish(t);
}
