#include "relay/smtp_in_auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/password.h"
#include "base/xalloc.h"
#include "mail/mailboxes.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

/* Of what we say in an exchange. */
#define SI_CHALLENGE_MAX 1024

/* --- what is offered ------------------------------------------------------------ */

/* A password never goes out in clear, but on loopback where that is said. */
static bool
si_auth_is_safe(const struct smtp_in *si)
{
	return si->tls != NULL || si->conf->auth_in_clear;
}

bool
si_auth_offered(const struct smtp_in *si)
{
	return si->conf->auth != CONFIG_AUTH_NONE && si_auth_is_safe(si) &&
	       si->client->user == NULL;
}

const char *
si_auth_ehlo(const struct smtp_in *si)
{
	static const char *const lines[2][2] = {
		{"250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n",
		 "250-AUTH SCRAM-SHA-256 EXTERNAL PLAIN LOGIN\r\n"},
		{"250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n",
		 "250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL PLAIN "
		 "LOGIN\r\n"},
	};

	return si_auth_offered(si) ? lines[si->client->binding != NULL]
					  [si->client->shows_user]
				   : "";
}

/* What depends on the connection. */
static bool
si_auth_has(const struct smtp_in *si, enum sasl_mech mech)
{
	if (mech == SASL_IN_EXTERNAL)
		return si->client->shows_user;
	return mech != SASL_IN_SCRAM_SHA_256_PLUS ||
	       si->client->binding != NULL;
}

bool
si_auth_missing(const struct smtp_in *si)
{
	return si->conf->auth == CONFIG_AUTH_REQUIRED &&
	       si->client->user == NULL && !si->client->certified;
}

/* --- the exchange ----------------------------------------------------------------- */

void
si_auth_drop(struct smtp_in *si)
{
	sasl_server_free(&si->sasl);
}

enum smtp_in_state
si_auth_stay(struct smtp_in *si)
{
	if (si->state != SMTP_IN_AUTH)
		return si->state;
	si_auth_drop(si);
	return SMTP_IN_READY;
}

static enum smtp_in_state
si_auth_end(struct smtp_in *si, enum smtp_in_login_result result)
{
	static const enum smtp_in_no no[] = {
		[SMTP_IN_LOGIN_WRONG] = SMTP_IN_NO_LOGIN,
		[SMTP_IN_LOGIN_BUSY] = SMTP_IN_NO_BUSY,
		[SMTP_IN_LOGIN_LATER] = SMTP_IN_NO_TRIES,
	};

	must(result != SMTP_IN_LOGIN_ASKED);
	si_auth_drop(si);
	if (result != SMTP_IN_LOGIN_OK)
		return si_refuse(si, no[result], SMTP_IN_READY);
	si->conf = si->calls->begin(si->arg, &si->trusted);
	si_say(si, "235 2.7.0 logged in");
	return SMTP_IN_READY;
}

static enum smtp_in_state
si_auth_ask(struct smtp_in *si, enum sasl_result said)
{
	const struct smtp_in_login login = {
		.mech = sasl_server_mech(si->sasl),
		.user = sasl_server_user(si->sasl),
		.password = said == SASL_PASSWORD
				    ? sasl_server_password(si->sasl)
				    : NULL,
		.proved = said == SASL_PROVED,
	};
	enum smtp_in_login_result result = si->calls->login(si->arg, &login);

	return result == SMTP_IN_LOGIN_ASKED ? SMTP_IN_AUTH_CHECK
					     : si_auth_end(si, result);
}

static enum smtp_in_state
si_auth_step(struct smtp_in *si, const char *line)
{
	enum smtp_in_state next = SMTP_IN_AUTH;
	enum sasl_result said;
	struct buf challenge;

	buf_init(&challenge, SI_CHALLENGE_MAX);
	said = sasl_server_step(si->sasl, line, &challenge);
	switch (said) {
	case SASL_GO_ON:
		si_say(si, "334 %s", buf_str(&challenge));
		break;
	case SASL_PASSWORD:
	case SASL_PROVED:
	case SASL_SHOWN:
	case SASL_WRONG:
		next = si_auth_ask(si, said);
		break;
	case SASL_SYNTAX:
		si_auth_drop(si);
		next = si_refuse(si, SMTP_IN_NO_AUTH_LINE, SMTP_IN_READY);
		break;
	}
	buf_done(&challenge);
	return next;
}

