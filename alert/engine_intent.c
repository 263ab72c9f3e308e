/*
 * engine_intent - what a flush does with one notice: the difference between
 * what its recipient was told and what is true.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/must.h"
#include "base/xalloc.h"

/* --- one notice ---------------------------------------------------------------- */

struct sum {
	bool changed; /* against what the message in the queue says */
	bool marked;  /* silently */
	bool forgets;
	size_t firing, over, down, stale, flapping, acked;
	size_t closed; /* of those that are over: by a person */
	bool told_before;
};

/* Nobody knows what N heard last, what it was told or what its message says:
 * whatever is true is news. */
static uint8_t
both_doubted(const struct notice *n, uint8_t both)
{
	enum told told = told_of(both), pending = told_pending(both);

	if (!notice_is_doubted(n) || told == TOLD_NOTHING ||
	    pending == TOLD_NOTHING || pending == told)
		return both;
	return (uint8_t)(pending << 4 | TOLD_HELD | TOLD_FIRING);
}

/* Who may have heard of it hears how it goes on. */
static uint8_t
sum_taken_back(const struct wanted *w)
{
	const struct incident_core *c = &w->fg->g->v[w->slot].incident->c;
	enum told pending = told_pending(w->both);

	if (!notice_is_doubted(w->notice) || c->state == INCIDENT_RESOLVED ||
	    pending == TOLD_NOTHING || pending == TOLD_DOWN ||
	    pending == TOLD_OVER)
		return 0;
	return (uint8_t)(TOLD_HELD | pending);
}

static uint8_t
sum_slot(const struct wanted *w, bool may, struct sum *s, struct intent *it)
{
	const struct incident_core *c = &w->fg->g->v[w->slot].incident->c;
	uint8_t told = w->both & (TOLD_MASK | TOLD_HELD);
	enum told pending = told_pending(w->both);
	int to = may ? want(w) : (int)pending;

	s->told_before |= told != 0;
	if (c->state == INCIDENT_OPEN && told_of(told) != TOLD_NOTHING &&
	    w->fg->v[w->slot].quiet != QUIET_NOT && !(told & TOLD_HELD)) {
		told |= TOLD_HELD;
		s->marked = true;
	}
	if (to == WANT_FORGET) {
		s->forgets = true;
		return 0;
	}
	if (to == WANT_LATER) {
		s->changed |= wanted_said(w) != TOLD_NOTHING;
		s->marked |= pending != TOLD_FIRING;
		return (uint8_t)(told | TOLD_FIRING << 4);
	}
	if (to == TOLD_NOTHING && told == TOLD_NOTHING)
		told = sum_taken_back(w);
	s->changed |= may && to != (int)wanted_said(w);
	s->marked |= to != (int)pending;
	s->firing += to == TOLD_FIRING;
	s->over += to == TOLD_OVER;
	s->closed += to == TOLD_OVER && (c->flags & INCIDENT_CLOSED);
	s->down += to == TOLD_DOWN;
	s->stale += to == TOLD_STALE;
	s->flapping += to == TOLD_FLAPPING;
	s->acked += to == TOLD_ACKED;
	if (to != TOLD_NOTHING) {
		int64_t when = to == TOLD_ACKED ? c->acked_ms : c->changed_ms;

		it->critical |= w->fg->v[w->slot].critical;
		if (it->event_ms == 0 || when < it->event_ms)
			it->event_ms = when;
	}
	return (uint8_t)(told | to << 4);
}

static bool
fg_is_over(const struct flush_group *fg)
{
	for (uint32_t i = 0; i < fg->n; i++)
		if (fg->g->v[i].incident->c.state != INCIDENT_RESOLVED &&
		    !(fg->g->v[i].flags & MEMBER_LEFT))
			return false;
	return true;
}

/* Who hears for the first time hears why it is them, however late. */
static uint8_t
sum_kind_firing(const struct flush_group *fg, const struct sum *s,
		uint8_t origin)
{
	if (origin == NOTICE_STEP && (fg->why & WHY_STEP || !s->told_before))
		return NOTICE_ESCALATION;
	if (origin == NOTICE_INSTEAD &&
	    (fg->why & WHY_INSTEAD || !s->told_before))
		return NOTICE_FALLBACK;
	return s->told_before ? NOTICE_MORE : NOTICE_FIRING;
}

