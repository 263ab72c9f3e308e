#include "relay/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Without a time of its own a pause ends by itself. */
#define PAUSE_DEFAULT_MS (INT64_C(4) * 60 * 60 * 1000)

static void
api_free(struct api_call *call)
{
	json_decref(call->body);
	api_filter_free(&call->filter);
	free(call->user);
	free(call->by);
	free(call);
}

json_t *
api_text(const char *s)
{
	json_t *json = json_string(s != NULL ? s : "");
	char *copy;

	if (json != NULL)
		return json;
	copy = xstrdup(s);
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p > 126)
			*p = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

void
api_answer(struct api_call *call, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);

	json_decref(json);
	/* At the end of belfryd an answer may come after its server. */
	if (call->relay->http != NULL && text != NULL)
		http_answer(call->http, status, "application/json", text,
			    strlen(text));
	else if (call->relay->http != NULL)
		http_answer(call->http, 500, "application/json", "{}", 2);
	free(text);
	api_free(call);
}

void
api_answer_raw(struct api_call *call, int status, const char *type,
	       const void *data, size_t len)
{
	if (call->relay->http != NULL)
		http_answer(call->http, status, type, data, len);
	api_free(call);
}

bool
api_is_over(struct api_call *call)
{
	if (call->relay->http != NULL)
		return false;
	api_answer(call, 503, json_object());
	return true;
}

void
api_error(struct api_call *call, int status, const char *error,
	  const char *help)
{
	api_answer(call, status,
		   json_pack("{s:o, s:s}", "error", api_text(error), "help",
			     help));
}

void
api_log(const struct api_call *call, const char *action, const char *detail)
{
	const char *id = NULL;
	char text[QUEUE_ID_LEN];

	if (call->id != 0) {
		queue_id_text(call->id, text);
		id = text;
	}
	log_event(&call->relay->log_root, LOG_INFO, "operator",
		  LOG_STR("action", action), LOG_STR("id", id),
		  LOG_INT("uid", http_request_uid(call->http)),
		  LOG_ADDR("user", call->user), LOG_STR("detail", detail));
}

/* --- pause and resume ------------------------------------------------------------ */

json_t *
api_paused_json(const struct queue_paused *p)
{
	if (!p->paused)
		return json_pack("{s:b}", "paused", 0);
	return json_pack("{s:b, s:s, s:b, s:I, s:I}", "paused", 1, "reason",
			 p->reason, "alerts", (int)p->alerts, "since_ms",
			 (json_int_t)p->since_ms, "until_ms",
			 (json_int_t)p->until_ms);
}

/* False: answered, or nobody waits for it. */
static bool
api_pause_worked(struct api_call *call, int result)
{
	if (api_is_over(call))
		return false;
	/* A resume that finds no pause has what it wants. */
	if (result == 0 || result == -EALREADY)
		return true;
	api_error(call, 503, strerror(-result),
		  "the store did not take it; try again");
	return false;
}

static void
api_paused_done(void *arg, int result)
{
	struct api_call *call = arg;
	struct queue_paused now;

	if (!api_pause_worked(call, result))
		return;
	queue_get_paused(call->relay->queue, &now);
	api_answer(call, 200, api_paused_json(&now));
}

/* Alerts had been paused, too. */
static void
api_all_resumed(void *arg, int result)
{
	struct api_call *call = arg;

	if (api_pause_worked(call, result))
		api_answer(call, 200,
			   json_pack("{s:b, s:b}", "paused", 0, "alerts", 1));
}

int
api_until(const struct api_call *call, int64_t now_ms, int64_t default_ms,
	  int64_t *ret_until_ms)
{
	const json_t *for_ms = json_object_get(call->body, "for_ms");
	const json_t *until_ms = json_object_get(call->body, "until_ms");

	if ((for_ms != NULL && !json_is_integer(for_ms)) ||
	    (until_ms != NULL && !json_is_integer(until_ms)) ||
	    (for_ms != NULL && until_ms != NULL))
		return -1;
	if (until_ms != NULL)
		*ret_until_ms = json_integer_value(until_ms);
	else if (for_ms == NULL)
		*ret_until_ms = now_ms + default_ms;
	else if (json_integer_value(for_ms) == 0)
		*ret_until_ms = 0;
	else if (json_integer_value(for_ms) < 0 ||
		 json_integer_value(for_ms) > INT64_MAX - now_ms)
		return -1;
	else
		*ret_until_ms = now_ms + json_integer_value(for_ms);
	return *ret_until_ms != 0 && *ret_until_ms <= now_ms ? -1 : 0;
}

