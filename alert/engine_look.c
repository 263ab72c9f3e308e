/*
 * engine_look - what is true of a group now, and whether that is a reason to
 * tell.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_own.h"
#include "base/must.h"
#include "base/xalloc.h"

#define INSTEAD_OF_MAX 300 /* bytes of addresses, about */

/* --- members ----------------------------------------------------------------- */

static const struct member *
fg_member(const struct flush_group *fg, uint32_t slot)
{
	return &fg->g->v[slot];
}

/* By which of its routes it is told now, if they are not of all times. */
static enum quiet
look_quiet(struct flush_group *fg, uint32_t slot, const struct labels *labels)
{
	struct engine *e = fg->flush->e;
	struct member *m = &fg->g->v[slot];
	int64_t now = fg->flush->now;
	const struct rules_node *other;
	enum quiet quiet = engine_quiet(e, m->incident, labels, m->node, now);

	if (quiet != QUIET_INTERVAL)
		return quiet;
	other = route_awake(e, fg->g, labels, now);
	if (other == NULL)
		return quiet;
	m->node = other;
	return engine_quiet(e, m->incident, labels, other, now);
}

static void
look_marks(struct flush_group *fg)
{
	struct engine *e = fg->flush->e;
	struct incident_text text;

	fg->n = fg->g->n;
	fg->v = arena_alloc(&fg->flush->arena, (fg->n + 1) * sizeof(fg->v[0]));
	for (uint32_t i = 0; i < fg->n; i++) {
		struct incident *in = fg_member(fg, i)->incident;

		incident_get_text(in, &e->scratch, &text);
		fg->v[i].quiet = look_quiet(fg, i, &text.labels);
		fg->v[i].rises = in->rises;
		fg->v[i].critical = rules_is_critical(e->rules, &text.labels);
		fg->quiet |= fg->v[i].quiet != QUIET_NOT;
		/* A time interval is only of this route. */
		if (in->c.state == INCIDENT_RESOLVED ||
		    fg->v[i].quiet == QUIET_INTERVAL)
			incident_look(e, in);
		else
			incident_note_quiet(e, in, fg->v[i].quiet != QUIET_NOT);
		arena_done(&e->scratch);
	}
}

/* Open, and nobody has said that he sees to it. */
static bool
member_is_open(const struct member *m)
{
	return m->incident->c.state == INCIDENT_OPEN &&
	       m->incident->c.acked_ms == 0 && !(m->flags & MEMBER_LEFT);
}

static bool
slot_is_open(const struct flush_group *fg, uint32_t slot)
{
	return member_is_open(fg_member(fg, slot));
}

int64_t
member_hold(const struct member *m)
{
	const struct incident *in = m->incident;
	int64_t hold = 0;

	if (m->node != NULL)
		return m->node->resolve_hold_ms;
	for (uint32_t i = 0; i < in->nlinks; i++) {
		const struct link *link = &in->links[i];
		const struct rules_node *node = link->group->v[link->slot].node;

		if (node != NULL && node->resolve_hold_ms > hold)
			hold = node->resolve_hold_ms;
	}
	return hold;
}

/* A recovery that has lasted, or that somebody said. */
bool
slot_is_over(const struct flush_group *fg, uint32_t slot)
{
	const struct incident_core *c = &fg_member(fg, slot)->incident->c;
	int64_t hold = member_hold(fg_member(fg, slot));

	if (c->state != INCIDENT_RESOLVED)
		return false;
	return (c->flags & INCIDENT_CLOSED) ||
	       fg->flush->now >=
		       engine_since(fg->flush->e, c->changed_ms) + hold;
}

/* --- the escalation's clock ------------------------------------------------------ */

/* Members come by several routes: that of the most pressing one rules their
 * escalation, also while nobody is told of it. */
static void
look_rule(struct flush_group *fg)
{
	const struct rules_node *rule = NULL;

	for (uint32_t i = 0; i < fg->n; i++) {
		const struct rules_node *node = fg_member(fg, i)->node;

		if (node != NULL && slot_is_open(fg, i) &&
		    (rule == NULL || node_presses(node, rule)))
			rule = node;
	}
	if (rule != NULL)
		fg->g->node = rule;
}

