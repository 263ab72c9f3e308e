/* The message to belfryd, and what its answers mean to the caller. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/sendmail.h"
#include "cli/submission.h"
#include "cli/text.h"
#include "mail/xtext.h"

_Static_assert(SUBMISSION_LATER == EX_TEMPFAIL, "the exit status");

/* --- the wishes of RFC 3461 -------------------------------------------------- */

static const char *
ss_envid(struct sendmail *sm)
{
	const char *text = "";
	struct buf b;

	buf_init(&b, 3 * strlen(sm->envid));
	if (xtext_encode(sm->envid, &b) == 0)
		text = arena_strdup(&sm->arena, buf_str(&b));
	buf_done(&b);
	return text;
}

static const char *
ss_mail_params(struct sendmail *sm)
{
	bool both = sm->returns != NULL && sm->envid != NULL;

	return arena_printf(&sm->arena, "%s%s%s%s%s",
			    sm->returns != NULL ? "RET=" : "",
			    sm->returns != NULL ? sm->returns : "",
			    both ? " " : "", sm->envid != NULL ? "ENVID=" : "",
			    sm->envid != NULL ? ss_envid(sm) : "");
}

static const char *
ss_rcpt_params(struct sendmail *sm)
{
	if (sm->notify == NULL)
		return "";
	return arena_printf(&sm->arena, "NOTIFY=%s", sm->notify);
}

/* --- answers ----------------------------------------------------------------- */

/* The exit status of a refusal for good. */
static int
ss_never(const struct submit_talk *t, enum submission_step step)
{
	switch (step) {
	case SUBMISSION_GREETING:
		return EX_TEMPFAIL;
	case SUBMISSION_EHLO:
		return EX_PROTOCOL;
	case SUBMISSION_RCPT:
		/* "550 5.1.x": there is no such recipient; others are about
		 * us. */
		return strncmp(t->text, "5.1.", 4) == 0 ? EX_NOUSER
							: EX_UNAVAILABLE;
	case SUBMISSION_MAIL:
	case SUBMISSION_DATA:
		return EX_UNAVAILABLE;
	case SUBMISSION_CONTENT:
		return EX_DATAERR;
	}
	abort();
}

static int
ss_refused(const struct submit_talk *t, enum submission_step step,
	   const char *what, bool later)
{
	fprintf(stderr, "sendmail: %s: %d ", what, t->code);
	text_put(t->text, stderr);
	fputc('\n', stderr);
	return later ? EX_TEMPFAIL : ss_never(t, step);
}

/* --- while belfryd can't be reached the message waits in the drop folder ----- */

static int
ss_leave(const struct sendmail *sm, struct submission *m)
{
	int r = submission_leave(m, sm->conf.drop_dir);

	if (r < 0) {
		submission_say_gone(m, "sendmail");
		fprintf(stderr, "nor leave the message in %s: %s\n",
			sm->conf.drop_dir, strerror(-r));
		return r == -EACCES ? EX_NOPERM : EX_TEMPFAIL;
	}
	if (sm->verbose || isatty(STDERR_FILENO)) {
		submission_say_gone(m, "sendmail");
		fprintf(stderr, "the message waits for it in %s\n",
			sm->conf.drop_dir);
	}
	return EX_OK;
}

/* --- the whole --------------------------------------------------------------- */

static int
ss_talk(const struct sendmail *sm, struct submission *m)
{
	struct submit_talk talk;
	int r = submission_open(m, sm->conf.submit_socket, &talk);

	if (r != SUBMISSION_TAKEN)
		return r;
	r = submission_say(m, &talk);
	if (r == SUBMISSION_TAKEN && sm->verbose)
		fprintf(stderr, "%s\n", talk.text);
	if (r == SUBMISSION_TAKEN)
		talk_say(&talk, "QUIT");
	talk_close(&talk);
	return r;
}

static int
ss_submit(struct sendmail *sm, FILE *header)
{
	struct submission *m = arena_alloc(&sm->arena, sizeof(*m));
	int r;

	*m = (struct submission){
		.env = {.sender = sm->sender,
			.mail_params = ss_mail_params(sm),
			.rcpt_params = ss_rcpt_params(sm),
			.nrcpt = sm->rcpts.n,
			.rcpt = sm->rcpts.v},
		.header = header,
		.body = sm->spool.file,
		.body_at = (off_t)sm->body_at,
		.refused = ss_refused,
	};
	r = ss_talk(sm, m);
	if (r == SUBMISSION_GONE)
		return ss_leave(sm, m);
	if (r == SUBMISSION_NOT_ALLOWED) {
		sendmail_say("not allowed to use %s; nothing was sent",
			     sm->conf.submit_socket);
		return EX_NOPERM;
	}
	if (r != SUBMISSION_UNREADABLE)
		return r;
	sendmail_say("the message can't be read back; nothing was sent");
	return EX_IOERR;
}

int
sendmail_submit(struct sendmail *sm)
{
	FILE *header;
	int r = sendmail_read(sm);

	if (r == 0)
		r = sendmail_compose(sm);
	if (r != 0)
		return r;
	header = fmemopen(sm->header.data, sm->header.len, "r");
	if (header == NULL) {
		sendmail_say("%s; nothing was sent", strerror(errno));
		return EX_OSERR;
	}
	r = ss_submit(sm, header);
	fclose(header);
	return r;
}
