/*
 * route_arm - what a routing needs to connect: passwords, and contexts for TLS.
 *
 * A token is read at each login, since somebody else renews it; here it is only
 * looked at, and one that is not there yet is no mistake.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "deliver/hop_conf.h"
#include "deliver/route_impl.h"
#include "deliver/routes_conf.h"
#include "net/tls.h"

struct arm {
	struct routing *r;
	enum secrets_mode mode;
	bool strictly; /* of a look */
	/* The first that is verified by the system's store; NULL: none. */
	struct hop *believer;
	bool no_store; /* ... and it has been said that there is none */
	struct conf_errors *errors;
};

typedef void arm_fn(struct arm *arm, struct hop *hop);

static void
arm_list(struct arm *arm, const struct conf_list *list, arm_fn *fn)
{
	struct hop *hops = list->v;

	for (size_t i = 0; i < list->n; i++)
		fn(arm, &hops[i]);
}

static void
arm_rules(struct arm *arm, const struct conf_list *list, arm_fn *fn)
{
	struct delivery_rule *rules = list->v;

	for (size_t i = 0; i < list->n; i++)
		arm_list(arm, &rules[i].via, fn);
}

/* Every next hop, and the one that stands for all mail exchangers. */
static void
arm_each(struct arm *arm, arm_fn *fn)
{
	struct routing *r = arm->r;
	struct route_rule *routes = r->routes.v;

	arm_list(arm, &r->conf.smarthost, fn);
	arm_rules(arm, &r->conf.by_sender, fn);
	arm_rules(arm, &r->conf.by_domain, fn);
	arm_list(arm, &r->conf.fallback, fn);
	for (size_t i = 0; i < r->routes.n; i++)
		arm_list(arm, &routes[i].via, fn);
	fn(arm, &r->mx);
}

static void
arm_ask_belief(struct arm *arm, struct hop *hop)
{
	if (arm->believer == NULL && hop_tls_level(hop) == TLS_LEVEL_VERIFY &&
	    hop->ca_file[0] == '\0')
		arm->believer = hop;
}

/* --- the contexts ------------------------------------------------------------- */

/* HOP's own, by what it names. */
static int
arm_make(struct arm *arm, struct hop *hop, const char *key, char **ret_why)
{
	const struct tls_pair pair = {
		.certificate_file = hop->certificate_file,
		.key_file = hop->key.file.text[0] != '\0' ? hop->key.file.text
							  : hop->key.env.text,
		.key = key,
	};
	const struct tls_client_conf conf = {
		.min_version = TLS_VERSION_1_2,
		.ca_file = hop->ca_file[0] != '\0' ? hop->ca_file : NULL,
		.store_may_lack = arm->believer == NULL,
		.pair = key != NULL ? &pair : NULL,
	};

	return tls_client_new(&conf, &hop->client, ret_why);
}

static void
arm_client(struct arm *arm, struct hop *hop, const char *key)
{
	char *why = NULL;

	if (arm_make(arm, hop, key, &why) < 0)
		conf_error(arm->errors, &hop->mark, "%s", why);
	free(why);
}

/* What all share who want nothing of their own; kept with the one that stands
 * for the mail exchangers. */
static void
arm_shared(struct arm *arm, struct hop *hop)
{
	struct hop *mx = &arm->r->mx;
	char *why = NULL;

	if (mx->client == NULL && !arm->no_store &&
	    arm_make(arm, mx, NULL, &why) < 0) {
		conf_error(arm->errors,
			   arm->believer != NULL ? &arm->believer->mark
						 : &hop->mark,
			   "%s: whom a host's certificate must be from is not "
			   "known; install the package ca-certificates, or "
			   "name a `ca_file`",
			   why);
		arm->no_store = true;
	}
	free(why);
	if (hop != mx && mx->client != NULL)
		hop->client = tls_client_ref(mx->client);
}