static bool
slot_is_loud(const struct flush_group *fg, uint32_t slot)
{
	return slot_is_open(fg, slot) && fg->v[slot].quiet == QUIET_NOT;
}

static bool
slot_escalates(const struct flush_group *fg, uint32_t slot)
{
	const struct rules_node *node = fg_member(fg, slot)->node;

	return slot_is_loud(fg, slot) && node != NULL && node->nescalate > 0;
}

/* AT, or when one that is open has opened since we are awake, or its source has
 * had the time to say that it is over. */
static int64_t
group_awake_at(const struct engine *e, const struct alert_group *g, int64_t at)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < g->n && first > at; i++) {
		const struct incident *in = g->v[i].incident;
		int64_t when = e->awake_since_ms;

		if (!member_is_open(&g->v[i]))
			continue;
		if (in->c.changed_ms < e->awake_since_ms)
			when += engine_resend(e, in->source->name);
		if (when < first)
			first = when;
	}
	return first == INT64_MAX || first < at ? at : first;
}

int64_t
group_step_at(const struct engine *e, const struct alert_group *g,
	      uint8_t steps, int64_t clock_ms, int64_t clock_from_ms)
{
	if (g->node == NULL || clock_from_ms == 0 ||
	    steps >= g->node->nescalate)
		return 0;
	return group_awake_at(e, g,
			      clock_from_ms - clock_ms +
				      g->node->escalate[steps].after_ms);
}

/* However late a step comes, those after it keep their distance. */
static void
look_steps(struct flush_group *fg)
{
	const struct rules_node *node = fg->g->node;
	int64_t at = group_step_at(fg->flush->e, fg->g, fg->steps, fg->clock_ms,
				   fg->clock_from_ms);

	if (at == 0 || at > fg->flush->now)
		return;
	fg->clock_ms = node->escalate[fg->steps].after_ms;
	fg->clock_from_ms = fg->flush->now;
	fg->why |= WHY_STEP;
	while (fg->steps < node->nescalate &&
	       node->escalate[fg->steps].after_ms <= fg->clock_ms)
		fg->steps++;
}

/* It runs from the first notice while somebody is to see to what escalates,
 * stands while nobody is told of that, and begins anew once all is acknowledged
 * or over. */
static void
look_clock(struct flush_group *fg)
{
	const struct rules_node *node = fg->g->node;
	int64_t now = fg->flush->now;
	bool open = false, escalates = false;

	fg->loud = false;
	for (uint32_t i = 0; i < fg->n; i++) {
		open |= slot_is_open(fg, i);
		fg->loud |= slot_is_loud(fg, i);
		escalates |= slot_escalates(fg, i);
	}
	fg->unseen = open;
	if (!open || node == NULL || node->nescalate == 0) {
		fg->clock_ms = fg->clock_from_ms = 0;
		fg->steps = 0;
		return;
	}
	if (escalates && fg->clock_from_ms == 0 &&
	    (fg->g->c.seq > 0 || fg->why & WHY_DUE))
		fg->clock_from_ms = now;
	if (!escalates && fg->clock_from_ms != 0) {
		fg->clock_ms += now - fg->clock_from_ms;
		fg->clock_from_ms = 0;
	}
	/* A reload may have left fewer of them. */
	if (fg->steps > node->nescalate)
		fg->steps = (uint8_t)node->nescalate;
	if (escalates)
		look_steps(fg);
}

/* How often people are reminded: as the most impatient route says. */
static void
look_remind(struct flush_group *fg)
{
	fg->remind_ms = 0;
	for (uint32_t i = 0; i < fg->n; i++) {
		const struct rules_node *node = fg_member(fg, i)->node;

		if (node != NULL && slot_is_loud(fg, i) &&
		    (fg->remind_ms == 0 || node->repeat_ms < fg->remind_ms))
			fg->remind_ms = node->repeat_ms;
	}
}