static void
api_pause(struct api_call *call)
{
	const char *reason =
		json_string_value(json_object_get(call->body, "reason"));
	const json_t *alerts = json_object_get(call->body, "alerts");
	struct queue_paused p = {.paused = true};

	p.since_ms = loop_wall_ms(relay_home(call->relay));
	if (reason == NULL || reason[0] == '\0' ||
	    strlen(reason) >= sizeof(p.reason)) {
		api_error(call, 400, "no reason",
			  "say why in `reason`, in at most 255 bytes");
		return;
	}
	if ((alerts != NULL && !json_is_boolean(alerts)) ||
	    api_until(call, p.since_ms, PAUSE_DEFAULT_MS, &p.until_ms) < 0) {
		api_error(call, 400, "bad time or `alerts`",
			  "give `for_ms` (0: until resumed) or `until_ms` in "
			  "the future, and `alerts` as true or false");
		return;
	}
	p.alerts = json_is_true(alerts);
	snprintf(p.reason, sizeof(p.reason), "%s", reason);
	api_log(call, "pause", reason);
	queue_pause(call->relay->queue, &p, relay_home(call->relay),
		    api_paused_done, call);
}

static void
api_resume(struct api_call *call)
{
	struct queue_paused p;

	queue_get_paused(call->relay->queue, &p);
	api_log(call, "resume", NULL);
	queue_resume(call->relay->queue, relay_home(call->relay),
		     p.paused && p.alerts ? api_all_resumed : api_paused_done,
		     call);
}

/* --- the table of paths ------------------------------------------------------------ */

#define API_FILTER   "to sender dest before_ms held corrupt all from limit"
#define API_NAME_MAX 64 /* so much of an unknown name is repeated */

/* What a request gives besides is refused: whoever mistypes a filter must not
 * get more than was meant. */
struct api_path {
	const char *method;
	const char *path; /* below /api/v1/; "ID" and "ACTION" stand for one
			   * part each */
	unsigned needs;   /* the right to it */
	void (*fn)(struct api_call *call);
	const char *query; /* the names it takes, with spaces; NULL: none */
	const char *body;  /* the same of the JSON object */
};

static const struct api_path api_paths[] = {
	{"GET", "status", USER_READ, api_status, NULL, NULL},
	{"GET", "queue-stats", USER_READ, api_queue_stats, NULL, NULL},
	{"GET", "queue", USER_ADMIN, api_queue_list, "whole " API_FILTER, NULL},
	{"POST", "queue", USER_ADMIN, api_queue_act_many, "action " API_FILTER,
	 NULL},
	{"GET", "queue/ID", USER_ADMIN, api_queue_show, "whole", NULL},
	{"GET", "queue/ID/body", USER_ADMIN, api_queue_body, "page", NULL},
	{"DELETE", "queue/ID", USER_ADMIN, api_queue_act, NULL, NULL},
	{"POST", "queue/ID/ACTION", USER_ADMIN, api_queue_act, NULL, NULL},
	{"GET", "store/backup", USER_ADMIN, api_store_backup_look, NULL, NULL},
	{"POST", "store/backup", USER_ADMIN, api_store_backup, NULL, "dir"},
	{"POST", "store/upgrade", USER_ADMIN, api_store_upgrade, NULL, NULL},
	{"POST", "pause", USER_ADMIN, api_pause, NULL,
	 "reason for_ms until_ms alerts"},
	{"POST", "resume", USER_ADMIN, api_resume, NULL, NULL},
	{"GET", "alerts", USER_READ, api_alerts_list,
	 "state match receiver past from limit", NULL},
	{"GET", "alerts/ID", USER_READ, api_alerts_show, NULL, NULL},
	{"POST", "alerts/ID/ACTION", USER_ACT, api_alerts_act, NULL,
	 "note who"},
	{"GET", "malformed", USER_ADMIN, api_malformed, NULL, NULL},
	{"GET", "malformed/NUMBER", USER_ADMIN, api_malformed_show, NULL, NULL},
	{"GET", "noise", USER_READ, api_noise, "days", NULL},
	{"GET", "silences", USER_READ, api_silences_list, NULL, NULL},
	{"POST", "silences", USER_ACT, api_silences_set, NULL,
	 "matchers starts_ms ends_ms for_ms comment who"},
	{"DELETE", "silences/UUID", USER_ACT, api_silences_expire, NULL, NULL},
	{"POST", "mute", USER_ACT, api_mute, NULL,
	 "reason for_ms until_ms who"},
	{"POST", "unmute", USER_ACT, api_unmute, NULL, "who"},
	{"POST", "clock-accept", USER_ACT, api_clock_accept, NULL, NULL},
	{NULL, NULL, 0, NULL, NULL, NULL},
};

/* Does PATH look like PATTERN? Fills id and action. */
static bool
api_path_match(struct api_call *call, const char *pattern, const char *path)
{
	while (*pattern != '\0') {
		size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");
		char part[QUEUE_ID_LEN];

		if (n == 2 && memcmp(pattern, "ID", 2) == 0) {
			if (m >= sizeof(part))
				return false;
			memcpy(part, path, m);
			part[m] = '\0';
			if (queue_id_parse(part, &call->id) < 0)
				return false;
		} else if (n == 6 && memcmp(pattern, "ACTION", 6) == 0) {
			call->action = path;
		} else if (n == 4 && memcmp(pattern, "UUID", 4) == 0) {
			call->uuid = path;
		} else if (n == 6 && memcmp(pattern, "NUMBER", 6) == 0) {
			call->number = path;
		} else if (n != m || memcmp(pattern, path, n) != 0) {
			return false;
		}
		pattern += n;
		path += m;
		if (*pattern != *path)
			return false;
		if (*pattern == '/') {
			pattern++;
			path++;
		}
	}
	return *path == '\0';
}

