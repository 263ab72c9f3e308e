/* The message to belfryd, and what its answers mean to the caller. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "cli/sendmail.h"
#include "cli/text.h"

static void
ss_say_reply(const struct submit_talk *t, const char *what)
{
	fprintf(stderr, "sendmail: %s: ", what);
	fprintf(stderr, "%d ", t->code);
	text_put(t->text, stderr);
	fputc('\n', stderr);
}

/* Not an exit status: belfryd went away, and SM->gone says how. */
#define SS_GONE (-1)

/* More than limits.recipients allows: sent again it would be the same. */
static bool
ss_too_many(const struct submit_talk *t)
{
	return t->code == 452 && strncmp(t->text, "4.5.3", 5) == 0;
}

static bool
ss_is_gone(const struct submit_talk *t)
{
	return t->code == 0 || t->code == 421;
}

/* WHAT was answered by something else than a yes; NEVER is the exit status of a
 * refusal for good. */
static int
ss_refused(struct sendmail *sm, const struct submit_talk *t, const char *what,
	   int never)
{
	if (ss_is_gone(t)) {
		sm->gone = arena_printf(&sm->arena, "%s: %s", what, t->text);
		return SS_GONE;
	}
	ss_say_reply(t, what);
	return t->code / 100 == 4 && !ss_too_many(t) ? EX_TEMPFAIL : never;
}

/* "550 5.1.x": there is no such recipient; other refusals are about us. */
static int
ss_never_rcpt(const struct submit_talk *t)
{
	return strncmp(t->text, "5.1.", 4) == 0 ? EX_NOUSER : EX_UNAVAILABLE;
}

/* --- the dialogue --------------------------------------------------------------- */

/* All of them are asked for, so that every mistake is told at once. One that is
 * refused keeps the whole message back: the caller is told, and nobody gets it
 * twice when it is sent again. So it is also when belfryd hangs up over too
 * many mistakes. */
static int
ss_rcpts(struct sendmail *sm, struct submit_talk *t, const char *params)
{
	int r = 0, e;

	for (size_t i = 0; i < sm->rcpts.n && r != SS_GONE; i++) {
		const char *rcpt = sm->rcpts.v[i];

		if (talk_say(t, "RCPT TO:<%s>%s", rcpt, params) / 100 == 2)
			continue;
		if (ss_is_gone(t) && r != 0 && r != EX_TEMPFAIL)
			return r;
		e = ss_refused(sm, t, rcpt, ss_never_rcpt(t));
		if (r == 0 || r == EX_TEMPFAIL || e == SS_GONE)
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
		return ss_refused(sm, t, "belfryd's greeting", EX_TEMPFAIL);
	if (talk_say(t, "EHLO localhost") != 250)
		return ss_refused(sm, t, "EHLO", EX_PROTOCOL);
	dsn = talk_has(t, "DSN");
	params = dsn ? sendmail_mail_params(sm) : "";
	if (talk_say(t, "MAIL FROM:<%s>%s", sm->sender, params) != 250)
		return ss_refused(sm, t,
				  sm->sender[0] != '\0' ? sm->sender : "<>",
				  EX_UNAVAILABLE);
	r = ss_rcpts(sm, t, dsn ? sendmail_rcpt_params(sm) : "");
	if (r == 0 && talk_say(t, "DATA") != 354)
		r = ss_refused(sm, t, "DATA", EX_UNAVAILABLE);
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
		return ss_refused(sm, t, "the message", EX_DATAERR);
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

static int
ss_connected(struct sendmail *sm, struct submit_talk *t)
{
	int r = sendmail_compose(sm);

	return r == 0 ? ss_talk(sm, t) : r;
}

int
sendmail_submit(struct sendmail *sm)
{
	struct submit_talk talk;
	int r = sendmail_read(sm), e;

	if (r != 0)
		return r;
	e = talk_open(&talk, sm->conf.submit_socket);
	if (e == -EACCES) {
		sendmail_say("not allowed to use %s; nothing was sent",
			     sm->conf.submit_socket);
		return EX_NOPERM;
	}
	if (e < 0) {
		sm->gone = arena_printf(&sm->arena, "%s: %s",
					sm->conf.submit_socket, strerror(-e));
		return sendmail_drop(sm);
	}
	r = ss_connected(sm, &talk);
	talk_close(&talk);
	return r == SS_GONE ? sendmail_drop(sm) : r;
}
