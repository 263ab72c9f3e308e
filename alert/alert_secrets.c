#include "alert/alert_secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/alerts_conf_impl.h"
#include "alert/channel.h"
#include "alert/endpoint_name.h"
#include "alert/source.h"
#include "base/ascii.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "net/tls.h"

struct source_secrets {
	const char *name;
	bool mail;
	struct secret *secret, *token; /* owned */
};

struct endpoint_secrets {
	const char *name;
	struct secret *url, *key, *token; /* owned */
};

struct alert_secrets {
	struct arena arena; /* of the names */
	atomic_uint refs;
	size_t nsources, nendpoints;
	struct source_secrets *sources;     /* owned */
	struct endpoint_secrets *endpoints; /* owned; those with some */
	struct secret *ping_url;            /* owned */
};

/* Where a load is. */
struct sl {
	const struct alerts_conf *conf;
	enum secrets_mode mode;
	struct conf_errors *errors;
	bool look, strictly; /* as alert_secrets_check() */
	struct alert_secrets *to;
};

/* What may be in a secret. */
enum sl_kind { SL_KEY, SL_TOKEN, SL_BEARER, SL_URL };

/* --- one secret ----------------------------------------------------------------- */

/* In the path of a URL and in the local part of an address. */
static bool
is_token(const struct secret *s)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return s->len >= ALERT_SECRET_TOKEN_MIN &&
	       s->len <= ALERT_SECRET_TOKEN_MAX &&
	       strspn(s->bytes, chars) == s->len;
}

/* Of a field of a request. */
static bool
is_visible(const struct secret *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->bytes[i] <= ' ' || s->bytes[i] >= 127)
			return false;
	return true;
}

static bool
is_url(const struct secret *s)
{
	size_t scheme = strncmp(s->bytes, "https://", 8) == 0  ? 8
			: strncmp(s->bytes, "http://", 7) == 0 ? 7
							       : 0;

	return scheme > 0 && s->len <= ALERT_URL_LEN && is_visible(s) &&
	       strcspn(s->bytes + scheme, "/?#") > 0;
}

/* What is wrong stays unsaid: it may be nearly right. */
static const char *
what_is_wrong(enum sl_kind kind, const struct secret *s)
{
	switch (kind) {
	case SL_KEY:
		return NULL;
	case SL_TOKEN:
		return is_token(s) ? NULL
				   : "is no token of 8 to 48 letters of ASCII, "
				     "digits, `-` and `_`; `openssl rand -hex "
				     "16` makes one";
	case SL_BEARER:
		return is_visible(s) ? NULL
				     : "has spaces, or other than letters of "
				       "ASCII, digits and signs";
	case SL_URL:
		return is_url(s) ? NULL
				 : "is no URL: http://HOST... or "
				   "https://HOST...";
	}
	return NULL;
}

static struct secret *
sl_read(struct sl *sl, const struct secret_conf *conf, const char *key,
	enum sl_kind kind)
{
	struct secret *s = NULL;
	const char *wrong;

	if (sl->look && secret_is_given(conf) &&
	    !secret_look(conf, key, sl->mode, sl->strictly, sl->errors))
		return NULL;
	if (sl->look || secret_read(conf, key, sl->mode, sl->errors, &s) < 0 ||
	    s == NULL)
		return NULL;
	wrong = what_is_wrong(kind, s);
	if (wrong == NULL)
		return s;
	conf_error(sl->errors, secret_mark(conf), "what `%s` names %s", key,
		   wrong);
	secret_free(&s);
	return NULL;
}

/* --- sources -------------------------------------------------------------------- */

static void
sl_token_is_new(struct sl *sl, const struct source_secrets *s,
		const struct conf_mark *mark)
{
	for (size_t i = 0; s->token != NULL && i < sl->to->nsources; i++) {
		const struct source_secrets *o = &sl->to->sources[i];

		if (o->token == NULL || s->token->len != o->token->len ||
		    strcasecmp(o->token->bytes, s->token->bytes) != 0)
			continue;
		conf_error(sl->errors, mark,
			   "`%s` and `%s` have the same token; each needs one "
			   "of its own",
			   o->name, s->name);
		return;
	}
}

