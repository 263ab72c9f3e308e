/*
 * smtp_out - the SMTP client as a machine without a socket.
 *
 * What is heard is a word (the class of a reply, or garbage, silence, a close)
 * and a reply: the server's, or ours where it said nothing. smtp_out_heard()
 * turns it into the next state; entering a state sends its command.
 */
#include "deliver/smtp_out_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/utf8.h"
#include "mail/xtext.h"

const char *const smtp_out_state_names[] = {
	[SMTP_OUT_BANNER] = "banner", [SMTP_OUT_EHLO] = "ehlo",
	[SMTP_OUT_HELO] = "helo",     [SMTP_OUT_STARTTLS] = "starttls",
	[SMTP_OUT_TLS] = "tls",       [SMTP_OUT_TOKEN] = "token",
	[SMTP_OUT_AUTH] = "auth",     [SMTP_OUT_READY] = "ready",
	[SMTP_OUT_MAIL] = "mail",     [SMTP_OUT_RCPT] = "rcpt",
	[SMTP_OUT_DATA] = "data",     [SMTP_OUT_BODY] = "body",
	[SMTP_OUT_DOT] = "dot",       [SMTP_OUT_RSET] = "rset",
	[SMTP_OUT_CLOSED] = "closed",
};

/* More recipients than this are sent one by one, which bounds OUT. */
#define SO_PIPED_MAX 500
/* Of an ORCPT that we make: with its type no longer than one may be. */
#define SO_ORCPT_MAX 490
#define SO_PIECE     ((size_t)8 * 1024)
/* So much is sent at most before anybody was accepted. */
#define SO_CHUNKED_MAX (64 * 1024)

static const char *const so_awaited[] = {
	[SMTP_OUT_BANNER] = "the greeting",
	[SMTP_OUT_EHLO] = "the reply to EHLO",
	[SMTP_OUT_HELO] = "the reply to HELO",
	[SMTP_OUT_STARTTLS] = "the reply to STARTTLS",
	[SMTP_OUT_TLS] = "the TLS handshake",
	[SMTP_OUT_TOKEN] = "the next command",
	[SMTP_OUT_AUTH] = "the reply to AUTH",
	[SMTP_OUT_READY] = "the next command",
	[SMTP_OUT_MAIL] = "the reply to MAIL",
	[SMTP_OUT_RCPT] = "the reply to RCPT",
	[SMTP_OUT_DATA] = "the reply to DATA",
	[SMTP_OUT_BODY] = "the end of the content",
	[SMTP_OUT_DOT] = "the reply to the end of the content",
	[SMTP_OUT_RSET] = "the reply to RSET",
	[SMTP_OUT_CLOSED] = "nothing",
};

const char *
smtp_out_awaited(const struct smtp_out *so)
{
	if (so->state == SMTP_OUT_EHLO && so->conf.lmtp)
		return "the reply to LHLO";
	return so_awaited[so->state];
}

static void __attribute__((format(printf, 2, 3)))
so_printf(struct smtp_out *so, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	must(buf_vprintf(so->out, fmt, ap) == 0);
	va_end(ap);
}

static void
so_say(struct smtp_out *so, const char *s)
{
	must(buf_append_str(so->out, s) == 0);
}

/* --- what is sent on entering a state --------------------------------------- */

static const char *
so_sender(const struct smtp_out *so, const struct attempt *a)
{
	return so->hidden ? "" : a->sender;
}

static bool
so_needs_utf8(const struct smtp_out *so, const struct attempt *a)
{
	return a->utf8_header || !utf8_is_ascii(so_sender(so, a));
}

/* The client said so, or somebody's address does. */
static bool
so_wants_utf8(const struct smtp_out *so, const struct attempt *a)
{
	bool wants = a->smtputf8 || so_needs_utf8(so, a);

	for (size_t i = 0; i < so->nsent && !wants; i++)
		wants = !utf8_is_ascii(a->rcpt[so->sent[i]].address);
	return wants;
}

