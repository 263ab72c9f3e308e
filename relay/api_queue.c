#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "alert/mail_intake.h"
#include "base/xalloc.h"
#include "relay/api.h"
#include "relay/certificates.h"
#include "relay/drop.h"

#define LIST_DEFAULT 100
#define DOWN_MAX     10 /* destinations that a status shows */

static json_t *
api_seconds(int64_t ms)
{
	return json_integer(ms / 1000);
}

/* --- messages ------------------------------------------------------------------- */

static json_t *
api_address_json(const char *address, bool whole)
{
	struct arena a;
	json_t *json;

	arena_init(&a);
	json = api_text(whole ? address : mail_intake_shown(address, &a));
	arena_done(&a);
	return json;
}

/* Is it the return address of a notice? */
static bool
api_returns(const char *sender)
{
	static const char begin[] = "alert+b.";

	return strncasecmp(sender, begin, sizeof(begin) - 1) == 0;
}

static json_t *
api_rcpt_json(const struct queue_rcpt_info *rcpt, bool whole)
{
	json_t *json = json_object();

	whole = whole || strcmp(rcpt->agent, "alert") != 0;
	json_object_set_new(json, "address",
			    api_address_json(rcpt->address, whole));
	if (rcpt->original != NULL)
		json_object_set_new(json, "orig_address",
				    api_address_json(rcpt->original, whole));
	json_object_set_new(json, "delay_reason", api_text(rcpt->last_reply));
	json_object_set_new(json, "state",
			    json_string(queue_rcpt_state_names[rcpt->state]));
	json_object_set_new(json, "tries", json_integer(rcpt->tries));
	json_object_set_new(json, "agent", api_text(rcpt->agent));
	json_object_set_new(json, "destination", api_text(rcpt->dest));
	json_object_set_new(json, "destination_down",
			    json_boolean(rcpt->dest_down));
	json_object_set_new(json, "next_time", api_seconds(rcpt->next_ms));
	return json;
}

/* The queue that Postfix would have it in. What only waits until a destination
 * is back is deferred, too. */
static const char *
api_queue_name(const struct queue_message_info *m)
{
	if (m->corrupt)
		return "corrupt";
	if (m->kept)
		return "kept";
	if (m->held)
		return "hold";
	for (size_t i = 0; i < m->nrcpt; i++)
		if (m->rcpt[i].state == QUEUE_RCPT_READY &&
		    !m->rcpt[i].dest_down)
			return "active";
	return "deferred";
}

json_t *
api_message_json(const struct queue_message_info *m, bool whole)
{
	json_t *json = json_object(), *rcpts = json_array();
	char id[QUEUE_ID_LEN];

	queue_id_text(m->id, id);
	json_object_set_new(json, "queue_name", json_string(api_queue_name(m)));
	json_object_set_new(json, "queue_id", json_string(id));
	json_object_set_new(json, "arrival_time", api_seconds(m->arrival_ms));
	json_object_set_new(json, "message_size", json_integer(m->size));
	json_object_set_new(
		json, "sender",
		api_address_json(m->sender, whole || !api_returns(m->sender)));
	json_object_set_new(json, "class",
			    json_string(queue_class_names[m->class]));
	json_object_set_new(json, "expires_time", api_seconds(m->expires_ms));
	json_object_set_new(json, "message_id", api_text(m->message_id));
	if (m->verdict[0] != '\0')
		json_object_set_new(json, "verdict", api_text(m->verdict));
	for (size_t i = 0; i < m->nrcpt; i++)
		json_array_append_new(rcpts, api_rcpt_json(&m->rcpt[i], whole));
	json_object_set_new(json, "recipients", rcpts);
	return json;
}

/* It was asked for, and they may. */
static bool
api_is_whole(const struct api_call *call)
{
	const char *text = http_request_query(call->http, "whole");

	return text != NULL && strtol(text, NULL, 10) == 1;
}

/* True, or the error was answered. */
static bool
api_whole_may(struct api_call *call)
{
	int64_t whole = 0;

	return api_query_number(call, "whole", 0, 1, &whole) &&
	       (!api_is_whole(call) || api_body_may(call));
}

static void
api_listed(void *arg, struct queue_listing *l)
{
	struct api_call *call = arg;
	json_t *json, *messages;
	char next[QUEUE_ID_LEN];

	if (l->result < 0) {
		api_error(call, 503, strerror(-l->result), "try again");
		queue_listing_free(&l);
		return;
	}
	json = json_object();
	messages = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(
			messages,
			api_message_json(&l->v[i], api_is_whole(call)));
	json_object_set_new(json, "messages", messages);
	json_object_set_new(json, "looked",
			    json_integer((json_int_t)l->looked));
	if (l->next != 0)
		queue_id_text(l->next, next);
	json_object_set_new(json, "next",
			    l->next != 0 ? json_string(next) : json_null());
	queue_listing_free(&l);
	api_answer(call, 200, json);
}

