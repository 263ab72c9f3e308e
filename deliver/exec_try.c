/*
 * exec_try - a message to an endpoint becomes a program's input.
 */
#include "base/must.h"
#include "deliver/endpoint_try.h"
#include "deliver/program_fate.h"

#include <string.h>
#include <strings.h>

static struct program_plan
xt_plan(const struct endpoint_try *t)
{
	return (struct program_plan){t->ep->argv[0], "", t->ep->time_ms,
				     t->ep->output_max};
}

/* What was filled in makes no option of an argument that was none. */
static const char *
xt_argument(struct endpoint_try *t, const char *arg, const char *written)
{
	if (arg[0] != '-' || (written != NULL && written[0] == '-'))
		return arg;
	return arena_printf(&t->a->arena, " %s", arg);
}

/* The program is always the endpoint's; its arguments those that the message
 * brings, if any. */
static const char *const *
xt_argv(struct endpoint_try *t)
{
	const struct content *c = &t->reader.content;
	const char **argv =
		arena_alloc(&t->a->arena, (c->nfields + 2) * sizeof(*argv));
	const char *const *written = t->ep->argv + 1;
	size_t n = 1;

	argv[0] = t->ep->argv[0];
	for (size_t i = 0; i < c->nfields; i++) {
		if (strcasecmp(c->fields[i].name, CONTENT_ARGUMENT) != 0)
			continue;
		argv[n++] = xt_argument(t, c->fields[i].value, *written);
		if (*written != NULL)
			written++;
	}
	return n > 1 ? argv : t->ep->argv;
}

static void
xt_event(void *arg, enum program_event event)
{
	struct endpoint_try *t = arg;
	struct program_plan plan = xt_plan(t);

	if (event == PROGRAM_ENDED) {
		program_fate_ended(t->a, &plan, t->program);
		endpoint_try_finish(t);
	} else if (!program_is_deaf(t->program)) {
		program_write_end(t->program);
	}
}

void
endpoint_try_run(struct endpoint_try *t)
{
	const struct content *c = &t->reader.content;
	struct program_plan plan = xt_plan(t);
	int r = program_plan_start(&plan, t->dl->loop, t->dl->deliver->spawner,
				   &t->a->arena, xt_argv(t), xt_event, t,
				   &t->program);

	if (r < 0) {
		program_fate_unstarted(t->a, &plan, -r);
		endpoint_try_finish(t);
		return;
	}
	/* Who has paged somebody is not run again for what it says of it. */
	program_drop_more(t->program);
	if (c->body_len > 0)
		program_write(t->program, c->body, c->body_len);
	else
		program_write_end(t->program);
}
