#include "relay/alert_v2_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "relay/api.h"

/* 0001-01-01T00:00:00Z: no time at all, for Go's clients. */
#define TIME_NONE_MS INT64_C(-62135596800000)

#define SILENCE_COMMENT_MAX 1000
#define WHY_MAX             65536

/* --- what is asked for --------------------------------------------------------- */

/* What the expression says of a receiver; there are few of them, and each
 * stands at many alerts. */
struct v2_known {
	char *name; /* owned */
	bool has;
};

void
alert_v2_query_init(struct alert_v2_query *q)
{
	*q = (struct alert_v2_query){
		.active = true,
		.silenced = true,
		.inhibited = true,
	};
}

void
alert_v2_query_done(struct alert_v2_query *q)
{
	matchers_done(&q->matchers);
	expression_free(&q->receiver);
	for (size_t i = 0; i < q->nknown; i++)
		free(q->known[i].name);
	free(q->known);
}

/* As Go's swag.ConvertBool(): what is not one of these is false. */
static bool
v2_is_true(const char *value)
{
	static const char *const words[] = {
		"true",     "1",       "yes", "ok",      "y",  "on",
		"selected", "checked", "t",   "enabled", NULL,
	};

	for (size_t i = 0; words[i] != NULL; i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

static int
v2_query_filter(struct alert_v2_query *q, struct arena *arena,
		const char *value, char **ret_why)
{
	struct matchers *m = &q->matchers;
	char *why;
	int r;

	if (m->n == MATCHERS_MAX) {
		*ret_why = xstrdup("too many filters");
		return -EINVAL;
	}
	if (m->v == NULL)
		m->v = arena_alloc(arena, MATCHERS_MAX * sizeof(m->v[0]));
	r = matcher_parse(value, arena, &m->v[m->n], &why);
	if (r == 0) {
		m->n++;
		matchers_are_asked(m);
		return 0;
	}
	*ret_why = xasprintf("bad matcher format: %s (%s)", value, why);
	free(why);
	return r;
}

static int
v2_query_receiver(struct alert_v2_query *q, const char *value, char **ret_why)
{
	char *why;
	int r;

	expression_free(&q->receiver);
	r = expression_new(value, EXPRESSION_WHOLE, &q->receiver, &why);
	if (r == 0) {
		expression_is_asked(q->receiver);
		return 0;
	}
	*ret_why = xasprintf("failed to parse receiver param: %s", why);
	free(why);
	return r;
}

int
alert_v2_query_set(struct alert_v2_query *q, struct arena *arena,
		   const char *name, const char *value, char **ret_why)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"active", &q->active},
		{"silenced", &q->silenced},
		{"inhibited", &q->inhibited},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0 && value[0] != '\0')
			*flags[i].flag = v2_is_true(value);
	if (strcmp(name, "filter") == 0)
		return v2_query_filter(q, arena, value, ret_why);
	if (strcmp(name, "receiver") == 0 && value[0] != '\0')
		return v2_query_receiver(q, value, ret_why);
	return 0;
}

/* --- alerts ------------------------------------------------------------------------ */

static bool
v2_is_inhibited(const struct incident_view *v)
{
	return v->inhibited_by[0] != '\0';
}

static bool
v2_is_suppressed(const struct incident_view *v)
{
	return v->nsilences > 0 || v2_is_inhibited(v) || v->muted ||
	       v->maintenance[0] != '\0';
}

bool
alert_v2_query_has_receiver(struct alert_v2_query *q, const char *receiver)
{
	enum expression_result result;

	if (q->receiver == NULL)
		return true;
	for (size_t i = 0; i < q->nknown; i++)
		if (strcmp(q->known[i].name, receiver) == 0)
			return q->known[i].has;
	result =
		expression_match(q->receiver, receiver, strlen(receiver), NULL);
	q->limits += result == EXPRESSION_LIMIT;
	q->known = xreallocarray(q->known, q->nknown + 1, sizeof(q->known[0]));
	q->known[q->nknown] = (struct v2_known){
		.name = xstrdup(receiver),
		.has = result != EXPRESSION_NO,
	};
	return q->known[q->nknown++].has;
}