static void
api_shown(void *arg, struct queue_listing *l)
{
	struct api_call *call = arg;
	json_t *json = NULL;
	int result = l->result;

	if (l->n > 0)
		json = api_message_json(&l->v[0], api_is_whole(call));
	queue_listing_free(&l);
	if (json != NULL)
		api_answer(call, 200, json);
	else if (result < 0)
		api_error(call, 503, strerror(-result), "try again");
	else
		api_error(call, 404, "no such message",
			  "it was delivered, returned or removed; see the "
			  "log for its id");
}

static void
api_busy(struct api_call *call)
{
	api_error(call, 503, "too many listings at once", "try again");
}

void
api_queue_list(struct api_call *call)
{
	size_t rows = LIST_DEFAULT;
	uint64_t from;

	if (!api_whole_may(call) || !api_filter_read(call, &from, &rows))
		return;
	if (queue_list(call->relay->queue, from, rows, api_filter(call),
		       relay_home(call->relay), api_listed, call) < 0)
		api_busy(call);
}

void
api_queue_show(struct api_call *call)
{
	if (!api_whole_may(call))
		return;
	if (queue_show(call->relay->queue, call->id, relay_home(call->relay),
		       api_shown, call) < 0)
		api_busy(call);
}

/* --- actions --------------------------------------------------------------------- */

const char *const api_action_names[] = {
	[QUEUE_HOLD] = "hold",     [QUEUE_RELEASE] = "release",
	[QUEUE_FLUSH] = "flush",   [QUEUE_REQUEUE] = "requeue",
	[QUEUE_REMOVE] = "remove",
};

bool
api_action_parse(struct api_call *call, const char *name,
		 enum queue_action *ret)
{
	for (int a = QUEUE_HOLD; name != NULL && a <= QUEUE_REMOVE; a++) {
		if (strcmp(api_action_names[a], name) != 0)
			continue;
		*ret = (enum queue_action)a;
		return true;
	}
	api_error(call, 404, "no such action",
		  "hold, release, flush, requeue or remove");
	return false;
}

static void
api_acted(void *arg, int result)
{
	struct api_call *call = arg;
	char id[QUEUE_ID_LEN];

	queue_id_text(call->id, id);
	switch (result) {
	case 0:
	case -EALREADY:
		api_answer(call, 200,
			   json_pack("{s:s, s:s}", "queue_id", id, "result",
				     result == 0 ? "done" : "already"));
		return;
	case -ENOENT:
		api_error(call, 404, "no such message",
			  "it was delivered, returned or removed; see the "
			  "log for its id");
		return;
	case -EPERM:
		api_error(call, 422, "the message is held", "release it first");
		return;
	case -EBADMSG:
		api_error(call, 422,
			  "the message was set aside: what is stored of it is "
			  "damaged",
			  "it can be shown, exported as far as it can be read, "
			  "and removed");
		return;
	case -ESTALE:
		api_error(call, 422,
			  "the message is over: it was delivered or returned, "
			  "and is only kept",
			  "it can be shown, exported and removed; see the log "
			  "for what became of it");
		return;
	case -EBUSY:
		api_error(call, 409, "a delivery is under way",
			  "try again when it has ended, or hold it first");
		return;
	default:
		api_error(call, 503, strerror(-result), "try again");
	}
}

void
api_queue_act(struct api_call *call)
{
	enum queue_action action = QUEUE_REMOVE;

	if (call->action != NULL &&
	    !api_action_parse(call, call->action, &action))
		return;
	api_log(call, api_action_names[action], NULL);
	queue_act(call->relay->queue, action, call->id, relay_home(call->relay),
		  api_acted, call);
}

/* --- figures ------------------------------------------------------------------------ */

static json_t *
api_deliveries_json(const struct queue_stats *s)
{
	json_t *json = json_object();

	for (int state = 0; state < 5; state++) {
		json_t *classes = json_object();

		for (int class = 0; class < QUEUE_NCLASS; class ++)
			json_object_set_new(
				classes, queue_class_names[class],
				json_integer(
					(json_int_t)
						s->deliveries[state][class]));
		json_object_set_new(json, queue_rcpt_state_names[state],
				    classes);
	}
	return json;
}

static json_t *
api_oldest_json(const struct queue_stats *s)
{
	json_t *json = json_object();

	for (int class = 0; class < QUEUE_NCLASS; class ++)
		json_object_set_new(json, queue_class_names[class],
				    json_integer(s->oldest_ms[class]));
	return json;
}

static json_t *
api_dest_json(const struct queue_dest_info *d)
{
	json_t *json = json_object();

	json_object_set_new(json, "agent", api_text(d->agent));
	json_object_set_new(json, "name", api_text(d->name));
	json_object_set_new(json, "waiting",
			    json_integer((json_int_t)d->waiting));
	json_object_set_new(json, "active", json_integer(d->active));
	json_object_set_new(json, "window", json_integer(d->window));
	json_object_set_new(json, "tls", api_text(queue_tls_names[d->tls]));
	json_object_set_new(json, "rate_until_ms",
			    json_integer(d->rate_until_ms));
	json_object_set_new(json, "oldest_ms", json_integer(d->oldest_ms));
	json_object_set_new(json, "down", json_boolean(d->down));
	json_object_set_new(json, "not_before_ms",
			    json_integer(d->not_before_ms));
	json_object_set_new(json, "fails", json_integer(d->fails));
	json_object_set_new(json, "last_reply", api_text(d->last_reply));
	return json;
}

