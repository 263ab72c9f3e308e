#include "alert/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

#define ENGINE_RETENTION (90 * ENGINE_DAY) /* without rules */

/* --- names ------------------------------------------------------------------ */

/* They come from the configuration, so there are few. */
const char *
engine_name(struct engine *e, const char *text)
{
	size_t len = strlen(text);
	struct name *name;

	HASH_FIND(hh, e->names, text, len, name);
	if (name == NULL) {
		name = xcalloc(1, sizeof(*name) + len + 1);
		memcpy(name->text, text, len);
		HASH_ADD(hh, e->names, text, len, name);
	}
	return name->text;
}

struct source *
engine_source(struct engine *e, const char *name)
{
	size_t len = strlen(name);
	struct source *s;

	HASH_FIND(hh, e->sources, name, len, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + len + 1);
		memcpy(s->name, name, len);
		HASH_ADD(hh, e->sources, name, len, s);
	}
	return s;
}

/* --- incidents -------------------------------------------------------------- */

int64_t
engine_now(const struct engine *e)
{
	return clock_wall_ms(e->deps.clock);
}

struct incident *
engine_find_print(struct engine *e, const uint8_t *print)
{
	struct incident *in;

	HASH_FIND(by_print, e->incidents_by_print, print, INCIDENT_PRINT, in);
	if (in == NULL)
		HASH_FIND(by_print, e->fresh_incidents, print, INCIDENT_PRINT,
			  in);
	return in;
}

struct incident *
engine_find_id(struct engine *e, uint64_t id)
{
	struct incident *in;

	HASH_FIND(by_id, e->incidents, &id, sizeof(id), in);
	return in;
}

void
engine_count(struct engine *e, const struct incident *in)
{
	e->count[in->c.state]++;
	if (in->c.state == INCIDENT_OPEN)
		in->source->nopen++;
}

void
engine_uncount(struct engine *e, const struct incident *in)
{
	e->count[in->c.state]--;
	if (in->c.state == INCIDENT_OPEN)
		in->source->nopen--;
}

void
incident_free(struct incident *in)
{
	free(in->links);
	free(in->acked_by);
	free(in->text);
	free(in);
}

void
engine_forget(struct engine *e, struct incident *in)
{
	must(in->nlinks == 0 && in->edit == NULL);
	due_heap_set(&e->dues, &in->due, 0);
	engine_uncount(e, in);
	HASH_DELETE(by_id, e->incidents, in);
	HASH_DELETE(by_print, e->incidents_by_print, in);
	incident_free(in);
}

void
incident_get_text(const struct incident *in, struct arena *arena,
		  struct incident_text *ret)
{
	must(incident_text_unpack(in->text, in->text_len, arena, ret) == 0);
}

/* --- work ------------------------------------------------------------------- */

static void
engine_step(void *arg)
{
	struct engine *e = arg;

	e->step_posted = false;
	job_step(e);
}

static int
stopped_prepare(struct engine *e, struct work *w)
{
	(void)e;
	(void)w;
	return -ESHUTDOWN;
}

void
engine_submit(struct engine *e, struct work *w)
{
	if (e->stopping)
		w->prepare = stopped_prepare;
	STAILQ_INSERT_TAIL(&e->waiting, w, link);
	if (e->step_posted)
		return;
	e->step_posted = true;
	loop_post(e->deps.loop, &e->step_post, engine_step, e);
}

bool
engine_is_loaded(const struct engine *e)
{
	return e->loaded;
}

bool
engine_is_busy(const struct engine *e)
{
	return e->load != NULL || e->job.out || e->step_posted ||
	       !STAILQ_EMPTY(&e->waiting);
}

/* --- life ------------------------------------------------------------------- */

int64_t
engine_retention(const struct engine *e)
{
	(void)e;
	return ENGINE_RETENTION;
}

static void
engine_timer(void *arg)
{
	engine_turn(arg);
}

int
engine_new(const struct engine_deps *deps, struct engine **ret)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->deps = *deps;
	e->store = queue_store(deps->queue);
	STAILQ_INIT(&e->waiting);
	arena_init(&e->scratch);
	job_init(e);
	loop_timer_init(&e->timer, deps->loop, engine_timer, e);
	*ret = e;
	return 0;
}

void
engine_start(struct engine *e, struct rules *rules)
{
	must(!e->started);
	e->started = true;
	e->rules = rules;
	e->awake_since_ms = engine_now(e);
	engine_load_start(e);
}

void
engine_loaded(struct engine *e)
{
	e->loaded = true;
	engine_turn_soon(e);
	job_step(e);
}

void
engine_stop(struct engine *e)
{
	struct work *w;

	e->stopping = true;
	loop_timer_clear(&e->timer);
	STAILQ_FOREACH (w, &e->waiting, link)
		w->prepare = stopped_prepare;
}

void
engine_free(struct engine **ep)
{
	struct engine *e = *ep;
	struct incident *in, *next_in;
	struct alert_group *g, *next_g;
	struct source *s, *next_s;
	struct name *name, *next_name;

	if (e == NULL)
		return;
	*ep = NULL;
	engine_load_free(e);
	loop_timer_done(&e->timer);
	HASH_ITER(by_id, e->groups, g, next_g)
	group_forget(e, g);
	HASH_ITER(by_id, e->incidents, in, next_in)
	engine_forget(e, in);
	HASH_ITER(hh, e->sources, s, next_s)
	{
		HASH_DEL(e->sources, s);
		free(s);
	}
	HASH_ITER(hh, e->names, name, next_name)
	{
		HASH_DEL(e->names, name);
		free(name);
	}
	job_done(e);
	due_heap_done(&e->dues);
	arena_done(&e->scratch);
	free(e);
}
