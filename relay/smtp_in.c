#include "relay/smtp_in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "relay/smtp_in_auth.h"
#include "relay/smtp_in_chunk.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_rcpt.h"
#include "relay/smtp_in_refuse.h"
#include "relay/smtp_in_seal.h"
#include "relay/smtp_in_tls.h"
#include "relay/smtp_in_xclient.h"

const char *const smtp_in_state_names[] = {
	[SMTP_IN_GREET] = "greet",
	[SMTP_IN_READY] = "ready",
	[SMTP_IN_MAIL] = "mail",
	[SMTP_IN_RCPT] = "rcpt",
	[SMTP_IN_HEADER] = "header",
	[SMTP_IN_BODY] = "body",
	[SMTP_IN_REFUSED] = "refused",
	[SMTP_IN_CHUNKS] = "chunks",
	[SMTP_IN_JUDGE] = "judge",
	[SMTP_IN_SIGN] = "sign",
	[SMTP_IN_COMMIT] = "commit",
	[SMTP_IN_OUTCOME] = "outcome",
	[SMTP_IN_VERIFY] = "verify",
	[SMTP_IN_AUTH] = "auth",
	[SMTP_IN_AUTH_CHECK] = "auth_check",
	[SMTP_IN_TLS] = "tls",
	[SMTP_IN_CLOSED] = "closed",
	NULL,
};

void
si_move(struct smtp_in *si, enum smtp_in_state next)
{
	enum smtp_in_state from = si->state;

	si->state = next;
	if (from != next)
		si->calls->moved(si->arg, from, next);
}

/* Forget the transaction. */
void
si_reset(struct smtp_in *si)
{
	if (si->draft)
		si->calls->abandon(si->arg);
	si_seal_drop(si);
	arena_done(&si->arena);
	arena_done(&si->asked_arena);
	buf_done(&si->header);
	si->draft = false;
	si->sender = si->given_sender = NULL;
	si->sender_domain = NULL;
	si->ret = DSN_RET_NONE;
	si->envid = NULL;
	si->smtputf8 = si->utf8_header = false;
	si->rcpt = NULL;
	si->nrcpt = 0;
	si->ntaken = 0;
	si->asked = NULL;
	si->rcpt_cap = 0;
	free(si->forward);
	si->forward = NULL;
	si->paused = false;
	si->chunked = false;
}

/* --- the commands: each step returns the next state ------------------------ */

static enum smtp_in_state
si_greeted(struct smtp_in *si, const struct smtp_command *cmd)
{
	si_reset(si);
	snprintf(si->helo, sizeof(si->helo), "%s", cmd->arg);
	return SMTP_IN_READY;
}

static enum smtp_in_state
si_helo(struct smtp_in *si, const struct smtp_command *cmd)
{
	si->esmtp = false;
	si_say(si, "250 %s", si->conf->hostname);
	return si_greeted(si, cmd);
}

static enum smtp_in_state
si_ehlo(struct smtp_in *si, const struct smtp_command *cmd)
{
	si->esmtp = true;
	si_say(si,
	       "250-%s\r\n250-PIPELINING\r\n250-SIZE %lld\r\n250-8BITMIME\r\n"
	       "250-SMTPUTF8\r\n250-DSN\r\n250-CHUNKING\r\n"
	       "%s%s%s%s250 ENHANCEDSTATUSCODES",
	       si->conf->hostname, (long long)si->conf->limits->message_size,
	       si_offers_tls(si) ? "250-STARTTLS\r\n" : "", si_auth_ehlo(si),
	       si_xclient_ehlo(si),
	       si->client->mailbox != NULL ? "250-XOUTCOME\r\n" : "");
	return si_greeted(si, cmd);
}

/* Rewritten, when it is a client of ours. */
static void
si_set_sender(struct smtp_in *si, const struct address *sender)
{
	const char *with = NULL;

	si->given_sender = address_text(sender, &si->arena);
	if (si->trusted && !address_is_null(sender))
		with = rewrite_address(si->conf->rewrite, REWRITE_ENVELOPE,
				       si->given_sender, &si->arena);
	si->sender = with != NULL ? with : si->given_sender;
	si->sender_domain = address_domain_of(si->sender);
}

