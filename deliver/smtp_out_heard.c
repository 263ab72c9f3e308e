/*
 * smtp_out_heard - what follows from what was heard: the recipients' outcomes
 * and the next state, one function per state. docs/delivery.md has the table.
 */
#include <stdlib.h>

#include "base/must.h"
#include "deliver/smtp_out_impl.h"

/* --- the mail's outcome ---------------------------------------------------- */

/* RFC 1870, 6.1: 552 to MAIL is about the size. At DATA sender and recipients
 * have had their answers. */
static bool
so_is_of_content(const struct smtp_out *so, const struct reply *reply)
{
	return reply_permanent(reply) &&
	       (so->state == SMTP_OUT_DATA || so->state == SMTP_OUT_BODY ||
		so->state == SMTP_OUT_DOT ||
		(so->state == SMTP_OUT_MAIL && reply->code == 552));
}

size_t
smtp_out_pending(struct smtp_out *so, enum attempt_outcome outcome,
		 const struct reply *reply)
{
	size_t n = 0;

	for (size_t i = 0; so->mail && i < so->nsent; i++) {
		struct attempt_rcpt *rcpt = &so->mail->rcpt[so->sent[i]];

		if (rcpt->outcome != ATTEMPT_UNTRIED)
			continue;
		rcpt->outcome = outcome;
		/* All of it has left, and the server does not say. */
		rcpt->doubted =
			outcome == ATTEMPT_LATER && so->left && reply->ours;
		reply_copy(&rcpt->reply, reply);
		rcpt->reply.of_content = so_is_of_content(so, reply);
		n++;
	}
	return n;
}

static bool
so_has_pending(const struct smtp_out *so)
{
	for (size_t i = 0; so->mail && i < so->nsent; i++)
		if (so->mail->rcpt[so->sent[i]].outcome == ATTEMPT_UNTRIED)
			return true;
	return false;
}

void
smtp_out_settle(struct smtp_out *so, enum attempt_dest dest)
{
	if (!so->mail)
		return;
	so->mail->dest_state = dest;
	so->mail = NULL;
	so->fate = SMTP_OUT_SETTLED;
	so->carried++;
}

/* A reason for an end: REPLY, if it is one. A 2xx or 3xx in the wrong place
 * would read as if all were well. */
static void
so_reason(const struct smtp_out *so, const struct reply *reply,
	  struct reply *ret)
{
	char line[REPLY_TEXT_MAX + 32];

	if (reply_temporary(reply) || reply_permanent(reply)) {
		reply_copy(ret, reply);
		return;
	}
	reply_line(reply, line, sizeof(line));
	reply_set(ret, 451, "4.5.0", "this came instead of %s: %s",
		  smtp_out_awaited(so), line);
}

enum smtp_out_state
smtp_out_end(struct smtp_out *so, const struct reply *reply)
{
	so_reason(so, reply, &so->why);
	so->failed = so->carried == 0;
	return SMTP_OUT_CLOSED;
}

/* The exchange broke: what is pending is tried later. */
static enum smtp_out_state
so_lost(struct smtp_out *so, const struct reply *reply)
{
	struct reply why;
	size_t n;

	so_reason(so, reply, &why);
	n = smtp_out_pending(so, ATTEMPT_LATER, &why);
	smtp_out_settle(so, n > 0 ? ATTEMPT_DEST_DROPPED : ATTEMPT_DEST_OK);
	return smtp_out_end(so, reply);
}

void
smtp_out_refused(struct smtp_out *so, enum so_word word,
		 const struct reply *reply)
{
	smtp_out_pending(so, word == SO_NEVER ? ATTEMPT_NEVER : ATTEMPT_LATER,
			 reply);
	smtp_out_settle(so, ATTEMPT_DEST_OK);
}

/* A server that has had enough of a kept connection says so or closes while
 * MAIL is on its way: it never saw the mail. By BDAT all of it may have left by
 * then, and only who says so has not taken it. */
static bool
so_is_not_begun(const struct smtp_out *so, enum so_word word)
{
	if (so->carried == 0)
		return false;
	return word == SO_CLOSING ||
	       (!so->left && (word == SO_SILENCE || word == SO_CLOSE));
}