static uint8_t
sum_kind(const struct flush_group *fg, const struct sum *s, uint8_t origin)
{
	if (s->firing > 0)
		return sum_kind_firing(fg, s, origin);
	if (s->flapping > 0)
		return NOTICE_FLAPPING;
	if (s->over > 0 && s->over == s->closed)
		return NOTICE_CLOSED;
	if (s->over > 0)
		return fg_is_over(fg) ? NOTICE_RECOVERY : NOTICE_PARTLY;
	if (s->down > 0)
		return NOTICE_WAS_DOWN;
	return s->stale > 0 ? NOTICE_STALE : NOTICE_ACKED;
}

static size_t
sum_told(const struct sum *s)
{
	return s->firing + s->over + s->down + s->stale + s->flapping +
	       s->acked;
}

/* Is there something to remind of? */
static bool
intent_reminds(const struct flush_group *fg, const struct intent *it)
{
	for (uint32_t i = 0; i < fg->n; i++)
		if (told_of(it->both[i]) == TOLD_FIRING &&
		    !(it->both[i] & TOLD_HELD) && fg->v[i].quiet == QUIET_NOT &&
		    fg->g->v[i].incident->c.state == INCIDENT_OPEN &&
		    fg->g->v[i].incident->c.acked_ms == 0 &&
		    !(fg->g->v[i].flags & MEMBER_LEFT))
			return true;
	return false;
}

/* Is it N's recipient's turn? */
static bool
fg_has_turn(const struct flush_group *fg, const struct notice *n, bool current)
{
	if (fg->why & WHY_DUE || (fg->why & WHY_REPEAT && current))
		return true;
	if (fg->why & WHY_STEP && n->c.origin == NOTICE_STEP)
		return true;
	if (fg->why & WHY_INSTEAD && n->c.origin == NOTICE_INSTEAD)
		return true;
	return false;
}

static struct intent *
intent_new(struct flush_group *fg, struct notice *n, bool is_new)
{
	struct intent *it = xcalloc(1, sizeof(*it));

	it->group = fg;
	it->notice = n;
	it->is_new = is_new;
	it->lead = it;
	it->seen_version = n->version;
	it->n = fg->n;
	it->both = xcalloc(fg->n + 1u, 1);
	return it;
}

void
intent_free(struct intent *it)
{
	free(it->both);
	must(it->publish == NULL);
	if (it->letter != NULL)
		letter_free(&it->letter);
	free(it);
}

static bool
receiver_sends_resolved(const struct engine *e, const struct notice *n)
{
	const struct rules_receiver *r = rules_receiver(e->rules, n->receiver);

	return r == NULL || r->send_resolved;
}

/* The difference for N, or NULL: there is none. */
static struct intent *
intent_make(struct flush_group *fg, struct notice *n, bool is_new, bool current)
{
	struct engine *e = fg->flush->e;
	struct intent *it = intent_new(fg, n, is_new);
	bool turn = fg_has_turn(fg, n, current);
	/* Its message was accepted, and what that said may be over. */
	bool again = !turn && n->deferred && !notice_waits(n);
	bool act = !turn && fg->why & WHY_ACT && notice_hears_of_act(fg, n);
	struct sum s = {.changed = false};
	bool falls_back = !is_new && fg->why & WHY_INSTEAD &&
			  !(n->c.flags & NOTICE_FELL_BACK) &&
			  notice_fallback_at(e, n) != 0 &&
			  notice_fallback_at(e, n) <= fg->flush->now;

	for (uint32_t i = 0; i < fg->n; i++) {
		struct wanted w = {
			.fg = fg,
			.notice = n,
			.slot = i,
			.both = both_doubted(n, notice_both(n, i)),
			.current = current,
			.send_resolved = receiver_sends_resolved(e, n),
			.again = again || act,
		};

		it->both[i] = sum_slot(&w, turn || again || act, &s, it);
	}
	it->falls_back = falls_back;
	if (s.changed) {
		it->tells = sum_told(&s) > 0;
		it->old_message = n->c.message;
		it->kind = sum_kind(fg, &s, n->c.origin);
	} else if (fg->why & WHY_REPEAT && current && !notice_waits(n) &&
		   intent_reminds(fg, it)) {
		it->tells = true;
		it->old_message = n->c.message;
		it->kind = NOTICE_REMINDER;
	} else if (!s.marked && !s.forgets && !falls_back) {
		if (again)
			n->deferred = false;
		intent_free(it);
		return NULL;
	}
	if (is_new && !it->tells) {
		intent_free(it);
		return NULL;
	}
	return it;
}

/* --- all of a group ---------------------------------------------------------------- */

static void
fg_add_intent(struct flush_group *fg, struct intent *it)
{
	if (it == NULL)
		return;
	fg->intents[fg->nintents++] = it;
	fg->tells |= it->tells;
}

