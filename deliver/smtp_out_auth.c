/*
 * smtp_out_auth - what stands between EHLO and the first mail: STARTTLS (RFC
 * 3207) and AUTH (RFC 4954).
 *
 * What is missing to the policy ends the connection with a sentence of ours and
 * before any mail, so the next host is tried and the mail waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "deliver/smtp_out_impl.h"

const char *const tls_level_names[] = {
	[TLS_LEVEL_NONE] = "none",
	[TLS_LEVEL_OPPORTUNISTIC] = "opportunistic",
	[TLS_LEVEL_ENCRYPT] = "encrypt",
	[TLS_LEVEL_VERIFY] = "verify",
	NULL,
};

/* A longer word goes behind a 334 (RFC 4954, 4). */
#define SO_INITIAL_MAX 480
/* In the place of words of a server. */
#define SO_QUOTED "(these words have the login in them)"

/* --- TLS ------------------------------------------------------------------------ */

static enum smtp_out_state
so_no_tls(struct smtp_out *so, const char *what, const struct reply *reply)
{
	char line[REPLY_TEXT_MAX + 32] = "";
	struct reply our = {0};

	if (reply != NULL)
		reply_line(reply, line, sizeof(line));
	reply_set(&our, 451, "4.7.4", "the server %s%s, and `tls: %s` wants it",
		  what, line, tls_level_names[so->conf.tls]);
	return smtp_out_end(so, &our);
}

void
smtp_out_secured(struct smtp_out *so)
{
	bool first = so->heard == 0;

	must(so->state == SMTP_OUT_TLS);
	so->secure = true;
	/* RFC 3207, 4.2: what it said before may be somebody else's word. */
	smtp_out_forget_ehlo(so);
	so->parser.len = 0;
	so->parser.lines = 0;
	smtp_out_move(so, first ? SMTP_OUT_BANNER : SMTP_OUT_EHLO);
}

void
smtp_out_tls_failed(struct smtp_out *so, const char *why)
{
	struct reply our = {0};

	must(so->state == SMTP_OUT_TLS);
	reply_set(&our, 451, "4.7.5", "TLS: %s", why);
	so->tls_failed = true;
	smtp_out_move(so, smtp_out_end(so, &our));
}

/* No mistake of a slow server: what stands there would be taken for what it
 * says under TLS. */
void
smtp_out_injected(struct smtp_out *so)
{
	struct reply our = {0};

	reply_set(&our, 451, "4.7.5",
		  "more came with the reply to %s than that: the server, or "
		  "somebody on the way, does not keep to the protocol",
		  so->state == SMTP_OUT_TLS ? "STARTTLS" : "EHLO");
	smtp_out_move(so, smtp_out_end(so, &our));
}

enum smtp_out_state
smtp_out_heard_starttls(struct smtp_out *so, enum so_word word,
			const struct reply *reply)
{
	if (word == SO_OK)
		return SMTP_OUT_TLS;
	if (word != SO_LATER && word != SO_NEVER)
		return smtp_out_end(so, reply);
	if (so->conf.tls > TLS_LEVEL_OPPORTUNISTIC)
		return so_no_tls(so, "refused STARTTLS: ", reply);
	so->starttls = false;
	return smtp_out_greeted(so);
}

/* --- the login -------------------------------------------------------------------- */

static enum smtp_out_state
so_no_login(struct smtp_out *so, const char *dsn, const char *why)
{
	struct reply our = {0};

	reply_set(&our, 451, dsn, "no login: %s", why);
	return smtp_out_end(so, &our);
}

/* The strongest that is offered and can say it; -1 none. */
static int
so_mechanism(const struct smtp_out *so)
{
	const struct smtp_login *l = so->conf.login;
	const char *password = l->password != NULL ? l->password->bytes : NULL;

	for (unsigned m = 0; m < SASL_NMECHANISM; m++) {
		if ((so->logins & 1u << m) == 0 ||
		    (!l->any && l->mechanism != m) ||
		    (m == SASL_XOAUTH2) != (password == NULL))
			continue;
		if (password == NULL || sasl_client_fits(m, l->user, password))
			return (int)m;
	}
	return -1;
}

static enum smtp_out_state
so_no_mechanism(struct smtp_out *so)
{
	char why[256] = "the server offers none that fits; of what we know:";
	size_t n = strlen(why);

	if (so->logins == 0)
		return so_no_login(so, "4.7.4",
				   "the server offers none that we know");
	for (unsigned m = 0; m < SASL_NMECHANISM; m++)
		if (so->logins & 1u << m)
			n += (size_t)snprintf(why + n, sizeof(why) - n, " %s",
					      sasl_mechanism_names[m]);
	return so_no_login(so, "4.7.4", why);
}

static enum smtp_out_state
so_login(struct smtp_out *so)
{
	const struct smtp_login *l = so->conf.login;
	int mechanism;

	if (!so->secure && !l->in_clear)
		return so_no_login(so, "4.7.10",
				   "the connection is not encrypted");
	mechanism = so_mechanism(so);
	if (mechanism < 0)
		return so_no_mechanism(so);
	if (l->password == NULL)
		return SMTP_OUT_TOKEN;
	so->sasl = sasl_client_new((enum sasl_mechanism)mechanism, l->user,
				   l->password->bytes);
	return SMTP_OUT_AUTH;
}