static void
arm_tls(struct arm *arm, struct hop *hop)
{
	struct secret *key = NULL;

	if (hop_tls_level(hop) == TLS_LEVEL_NONE)
		return;
	if (hop->ca_file[0] == '\0' && hop->certificate_file[0] == '\0') {
		arm_shared(arm, hop);
		return;
	}
	if (secret_read(&hop->key, "key", arm->mode, arm->errors, &key) == 0)
		arm_client(arm, hop, key != NULL ? key->bytes : NULL);
	secret_free(&key);
}

/* --- the logins ------------------------------------------------------------------ */

static void
arm_look_at_token(struct arm *arm, const struct hop *hop)
{
	struct secret *token = NULL;
	char *why;
	int r;

	r = secret_load(&hop->token, arm->mode, &token, &why);
	secret_free(&token);
	if (r == -ENOENT || r == -ENODATA || (r == 0 && why != NULL))
		conf_warning(arm->errors, secret_mark(&hop->token),
			     "`token_file`: %s", why);
	else if (r < 0)
		secret_read(&hop->token, "token", arm->mode, arm->errors,
			    &token);
	secret_free(&token);
	free(why);
}

static void
arm_login(struct arm *arm, struct hop *hop)
{
	if (hop->user[0] == '\0')
		return;
	hop->login = (struct smtp_login){
		.user = hop->user,
		.mode = arm->mode,
		.any = hop->mechanism == HOP_MECHANISM_ANY,
		.in_clear = hop->allow_plaintext_login,
		.refused = arena_alloc(&arm->r->arena, sizeof(atomic_bool)),
	};
	atomic_init(hop->login.refused, false);
	if (hop->mechanism != HOP_MECHANISM_ANY)
		hop->login.mechanism =
			(enum sasl_mechanism)(hop->mechanism - 1);
	if (secret_is_given(&hop->token)) {
		arm_look_at_token(arm, hop);
		return;
	}
	secret_read(&hop->password, "password", arm->mode, arm->errors,
		    &hop->password_now);
	hop->login.password = hop->password_now;
}

static void
arm_hop(struct arm *arm, struct hop *hop)
{
	arm_login(arm, hop);
	arm_tls(arm, hop);
}

int
routing_arm(struct routing *r, enum secrets_mode mode,
	    struct conf_errors *errors)
{
	struct arm arm = {.r = r, .mode = mode, .errors = errors};
	size_t before = errors->total;

	arm_each(&arm, arm_ask_belief);
	arm_each(&arm, arm_hop);
	return errors->total > before ? -EINVAL : 0;
}

static void
arm_disarm(struct arm *arm, struct hop *hop)
{
	(void)arm;
	tls_client_unref(&hop->client);
	secret_free(&hop->password_now);
}

void
rt_disarm(struct routing *r)
{
	struct arm arm = {.r = r};

	arm_each(&arm, arm_disarm);
}

/* --- only looking ------------------------------------------------------------------ */

/* A certificate is everybody's to read, so whoever looks can make the context,
 * but for the key. */
static void
arm_look(struct arm *arm, struct hop *hop)
{
	bool ok = secret_look(&hop->password, "password", arm->mode,
			      arm->strictly, arm->errors);
	struct secret *key = NULL;
	char *why = NULL;

	ok = secret_look(&hop->key, "key", arm->mode, arm->strictly,
			 arm->errors) &&
	     ok;
	if (secret_is_given(&hop->token))
		ok = secret_look(&hop->token, "token", arm->mode, arm->strictly,
				 arm->errors) &&
		     ok;
	if (!ok || (hop->ca_file[0] == '\0' && !secret_is_given(&hop->key)))
		return;
	if (secret_is_given(&hop->key) &&
	    secret_load(&hop->key, arm->mode, &key, &why) < 0) {
		free(why);
		return;
	}
	free(why);
	arm_client(arm, hop, key != NULL ? key->bytes : NULL);
	tls_client_unref(&hop->client);
	secret_free(&key);
}

void
routing_look(struct routing *r, enum secrets_mode mode, bool strictly,
	     struct conf_errors *errors)
{
	struct arm arm = {
		.r = r, .mode = mode, .strictly = strictly, .errors = errors};

	arm_each(&arm, arm_ask_belief);
	arm_each(&arm, arm_look);
	if (arm.believer != NULL)
		arm_shared(&arm, arm.believer);
}

