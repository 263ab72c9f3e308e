/*
 * engine_route - in which groups an incident stands, and when these are due.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_own.h"
#include "base/must.h"
#include "base/xalloc.h"

#define ROUTE_CHUNK 1000 /* incidents, in one job */

/* --- groups ------------------------------------------------------------------ */

static struct labels
route_group_labels(const struct rules_node *node, const struct labels *labels,
		   struct arena *arena)
{
	struct labels ret = {.n = 0};

	if (node->group_all)
		return *labels;
	ret.v = arena_alloc(arena, (node->ngroup_by + 1) * sizeof(ret.v[0]));
	for (size_t i = 0; i < node->ngroup_by; i++) {
		const char *value = labels_get(labels, node->group_by[i]);

		if (value != NULL)
			ret.v[ret.n++] = (struct label){
				.name = node->group_by[i], .value = value};
	}
	return ret;
}

struct alert_group *
route_known(struct engine *e, const struct rules_node *node,
	    const struct labels *labels, struct labels *ret_group,
	    uint8_t ret_print[static GROUP_PRINT])
{
	*ret_group = route_group_labels(node, labels, &e->scratch);
	group_print(node->receiver->name, ret_group, 0, ret_print);
	return group_find_print(e, ret_print);
}

static struct alert_group *
route_group(struct engine *e, const struct incident *in,
	    const struct rules_node *node, const struct labels *labels)
{
	struct labels group;
	uint8_t print[GROUP_PRINT];
	struct alert_group *g = route_known(e, node, labels, &group, print);

	if (g == NULL)
		g = route_moved(e, in, node, &group, print);
	if (g != NULL && g->edit != NULL && g->edit->ended)
		g = group_find_fresh(e, print);
	if (g == NULL)
		g = job_new_group(e, node->receiver->name, &group, 0, print);
	if (g->node == NULL)
		g->node = node;
	return g;
}

static struct route *
route_to(struct route *v, size_t n, const struct alert_group *g)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].group == g)
			return &v[i];
	return NULL;
}

static int64_t
node_first_step(const struct rules_node *node)
{
	return node->nescalate > 0 ? node->escalate[0].after_ms : INT64_MAX;
}

bool
node_presses(const struct rules_node *a, const struct rules_node *b)
{
	if (node_first_step(a) != node_first_step(b))
		return node_first_step(a) < node_first_step(b);
	return a->repeat_ms < b->repeat_ms;
}

const struct rules_node *
route_awake(struct engine *e, const struct alert_group *g,
	    const struct labels *labels, int64_t now)
{
	const struct rules_node **node;
	size_t n = rules_route(e->rules, labels, &e->scratch, &node);
	struct labels group;
	uint8_t print[GROUP_PRINT];

	for (size_t i = 0; i < n; i++)
		if (!rules_node_muted(node[i], now) &&
		    route_known(e, node[i], labels, &group, print) == g)
			return node[i];
	return NULL;
}

/* An alert about a delivery never goes to the receiver that failed. */
static bool
route_is_failed(const struct incident *in, const struct labels *labels,
		const struct rules_node *node)
{
	const char *failed;

	if (!labels_are_of_delivery(in->source->name, labels))
		return false;
	failed = labels_get(labels, "receiver");
	return failed != NULL && strcmp(failed, node->receiver->name) == 0;
}

/* The groups of IN, in the job's arena; those that are missing are made. Where
 * several nodes lead to one, it is told there once, by what presses most. */
