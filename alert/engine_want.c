/*
 * engine_want - what a recipient is to be told of one member of a group.
 */
#include <stdlib.h>

#include "alert/engine_flush.h"

static const struct incident_core *
wanted_core(const struct wanted *w)
{
	return &w->fg->g->v[w->slot].incident->c;
}

enum told
wanted_said(const struct wanted *w)
{
	return notice_waits(w->notice) ? told_pending(w->both) : TOLD_NOTHING;
}

/* Nothing is added to what its message says, as far as that is true. */
static int
want_said(const struct wanted *w)
{
	const struct incident_core *c = wanted_core(w);
	enum told said = wanted_said(w);

	switch (said) {
	case TOLD_LESS:
		return TOLD_FIRING;
	case TOLD_FLAPPING:
		return c->flags & INCIDENT_FLAPPING ? TOLD_FLAPPING
						    : TOLD_FIRING;
	case TOLD_ACKED:
		return c->acked_ms != 0 ? TOLD_ACKED : TOLD_NOTHING;
	case TOLD_NOTHING:
	case TOLD_FIRING:
		return (int)said;
	case TOLD_STALE:
	case TOLD_DOWN:
	case TOLD_OVER:
		return TOLD_NOTHING;
	}
	abort();
}

static int
want_open(const struct wanted *w)
{
	const struct incident_core *c = wanted_core(w);
	enum told told = told_of(w->both);
	bool held = w->both & TOLD_HELD;

	if (slot_says_acked(w->fg, w->notice, w->slot))
		return TOLD_ACKED;
	if ((w->fg->g->v[w->slot].flags & MEMBER_LEFT) || !w->current)
		return want_said(w);
	if (w->fg->v[w->slot].quiet != QUIET_NOT || c->acked_ms != 0)
		return TOLD_NOTHING;
	/* Who joined since the group told last waits for its turn. */
	if (w->again && told == TOLD_NOTHING &&
	    c->changed_ms > w->fg->g->c.flushed_ms)
		return TOLD_NOTHING;
	if (c->flags & INCIDENT_FLAPPING)
		return told == TOLD_FLAPPING && !held ? TOLD_NOTHING
						      : TOLD_FLAPPING;
	return told == TOLD_FIRING && !held ? TOLD_NOTHING : TOLD_FIRING;
}

static int
want_stale(const struct wanted *w)
{
	enum told told = told_of(w->both);

	if (wanted_core(w)->flags & INCIDENT_QUIET)
		return TOLD_NOTHING;
	if (told == TOLD_FIRING || told == TOLD_FLAPPING ||
	    told == TOLD_ACKED || told == TOLD_LESS)
		return TOLD_STALE;
	return told == TOLD_NOTHING && told_pending(w->both) != TOLD_NOTHING
		       ? TOLD_STALE
		       : TOLD_NOTHING;
}

/* It is over, and nobody heard that it began. */
static bool
want_is_unsaid(const struct wanted *w)
{
	return wanted_core(w)->state == INCIDENT_RESOLVED &&
	       told_of(w->both) == TOLD_NOTHING &&
	       told_pending(w->both) != TOLD_NOTHING &&
	       told_pending(w->both) != TOLD_OVER;
}

/* Nobody heard that it began: whose message is taken back, or was held back by
 * the rate, gets one line in its place. */
static int
want_never_told(const struct wanted *w)
{
	enum told pending = told_pending(w->both);

	if (!want_is_unsaid(w))
		return TOLD_NOTHING;
	if (!slot_is_over(w->fg, w->slot) && wanted_said(w) != TOLD_NOTHING)
		return (int)pending;
	return w->send_resolved ? TOLD_DOWN : TOLD_NOTHING;
}

static int
want_resolved(const struct wanted *w)
{
	enum told told = told_of(w->both);

	if (told == TOLD_NOTHING)
		return want_never_told(w);
	if (wanted_core(w)->flags & INCIDENT_FLAPPING &&
	    !(wanted_core(w)->flags & INCIDENT_CLOSED))
		return told == TOLD_FLAPPING ? TOLD_NOTHING : TOLD_FLAPPING;
	if (!slot_is_over(w->fg, w->slot))
		return TOLD_NOTHING;
	return w->send_resolved ? TOLD_OVER : WANT_FORGET;
}

int
want(const struct wanted *w)
{
	/* Not even a recovery. */
	if (w->fg->v[w->slot].quiet == QUIET_MUTE)
		return want_is_unsaid(w) ? WANT_LATER : TOLD_NOTHING;
	switch (wanted_core(w)->state) {
	case INCIDENT_OPEN:
		return want_open(w);
	case INCIDENT_STALE:
		return want_stale(w);
	case INCIDENT_RESOLVED:
		return want_resolved(w);
	}
	abort();
}