/* --- reasons --------------------------------------------------------------------- */

static bool
slot_was_told(const struct flush_group *fg, uint32_t slot, bool *ret_held,
	      bool *ret_pending)
{
	bool told = false;

	*ret_held = *ret_pending = false;
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		const struct notice *n = fg->g->notices[i];
		uint8_t both = notice_both(n, slot);

		told |= both != 0 || (n->c.flags & NOTICE_FAILED &&
				      fg_member(fg, slot)->seq != 0);
		*ret_held |= (both & TOLD_HELD) != 0;
		*ret_pending |= told_pending(both) != TOLD_NOTHING;
	}
	return told;
}

static bool
slot_says_firing(const struct flush_group *fg, uint32_t slot)
{
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		enum told to =
			told_pending(notice_both(fg->g->notices[i], slot));

		if (to == TOLD_FIRING || to == TOLD_FLAPPING || to == TOLD_LESS)
			return true;
	}
	return false;
}

/* Was somebody told that it fires, and not that it is over? So it is when that
 * fell due during a mute. */
static bool
slot_owes_end(const struct flush_group *fg, uint32_t slot)
{
	const struct incident_core *c = &fg_member(fg, slot)->incident->c;
	bool stale = c->state == INCIDENT_STALE && !(c->flags & INCIDENT_QUIET);

	if (!stale && !slot_is_over(fg, slot))
		return false;
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		const struct notice *n = fg->g->notices[i];
		enum told told = told_of(notice_both(n, slot));

		if (!notice_waits(n) && !(n->c.flags & NOTICE_FAILED) &&
		    told != TOLD_NOTHING && !(stale && told == TOLD_STALE))
			return true;
	}
	return false;
}

/* One of whom nobody was told, and somebody is to be now: it is as new. */
static void
look_release(struct flush_group *fg, uint32_t slot)
{
	struct member *m = &fg->g->v[slot];
	bool held, pending, told = slot_was_told(fg, slot, &held, &pending);
	int64_t when = fg->flush->now;

	/* What waits to leave is no longer true. */
	if (pending && slot_is_over(fg, slot) && slot_says_firing(fg, slot))
		fg->why |= WHY_DUE;
	if (fg->v[slot].quiet != QUIET_NOT) {
		if (fg->v[slot].quiet == QUIET_INHIBITED)
			m->flags |= MEMBER_INHIBITED;
		/* What is not out yet is taken back. */
		if (pending && slot_is_open(fg, slot))
			fg->why |= WHY_DUE;
		return;
	}
	if (slot_is_open(fg, slot) && m->node != NULL &&
	    (held || (!told && fg->due_ms == 0 && !(fg->why & WHY_DUE)))) {
		if (m->flags & MEMBER_INHIBITED)
			when += m->node->group_wait_ms;
		if (fg->due_ms == 0 || when < fg->due_ms)
			fg->due_ms = when;
	}
	if (fg->due_ms == 0 && slot_owes_end(fg, slot))
		fg->due_ms = when;
	m->flags &= (uint8_t)~MEMBER_INHIBITED;
}

static const struct rules_receiver *
notice_receiver(const struct engine *e, const struct notice *n)
{
	return rules_receiver(e->rules, n->receiver);
}

/* When somebody else is told in the place of who is told by N; 0: never. */
int64_t
notice_fallback_at(const struct engine *e, const struct notice *n)
{
	const struct rules_receiver *r = notice_receiver(e, n);
	int64_t since;

	if (r == NULL || r->fallback == NULL ||
	    (n->c.flags & NOTICE_FELL_BACK) || n->group->c.flags & GROUP_OWN)
		return 0;
	if (n->c.flags & NOTICE_FAILED)
		return 1;
	if (!notice_waits(n))
		return 0;
	since = engine_since(e, n->c.published_ms);
	/* While we were away nobody could be told. */
	if (since < e->awake_since_ms)
		since = e->awake_since_ms;
	return since + (n->c.flags & NOTICE_CRITICAL
				? r->fallback_after_critical_ms
				: r->fallback_after_ms);
}