static void
si_auth_keys(void *arg, const char *name, struct scram_keys *ret)
{
	struct smtp_in *si = arg;

	si->calls->scram(si->arg, name, ret);
}

/* "MECHANISM [initial-response]" */
enum smtp_in_state
si_auth(struct smtp_in *si, const struct smtp_command *cmd)
{
	const char *arg = cmd->arg != NULL ? cmd->arg : "", *initial;
	enum smtp_in_state next;
	enum sasl_mech mech;
	char *name;
	int r;

	if (si->client->user != NULL)
		return si_refuse(si, SMTP_IN_NO_AUTH_TWICE, si->state);
	si->conf = si->calls->begin(si->arg, &si->trusted);
	if (si->conf->auth == CONFIG_AUTH_NONE)
		return si_refuse(si, SMTP_IN_NO_AUTH, si->state);
	if (!si_auth_is_safe(si))
		return si_refuse(si, SMTP_IN_NO_AUTH_CLEAR, si->state);
	initial = strchr(arg, ' ');
	name = initial != NULL ? xstrndup(arg, (size_t)(initial - arg))
			       : xstrdup(arg);
	r = sasl_mech_find(name, &mech);
	free(name);
	if (r < 0 || !si_auth_has(si, mech))
		return si_refuse(si, SMTP_IN_NO_MECH, si->state);
	si->sasl = sasl_server_new(si->client->sasl, mech, si->client->binding,
				   si_auth_keys, si);
	next = si_auth_step(si, initial != NULL ? initial + 1 : NULL);
	return next;
}

enum smtp_in_state
si_auth_line(struct smtp_in *si, const char *line, size_t len)
{
	enum smtp_in_state next;
	char *text;

	si->verb = SMTP_AUTH;
	if (len == 1 && line[0] == '*') {
		si_auth_drop(si);
		return si_refuse(si, SMTP_IN_NO_AUTH_CANCEL, SMTP_IN_READY);
	}
	text = xstrndup(line, len);
	next = si_auth_step(si, text);
	password_wipe(text, len);
	free(text);
	return next;
}

void
smtp_in_authenticated(struct smtp_in *si, enum smtp_in_login_result result)
{
	must(si->state == SMTP_IN_AUTH_CHECK);
	si->verb = SMTP_AUTH;
	si_move(si, si_auth_end(si, result));
	if (si->finishing)
		smtp_in_finish(si, si->finish_no);
}

/* --- who logged in ------------------------------------------------------------------ */

enum logins_quota
si_user_take(struct smtp_in *si)
{
	const struct user *user = si->client->user;

	if (user == NULL || (user->rate.n == 0 && user->daily == 0))
		return LOGINS_QUOTA_OK;
	return si->calls->take(si->arg);
}

bool
si_user_may_send(const struct smtp_in *si, const struct address *address)
{
	const struct user *user = si->client->user;

	return user == NULL || address_is_null(address) ||
	       user_may_send(user, address);
}

static bool
si_may_mailbox(const struct smtp_in *si, const struct mailbox *m,
	       struct arena *arena)
{
	const char *text = m->text, *why;
	struct address a;

	if (m->bare)
		text = arena_printf(arena, "%s@%s", text, si->conf->origin);
	return address_parse(text, arena, &a, &why) == 0 &&
	       user_may_send(si->client->user, &a);
}

/* All that stands in the field; what can't be understood somebody else may
 * understand otherwise. */
static bool
si_may_from_field(const struct smtp_in *si, const struct header_field *f)
{
	struct mailboxes all;
	struct mailbox m;
	const char *why;
	struct arena arena;
	bool may = true;
	size_t n = 0;
	int r = 0;

	arena_init(&arena);
	mailboxes_init(&all, f->value, f->value_len);
	while (may && (r = mailboxes_next(&all, &arena, &m, &why)) > 0) {
		may = si_may_mailbox(si, &m, &arena);
		n++;
	}
	arena_done(&arena);
	return may && r == 0 && n > 0 && !all.odd;
}

bool
si_user_may_from(const struct smtp_in *si, const char *header, size_t len)
{
	struct header_field f;

	if (si->client->user == NULL || !user_has_senders(si->client->user))
		return true;
	while (header_next(header, len, &f) > 0) {
		if (header_is(&f, "From") && !si_may_from_field(si, &f))
			return false;
		header += f.raw_len;
		len -= f.raw_len;
	}
	return true;
}