static enum smtp_in_state
si_mail(struct smtp_in *si, const struct smtp_command *cmd)
{
	const struct limits_conf *limits;
	struct address sender = cmd->address;

	si->conf = si->calls->begin(si->arg, &si->trusted);
	limits = si->conf->limits;
	if (si_auth_missing(si))
		return si_refuse(si, SMTP_IN_NO_AUTH_NEEDED, SMTP_IN_READY);
	if (si->messages >= limits->messages_per_connection)
		return si_refuse(si, SMTP_IN_NO_MESSAGES, SMTP_IN_CLOSED);
	if (cmd->utf8 && !cmd->smtputf8)
		return si_refuse(si, SMTP_IN_NO_UTF8, SMTP_IN_READY);
	if (cmd->size > limits->message_size)
		return si_refuse(si, SMTP_IN_NO_SIZE, SMTP_IN_READY);
	if (!si->calls->room(si->arg))
		return si_refuse(si, SMTP_IN_NO_FULL, SMTP_IN_READY);
	if (!si_complete(si, &sender))
		return si_refuse_bare(si, SMTP_IN_READY);
	if (!si_user_may_send(si, &sender))
		return si_refuse(si, SMTP_IN_NO_AS, SMTP_IN_READY);

	if (!si->calls->rate(si->arg, SMTP_MAIL))
		return si_refuse(si, SMTP_IN_NO_RATE_MAIL, SMTP_IN_READY);

	si_set_sender(si, &sender);
	si->ret = cmd->ret;
	si->smtputf8 = cmd->smtputf8;
	if (cmd->envid != NULL)
		si->envid = arena_strdup(&si->arena, cmd->envid);
	si_say(si, "250 2.1.0 sender ok");
	return SMTP_IN_MAIL;
}

static enum smtp_in_state
si_data(struct smtp_in *si, const struct smtp_command *cmd)
{
	int r;

	(void)cmd;
	/* The last of its group (RFC 2920, 3.1): a client that does not wait
	 * for 354 would have its text read as commands, should it be refused.
	 */
	if (si->behind > 0)
		return si_refuse(si, SMTP_IN_NO_SYNC, SMTP_IN_CLOSED);
	if (si->state == SMTP_IN_CHUNKS)
		return si_refuse(si, SMTP_IN_NO_MIXED, si->state);
	if (si->nrcpt == 0)
		return si_refuse(si, SMTP_IN_NO_RCPT, si->state);

	r = si_data_begin(si);
	if (r == -ENOSPC)
		return si_refuse(si, SMTP_IN_NO_FULL, si->state);
	if (r < 0)
		return si_refuse(si, SMTP_IN_NO_STORE, si->state);
	si_say(si, "354 end with a line that holds only a dot");
	return SMTP_IN_HEADER;
}

static enum smtp_in_state
si_rset(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	si_reset(si);
	si_say(si, "250 2.0.0 reset");
	return si->state == SMTP_IN_GREET ? SMTP_IN_GREET : SMTP_IN_READY;
}

static enum smtp_in_state
si_noop(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	si_say(si, "250 2.0.0 ok");
	return si->state;
}

static enum smtp_in_state
si_vrfy(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	si_say(si, "252 2.5.0 not told; send it and see");
	return si->state;
}

static enum smtp_in_state
si_help(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	si_say(si, "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY "
		   "AUTH HELP QUIT");
	return si->state;
}

static enum smtp_in_state
si_quit(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	si_say(si, "221 2.0.0 bye");
	return SMTP_IN_CLOSED;
}

static enum smtp_in_state
si_unknown(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	return si_refuse(si, SMTP_IN_NO_VERB, si->state);
}

static enum smtp_in_state
si_xoutcome(struct smtp_in *si, const struct smtp_command *cmd)
{
	uint64_t id;

	if (si->client->mailbox == NULL)
		return si_unknown(si, cmd);
	if (cmd->arg == NULL || queue_id_parse(cmd->arg, &id) < 0 ||
	    si->calls->outcome(si->arg, id) < 0)
		return si_refuse(si, SMTP_IN_NO_ID, si->state);
	return SMTP_IN_OUTCOME;
}

/* --- the verb table -------------------------------------------------------- */

