/*
 * api_alerts - incidents: looking at them, and what people do with them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine.h"
#include "alert/rules.h"
#include "base/xalloc.h"
#include "relay/alerts.h"
#include "relay/api.h"
#include "relay/look_turn.h"

#define ALERTS_DEFAULT  100
#define ALERTS_MAX      1000
#define NOTE_MAX        500
#define MUTE_DEFAULT_MS INT64_C(3600000)

struct engine *
api_engine(struct api_call *call)
{
	struct engine *e = relay_engine(call->relay);

	if (e == NULL)
		api_error(call, 404, "there are no alerts",
			  "the configuration has no section `alerts`");
	return e;
}

/* --- as JSON ---------------------------------------------------------------------- */

static json_t *
al_labels(const struct labels *l)
{
	json_t *json = json_object();

	for (size_t i = 0; i < l->n; i++)
		json_object_set_new(json, l->v[i].name,
				    api_text(l->v[i].value));
	return json;
}

static json_t *
al_strings(const char *const *v, size_t n)
{
	json_t *json = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(json, api_text(v[i]));
	return json;
}

static void
al_set_marks(json_t *json, const struct incident_view *v)
{
	json_object_set_new(json, "acked_by", api_text(v->acked_by));
	json_object_set_new(json, "acked_ms", json_integer(v->acked_ms));
	json_object_set_new(json, "flapping", json_boolean(v->flapping));
	json_object_set_new(json, "noise", json_boolean(v->noise));
	json_object_set_new(json, "closed", json_boolean(v->closed));
	json_object_set_new(json, "receivers",
			    al_strings(v->receivers, v->nreceivers));
	json_object_set_new(json, "silences",
			    al_strings(v->silences, v->nsilences));
	json_object_set_new(json, "inhibited_by", api_text(v->inhibited_by));
	json_object_set_new(json, "maintenance", api_text(v->maintenance));
	json_object_set_new(json, "muted", json_boolean(v->muted));
}

static json_t *
al_incident(const struct relay *r, const struct incident_view *v)
{
	const struct rules *rules = r->snapshot->rules;
	json_t *json = json_object();
	char id[QUEUE_ID_LEN];

	queue_id_text(v->id, id);
	json_object_set_new(json, "id", json_string(id));
	json_object_set_new(json, "state",
			    json_string(incident_state_names[v->state]));
	json_object_set_new(json, "source", api_text(v->source));
	json_object_set_new(json, "key", api_text(v->key));
	json_object_set_new(json, "labels", al_labels(v->labels));
	json_object_set_new(json, "annotations", al_labels(v->annotations));
	json_object_set_new(json, "url", api_text(v->url));
	json_object_set_new(json, "critical",
			    json_boolean(rules_is_critical(rules, v->labels)));
	json_object_set_new(json, "starts_ms", json_integer(v->starts_ms));
	json_object_set_new(json, "changed_ms", json_integer(v->changed_ms));
	json_object_set_new(json, "updated_ms", json_integer(v->updated_ms));
	json_object_set_new(json, "ends_ms", json_integer(v->ends_ms));
	al_set_marks(json, v);
	return json;
}

/* --- a listing --------------------------------------------------------------------- */

struct al_list {
	struct relay *relay;   /* borrowed */
	struct api_call *call; /* owned until it is answered */
	struct arena arena;
	struct matchers match;
	struct engine_filter filter;
	int64_t past, limit;
	uint64_t from;
	uint64_t next;   /* id of the first that is on the next page; 0: none */
	json_t *alerts;  /* owned */
	unsigned limits; /* expressions that took too much to know */
	struct look_turn turn;
	bool paused; /* TURN was over before all were seen */
	bool waits;  /* it is one of relay's alert_lists */
	struct post post;
};

static void
al_list_free(struct al_list *l)
{
	if (l->waits)
		l->relay->alert_lists--;
	matchers_done(&l->match);
	arena_done(&l->arena);
	json_decref(l->alerts);
	free(l);
}