static size_t
route_find(struct engine *e, struct incident *in, struct route **ret)
{
	const struct rules_node **node;
	struct route *v, *there;
	struct incident_text text;
	size_t n = 0, nodes;

	incident_next_text(in, &e->scratch, &text);
	nodes = rules_route(e->rules, &text.labels, &e->scratch, &node);
	v = arena_alloc(&e->job.arena, (nodes + 1) * sizeof(*v));
	for (size_t i = 0; i < nodes; i++) {
		struct alert_group *g;

		if (route_is_failed(in, &text.labels, node[i]))
			continue;
		g = route_group(e, in, node[i], &text.labels);
		there = route_to(v, n, g);
		if (there == NULL)
			v[n++] = (struct route){.group = g, .node = node[i]};
		else if (node_presses(node[i], there->node))
			there->node = node[i];
	}
	*ret = v;
	return n;
}

static bool
route_is_same(const struct incident *in, struct route *v, size_t n)
{
	size_t there = 0;

	for (size_t i = 0; i < in->nlinks; i++) {
		const struct link *link = &in->links[i];

		if (link->group->v[link->slot].flags & MEMBER_LEFT)
			continue;
		if (route_to(v, n, link->group) == NULL)
			return false;
		there++;
	}
	return there == n;
}

/* IN is in G by NODE. */
static void
route_note(const struct incident *in, const struct alert_group *g,
	   const struct rules_node *node)
{
	const struct link *link = incident_link(in, g);

	if (link != NULL)
		g->v[link->slot].node = node;
}

/* Where IN was to stand so far, as what came before in the job says. */
static void
route_drop(struct incident *in)
{
	struct incident_edit *ed = in->edit;

	if (ed == NULL)
		return;
	for (size_t i = 0; i < ed->nroutes; i++)
		ed->routes[i].group->joining--;
	ed->routes = NULL;
	ed->nroutes = 0;
}

/* IN is to stand where routing says; *RET: its groups. */
static size_t
route_incident(struct engine *e, struct incident *in, struct route **ret)
{
	size_t n = route_find(e, in, ret);
	struct route *v = *ret;
	struct incident_edit *ed;

	for (size_t i = 0; i < n; i++)
		route_note(in, v[i].group, v[i].node);
	route_drop(in);
	if (route_is_same(in, v, n))
		return n;
	ed = job_incident_routes(e, in);
	ed->routes = v;
	ed->nroutes = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		v[i].group->joining++;
	return n;
}

/* --- when ---------------------------------------------------------------------- */

/* From when G tells again what can wait; 0: at any time. What it told in the
 * future it told before the clock was set back. */
static int64_t
route_interval_ends(const struct route *r, int64_t now)
{
	int64_t flushed = job_group_core(r->group)->flushed_ms;

	if (flushed == 0)
		return 0;
	return (flushed < now ? flushed : now) + r->node->group_interval_ms;
}

/* A new one waits for company: the first time for the group's wait, later until
 * its interval is over; a critical one never that long. */
int64_t
group_due_for_new(const struct route *r, bool critical, int64_t now)
{
	int64_t wait = critical ? r->node->group_wait_critical_ms
				: r->node->group_wait_ms;
	int64_t when = now + wait, ends = route_interval_ends(r, now);

	return !critical && ends > when ? ends : when;
}

bool
incident_is_critical(struct engine *e, const struct incident *in)
{
	struct incident_text text;

	incident_next_text(in, &e->scratch, &text);
	return rules_is_critical(e->rules, &text.labels);
}

void
engine_incident_opened(struct engine *e, struct incident *in)
{
	bool critical = incident_is_critical(e, in);
	struct route *v;
	size_t n = route_incident(e, in, &v);

	for (size_t i = 0; i < n; i++)
		job_group_want(
			e, v[i].group,
			group_due_for_new(&v[i], critical, engine_now(e)));
}

/* By which IN came to the group of LINK. */
static struct route
link_route(const struct link *link)
{
	return (struct route){
		.group = link->group,
		.node = link->group->v[link->slot].node,
	};
}

void
engine_incident_anew(struct engine *e, struct incident *in)
{
	bool critical = incident_is_critical(e, in);

	for (size_t i = 0; i < in->nlinks; i++) {
		struct route r = link_route(&in->links[i]);

		if (r.node != NULL)
			job_group_want(
				e, r.group,
				group_due_for_new(&r, critical, engine_now(e)));
	}
}