static void
look_notices(struct flush_group *fg)
{
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		const struct notice *n = fg->g->notices[i];
		int64_t at = notice_fallback_at(fg->flush->e, n);

		if (at != 0 && at <= fg->flush->now && fg->loud)
			fg->why |= WHY_INSTEAD;
		if (n->deferred && !notice_waits(n))
			fg->why |= WHY_AGAIN;
		if (notice_hears_of_act(fg, n))
			fg->why |= WHY_ACT;
	}
}

/* --- whom ------------------------------------------------------------------------ */

static void
grow_targets(struct flush_group *fg)
{
	size_t room = fg->targets_room > 0 ? 2 * fg->targets_room : 8;
	struct flush_target *v =
		arena_alloc(&fg->flush->arena, room * sizeof(*v));

	if (fg->ntargets > 0)
		memcpy(v, fg->targets, fg->ntargets * sizeof(*v));
	fg->targets = v;
	fg->targets_room = room;
}

static void
add_target(struct flush_group *fg, const struct target *t,
	   const struct rules_receiver *receiver, uint8_t origin)
{
	for (size_t i = 0; i < fg->ntargets; i++)
		if (fg->targets[i].to.channel == t->channel &&
		    strcmp(fg->targets[i].to.address, t->address) == 0)
			return;
	if (fg->ntargets == fg->targets_room)
		grow_targets(fg);
	fg->targets[fg->ntargets++] = (struct flush_target){
		.to = *t, .receiver = receiver, .origin = origin};
}

static void
add_receiver(struct flush_group *fg, const struct rules_receiver *receiver,
	     uint8_t origin)
{
	struct engine *e = fg->flush->e;
	struct target *t;
	int64_t now = fg->flush->now;
	size_t n = rules_targets(e->rules, receiver, now, &fg->flush->arena,
				 &t),
	       nworking = 0;

	for (size_t i = 0; i < n; i++)
		nworking += !suspend_skips(e, t[i].channel, t[i].address, now);
	/* Not where all of them are suspended: another receiver may have found
	 * that out. */
	for (size_t i = 0; i < n; i++)
		if (nworking == 0 ||
		    !suspend_skips(e, t[i].channel, t[i].address, now))
			add_target(fg, &t[i], receiver, origin);
}

static void
add_instead_of(struct flush_group *fg, const char *address)
{
	const char *all = fg->instead_of;

	if (all == NULL)
		fg->instead_of = address;
	else if (strlen(all) + strlen(address) < INSTEAD_OF_MAX)
		fg->instead_of =
			arena_printf(&fg->flush->arena, "%s, %s", all, address);
}

/* The receiver's own; those of the escalation's steps so far; and those who are
 * told instead of others, from when they are. */
void
look_targets(struct flush_group *fg)
{
	const struct rules_node *node = fg->g->node;

	if (node != NULL)
		add_receiver(fg, node->receiver, NOTICE_ROUTE);
	for (size_t i = 0; node != NULL && i < fg->steps; i++)
		add_receiver(fg, node->escalate[i].receiver, NOTICE_STEP);
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		const struct notice *n = fg->g->notices[i];
		const struct rules_receiver *r =
			notice_receiver(fg->flush->e, n);
		int64_t at = notice_fallback_at(fg->flush->e, n);

		if (r == NULL || r->fallback == NULL ||
		    !((n->c.flags & NOTICE_FELL_BACK) ||
		      (at != 0 && at <= fg->flush->now)))
			continue;
		add_receiver(fg, r->fallback, NOTICE_INSTEAD);
		add_instead_of(fg, n->address);
	}
}

/* --- all of it ---------------------------------------------------------------------- */

