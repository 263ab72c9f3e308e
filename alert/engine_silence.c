/*
 * engine_silence - silences, kept, begun and ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/must.h"
#include "base/xalloc.h"

/* The last millisecond of the year 9999. */
#define SILENCE_ENDS_MAX INT64_C(253402300799999)
#define SILENCES_MAX     10000
#define SILENCE_SIZE_MAX ((size_t)32 * 1024) /* of its expressions */
#define SILENCES_KEPT    (5 * ENGINE_DAY)    /* after their end */

struct silencing {
	struct work work;
	struct silence
		*silence; /* owned until it is memory's; NULL: only OLD */
	char old[ENGINE_SILENCE_ID]; /* expires now; "": none */
	bool gone;                   /* OLD's record goes */
	bool replaces;               /* OLD goes on as SILENCE */
	int bad;                     /* what was asked is none */
	char id[ENGINE_SILENCE_ID];
	int64_t now;
	engine_silence_done_fn *done;
	engine_done_fn *done_plain;
	void *arg;
};

static void
silence_free(struct silence *s)
{
	if (s == NULL)
		return;
	matchers_done(&s->s.matchers);
	arena_done(&s->arena);
	free(s);
}

static struct silence *
silence_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; i < e->nsilences; i++)
		if (strcmp(e->silences[i]->s.id, id) == 0)
			return e->silences[i];
	return NULL;
}

/* When it changes by itself: it begins, ends, is forgotten. */
static void
silence_plan(struct engine *e, struct silence *s)
{
	int64_t now = engine_now(e);
	int64_t when = s->s.ends_ms + SILENCES_KEPT;

	if (now < s->s.starts_ms)
		when = s->s.starts_ms;
	else if (now < s->s.ends_ms)
		when = s->s.ends_ms;
	due_heap_set(&e->dues, &s->due, when);
}

static void
silence_add(struct engine *e, struct silence *s)
{
	e->silences = xreallocarray(e->silences, e->nsilences + 1,
				    sizeof(e->silences[0]));
	e->silences[e->nsilences++] = s;
	s->due.kind = DUE_SILENCE;
	silence_plan(e, s);
}

static void
silence_remove(struct engine *e, struct silence *s)
{
	for (size_t i = 0; i < e->nsilences; i++)
		if (e->silences[i] == s)
			e->silences[i] = e->silences[--e->nsilences];
	due_heap_set(&e->dues, &s->due, 0);
	silence_free(s);
}

void
silences_free(struct engine *e)
{
	while (e->nsilences > 0)
		silence_remove(e, e->silences[0]);
	free(e->silences);
}

/* A record of them. */
int
silence_load(struct engine *e, uint64_t id, uint64_t version, const void *value,
	     size_t len)
{
	struct silence *s = xcalloc(1, sizeof(*s));
	int r;

	arena_init(&s->arena);
	r = silence_decode(value, len, &s->arena, &s->s);
	if (r < 0) {
		arena_done(&s->arena);
		free(s);
		return r;
	}
	s->id = id;
	s->version = version;
	silence_add(e, s);
	return 0;
}

/* --- changed -------------------------------------------------------------------- */

static int
silence_put(struct engine *e, const struct engine_silence *s, uint64_t id)
{
	struct put *p = job_put(e, engine_key('l', id));
	int r;

	p->any = true;
	r = silence_encode(s, &e->job.bytes);
	must(r == 0); /* it was tried when it came */
	put_seal(e, p);
	return 0;
}

/* What was in force before ends now. */
static void
silencing_end_old(struct engine *e, struct silencing *g)
{
	struct silence *old = silence_find(e, g->old);
	struct engine_silence s;

	if (old == NULL)
		return;
	if (g->gone) {
		struct put *p = job_put(e, engine_key('l', old->id));

		p->what = PUT_DELETE;
		p->any = true;
		return;
	}
	s = old->s;
	if (s.ends_ms > g->now)
		s.ends_ms = g->now;
	if (s.starts_ms > g->now)
		s.starts_ms = g->now;
	s.updated_ms = g->now;
	(void)silence_put(e, &s, old->id);
}

/* May OLD go on with what is asked, or is another one made? As Alertmanager:
 * the matchers and the past of one that has begun can't change, and what has
 * ended stays so. */
static bool
silence_can_update(const struct engine_silence *old,
		   const struct engine_silence *to, int64_t now)
{
	if (!matchers_equal(&old->matchers, &to->matchers))
		return false;
	switch (silence_state_at(old, now)) {
	case SILENCE_ACTIVE:
		return to->starts_ms == old->starts_ms && to->ends_ms >= now;
	case SILENCE_PENDING:
		return to->starts_ms >= now;
	case SILENCE_EXPIRED:
		return false;
	}
	abort();
}

static int
silencing_set(struct engine *e, struct silencing *g)
{
	struct engine_silence *s = &g->silence->s;
	struct silence *old = s->id[0] != '\0' ? silence_find(e, s->id) : NULL;

	if (s->id[0] != '\0' && old == NULL)
		return -ENOENT;
	if (s->starts_ms < g->now &&
	    (old == NULL || s->starts_ms != old->s.starts_ms))
		s->starts_ms = g->now;
	if (s->ends_ms <= s->starts_ms || s->ends_ms < g->now ||
	    s->ends_ms > SILENCE_ENDS_MAX || s->matchers.n == 0)
		return -EINVAL;
	s->updated_ms = g->now;
	g->replaces = old != NULL && silence_can_update(&old->s, s, g->now);
	if (g->replaces) {
		g->silence->id = old->id;
		memcpy(g->old, s->id, sizeof(g->old));
	} else {
		if (e->nsilences >= SILENCES_MAX)
			return -ENOSPC;
		if (old != NULL &&
		    silence_state_at(&old->s, g->now) != SILENCE_EXPIRED) {
			memcpy(g->old, s->id, sizeof(g->old));
			silencing_end_old(e, g);
		}
		silence_new_id(s->id);
		g->silence->id = store_new_id(e->store);
	}
	memcpy(g->id, s->id, sizeof(g->id));
	return silence_put(e, s, g->silence->id);
}