static void
so_send_mail(struct smtp_out *so)
{
	const struct attempt *a = so->mail;

	so_printf(so, "MAIL FROM:<%s>", so_sender(so, a));
	if (so->size)
		so_printf(so, " SIZE=%" PRId64, a->size);
	if (a->eight_bit && so->eight_bit_mime)
		so_say(so, " BODY=8BITMIME");
	if (so->smtputf8 && so_wants_utf8(so, a))
		so_say(so, " SMTPUTF8");
	if (so->dsn && a->ret != DSN_RET_NONE)
		so_printf(so, " RET=%s", dsn_ret_names[a->ret]);
	if (so->dsn && a->envid) {
		so_say(so, " ENVID=");
		must(xtext_encode(a->envid, so->out) == 0);
	}
	so_say(so, "\r\n");
}

/* The recipient that the sender knows: what he said, else what an alias led
 * from (RFC 3461, 5.2.1). */
static void
so_say_orcpt(struct smtp_out *so, const struct attempt_rcpt *rcpt)
{
	struct buf original;

	if (rcpt->orcpt) {
		so_say(so, " ORCPT=");
		must(dsn_orcpt_write(rcpt->orcpt, so->out) == 0);
		return;
	}
	if (!rcpt->original || strcmp(rcpt->original, rcpt->address) == 0)
		return;
	buf_init(&original, SO_ORCPT_MAX);
	if (utf8_is_ascii(rcpt->original)
		    ? xtext_encode(rcpt->original, &original) == 0
		    : xtext_encode_utf8(rcpt->original, &original) == 0)
		so_printf(so, " ORCPT=%s;%s",
			  utf8_is_ascii(rcpt->original) ? "rfc822" : "utf-8",
			  buf_str(&original));
	buf_done(&original);
}

static void
so_send_rcpt(struct smtp_out *so, size_t at)
{
	const struct attempt_rcpt *rcpt = &so->mail->rcpt[so->sent[at]];

	so_printf(so, "RCPT TO:<%s>", rcpt->address);
	if (so->dsn && rcpt->notify != 0) {
		so_say(so, " NOTIFY=");
		must(dsn_notify_write(rcpt->notify, so->out) == 0);
	}
	if (so->dsn)
		so_say_orcpt(so, rcpt);
	so_say(so, "\r\n");
}

static void
so_enter_mail(struct smtp_out *so)
{
	so_send_mail(so);
	if (!so->piped)
		return;
	for (size_t i = 0; i < so->nsent; i++)
		so_send_rcpt(so, i);
	if (!so->chunked)
		so_say(so, "DATA\r\n");
}

static void
so_enter(struct smtp_out *so, enum smtp_out_state state)
{
	switch (state) {
	case SMTP_OUT_EHLO:
		so_printf(so, "%s %s\r\n", so->conf.lmtp ? "LHLO" : "EHLO",
			  so->conf.helo);
		return;
	case SMTP_OUT_HELO:
		smtp_out_forget_ehlo(so);
		so_printf(so, "HELO %s\r\n", so->conf.helo);
		return;
	case SMTP_OUT_STARTTLS:
		so_say(so, "STARTTLS\r\n");
		return;
	case SMTP_OUT_AUTH:
		smtp_out_enter_auth(so);
		return;
	case SMTP_OUT_MAIL:
		so_enter_mail(so);
		return;
	case SMTP_OUT_RCPT:
		if (!so->piped)
			so_send_rcpt(so, so->rcpt_at);
		return;
	case SMTP_OUT_DATA:
		if (!so->piped)
			so_say(so, "DATA\r\n");
		return;
	case SMTP_OUT_BODY:
		lines_stuff_init(&so->stuff);
		return;
	case SMTP_OUT_DOT: /* after a body smtp_out_body_end() did it */
		if (!so->mail && !so->chunked)
			so_say(so, ".\r\n");
		return;
	case SMTP_OUT_RSET:
		so_say(so, "RSET\r\n");
		return;
	case SMTP_OUT_BANNER:
	case SMTP_OUT_TLS:
	case SMTP_OUT_TOKEN:
	case SMTP_OUT_READY:
	case SMTP_OUT_CLOSED:
		return;
	}
	abort();
}