bool
alert_v2_query_has(struct alert_v2_query *q, const struct incident_view *v)
{
	bool known = q->receiver == NULL;

	if (v->state == INCIDENT_RESOLVED ||
	    (!q->active && !v2_is_suppressed(v)) ||
	    (!q->silenced && v->nsilences > 0) ||
	    (!q->inhibited && v2_is_inhibited(v)))
		return false;
	for (size_t i = 0; !known && i < v->nreceivers; i++)
		known = alert_v2_query_has_receiver(q, v->receivers[i]);
	return known && matchers_match(&q->matchers, v->labels, &q->limits);
}

static json_t *
v2_time(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_LEN];

	clock_rfc3339(wall_ms != 0 ? wall_ms : TIME_NONE_MS, text);
	return json_string(text);
}

json_t *
alert_v2_labels(const struct labels *l)
{
	json_t *json = json_object();

	for (size_t i = 0; i < l->n; i++)
		json_object_set_new(json, l->v[i].name,
				    api_text(l->v[i].value));
	return json;
}

static int
v2_compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
v2_receivers(const struct incident_view *v, struct alert_v2_query *q,
	     bool grouped)
{
	const char **names = xcalloc(v->nreceivers + 1, sizeof(names[0]));
	json_t *json = json_array();
	size_t n = 0;

	for (size_t i = 0; i < v->nreceivers; i++)
		if (!grouped || alert_v2_query_has_receiver(q, v->receivers[i]))
			names[n++] = v->receivers[i];
	if (grouped)
		qsort(names, n, sizeof(names[0]), v2_compare_names);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			json, json_pack("{s:o}", "name", api_text(names[i])));
	free(names);
	return json;
}

/* An empty list is [], never null: clients count it. */
static json_t *
v2_status(const struct incident_view *v)
{
	json_t *silenced = json_array(), *inhibited = json_array();

	for (size_t i = 0; i < v->nsilences; i++)
		json_array_append_new(silenced, api_text(v->silences[i]));
	if (v2_is_inhibited(v))
		json_array_append_new(inhibited, api_text(v->inhibited_by));
	return json_pack("{s:o, s:o, s:s}", "inhibitedBy", inhibited,
			 "silencedBy", silenced, "state",
			 v2_is_suppressed(v) ? "suppressed" : "active");
}

json_t *
alert_v2_alert(const struct incident_view *v, struct alert_v2_query *q,
	       bool grouped)
{
	char fingerprint[17];
	json_t *json;

	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64,
		 labels_fingerprint(v->labels));
	json = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "annotations",
			 alert_v2_labels(v->annotations), "endsAt",
			 v2_time(v->ends_ms), "fingerprint", fingerprint,
			 "receivers", v2_receivers(v, q, grouped), "startsAt",
			 v2_time(v->starts_ms), "status", v2_status(v),
			 "updatedAt", v2_time(v->updated_ms));
	if (v->url[0] != '\0')
		json_object_set_new(json, "generatorURL", api_text(v->url));
	json_object_set_new(json, "labels", alert_v2_labels(v->labels));
	return json;
}

/* --- silences ---------------------------------------------------------------------- */

static json_t *
v2_matcher(const struct matcher *m)
{
	return json_pack(
		"{s:b, s:b, s:o, s:o}", "isEqual",
		m->op == MATCHER_EQUAL || m->op == MATCHER_REGEX, "isRegex",
		m->op == MATCHER_REGEX || m->op == MATCHER_NOT_REGEX, "name",
		api_text(m->name), "value", api_text(m->value));
}

json_t *
alert_v2_silence(const struct engine_silence *s)
{
	json_t *matchers = json_array();

	for (size_t i = 0; i < s->matchers.n; i++)
		json_array_append_new(matchers, v2_matcher(&s->matchers.v[i]));
	return json_pack(
		"{s:s, s:{s:s}, s:o, s:o, s:o, s:o, s:o, s:o}", "id", s->id,
		"status", "state", silence_state_names[s->state], "updatedAt",
		v2_time(s->updated_ms), "comment", api_text(s->comment),
		"createdBy", api_text(s->created_by), "endsAt",
		v2_time(s->ends_ms), "matchers", matchers, "startsAt",
		v2_time(s->starts_ms));
}

