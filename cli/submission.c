#include "cli/submission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/drop_leave.h"
#include "cli/text.h"

/* --- what an answer means ---------------------------------------------------- */

/* 421 ends any session; a code of 0 is no answer. */
static bool
sub_is_gone(const struct submit_talk *t)
{
	return t->code == 0 || t->code == 421;
}

/* More than limits.recipients allows: sent again it would be the same. */
static bool
sub_too_many(const struct submit_talk *t)
{
	return t->code == 452 && strncmp(t->text, "4.5.3", 5) == 0;
}

static int
sub_refused(struct submission *s, const struct submit_talk *t,
	    enum submission_step step, const char *what)
{
	if (!sub_is_gone(t))
		return s->refused(t, step, what,
				  t->code / 100 == 4 && !sub_too_many(t));
	if (t->code == 0)
		snprintf(s->gone, sizeof(s->gone), "%s", t->text);
	else
		snprintf(s->gone, sizeof(s->gone), "%d %s", t->code, t->text);
	return SUBMISSION_GONE;
}

/* --- the envelope ------------------------------------------------------------ */

/* An address beyond ASCII; domains have their ASCII form here. */
static bool
sub_wants_utf8(const struct drop_envelope *env)
{
	bool ascii = utf8_is_ascii(env->sender);

	for (size_t i = 0; i < env->nrcpt; i++)
		ascii = ascii && utf8_is_ascii(env->rcpt[i]);
	return !ascii;
}

static int
sub_say_mail(struct submission *s, struct submit_talk *t, bool dsn, bool utf8)
{
	const char *params = dsn ? s->env.mail_params : "";
	const char *sender = s->env.sender;
	int code = talk_say(t, "MAIL FROM:<%s>%s%s%s", sender,
			    params[0] != '\0' ? " " : "", params,
			    utf8 ? " SMTPUTF8" : "");

	if (code == 250)
		return 0;
	return sub_refused(s, t, SUBMISSION_MAIL,
			   sender[0] != '\0' ? sender : "<>");
}

/* All of them are asked for, so that every mistake is told at once. What is
 * refused for good counts most, also when belfryd hangs up over too many
 * mistakes. */
static int
sub_say_rcpts(struct submission *s, struct submit_talk *t, bool dsn)
{
	const char *params = dsn ? s->env.rcpt_params : "";
	int r = 0, e;

	for (size_t i = 0; i < s->env.nrcpt && r != SUBMISSION_GONE; i++) {
		const char *rcpt = s->env.rcpt[i];
		int code = talk_say(t, "RCPT TO:<%s>%s%s", rcpt,
				    params[0] != '\0' ? " " : "", params);

		if (code / 100 == 2)
			continue;
		if (sub_is_gone(t) && r != 0 && r != SUBMISSION_LATER)
			return r;
		e = sub_refused(s, t, SUBMISSION_RCPT, rcpt);
		if (r == 0 || r == SUBMISSION_LATER || e == SUBMISSION_GONE)
			r = e;
	}
	return r;
}

static int
sub_say_envelope(struct submission *s, struct submit_talk *t)
{
	bool dsn, utf8;
	int r;

	if (t->code != 220)
		return sub_refused(s, t, SUBMISSION_GREETING,
				   "belfryd's greeting");
	if (talk_say(t, "EHLO localhost") != 250)
		return sub_refused(s, t, SUBMISSION_EHLO, "EHLO");
	dsn = talk_has(t, "DSN");
	utf8 = talk_has(t, "SMTPUTF8") && sub_wants_utf8(&s->env);
	r = sub_say_mail(s, t, dsn, utf8);
	if (r == 0)
		r = sub_say_rcpts(s, t, dsn);
	if (r == 0 && talk_say(t, "DATA") != 354)
		r = sub_refused(s, t, SUBMISSION_DATA, "DATA");
	return r;
}

/* --- the content ------------------------------------------------------------- */

/* To where it begins. */
static int
sub_rewind(const struct submission *s)
{
	if (s->header != NULL && fseeko(s->header, 0, SEEK_SET) < 0)
		return -errno;
	return fseeko(s->body, s->body_at, SEEK_SET) < 0 ? -errno : 0;
}

static int
sub_say_content(struct submission *s, struct submit_talk *t)
{
	int code;

	if (sub_rewind(s) < 0)
		return SUBMISSION_UNREADABLE;
	if (s->header != NULL)
		code = talk_message(t, s->header, s->body);
	else
		code = talk_message(t, s->body, NULL);
	if (code < 0)
		return SUBMISSION_UNREADABLE;
	s->unsure = code == 0;
	return code == 250
		       ? SUBMISSION_TAKEN
		       : sub_refused(s, t, SUBMISSION_CONTENT, "the message");
}

/* --- the face ---------------------------------------------------------------- */

int
submission_open(struct submission *s, const char *socket, struct submit_talk *t)
{
	int r = talk_open(t, socket);

	if (r == 0)
		return SUBMISSION_TAKEN;
	if (r == -EACCES)
		return SUBMISSION_NOT_ALLOWED;
	snprintf(s->gone, sizeof(s->gone), "%s: %s", socket, strerror(-r));
	return SUBMISSION_GONE;
}

int
submission_say(struct submission *s, struct submit_talk *t)
{
	int r = sub_say_envelope(s, t);

	return r == 0 ? sub_say_content(s, t) : r;
}

void
submission_say_gone(const struct submission *s, const char *program)
{
	fflush(stdout);
	fprintf(stderr, "%s: can't reach belfryd: ", program);
	text_put(s->gone, stderr);
	fputs("; ", stderr);
}

int
submission_leave(struct submission *s, const char *drop_dir)
{
	struct drop_envelope env = s->env;
	char *params = NULL;
	int r = sub_rewind(s);

	if (sub_wants_utf8(&env)) {
		params = xasprintf("%s%sSMTPUTF8", env.mail_params,
				   env.mail_params[0] != '\0' ? " " : "");
		env.mail_params = params;
	}
	if (r == 0)
		r = drop_leave(drop_dir, &env, s->header, s->body);
	free(params);
	return r;
}
