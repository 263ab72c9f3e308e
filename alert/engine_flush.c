/*
 * engine_flush - groups whose time has come are looked at together, and what
 * they tell is committed with what they will be.
 *
 * A group is busy from the moment it is looked at until that is committed; its
 * slots stay where they are meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/log.h"
#include "base/xalloc.h"

/* --- when ----------------------------------------------------------------------- */

void
group_plan(struct engine *e, struct alert_group *g)
{
	int64_t first = g->look_ms;

	if (g->busy) {
		due_heap_set(&e->group_dues, &g->due, 0);
		return;
	}
	flush_plan_first(&first, g->c.due_ms);
	flush_plan_first(&first, g->c.repeat_ms);
	flush_plan_first(&first, group_step_at(e, g, g->c.steps, g->c.clock_ms,
					       g->c.clock_from_ms));
	for (uint32_t i = 0; e->rules != NULL && i < g->nnotices; i++)
		if (g->c.repeat_ms != 0) /* somebody is to see to something */
			flush_plan_first(&first,
					 notice_fallback_at(e, g->notices[i]));
	if (first != 0 && first < g->later_ms)
		first = g->later_ms;
	due_heap_set(&e->group_dues, &g->due, first);
}

void
group_look_soon(struct engine *e, struct alert_group *g)
{
	g->look_ms = engine_now(e);
	group_plan(e, g);
	engine_turn_soon(e);
}

void
engine_look_all(struct engine *e)
{
	struct alert_group *g, *next;
	int64_t now = engine_now(e);

	e->look_all = false;
	HASH_ITER(by_id, e->groups, g, next)
	{
		g->look_ms = now;
		group_plan(e, g);
	}
}

/* From where one was last: asked for each of those that end together, it would
 * pass all that ended before. */
bool
group_has_open(struct alert_group *g, const struct incident *in)
{
	for (uint32_t i = 0; i < g->n; i++) {
		uint32_t slot = (g->open_at + i) % g->n;

		if (g->v[slot].incident != in &&
		    job_core(g->v[slot].incident)->state == INCIDENT_OPEN) {
			g->open_at = slot;
			return true;
		}
	}
	return false;
}

/* --- committed ------------------------------------------------------------------------ */

/* The job that is out has what was told by slot. */
static bool
group_keeps_slots(const struct alert_group *g)
{
	for (uint32_t i = 0; i < g->nnotices; i++)
		if (g->notices[i]->edit != NULL)
			return true;
	return false;
}

/* Slots of those that have nothing more to hear of here. What a job changes may
 * fire again by it, and stay. */
static void
group_drop_done(struct engine *e, struct flush_group *fg)
{
	struct alert_group *g = fg->g;
	bool keeps = group_keeps_slots(g);

	for (uint32_t i = fg->n; i-- > 0;) {
		struct incident *in = g->v[i].incident;

		if (!slot_is_done(fg, i))
			continue;
		if (keeps || in->edit != NULL) {
			flush_plan_first(&g->look_ms,
					 engine_now(e) + ENGINE_SECOND);
			continue;
		}
		group_remove_member(g, i);
		engine_plan(e, in);
	}
}

static void
intent_done(struct intent *it, int result)
{
	struct flush_group *fg = it->group;
	struct alert_group *g = fg->g;
	bool came = result == 0 && !it->lead->skipped;

	if (it->lead->unwritten) {
		if (it->is_new && !it->edited)
			notice_free(it->notice);
		return;
	}
	if (!came) {
		/* New notices went with the job, if they came that far. */
		if (it->is_new && !it->edited)
			notice_free(it->notice);
		else if (!it->is_new && it->tells)
			it->notice->deferred = true;
		return;
	}
	if (it->notice->c.message == 0)
		return;
	it->notice->deferred = false;
	if (it->tells)
		suspend_probes(fg->flush->e, it->notice);
	if (it->lead != it && it->tells)
		notice_share(it->lead->notice, it->notice);
	for (uint32_t i = 0; i < it->n; i++)
		if (g->v[i].seq == 0 &&
		    told_pending(it->both[i]) != TOLD_NOTHING)
			g->v[i].seq = g->c.seq;
}

static bool
fg_was_skipped(const struct flush_group *fg)
{
	for (size_t k = 0; k < fg->nintents; k++)
		if (fg->intents[k]->lead->skipped &&
		    !fg->intents[k]->lead->unwritten)
			return true;
	return false;
}

/* Is something not told that was to be, and is due again for that? */
static bool
fg_is_untold(const struct flush_group *fg, int result)
{
	for (size_t k = 0; k < fg->nintents; k++) {
		const struct intent *it = fg->intents[k];

		if (it->untold ||
		    (it->tells && (result < 0 || !it->lead->published)))
			return true;
	}
	return false;
}

static bool
fg_has_told(const struct flush_group *fg)
{
	for (size_t k = 0; k < fg->nintents; k++)
		if (fg->intents[k]->tells && fg->intents[k]->lead->published)
			return true;
	return false;
}

/* Some could not be told, since an attempt was out; it may come back without an
 * outcome. A reminder that reached nobody is due again with it. */
static void
flush_again(struct engine *e, struct flush_group *fg)
{
	struct group_core *c = &fg->g->c;
	int64_t when = engine_now(e) + FLUSH_RETRY_MS;

	flush_plan_first(&c->due_ms, when);
	if (fg->why & WHY_REPEAT && c->repeat_ms != 0 && !fg_has_told(fg))
		flush_plan_first(&c->repeat_ms, when);
}

