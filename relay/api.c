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
	free(call);
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
api_answer_raw(struct api_call *call, const char *type, const void *data,
	       size_t len)
{
	if (call->relay->http != NULL)
		http_answer(call->http, 200, type, data, len);
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
		   json_pack("{s:s, s:s}", "error", error, "help", help));
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
		  LOG_STR("detail", detail));
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

static void
api_paused_done(void *arg, int result)
{
	struct api_call *call = arg;
	struct queue_paused now;

	if (api_is_over(call))
		return;
	/* A resume that finds no pause has what it wants. */
	if (result < 0 && result != -EALREADY) {
		api_error(call, 503, strerror(-result),
			  "the store did not take it; try again");
		return;
	}
	queue_get_paused(call->relay->queue, &now);
	api_answer(call, 200, api_paused_json(&now));
}

/* for_ms counts from now, until_ms is a wall time; 0 is until resumed. */
static int
api_pause_until(const json_t *body, int64_t now_ms, int64_t *ret_until_ms)
{
	const json_t *for_ms = json_object_get(body, "for_ms");
	const json_t *until_ms = json_object_get(body, "until_ms");

	if ((for_ms != NULL && !json_is_integer(for_ms)) ||
	    (until_ms != NULL && !json_is_integer(until_ms)) ||
	    (for_ms != NULL && until_ms != NULL))
		return -1;
	if (until_ms != NULL)
		*ret_until_ms = json_integer_value(until_ms);
	else if (for_ms == NULL)
		*ret_until_ms = now_ms + PAUSE_DEFAULT_MS;
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
	    api_pause_until(call->body, p.since_ms, &p.until_ms) < 0) {
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
	api_log(call, "resume", NULL);
	queue_resume(call->relay->queue, relay_home(call->relay),
		     api_paused_done, call);
}

/* --- the table of paths ------------------------------------------------------------ */

struct api_path {
	const char *method;
	const char *path; /* below /api/v1/; "ID" and "ACTION" stand for one
			   * part each */
	bool tcp;         /* figures: also for the trusted over TCP */
	void (*fn)(struct api_call *call);
};

static const struct api_path api_paths[] = {
	{"GET", "status", true, api_status},
	{"GET", "queue-stats", true, api_queue_stats},
	{"GET", "queue", false, api_queue_list},
	{"POST", "queue", false, api_queue_act_many},
	{"GET", "queue/ID", false, api_queue_show},
	{"GET", "queue/ID/body", false, api_queue_body},
	{"DELETE", "queue/ID", false, api_queue_act},
	{"POST", "queue/ID/ACTION", false, api_queue_act},
	{"GET", "store/backup", false, api_store_backup_look},
	{"POST", "store/backup", false, api_store_backup},
	{"POST", "store/upgrade", false, api_store_upgrade},
	{"POST", "pause", false, api_pause},
	{"POST", "resume", false, api_resume},
	{NULL, NULL, false, NULL},
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

void
api_handle(struct relay *r, struct http_request *http, bool admin)
{
	struct api_call *call = xcalloc(1, sizeof(*call));
	const char *path = http_request_path(http) + strlen("/api/v1/");
	const char *method = http_request_method(http);
	bool known = false;

	call->relay = r;
	call->http = http;
	for (const struct api_path *p = api_paths; p->path != NULL; p++) {
		if (!api_path_match(call, p->path, path))
			continue;
		known = true;
		if (strcmp(p->method, method) != 0)
			continue;
		if (!admin && !p->tcp)
			api_error(call, 403, "not over TCP",
				  "use the admin socket (belfry does)");
		else if (api_read_body(call))
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
