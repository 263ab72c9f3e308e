#include "relay/alert_v2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "relay/alert_v2_config.h"
#include "relay/alert_v2_json.h"
#include "relay/alerts.h"
#include "relay/api.h"
#include "relay/hooks.h"

#define TYPE_JSON "application/json"

#define RETRY_AFTER "10" /* seconds */

/* Whose API it is, for clients that look. */
#define V2_VERSION "0.25.0"

/* --- answers --------------------------------------------------------------------- */

/* Takes JSON over. */
static void
v2_answer(struct http_request *http, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(json);
	http_answer(http, status, TYPE_JSON, text, strlen(text));
	free(text);
}

void
alert_v2_refuse(struct http_request *http, int status, const char *why)
{
	v2_answer(http, status, api_text(why));
}

void
alert_v2_busy(struct http_request *http)
{
	static const struct http_field fields[] = {
		{"Retry-After", RETRY_AFTER},
		{NULL, NULL},
	};
	static const char text[] = "\"try again\"";

	http_answer_fields(http, 503, TYPE_JSON, fields, text,
			   sizeof(text) - 1);
}

/* As Alertmanager's framework refuses; some of its codes are its own. */
static void
v2_fail(struct http_request *http, int status, int code,
	const struct http_field *fields, char *message)
{
	json_t *json = json_pack("{s:i, s:o}", "code", code, "message",
				 api_text(message));
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	http_answer_fields(http, status, TYPE_JSON, fields, text, strlen(text));
	free(text);
	free(message);
}

/* --- status and receivers ---------------------------------------------------------- */

/* One turn serves all of a listing's views: they are copied as JSON. */
static void
v2_status(struct relay *r, struct http_request *http,
	  const struct http_who *who)
{
	char uptime[CLOCK_RFC3339_LEN];
	struct buf yaml;

	(void)who;
	buf_init(&yaml, ALERT_V2_CONFIG_MAX);
	alert_v2_config(&relay_config(r)->alerts, &yaml);
	clock_rfc3339(r->start_ms, uptime);
	v2_answer(http, 200,
		  json_pack("{s:{s:s, s:[]}, s:{s:o}, s:s, s:{s:s, s:s, s:s, "
			    "s:s, s:s, s:s}}",
			    "cluster", "status", "disabled", "peers", "config",
			    "original", api_text(buf_str(&yaml)), "uptime",
			    uptime, "versionInfo", "branch", "belfry",
			    "buildDate", "", "buildUser", "", "goVersion", "",
			    "revision", BELFRY_VERSION, "version", V2_VERSION));
	buf_done(&yaml);
}

static void
v2_receivers(struct relay *r, struct http_request *http,
	     const struct http_who *who)
{
	json_t *json = json_array();
	const char *name;

	(void)who;
	for (size_t i = 0;
	     (name = alert_v2_receiver(&relay_config(r)->alerts, i)) != NULL;
	     i++)
		json_array_append_new(
			json, json_pack("{s:o}", "name", api_text(name)));
	v2_answer(http, 200, json);
}

/* --- silences ------------------------------------------------------------------------ */

struct v2_silences {
	struct arena arena;
	struct matchers filter;
	size_t n, room;
	struct v2_silence *v; /* owned */
	char *why;            /* owned; what is wrong with the query */
};

/* What the order needs, and the answer. */
struct v2_silence {
	struct engine_silence order;
	json_t *json; /* owned */
};

static void
v2_silence_param(void *arg, const char *name, const char *value)
{
	struct v2_silences *l = arg;
	struct alert_v2_query q = {.matchers = l->filter};

	if (l->why != NULL || strcmp(name, "filter") != 0)
		return;
	alert_v2_query_set(&q, &l->arena, name, value, &l->why);
	l->filter = q.matchers;
}

static bool
v2_see_silence(void *arg, const struct engine_silence *s)
{
	struct v2_silences *l = arg;

	if (!alert_v2_silence_has(s, &l->filter))
		return true;
	if (l->n == l->room) {
		l->room = l->room > 0 ? 2 * l->room : 64;
		l->v = xreallocarray(l->v, l->room, sizeof(l->v[0]));
	}
	l->v[l->n++] = (struct v2_silence){*s, alert_v2_silence(s)};
	return true;
}

static int
v2_compare_silences(const void *a, const void *b)
{
	const struct v2_silence *x = a, *y = b;

	return alert_v2_silence_compare(&x->order, &y->order);
}