/* --- what a fallback asks for -------------------------------------------------------- */

static bool
hop_wants_tls(const struct hop *hop)
{
	return hop->tls == HOP_TLS_ENCRYPT || hop->tls == HOP_TLS_VERIFY;
}

/* Which of those that have a stand-in asks for most in so many words; NULL:
 * none. */
static const struct hop *
rt_strictest(const struct routing *r)
{
	const struct hop *most = NULL;

	for (size_t i = 0; i < r->nlists; i++) {
		const struct route_list *l = &r->lists[i];

		if (strcmp(l->agent, "smtp") != 0)
			continue;
		for (size_t j = 0; j < l->nhops; j++)
			if (hop_wants_tls(&l->hops[j]) &&
			    (most == NULL || l->hops[j].tls > most->tls))
				most = &l->hops[j];
	}
	return most;
}

void
routing_check_fallback(const struct routing *r, struct conf_errors *errors)
{
	const struct conf_list *list = &r->conf.fallback;
	const struct hop *most = rt_strictest(r), *fallback = list->v;

	for (size_t i = 0; most != NULL && i < list->n; i++) {
		enum tls_level level = hop_tls_level(&fallback[i]);

		if (fallback[i].tls != HOP_TLS_AUTO ||
		    level >= hop_tls_level(most))
			continue;
		conf_warning(errors, &fallback[i].mark,
			     "mail for `%s` wants `tls: %s`, and may leave by "
			     "this fallback with `tls: %s`; write the "
			     "fallback's `tls`",
			     most->host, tls_level_names[hop_tls_level(most)],
			     tls_level_names[level]);
	}
}

/* --- what a connection is made by ---------------------------------------------------- */

struct tls_policy
routing_tls(const struct hop *hop, const char *host)
{
	struct tls_policy policy = {
		.level = hop_tls_level(hop),
		.implicit = hop_is_implicit(hop),
		.name = host,
		.client = hop->client,
	};

	/* Of a routing that was not armed. */
	if (policy.client == NULL && policy.level != TLS_LEVEL_NONE) {
		must(policy.level == TLS_LEVEL_OPPORTUNISTIC);
		policy.level = TLS_LEVEL_NONE;
	}
	return policy;
}

const struct smtp_login *
routing_login(const struct hop *hop)
{
	return hop->user[0] != '\0' ? &hop->login : NULL;
}

bool
hop_same_session(const struct hop *a, const struct hop *b)
{
	if (a == b)
		return true;
	return a->user[0] == '\0' && b->user[0] == '\0' &&
	       a->certificate_file[0] == '\0' &&
	       b->certificate_file[0] == '\0' &&
	       hop_tls_level(a) == hop_tls_level(b) &&
	       hop_is_implicit(a) == hop_is_implicit(b) &&
	       strcmp(a->ca_file, b->ca_file) == 0;
}

static bool
hop_same_secret(const struct secret_conf *a, const struct secret_conf *b)
{
	return strcmp(a->file.text, b->file.text) == 0 &&
	       strcmp(a->env.text, b->env.text) == 0;
}

bool
hop_same(const struct hop *a, const struct hop *b)
{
	return strcasecmp(a->host, b->host) == 0 && a->port == b->port &&
	       a->mx == b->mx && strcmp(a->helo, b->helo) == 0 &&
	       strcmp(a->bind, b->bind) == 0 &&
	       hop_tls_level(a) == hop_tls_level(b) &&
	       hop_is_implicit(a) == hop_is_implicit(b) &&
	       strcmp(a->ca_file, b->ca_file) == 0 &&
	       strcmp(a->certificate_file, b->certificate_file) == 0 &&
	       hop_same_secret(&a->key, &b->key) &&
	       strcmp(a->user, b->user) == 0 &&
	       hop_same_secret(&a->password, &b->password) &&
	       hop_same_secret(&a->token, &b->token) &&
	       a->mechanism == b->mechanism &&
	       a->allow_plaintext_login == b->allow_plaintext_login;
}