/* Told and pending: that it fires is less than what is to be said. */
static uint8_t
both_of_less(uint8_t both)
{
	enum told told = told_of(both), pending = told_pending(both);

	if (told == TOLD_FIRING)
		told = TOLD_LESS;
	if (pending == TOLD_FIRING)
		pending = TOLD_LESS;
	return (uint8_t)(told | (both & TOLD_HELD) | pending << 4);
}

void
incident_is_worse(struct engine *e, struct incident *in)
{
	job_incident(e, in)->worse = true;
	for (size_t i = 0; i < in->nlinks; i++) {
		const struct link *link = &in->links[i];
		const struct alert_group *g = link->group;

		for (uint32_t k = 0; k < g->nnotices; k++) {
			struct notice *n = g->notices[k];
			uint8_t both = notice_both(n, link->slot);

			if (both_of_less(both) != both)
				job_notice(e, n, 0)->both[link->slot] =
					both_of_less(both);
		}
	}
}

/* A recovery is told when it has lasted; that of all at once, that of some with
 * what else the interval brings. */
void
engine_incident_over(struct engine *e, struct incident *in, bool holds)
{
	int64_t now = engine_now(e);

	for (size_t i = 0; i < in->nlinks; i++) {
		struct route r = link_route(&in->links[i]);
		uint32_t slot = in->links[i].slot;
		int64_t hold = holds ? member_hold(&r.group->v[slot]) : 0;
		int64_t when = now + hold;

		if (r.node != NULL && group_has_open(r.group, in) &&
		    route_interval_ends(&r, now) > when)
			when = route_interval_ends(&r, now);
		job_group_want(e, r.group, when);
	}
}

/* --- routed anew ----------------------------------------------------------------- */

/* After a start or a reload, all that there are, some at a time: also what they
 * inhibit, and when something happens to them. */
struct reroute {
	struct work work;
	size_t n, at;
	uint64_t v[];
};

/* What is over stays where it is, and its end is held as its route says. */
static void
reroute_over(struct engine *e, struct incident *in)
{
	const struct rules_node **node;
	struct incident_text text;
	size_t nodes;

	if (in->nlinks == 0)
		return;
	incident_next_text(in, &e->scratch, &text);
	nodes = rules_route(e->rules, &text.labels, &e->scratch, &node);
	for (size_t i = 0; i < nodes; i++) {
		struct labels group;
		uint8_t print[GROUP_PRINT];
		struct alert_group *g =
			route_known(e, node[i], &text.labels, &group, print);

		if (g == NULL)
			g = route_moved(e, in, node[i], &group, print);
		if (g == NULL)
			continue;
		if (g->node == NULL)
			g->node = node[i];
		route_note(in, g, node[i]);
	}
}

/* Who comes back may have become worse than somebody was told, or somebody was
 * still to be told when it left. After a start nobody is known to have left. */
static bool
link_is_new(const struct engine *e, const struct link *link)
{
	const struct alert_group *g = link != NULL ? link->group : NULL;

	if (g == NULL)
		return true;
	if (!(g->v[link->slot].flags & MEMBER_LEFT))
		return false;
	for (uint32_t i = 0; !e->routed && i < g->nnotices; i++)
		if (told_of(notice_both(g->notices[i], link->slot)) ==
		    TOLD_LESS)
			return true;
	return e->routed;
}

static void
reroute_one(struct engine *e, struct incident *in)
{
	struct route *v;
	size_t n;

	if (in == NULL)
		return;
	inhibit_renew(e, in);
	engine_plan(e, in);
	if (job_core(in)->state == INCIDENT_RESOLVED &&
	    !mute_waits_for(e, in)) {
		reroute_over(e, in);
		return;
	}
	n = route_incident(e, in, &v);
	if (job_core(in)->state != INCIDENT_OPEN)
		return;
	for (size_t i = 0; i < n; i++)
		if (link_is_new(e, incident_link(in, v[i].group)))
			job_group_want(
				e, v[i].group,
				group_due_for_new(&v[i],
						  incident_is_critical(e, in),
						  engine_now(e)));
}