enum si_need {
	SI_NEEDS_NOTHING,
	SI_NEEDS_GREETING,  /* EHLO or HELO */
	SI_NEEDS_NO_SENDER, /* and a greeting */
	SI_NEEDS_SENDER,
};

struct si_verb {
	enum si_need need;
	bool last;  /* nothing may come behind it before its reply */
	bool clear; /* also without TLS where TLS is required */
	enum smtp_in_state (*step)(struct smtp_in *si,
				   const struct smtp_command *cmd);
	bool idle; /* by itself it leads to nothing */
};

static const struct si_verb si_verbs[] = {
	[SMTP_EHLO] = {SI_NEEDS_NOTHING, true, true, si_ehlo, true},
	[SMTP_HELO] = {SI_NEEDS_NOTHING, true, true, si_helo, true},
	[SMTP_MAIL] = {SI_NEEDS_NO_SENDER, false, false, si_mail, false},
	[SMTP_RCPT] = {SI_NEEDS_SENDER, false, false, si_rcpt, false},
	[SMTP_DATA] = {SI_NEEDS_SENDER, true, false, si_data, false},
	[SMTP_BDAT] = {SI_NEEDS_NOTHING, false, false, si_bdat, false},
	[SMTP_RSET] = {SI_NEEDS_NOTHING, false, false, si_rset, true},
	[SMTP_NOOP] = {SI_NEEDS_NOTHING, false, true, si_noop, true},
	[SMTP_VRFY] = {SI_NEEDS_NOTHING, false, false, si_vrfy, true},
	[SMTP_HELP] = {SI_NEEDS_NOTHING, false, false, si_help, true},
	[SMTP_QUIT] = {SI_NEEDS_NOTHING, false, true, si_quit, false},
	[SMTP_AUTH] = {SI_NEEDS_NO_SENDER, true, false, si_auth, false},
	[SMTP_STARTTLS] = {SI_NEEDS_NO_SENDER, true, true, si_starttls, false},
	[SMTP_XCLIENT] = {SI_NEEDS_NO_SENDER, true, false, si_xclient, false},
	[SMTP_XFORWARD] = {SI_NEEDS_NO_SENDER, false, false, si_xforward,
			   false},
	[SMTP_XOUTCOME] = {SI_NEEDS_NO_SENDER, false, false, si_xoutcome,
			   false},
	[SMTP_UNKNOWN] = {SI_NEEDS_NOTHING, false, false, si_unknown, false},
};

/* PIPELINING is offered by EHLO, so it is for who has said that (RFC 2920);
 * programs of our own may be as simple as they are. */
static bool
si_may_pipeline(const struct smtp_in *si, enum smtp_verb verb)
{
	return !si_verbs[verb].last &&
	       (si->esmtp || si->trusted || verb == SMTP_QUIT);
}

static enum smtp_in_state
si_step(struct smtp_in *si, const struct smtp_command *cmd)
{
	const struct si_verb *verb = &si_verbs[cmd->verb];
	enum smtp_in_state next;

	if (si->behind > 0 && !si_may_pipeline(si, cmd->verb))
		return si_refuse(si, SMTP_IN_NO_SYNC, SMTP_IN_CLOSED);
	if (!verb->clear && si_lacks_tls(si))
		return si_refuse_clear(si);
	switch (verb->need) {
	case SI_NEEDS_NOTHING:
		break;
	case SI_NEEDS_GREETING:
	case SI_NEEDS_NO_SENDER:
	case SI_NEEDS_SENDER:
		if (si->state == SMTP_IN_GREET)
			return si_refuse(si, SMTP_IN_NO_GREETING, si->state);
		if (verb->need == SI_NEEDS_NO_SENDER &&
		    si->state != SMTP_IN_READY)
			return si_refuse(si, SMTP_IN_NO_NESTED, si->state);
		if (verb->need == SI_NEEDS_SENDER && si->state == SMTP_IN_READY)
			return si_refuse(si, SMTP_IN_NO_SENDER, si->state);
	}
	next = verb->step(si, cmd);
	return verb->idle ? si_count_idle(si, next) : next;
}

/* How much follows a BDAT that makes no sense nobody knows: what it announced
 * must not be read as commands. */
