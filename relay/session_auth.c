/*
 * A session's login: who it is says the users file, whether the password is
 * right the CPU pool, and a failure is answered late.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/io.h"
#include "relay/session_impl.h"

struct session_auth {
	struct loop_timer delay;
	enum smtp_in_login_result result; /* told when DELAY is over */
	enum sasl_mech mech;
	char *name; /* owned; who logs in, or did; NULL: not said */
};

void
session_auth_free(struct session *s)
{
	struct session_auth *a = s->auth;

	if (a == NULL)
		return;
	s->auth = NULL;
	loop_timer_done(&a->delay);
	free(a->name);
	free(a);
}

/* May USER, whatever it shows, log in here? NULL, or why not. */
static const char *
session_user_why(const struct session *s, const struct user *user)
{
	if ((user->rights & USER_SUBMIT) == 0)
		return "rights";
	return user_may_come_from(user, s->no_trust ? NULL : &s->peer)
		       ? NULL
		       : "network";
}

const struct user *
session_find_user(const struct session *s)
{
	const struct user *user;

	if (s->auth == NULL || s->auth->name == NULL || s->client.user == NULL)
		return NULL;
	user = users_find(s->snapshot->users, s->auth->name);
	return user != NULL && session_user_why(s, user) == NULL ? user : NULL;
}

static void
session_login_count(struct session *s, const char *result)
{
	metric_add(metric_cell(s->service->logins, s->service->name,
			       sasl_mech_names[s->auth->mech], result, NULL),
		   1);
}

static void
session_login_failed(struct session *s, const char *result, const char *why)
{
	session_login_count(s, result);
	log_event(&s->log, LOG_WARNING, "login_failed",
		  LOG_STR("client", s->client_text),
		  LOG_ADDR("user", s->auth->name),
		  LOG_STR("mech", sasl_mech_names[s->auth->mech]),
		  LOG_STR("reason", why),
		  LOG_STR("listener", s->service->name));
}

static void
session_login_tell(struct session *s, enum smtp_in_login_result result)
{
	if (s->smtp.state != SMTP_IN_AUTH_CHECK)
		return; /* it was sent away meanwhile */
	if (s->io != NULL)
		io_cork(s->io);
	smtp_in_authenticated(&s->smtp, result);
	session_run(s);
}

static void
session_login_late(void *arg)
{
	struct session *s = arg;

	session_login_tell(s, s->auth->result);
}

static enum smtp_in_login_result
session_login_delay(struct session *s, enum smtp_in_login_result result,
		    int64_t delay_ms)
{
	s->auth->result = result;
	loop_timer_set(&s->auth->delay, delay_ms);
	return SMTP_IN_LOGIN_ASKED;
}

static enum smtp_in_login_result
session_login_limited(struct session *s)
{
	session_login_failed(s, "limited", "tries");
	return session_login_delay(s, SMTP_IN_LOGIN_LATER, LOGINS_DELAY_MS);
}

/* NULL: it is who it says. Else why not, which the client isn't told: it could
 * be guessing. */
static const char *
session_login_why(const struct session *s, const struct user *user,
		  bool matches)
{
	const char *why = user != NULL ? session_user_why(s, user) : "unknown";

	if (why == NULL && !matches)
		why = s->auth->mech == SASL_IN_EXTERNAL ? "certificate"
							: "password";
	return why;
}

static const struct user *
session_login_user(const struct session *s)
{
	return s->auth->name != NULL
		       ? users_find(s->snapshot->users, s->auth->name)
		       : NULL;
}

/* What becomes of who has shown, or not, to be the user. */
static enum smtp_in_login_result
session_login_judge(struct session *s, bool matches)
{
	const struct user *user = session_login_user(s);
	const char *why = session_login_why(s, user, matches);
	const char *name = s->auth->name;
	int64_t now = loop_mono_ms(s->all->loop);

	if (why != NULL) {
		session_login_failed(s, "failed", why);
		return session_login_delay(
			s, SMTP_IN_LOGIN_WRONG,
			logins_failed(s->all->logins, &s->peer, name, now));
	}
	s->client.user = user;
	logins_succeeded(s->all->logins, &s->peer, name, now);
	session_login_count(s, "ok");
	log_event(&s->log, LOG_INFO, "login", LOG_STR("client", s->client_text),
		  LOG_ADDR("user", name),
		  LOG_STR("mech", sasl_mech_names[s->auth->mech]),
		  LOG_STR("listener", s->service->name));
	return SMTP_IN_LOGIN_OK;
}