static int
silencing_prepare(struct engine *e, struct work *w)
{
	struct silencing *g = (struct silencing *)w;
	struct silence *old;

	if (!e->loaded)
		return -EAGAIN;
	g->now = engine_now(e);
	if (g->bad != 0)
		return g->bad;
	if (g->silence != NULL)
		return silencing_set(e, g);
	old = silence_find(e, g->old);
	if (old == NULL)
		return -ENOENT;
	if (!g->gone && silence_state_at(&old->s, g->now) == SILENCE_EXPIRED)
		return -EALREADY;
	silencing_end_old(e, g);
	return 0;
}

static void
silencing_apply(struct engine *e, struct silencing *g)
{
	struct silence *old =
		g->old[0] != '\0' ? silence_find(e, g->old) : NULL;

	if (old != NULL && (g->replaces || g->gone)) {
		silence_remove(e, old);
	} else if (old != NULL) {
		if (old->s.ends_ms > g->now)
			old->s.ends_ms = g->now;
		if (old->s.starts_ms > g->now)
			old->s.starts_ms = g->now;
		old->s.updated_ms = g->now;
		silence_plan(e, old);
	}
	if (g->silence != NULL)
		silence_add(e, g->silence);
	g->silence = NULL;
	e->look_all |= !g->gone;
	engine_turn_soon(e);
}

static void
silencing_done(struct engine *e, struct work *w, int result)
{
	struct silencing *g = (struct silencing *)w;

	if (result == 0)
		silencing_apply(e, g);
	silence_free(g->silence);
	if (g->done != NULL)
		g->done(g->arg, result, g->id);
	if (g->done_plain != NULL)
		g->done_plain(g->arg, result);
	free(g);
}

static struct silencing *
silencing_new(void *arg)
{
	struct silencing *g = xcalloc(1, sizeof(*g));

	g->arg = arg;
	g->work.prepare = silencing_prepare;
	g->work.done = silencing_done;
	g->work.need = STORE_NEED_RESULT;
	g->work.bytes = 4096;
	return g;
}

/* A copy of its own, by way of its record. */
static int
silence_copy(const struct engine_silence *from, struct silence **ret)
{
	struct engine_silence with_id = *from;
	struct silence *s;
	struct buf value;
	int r;

	if (with_id.id[0] == '\0')
		silence_new_id(with_id.id);
	buf_init(&value, 4 * STORE_VALUE_MAX);
	r = silence_encode(&with_id, &value);
	if (r < 0) {
		buf_done(&value);
		return r;
	}
	s = xcalloc(1, sizeof(*s));
	arena_init(&s->arena);
	r = silence_decode(value.data, value.len, &s->arena, &s->s);
	buf_done(&value);
	/* Each is kept: few bytes of text may be many of an expression. */
	if (r == 0 && matchers_size(&s->s.matchers) > SILENCE_SIZE_MAX)
		r = -EMSGSIZE;
	if (r < 0) {
		silence_free(s);
		return r;
	}
	memcpy(s->s.id, from->id, sizeof(s->s.id));
	*ret = s;
	return 0;
}

void
engine_silence_set(struct engine *e, const struct engine_silence *s,
		   engine_silence_done_fn *done, void *arg)
{
	struct silencing *g = silencing_new(arg);

	g->done = done;
	g->bad = silence_copy(s, &g->silence);
	engine_submit(e, &g->work);
}

void
engine_silence_expire(struct engine *e, const char *id, engine_done_fn *done,
		      void *arg)
{
	struct silencing *g = silencing_new(arg);

	if (strlen(id) < sizeof(g->old))
		memcpy(g->old, id, strlen(id) + 1);
	else
		g->bad = -ENOENT;
	g->done_plain = done;
	engine_submit(e, &g->work);
}

void
silence_due(struct engine *e, struct silence *s)
{
	struct silencing *g;

	e->look_all = true;
	if (engine_now(e) < s->s.ends_ms + SILENCES_KEPT) {
		silence_plan(e, s);
		return;
	}
	due_heap_set(&e->dues, &s->due, engine_now(e) + ENGINE_MINUTE);
	g = silencing_new(NULL);
	g->gone = true;
	memcpy(g->old, s->s.id, sizeof(g->old));
	engine_submit(e, &g->work);
}

/* --- looking ------------------------------------------------------------------------ */

static bool
silence_see(struct engine *e, const struct silence *s,
	    engine_see_silence_fn *fn, void *arg)
{
	struct engine_silence view = s->s;

	view.state = silence_state_at(&s->s, engine_now(e));
	return fn(arg, &view);
}

void
engine_each_silence(struct engine *e, engine_see_silence_fn *fn, void *arg)
{
	for (size_t i = 0; i < e->nsilences; i++)
		if (!silence_see(e, e->silences[i], fn, arg))
			return;
}

bool
engine_find_silence(struct engine *e, const char *id, engine_see_silence_fn *fn,
		    void *arg)
{
	const struct silence *s = silence_find(e, id);

	if (s == NULL)
		return false;
	(void)silence_see(e, s, fn, arg);
	return true;
}
