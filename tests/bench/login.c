#include "login.h"

#include <err.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *login_salted; /* of the first login */

static Gsasl_session *
login_begin(Gsasl **ret_ctx, const char *user, const char *password)
{
	Gsasl_session *session;

	if (gsasl_init(ret_ctx) != GSASL_OK ||
	    gsasl_client_start(*ret_ctx, "SCRAM-SHA-256", &session) != GSASL_OK)
		errx(1, "no SCRAM-SHA-256");
	gsasl_property_set(session, GSASL_AUTHID, user);
	if (login_salted)
		gsasl_property_set(session, GSASL_SCRAM_SALTED_PASSWORD,
				   login_salted);
	else
		gsasl_property_set(session, GSASL_PASSWORD, password);
	return session;
}

/* What follows CHALLENGE, after PREFIX. */
static void
login_step(struct wire *w, Gsasl_session *session, const char *prefix,
	   const char *challenge, char kind)
{
	char line[WIRE_REPLY_MAX];
	char *answer = NULL;
	int r = gsasl_step64(session, challenge, &answer), len;

	if (r != GSASL_OK && r != GSASL_NEEDS_MORE)
		errx(1, "SCRAM-SHA-256: %s", gsasl_strerror(r));
	len = snprintf(line, sizeof(line), "%s%s\r\n", prefix, answer);
	gsasl_free(answer);
	wire_say(w, line, (size_t)len, kind);
}

/* The words of a 334. */
static const char *
login_challenge(const struct wire *w, char *buf, size_t size)
{
	snprintf(buf, size, "%s", wire_reply(w) + strlen("334 "));
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

void
login_scram(struct wire *w, const char *user, const char *password)
{
	Gsasl *ctx;
	Gsasl_session *session = login_begin(&ctx, user, password);
	char challenge[WIRE_REPLY_MAX];

	login_step(w, session, "AUTH SCRAM-SHA-256 ", "", '3');
	login_step(w, session, "",
		   login_challenge(w, challenge, sizeof(challenge)), '3');
	login_step(w, session, "",
		   login_challenge(w, challenge, sizeof(challenge)), '2');
	if (!login_salted)
		login_salted = strdup(gsasl_property_fast(
			session, GSASL_SCRAM_SALTED_PASSWORD));
	gsasl_finish(session);
	gsasl_done(ctx);
}