static void
session_login_checked(void *object, enum logins_said said, int64_t delay_ms)
{
	struct session *s = object;
	enum smtp_in_login_result result;

	switch (said) {
	case LOGINS_MATCHES:
		result = session_login_judge(s, true);
		if (result != SMTP_IN_LOGIN_ASKED)
			session_login_tell(s, result);
		return;
	case LOGINS_WRONG:
		session_login_failed(
			s, "failed",
			session_login_why(s, session_login_user(s), false));
		session_login_delay(s, SMTP_IN_LOGIN_WRONG, delay_ms);
		return;
	case LOGINS_LIMITED:
		session_login_limited(s);
		return;
	}
}

static void
session_login_begin(struct session *s, const struct smtp_in_login *login)
{
	session_auth_free(s);
	s->auth = xcalloc(1, sizeof(*s->auth));
	s->auth->mech = login->mech;
	if (login->user != NULL)
		s->auth->name = xstrdup(login->user);
	loop_timer_init(&s->auth->delay, s->all->loop, session_login_late, s);
}

const struct user *
session_user_shown(const struct session *s)
{
	if (s->told || s->tls == NULL || !s->tls->shown)
		return NULL;
	return users_find_certificate(s->snapshot->users,
				      s->tls->peer.fingerprint);
}

static enum smtp_in_login_result
session_login_shown(struct session *s)
{
	const struct user *user = session_user_shown(s);

	if (user != NULL && s->auth->name == NULL)
		s->auth->name = xstrdup(user->name);
	return session_login_judge(
		s, user != NULL && strcmp(user->name, s->auth->name) == 0);
}

enum smtp_in_login_result
session_login(void *arg, const struct smtp_in_login *login)
{
	struct session *s = arg;
	const struct users *users = s->snapshot->users;
	struct logins *logins = s->all->logins;
	struct logins_ask ask = {
		.peer = &s->peer,
		.name = login->user,
		.password = login->password,
		.now = loop_mono_ms(s->all->loop),
	};

	session_login_begin(s, login);
	if (login->user != NULL &&
	    !logins_may_try(logins, &s->peer, login->user, ask.now))
		return session_login_limited(s);
	if (login->mech == SASL_IN_EXTERNAL)
		return session_login_shown(s);
	if (login->password == NULL)
		return session_login_judge(s, login->proved);
	ask.user = users_find(users, login->user);
	ask.like = users_hash_like(users, login->user);
	if (logins_check(logins, &ask, s->all->loop, s->handle,
			 session_login_checked) < 0) {
		session_login_failed(s, "busy", "busy");
		return SMTP_IN_LOGIN_BUSY;
	}
	return SMTP_IN_LOGIN_ASKED;
}

/* A client of SCRAM sees that its proof is good before it is logged in: where
 * it will not be, none is. */
void
session_scram(void *arg, const char *name, struct scram_keys *ret)
{
	struct session *s = arg;
	struct logins *logins = s->all->logins;
	const struct user *user = users_find(s->snapshot->users, name);

	logins_scram(logins, user, name, ret);
	if (user == NULL || session_user_why(s, user) != NULL ||
	    !logins_may_try(logins, &s->peer, name, loop_mono_ms(s->all->loop)))
		logins_scram_never(logins, name, ret);
}

void
session_login_as(struct session *s, const char *name)
{
	const struct smtp_in_login login = {.user = name, .proved = true};

	session_auth_free(s);
	s->client.user = NULL;
	if (name[0] == '\0')
		return;
	session_login_begin(s, &login);
	s->client.user = users_find(s->snapshot->users, name);
	s->client.user = session_find_user(s);
}

enum logins_quota
session_take(void *arg)
{
	struct session *s = arg;

	return logins_take(s->all->logins, s->client.user,
			   loop_mono_ms(s->all->loop));
}