static bool
v2_matcher_equal(const struct matcher *a, const struct matcher *b)
{
	return a->op == b->op && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->value, b->value) == 0;
}

bool
alert_v2_silence_has(const struct engine_silence *s,
		     const struct matchers *filter)
{
	for (size_t i = 0; i < filter->n; i++) {
		bool found = false;

		for (size_t k = 0; !found && k < s->matchers.n; k++)
			found = v2_matcher_equal(&filter->v[i],
						 &s->matchers.v[k]);
		if (!found)
			return false;
	}
	return true;
}

static int
v2_compare_times(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int
alert_v2_silence_compare(const struct engine_silence *a,
			 const struct engine_silence *b)
{
	static const int rank[] = {
		[SILENCE_ACTIVE] = 0,
		[SILENCE_PENDING] = 1,
		[SILENCE_EXPIRED] = 2,
	};

	if (a->state != b->state)
		return rank[a->state] - rank[b->state];
	switch (a->state) {
	case SILENCE_ACTIVE:
		return v2_compare_times(a->ends_ms, b->ends_ms);
	case SILENCE_PENDING:
		return v2_compare_times(a->starts_ms, b->starts_ms);
	case SILENCE_EXPIRED:
		return v2_compare_times(b->ends_ms, a->ends_ms);
	}
	abort();
}

static bool
v2_is_hex(char c)
{
	return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

bool
alert_v2_is_uuid(const char *text)
{
	for (size_t i = 0; i < ENGINE_SILENCE_ID - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !v2_is_hex(text[i]))
			return false;
	}
	return text[ENGINE_SILENCE_ID - 1] == '\0';
}

/* --- a silence that is posted --------------------------------------------------------- */

/* -EINVAL with this reason. */
static int v2_refuse(char **ret_why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int
v2_refuse(char **ret_why, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, WHY_MAX);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	*ret_why = buf_take(&text);
	return -EINVAL;
}

static int
v2_read_string(const json_t *json, const char *name, size_t max,
	       struct arena *arena, const char **ret, char **ret_why)
{
	const json_t *value = json_object_get(json, name);

	if (value == NULL || json_is_null(value))
		return v2_refuse(ret_why, "%s in body is required", name);
	if (!json_is_string(value) || json_string_length(value) > max ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return v2_refuse(ret_why,
				 "%s in body must be a string of at most %zu "
				 "bytes",
				 name, max);
	*ret = arena_strdup(arena, json_string_value(value));
	return 0;
}

static int
v2_read_time(const json_t *json, const char *name, int64_t *ret, char **ret_why)
{
	const json_t *value = json_object_get(json, name);

	if (value == NULL || json_is_null(value))
		return v2_refuse(ret_why, "%s in body is required", name);
	if (json_is_string(value) &&
	    clock_rfc3339_parse(json_string_value(value), ret) == 0)
		return 0;
	return v2_refuse(ret_why, "%s in body must be a date-time of RFC 3339",
			 name);
}

/* 0 also where it is not there and need not be. */
static int
v2_read_flag(const json_t *json, size_t at, const char *name, bool needed,
	     bool *ret, char **ret_why)
{
	const json_t *value = json_object_get(json, name);

	if (value == NULL && !needed)
		return 0;
	if (!json_is_boolean(value))
		return v2_refuse(ret_why, "matchers.%zu.%s in body is required",
				 at, name);
	*ret = json_is_true(value);
	return 0;
}

static int
v2_read_matcher(const json_t *json, size_t at, struct arena *arena,
		struct matcher *ret, char **ret_why)
{
	static const enum matcher_op ops[2][2] = {
		{MATCHER_NOT_EQUAL, MATCHER_EQUAL},
		{MATCHER_NOT_REGEX, MATCHER_REGEX},
	};
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *value = json_string_value(json_object_get(json, "value"));
	bool regex = false, equal = true;
	char *why;
	int r;

	if (name == NULL || value == NULL)
		return v2_refuse(ret_why, "matchers.%zu.%s in body is required",
				 at, name == NULL ? "name" : "value");
	r = v2_read_flag(json, at, "isRegex", true, &regex, ret_why);
	if (r == 0)
		r = v2_read_flag(json, at, "isEqual", false, &equal, ret_why);
	if (r < 0)
		return r;
	r = matcher_set(ops[regex][equal], name, value, arena, ret, &why);
	if (r == 0)
		return 0;
	v2_refuse(ret_why, "silence invalid: invalid label matcher %zu: %s", at,
		  why);
	free(why);
	return r;
}

bool
alert_v2_matches_nothing(const struct matchers *m)
{
	static const struct labels none = {0};

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].op == MATCHER_NOT_EQUAL ||
		    m->v[i].op == MATCHER_NOT_REGEX ||
		    !matcher_match(&m->v[i], &none, NULL))
			return false;
	return true;
}