static struct notice *
fg_find_notice(const struct flush_group *fg, const struct target *t)
{
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		struct notice *n = fg->g->notices[i];

		if (notice_is_to(n, t))
			return n;
	}
	return NULL;
}

static struct notice *
notice_new(struct engine *e, struct alert_group *g,
	   const struct flush_target *t)
{
	struct notice *n = xcalloc(1, sizeof(*n));

	n->group = g;
	n->c.id = store_new_id(e->store);
	n->c.origin = t->origin;
	n->channel = (uint8_t)t->to.channel;
	n->address = engine_name(e, t->to.address);
	n->person = engine_name(e, t->to.person != NULL ? t->to.person : "");
	n->time_zone =
		engine_name(e, t->to.time_zone != NULL ? t->to.time_zone : "");
	n->receiver = engine_name(e, t->receiver->name);
	return n;
}

static void
intents_for_target(struct flush_group *fg, const struct flush_target *t)
{
	struct notice *n = fg_find_notice(fg, &t->to);
	struct intent *it;

	if (n != NULL) {
		fg_add_intent(fg, intent_make(fg, n, false, true));
		return;
	}
	n = notice_new(fg->flush->e, fg->g, t);
	it = intent_make(fg, n, true, true);
	if (it == NULL)
		notice_free(n);
	fg_add_intent(fg, it);
}

static bool
fg_is_target(const struct flush_group *fg, const struct notice *n)
{
	for (size_t i = 0; i < fg->ntargets; i++)
		if (notice_is_to(n, &fg->targets[i].to))
			return true;
	return false;
}

/* N's message is taken back for others' sake: what it says is said anew, unless
 * somebody has heard it. */
static void
intent_renew(struct flush_group *fg, struct intent *it)
{
	const struct notice *n = it->notice;

	it->old_message = n->c.message;
	if (!notice_waits(n))
		return;
	it->tells = true;
	it->kind = n->c.kind;
	it->critical = n->c.flags & NOTICE_CRITICAL;
	it->event_ms = n->c.event_ms;
	fg->tells = true;
	fg->ended = false;
}

bool
intent_join_recall(struct flush_group *fg, struct notice *n)
{
	struct intent *it = NULL, **v;

	for (size_t i = 0; i < fg->nintents; i++)
		if (fg->intents[i]->notice == n)
			it = fg->intents[i];
	if (it == NULL) {
		it = intent_new(fg, n, false);
		for (uint32_t i = 0; i < fg->n; i++)
			it->both[i] = notice_both(n, i);
		v = arena_alloc(&fg->flush->arena,
				(fg->nintents + 1) * sizeof(*v));
		if (fg->nintents > 0)
			memcpy(v, fg->intents, fg->nintents * sizeof(*v));
		fg->intents = v;
		fg->intents[fg->nintents++] = it;
	}
	if (it->old_message == 0)
		intent_renew(fg, it);
	return !it->cancelled;
}

/* An endpoint that is in no rules any more: nothing can be written for it. */
static bool
notice_is_gone(const struct engine *e, const struct notice *n)
{
	return n->channel != CHANNEL_MAIL &&
	       rules_endpoint(e->rules, n->address) == NULL;
}

/* What N was told is forgotten, and its message taken back. */
static struct intent *
intent_forget(struct flush_group *fg, struct notice *n)
{
	bool knows = n->c.message != 0;
	struct intent *it;

	for (uint32_t i = 0; i < n->n; i++)
		knows |= n->both[i] != 0;
	if (!knows)
		return NULL;
	it = intent_new(fg, n, false);
	it->old_message = n->c.message;
	return it;
}

/* Does its message say how something ended? */
static bool
notice_says_end(const struct notice *n)
{
	for (uint32_t i = 0; i < n->n; i++) {
		enum told to = told_pending(n->both[i]);

		if (to == TOLD_OVER || to == TOLD_DOWN || to == TOLD_STALE)
			return true;
	}
	return false;
}

/* The receiver is in no rules any more, and who would hear by N that something
 * fires would not hear how it ends. */
static struct intent *
intent_take_back(struct flush_group *fg, struct notice *n)
{
	struct intent *it;

	if (!notice_waits(n) || fg->g->c.flags & GROUP_OWN ||
	    notice_says_end(n))
		return NULL;
	it = intent_new(fg, n, false);
	for (uint32_t i = 0; i < fg->n; i++)
		it->both[i] = notice_both(n, i) & (TOLD_MASK | TOLD_HELD);
	it->old_message = n->c.message;
	return it;
}

