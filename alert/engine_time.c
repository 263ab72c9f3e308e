/*
 * engine_time - what happens by itself when its time has come.
 */
#include "alert/engine_impl.h"
#include "base/xalloc.h"

#include <stdlib.h>

#define TURN_INCIDENTS 1000
#define TURN_MOST_MS   ENGINE_MINUTE /* the clock may be set meanwhile */
#define TURN_RESEND_MS (5 * ENGINE_MINUTE)

/* Those whose time has come, in one job. */
struct lapse {
	struct work work;
	size_t n;
	uint64_t id[TURN_INCIDENTS];
};

/* It was not said that it is over: its source no longer speaks of it, though it
 * had the time to. */
static int64_t
stale_at(const struct engine *e, const struct incident *in)
{
	int64_t grace = e->awake_since_ms + TURN_RESEND_MS;

	if (in->expires_ms == 0)
		return 0;
	return in->expires_ms > grace ? in->expires_ms : grace;
}

static int64_t
incident_next(const struct engine *e, const struct incident *in)
{
	switch (in->c.state) {
	case INCIDENT_OPEN:
		return stale_at(e, in);
	case INCIDENT_STALE:
		return in->c.changed_ms + ENGINE_DAY;
	case INCIDENT_RESOLVED:
		return in->c.changed_ms + ENGINE_LINGER_MS;
	}
	abort();
}

void
engine_plan(struct engine *e, struct incident *in)
{
	due_heap_set(&e->dues, &in->due, incident_next(e, in));
}

static void
lapse_one(struct engine *e, struct incident *in, int64_t now)
{
	struct incident_edit *ed;

	if (in == NULL || in->edit != NULL)
		return;
	if (incident_next(e, in) > now || incident_next(e, in) == 0) {
		engine_plan(e, in);
		return;
	}
	ed = job_incident(e, in);
	if (in->c.state == INCIDENT_OPEN) {
		ed->c.state = INCIDENT_STALE;
		ed->c.changed_ms = now;
		job_history(e, in, HISTORY_STALE, "",
			    "not said since it "
			    "expired");
	} else {
		ed->past = true;
	}
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

	for (size_t i = 0; result < 0 && i < l->n; i++) {
		struct incident *in = engine_find_id(e, l->id[i]);

		if (in != NULL)
			due_heap_set(&e->dues, &in->due,
				     engine_now(e) + ENGINE_AGAIN_MS);
	}
	free(l);
	engine_turn_soon(e);
}

static void
turn_lapse(struct engine *e, int64_t now)
{
	struct lapse *l = NULL;
	struct due_node *node;

	while ((node = due_heap_first(&e->dues)) != NULL &&
	       node->when_ms <= now && (l == NULL || l->n < TURN_INCIDENTS)) {
		struct incident *in =
			(void *)((char *)node - offsetof(struct incident, due));

		due_heap_set(&e->dues, node, 0);
		if (l == NULL)
			l = xcalloc(1, sizeof(*l));
		l->id[l->n++] = in->id;
	}
	if (l == NULL)
		return;
	l->work.prepare = lapse_prepare;
	l->work.done = lapse_done;
	l->work.need = STORE_NEED_RESULT;
	l->work.bytes = l->n * STORE_VALUE_MAX / 4;
	engine_submit(e, &l->work);
}

static void
turn_arm(struct engine *e, int64_t now)
{
	const struct due_node *node = due_heap_first(&e->dues);
	int64_t after = TURN_MOST_MS;

	if (node != NULL && node->when_ms - now < after)
		after = node->when_ms > now ? node->when_ms - now : 0;
	loop_timer_set(&e->timer, after);
}

void
engine_turn(struct engine *e)
{
	int64_t now = engine_now(e);

	if (!e->loaded || e->stopping)
		return;
	turn_lapse(e, now);
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
	if (e->turn_posted)
		return;
	e->turn_posted = true;
	loop_post(e->deps.loop, &e->turn_post, turn_run, e);
}
