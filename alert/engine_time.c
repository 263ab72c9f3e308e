/*
 * engine_time - what happens by itself when its time has come.
 */
#include <stdlib.h>

#include "alert/engine_flush.h"
#include "alert/engine_own.h"
#include "base/log.h"
#include "base/xalloc.h"

#define TURN_INCIDENTS 1000
#define TURN_LINGERING 50000         /* more go sooner */
#define TURN_MOST_MS   ENGINE_SECOND /* the clock may be set meanwhile */
#define TURN_MARKS_MS  ENGINE_MINUTE /* intervals and windows begin and end */
/* A source whose posts come in several pieces is not silent between them. */
#define TURN_SLACK_MS (30 * ENGINE_SECOND)

/* Those whose time has come, in one job. */
struct lapse {
	struct work work;
	size_t n;
	uint64_t id[TURN_INCIDENTS];
};

/* --- incidents ----------------------------------------------------------------- */

/* When an incident that is not said again is stale; 0: never. While its source
 * is silent altogether, it has the whole of its window. Nothing expires while
 * the clock is doubted. */
static int64_t
stale_at(const struct engine *e, const struct incident *in)
{
	int64_t resend = engine_resend(e, in->source->name), at, silent;

	if (in->expires_ms == 0 || e->clock_doubt)
		return 0;
	at = e->awake_since_ms + resend;
	if (in->expires_ms > at)
		at = in->expires_ms;
	silent = in->source->heard_ms + resend;
	if (in->source->heard_ms < in->heard_ms + TURN_SLACK_MS && silent > at)
		at = silent;
	return at;
}

static int64_t
flap_ends(const struct engine *e, const struct incident *in)
{
	return engine_since(e, in->c.changes_ms[0]) +
	       rules_settings(e->rules)->flap_within_ms;
}

/* Until when what is over stays in memory. What a person closed stays while its
 * source goes on about it, were it only now and then. */
static int64_t
lingers_until(const struct engine *e, const struct incident *in)
{
	bool many = e->count[INCIDENT_RESOLVED] > TURN_LINGERING;
	int64_t at = engine_since(e, in->c.changed_ms);
	int64_t heard = engine_since(e, in->heard_ms);

	if (!(in->c.flags & INCIDENT_CLOSED))
		return at + (many ? ENGINE_MINUTE : ENGINE_LINGER_MS);
	if (heard > at)
		at = heard;
	if (e->awake_since_ms > at)
		at = e->awake_since_ms;
	return at + (many ? ENGINE_LINGER_MS : ENGINE_DAY);
}

/* Its source speaks again, and not of IN: from when on people are told so; 0: it
 * is not so. */
static int64_t
missed_at(const struct engine *e, const struct incident *in)
{
	const struct source *s = in->source;
	int64_t since =
		s->back_ms > e->awake_since_ms ? s->back_ms : e->awake_since_ms;

	if (in->c.state != INCIDENT_STALE || !(in->c.flags & INCIDENT_QUIET) ||
	    s->silent || e->clock_doubt)
		return 0;
	return since + engine_resend(e, s->name);
}

static int64_t
incident_next(const struct engine *e, const struct incident *in)
{
	int64_t at = 0, flap, missed;

	switch (in->c.state) {
	case INCIDENT_OPEN:
		at = stale_at(e, in);
		break;
	case INCIDENT_STALE:
		at = engine_since(e, in->c.changed_ms) + ENGINE_DAY;
		missed = missed_at(e, in);
		if (missed != 0 && missed < at)
			at = missed;
		break;
	case INCIDENT_RESOLVED:
		at = lingers_until(e, in);
		/* It goes when the last group has let go of it. */
		if (in->nlinks > 0 && at <= engine_now(e))
			at = engine_now(e) + ENGINE_LINGER_MS;
		break;
	}
	if (!(in->c.flags & INCIDENT_FLAPPING))
		return at;
	flap = flap_ends(e, in);
	return at == 0 || flap < at ? flap : at;
}

void
engine_plan(struct engine *e, struct incident *in)
{
	if (e->rules != NULL)
		due_heap_set(&e->dues, &in->due, incident_next(e, in));
}