void
intents_make(struct flush_group *fg)
{
	const struct engine *e = fg->flush->e;

	fg->intents = arena_alloc(&fg->flush->arena,
				  (fg->ntargets + fg->g->nnotices + 1) *
					  sizeof(struct intent *));
	for (size_t i = 0; i < fg->ntargets; i++)
		intents_for_target(fg, &fg->targets[i]);
	for (uint32_t i = 0; i < fg->g->nnotices; i++) {
		struct notice *n = fg->g->notices[i];

		if (group_is_gone(e, fg->g))
			fg_add_intent(fg, intent_take_back(fg, n));
		else if (notice_is_gone(e, n))
			fg_add_intent(fg, intent_forget(fg, n));
		else if (!fg_is_target(fg, n))
			fg_add_intent(fg, intent_make(fg, n, false, false));
	}
}

void
intents_announce(struct flush_group *fg, const struct rules_receiver *r)
{
	struct engine *e = fg->flush->e;
	struct target *t;
	size_t n = rules_targets(e->rules, r, fg->flush->now, &fg->flush->arena,
				 &t);

	fg->intents = arena_alloc(&fg->flush->arena,
				  (n + 1) * sizeof(struct intent *));
	for (size_t i = 0; i < n; i++) {
		struct flush_target to = {.to = t[i], .receiver = r};
		struct notice *notice = fg_find_notice(fg, &t[i]);
		struct intent *it = intent_new(
			fg, notice != NULL ? notice : notice_new(e, fg->g, &to),
			notice == NULL);

		it->tells = true;
		/* That it began is old news; what an end says is not. */
		if (it->notice->c.kind == NOTICE_MUTE_BEGIN)
			it->old_message = it->notice->c.message;
		it->kind = (uint8_t)fg->announce->kind;
		it->event_ms = fg->flush->now;
		fg_add_intent(fg, it);
	}
}

void
intents_hold(struct flush_group *fg)
{
	size_t n = 0;

	for (size_t i = 0; i < fg->nintents; i++) {
		struct intent *it = fg->intents[i];

		if (it->tells && notice_waits(it->notice)) {
			intent_free(it);
			continue;
		}
		if (it->tells)
			it->old_message = 0;
		it->tells = false;
		fg->intents[n++] = it;
	}
	fg->nintents = n;
	fg->tells = false;
}

/* --- in the store thread ------------------------------------------------------------ */

/* All of a mail come to pass, or none does: when an old message is out, its
 * outcome makes the notice due. Belfry's own words go after it. */
static void
intent_check(struct engine *e, struct store_txn *txn, struct intent *lead)
{
	lead->skipped = false;
	for (struct intent *it = lead; it != NULL; it = it->next) {
		if (it->dropped)
			lead->skipped = true;
		else if (it->old_message != 0 && it->group->announce == NULL &&
			 publish_is_out_in(txn, e->deps.queue, it->old_message))
			lead->skipped = true;
	}
}

/* Does LEAD take back a mail that another one can't? */
static bool
intent_follows(const struct intent *lead, struct intent *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!v[i]->skipped)
			continue;
		for (const struct intent *a = v[i]; a != NULL; a = a->next)
			for (const struct intent *b = lead; b != NULL;
			     b = b->next)
				if (b->old_message != 0 &&
				    a->old_message == b->old_message)
					return true;
	}
	return false;
}

void
intents_check(struct engine *e, struct store_txn *txn, struct intent *const *v,
	      size_t n)
{
	bool skips = false;

	for (size_t i = 0; i < n; i++) {
		intent_check(e, txn, v[i]);
		skips |= v[i]->skipped;
	}
	/* A mail that tells several groups is taken back for all of them. */
	while (skips) {
		skips = false;
		for (size_t i = 0; i < n; i++) {
			if (v[i]->skipped || !intent_follows(v[i], v, n))
				continue;
			v[i]->skipped = true;
			skips = true;
		}
	}
}

int
intent_run(struct engine *e, struct store_txn *txn, struct intent *lead)
{
	int r = 0;

	lead->published = false;
	if (lead->skipped)
		return 0;
	for (struct intent *it = lead; it != NULL; it = it->next) {
		if (it->old_message == 0)
			continue;
		r = publish_withdraw_in(txn, e->deps.queue, it->old_message);
		if (r == -EBUSY && it->group->announce != NULL)
			continue;
		if (r < 0 && r != -ENOENT)
			return r;
	}
	if (lead->publish == NULL)
		return 0;
	r = publish_in(txn, lead->publish);
	lead->published = r == 0;
	return r > 0 ? -EEXIST : r;
}

void
intent_after(struct intent *lead, int result)
{
	if (lead->publish != NULL)
		publish_after(&lead->publish,
			      lead->published ? result : -ECANCELED);
}