static enum smtp_in_state
si_no_chunk(struct smtp_in *si)
{
	si->verb = SMTP_BDAT;
	return si_refuse(si, SMTP_IN_NO_CHUNK, SMTP_IN_CLOSED);
}

static enum smtp_in_state
si_command(struct smtp_in *si, const char *line, size_t len)
{
	struct smtp_command cmd = {.verb = SMTP_UNKNOWN};
	enum smtp_in_state next;
	struct reply reply;
	struct arena arena;

	if (si->state == SMTP_IN_AUTH) {
		si->secret = true;
		return si_auth_line(si, line, len);
	}
	arena_init(&arena);
	if (smtp_command_parse(line, len, &arena, &cmd, &reply) < 0) {
		si->verb = cmd.verb;
		si_xforward_overheard(si, line, len);
		next = cmd.verb == SMTP_BDAT ? si_no_chunk(si)
					     : si_refuse_syntax(si, &reply);
	} else if (cmd.verb == SMTP_UNKNOWN &&
		   smtp_command_announces(line, len)) {
		next = si_no_chunk(si);
	} else if (cmd.foreign) {
		/* A web page that makes a browser POST to our port must not
		 * send mail by what stands in its form. */
		si->verb = cmd.verb;
		next = si_refuse(si, SMTP_IN_NO_FOREIGN, SMTP_IN_CLOSED);
	} else {
		si->verb = cmd.verb;
		if (cmd.verb == SMTP_XFORWARD)
			si_xforward_heard(si);
		next = si_step(si, &cmd);
	}
	if (cmd.verb == SMTP_AUTH) {
		si->secret = true;
		arena_wipe(&arena);
	}
	arena_done(&arena);
	return next;
}

/* The end of a line that was longer than any command. */
static size_t
si_skip_line(struct smtp_in *si, const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);

	if (end == NULL)
		return len;
	si->skip_line = false;
	si->commands++;
	si->verb = SMTP_UNKNOWN;
	si_move(si, si->skip_announces
			    ? si_no_chunk(si)
			    : si_refuse(si, SMTP_IN_NO_LONG, si_auth_stay(si)));
	return (size_t)(end - data) + 1;
}

static size_t
si_command_feed(struct smtp_in *si, const char *data, size_t len)
{
	size_t max = (size_t)si->conf->limits->command_line - 2; /* CRLF */
	enum lines_fault fault = LINES_OK;
	size_t line_len, used;
	int r;

	if (si->skip_line)
		return si_skip_line(si, data, len);

	r = lines_command(data, len, max, &line_len, &used, &fault);
	if (r == 0)
		return 0;
	if (r < 0)
		si_xforward_overheard(si, data, used);
	if (r < 0 && fault == LINES_TOO_LONG && data[used - 1] != '\n') {
		si->skip_line = true; /* said when its end was seen */
		si->skip_announces = smtp_command_announces(data, used);
		return used;
	}
	si->commands++;
	si->verb = SMTP_UNKNOWN;
	si->behind = len - used;
	if (r > 0)
		si_move(si, si_command(si, data, line_len));
	else if (smtp_command_announces(data, used))
		si_move(si, si_no_chunk(si));
	else if (fault == LINES_BARE_LF && si->behind > 0)
		/* Its sender may have meant one line: of what stands behind
		 * the LF nothing is obeyed either. */
		si_move(si, si_refuse(si, SMTP_IN_NO_SYNC, SMTP_IN_CLOSED));
	else
		si_move(si, si_refuse(si,
				      fault == LINES_TOO_LONG ? SMTP_IN_NO_LONG
							      : SMTP_IN_NO_LINE,
				      si_auth_stay(si)));
	return used;
}

/* --- the face -------------------------------------------------------------- */

void
smtp_in_init(struct smtp_in *si, const struct smtp_in_calls *calls, void *arg,
	     const struct smtp_in_conf *conf,
	     const struct smtp_in_client *client)
{
	*si = (struct smtp_in){
		.calls = calls,
		.arg = arg,
		.conf = conf,
		.client = client,
		.trusted = client->trusted,
		.verb = SMTP_UNKNOWN,
	};
	arena_init(&si->arena);
	arena_init(&si->asked_arena);
}