static void
sl_sources(struct sl *sl)
{
	const struct alert_source_conf *c = sl->conf->sources.v;
	struct alert_secrets *to = sl->to;

	to->sources = xcalloc(sl->conf->sources.n + 1, sizeof(*to->sources));
	for (size_t i = 0; i < sl->conf->sources.n; i++, c++) {
		struct source_secrets *s = &to->sources[to->nsources];

		*s = (struct source_secrets){
			.name = arena_strdup(&to->arena, c->name),
			.mail = c->kind == SOURCE_MAIL,
			.secret = sl_read(sl, &c->secret, "secret", SL_KEY),
			.token = sl_read(sl, &c->token, "token", SL_TOKEN),
		};
		sl_token_is_new(sl, s, secret_mark(&c->token));
		to->nsources++;
	}
}

/* --- receivers ------------------------------------------------------------------ */

static struct endpoint_secrets *
sl_endpoint(struct sl *sl, const struct alert_receiver_conf *r,
	    enum channel channel, const void *entry)
{
	struct alert_secrets *to = sl->to;
	struct endpoint_secrets *e = &to->endpoints[to->nendpoints++];

	*e = (struct endpoint_secrets){
		.name = endpoint_name(&to->arena, r->name, channel, entry)};
	return e;
}

/* Can what vouches for a host be read? It is no secret, but belfryd needs it as
 * these. */
static void
sl_ca_file(struct sl *sl, const struct conf_text *path)
{
	const struct tls_client_conf conf = {.ca_file = path->text};
	struct tls_client *client = NULL;
	char *why = NULL;
	int r;

	if (path->text[0] == '\0')
		return;
	r = tls_client_new(&conf, &client, &why);
	if (r < 0 && (r != -EACCES || !sl->look || sl->strictly))
		conf_error(sl->errors, &path->mark, "`ca_file`: %s", why);
	free(why);
	tls_client_unref(&client);
}

static void
sl_receiver(struct sl *sl, const struct alert_receiver_conf *r)
{
	const struct alert_slack_conf *slack = r->slack.v;
	const struct alert_webhook_conf *webhook = r->webhook.v;
	const struct alert_pagerduty_conf *pagerduty = r->pagerduty.v;
	const struct alert_ntfy_conf *ntfy = r->ntfy.v;
	const struct alert_teams_conf *teams = r->teams.v;
	struct endpoint_secrets *e;

	for (size_t i = 0; i < r->slack.n; i++) {
		sl_endpoint(sl, r, CHANNEL_SLACK, &slack[i])->url =
			sl_read(sl, &slack[i].url, "url", SL_URL);
		sl_ca_file(sl, &slack[i].ca_file);
	}
	for (size_t i = 0; i < r->webhook.n; i++) {
		e = sl_endpoint(sl, r, CHANNEL_WEBHOOK, &webhook[i]);
		e->url = sl_read(sl, &webhook[i].url_secret, "url", SL_URL);
		e->key = sl_read(sl, &webhook[i].secret, "secret", SL_KEY);
		e->token = sl_read(sl, &webhook[i].token, "token", SL_BEARER);
		sl_ca_file(sl, &webhook[i].ca_file);
	}
	for (size_t i = 0; i < r->pagerduty.n; i++)
		sl_endpoint(sl, r, CHANNEL_PAGERDUTY, &pagerduty[i])->key =
			sl_read(sl, &pagerduty[i].routing_key, "routing_key",
				SL_BEARER);
	for (size_t i = 0; i < r->ntfy.n; i++) {
		sl_endpoint(sl, r, CHANNEL_NTFY, &ntfy[i])->token =
			sl_read(sl, &ntfy[i].token, "token", SL_BEARER);
		sl_ca_file(sl, &ntfy[i].ca_file);
	}
	for (size_t i = 0; i < r->teams.n; i++)
		sl_endpoint(sl, r, CHANNEL_TEAMS, &teams[i])->url =
			sl_read(sl, &teams[i].url, "url", SL_URL);
}

static void
sl_receivers(struct sl *sl)
{
	const struct alert_receiver_conf *c = sl->conf->receivers.v;
	size_t n = 0;

	for (size_t i = 0; i < sl->conf->receivers.n; i++)
		n += c[i].slack.n + c[i].webhook.n + c[i].pagerduty.n +
		     c[i].ntfy.n + c[i].teams.n;
	sl->to->endpoints = xcalloc(n + 1, sizeof(*sl->to->endpoints));
	for (size_t i = 0; i < sl->conf->receivers.n; i++)
		sl_receiver(sl, &c[i]);
}

/* --- all ------------------------------------------------------------------------ */

static void
sl_all(struct sl *sl)
{
	sl->to = xcalloc(1, sizeof(*sl->to));
	arena_init(&sl->to->arena);
	atomic_init(&sl->to->refs, 1);
	sl_sources(sl);
	sl_receivers(sl);
	sl->to->ping_url =
		sl_read(sl, &sl->conf->heartbeat.ping_url, "ping_url", SL_URL);
}