void
smtp_out_move(struct smtp_out *so, enum smtp_out_state next)
{
	enum smtp_out_state from = so->state;

	so->state = next;
	so_enter(so, next);
	if (so->conf.moved && from != next)
		so->conf.moved(so->conf.arg, from, next);
}

/* --- what is heard ----------------------------------------------------------- */

static enum so_word
so_word(const struct reply *reply)
{
	if (reply->code == 421)
		return SO_CLOSING;
	if (reply_ok(reply))
		return SO_OK;
	if (reply_temporary(reply))
		return SO_LATER;
	if (reply_permanent(reply))
		return SO_NEVER;
	return SO_GO_ON;
}

/* The server said what is no reply: our words, so that the reader of a log or
 * a bounce knows. */
static void
so_heard_garbage(struct smtp_out *so, int error)
{
	const char *awaited = smtp_out_awaited(so);
	struct reply our = {0};

	if (error == -EMSGSIZE)
		reply_set(&our, 451, "4.5.0",
			  "what came as %s is too long: above %d lines, or %d "
			  "characters in one",
			  awaited, REPLY_LINES_MAX, REPLY_LINE_MAX);
	else
		reply_set(&our, 451, "4.5.0",
			  "what came instead of %s is not SMTP", awaited);
	smtp_out_move(so, smtp_out_heard(so, SO_GARBAGE, &our));
}

/* The server said nothing: our words likewise. */
static void
so_heard_nothing(struct smtp_out *so, enum so_word word)
{
	const char *awaited = smtp_out_awaited(so);
	struct reply our = {0};

	if (so->state == SMTP_OUT_CLOSED)
		return;
	if (word == SO_SILENCE)
		reply_set(&our, 451, "4.4.2", "timed out waiting for %s",
			  awaited);
	else
		reply_set(&our, 451, "4.4.2", "connection lost before %s",
			  awaited);
	smtp_out_move(so, smtp_out_heard(so, word, &our));
}

void
smtp_out_input(struct smtp_out *so, const char *data, size_t len)
{
	bool asked = false; /* for TLS, just now */

	while (len > 0 && so->state != SMTP_OUT_CLOSED) {
		const struct reply *reply = &so->parser.reply;
		size_t used = 0;
		int r;

		if (asked || so->state == SMTP_OUT_TLS) {
			smtp_out_injected(so);
			return;
		}
		r = reply_parse(&so->parser, data, len, &used);

		if (r < 0) {
			so_heard_garbage(so, r);
			return;
		}
		if (r == 0)
			return;
		so->heard++;
		smtp_out_move(so, smtp_out_heard(so, so_word(reply), reply));
		asked = so->state == SMTP_OUT_STARTTLS;
		data += used;
		len -= used;
	}
}

void
smtp_out_closed(struct smtp_out *so)
{
	so_heard_nothing(so, SO_CLOSE);
}

void
smtp_out_silent(struct smtp_out *so)
{
	so_heard_nothing(so, SO_SILENCE);
}

/* --- the owner's calls -------------------------------------------------------- */

void
smtp_out_init(struct smtp_out *so, const struct smtp_out_conf *conf,
	      struct buf *out)
{
	memset(so, 0, sizeof(*so));
	so->conf = *conf;
	so->out = out;
	so->state = conf->implicit_tls ? SMTP_OUT_TLS : SMTP_OUT_BANNER;
	buf_init(&so->first, SMTP_OUT_MAX / 2);
	reply_parser_init(&so->parser);
	so->parser.on_line = smtp_out_keyword;
	so->parser.arg = so;
}

