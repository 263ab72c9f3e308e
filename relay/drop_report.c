/* What is refused when nobody is there any more to hear it comes back as a
 * report (RFC 3464). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "mail/smtp_param.h"
#include "relay/drop_impl.h"

#define DROP_REPORT_MAX (1024 * 1024)

static void
dr_recipient(struct drop_file *f, size_t i, const struct reply *reply,
	     struct dsn_recipient *ret)
{
	char line[REPLY_TEXT_MAX + 32], dsn[REPLY_DSN_MAX];

	reply_line(reply, line, sizeof(line));
	*ret = (struct dsn_recipient){
		.final = f->env.rcpt[i],
		.action = DSN_FAILED,
		.status = arena_strdup(&f->arena, reply_dsn(reply, dsn)),
		.reply = arena_strdup(&f->arena, line),
		.reason = "it could not be accepted",
	};
}

/* The header of the message, when all of it lies in what was read first. */
static size_t
dr_header_len(const struct drop_file *f)
{
	size_t scanned = 0, end = 0;

	if (header_end(f->front + f->body_at, f->front_len - f->body_at,
		       &scanned, &end) == 0)
		return 0;
	return end;
}

static size_t
dr_recipients(struct drop_file *f, const struct drop_talk *t,
	      struct dsn_recipient *rcpt)
{
	size_t n = 0;

	for (size_t i = 0; i < f->env.nrcpt; i++) {
		const struct reply *reply = drop_talk_refusal(t, i);

		if (reply != NULL)
			dr_recipient(f, i, reply, &rcpt[n++]);
	}
	return n;
}

/* The parameters of a line of the envelope, as the session read them. */
static void
dr_params(struct drop_file *f, const char *params, struct smtp_command *ret)
{
	struct reply reply;

	while (*params != '\0') {
		size_t len = strcspn(params, " ");

		/* What is none was refused, and that is to be told. */
		if (len > 0)
			(void)smtp_param_parse(params, len, &f->arena, ret,
					       &reply);
		params += len + (params[len] == ' ');
	}
}

/* Does the sender want to hear of failures (RFC 3461, 4.1)? */
static bool
dr_wanted(struct drop_file *f)
{
	struct smtp_command rcpt = {.verb = SMTP_RCPT};

	dr_params(f, f->env.rcpt_params, &rcpt);
	return rcpt.notify == 0 || (rcpt.notify & DSN_NOTIFY_FAILURE) != 0;
}

/* The envelope and the text. 0; -ENOENT: the sender is nobody; -EMSGSIZE. */
static int
dr_compose(struct drop *d)
{
	struct drop_file *f = &d->file;
	const char *hostname = relay_config(d->relay)->hostname;
	struct dsn_recipient *rcpt;
	const char **to = arena_alloc(&f->arena, sizeof(*to));
	struct dsn dsn = {
		.reporting_mta = hostname,
		.to = f->env.sender,
		.queue_id = f->name,
		.message_id =
			arena_printf(&f->arena, "%s@%s", f->name, hostname),
		.arrival_ms = (int64_t)f->st.st_mtim.tv_sec * 1000,
		.now_ms = loop_wall_ms(d->loop),
		.original = f->front + f->body_at,
		.original_len = dr_header_len(f),
	};
	struct smtp_command mail = {.verb = SMTP_MAIL};
	int r;

	if (f->env.sender[0] == '\0')
		return -ENOENT;
	dr_params(f, f->env.mail_params, &mail);
	dsn.envid = mail.envid;
	dsn.original_utf8 =
		mail.smtputf8 && utf8_has_8bit(dsn.original, dsn.original_len);
	rcpt = arena_alloc(&f->arena, f->env.nrcpt * sizeof(*rcpt));
	dsn.nrcpt = dr_recipients(f, d->talk, rcpt);
	dsn.rcpt = rcpt;
	r = dsn_compose(&dsn, &d->report_text);
	if (r < 0)
		return r;
	*to = f->env.sender;
	d->report_env = (struct drop_envelope){
		.sender = "",
		.mail_params = utf8_is_ascii(f->env.sender) ? "" : "SMTPUTF8",
		.rcpt_params = "",
		.nrcpt = 1,
		.rcpt = to,
		.size = (int64_t)d->report_text.len,
	};
	return 0;
}

static void
dr_give(void *arg)
{
	struct drop *d = arg;
	size_t left = d->report_text.len - d->report_at;
	const char *data = d->report_text.data + d->report_at;

	if (d->ended || d->state != DROP_REPORT)
		return;
	if (left > DROP_PIECE)
		left = DROP_PIECE;
	d->report_at += left;
	drop_talk_give(d->report, data, left);
}

static void
dr_more(void *arg)
{
	struct drop *d = arg;

	loop_defer(d->loop, &d->report_post, dr_give, d);
}

/* Its key is taken, by a report with another date: a crash came before the file
 * was unlinked. */
static bool
dr_told(const struct drop *d)
{
	return d->report != NULL &&
	       strcmp(drop_talk_last(d->report)->dsn, "5.5.0") == 0;
}

static void
dr_done(void *arg, enum drop_fate fate)
{
	struct drop *d = arg;
	char line[REPLY_TEXT_MAX + 32];

	if (d->state != DROP_REPORT)
		return;
	if (fate == DROP_NEVER && dr_told(d))
		fate = DROP_TAKEN;
	switch (fate) {
	case DROP_TAKEN:
	case DROP_MORE: /* of one recipient there are no more */
		reply_line(drop_talk_last(d->talk), line, sizeof(line));
		drop_log(d, LOG_INFO, "returned", line);
		drop_finish(d, DROP_UNLINK);
		return;
	case DROP_LATER:
		reply_line(drop_talk_last(d->report), line, sizeof(line));
		drop_log_kept(d, line);
		drop_finish(d, DROP_KEEP);
		return;
	case DROP_NEVER:
		drop_log(d, LOG_ERROR, "bad", "its sender can't be told");
		drop_finish(d, DROP_ASIDE);
		return;
	}
}

void
drop_return(struct drop *d)
{
	struct drop_talk_conf conf = {
		.env = &d->report_env,
		.more = dr_more,
		.done = dr_done,
	};
	char line[REPLY_TEXT_MAX + 32];

	if (!dr_wanted(&d->file)) {
		reply_line(drop_talk_last(d->talk), line, sizeof(line));
		drop_log(d, LOG_INFO, "untold", line);
		drop_finish(d, DROP_UNLINK);
		return;
	}
	drop_move(d, DROP_REPORT);
	d->report_at = 0;
	buf_init(&d->report_text, DROP_REPORT_MAX);
	if (dr_compose(d) < 0) {
		dr_done(d, DROP_NEVER);
	} else {
		d->report = drop_talk_to(
			d, "MAILER-DAEMON",
			drop_keys_report(&d->keys, &d->file, d->talk), &conf);
		if (d->report == NULL)
			drop_finish(d, DROP_KEEP);
	}
}