void
smtp_in_done(struct smtp_in *si)
{
	if (si == NULL || si->calls == NULL)
		return;
	si_reset(si);
	si_auth_drop(si);
}

void
smtp_in_start(struct smtp_in *si)
{
	si_say(si, "220 %s ESMTP Belfry", si->conf->hostname);
}

static bool
si_takes_data(const struct smtp_in *si)
{
	return si->state == SMTP_IN_HEADER || si->state == SMTP_IN_BODY ||
	       si->state == SMTP_IN_REFUSED;
}

bool
smtp_in_is_over(const struct smtp_in *si)
{
	return si->state == SMTP_IN_JUDGE || si->state == SMTP_IN_SIGN ||
	       si->state == SMTP_IN_COMMIT;
}

bool
smtp_in_in_data(const struct smtp_in *si)
{
	return si_takes_data(si) || si->state == SMTP_IN_CHUNKS ||
	       si->state == SMTP_IN_JUDGE || si->state == SMTP_IN_SIGN;
}

bool
smtp_in_wants_input(const struct smtp_in *si)
{
	return !si->paused && !si->resolving && !smtp_in_is_over(si) &&
	       si->state != SMTP_IN_OUTCOME && si->state != SMTP_IN_VERIFY &&
	       si->state != SMTP_IN_AUTH_CHECK && si->state != SMTP_IN_TLS &&
	       si->state != SMTP_IN_CLOSED;
}

size_t
smtp_in_feed(struct smtp_in *si, const char *data, size_t len)
{
	size_t used = 0, n;

	while (used < len && smtp_in_wants_input(si)) {
		if (si_takes_data(si) && si->chunk_left > 0)
			n = si_chunk_feed(si, data + used, len - used);
		else if (si_takes_data(si))
			n = si_data_feed(si, data + used, len - used);
		else
			n = si_command_feed(si, data + used, len - used);
		if (n == 0)
			break;
		used += n;
		if (si->finishing)
			smtp_in_finish(si, si->finish_no);
	}
	return used;
}

void
smtp_in_resume(struct smtp_in *si)
{
	si->paused = false;
}

static enum smtp_in_no
si_no_of(int result)
{
	switch (result) {
	case -ENOSPC:
		return SMTP_IN_NO_FULL;
	case -EEXIST:
		return SMTP_IN_NO_KEY;
	default:
		return SMTP_IN_NO_STORE;
	}
}

void
smtp_in_committed(struct smtp_in *si, int result, uint64_t id)
{
	char text[QUEUE_ID_LEN];

	must(si->state == SMTP_IN_COMMIT);
	if (result >= 0) {
		si->messages++;
		si->idle_commands = 0;
		queue_id_text(id, text);
		si_say(si, "250 2.0.0 queued as %s", text);
		si->calls->accepted(si->arg, id, &si->env, si->stored);
		si_move(si, SMTP_IN_READY);
	} else {
		si_move(si, si_refuse(si, si_no_of(result), SMTP_IN_READY));
	}
	si_reset(si);
	if (si->finishing)
		smtp_in_finish(si, si->finish_no);
}

void
smtp_in_outcome(struct smtp_in *si, bool delivered, const struct reply *last)
{
	char line[REPLY_TEXT_MAX + 32];

	must(si->state == SMTP_IN_OUTCOME);
	if (delivered) {
		si_say(si, "250 2.0.0 delivered");
	} else if (last->code == 0) {
		si_say(si, "554 5.0.0 not delivered");
	} else {
		reply_line(last, line, sizeof(line));
		si_say(si, "554 5.0.0 not delivered: %s", line);
	}
	si_move(si, SMTP_IN_READY);
}

void
smtp_in_finish(struct smtp_in *si, enum smtp_in_no no)
{
	si->finishing = true;
	si->finish_no = no;
	if (!smtp_in_in_data(si))
		smtp_in_end(si, no);
}

void
smtp_in_end(struct smtp_in *si, enum smtp_in_no no)
{
	must(smtp_in_refusals[no].closes);
	if (si->state == SMTP_IN_COMMIT || si->state == SMTP_IN_CLOSED)
		return;
	si_move(si, si_refuse(si, no, SMTP_IN_CLOSED));
}
