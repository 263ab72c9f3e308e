/*
 * engine_move - after a reload: a group whose receiver is called otherwise, or
 * gave all of it to another one, goes there as it is.
 *
 * What each was told, what is on its way to them, the thread and the clocks go
 * with it: who is told by both receivers hears nothing, and who is told only by
 * the new one hears of it soon. It is a group only once: where there is one
 * already, or others are told there, what comes is as new.
 */
#include <string.h>

#include "alert/engine_flush.h"

/* Does IN belong to G? */
static bool
route_leads(struct engine *e, const struct incident *in,
	    const struct alert_group *g, struct arena *arena)
{
	const struct rules_node **node;
	struct incident_text text;
	struct labels group;
	uint8_t print[GROUP_PRINT];
	size_t nodes;

	incident_next_text(in, arena, &text);
	nodes = rules_route(e->rules, &text.labels, arena, &node);
	for (size_t i = 0; i < nodes; i++)
		if (route_known(e, node[i], &text.labels, &group, print) == g)
			return true;
	return false;
}

/* Does nobody stay in G? What is over does not ask those that are open. */
static bool
group_is_left(struct engine *e, const struct alert_group *g,
	      const struct incident *in)
{
	bool left = job_core(in)->state != INCIDENT_RESOLVED;

	if (group_is_gone(e, g))
		return true;
	for (uint32_t i = 0; left && i < g->n; i++) {
		struct arena arena;

		arena_init(&arena);
		left = !route_leads(e, g->v[i].incident, g, &arena);
		arena_done(&arena);
	}
	return left;
}

static bool
notice_is_among(const struct notice *n, const struct target *v, size_t nv)
{
	for (size_t i = 0; i < nv; i++)
		if (notice_is_to(n, &v[i]))
			return true;
	return false;
}

/* Also of those who are about to be told for the first time. */
static bool
group_tells(const struct alert_group *g, const struct target *v, size_t nv)
{
	const struct flush_group *fg = g->flushed;

	for (uint32_t i = 0; i < g->nnotices; i++)
		if (notice_is_among(g->notices[i], v, nv))
			return true;
	for (size_t i = 0; fg != NULL && i < fg->nintents; i++)
		if (notice_is_among(fg->intents[i]->notice, v, nv))
			return true;
	return false;
}

/* G, and what was told there, goes to R with its incidents, where some are told
 * by both; false: they are others. */
static bool
group_move(struct engine *e, struct alert_group *g,
	   const struct rules_receiver *r, const uint8_t *print)
{
	struct target *to;
	size_t nto =
		rules_targets(e->rules, r, engine_now(e), &e->scratch, &to);

	if (!group_tells(g, to, nto))
		return false;
	job_move_group(e, g, r->name, print);
	for (uint32_t i = 0; i < g->nnotices; i++) {
		struct notice *n = g->notices[i];

		if (strcmp(n->receiver, g->receiver) == 0 &&
		    notice_is_among(n, to, nto))
			job_notice(e, n, 0)->receiver = g->edit->receiver;
	}
	return true;
}

struct alert_group *
route_moved(struct engine *e, const struct incident *in,
	    const struct rules_node *node, const struct labels *group,
	    const uint8_t *print)
{
	for (size_t i = 0; e->nreroutes > 0 && i < in->nlinks; i++) {
		struct alert_group *g = in->links[i].group;
		struct labels labels;

		if (g->edit != NULL &&
		    (g->edit->ended || g->edit->receiver != NULL))
			continue;
		group_get_labels(g, &e->scratch, &labels);
		if (labels_equal(&labels, group) && group_is_left(e, g, in) &&
		    group_move(e, g, node->receiver, print)) {
			/* Who is told only there hears of it soon. */
			job_group_want(e, g,
				       engine_now(e) +
					       node->group_wait_critical_ms);
			return g;
		}
	}
	return NULL;
}

/* Is one told for a receiver that is no more? */
static bool
fg_has_lost(const struct flush_group *fg)
{
	const struct rules *rules = fg->flush->e->rules;

	for (uint32_t i = 0; i < fg->g->nnotices; i++)
		if (rules_receiver(rules, fg->g->notices[i]->receiver) == NULL)
			return true;
	return false;
}

void
look_followed(struct flush_group *fg)
{
	struct engine *e = fg->flush->e;

	if (!fg_has_lost(fg))
		return;
	look_targets(fg);
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		struct notice *n = fg->g->notices[i];

		if (rules_receiver(e->rules, n->receiver) != NULL)
			continue;
		for (size_t k = 0; k < fg->ntargets; k++)
			if (notice_is_to(n, &fg->targets[k].to))
				n->receiver = engine_name(
					e, fg->targets[k].receiver->name);
	}
}

void
notice_follow(struct engine *e, struct notice *n)
{
	const struct rules_receiver *r =
		rules_receiver(e->rules, n->group->receiver);
	struct target *to;
	size_t nto;

	if (n->c.origin != NOTICE_ROUTE || r == NULL ||
	    strcmp(n->receiver, r->name) == 0)
		return;
	nto = rules_targets(e->rules, r, engine_now(e), &e->scratch, &to);
	if (notice_is_among(n, to, nto))
		n->receiver = n->group->receiver;
}
