#include "relay/hooks.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_secrets.h"
#include "alert/intake.h"
#include "alert/rules.h"
#include "base/tally.h"
#include "base/xalloc.h"
#include "relay/alert_take.h"
#include "relay/alerts.h"

#define POSTABLE     "api/v2/alerts"
#define API_SOURCE   "alertmanager" /* whose HOOKS_API_PATH is */
#define RETRY_AFTER  "10"
#define NAME_SIZE    129
#define TOKEN_SIZE   129
#define QUERY_MAX    100
#define SOURCES_KEPT 1000

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"

/* From here on it is read in the pool: a millisecond and more. */
#define HOOK_LARGE (32 * 1024)

#define HOOK_WAIT_MS 50

/* --- the path ----------------------------------------------------------------- */

struct hook_path {
	char name[NAME_SIZE];
	char token[TOKEN_SIZE]; /* "": none */
	bool postable;
};

/* A piece up to the next slash; false: it is longer than any can be. */
static bool
hook_piece(const char **at, char *ret, size_t size)
{
	size_t len = strcspn(*at, "/");

	if (len >= size)
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + ((*at)[len] == '/');
	return true;
}

static bool
hook_path_parse(const char *path, struct hook_path *ret)
{
	const char *at = path + strlen(HOOKS_PATH);

	memset(ret, 0, sizeof(*ret));
	if (strcmp(path, HOOKS_API_PATH) == 0) {
		snprintf(ret->name, sizeof(ret->name), "%s", API_SOURCE);
		ret->postable = true;
		return true;
	}
	if (!hook_piece(&at, ret->name, sizeof(ret->name)))
		return false;
	if (*at != '\0' && strcmp(at, POSTABLE) != 0 &&
	    !hook_piece(&at, ret->token, sizeof(ret->token)))
		return false;
	ret->postable = strcmp(at, POSTABLE) == 0;
	return *at == '\0' || ret->postable;
}

/* Can one post there? */
static bool
hook_takes(const struct rules_source *source, const struct hook_path *path)
{
	switch (source->kind) {
	case SOURCE_ALERTMANAGER:
		return true;
	case SOURCE_GRAFANA:
	case SOURCE_SENTRY:
	case SOURCE_UPTIMEROBOT:
	case SOURCE_UPTIMEKUMA:
	case SOURCE_STATUSPAGE:
	case SOURCE_PAPERTRAIL:
	case SOURCE_GITHUB:
	case SOURCE_GENERIC:
		return !path->postable;
	case SOURCE_MAIL:
	case SOURCE_CLI:
	case SOURCE_OWN:
		return false;
	}
	return false;
}

/* NULL: there is nothing at PATH. */
static const struct rules_source *
hook_find(struct relay *r, const struct http_request *req,
	  struct hook_path *ret_path)
{
	const struct rules_source *source;

	if (r->alerts == NULL || !alerts_is_on(r->alerts) ||
	    !hook_path_parse(http_request_path(req), ret_path))
		return NULL;
	source = rules_source(r->snapshot->rules, ret_path->name);
	return source != NULL && hook_takes(source, ret_path) ? source : NULL;
}

/* --- who may ------------------------------------------------------------------- */

static enum alert_event
hook_event(int status)
{
	switch (status) {
	case 401:
		return ALERT_EVENT_UNAUTHORIZED;
	case 403:
		return ALERT_EVENT_FORBIDDEN;
	case 413:
		return ALERT_EVENT_LARGE;
	case 429:
		return ALERT_EVENT_LIMITED;
	case 503:
		return ALERT_EVENT_LATER;
	default:
		return ALERT_EVENT_MALFORMED;
	}
}

static int
hook_refuse(struct relay *r, const struct rules_source *source,
	    const struct sockaddr_any *client, int status, const char *why)
{
	char ip[SOCKADDR_TEXT_MAX];

	alert_take_count(r, source->name, hook_event(status), 1);
	sockaddr_ip(client, ip);
	log_event(&r->log_root, LOG_WARNING, "alert_refused",
		  LOG_STR("source", source->name), LOG_STR("client", ip),
		  LOG_INT("status", status), LOG_STR("reason", why));
	return status;
}

static bool
hook_in_networks(const struct rules_source *source,
		 const struct sockaddr_any *client)
{
	return source->networks.n == 0 ||
	       http_who_in(&source->networks, client);
}

/* Was too much guessed from there? */
static bool
hook_may_try(struct relay *r, const struct sockaddr_any *client)
{
	return logins_may_try(r->logins, client, "",
			      loop_mono_ms(relay_home(r)));
}