static int
reroute_prepare(struct engine *e, struct work *w)
{
	struct reroute *r = (struct reroute *)w;

	for (size_t i = 0; i < ROUTE_CHUNK && r->at + i < r->n; i++) {
		reroute_one(e, engine_find_id(e, r->v[r->at + i]));
		if (i % 64 == 63)
			arena_done(&e->scratch);
	}
	return 0;
}

static void
bound(int64_t *at, int64_t most)
{
	if (*at > most)
		*at = most;
}

/* Nothing is due later than it ever is: the clock may have been set back while
 * we were stopped. */
static void
group_bound(struct alert_group *g, int64_t now)
{
	int64_t later = ENGINE_MINUTE, repeat = 0;

	for (uint32_t k = 0; k < g->n; k++) {
		const struct rules_node *node = g->v[k].node;

		if (node == NULL)
			continue;
		const int64_t v[] = {
			node->group_wait_ms, node->group_interval_ms,
			node->resolve_hold_ms,
			node->receiver->limit.n > 0 ? node->receiver->digest_ms
						    : 0};

		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
			if (v[i] > later)
				later = v[i];
		if (node->repeat_ms > repeat)
			repeat = node->repeat_ms;
	}
	if (repeat > 0)
		bound(&g->c.repeat_ms, now + repeat);
	bound(&g->c.due_ms, now + later);
	bound(&g->c.clock_from_ms, now);
}

static void
groups_bound(struct engine *e)
{
	struct alert_group *g, *next;

	HASH_ITER(by_id, e->groups, g, next)
	group_bound(g, engine_now(e));
}

/* The store would not take it: not at once again. */
static void
reroute_later(struct engine *e, struct work *w)
{
	e->reroute_ms = clock_mono_ms(e->deps.clock) + ENGINE_AGAIN_MS;
	STAILQ_INSERT_TAIL(&e->reroutes, w, link);
}

void
reroute_turn(struct engine *e)
{
	struct work *w;

	if (clock_mono_ms(e->deps.clock) < e->reroute_ms)
		return;
	while ((w = STAILQ_FIRST(&e->reroutes)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->reroutes, link);
		engine_submit(e, w);
	}
}

void
reroutes_free(struct engine *e)
{
	struct work *w;

	while ((w = STAILQ_FIRST(&e->reroutes)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->reroutes, link);
		free(w);
	}
}

static void
reroute_done(struct engine *e, struct work *w, int result)
{
	struct reroute *r = (struct reroute *)w;

	if (result == 0) {
		r->at += ROUTE_CHUNK;
		w->goes_on = true;
	}
	if (result != -ESHUTDOWN && r->at < r->n) {
		if (result == 0)
			engine_submit_first(e, w);
		else
			reroute_later(e, w);
		return;
	}
	free(r);
	e->nreroutes--;
	e->routed = true;
	groups_bound(e);
	engine_look_all(e);
	engine_turn_soon(e);
}

void
engine_reroute(struct engine *e)
{
	struct reroute *r =
		xcalloc(1, sizeof(*r) + HASH_CNT(by_id, e->incidents) *
						sizeof(r->v[0]));
	struct incident *in, *next;

	HASH_ITER(by_id, e->incidents, in, next)
	r->v[r->n++] = in->id;
	e->nreroutes++;
	r->work.prepare = reroute_prepare;
	r->work.done = reroute_done;
	r->work.need = STORE_NEED_RESULT;
	r->work.bytes = SIZE_MAX / 2; /* with nothing else */
	/* What comes next finds all where it belongs. */
	engine_submit_first(e, &r->work);
}