int
alert_secrets_load(const struct alerts_conf *conf, enum secrets_mode mode,
		   struct conf_errors *e, struct alert_secrets **ret)
{
	struct sl sl = {.conf = conf, .mode = mode, .errors = e};
	size_t before = e->total;

	sl_all(&sl);
	if (e->total > before) {
		alert_secrets_unref(&sl.to);
		conf_errors_sort(e);
		return -EINVAL;
	}
	*ret = sl.to;
	return 0;
}

void
alert_secrets_check(const struct alerts_conf *conf, enum secrets_mode mode,
		    bool strictly, struct conf_errors *e)
{
	struct sl sl = {
		.conf = conf,
		.mode = mode,
		.errors = e,
		.look = true,
		.strictly = strictly,
	};

	sl_all(&sl);
	alert_secrets_unref(&sl.to);
	conf_errors_sort(e);
}

struct alert_secrets *
alert_secrets_ref(struct alert_secrets *s)
{
	must(atomic_fetch_add(&s->refs, 1) > 0);
	return s;
}

void
alert_secrets_unref(struct alert_secrets **sp)
{
	struct alert_secrets *s = sp != NULL ? *sp : NULL;

	if (s == NULL)
		return;
	*sp = NULL;
	if (atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	for (size_t i = 0; i < s->nsources; i++) {
		secret_free(&s->sources[i].secret);
		secret_free(&s->sources[i].token);
	}
	for (size_t i = 0; i < s->nendpoints; i++) {
		secret_free(&s->endpoints[i].url);
		secret_free(&s->endpoints[i].key);
		secret_free(&s->endpoints[i].token);
	}
	secret_free(&s->ping_url);
	free(s->sources);
	free(s->endpoints);
	arena_done(&s->arena);
	free(s);
}

/* --- questions ------------------------------------------------------------------- */

static const struct source_secrets *
find_source(const struct alert_secrets *s, const char *name)
{
	for (size_t i = 0; i < s->nsources; i++)
		if (strcmp(s->sources[i].name, name) == 0)
			return &s->sources[i];
	return NULL;
}

const struct secret *
alert_secrets_signature(const struct alert_secrets *s, const char *name)
{
	const struct source_secrets *source = find_source(s, name);

	return source != NULL ? source->secret : NULL;
}

bool
alert_secrets_has_token(const struct alert_secrets *s, const char *name)
{
	const struct source_secrets *source = find_source(s, name);

	return source != NULL && source->token != NULL;
}

static bool
token_is(const struct secret *token, const char *text)
{
	return strlen(text) == token->len &&
	       CRYPTO_memcmp(text, token->bytes, token->len) == 0;
}

bool
alert_secrets_is_token(const struct alert_secrets *s, const char *name,
		       const char *text)
{
	const struct source_secrets *source = find_source(s, name);

	return source != NULL && source->token != NULL &&
	       token_is(source->token, text);
}

/* Letters may change their case on the way of a mail. */
static void
lower(char *to, const char *from)
{
	size_t i;

	for (i = 0; i < ALERT_SECRET_TOKEN_MAX && from[i] != '\0'; i++)
		to[i] = ascii_lower(from[i]);
	to[i] = '\0';
}

const char *
alert_secrets_mail_source(const struct alert_secrets *s, const char *text)
{
	char given[ALERT_SECRET_TOKEN_MAX + 1], token[sizeof(given)];
	const char *found = NULL;

	if (strlen(text) > ALERT_SECRET_TOKEN_MAX)
		return NULL;
	lower(given, text);
	for (size_t i = 0; i < s->nsources; i++) {
		const struct source_secrets *source = &s->sources[i];

		if (!source->mail || source->token == NULL ||
		    source->token->len != strlen(given))
			continue;
		lower(token, source->token->bytes);
		if (CRYPTO_memcmp(token, given, source->token->len) == 0)
			found = source->name;
	}
	explicit_bzero(token, sizeof(token));
	return found;
}

struct alert_endpoint_secrets
alert_secrets_endpoint(const struct alert_secrets *s, const char *name)
{
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct endpoint_secrets *e = &s->endpoints[i];

		if (strcmp(e->name, name) == 0)
			return (struct alert_endpoint_secrets){e->url, e->key,
							       e->token};
	}
	return (struct alert_endpoint_secrets){NULL, NULL, NULL};
}

const struct secret *
alert_secrets_ping_url(const struct alert_secrets *s)
{
	return s->ping_url;
}