void
smtp_out_done(struct smtp_out *so)
{
	sasl_client_free(&so->sasl);
	buf_wipe(&so->first);
}

int64_t
smtp_out_patience(const struct smtp_out *so, const struct delivery_timeouts *t)
{
	switch (so->state) {
	case SMTP_OUT_TLS:
		return t->connect_ms;
	case SMTP_OUT_BANNER:
		return t->banner_ms;
	case SMTP_OUT_BODY:
		return t->data_ms;
	case SMTP_OUT_DOT:
		return t->after_dot_ms;
	case SMTP_OUT_MAIL:
	case SMTP_OUT_RCPT:
		/* It may answer all at once, after the mail is stored. */
		return so->ending ? t->after_dot_ms : t->command_ms;
	case SMTP_OUT_EHLO:
	case SMTP_OUT_HELO:
	case SMTP_OUT_STARTTLS:
	case SMTP_OUT_TOKEN:
	case SMTP_OUT_AUTH:
	case SMTP_OUT_READY:
	case SMTP_OUT_DATA:
	case SMTP_OUT_RSET:
	case SMTP_OUT_CLOSED:
		return t->command_ms;
	}
	abort();
}

/* What this server can't take, said without asking it. */
static bool
so_unfit(const struct smtp_out *so, const struct attempt *mail,
	 struct reply *ret_our)
{
	if (so->size && so->size_max > 0 && mail->size > so->size_max) {
		reply_set(ret_our, 552, "5.3.4",
			  "message of %" PRId64 " bytes is above the server's "
			  "limit of %" PRId64,
			  mail->size, so->size_max);
		return true;
	}
	/* What has no sender has nobody to go back to; most of it are reports.
	 */
	if (mail->eight_bit && !so->eight_bit_mime && so->conf.strict_8bit &&
	    so_sender(so, mail)[0] != '\0') {
		reply_set(ret_our, 554, "5.6.3",
			  "the server does not offer "
			  "8BITMIME, which the content needs");
		return true;
	}
	if (so_needs_utf8(so, mail) && !so->smtputf8) {
		reply_set(ret_our, 554, mail->utf8_header ? "5.6.9" : "5.6.7",
			  "the server does not offer SMTPUTF8, which the %s "
			  "needs",
			  mail->utf8_header ? "header" : "sender's address");
		return true;
	}
	return false;
}

/* A recipient whose address can't be said here concerns no other one. */
static bool
so_is_unsayable(const struct smtp_out *so, struct attempt_rcpt *rcpt)
{
	if (so->smtputf8 || utf8_is_ascii(rcpt->address))
		return false;
	rcpt->outcome = ATTEMPT_NEVER;
	reply_set(&rcpt->reply, 553, "5.6.7",
		  "the server does not offer SMTPUTF8, which the address "
		  "needs");
	return true;
}

/* A server that does not know NOTIFY would tell the sender what becomes of a
 * copy, so the copies get a transaction of their own from the null path (RFC
 * 3461, 5.2.2 d): this one, or the next, when there are others. A mail store's
 * answers come to us. */
static bool
so_hides_sender(const struct smtp_out *so, const struct attempt *mail)
{
	if (so->dsn || so->conf.lmtp)
		return false;
	for (size_t i = 0; i < mail->nrcpt; i++)
		if (mail->rcpt[i].outcome == ATTEMPT_UNTRIED &&
		    !mail->rcpt[i].copy)
			return false;
	return true;
}

static bool
so_goes_now(const struct smtp_out *so, const struct attempt_rcpt *rcpt)
{
	return rcpt->outcome == ATTEMPT_UNTRIED &&
	       (so->hidden || so->dsn || so->conf.lmtp || !rcpt->copy);
}

static void
so_choose(struct smtp_out *so, struct attempt *mail)
{
	so->hidden = so_hides_sender(so, mail);
	so->nsent = 0;
	for (size_t i = 0; i < mail->nrcpt; i++)
		if (so_goes_now(so, &mail->rcpt[i]) &&
		    !so_is_unsayable(so, &mail->rcpt[i]))
			so->sent[so->nsent++] = (uint32_t)i;
}

