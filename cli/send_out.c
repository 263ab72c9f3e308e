#include "cli/send_out.h"

#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "queue/queue.h"

/* An answer that was not yes: 4xx is worth another try. */
static int
so_refused(const struct submit_talk *t, enum submission_step step,
	   const char *what, bool later)
{
	(void)step;
	fflush(stdout);
	fprintf(stderr, "belfry: %s: %d ", what, t->code);
	text_put(t->text, stderr);
	fputs("; nothing was submitted\n", stderr);
	return later ? SUBMISSION_LATER : CLI_WRONG;
}

/* --- belfryd is away ---------------------------------------------------------- */

/* OPENED: it was there at first. */
static int
so_gone(const struct send_out *s, struct submission *m, bool opened)
{
	int r = s->wait ? 0 : submission_leave(m, s->conf.drop_dir);

	if (!s->wait && r == 0) {
		printf("belfryd can't be reached; left for it in %s\n",
		       s->conf.drop_dir);
		return CLI_OK;
	}
	submission_say_gone(m, "belfry");
	if (r < 0)
		fprintf(stderr, "nor leave the %s in %s: %s; ", s->noun,
			s->conf.drop_dir, strerror(-r));
	if (m->unsure)
		fprintf(stderr,
			"the %s may or may not have been taken (`belfry queue "
			"list`)\n",
			s->noun);
	else
		fprintf(stderr, "%snothing was submitted\n",
			opened ? "" : "is it running? ");
	return opened ? CLI_LATER : CLI_UNREACHABLE;
}

/* --- it was taken ------------------------------------------------------------- */

/* "2.0.0 queued as ID". */
static const char *
so_id(const struct submit_talk *t)
{
	const char *as = strstr(t->text, "queued as ");

	as = as != NULL ? as + strlen("queued as ") : "";
	return text_is_id(as) ? as : NULL;
}

static int
so_wait(const struct send_out *s, struct submit_talk *t, const char *id)
{
	int code;

	talk_wait(t);
	code = talk_say(t, "XOUTCOME %s", id);

	if (code == 250) {
		puts(s->done);
		return CLI_OK;
	}
	fflush(stdout);
	if (code == 0)
		fprintf(stderr,
			"belfry: belfryd went away before the fate of %s was "
			"known; it keeps the %s",
			id, s->noun);
	else
		fprintf(stderr, "belfry: %s: ", id);
	if (code != 0)
		text_put(t->text, stderr);
	fputc('\n', stderr);
	return code == 0 ? CLI_LATER : CLI_WRONG;
}

static int
so_taken(const struct send_out *s, struct submit_talk *t)
{
	char id[QUEUE_ID_LEN] = "?";
	int r;

	if (so_id(t) != NULL)
		snprintf(id, sizeof(id), "%s", so_id(t));
	printf("queued as %s\n", id);
	r = s->wait ? so_wait(s, t, id) : CLI_OK;
	if (t->code != 0)
		talk_say(t, "QUIT");
	return r;
}

/* --- the message -------------------------------------------------------------- */

int
send_out(const struct send_out *s, struct submission *m)
{
	struct submit_talk talk;
	int r;

	m->refused = so_refused;
	r = submission_open(m, s->conf.submit_socket, &talk);

	if (r == SUBMISSION_NOT_ALLOWED) {
		cli_say("not allowed to use %s; nothing was submitted",
			s->conf.submit_socket);
		return CLI_NOT_ALLOWED;
	}
	if (r == SUBMISSION_GONE)
		return so_gone(s, m, false);
	r = submission_say(m, &talk);
	if (r == SUBMISSION_TAKEN)
		r = so_taken(s, &talk);
	talk_close(&talk);
	if (r == SUBMISSION_GONE)
		return so_gone(s, m, true);
	if (r != SUBMISSION_UNREADABLE)
		return r;
	cli_say("can't read %s; nothing was submitted", s->path);
	return CLI_WRONG;
}