void
engine_replan_all(struct engine *e)
{
	struct incident *in, *next;

	HASH_ITER(by_id, e->incidents, in, next)
	engine_plan(e, in);
}

void
engine_note_change(struct engine *e, struct incident *in)
{
	const struct rules_settings *s = rules_settings(e->rules);
	struct incident_edit *ed = job_incident(e, in);

	if (!incident_note_change(&ed->c, engine_now(e),
				  (size_t)s->flap_changes, s->flap_within_ms) ||
	    (ed->c.flags & INCIDENT_FLAPPING))
		return;
	ed->c.flags |= INCIDENT_FLAPPING;
	job_history(e, in, HISTORY_FLAPPING, "", "%d changes",
		    (int)s->flap_changes);
}

/* Quiet for as long as the rule looks: what is true now is told. */
static void
lapse_steady(struct engine *e, struct incident *in)
{
	int64_t now = engine_now(e);

	job_incident(e, in)->c.flags &= (uint8_t)~INCIDENT_FLAPPING;
	job_history(e, in, HISTORY_STEADY, "", "%s",
		    incident_state_names[in->c.state]);
	for (size_t i = 0; i < in->nlinks; i++)
		job_group_want(e, in->links[i].group, now);
}

static void
lapse_stale(struct engine *e, struct incident *in, bool quiet)
{
	struct incident_edit *ed = job_incident(e, in);

	ed->c.state = INCIDENT_STALE;
	ed->c.changed_ms = engine_now(e);
	if (quiet)
		ed->c.flags |= INCIDENT_QUIET;
	job_history(e, in, HISTORY_STALE, "", "%s",
		    quiet ? "its source is silent" : "");
	if (!quiet)
		engine_incident_over(e, in, false);
}

/* Those whose end was one alert of the source's hear that it has not come
 * back. */
static void
lapse_missed(struct engine *e, struct incident *in)
{
	job_incident(e, in)->c.flags &= (uint8_t)~INCIDENT_QUIET;
	job_history(e, in, HISTORY_STALE, "", "its source speaks again");
	engine_incident_over(e, in, false);
}

/* Is it stale because nothing at all comes from its source, with more than
 * this? Asked once, for all of them. */
static bool
lapse_is_silent(struct engine *e, struct incident *in)
{
	struct source *s = in->source;

	if (s->silent)
		return true;
	if (s->nopen < 2 ||
	    s->heard_ms + engine_resend(e, s->name) > engine_now(e) ||
	    s->heard_ms >= in->heard_ms + TURN_SLACK_MS)
		return false;
	return engine_source_silent(e, s, s->nopen);
}

static void
lapse_one(struct engine *e, struct incident *in, int64_t now)
{
	int64_t at;

	if (in == NULL || in->edit != NULL)
		return;
	at = incident_next(e, in);
	if (at == 0 || at > now) {
		engine_plan(e, in);
		return;
	}
	if (in->c.flags & INCIDENT_FLAPPING && flap_ends(e, in) <= now)
		lapse_steady(e, in);
	else if (in->c.state == INCIDENT_OPEN)
		lapse_stale(e, in, lapse_is_silent(e, in));
	else if (missed_at(e, in) != 0 && missed_at(e, in) <= now)
		lapse_missed(e, in);
	else if (in->nlinks == 0 && e->nreroutes == 0)
		job_incident(e, in)->past = true;
}

static int
lapse_prepare(struct engine *e, struct work *w)
{
	struct lapse *l = (struct lapse *)w;

	for (size_t i = 0; i < l->n; i++)
		lapse_one(e, engine_find_id(e, l->id[i]), engine_now(e));
	return 0;
}