static int
v2_read_matchers(const json_t *json, struct arena *arena, struct matchers *ret,
		 char **ret_why)
{
	const json_t *list = json_object_get(json, "matchers"), *one;
	size_t i;

	if (!json_is_array(list))
		return v2_refuse(ret_why, "matchers in body is required");
	if (json_array_size(list) == 0)
		return v2_refuse(ret_why, "matchers in body should have at "
					  "least 1 items");
	if (json_array_size(list) > MATCHERS_MAX)
		return v2_refuse(ret_why,
				 "matchers in body should have at most %d "
				 "items",
				 MATCHERS_MAX);
	ret->v = arena_alloc(arena, json_array_size(list) * sizeof(ret->v[0]));
	json_array_foreach(list, i, one)
	{
		int r = v2_read_matcher(one, i, arena, &ret->v[i], ret_why);

		if (r < 0)
			return r;
		ret->n++;
	}
	if (alert_v2_matches_nothing(ret))
		return v2_refuse(ret_why, "silence invalid: at least one "
					  "matcher must not match the empty "
					  "string");
	return 0;
}

static int
v2_read_silence(const json_t *json, int64_t now_ms, struct arena *arena,
		struct engine_silence *ret, char **ret_why)
{
	const json_t *id = json_object_get(json, "id");
	int r;

	r = v2_read_string(json, "comment", SILENCE_COMMENT_MAX, arena,
			   &ret->comment, ret_why);
	if (r == 0)
		r = v2_read_string(json, "createdBy", SILENCE_COMMENT_MAX,
				   arena, &ret->created_by, ret_why);
	if (r == 0)
		r = v2_read_time(json, "endsAt", &ret->ends_ms, ret_why);
	if (r == 0)
		r = v2_read_time(json, "startsAt", &ret->starts_ms, ret_why);
	if (r == 0)
		r = v2_read_matchers(json, arena, &ret->matchers, ret_why);
	if (r < 0)
		return r;
	if (ret->starts_ms >= ret->ends_ms)
		return v2_refuse(ret_why, "Failed to create silence: start "
					  "time must be before end time");
	if (ret->ends_ms < now_ms)
		return v2_refuse(ret_why, "Failed to create silence: end time "
					  "can't be in the past");
	/* What can be no id is that of no silence. */
	if (json_is_string(id) && json_string_length(id) > 0)
		snprintf(ret->id, sizeof(ret->id), "%s",
			 alert_v2_is_uuid(json_string_value(id))
				 ? json_string_value(id)
				 : "00000000-0000-0000-0000-"
				   "000000000000");
	return 0;
}

int
alert_v2_silence_read(const char *body, size_t len, int64_t now_ms,
		      struct arena *arena, struct engine_silence *ret,
		      char **ret_why)
{
	json_error_t error;
	json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	int r;

	*ret = (struct engine_silence){.comment = "", .created_by = ""};
	if (len == 0)
		r = v2_refuse(ret_why, "silence in body is required");
	else if (json == NULL)
		r = v2_refuse(ret_why, "the body is no JSON: line %d: %s",
			      error.line, error.text);
	else if (!json_is_object(json))
		r = v2_refuse(ret_why, "the body is no JSON object");
	else
		r = v2_read_silence(json, now_ms, arena, ret, ret_why);
	json_decref(json);
	return r;
}
