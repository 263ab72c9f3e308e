/*
 * alert_secrets - the tokens, keys and URLs that sources and receivers have in
 * files and variables.
 *
 * Read as the user who reloads will be, so not with the rules, which every
 * program makes. Immutable, shared by references from any thread, and as old
 * as the rules of the same configuration.
 */
#ifndef ALERT_ALERT_SECRETS_H
#define ALERT_ALERT_SECRETS_H

#include "alert/alerts_conf.h"
#include "base/secret.h"

/* Of a token, which stands in a URL or in the local part of an address. */
#define ALERT_SECRET_TOKEN_MIN 8
#define ALERT_SECRET_TOKEN_MAX 48

struct alert_secrets;

/* What a channel needs beside its rules; NULL where it has none of it. */
struct alert_endpoint_secrets {
	const struct secret *url;   /* slack, teams, webhook */
	const struct secret *key;   /* webhook: signs; pagerduty: routing key */
	const struct secret *token; /* webhook, ntfy */
};

/* 0 with a reference for the caller, or -EINVAL with errors in E. */
int alert_secrets_load(const struct alerts_conf *conf, enum secrets_mode mode,
		       struct conf_errors *e, struct alert_secrets **ret);
/* For `belfry check`, where it is not who will read them: that they can't be
 * read is no mistake unless STRICTLY. */
void alert_secrets_check(const struct alerts_conf *conf, enum secrets_mode mode,
			 bool strictly, struct conf_errors *e);
struct alert_secrets *alert_secrets_ref(struct alert_secrets *s);
/* Leaves NULL. */
void alert_secrets_unref(struct alert_secrets **s);

/* What the source NAME signs with; NULL: nothing. */
const struct secret *alert_secrets_signature(const struct alert_secrets *s,
					     const char *name);
/* Has the source NAME a token? */
bool alert_secrets_has_token(const struct alert_secrets *s, const char *name);
/* Is TEXT its token? Takes as long for any TEXT of its length. */
bool alert_secrets_is_token(const struct alert_secrets *s, const char *name,
			    const char *text);
/* The source of kind mail whose token is TEXT, letter case aside: NULL none. */
const char *alert_secrets_mail_source(const struct alert_secrets *s,
				      const char *text);
/* Of the endpoint NAME of the rules; all NULL: none. */
struct alert_endpoint_secrets
alert_secrets_endpoint(const struct alert_secrets *s, const char *name);
/* What the heartbeat asks for; NULL: nothing. */
const struct secret *alert_secrets_ping_url(const struct alert_secrets *s);

#endif