/* Which of the names in LIST is NAME? -1: none. */
static int
api_name_find(const char *list, const char *name)
{
	size_t len = strlen(name);
	int at = 0;

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, " ");

		if (n == len && memcmp(list, name, n) == 0)
			return at;
		list += n + strspn(list + n, " ");
		at++;
	}
	return -1;
}

/* 400 for a name that is not in LIST, or is there again. */
static void
api_refuse_name(struct api_call *call, const char *list, const char *what,
		const char *name)
{
	bool known = api_name_find(list, name) >= 0;
	char *error =
		xasprintf("%s `%.*s`%s", known ? what : "unknown", API_NAME_MAX,
			  name, known ? " is given more than once" : "");
	char *help = list != NULL ? xasprintf("%ss are: %s", what, list)
				  : xasprintf("it takes no %s", what);

	api_error(call, 400, error, help);
	free(error);
	free(help);
}

struct api_names {
	const char *list;
	uint32_t seen; /* by their place in the list */
	char *bad;     /* owned; the first that can't be */
};

static void
api_query_name(void *arg, const char *name, const char *value)
{
	struct api_names *names = arg;
	int at = api_name_find(names->list, name);
	uint32_t bit = at >= 0 ? UINT32_C(1) << at : 0;

	(void)value;
	if (names->bad == NULL && (bit == 0 || (names->seen & bit) != 0))
		names->bad = xstrdup(name);
	names->seen |= bit;
}

/* True, or the error was answered. */
static bool
api_check_query(struct api_call *call, const char *list)
{
	struct api_names names = {.list = list};

	http_request_each(call->http, HTTP_QUERY, api_query_name, &names);
	if (names.bad == NULL)
		return true;
	api_refuse_name(call, list, "parameter", names.bad);
	free(names.bad);
	return false;
}

/* The same for the body, which was read; JSON itself has no name twice. */
static bool
api_check_body(struct api_call *call, const char *list)
{
	const char *name;
	json_t *value;

	json_object_foreach(call->body, name, value)
	{
		if (api_name_find(list, name) >= 0)
			continue;
		api_refuse_name(call, list, "field", name);
		return false;
	}
	return true;
}

/* True, or the error was answered. */
static bool
api_read_body(struct api_call *call)
{
	size_t len;
	const void *body = http_request_body(call->http, &len);

	if (len == 0)
		return true;
	call->body = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(call->body))
		return true;
	api_error(call, 400, "the body is no JSON object",
		  "send one object, or no body");
	return false;
}

/* Who asks, for people: a login, on this machine a user of it, an address. */
static char *
api_by(const struct http_request *http, const struct http_who *who)
{
	uid_t uid = http_request_uid(http);
	char ip[SOCKADDR_TEXT_MAX];

	if (who->user != NULL)
		return xstrdup(who->user);
	if (uid == 0)
		return xstrdup("root");
	if (uid != (uid_t)-1)
		return xasprintf("uid %ld", (long)uid);
	sockaddr_ip(&who->client, ip);
	return xstrdup(ip);
}

const char *
api_who(const struct api_call *call)
{
	const struct port *port = http_request_listener(call->http);
	const char *who = json_string_value(json_object_get(call->body, "who"));

	return port->kind == PORT_ADMIN && who != NULL && who[0] != '\0'
		       ? who
		       : call->by;
}

static void
api_no_right(struct api_call *call, unsigned needs)
{
	const char *name = (needs & USER_READ) != 0  ? "read"
			   : (needs & USER_ACT) != 0 ? "act"
						     : "admin";
	char *error = xasprintf("not without the right %s", name);

	api_error(call, 403, error,
		  "use the admin socket (belfry does), or log in as a user "
		  "who has it");
	free(error);
}

void
api_handle(struct relay *r, struct http_request *http,
	   const struct http_who *who)
{
	struct api_call *call = xcalloc(1, sizeof(*call));
	const char *path = http_request_path(http) + strlen("/api/v1/");
	const char *method = http_request_method(http);
	bool known = false;

	call->relay = r;
	call->http = http;
	call->user = who->user != NULL ? xstrdup(who->user) : NULL;
	call->by = api_by(http, who);
	for (const struct api_path *p = api_paths; p->path != NULL; p++) {
		if (!api_path_match(call, p->path, path))
			continue;
		known = true;
		if (strcmp(p->method, method) != 0)
			continue;
		if ((who->rights & p->needs) == 0)
			api_no_right(call, p->needs);
		else if (api_check_query(call, p->query) &&
			 api_read_body(call) && api_check_body(call, p->body))
			p->fn(call);
		return;
	}
	if (known)
		api_error(call, 405, "the path has no such method",
			  "see the documentation of the API");
	else
		api_error(call, 404, "no such path or id",
			  "see the documentation of the API");
}