static bool
hook_is_looked_at(struct relay *r, const struct rules_source *source,
		  const struct sockaddr_any *client)
{
	return hook_may_try(r, client) ||
	       logins_knows_source(r->logins, client, source->name,
				   loop_mono_ms(relay_home(r)));
}

static void
hook_showed(struct relay *r, const struct rules_source *source,
	    const struct sockaddr_any *client)
{
	logins_source_showed(r->logins, client, source->name,
			     loop_mono_ms(relay_home(r)));
}

/* The status of a guess. */
static int
hook_guessed(struct relay *r, const struct rules_source *source,
	     const struct sockaddr_any *client, const char *what)
{
	bool may = hook_may_try(r, client);

	logins_failed(r->logins, client, NULL, loop_mono_ms(relay_home(r)));
	return hook_refuse(r, source, client, may ? 401 : 429,
			   may ? what : "tries");
}

/* By the token of its path, whoever guesses at it being told so. */
static int
hook_by_token(struct relay *r, const struct rules_source *source,
	      const struct hook_path *path, const struct http_who *who)
{
	if (!hook_is_looked_at(r, source, &who->client))
		return hook_refuse(r, source, &who->client, 429, "tries");
	if (!alert_secrets_is_token(r->snapshot->alert_secrets, source->name,
				    path->token))
		return hook_guessed(r, source, &who->client, "token");
	hook_showed(r, source, &who->client);
	return 0;
}

/* Known by where it comes from: by `trust`, or, where that is all that a source
 * is known by, by its networks. A browser is there, too, and sends what a page of
 * others makes it send. */
static bool
hook_is_near(struct relay *r, const struct http_request *req,
	     const struct rules_source *source, const struct http_who *who)
{
	if (http_who_is_page(req))
		return false;
	if ((who->rights & USER_POST) != 0)
		return true;
	return source->networks.n > 0 &&
	       !alert_secrets_has_token(r->snapshot->alert_secrets,
					source->name);
}

static bool
hook_is_get(const struct http_request *req)
{
	return strcmp(http_request_method(req), "GET") == 0;
}

/* A page's <img> is a GET from wherever the browser is, and of plain HTTP no
 * browser says whose it is. */
#define GET_WHY                                                                \
	"a GET needs a token in its path (/hooks/NAME/TOKEN) or a login; "     \
	"without them POST it\n"

/* A source that is configured may be known by its networks alone, or by what it
 * signs with. */
static int
hook_may(struct relay *r, const struct http_request *req,
	 const struct rules_source *source, const struct hook_path *path,
	 const struct http_who *who, bool login)
{
	const struct alert_secrets *secrets = r->snapshot->alert_secrets;

	if (!hook_in_networks(source, &who->client))
		return hook_refuse(r, source, &who->client, 403, "network");
	if (path->token[0] != '\0')
		return hook_by_token(r, source, path, who);
	if (login || (who->user != NULL && (who->rights & USER_POST) != 0))
		return 0;
	if (alert_secrets_signature(secrets, source->name) != NULL)
		return hook_is_looked_at(r, source, &who->client)
			       ? 0
			       : hook_refuse(r, source, &who->client, 429,
					     "tries");
	if (!hook_is_near(r, req, source, who))
		return hook_refuse(r, source, &who->client, 401, "nobody");
	return hook_is_get(req)
		       ? hook_refuse(r, source, &who->client, 403, "get")
		       : 0;
}

/* What UptimeRobot and others put into the URL comes by GET, too. */
static bool
hook_has_method(const struct rules_source *source,
		const struct http_request *req)
{
	const char *method = http_request_method(req);

	if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
		return true;
	return hook_is_get(req) && (source->kind == SOURCE_UPTIMEROBOT ||
				    source->kind == SOURCE_GENERIC);
}

int
hooks_gate(struct relay *r, struct http_request *req,
	   const struct http_who *who, bool login)
{
	int64_t now = loop_mono_ms(relay_home(r));
	const struct rules_source *source;
	struct hook_path path;
	int status;

	source = hook_find(r, req, &path);
	if (source == NULL)
		return alert_take_nowhere(r, who);
	if (!hook_has_method(source, req))
		return 405;
	/* Who is refused for it is told why, by hooks_handle(). */
	status = hook_is_get(req) && path.token[0] == '\0' && !login
			 ? 0
			 : hook_may(r, req, source, &path, who, login);
	if (status != 0)
		return status;
	if (r->hooks_rates == NULL)
		r->hooks_rates = tally_new(SOURCES_KEPT);
	if (!tally_has_room(r->hooks_rates, source->name, strlen(source->name),
			    &source->rate, now)) {
		/* Only who may has used it up. */
		alert_take_lost(r, source, ALERT_EVENT_LIMITED);
		return hook_refuse(r, source, &who->client, 429, "rate");
	}
	http_request_set_body_max(req, source->builtin && path.postable
					       ? HOOKS_POSTABLE_MAX
					       : (size_t)source->body_max);
	return 0;
}