static void
flush_group_done(struct engine *e, struct flush_group *fg, int result)
{
	struct alert_group *g = fg->g;

	/* With its notices. */
	if (fg->is_gone && result == 0)
		return;
	fg->is_gone = false;
	for (size_t k = 0; k < fg->nintents; k++)
		intent_done(fg->intents[k], result);
	if (fg_is_untold(fg, result))
		throttle_again(fg);
	g->busy = false;
	g->flushed = NULL;
	g->alone = result < 0;
	if (result < 0) { /* what it was due for, it still is */
		g->later_ms = engine_now(e) + FLUSH_LATER_MS;
		flush_plan_first(&g->c.due_ms, g->later_ms);
	} else {
		g->later_ms = 0;
		if (fg_was_skipped(fg))
			flush_again(e, fg);
		group_drop_done(e, fg);
		/* The last has left, or its messages were taken back: it
		 * ends. */
		if (g->n == 0 && !(g->c.flags & GROUP_OWN))
			g->look_ms = engine_now(e);
		else if (group_is_gone(e, g))
			flush_plan_first(&g->look_ms,
					 engine_now(e) + ENGINE_SECOND);
	}
	group_plan(e, g);
}

static void
flush_free(struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			intent_free(f->groups[i]->intents[k]);
	arena_done(&f->arena);
	free(f->groups);
	free(f);
}

static void
flush_done(struct engine *e, struct work *w, int result)
{
	struct flush *f = (struct flush *)w;

	if (result < 0 && result != -ESHUTDOWN && result != -ECANCELED)
		log_event(e->deps.log, LOG_WARNING, "alert_not_told",
			  LOG_INT("groups", (int64_t)f->ngroups),
			  LOG_STR("error", strerror(-result)));
	for (size_t i = 0; i < f->ngroups; i++)
		flush_group_done(e, f->groups[i], result);
	if (f->says_mute)
		mute_was_said(e, result);
	e->nflushes--;
	flush_free(f);
	engine_turn_soon(e);
}

/* --- Belfry's own words --------------------------------------------------------------- */

void
flush_announce(struct flush *f, struct alert_group *g,
	       const struct rules_receiver *r, const struct announce *a)
{
	struct flush_group *fg = flush_add(f, g);

	fg->announce = a;
	fg->due_ms = g->c.due_ms;
	intents_announce(fg, r);
}

/* --- begun ---------------------------------------------------------------------------- */

struct flush *
flush_new(struct engine *e, int64_t now)
{
	struct flush *f = xcalloc(1, sizeof(*f));

	f->e = e;
	f->now = now;
	arena_init(&f->arena);
	f->work.prepare = flush_prepare;
	f->work.done = flush_done;
	f->work.need = STORE_NEED_RESULT;
	return f;
}

struct flush_group *
flush_add(struct flush *f, struct alert_group *g)
{
	struct flush_group *fg = arena_alloc(&f->arena, sizeof(*fg));

	fg->flush = f;
	fg->g = g;
	fg->had_due_ms = g->c.due_ms;
	g->busy = true;
	g->flushed = fg;
	g->look_ms = 0;
	due_heap_set(&f->e->group_dues, &g->due, 0);
	if (f->ngroups == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 16;
		f->groups = xreallocarray(f->groups, f->room,
					  sizeof(struct flush_group *));
	}
	f->groups[f->ngroups++] = fg;
	return fg;
}

void
flush_start(struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			f->work.bytes += 2048;
	f->e->nflushes++;
	letters_write(f);
}

/* Is nothing to be written of it? */
static bool
fg_is_idle(const struct flush_group *fg)
{
	const struct group_core *c = &fg->g->c;

	return fg->nintents == 0 && !fg->ended && c->steps == fg->steps &&
	       c->clock_ms == fg->clock_ms &&
	       c->clock_from_ms == fg->clock_from_ms &&
	       c->repeat_ms == fg->repeat_ms && fg->had_due_ms == fg->due_ms;
}

static void
flush_look(struct flush *f, struct alert_group *g)
{
	struct flush_group *fg = flush_add(f, g);

	look_group(fg);
	if (fg_is_idle(fg)) {
		f->ngroups--;
		g->busy = false;
		g->flushed = NULL;
		group_drop_done(f->e, fg);
		group_plan(f->e, g);
		return;
	}
	/* What comes from now on makes it due anew. */
	g->c.due_ms = fg->due_ms;
	/* Those of a digest are one. */
	for (size_t k = 0; k < fg->nintents && !fg->digest; k++)
		f->nletters += fg->intents[k]->tells;
}

void
flush_begin(struct engine *e, int64_t now)
{
	struct flush *f = flush_new(e, now);
	struct due_node *node;
	size_t looked = 0; /* groups, and their members */

	while ((node = due_heap_first(&e->group_dues)) != NULL &&
	       node->when_ms <= now && f->ngroups < FLUSH_GROUPS &&
	       f->nletters < FLUSH_LETTERS && looked < FLUSH_LOOKS) {
		struct alert_group *g =
			(void *)((char *)node -
				 offsetof(struct alert_group, due));

		if (g->alone && f->ngroups > 0)
			break;
		looked += FLUSH_LOOK + g->n;
		flush_look(f, g);
		if (g->alone)
			break;
	}
	flush_recall(f);
	f->nletters = 0;
	if (f->ngroups > 0)
		flush_start(f);
	else
		flush_free(f);
}