static void
al_list_answer(struct al_list *l, uint64_t next_id)
{
	json_t *json = json_object();
	char next[QUEUE_ID_LEN];

	if (next_id != 0)
		queue_id_text(next_id, next);
	json_object_set(json, "alerts", l->alerts);
	json_object_set_new(json, "next",
			    next_id != 0 ? json_string(next) : json_null());
	api_answer(l->call, 200, json);
	al_list_free(l);
}

/* False: enough for this turn. */
static bool
al_list_look(struct al_list *l, const struct incident_view *v)
{
	if (matchers_match(&l->match, v->labels, &l->limits))
		json_array_append_new(l->alerts, al_incident(l->relay, v));
	l->from = v->id + 1;
	l->paused = look_turn_is_over(&l->turn);
	return !l->paused;
}

/* One of those that are kept. A page of them is shorter where it would take
 * long. */
static bool
al_list_see_past(void *arg, const struct incident_view *v)
{
	struct al_list *l = arg;

	if (l->turn.ends_ms == 0)
		look_turn_begin(&l->turn);
	return al_list_look(l, v);
}

/* One of those in memory: as many as fit on the page, and into the turn. */
static bool
al_list_see_open(void *arg, const struct incident_view *v)
{
	struct al_list *l = arg;

	if ((int64_t)json_array_size(l->alerts) == l->limit) {
		l->next = v->id;
		return false;
	}
	return al_list_look(l, v);
}

/* True: it was answered. */
static bool
al_list_costs_too_much(struct al_list *l)
{
	if (l->limits <= LOOK_LIMITS_MAX)
		return false;
	api_error(l->call, 400, "`match` costs too much", LOOK_LIMITS_WHY);
	return true;
}

static void
al_list_turn(void *arg)
{
	struct al_list *l = arg;
	struct engine *e = api_engine(l->call);

	if (e == NULL) { /* answered */
		al_list_free(l);
		return;
	}
	l->paused = false;
	look_turn_begin(&l->turn);
	engine_each(e, &l->filter, l->from, SIZE_MAX, al_list_see_open, l);
	if (al_list_costs_too_much(l)) {
		al_list_free(l);
	} else if (!l->paused) {
		al_list_answer(l, l->next);
	} else if (!l->waits && l->relay->alert_lists == LOOK_AT_ONCE) {
		api_error(l->call, 503, "too many listings at once",
			  "try again");
		al_list_free(l);
	} else {
		l->relay->alert_lists += !l->waits;
		l->waits = true;
		loop_post(relay_home(l->relay), &l->post, al_list_turn, l);
	}
}

static void
al_list_past_done(void *arg, int result, uint64_t next)
{
	struct al_list *l = arg;

	if (result == 0 && !al_list_costs_too_much(l)) {
		al_list_answer(l, l->paused ? l->from : next);
		return;
	}
	if (result < 0)
		api_error(l->call, 503, strerror(-result), "try again");
	al_list_free(l);
}

/* "open,stale". True, or the error was answered. */
static bool
al_list_states(struct al_list *l)
{
	const char *text = http_request_query(l->call->http, "state");

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, ",");
		int at = 0;

		while (at < INCIDENT_NSTATE &&
		       (strlen(incident_state_names[at]) != n ||
			memcmp(incident_state_names[at], text, n) != 0))
			at++;
		if (at == INCIDENT_NSTATE) {
			api_error(l->call, 400, "unknown state",
				  "open, stale or resolved, several with "
				  "commas");
			return false;
		}
		l->filter.states |= 1U << at;
		text += n + (text[n] == ',');
	}
	return true;
}

static bool
al_list_match(struct al_list *l)
{
	const char *text = http_request_query(l->call->http, "match");
	char *why, *error;

	if (text == NULL ||
	    matchers_parse(text, &l->arena, &l->match, &why) == 0) {
		matchers_are_asked(&l->match);
		return true;
	}
	error = xasprintf("bad matchers in `match`: %s", why);
	api_error(l->call, 400, error,
		  "such as severity=\"critical\",job=~\"db.*\"");
	free(error);
	free(why);
	return false;
}

