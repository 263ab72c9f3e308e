#include "relay/smtp_in_refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* RFC 5321, 4.5.3.1.5, without the end of the line. */
#define SI_REPLY_MAX 510

/* What every session says, word for word; docs/smtp.md has the same rows. */
const struct smtp_in_refusal smtp_in_refusals[SMTP_IN_NNO] = {
	[SMTP_IN_NO_LINE] = {500, "5.5.2",
			     "a line ends in CRLF and holds no other CR, LF "
			     "or NUL",
			     "line", true, false},
	[SMTP_IN_NO_LONG] = {500, "5.5.2", "line too long", "line", true,
			     false},
	[SMTP_IN_NO_VERB] = {500, "5.5.2", "command not known", "syntax", true,
			     false},
	[SMTP_IN_NO_SYNTAX] = {501, "5.5.4", "syntax error", "syntax", true,
			       false},
	[SMTP_IN_NO_FOREIGN] = {554, "5.5.1",
				"this is SMTP and nothing else; closing",
				"foreign", true, true},
	[SMTP_IN_NO_SYNC] = {554, "5.5.1",
			     "wait for the reply before sending more; closing",
			     "pipelining", true, true},
	[SMTP_IN_NO_GREETING] = {503, "5.5.1", "send EHLO or HELO first",
				 "sequence", true, false},
	[SMTP_IN_NO_NESTED] = {503, "5.5.1", "one MAIL at a time", "sequence",
			       true, false},
	[SMTP_IN_NO_SENDER] = {503, "5.5.1", "send MAIL first", "sequence",
			       true, false},
	[SMTP_IN_NO_RCPT] = {554, "5.5.1", "no valid recipients", "sequence",
			     true, false},
	[SMTP_IN_NO_TRUST] = {550, "5.7.1", "this client may not send here",
			      "trust", true, false},
	[SMTP_IN_NO_FOREIGN_RCPT] = {550, "5.7.1",
				     "this server takes mail for its own "
				     "domains only, and you may not relay "
				     "through it",
				     "relay", false, false},
	[SMTP_IN_NO_SOURCE] = {550, "5.7.1",
			       "an address that names another host before the "
			       "@ is not taken",
			       "relay", false, false},
	[SMTP_IN_NO_USER] = {550, "5.1.1", "nobody has this address here",
			     "unknown", false, false},
	[SMTP_IN_NO_LISTED] = {550, "5.7.1",
			       "this server sends to the addresses of its "
			       "list only, and this one is not on it",
			       "only_recipients", false, false},
	[SMTP_IN_NO_ANSWER] = {450, "4.1.1",
			       "the host that knows this recipient can't say "
			       "now, try again later",
			       "unverified", false, false},
	[SMTP_IN_NO_LARGE] = {550, "5.2.4",
			      "this address stands for too many others",
			      "no_route", false, false},
	[SMTP_IN_NO_UNKNOWNS] = {421, "4.7.0",
				 "too many recipients that are not taken; "
				 "closing",
				 "unknown", false, true},
	[SMTP_IN_NO_RECIPIENTS] = {452, "4.5.3", "too many recipients",
				   "recipients", false, false},
	[SMTP_IN_NO_SIZE] = {552, "5.3.4", "message too big", "size", true,
			     false},
	[SMTP_IN_NO_HEADER] = {552, "5.3.4", "header too big", "header", true,
			       false},
	[SMTP_IN_NO_LOOP] = {554, "5.4.6",
			     "too many Received fields: mail loop", "loop",
			     true, false},
	[SMTP_IN_NO_DATA_LINE] = {554, "5.6.0",
				  "a line ends in CRLF and holds no other CR, "
				  "LF or NUL",
				  "line", true, false},
	[SMTP_IN_NO_DATA_LONG] = {554, "5.6.0", "text line too long", "line",
				  true, false},
	[SMTP_IN_NO_FULL] = {452, "4.3.1", "the store is full, try again later",
			     "full", false, false},
	[SMTP_IN_NO_STORE] = {451, "4.3.0", "not stored, try again later",
			      "store", false, false},
	[SMTP_IN_NO_KEY] = {554, "5.5.0",
			    "another message was taken under this name", "key",
			    true, false},
	[SMTP_IN_NO_ID] = {550, "5.7.1", "not a message of this session", "id",
			   true, false},
	[SMTP_IN_NO_ERRORS] = {421, "4.7.0", "too many errors; closing",
			       "errors", false, true},
	[SMTP_IN_NO_MESSAGES] = {421, "4.7.0",
				 "enough messages for one connection; closing",
				 "messages", false, true},
	[SMTP_IN_NO_TIME] = {421, "4.4.2", "timeout; closing", "timeout", false,
			     true},
	[SMTP_IN_NO_SHUTDOWN] = {421, "4.3.2", "shutting down, try again later",
				 "shutdown", false, true},
	[SMTP_IN_NO_IDLE] = {421, "4.3.2",
			     "too many connections, and this one was idle; "
			     "closing",
			     "idle", false, true},
	[SMTP_IN_NO_CONNECTIONS] = {421, "4.7.0",
				    "too many connections, try again later",
				    "connections", false, true},
	[SMTP_IN_NO_PROXY] = {421, "4.7.0",
			      "this address is a proxy's, and no PROXY header "
			      "came; closing",
			      "proxy", false, true},
	[SMTP_IN_NO_EARLY] = {554, "5.5.1",
			      "wait for the banner before sending; closing",
			      "early", true, true},
	[SMTP_IN_NO_SLOW] = {421, "4.4.2", "the data comes too slowly; closing",
			     "slow", false, true},
	[SMTP_IN_NO_XCLIENT] = {550, "5.7.0",
				"this client may not say who another is",
				"trust", true, false},
	[SMTP_IN_NO_RATE_MAIL] = {450, "4.7.1",
				  "too many messages from you lately, try "
				  "again later",
				  "rates", false, false},
	[SMTP_IN_NO_RATE_RCPT] = {450, "4.7.1",
				  "too many recipients from you lately, try "
				  "again later",
				  "rates", false, false},
	[SMTP_IN_NO_CHUNK] = {501, "5.5.4",
			      "say BDAT size or BDAT size LAST; closing",
			      "syntax", true, true},
	[SMTP_IN_NO_MIXED] = {503, "5.5.1", "only BDAT may follow BDAT",
			      "sequence", true, false},
	[SMTP_IN_NO_UTF8] = {553, "5.6.7",
			     "an address beyond ASCII needs SMTPUTF8 in MAIL",
			     "syntax", true, false},
	[SMTP_IN_NO_AUTH] = {502, "5.5.1", "nobody logs in here", "auth", true,
			     false},
	[SMTP_IN_NO_AUTH_CLEAR] = {538, "5.7.11",
				   "only an encrypted connection takes a "
				   "login: send STARTTLS first",
				   "auth", true, false},
	[SMTP_IN_NO_AUTH_TWICE] = {503, "5.5.1", "you are logged in already",
				   "sequence", true, false},
	[SMTP_IN_NO_AUTH_NEEDED] = {530, "5.7.0", "log in first", "auth", true,
				    false},
	[SMTP_IN_NO_AUTH_LINE] = {501, "5.5.2",
				  "this is no answer of the mechanism, in "
				  "base64",
				  "auth", true, false},
	[SMTP_IN_NO_AUTH_CANCEL] = {501, "5.7.0", "login given up", "auth",
				    true, false},
	[SMTP_IN_NO_MECH] = {504, "5.5.4",
			     "this mechanism is not offered; see EHLO", "auth",
			     true, false},
	[SMTP_IN_NO_LOGIN] = {535, "5.7.8", "user or password is wrong", "auth",
			      true, false},
	[SMTP_IN_NO_TRIES] = {454, "4.7.0",
			      "too many failed logins, try again later", "auth",
			      true, false},
	[SMTP_IN_NO_BUSY] = {454, "4.7.0",
			     "too many logins at the same time, try again "
			     "later",
			     "auth", false, false},
	[SMTP_IN_NO_AS] = {553, "5.7.1",
			   "this user may not send as this address; use one "
			   "of its own, or have it added to its `senders`",
			   "sender", false, false},
	[SMTP_IN_NO_FROM] = {550, "5.7.1",
			     "this user may not send as what stands in From; "
			     "use an address of its own, or have it added to "
			     "its `senders`",
			     "sender", false, false},
	[SMTP_IN_NO_RATE] = {450, "4.7.1",
			     "this user sent to as many as it may for now, "
			     "try again later",
			     "rate", false, false},
	[SMTP_IN_NO_DAILY] = {450, "4.7.1",
			      "this user sent to as many as it may in a day, "
			      "try again later",
			      "rate", false, false},
	[SMTP_IN_NO_TLS] = {530, "5.7.0", "say STARTTLS first", "tls", true,
			    false},
	[SMTP_IN_NO_TLS_HERE] = {502, "5.5.1", "TLS is not offered here",
				 "sequence", true, false},
	[SMTP_IN_NO_TLS_LATE] = {503, "5.5.1", "STARTTLS comes before a login",
				 "sequence", true, false},
	[SMTP_IN_NO_TLS_AGAIN] = {503, "5.5.1", "TLS is on already", "sequence",
				  true, false},
	[SMTP_IN_NO_VERDICT] = {550, "5.7.26", "not by what its author says",
				"verdict", false, false},
};