/* --- the states ------------------------------------------------------------ */

static enum smtp_out_state
so_heard_ehlo(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (word == SO_OK)
		return smtp_out_greeted(so);
	if (word == SO_NEVER && !so->conf.lmtp)
		return SMTP_OUT_HELO;
	return smtp_out_end(so, reply);
}

static enum smtp_out_state
so_heard_mail(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (word == SO_OK) {
		so->mail_ok = true;
		return SMTP_OUT_RCPT;
	}
	if (so_is_not_begun(so, word)) {
		so->mail = NULL;
		so->fate = SMTP_OUT_NOT_BEGUN;
		return smtp_out_end(so, reply);
	}
	if (word != SO_LATER && word != SO_NEVER)
		return so_lost(so, reply);
	smtp_out_refused(so, word, reply);
	return so->piped ? SMTP_OUT_RCPT : SMTP_OUT_READY;
}

static void
so_rcpt_refused(struct smtp_out *so, enum so_word word,
		const struct reply *reply)
{
	char line[REPLY_TEXT_MAX + 32];
	struct attempt_rcpt *rcpt;

	if (!so->mail)
		return;
	rcpt = &so->mail->rcpt[so->sent[so->rcpt_at]];
	if (reply->code == 552) {
		/* RFC 5321, 4.5.3.1.10: it is how old servers say "too many",
		 * and to be taken for 452. */
		reply_line(reply, line, sizeof(line));
		rcpt->outcome = ATTEMPT_LATER;
		reply_set(&rcpt->reply, 452, "4.5.3",
			  "taken for \"too many recipients\": %s", line);
		return;
	}
	rcpt->outcome = word == SO_NEVER ? ATTEMPT_NEVER : ATTEMPT_LATER;
	reply_copy(&rcpt->reply, reply);
}

/* All of them, where BDAT follows or has followed already. */
static enum smtp_out_state
so_heard_rcpts(struct smtp_out *so, const struct reply *reply)
{
	if (so->mail)
		return so->left ? SMTP_OUT_DOT : SMTP_OUT_BODY;
	if (!so->said)
		return SMTP_OUT_RSET;
	/* A chunk that is begun can't be taken back. */
	return so->ending ? SMTP_OUT_DOT : smtp_out_end(so, reply);
}

static enum smtp_out_state
so_heard_rcpt(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (word == SO_LATER || word == SO_NEVER)
		so_rcpt_refused(so, word, reply);
	else if (word != SO_OK)
		return so_lost(so, reply);

	if (++so->rcpt_at < so->nsent)
		return SMTP_OUT_RCPT;
	if (!so_has_pending(so))
		smtp_out_settle(so, ATTEMPT_DEST_OK);
	if (so->chunked)
		return so_heard_rcpts(so, reply);
	return so->mail || so->piped ? SMTP_OUT_DATA : SMTP_OUT_RSET;
}

static enum smtp_out_state
so_heard_data(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (reply->code == 354 && word == SO_GO_ON) {
		if (so->mail)
			return SMTP_OUT_BODY;
		/* RFC 2920, 3.1: nobody is left, so the content is empty. A
		 * server that also forgets that it refused MAIL might deliver
		 * it, so there the connection ends. So it does with LMTP,
		 * where an empty content for nobody has no reply. */
		return so->mail_ok && !so->conf.lmtp ? SMTP_OUT_DOT
						     : smtp_out_end(so, reply);
	}
	if (word == SO_LATER || word == SO_NEVER) {
		smtp_out_refused(so, word, reply);
		return so->mail_ok ? SMTP_OUT_RSET : SMTP_OUT_READY;
	}
	return so_lost(so, reply);
}

/* It speaks before the final dot has left, so the dot never does. */
static enum smtp_out_state
so_heard_body(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (word != SO_LATER && word != SO_NEVER)
		return so_lost(so, reply);
	smtp_out_refused(so, word, reply);
	return smtp_out_end(so, reply);
}

