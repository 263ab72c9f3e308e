/* While belfryd can't be reached the message waits for it in the drop folder.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/drop_leave.h"
#include "cli/sendmail.h"
#include "cli/text.h"
#include "mail/xtext.h"

static const char *
sd_envid(struct sendmail *sm)
{
	const char *text = "";
	struct buf b;

	buf_init(&b, 3 * strlen(sm->envid));
	if (xtext_encode(sm->envid, &b) == 0)
		text = arena_strdup(&sm->arena, buf_str(&b));
	buf_done(&b);
	return text;
}

const char *
sendmail_mail_params(struct sendmail *sm)
{
	return arena_printf(&sm->arena, "%s%s%s%s",
			    sm->returns != NULL ? " RET=" : "",
			    sm->returns != NULL ? sm->returns : "",
			    sm->envid != NULL ? " ENVID=" : "",
			    sm->envid != NULL ? sd_envid(sm) : "");
}

const char *
sendmail_rcpt_params(struct sendmail *sm)
{
	if (sm->notify == NULL)
		return "";
	return arena_printf(&sm->arena, " NOTIFY=%s", sm->notify);
}

static void
sd_say_gone(const struct sendmail *sm)
{
	fputs("sendmail: can't reach belfryd: ", stderr);
	text_put(sm->gone, stderr);
	fputs("; ", stderr);
}

static int
sd_leave(struct sendmail *sm)
{
	const char *mail = sendmail_mail_params(sm);
	const char *rcpt = sendmail_rcpt_params(sm);
	const struct drop_envelope env = {
		.sender = sm->sender,
		.mail_params = mail + (mail[0] == ' '),
		.rcpt_params = rcpt + (rcpt[0] == ' '),
		.nrcpt = sm->rcpts.n,
		.rcpt = sm->rcpts.v,
	};
	FILE *header = fmemopen(sm->header.data, sm->header.len, "r");
	int r = spool_seek(&sm->spool, sm->body_at);

	if (header == NULL)
		return -ENOMEM;
	if (r == 0)
		r = drop_leave(sm->conf.drop_dir, &env, header, sm->spool.file);
	fclose(header);
	return r;
}

int
sendmail_drop(struct sendmail *sm)
{
	int r = sm->composed ? 0 : sendmail_compose(sm);

	if (r != 0)
		return r;
	r = sd_leave(sm);
	if (r < 0) {
		sd_say_gone(sm);
		fprintf(stderr, "nor leave the message in %s: %s\n",
			sm->conf.drop_dir, strerror(-r));
		return r == -EACCES ? EX_NOPERM : EX_TEMPFAIL;
	}
	if (sm->verbose || isatty(STDERR_FILENO)) {
		sd_say_gone(sm);
		fprintf(stderr, "the message waits for it in %s\n",
			sm->conf.drop_dir);
	}
	return EX_OK;
}