void
si_say(struct smtp_in *si, const char *fmt, ...)
{
	char line[REPLY_TEXT_MAX + 64];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(line) - 3)
		len = (int)sizeof(line) - 3;
	memcpy(line + len, "\r\n", 2);
	si->calls->say(si->arg, line, (size_t)len + 2);
}

static void
si_refused(struct smtp_in *si, enum smtp_in_no no, int code, const char *dsn,
	   const char *rcpt)
{
	const struct smtp_in_refused r = {
		.no = no,
		.verb = si->verb,
		.code = code,
		.dsn = dsn,
		.from = si->sender,
		.rcpt = rcpt,
	};

	si->calls->refused(si->arg, &r);
}

/* So many commands that lead to nothing are taken before each is an error: who
 * holds a connection ready, or only asks for addresses, sends a few. */
#define SI_IDLE_COMMANDS 100

static enum smtp_in_state
si_refuse_last(struct smtp_in *si, enum smtp_in_no no)
{
	const struct smtp_in_refusal *last = &smtp_in_refusals[no];

	si_say(si, "%d %s %s", last->code, last->dsn, last->text);
	si_refused(si, no, last->code, last->dsn, NULL);
	return SMTP_IN_CLOSED;
}

static bool
si_is_guess(enum smtp_in_no no)
{
	/* Without an answer it may be one. */
	return no == SMTP_IN_NO_USER || no == SMTP_IN_NO_ANSWER ||
	       no == SMTP_IN_NO_SOURCE || no == SMTP_IN_NO_FOREIGN_RCPT;
}