static const char *
hook_reason(int status)
{
	switch (status) {
	case 401:
		return "login";
	case 403:
		return "rights";
	case 413:
		return "size";
	case 415:
		return "type";
	case 429:
		return "tries";
	default:
		return "busy";
	}
}

/* Is it the source itself that the gate let pass? A signature or a login is
 * looked at only when all is there. */
static bool
hook_is_known(struct relay *r, const struct http_request *req,
	      const struct rules_source *source, const struct hook_path *path,
	      const struct http_who *who)
{
	if (path->token[0] != '\0' || hook_is_near(r, req, source, who))
		return true;
	return source->networks.n > 0 && !http_who_is_page(req);
}

void
hooks_refused(struct relay *r, struct http_request *req, int status)
{
	const struct http_conf *conf =
		http_conf_of(r, http_request_listener(req));
	const struct rules_source *source;
	struct http_who who = {.user = NULL};
	struct hook_path path;

	source = hook_find(r, req, &path);
	if (source == NULL || !hook_has_method(source, req))
		return;
	who.client = *http_request_peer(req);
	if (conf != NULL && http_who_client(r, conf, req, &who.client))
		who.rights = http_who_trusted(conf, &who.client);
	else
		who.client = *http_request_peer(req);
	hook_refuse(r, source, &who.client, status, hook_reason(status));
	if (status == 413 && hook_is_known(r, req, source, &path, &who))
		alert_take_lost(r, source, ALERT_EVENT_LARGE);
}

/* --- a request under way ----------------------------------------------------------- */

struct hook {
	struct relay *relay;               /* borrowed */
	struct http_request *req;          /* the answer's */
	struct rules *rules;               /* a reference: SOURCE is its */
	struct alert_secrets *secrets;     /* a reference */
	const struct rules_source *source; /* borrowed */
	struct sockaddr_any client;
	struct intake_request intake;
	struct doc_field query[QUERY_MAX];
	struct alert_batch batch; /* owned */
	char *why;                /* owned */
	int result;               /* of intake_read() */
	struct pool_job job;
	/* While the engine reads its records. */
	struct loop_timer wait;
	struct loop_end end;
};

static void
hook_free(struct hook *h)
{
	loop_end_remove(relay_home(h->relay), &h->end);
	loop_timer_done(&h->wait);
	alert_batch_done(&h->batch);
	alert_secrets_unref(&h->secrets);
	rules_unref(&h->rules);
	free(h->why);
	free(h);
}

/* Alertmanager's API says what is wrong as a JSON string. */
static void
hook_answer_json(struct hook *h, int status, const char *text)
{
	json_t *json = json_string(text);
	char *out = json_dumps(json, JSON_ENCODE_ANY);

	http_answer(h->req, status, TYPE_JSON, out, strlen(out));
	free(out);
	json_decref(json);
}

static void
hook_answer(struct hook *h, int status, const char *text)
{
	static const struct http_field later[] = {
		{"Retry-After", RETRY_AFTER},
		{NULL, NULL},
	};
	char *line = xasprintf("%s\n", text);

	if (status == 503)
		http_answer_fields(h->req, status, TYPE_TEXT, later, line,
				   strlen(line));
	else if (status == 200 && h->intake.postable)
		http_answer(h->req, status, NULL, "", 0);
	else if (h->intake.postable)
		hook_answer_json(h, status, text);
	else
		http_answer(h->req, status, TYPE_TEXT, line, strlen(line));
	free(line);
	hook_free(h);
}

static void
hook_taken(void *arg, int result)
{
	struct hook *h = arg;

	if (result == -ENOSPC)
		hook_answer(h, 503, "the store is full");
	else if (result < 0)
		hook_answer(h, 503, "busy, try again");
	else if (h->result < 0)
		hook_answer(h, 400, h->why);
	else
		hook_answer(h, 200, "ok");
}

static void
hook_log_malformed(struct hook *h)
{
	log_event(&h->relay->log_root, LOG_WARNING, "alert_malformed",
		  LOG_STR("source", h->source->name),
		  LOG_INT("size", (int64_t)h->intake.body_len),
		  LOG_STR("reason", h->why));
	alert_take_malformed(h->relay, h->source, h->why, h->intake.body,
			     h->intake.body_len);
}