static void
lapse_done(struct engine *e, struct work *w, int result)
{
	struct lapse *l = (struct lapse *)w;
	int64_t now = engine_now(e);

	for (size_t i = 0; i < l->n; i++) {
		struct incident *in = engine_find_id(e, l->id[i]);

		if (in == NULL)
			continue;
		if (result < 0)
			due_heap_set(&e->dues, &in->due, now + ENGINE_AGAIN_MS);
		/* Those that are so for a day leave their groups first. */
		for (size_t k = 0;
		     in->c.state != INCIDENT_OPEN &&
		     engine_since(e, in->c.changed_ms) + ENGINE_DAY <= now &&
		     k < in->nlinks;
		     k++)
			group_look_soon(e, in->links[k].group);
		if (result == 0 && in->due.at == 0)
			due_heap_set(&e->dues, &in->due, now + ENGINE_MINUTE);
	}
	free(l);
	engine_turn_soon(e);
}

static struct lapse *
turn_lapse(struct engine *e, struct lapse *l, struct due_node *node)
{
	struct incident *in =
		(void *)((char *)node - offsetof(struct incident, due));

	due_heap_set(&e->dues, node, 0);
	if (l == NULL)
		l = xcalloc(1, sizeof(*l));
	l->id[l->n++] = in->id;
	return l;
}

static void
turn_dues(struct engine *e, int64_t now)
{
	struct lapse *l = NULL;
	struct due_node *node;

	while ((node = due_heap_first(&e->dues)) != NULL &&
	       node->when_ms <= now && (l == NULL || l->n < TURN_INCIDENTS)) {
		if (node->kind == DUE_INCIDENT)
			l = turn_lapse(e, l, node);
		else
			silence_due(e, (void *)((char *)node -
						offsetof(struct silence, due)));
	}
	if (l == NULL)
		return;
	l->work.prepare = lapse_prepare;
	l->work.done = lapse_done;
	l->work.need = STORE_NEED_RESULT;
	l->work.bytes = l->n * STORE_VALUE_MAX / 4;
	engine_submit(e, &l->work);
}

/* --- the turn ------------------------------------------------------------------- */

static void
turn_arm(struct engine *e, int64_t now)
{
	const struct due_node *a = due_heap_first(&e->dues);
	const struct due_node *b = due_heap_first(&e->group_dues);
	int64_t first = now + TURN_MOST_MS;

	if (a != NULL && a->when_ms < first)
		first = a->when_ms;
	if (b != NULL && b->when_ms < first && e->nflushes < FLUSHES_MOST)
		first = b->when_ms;
	loop_timer_set(&e->timer, first > now ? first - now : 0);
}

/* An expression that hits a limit counts as a match. */
static void
turn_limits(struct engine *e)
{
	uint64_t hit = rules_limits_hit(e->rules);

	if (hit > e->limits_hit)
		log_event(
			e->deps.log, LOG_WARNING, "alert_limit",
			LOG_INT("expressions", (int64_t)(hit - e->limits_hit)));
	e->limits_hit = hit;
}

void
engine_turn(struct engine *e)
{
	int64_t now = engine_now(e);
	const struct due_node *node;

	if (!e->loaded || e->stopping)
		return;
	own_look_at_clock(e);
	turn_limits(e);
	reroute_turn(e);
	mute_turn(e, now);
	own_turn(e);
	turn_dues(e, now);
	/* By the minute, or when an inhibitor came or went. */
	if (e->nreroutes == 0 &&
	    (e->look_all ||
	     (rules_has_windows(e->rules) &&
	      now / TURN_MARKS_MS != e->marks_ms / TURN_MARKS_MS))) {
		e->marks_ms = now;
		engine_look_all(e);
	}
	node = due_heap_first(&e->group_dues);
	if (e->nreroutes == 0 && e->nflushes < FLUSHES_MOST && node != NULL &&
	    node->when_ms <= now) {
		flush_begin(e, now);
		/* A bounded number at a time. */
		node = due_heap_first(&e->group_dues);
		if (node != NULL && node->when_ms <= now &&
		    e->nflushes < FLUSHES_MOST)
			engine_turn_soon(e);
	}
	turn_arm(e, now);
}

static void
turn_run(void *arg)
{
	struct engine *e = arg;

	e->turn_posted = false;
	engine_turn(e);
}

void
engine_turn_soon(struct engine *e)
{
	if (e->turn_posted || e->stopping)
		return;
	e->turn_posted = true;
	loop_post(e->deps.loop, &e->turn_post, turn_run, e);
}