static void
v2_silences_get(struct relay *r, struct http_request *http,
		const struct http_who *who)
{
	struct v2_silences l = {0};
	json_t *json = json_array();

	(void)who;
	arena_init(&l.arena);
	http_request_each(http, HTTP_QUERY, v2_silence_param, &l);
	if (l.why == NULL)
		engine_each_silence(relay_engine(r), v2_see_silence, &l);
	if (l.n > 0)
		qsort(l.v, l.n, sizeof(l.v[0]), v2_compare_silences);
	for (size_t i = 0; i < l.n; i++)
		json_array_append_new(json, l.v[i].json);
	if (l.why == NULL)
		v2_answer(http, 200, json_incref(json));
	else
		alert_v2_refuse(http, 400, l.why);
	json_decref(json);
	matchers_done(&l.filter);
	arena_done(&l.arena);
	free(l.v);
	free(l.why);
}

static bool
v2_see_one_silence(void *arg, const struct engine_silence *s)
{
	json_t **json = arg;

	*json = alert_v2_silence(s);
	return false;
}

/* The id at the end of the path; NULL: it is none, and that was answered. */
static const char *
v2_silence_id(struct http_request *http)
{
	const char *id = strrchr(http_request_path(http), '/') + 1;

	if (alert_v2_is_uuid(id))
		return id;
	v2_fail(http, 422, 601, NULL,
		xasprintf("silenceID in path must be of type uuid: \"%s\"",
			  id));
	return NULL;
}

static void
v2_silence_get(struct relay *r, struct http_request *http,
	       const struct http_who *who)
{
	const char *id = v2_silence_id(http);
	json_t *json = NULL;

	(void)who;
	if (id == NULL)
		return;
	if (engine_find_silence(relay_engine(r), id, v2_see_one_silence, &json))
		v2_answer(http, 200, json);
	else
		http_answer(http, 404, NULL, "", 0);
}

/* --- acts on silences ------------------------------------------------------------------ */

/* What somebody did with silences, for the log. */
static void
v2_log(struct relay *r, const struct http_request *http,
       const struct http_who *who, const char *action, const char *detail)
{
	log_event(&r->log_root, LOG_INFO, "operator", LOG_STR("action", action),
		  LOG_INT("uid", http_request_uid(http)),
		  LOG_ADDR("user", who->user), LOG_STR("detail", detail));
}

static void
v2_silence_done(void *arg, int result, const char *id)
{
	struct http_request *http = arg;

	switch (result) {
	case 0:
	case -EALREADY:
		v2_answer(http, 200, json_pack("{s:s}", "silenceID", id));
		return;
	case -ENOENT:
		alert_v2_refuse(http, 404, "silence not found");
		return;
	case -EINVAL:
		alert_v2_refuse(http, 400, "silence invalid");
		return;
	case -EMSGSIZE:
		alert_v2_refuse(http, 400, "silence invalid: it is too long");
		return;
	default:
		alert_v2_busy(http);
	}
}