/* True, or the error was answered. */
static bool
al_list_read(struct al_list *l)
{
	struct api_call *call = l->call;

	l->filter.receiver = http_request_query(call->http, "receiver");
	if (!al_list_states(l) || !al_list_match(l) ||
	    !api_query_number(call, "past", 0, 1, &l->past) ||
	    !api_query_number(call, "limit", 1, ALERTS_MAX, &l->limit) ||
	    !api_query_from(call, &l->from))
		return false;
	if (l->past == 0 ||
	    (l->filter.states == 0 && l->filter.receiver == NULL))
		return true;
	api_error(call, 400, "`past` goes with neither `state` nor `receiver`",
		  "leave them out");
	return false;
}

void
api_alerts_list(struct api_call *call)
{
	struct engine *e = api_engine(call);
	struct al_list *l;

	if (e == NULL)
		return;
	l = xcalloc(1, sizeof(*l));
	l->relay = call->relay;
	l->call = call;
	l->limit = ALERTS_DEFAULT;
	l->alerts = json_array();
	arena_init(&l->arena);
	if (!al_list_read(l))
		al_list_free(l);
	else if (l->past == 1)
		engine_each_past(e, l->from, (size_t)l->limit, al_list_see_past,
				 al_list_past_done, l);
	else
		al_list_turn(l);
}

/* --- one ----------------------------------------------------------------------------- */

static void
al_shown(void *arg, int result, const struct incident_view *v, size_t nhistory,
	 const struct history_entry *h)
{
	struct api_call *call = arg;
	json_t *json, *history;

	if (!api_alerts_did(call, result))
		return;
	json = al_incident(call->relay, v);
	history = json_array();
	for (size_t i = 0; i < nhistory; i++)
		json_array_append_new(
			history, json_pack("{s:I, s:o, s:o, s:o}", "when_ms",
					   (json_int_t)h[i].when_ms, "what",
					   api_text(h[i].what), "who",
					   api_text(h[i].who), "text",
					   api_text(h[i].text)));
	json_object_set_new(json, "history", history);
	api_answer(call, 200, json);
}

void
api_alerts_show(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e != NULL)
		engine_show(e, call->id, al_shown, call);
}

/* --- acts ---------------------------------------------------------------------------- */

bool
api_alerts_did(struct api_call *call, int result)
{
	if (result == 0 || result == -EALREADY)
		return true;
	if (result == -ENOENT)
		api_error(call, 404, "no such id",
			  "there is none, or it is over; its list with --all "
			  "has it");
	else if (result == -EINVAL)
		api_error(call, 400, "bad times or matchers",
			  "it must end after it starts, and later than now, "
			  "and not match everything");
	else if (result == -EMSGSIZE)
		api_error(call, 400, "too long",
			  "with fewer or shorter matchers");
	else
		api_error(call, 503, strerror(-result), "try again");
	return false;
}

static void
al_acted(void *arg, int result)
{
	struct api_call *call = arg;
	char id[QUEUE_ID_LEN];

	queue_id_text(call->id, id);
	if (api_alerts_did(call, result))
		api_answer(call, 200,
			   json_pack("{s:s, s:s}", "id", id, "result",
				     result == 0 ? "done" : "already"));
}

void
api_alerts_act(struct api_call *call)
{
	const json_t *given = json_object_get(call->body, "note");
	const char *note = json_string_value(given);
	struct engine *e = api_engine(call);
	int act = ENGINE_ACK;

	if (e == NULL)
		return;
	while (act <= ENGINE_NOISE &&
	       strcmp(engine_act_names[act], call->action) != 0)
		act++;
	if (act > ENGINE_NOISE) {
		api_error(call, 404, "no such action",
			  "ack, unack, close or noise");
		return;
	}
	if (given != NULL && (note == NULL || strlen(note) > NOTE_MAX)) {
		api_error(call, 400, "bad note", "a text of at most 500 bytes");
		return;
	}
	api_log(call, call->action, note);
	engine_act(e, (enum engine_act)act, call->id, api_who(call),
		   note != NULL ? note : "", al_acted, call);
}

/* --- the red button -------------------------------------------------------------------- */

