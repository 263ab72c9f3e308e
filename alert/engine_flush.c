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
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

#define FLUSH_LATER_MS ENGINE_MINUTE        /* what could not be written */
#define FLUSH_RETRY_MS (10 * ENGINE_SECOND) /* an attempt was out */
#define FLUSH_HISTORY  ENGINE_LISTED_MAX

/* --- when ----------------------------------------------------------------------- */

static void
plan_first(int64_t *first, int64_t when)
{
	if (when != 0 && (*first == 0 || when < *first))
		*first = when;
}

void
group_plan(struct engine *e, struct alert_group *g)
{
	int64_t first = g->look_ms;

	if (g->busy) {
		due_heap_set(&e->group_dues, &g->due, 0);
		return;
	}
	plan_first(&first, g->c.due_ms);
	plan_first(&first, g->c.repeat_ms);
	if (g->node != NULL && g->c.clock_from_ms != 0 &&
	    g->c.steps < g->node->nescalate)
		plan_first(&first,
			   g->c.clock_from_ms - g->c.clock_ms +
				   g->node->escalate[g->c.steps].after_ms);
	for (uint32_t i = 0; e->rules != NULL && i < g->nnotices; i++)
		if (g->c.clock_from_ms != 0)
			plan_first(&first,
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

/* --- what is committed ------------------------------------------------------------- */

static const char *
told_text(const struct intent *it)
{
	return notice_kind_names[it->kind];
}

/* A line for each incident that this is news of, up to a number. */
static void
flush_history(struct engine *e, const struct intent *it)
{
	struct alert_group *g = it->group->g;
	size_t n = 0;

	for (uint32_t i = 0; i < it->n && n < FLUSH_HISTORY; i++) {
		if (told_pending(it->both[i]) == TOLD_NOTHING)
			continue;
		job_history_if(e, it->lead, g->v[i].incident, HISTORY_PUBLISHED,
			       "", "%s %s: %s",
			       channel_names[it->notice->channel],
			       it->notice->address, told_text(it));
		n++;
	}
}

/* No letter, as if it had been refused: somebody else may be told instead, and
 * it is tried again. */
static void
intent_edit_unwritten(struct engine *e, struct intent *it)
{
	struct notice *n = it->notice;
	struct notice_edit *ed;

	it->dropped = it->cancelled || n->edit != NULL ||
		      n->c.message != it->seen_message ||
		      it->group->announce != NULL;
	if (it->dropped)
		return;
	ed = job_notice(e, n, it->n);
	ed->is_new = it->is_new;
	ed->intent = it->lead;
	it->edited = true;
	ed->c.message = 0;
	for (uint32_t i = 0; i < it->n; i++)
		ed->both[i] = it->both[i] & (TOLD_MASK | TOLD_HELD);
	memset(it->both, 0, it->n);
	ed->c.flags |= NOTICE_FAILED;
	suspend_failed(e, n, "", "it could not be written");
}

static void
intent_edit(struct engine *e, struct intent *it, uint32_t seq)
{
	struct notice *n = it->notice;
	struct notice_edit *ed;
	struct notice_core *c;

	if (it->lead->unwritten) {
		intent_edit_unwritten(e, it);
		return;
	}

	/* An outcome came meanwhile: what was made of the state before is not
	 * told. */
	it->dropped = it->cancelled ||
		      (!it->is_new &&
		       (n->edit != NULL || n->c.message != it->seen_message));
	if (it->dropped)
		return;
	ed = job_notice(e, n, it->n);
	ed->is_new = it->is_new;
	ed->intent = it->lead;
	it->edited = true;
	memset(ed->both, 0, ed->n);
	memcpy(ed->both, it->both, it->n);
	c = &ed->c;
	if (it->falls_back)
		c->flags |= NOTICE_FELL_BACK;
	if (it->old_message != 0)
		c->message = 0;
	if (!it->tells)
		return;
	c->flags &= (uint8_t) ~(NOTICE_FAILED | NOTICE_CRITICAL);
	c->flags |= it->critical ? NOTICE_CRITICAL : 0;
	c->message = it->lead->message;
	c->published_ms = engine_now(e);
	c->event_ms = it->event_ms;
	c->seq = seq;
	c->kind = it->kind;
	c->lead = it->lead->group->g->id;
	c->lead_seq = it->lead->letter->seq;
	if (c->root_seq == 0)
		utf8_copy(it->lead->letter->notice->group_subject, c->subject,
			  sizeof(c->subject));
	suspend_probes(e, n);
	flush_history(e, it);
}

static int
lead_publish(struct engine *e, struct intent *lead)
{
	const struct engine_letter *l = lead->letter;
	struct envelope env = {
		.sender = l->sender,
		.class = QUEUE_ALERT,
		.flow = queue_flow(lead->notice->receiver, ""),
		.eight_bit = l->eight_bit,
		.smtputf8 = l->utf8,
		.utf8_header = l->utf8,
		.message_id = l->message_id != NULL ? l->message_id : "",
		.teller = 's',
		.teller_key = engine_key_2('s', lead->group->g->id,
					   lead->notice->c.id),
		.nrcpt = l->nrcpt,
		.rcpt = l->rcpt,
	};
	struct draft *d;
	int r = draft_open(e->deps.queue, l->content.len + 1, STORE_NEED_NOTICE,
			   e->deps.loop, 0, NULL, &d);

	if (r < 0)
		return r;
	r = draft_write(d, l->content.data, l->content.len);
	if (r < 0) {
		draft_abandon(&d);
		return r;
	}
	lead->message = draft_id(d);
	lead->publish = publish_prepare(&d, &env);
	return 0;
}

static void
flush_unpublish(struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			if (f->groups[i]->intents[k]->publish != NULL)
				publish_after(
					&f->groups[i]->intents[k]->publish,
					-ECANCELED);
}

static int
flush_publish(struct engine *e, struct flush *f)
{
	int r = 0;

	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			struct intent *it = f->groups[i]->intents[k];

			if (r == 0 && it->tells && it->lead == it &&
			    !it->unwritten)
				r = lead_publish(e, it);
		}
	return r;
}

/* Letters that could not be written are due again, and if there are no others
 * nobody was told. */
static void
fg_see_unwritten(struct flush_group *fg)
{
	const struct group_core *c = &fg->g->c;
	bool tells = false, unwritten = false;

	for (size_t i = 0; i < fg->nintents; i++) {
		const struct intent *it = fg->intents[i];

		tells |= it->tells && !it->lead->unwritten;
		unwritten |= it->lead->unwritten;
	}
	if (!unwritten)
		return;
	fg->tells = tells;
	plan_first(&fg->due_ms, fg->flush->now + FLUSH_LATER_MS);
	if (!tells && c->repeat_ms > fg->flush->now)
		fg->repeat_ms = c->repeat_ms;
}

static void
group_edit_of(struct engine *e, struct flush_group *fg)
{
	const struct group_core *c = job_group_core(fg->g);
	struct group_edit *ed;

	fg_see_unwritten(fg);
	if (!fg->tells && !fg->ended && c->steps == fg->steps &&
	    c->clock_ms == fg->clock_ms &&
	    c->clock_from_ms == fg->clock_from_ms &&
	    c->repeat_ms == fg->repeat_ms && fg->due_ms == fg->had_due_ms)
		return;
	ed = job_group(e, fg->g);
	ed->c.steps = fg->steps;
	ed->c.clock_ms = fg->clock_ms;
	ed->c.clock_from_ms = fg->clock_from_ms;
	ed->c.repeat_ms = fg->repeat_ms;
	plan_first(&ed->c.due_ms, fg->due_ms);
	if (fg->tells) {
		ed->c.seq++;
		/* Who joined meanwhile waits for the turn as before. */
		if (fg->why != WHY_ACT)
			ed->c.flushed_ms = fg->flush->now;
	}
	/* Unless somebody came meanwhile. */
	if (fg->ended && fg->g->n == fg->n && !fg->g->joining)
		ed->ended = true;
}

static void
group_end_notices(struct engine *e, struct alert_group *g)
{
	for (uint32_t i = 0; i < g->nnotices; i++) {
		struct notice_edit *ed = job_notice(e, g->notices[i], 0);

		ed->ended = true;
		ed->intent = NULL;
	}
}

/* Its receiver is no more: what was told there is remembered. */
static void
group_end_history(struct engine *e, struct alert_group *g)
{
	if (rules_receiver(e->rules, g->receiver) != NULL)
		return;
	for (uint32_t i = 0; i < g->n && i < FLUSH_HISTORY; i++)
		job_history(e, g->v[i].incident, HISTORY_ENDED, "",
			    "receiver %s is no more", g->receiver);
}

static int
flush_prepare(struct engine *e, struct work *w)
{
	struct flush *f = (struct flush *)w;
	int r = flush_publish(e, f);

	if (r < 0) {
		flush_unpublish(f);
		return r;
	}
	for (size_t i = 0; i < f->ngroups; i++) {
		struct flush_group *fg = f->groups[i];
		uint32_t seq = fg->g->c.seq + 1;

		group_edit_of(e, fg);
		if (fg->g->edit != NULL && fg->g->edit->ended) {
			fg->is_gone = true;
			group_end_history(e, fg->g);
			group_end_notices(e, fg->g);
			continue;
		}
		for (size_t k = 0; k < fg->nintents; k++)
			intent_edit(e, fg->intents[k], seq);
	}
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			if (f->groups[i]->intents[k]->lead ==
			    f->groups[i]->intents[k])
				job_intent(e, f->groups[i]->intents[k]);
	return 0;
}

/* --- committed ------------------------------------------------------------------------ */

/* Slots of those that have nothing more to hear of here. */
static void
group_drop_done(struct engine *e, struct flush_group *fg)
{
	struct alert_group *g = fg->g;

	for (uint32_t i = fg->n; i-- > 0;) {
		struct incident *in = g->v[i].incident;

		if (slot_is_done(fg, i)) {
			group_remove_member(g, i);
			engine_plan(e, in);
		}
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
	if (it->notice->c.message != 0)
		it->notice->deferred = false;
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
	g->busy = false;
	g->flushed = NULL;
	g->alone = result < 0;
	if (result < 0) { /* what it was due for, it still is */
		g->later_ms = engine_now(e) + FLUSH_LATER_MS;
		plan_first(&g->c.due_ms, g->later_ms);
	} else {
		g->later_ms = 0;
		/* An attempt may come back without an outcome. */
		if (fg_was_skipped(fg))
			plan_first(&g->c.due_ms,
				   engine_now(e) + FLUSH_RETRY_MS);
		group_drop_done(e, fg);
		/* The last has left: it ends. */
		if (g->n == 0 && !(g->c.flags & GROUP_OWN))
			g->look_ms = engine_now(e);
	}
	group_plan(e, g);
}

static void
flush_free(struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			intent_free(f->e, f->groups[i]->intents[k]);
	arena_done(&f->arena);
	free(f);
}

static void
flush_done(struct engine *e, struct work *w, int result)
{
	struct flush *f = (struct flush *)w;

	if (result < 0 && result != -ESHUTDOWN)
		log_event(e->deps.log, LOG_WARNING, "alert_not_told",
			  LOG_INT("groups", (int64_t)f->ngroups),
			  LOG_STR("error", strerror(-result)));
	for (size_t i = 0; i < f->ngroups; i++)
		flush_group_done(e, f->groups[i], result);
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
	size_t looked = 0;

	while ((node = due_heap_first(&e->group_dues)) != NULL &&
	       node->when_ms <= now && f->ngroups < FLUSH_GROUPS &&
	       f->nletters < FLUSH_LETTERS && looked++ < 4 * FLUSH_GROUPS) {
		struct alert_group *g =
			(void *)((char *)node -
				 offsetof(struct alert_group, due));

		if (g->alone && f->ngroups > 0)
			break;
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