static void
v2_silence_post(struct relay *r, struct http_request *http,
		const struct http_who *who)
{
	struct engine_silence s;
	struct arena arena;
	const char *body;
	char *why = NULL;
	size_t len;
	int result;

	arena_init(&arena);
	body = http_request_body(http, &len);
	result = alert_v2_silence_read(body, len, loop_wall_ms(relay_home(r)),
				       &arena, &s, &why);
	if (result < 0) {
		alert_v2_refuse(http, 400, why);
	} else {
		v2_log(r, http, who, "silence",
		       matchers_text(&s.matchers, &arena));
		engine_silence_set(relay_engine(r), &s, v2_silence_done, http);
	}
	free(why);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

static void
v2_expired(void *arg, int result)
{
	struct http_request *http = arg;

	if (result == 0 || result == -EALREADY)
		http_answer(http, 200, NULL, "", 0);
	else if (result == -ENOENT)
		alert_v2_refuse(http, 500, "silence not found");
	else
		alert_v2_busy(http);
}

static void
v2_silence_delete(struct relay *r, struct http_request *http,
		  const struct http_who *who)
{
	const char *id = v2_silence_id(http);

	if (id == NULL)
		return;
	v2_log(r, http, who, "silence_expire", id);
	engine_silence_expire(relay_engine(r), id, v2_expired, http);
}

/* --- the paths ---------------------------------------------------------------------------- */

static void
v2_alerts(struct relay *r, struct http_request *http,
	  const struct http_who *who)
{
	(void)who;
	alert_v2_list(r, http, false);
}

static void
v2_groups(struct relay *r, struct http_request *http,
	  const struct http_who *who)
{
	(void)who;
	alert_v2_list(r, http, true);
}

struct v2_path {
	const char *method;
	const char *path; /* below /api/v2/; with a '/' at its end one part
			   * follows */
	enum user_right needs;
	void (*fn)(struct relay *r, struct http_request *http,
		   const struct http_who *who);
};

static const struct v2_path v2_paths[] = {
	{"GET", "status", USER_READ, v2_status},
	{"GET", "receivers", USER_READ, v2_receivers},
	{"GET", "alerts", USER_READ, v2_alerts},
	{"POST", "alerts", USER_POST, hooks_handle},
	{"GET", "alerts/groups", USER_READ, v2_groups},
	{"GET", "silences", USER_READ, v2_silences_get},
	{"POST", "silences", USER_ACT, v2_silence_post},
	{"GET", "silence/", USER_READ, v2_silence_get},
	{"DELETE", "silence/", USER_ACT, v2_silence_delete},
	{NULL, NULL, 0, NULL},
};

static bool
v2_path_is(const struct v2_path *p, const char *path)
{
	size_t len = strlen(p->path);

	if (p->path[len - 1] != '/')
		return strcmp(p->path, path) == 0;
	return strncmp(p->path, path, len) == 0 && path[len] != '\0' &&
	       strchr(path + len, '/') == NULL;
}

/* A page of others can make a browser post a form, but nothing that says it is
 * JSON. */
static bool
v2_is_json(const struct http_request *http)
{
	const char *type = http_request_header(http, "Content-Type");
	size_t len = strlen(TYPE_JSON);

	return type != NULL && strncasecmp(type, TYPE_JSON, len) == 0 &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* Who may post without a login the source says. */
static bool
v2_may(const struct v2_path *p, const struct http_who *who)
{
	return (who->rights & p->needs) != 0 ||
	       (p->needs == USER_POST && who->user == NULL);
}

static void
v2_serve(struct relay *r, struct http_request *http, const struct v2_path *p,
	 const struct http_who *who)
{
	const char *type = http_request_header(http, "Content-Type");
	bool may = v2_may(p, who);

	if (p->needs == USER_POST && (!may || !v2_is_json(http)))
		hooks_refused(r, http, may ? 415 : 403);
	if (!may)
		v2_fail(http, 403, 403, NULL,
			xasprintf("not without the right %s",
				  p->needs == USER_READ   ? "read"
				  : p->needs == USER_POST ? "post"
							  : "act"));
	else if (strcmp(p->method, "POST") == 0 && !v2_is_json(http))
		v2_fail(http, 415, 415, NULL,
			xasprintf("unsupported media type \"%s\", only "
				  "[application/json] are allowed",
				  type != NULL ? type : ""));
	else
		p->fn(r, http, who);
}

/* The path is known, but not with this method. */
static void
v2_no_method(struct http_request *http, const char *methods)
{
	const struct http_field fields[] = {{"Allow", methods}, {NULL, NULL}};

	v2_fail(http, 405, 405, fields,
		xasprintf("method %s is not allowed, but [%s] are",
			  http_request_method(http), methods));
}

int
alert_v2_gate(struct relay *r, struct http_request *http,
	      const struct http_who *who, bool login)
{
	if (strcmp(http_request_method(http), "POST") == 0)
		return hooks_gate(r, http, who, login);
	return login || who->rights != 0 ? 0 : 401;
}

void
alert_v2_handle(struct relay *r, struct http_request *http,
		const struct http_who *who)
{
	const char *path = http_request_path(http) + strlen("/api/v2/");
	const char *method = http_request_method(http);
	char methods[32] = "";

	if (relay_engine(r) == NULL) {
		v2_fail(http, 404, 404, NULL,
			xstrdup("there is nobody to tell of alerts"));
		return;
	}
	for (const struct v2_path *p = v2_paths; p->path != NULL; p++) {
		if (!v2_path_is(p, path))
			continue;
		if (strcmp(p->method, method) == 0) {
			v2_serve(r, http, p, who);
			return;
		}
		snprintf(methods + strlen(methods),
			 sizeof(methods) - strlen(methods), "%s%s",
			 methods[0] != '\0' ? "," : "", p->method);
	}
	if (methods[0] != '\0')
		v2_no_method(http, methods);
	else
		v2_fail(http, 404, 404, NULL,
			xasprintf("path %s was not found",
				  http_request_path(http)));
}