enum smtp_out_state
smtp_out_greeted(struct smtp_out *so)
{
	if (so->conf.tls != TLS_LEVEL_NONE && !so->secure) {
		if (so->starttls)
			return SMTP_OUT_STARTTLS;
		if (so->conf.tls > TLS_LEVEL_OPPORTUNISTIC)
			return so_no_tls(so, "does not offer STARTTLS", NULL);
	}
	return so->conf.login != NULL ? so_login(so) : SMTP_OUT_READY;
}

void
smtp_out_token(struct smtp_out *so, const struct secret *token, const char *why)
{
	const struct smtp_login *l = so->conf.login;
	const char *broken = "the token has a control character in it";

	must(so->state == SMTP_OUT_TOKEN);
	if (token != NULL &&
	    sasl_client_fits(SASL_XOAUTH2, l->user, token->bytes)) {
		so->sasl = sasl_client_new(SASL_XOAUTH2, l->user, token->bytes);
		smtp_out_move(so, SMTP_OUT_AUTH);
		return;
	}
	smtp_out_move(so,
		      so_no_login(so, "4.7.0", token != NULL ? broken : why));
}

/* The machine's own mistakes aside, a word of ours always fits. */
static void
so_say_answer(struct smtp_out *so, const char *text)
{
	so->secret = true;
	must(buf_append_str(so->out, text) == 0);
	must(buf_append_str(so->out, "\r\n") == 0);
}

/* The first word goes with the command where it is short, else when it is asked
 * for. */
void
smtp_out_enter_auth(struct smtp_out *so)
{
	enum sasl_mechanism mechanism = sasl_client_mechanism(so->sasl);
	struct buf *first = &so->first;
	int r;

	if (so->login_begun)
		return;
	so->login_begun = true;
	r = sasl_client_first(so->sasl, first);
	must(buf_printf(so->out, "AUTH %s", sasl_mechanism_names[mechanism]) ==
	     0);
	if (r == 1 && first->len <= SO_INITIAL_MAX)
		must(buf_append_char(so->out, ' ') == 0);
	else
		so->first_waits = r == 1;
	so_say_answer(so, so->first_waits ? "" : buf_str(first));
	if (!so->first_waits)
		buf_wipe(first);
}

/* A question of the server. */
static enum smtp_out_state
so_heard_challenge(struct smtp_out *so, const struct reply *reply)
{
	char why[96];
	int r = 0;

	if (!so->first_waits)
		r = sasl_client_answer(so->sasl, reply->text, &so->first);
	so->first_waits = false;
	if (r == 0) {
		so_say_answer(so, buf_str(&so->first));
		buf_wipe(&so->first);
		return SMTP_OUT_AUTH;
	}
	buf_wipe(&so->first);
	snprintf(why, sizeof(why), "%s",
		 r == -EACCES ? "the server can't prove that it knows the "
				"password"
			      : "the server doesn't keep to the mechanism");
	if (r == -ERANGE)
		snprintf(why, sizeof(why),
			 "the server asks for more than %d rounds of SCRAM",
			 SASL_ITERATIONS_MAX);
	return so_no_login(so, "4.7.0", why);
}

/* The server's words, and what it said before in a challenge (XOAUTH2). */
static enum smtp_out_state
so_login_refused(struct smtp_out *so, const struct reply *reply)
{
	const char *words = sasl_client_words(so->sasl);
	enum smtp_out_state next = smtp_out_end(so, reply);
	size_t len = strlen(so->why.text);

	if (sasl_client_is_quoted(so->sasl, words))
		snprintf(so->why.text, sizeof(so->why.text), SO_QUOTED);
	else if (words[0] != '\0')
		snprintf(so->why.text + len, sizeof(so->why.text) - len, "%s%s",
			 len > 0 ? "; " : "", words);
	so->login_failed = true;
	return next;
}

/* Servers quote what they do not know: neither a log nor a report may have a
 * password in it. */
static void
so_censor(const struct smtp_out *so, struct reply *said)
{
	if (sasl_client_is_quoted(so->sasl, said->text))
		snprintf(said->text, sizeof(said->text), SO_QUOTED);
}

enum smtp_out_state
smtp_out_heard_auth(struct smtp_out *so, enum so_word word,
		    const struct reply *reply)
{
	struct reply said;
	bool sure;

	if (word == SO_GO_ON && reply->code == 334)
		return so_heard_challenge(so, reply);
	if (word != SO_OK) {
		reply_copy(&said, reply);
		so_censor(so, &said);
		reply = &said;
	}
	if (word == SO_NEVER)
		return so_login_refused(so, reply);
	if (word != SO_OK)
		return smtp_out_end(so, reply);
	sure = sasl_client_is_sure(so->sasl) && !so->first_waits;
	sasl_client_free(&so->sasl);
	if (sure)
		return SMTP_OUT_READY;
	return so_no_login(so, "4.7.0",
			   "the server took it before it had shown that it "
			   "knows the password");
}