void
smtp_out_mail(struct smtp_out *so, struct attempt *mail)
{
	struct reply our;

	must(so->state == SMTP_OUT_READY && so->fate == SMTP_OUT_NONE &&
	     !so->mail);
	so->mail = mail;
	so->sent = arena_alloc(&mail->arena, mail->nrcpt * sizeof(*so->sent));
	so->rcpt_at = so->dot_at = 0;
	so_choose(so, mail);
	so->mail_ok = so->said = so->ending = so->left = false;
	so->piped = so->pipelining && so->nsent <= SO_PIPED_MAX;
	so->chunked = so->piped && so->chunking && so->conf.chunking &&
		      !so->conf.lmtp && mail->size <= SO_CHUNKED_MAX;
	so->sent_8bit = mail->eight_bit && !so->eight_bit_mime;

	if (so->nsent == 0) {
		so->sent_8bit = false;
		smtp_out_settle(so, ATTEMPT_DEST_OK);
		return;
	}
	if (so_unfit(so, mail, &our)) {
		so->sent_8bit = false;
		smtp_out_refused(so, SO_NEVER, &our);
		return;
	}
	smtp_out_move(so, SMTP_OUT_MAIL);
}

bool
smtp_out_wants_body(const struct smtp_out *so)
{
	if (!so->mail || so->ending)
		return false;
	return so->state == SMTP_OUT_BODY ||
	       (so->chunked &&
		(so->state == SMTP_OUT_MAIL || so->state == SMTP_OUT_RCPT));
}

/* RFC 3030, 2: as it is, and its length before it. */
static void
so_body_chunked(struct smtp_out *so, const char *data, size_t len)
{
	if (!so->said)
		so_printf(so, "BDAT %" PRId64 " LAST\r\n", so->mail->size);
	so->said = true;
	must(buf_append(so->out, data, len) == 0);
}

void
smtp_out_body(struct smtp_out *so, const char *data, size_t len)
{
	char piece[2 * SO_PIECE];

	must(smtp_out_wants_body(so));
	if (so->chunked) {
		so_body_chunked(so, data, len);
		return;
	}
	while (len > 0) {
		size_t n = len < SO_PIECE ? len : SO_PIECE;
		size_t written = lines_stuff_feed(&so->stuff, data, n, piece);

		must(buf_append(so->out, piece, written) == 0);
		data += n;
		len -= n;
	}
}

void
smtp_out_body_end(struct smtp_out *so)
{
	must(smtp_out_wants_body(so));
	if (so->chunked)
		so_body_chunked(so, "", 0);
	else
		so_say(so, lines_stuff_end(&so->stuff));
	so->ending = true;
}

bool
smtp_out_left(struct smtp_out *so)
{
	if (!so->mail || !so->ending || so->left)
		return false;
	so->left = true;
	if (so->state == SMTP_OUT_BODY)
		smtp_out_move(so, SMTP_OUT_DOT);
	return true;
}

void
smtp_out_break(struct smtp_out *so, const struct reply *our)
{
	smtp_out_pending(so, ATTEMPT_LATER, our);
	smtp_out_settle(so, ATTEMPT_DEST_OK);
	smtp_out_move(so, smtp_out_end(so, our));
}

enum smtp_out_fate
smtp_out_take(struct smtp_out *so)
{
	enum smtp_out_fate fate = so->fate;

	so->fate = SMTP_OUT_NONE;
	return fate;
}

void
smtp_out_quit(struct smtp_out *so)
{
	if (so->state == SMTP_OUT_CLOSED)
		return;
	must(!so->mail);
	if (so->state == SMTP_OUT_READY || so->state == SMTP_OUT_RSET)
		so_say(so, "QUIT\r\n");
	smtp_out_move(so, SMTP_OUT_CLOSED);
}