static json_t *
al_mute_json(const struct engine_status *s)
{
	if (s->muted_until_ms == 0)
		return json_pack("{s:b}", "muted", 0);
	return json_pack("{s:b, s:o, s:o, s:I, s:I}", "muted", 1, "reason",
			 api_text(s->muted_reason), "who",
			 api_text(s->muted_by), "since_ms",
			 (json_int_t)s->muted_since_ms, "until_ms",
			 (json_int_t)s->muted_until_ms);
}

static void
al_muted(void *arg, int result)
{
	struct api_call *call = arg;
	struct engine *e = relay_engine(call->relay);
	struct engine_status s;
	json_t *mute;

	if (e == NULL)
		result = -ESHUTDOWN;
	if (!api_alerts_did(call, result))
		return;
	engine_status(e, &s);
	mute = al_mute_json(&s);
	json_object_set_new(mute, "result",
			    json_string(result == 0 ? "done" : "already"));
	api_answer(call, 200, mute);
}

void
api_mute(struct api_call *call)
{
	const char *reason =
		json_string_value(json_object_get(call->body, "reason"));
	int64_t now_ms = loop_wall_ms(relay_home(call->relay)), until_ms;
	struct engine *e = api_engine(call);
	struct engine_status s;

	if (e == NULL)
		return;
	if (reason == NULL || reason[0] == '\0' ||
	    strlen(reason) >= sizeof(s.muted_reason)) {
		api_error(call, 400, "no reason",
			  "say why in `reason`, in at most 255 bytes");
		return;
	}
	if (api_until(call, now_ms, MUTE_DEFAULT_MS, &until_ms) < 0 ||
	    until_ms == 0 || until_ms - now_ms > ENGINE_MUTE_MAX_MS) {
		api_error(call, 400, "bad time",
			  "give `for_ms` or `until_ms`, a week ahead at most");
		return;
	}
	api_log(call, "mute", reason);
	engine_mute(e, until_ms, reason, api_who(call), al_muted, call);
}

void
api_unmute(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e == NULL)
		return;
	api_log(call, "unmute", NULL);
	engine_unmute(e, api_who(call), al_muted, call);
}

static void
al_clock_accepted(void *arg, int result)
{
	struct api_call *call = arg;

	if (api_alerts_did(call, result))
		api_answer(call, 200,
			   json_pack("{s:s}", "result",
				     result == 0 ? "done" : "already"));
}

void
api_clock_accept(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e == NULL)
		return;
	api_log(call, "clock_accept", NULL);
	engine_clock_accept(e, al_clock_accepted, call);
}

/* --- of the status ------------------------------------------------------------------------ */

static bool
al_see_suspended(void *arg, const char *channel, const char *address,
		 int64_t until_ms, const char *words)
{
	json_array_append_new(arg, json_pack("{s:o, s:o, s:I, s:o}", "channel",
					     api_text(channel), "address",
					     api_text(address), "until_ms",
					     (json_int_t)until_ms, "words",
					     api_text(words)));
	return true;
}

static void
al_set_count(json_t *json, const char *name, uint64_t n)
{
	json_object_set_new(json, name, json_integer((json_int_t)n));
}

json_t *
api_alerts_json(const struct relay *r)
{
	struct engine *e = relay_engine(r);
	json_t *json, *suspended;
	struct engine_status s;

	if (e == NULL)
		return NULL;
	engine_status(e, &s);
	json = json_object();
	json_object_set_new(json, "loaded", json_boolean(s.loaded));
	for (int i = 0; i < INCIDENT_NSTATE; i++)
		al_set_count(json, incident_state_names[i], s.incidents[i]);
	al_set_count(json, "acked", s.acked);
	al_set_count(json, "suppressed", s.suppressed);
	al_set_count(json, "flapping", s.flapping);
	al_set_count(json, "groups", s.groups);
	al_set_count(json, "silences", s.silences);
	al_set_count(json, "notices_out", s.notices_out);
	al_set_count(json, "failed", s.failed);
	suspended = json_array();
	engine_each_suspended(e, al_see_suspended, suspended);
	json_object_set_new(json, "suspended", suspended);
	json_object_set_new(json, "mute", al_mute_json(&s));
	json_object_set_new(json, "clock_doubt", json_boolean(s.clock_doubt));
	return json;
}
