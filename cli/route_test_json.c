#include <inttypes.h>
#include <string.h>

#include "alert/channel.h"
#include "alert/rota.h"
#include "cli/route_test.h"

#define RJ_INT(v) json_integer((json_int_t)(v))

static json_t *
rj_labels(const struct labels *l)
{
	json_t *json = json_object();

	for (size_t i = 0; i < l->n; i++)
		json_object_set_new(json, l->v[i].name,
				    json_string(l->v[i].value));
	return json;
}

static json_t *
rj_strings(const struct conf_strings *s)
{
	json_t *json = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(json, json_string(s->v[i]));
	return json;
}

/* --- receivers ----------------------------------------------------------------- */

static const struct rota *
rj_schedule(const struct route_test *rt, const struct rules_receiver *receiver,
	    const char *person)
{
	for (size_t i = 0; person != NULL && i < receiver->nschedules; i++) {
		const char *name =
			rota_on_call(receiver->schedules[i], rt->at_ms);

		if (name != NULL && strcmp(name, person) == 0)
			return receiver->schedules[i];
	}
	return NULL;
}

/* Until when, unless it is for good. */
static void
rj_add_schedule(const struct route_test *rt, json_t *json,
		const struct rota *rota)
{
	int64_t until_ms = rota_next_change(rota, rt->at_ms);

	json_object_set_new(json, "schedule", json_string(rota_name(rota)));
	if (until_ms == INT64_MAX)
		return;
	json_object_set_new(json, "until_ms", RJ_INT(until_ms));
	json_object_set_new(json, "time_zone",
			    json_string(zone_name(rota_zone(rota))));
}

static json_t *
rj_target(const struct route_test *rt, const struct rules_receiver *receiver,
	  const struct target *t)
{
	const struct rota *rota = rj_schedule(rt, receiver, t->person);
	json_t *json =
		json_pack("{s:s, s:s}", "channel", channel_names[t->channel],
			  "address", t->address);

	if (t->person != NULL)
		json_object_set_new(json, "person", json_string(t->person));
	if (rota != NULL)
		rj_add_schedule(rt, json, rota);
	return json;
}

static bool
rj_is_on_call(const struct route_test *rt,
	      const struct rules_receiver *receiver)
{
	for (size_t i = 0; i < receiver->nschedules; i++)
		if (rota_on_call(receiver->schedules[i], rt->at_ms) != NULL)
			return true;
	return false;
}

static json_t *
rj_receiver(const struct route_test *rt, const struct rules_receiver *receiver)
{
	json_t *targets = json_array();
	struct target *v;
	size_t n = rules_targets(rt->rules, receiver, rt->at_ms, rt->arena, &v);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(targets, rj_target(rt, receiver, &v[i]));
	return json_pack("{s:s, s:b, s:b, s:o}", "name", receiver->name,
			 "nobody_on_call",
			 receiver->nschedules > 0 &&
				 !rj_is_on_call(rt, receiver),
			 "send_resolved", (int)receiver->send_resolved,
			 "targets", targets);
}

/* --- routes --------------------------------------------------------------------- */

static json_t *
rj_group(const struct rules_node *node, const struct labels *labels)
{
	json_t *json;

	if (node->group_all)
		return rj_labels(labels);
	json = json_object();
	for (size_t i = 0; i < node->ngroup_by; i++) {
		const char *value = labels_get(labels, node->group_by[i]);

		json_object_set_new(json, node->group_by[i],
				    json_string(value != NULL ? value : ""));
	}
	return json;
}

static json_t *
rj_escalate(const struct route_test *rt, const struct rules_node *node)
{
	json_t *json = json_array();

	for (size_t i = 0; i < node->nescalate; i++) {
		const struct rules_escalation *e = &node->escalate[i];

		json_array_append_new(
			json, json_pack("{s:I, s:o}", "after_ms",
					(json_int_t)e->after_ms, "receiver",
					rj_receiver(rt, e->receiver)));
	}
	return json;
}