/* What follows a refusal: the end, when it was one too many. */
static enum smtp_in_state
si_count_error(struct smtp_in *si, enum smtp_in_no no, enum smtp_in_state stay)
{
	const struct limits_conf *limits = si->conf->limits;

	if (smtp_in_refusals[no].closes)
		return SMTP_IN_CLOSED;
	if (smtp_in_refusals[no].error && ++si->errors >= limits->errors)
		return si_refuse_last(si, SMTP_IN_NO_ERRORS);
	if (si_is_guess(no) && !si->trusted &&
	    ++si->unknown >= limits->unknown_recipients)
		return si_refuse_last(si, SMTP_IN_NO_UNKNOWNS);
	return stay;
}

enum smtp_in_state
si_count_idle(struct smtp_in *si, enum smtp_in_state stay)
{
	if (si->trusted || ++si->idle_commands <= SI_IDLE_COMMANDS ||
	    ++si->errors < si->conf->limits->errors)
		return stay;
	return si_refuse_last(si, SMTP_IN_NO_ERRORS);
}

static enum smtp_in_state
si_refuse_row(struct smtp_in *si, enum smtp_in_no no, const char *rcpt,
	      enum smtp_in_state stay)
{
	const struct smtp_in_refusal *row = &smtp_in_refusals[no];

	si_say(si, "%d %s %s", row->code, row->dsn, row->text);
	si_refused(si, no, row->code, row->dsn, rcpt);
	return si_count_error(si, no, stay);
}

enum smtp_in_state
si_refuse(struct smtp_in *si, enum smtp_in_no no, enum smtp_in_state stay)
{
	return si_refuse_row(si, no, NULL, stay);
}

enum smtp_in_state
si_refuse_rcpt(struct smtp_in *si, enum smtp_in_no no,
	       const struct address *address)
{
	enum smtp_in_state next;
	struct arena scratch;

	arena_init(&scratch);
	next = si_refuse_row(si, no, address_text(address, &scratch),
			     si->state);
	arena_done(&scratch);
	return next;
}

enum smtp_in_state
si_refuse_reply(struct smtp_in *si, enum smtp_in_no no,
		const struct reply *reply, enum smtp_in_state stay)
{
	char line[SI_REPLY_MAX], dsn[REPLY_DSN_MAX];

	reply_line(reply, line, sizeof(line));
	si_say(si, "%s", line);
	si_refused(si, no, reply->code, reply_dsn(reply, dsn), NULL);
	return si_count_error(si, no, stay);
}

enum smtp_in_state
si_refuse_syntax(struct smtp_in *si, const struct reply *reply)
{
	return si_refuse_reply(si, SMTP_IN_NO_SYNTAX, reply, si->state);
}