static json_t *
api_stats_json(const struct queue_stats *s)
{
	json_t *json = json_object();

	json_object_set_new(json, "counting", json_boolean(s->counting));
	json_object_set_new(json, "messages",
			    json_integer((json_int_t)s->messages));
	json_object_set_new(json, "active",
			    json_integer((json_int_t)s->active));
	json_object_set_new(json, "deliveries", api_deliveries_json(s));
	json_object_set_new(json, "oldest_ms", api_oldest_json(s));
	return json;
}

/* Those that are down; the longest first. */
static json_t *
api_down_json(const struct queue_stats *s)
{
	json_t *json = json_array();

	for (size_t i = 0; i < s->n && json_array_size(json) < DOWN_MAX; i++)
		if (s->v[i].down)
			json_array_append_new(json, api_dest_json(&s->v[i]));
	return json;
}

static void
api_stats_done(void *arg, struct queue_stats *s)
{
	struct api_call *call = arg;
	json_t *json = api_stats_json(s), *dests = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(dests, api_dest_json(&s->v[i]));
	json_object_set_new(json, "destinations", dests);
	queue_stats_free(&s);
	api_answer(call, 200, json);
}

void
api_queue_stats(struct api_call *call)
{
	queue_stats(call->relay->queue, relay_home(call->relay), api_stats_done,
		    call);
}

static const char *const api_kind_names[] = {
	[PORT_SMTP] = "smtp",
	[PORT_SUBMIT] = "submit",
	[PORT_HTTP] = "http",
	[PORT_ADMIN] = "admin",
};

static json_t *
api_ports_json(const struct relay *r)
{
	json_t *json = json_array();
	struct port *p;

	TAILQ_FOREACH (p, &r->ports, entry) {
		json_t *port = json_object();
		const struct service *service =
			snapshot_service(r->snapshot, p->name);

		json_object_set_new(port, "name", api_text(p->name));
		json_object_set_new(port, "address", api_text(p->address));
		json_object_set_new(port, "kind",
				    json_string(api_kind_names[p->kind]));
		if (service != NULL && service->tls != NULL)
			json_object_set_new(
				port, "tls",
				json_string(
					config_tls_names[service->smtp.tls]));
		if (service != NULL)
			json_object_set_new(
				port, "sessions",
				json_integer((json_int_t)metric_value(
					service->sessions)));
		json_array_append_new(json, port);
	}
	return json;
}

static json_t *
api_walk_json(const struct queue_walk_info *w)
{
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "work", w->work,
			 "running", (int)w->running, "seen",
			 (json_int_t)w->seen, "moved", (json_int_t)w->moved,
			 "mended", (json_int_t)w->mended, "began_ms",
			 (json_int_t)w->began_ms, "ended_ms",
			 (json_int_t)w->ended_ms);
}

static json_t *
api_drop_json(const struct relay *r)
{
	struct drop_seen seen;

	drop_look(r->drop, &seen);
	return json_pack("{s:I, s:I, s:I}", "bad", (json_int_t)seen.bad, "kept",
			 (json_int_t)seen.kept, "odd", (json_int_t)seen.odd);
}

static void
api_status_done(void *arg, struct queue_stats *s)
{
	struct api_call *call = arg;
	struct relay *r = call->relay;
	json_t *json, *alerts;

	if (api_is_over(call)) {
		queue_stats_free(&s);
		return;
	}
	json = json_object();
	json_object_set_new(json, "program", json_string("belfryd"));
	json_object_set_new(json, "version", json_string(BELFRY_VERSION));
	json_object_set_new(json, "hostname",
			    api_text(relay_config(r)->hostname));
	json_object_set_new(json, "pid", json_integer(getpid()));
	json_object_set_new(json, "start_ms", json_integer(r->start_ms));
	json_object_set_new(json, "stopping", json_boolean(r->stopping));
	json_object_set_new(json, "pause", api_paused_json(&s->paused));
	json_object_set_new(json, "listeners", api_ports_json(r));
	json_object_set_new(json, "certificates",
			    certificates_json(r->snapshot));
	json_object_set_new(json, "queue", api_stats_json(s));
	json_object_set_new(json, "down", api_down_json(s));
	json_object_set_new(json, "walk", api_walk_json(&s->walk));
	json_object_set_new(json, "drop", api_drop_json(r));
	json_object_set_new(json, "store", api_store_json(r, s));
	alerts = api_alerts_json(r);
	if (alerts != NULL)
		json_object_set_new(json, "alerts", alerts);
	queue_stats_free(&s);
	api_answer(call, 200, json);
}

void
api_status(struct api_call *call)
{
	queue_stats(call->relay->queue, relay_home(call->relay),
		    api_status_done, call);
}