/* Who asks for success hears of it from us, when the server would not say. */
static void
so_note_reach(struct smtp_out *so)
{
	for (size_t i = 0; so->mail && i < so->nsent; i++)
		so->mail->rcpt[so->sent[i]].reach =
			so->dsn ? ATTEMPT_PASSED_ON : ATTEMPT_RELAYED;
}

/* RFC 2033, 4.2: the replies come in the order of the recipients that were
 * taken. What came before the exchange broke stands. */
static enum smtp_out_state
so_heard_dot_of_one(struct smtp_out *so, enum so_word word,
		    const struct reply *reply)
{
	struct attempt_rcpt *rcpt;

	if (word != SO_OK && word != SO_LATER && word != SO_NEVER)
		return so_lost(so, reply);
	do {
		must(so->dot_at < so->nsent);
		rcpt = &so->mail->rcpt[so->sent[so->dot_at++]];
	} while (rcpt->outcome != ATTEMPT_UNTRIED);
	rcpt->outcome = word == SO_OK      ? ATTEMPT_DONE
			: word == SO_LATER ? ATTEMPT_LATER
					   : ATTEMPT_NEVER;
	/* A mail store is the end of the way. */
	rcpt->reach = so->dsn ? ATTEMPT_PASSED_ON : ATTEMPT_DELIVERED;
	reply_copy(&rcpt->reply, reply);
	rcpt->reply.of_content = so_is_of_content(so, reply);
	if (so_has_pending(so))
		return SMTP_OUT_DOT;
	smtp_out_settle(so, ATTEMPT_DEST_OK);
	return SMTP_OUT_READY;
}

static enum smtp_out_state
so_heard_dot(struct smtp_out *so, enum so_word word, const struct reply *reply)
{
	if (so->conf.lmtp)
		return so_heard_dot_of_one(so, word, reply);
	if (so->chunked && !so->mail && !so->mail_ok && word == SO_OK)
		return smtp_out_end(so, reply); /* as at DATA */
	if (word == SO_OK) {
		so_note_reach(so);
		smtp_out_pending(so, ATTEMPT_DONE, reply);
		smtp_out_settle(so, ATTEMPT_DEST_OK);
		return SMTP_OUT_READY;
	}
	if (word == SO_LATER || word == SO_NEVER) {
		smtp_out_refused(so, word, reply);
		/* RFC 3030, 2: after a BDAT that failed nothing is sure. */
		return so->chunked ? SMTP_OUT_RSET : SMTP_OUT_READY;
	}
	return so_lost(so, reply);
}

enum smtp_out_state
smtp_out_heard(struct smtp_out *so, enum so_word word,
	       const struct reply *reply)
{
	switch (so->state) {
	case SMTP_OUT_BANNER:
		return word == SO_OK ? SMTP_OUT_EHLO : smtp_out_end(so, reply);
	case SMTP_OUT_EHLO:
		return so_heard_ehlo(so, word, reply);
	case SMTP_OUT_HELO:
		return word == SO_OK ? smtp_out_greeted(so)
				     : smtp_out_end(so, reply);
	case SMTP_OUT_STARTTLS:
		return smtp_out_heard_starttls(so, word, reply);
	case SMTP_OUT_TLS:
		so->tls_failed = true;
		return smtp_out_end(so, reply);
	case SMTP_OUT_AUTH:
		return smtp_out_heard_auth(so, word, reply);
	case SMTP_OUT_TOKEN:
	case SMTP_OUT_READY:
		return smtp_out_end(so, reply); /* nobody asked */
	case SMTP_OUT_MAIL:
		return so_heard_mail(so, word, reply);
	case SMTP_OUT_RCPT:
		return so_heard_rcpt(so, word, reply);
	case SMTP_OUT_DATA:
		return so_heard_data(so, word, reply);
	case SMTP_OUT_BODY:
		return so_heard_body(so, word, reply);
	case SMTP_OUT_DOT:
		return so_heard_dot(so, word, reply);
	case SMTP_OUT_RSET:
		return word == SO_OK ? SMTP_OUT_READY : smtp_out_end(so, reply);
	case SMTP_OUT_CLOSED:
		return SMTP_OUT_CLOSED;
	}
	abort();
}