static void
rj_add_rest(const struct route_test *rt, json_t *json,
	    const struct rules_receiver *to, bool critical)
{
	int64_t after_ms = critical ? to->fallback_after_critical_ms
				    : to->fallback_after_ms;

	if (to->fallback != NULL)
		json_object_set_new(json, "fallback",
				    json_pack("{s:I, s:o}", "after_ms",
					      (json_int_t)after_ms, "receiver",
					      rj_receiver(rt, to->fallback)));
	if (to->limit.n > 0 && !critical)
		json_object_set_new(
			json, "rate",
			json_pack("{s:I, s:I, s:I, s:I}", "limit",
				  (json_int_t)to->limit.n, "period_ms",
				  (json_int_t)to->limit.period_ms, "burst",
				  (json_int_t)to->burst, "digest_ms",
				  (json_int_t)to->digest_ms));
}

static json_t *
rj_route(const struct route_test *rt, const struct rules_node *node,
	 const struct labels *labels, bool critical)
{
	int64_t wait_ms =
		critical ? node->group_wait_critical_ms : node->group_wait_ms;
	json_t *json = json_pack(
		"{s:s, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "path",
		node->path, "muted", (int)rules_node_muted(node, rt->at_ms),
		"each_by_itself", (int)node->group_all, "group",
		rj_group(node, labels), "group_wait_ms", (json_int_t)wait_ms,
		"group_interval_ms", (json_int_t)node->group_interval_ms,
		"repeat_interval_ms", (json_int_t)node->repeat_ms,
		"resolve_hold_ms", (json_int_t)node->resolve_hold_ms,
		"receiver", rj_receiver(rt, node->receiver), "escalate",
		rj_escalate(rt, node));

	rj_add_rest(rt, json, node->receiver, critical);
	return json;
}

/* --- the alert -------------------------------------------------------------------- */

/* The rules of which it is a target. */
static json_t *
rj_inhibit(const struct route_test *rt, const struct labels *labels)
{
	struct rules_sides sides = rules_inhibit_sides(rt->rules, labels);
	const struct alert_inhibit_conf *conf = rt->conf->inhibit.v;
	json_t *json = json_array();

	for (size_t i = 0; i < rules_ninhibit(rt->rules); i++)
		if (sides.target >> i & 1 && !(sides.source >> i & 1))
			json_array_append_new(
				json,
				json_pack("{s:o, s:o}", "source",
					  rj_strings(&conf[i].source), "equal",
					  rj_strings(&conf[i].equal)));
	return json;
}

static json_t *
rj_routes(const struct route_test *rt, const struct labels *labels,
	  bool critical)
{
	const struct rules_node **nodes;
	json_t *json = json_array();
	struct arena arena;
	size_t n;

	arena_init(&arena);
	n = rules_route(rt->rules, labels, &arena, &nodes);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(json,
				      rj_route(rt, nodes[i], labels, critical));
	arena_done(&arena);
	return json;
}

/* It is what must keep coming, and goes no further. */
static bool
rj_is_heartbeat(const struct route_test *rt, const struct labels *labels)
{
	const struct matchers *expect = &rules_settings(rt->rules)->expect;

	return expect->n > 0 && matchers_match(expect, labels, NULL);
}

json_t *
route_test_json(const struct route_test *rt, const struct alert *a)
{
	bool critical = rules_is_critical(rt->rules, &a->labels);
	const char *maintenance =
		rules_maintenance(rt->rules, &a->labels, rt->at_ms);
	bool beat = rj_is_heartbeat(rt, &a->labels);
	json_t *json = json_pack(
		"{s:s, s:s, s:o, s:o, s:b, s:I, s:s, s:o, s:o}", "source",
		a->source, "status",
		a->status == ALERT_FIRING ? "firing" : "resolved", "labels",
		rj_labels(&a->labels), "annotations",
		rj_labels(&a->annotations), "critical", (int)critical, "at_ms",
		(json_int_t)rt->at_ms, "maintenance",
		maintenance != NULL ? maintenance : "", "inhibited_by",
		rj_inhibit(rt, &a->labels), "routes",
		beat ? json_array() : rj_routes(rt, &a->labels, critical));

	if (beat)
		json_object_set_new(
			json, "heartbeat_within_ms",
			RJ_INT(rules_settings(rt->rules)->expect_within_ms));
	return json;
}