/* Nobody has anything to hear of it any more. */
bool
slot_is_done(const struct flush_group *fg, uint32_t slot)
{
	const struct engine *e = fg->flush->e;
	const struct incident_core *c = &fg_member(fg, slot)->incident->c;
	bool told = false;
	/* Who took nothing for a day hears of it no more. */
	bool late =
		c->state == INCIDENT_RESOLVED &&
		engine_since(e, c->changed_ms) + ENGINE_DAY <= fg->flush->now;

	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		const struct notice *n = fg->g->notices[i];

		if (late && n->c.message == 0 && n->c.flags & NOTICE_FAILED)
			continue;
		told |= (notice_both(n, slot) & ~TOLD_HELD) != 0;
	}
	if (c->state == INCIDENT_STALE)
		return engine_since(e, c->changed_ms) + ENGINE_DAY <=
		       fg->flush->now;
	if (told)
		return false;
	/* What came and went during a mute is told at its end. */
	if (mute_waits_for(e, fg_member(fg, slot)->incident))
		return false;
	return slot_is_over(fg, slot) ||
	       (fg_member(fg, slot)->flags & MEMBER_LEFT);
}

bool
group_is_gone(const struct engine *e, const struct alert_group *g)
{
	return rules_receiver(e->rules, g->receiver) == NULL;
}

bool
fg_is_ended(const struct flush_group *fg)
{
	for (uint32_t i = 0; i < fg->g->nnotices; i++)
		if (fg->g->notices[i]->c.message != 0)
			return false;
	if (group_is_gone(fg->flush->e, fg->g))
		return true;
	for (uint32_t i = 0; i < fg->n; i++)
		if (!slot_is_done(fg, i))
			return false;
	return !(fg->g->c.flags & GROUP_OWN);
}

/* When a recovery that is being held will have lasted. */
static void
look_holds(struct flush_group *fg)
{
	const struct rules_node *node = fg->g->node;
	int64_t soonest = fg->flush->now;

	if (fg->due_ms != 0 && !(fg->why & WHY_DUE))
		return;
	if (fg->loud && node != NULL)
		soonest += node->group_interval_ms;
	for (uint32_t i = 0; i < fg->n; i++) {
		const struct incident_core *c = &fg_member(fg, i)->incident->c;
		int64_t when = engine_since(fg->flush->e, c->changed_ms) +
			       member_hold(fg_member(fg, i));

		if (when < soonest)
			when = soonest;
		if (c->state == INCIDENT_RESOLVED && !slot_is_over(fg, i) &&
		    (fg->due_ms == 0 || when < fg->due_ms))
			fg->due_ms = when;
	}
}

void
look_group(struct flush_group *fg)
{
	struct alert_group *g = fg->g;
	int64_t now = fg->flush->now;

	fg->steps = g->c.steps;
	fg->clock_ms = g->c.clock_ms;
	fg->clock_from_ms = g->c.clock_from_ms;
	fg->due_ms = g->c.due_ms;
	fg->repeat_ms = g->c.repeat_ms;
	if (fg->due_ms != 0 && fg->due_ms <= now) {
		fg->why |= WHY_DUE;
		fg->due_ms = 0;
	}
	if (fg->repeat_ms != 0 && fg->repeat_ms <= now)
		fg->why |= WHY_REPEAT;
	look_marks(fg);
	look_rule(fg);
	for (uint32_t i = 0; i < fg->n; i++)
		look_release(fg, i);
	if (fg->due_ms != 0 && fg->due_ms <= now) {
		fg->why |= WHY_DUE;
		fg->due_ms = 0;
	}
	look_clock(fg);
	look_remind(fg);
	look_followed(fg);
	look_notices(fg);
	/* Most that are looked at have nothing to say. */
	if (fg->why != 0 || fg->quiet || group_is_gone(fg->flush->e, g)) {
		look_targets(fg);
		intents_make(fg);
	}
	throttle_look(fg);
	look_holds(fg);
	fg->ended = !fg->tells && fg_is_ended(fg);
	if (fg->remind_ms == 0)
		fg->repeat_ms = 0;
	else if (fg->tells || fg->repeat_ms == 0 || fg->repeat_ms <= now)
		fg->repeat_ms = now + fg->remind_ms;
}