/* Who it is is known now. */
static void
hook_count_rate(const struct hook *h)
{
	struct relay *r = h->relay;

	if (r->hooks_rates != NULL)
		tally_count(r->hooks_rates, h->source->name,
			    strlen(h->source->name), &h->source->rate,
			    loop_mono_ms(relay_home(r)));
}

/* It was read; on the home loop. */
static void
hook_read(void *arg)
{
	struct hook *h = arg;

	if (h->result == -EACCES) {
		hook_answer(h,
			    hook_guessed(h->relay, h->source, &h->client,
					 "signature"),
			    "the signature is wrong, or there is none");
		return;
	}
	if (alert_secrets_signature(h->secrets, h->source->name) != NULL)
		hook_showed(h->relay, h->source, &h->client);
	hook_count_rate(h);
	if (h->result == -EOPNOTSUPP) {
		alert_take_count(h->relay, h->source->name, ALERT_EVENT_IGNORED,
				 1);
		hook_answer(h, 200, "ignored: it is no alert");
		return;
	}
	if (h->result < 0)
		hook_log_malformed(h);
	if (h->batch.n > 0)
		alert_take(h->relay, h->source, &h->batch, hook_taken, h);
	else
		hook_taken(h, 0);
}

static void
hook_run(void *arg)
{
	struct hook *h = arg;

	h->result = intake_read(
		h->source, &h->intake,
		alert_secrets_signature(h->secrets, h->source->name), &h->batch,
		&h->why);
}

static void
hook_query(void *arg, const char *name, const char *value)
{
	struct hook *h = arg;

	if (h->intake.nquery < QUERY_MAX)
		h->query[h->intake.nquery++] = (struct doc_field){name, value};
}

/* The strings of the request live until it is answered. */
static void
hook_fill(struct hook *h, const struct hook_path *path)
{
	for (int i = 0; i < INTAKE_NHEADER; i++)
		h->intake.header[i] =
			http_request_header(h->req, intake_header_names[i]);
	h->intake.postable = path->postable;
	h->intake.by_token = path->token[0] != '\0';
	h->intake.query = h->query;
	http_request_each(h->req, HTTP_QUERY, hook_query, h);
	h->intake.body = http_request_body(h->req, &h->intake.body_len);
	h->intake.now_ms = loop_wall_ms(relay_home(h->relay));
}

/* The loop ends; the server did before, and the answer goes nowhere. */
static void
hook_end(void *arg)
{
	struct hook *h = arg;

	loop_end_add(relay_home(h->relay), &h->end, hook_end, h);
	hook_answer(h, 503, "stopping");
}

static void
hook_begin(void *arg)
{
	struct hook *h = arg;
	struct relay *r = h->relay;

	/* Right after a start: not every sender would come again. */
	if (!r->stopping && !engine_is_loaded(alerts_engine(r->alerts))) {
		loop_timer_set(&h->wait, HOOK_WAIT_MS);
		return;
	}
	if (h->intake.body_len < HOOK_LARGE) {
		hook_run(h);
		hook_read(h);
	} else if (pool_run(r->cpu, &h->job, hook_run, relay_home(r), hook_read,
			    h) < 0) {
		alert_take_count(r, h->source->name, ALERT_EVENT_LATER, 1);
		hook_answer(h, 503, "busy, try again");
	}
}

static void
hook_answer_no(struct http_request *req, int status)
{
	const char *text = status == 403 && hook_is_get(req) ? GET_WHY : "no\n";

	http_answer(req, status, TYPE_TEXT, text, strlen(text));
}

void
hooks_handle(struct relay *r, struct http_request *req,
	     const struct http_who *who)
{
	const struct rules_source *source;
	struct hook_path path;
	struct hook *h;
	int status;

	/* A reload may have come since the header did. */
	source = hook_find(r, req, &path);
	status = source != NULL ? hook_may(r, req, source, &path, who, false)
				: 404;
	if (status != 0) {
		hook_answer_no(req, status);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->relay = r;
	h->req = req;
	h->rules = rules_ref(r->snapshot->rules);
	h->secrets = alert_secrets_ref(r->snapshot->alert_secrets);
	h->source = source;
	h->client = who->client;
	alert_batch_init(&h->batch);
	hook_fill(h, &path);
	loop_timer_init(&h->wait, relay_home(r), hook_begin, h);
	loop_end_add(relay_home(r), &h->end, hook_end, h);
	hook_begin(h);
}
