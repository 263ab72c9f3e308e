#include "deliver/program_fate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/must.h"
#include "deliver/routes_conf.h"

/* So much of what it said stands in the reply. */
#define PF_QUOTE ((size_t)700)
/* Against programs that run wild; what a mail program needs is far below. */
#define PF_MEMORY    (INT64_C(8) << 30)
#define PF_FILES     1024
#define PF_PROCESSES 4096
#define PF_CPUS      4 /* seconds of CPU for a second of its time */

const char *
program_plan_name(const struct program_plan *plan)
{
	return strrchr(plan->path, '/') + 1;
}

int
program_plan_start(const struct program_plan *plan, struct loop *loop,
		   struct spawner *spawner, struct arena *arena,
		   const char *const *argv, program_fn *fn, void *arg,
		   struct program **ret_program)
{
	struct spawn_request request = {
		.argv = argv,
		.cwd = "/",
		.time_ms = plan->time_ms,
		.limit =
			{
				.cpu_s = (plan->time_ms / 1000 + 1) * PF_CPUS,
				.memory = PF_MEMORY,
				.files = PF_FILES,
				.processes = PF_PROCESSES,
			},
	};

	if (plan->as[0] != '\0')
		request.at = arena_printf(arena, ROUTE_RUN_DIR "/%s", plan->as);
	return program_start(loop, spawner, &request, (size_t)plan->output_max,
			     fn, arg, ret_program);
}

/* --- the outcome ------------------------------------------------------------------ */

void
program_fate_set(struct attempt *a, const struct program_plan *plan,
		 enum attempt_outcome outcome, int code, const char *dsn,
		 const char *fmt, ...)
{
	struct attempt_rcpt *rcpt = &a->rcpt[0];
	char text[REPLY_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rcpt->outcome = outcome;
	rcpt->relay = arena_strdup(&a->arena, plan->path);
	rcpt->reach = ATTEMPT_DELIVERED;
	a->dest_state = ATTEMPT_DEST_OK;
	reply_set(&rcpt->reply, code, dsn, "%s", text);
}

/* Nothing of it can be run: the route fails, not this message. */
static void
pf_route_failed(struct attempt *a, const struct program_plan *plan, int error)
{
	a->dest_state = ATTEMPT_DEST_FAILED;
	reply_set(&a->dest_reply, 451, "4.3.5", "%s can't be started: %s",
		  program_plan_name(plan), strerror(error));
}

/* Another user's runner does not take it. */
static void
pf_runner_failed(struct attempt *a, const struct program_plan *plan, int error)
{
	a->dest_state = ATTEMPT_DEST_FAILED;
	reply_set(&a->dest_reply, 451, "4.3.5",
		  error == EPERM ? "%s is not among the commands of its account"
				 : "%s: nobody runs commands for its account",
		  program_plan_name(plan));
}

/* What the machine lacks now, it has again when some of what runs has ended. */
static bool
pf_is_short(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE ||
	       error == ENFILE;
}

static void
pf_not_now(struct attempt *a, const struct program_plan *plan, int error)
{
	program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.2",
			 "%s can't be started now: %s", program_plan_name(plan),
			 strerror(error));
}

/* --- the end of the program --------------------------------------------------------- */

/* Its last lines, whole ones where they fit; NULs cut. */
static const char *
pf_quote(struct attempt *a, const struct program *p)
{
	size_t len;
	const char *said = program_output(p, &len), *at, *line;
	char *copy = arena_alloc(&a->arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (said[i] != '\0')
			copy[n++] = said[i];
	while (n > 0 && strchr(" \t\r\n", copy[n - 1]) != NULL)
		n--;
	copy[n] = '\0';
	if (n <= PF_QUOTE)
		return copy;
	at = copy + n - PF_QUOTE;
	line = strchr(at, '\n');
	return line ? line + 1 : at;
}

/* What is the message's or the recipient's own fault is for good; all else may
 * be mended, and so waits. */
static void
pf_exited(struct attempt *a, const struct program_plan *plan,
	  const struct program *p, int status)
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
	const char *said = pf_quote(a, p), *between = said[0] ? ": " : "";

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].status == status) {
			program_fate_set(a, plan, row[i].outcome, row[i].code,
					 row[i].dsn, "%s: status %d, %s%s%s",
					 program_plan_name(plan), status,
					 row[i].means, between, said);
			return;
		}
	program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.0",
			 "%s: status %d%s%s", program_plan_name(plan), status,
			 between, said);
	a->rcpt[0].doubted = true;
}

void
program_fate_ended(struct attempt *a, const struct program_plan *plan,
		   const struct program *p)
{
	const struct spawn_report *report = program_report(p);

	/* It ran, and may have done what it is for. */
	a->rcpt[0].doubted =
		program_said_too_much(p) || report->end == SPAWN_SIGNALLED ||
		report->end == SPAWN_TIMED_OUT || report->end == SPAWN_LOST;
	if (program_said_too_much(p)) {
		program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.0",
				 "%s said more than %" PRId64
				 " bytes and was ended",
				 program_plan_name(plan), plan->output_max);
		return;
	}
	switch ((enum spawn_end)report->end) {
	case SPAWN_EXITED:
		pf_exited(a, plan, p, report->value);
		return;
	case SPAWN_SIGNALLED:
		program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.0",
				 "%s was ended by signal %d",
				 program_plan_name(plan), report->value);
		return;
	case SPAWN_TIMED_OUT:
		program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.0",
				 "%s took longer than %" PRId64
				 " seconds and was ended",
				 program_plan_name(plan), plan->time_ms / 1000);
		return;
	case SPAWN_NOT_STARTED:
		if (pf_is_short(report->value))
			pf_not_now(a, plan, report->value);
		else if (report->value == EPERM && plan->as[0] != '\0')
			pf_runner_failed(a, plan, EPERM);
		else
			pf_route_failed(a, plan, report->value);
		return;
	case SPAWN_LOST:
		program_fate_set(a, plan, ATTEMPT_LATER, 451, "4.3.0",
				 "%s was lost on its way",
				 program_plan_name(plan));
		return;
	}
	abort();
}

void
program_fate_unstarted(struct attempt *a, const struct program_plan *plan,
		       int error)
{
	if (plan->as[0] != '\0' &&
	    (error == ENOENT || error == ECONNREFUSED || error == EACCES))
		pf_runner_failed(a, plan, error);
	else if (error == E2BIG)
		/* as they are at the next try */
		program_fate_set(a, plan, ATTEMPT_NEVER, 554, "5.3.4",
				 "the arguments of %s are too long",
				 program_plan_name(plan));
	else /* no descriptors, or a spawner that is busy or gone */
		pf_not_now(a, plan, error);
}
