/* The message to belfryd, and what its answers mean to the caller. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/xalloc.h"
#include "cli/sendmail.h"
#include "cli/text.h"
#include "mail/xtext.h"

static void
ss_say_reply(const struct submit_talk *t, const char *what)
{
	fprintf(stderr, "sendmail: %s: ", what);
	if (t->code > 0)
		fprintf(stderr, "%d ", t->code);
	text_put(t->text, stderr);
	fputc('\n', stderr);
}

/* WHAT was refused by something else than a yes; YES is the exit status of a
 * refusal for good. */
static int
ss_refused(const struct submit_talk *t, const char *what, int never)
{
	ss_say_reply(t, what);
	if (t->code == 0 || t->code / 100 == 4)
		return EX_TEMPFAIL;
	return never;
}

/* "550 5.1.x": there is no such recipient; other refusals are about us. */
static int
ss_never_rcpt(const struct submit_talk *t)
{
	return strncmp(t->text, "5.1.", 4) == 0 ? EX_NOUSER : EX_UNAVAILABLE;
}

/* --- DSN (RFC 3461), where belfryd offers it ---------------------------------- */

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
ss_mail_params(struct sendmail *sm, bool dsn)
{
	if (!dsn)
		return "";
	return arena_printf(&sm->arena, "%s%s%s%s",
			    sm->returns != NULL ? " RET=" : "",
			    sm->returns != NULL ? sm->returns : "",
			    sm->envid != NULL ? " ENVID=" : "",
			    sm->envid != NULL ? ss_envid(sm) : "");
}

static const char *
ss_rcpt_params(struct sendmail *sm, bool dsn)
{
	if (!dsn || sm->notify == NULL)
		return "";
	return arena_printf(&sm->arena, " NOTIFY=%s", sm->notify);
}

/* --- the dialogue --------------------------------------------------------------- */

/* All of them are asked for, so that every mistake is told at once. One that is
 * refused keeps the whole message back: the caller is told, and nobody gets it
 * twice when it is sent again. */
static int
ss_rcpts(struct sendmail *sm, struct submit_talk *t, const char *params)
{
	int r = 0, e;

	for (size_t i = 0; i < sm->rcpts.n && t->code != 0; i++) {
		const char *rcpt = sm->rcpts.v[i];

		if (talk_say(t, "RCPT TO:<%s>%s", rcpt, params) / 100 == 2)
			continue;
		e = ss_refused(t, rcpt, ss_never_rcpt(t));
		if (r == 0 || r == EX_TEMPFAIL)
			r = e;
	}
	return r;
}

static int
ss_envelope(struct sendmail *sm, struct submit_talk *t)
{
	const char *params;
	bool dsn;
	int r;

	if (t->code != 220)
		return ss_refused(t, "belfryd's greeting", EX_TEMPFAIL);
	if (talk_say(t, "EHLO localhost") != 250)
		return ss_refused(t, "EHLO", EX_PROTOCOL);
	dsn = talk_has(t, "DSN");
	params = ss_mail_params(sm, dsn);
	if (talk_say(t, "MAIL FROM:<%s>%s", sm->sender, params) != 250)
		return ss_refused(t, sm->sender[0] != '\0' ? sm->sender : "<>",
				  EX_UNAVAILABLE);
	r = ss_rcpts(sm, t, ss_rcpt_params(sm, dsn));
	if (r == 0 && talk_say(t, "DATA") != 354)
		r = ss_refused(t, "DATA", EX_UNAVAILABLE);
	return r;
}

static int
ss_content(struct sendmail *sm, struct submit_talk *t)
{
	FILE *header = fmemopen(sm->header.data, sm->header.len, "r");
	int r = -1;

	if (header != NULL && spool_seek(&sm->spool, sm->body_at) == 0)
		r = talk_message(t, header, sm->spool.file);
	if (header != NULL)
		fclose(header);
	if (r < 0) {
		sendmail_say("the message can't be read back; nothing was "
			     "sent");
		return EX_IOERR;
	}
	if (r != 250)
		return ss_refused(t, "the message", EX_DATAERR);
	return 0;
}

static int
ss_talk(struct sendmail *sm, struct submit_talk *t)
{
	int r = ss_envelope(sm, t);

	if (r == 0)
		r = ss_content(sm, t);
	if (r != 0)
		return r;
	if (sm->verbose)
		fprintf(stderr, "%s\n", t->text);
	talk_say(t, "QUIT");
	return 0;
}

/* --- the whole ------------------------------------------------------------------- */

/* "host.example.org ESMTP Belfry" */
static const char *
ss_origin(struct sendmail *sm, const struct submit_talk *t)
{
	if (sm->conf.origin[0] != '\0' || t->code != 220)
		return sm->conf.origin;
	return arena_strndup(&sm->arena, t->text, strcspn(t->text, " "));
}

static int
ss_unreachable(const struct sendmail *sm, int error)
{
	sendmail_say("can't reach belfryd at %s: %s; nothing was sent",
		     sm->conf.submit_socket, strerror(-error));
	return error == -EACCES ? EX_NOPERM : EX_TEMPFAIL;
}

int
sendmail_submit(struct sendmail *sm)
{
	struct submit_talk talk;
	int r = sendmail_read(sm), e;

	if (r != 0)
		return r;
	e = talk_open(&talk, sm->conf.submit_socket);
	if (e < 0)
		return ss_unreachable(sm, e);
	r = sendmail_compose(sm, ss_origin(sm, &talk));
	if (r == 0)
		r = ss_talk(sm, &talk);
	talk_close(&talk);
	return r;
}
