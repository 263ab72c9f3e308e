#include "relay/alert_silence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

/* So many of a group are looked at; of one with more only its own labels count. */
#define SILENCE_LOOK 1000

/* --- by what ------------------------------------------------------------------ */

/* Views are borrowed while they are seen, and one may not look for others. */
struct silence_group {
	struct arena *arena;
	struct labels labels; /* of the group */
	size_t n;
	uint64_t *incidents; /* in ARENA */
	size_t nopen;
	struct labels common; /* of those that are open */
};

static bool
silence_see_group(void *arg, const struct group_view *v)
{
	struct silence_group *g = arg;

	labels_copy(g->arena, v->labels, &g->labels);
	g->incidents = arena_alloc(g->arena, (v->nincidents + 1) *
						     sizeof(g->incidents[0]));
	if (v->nincidents > 0)
		memcpy(g->incidents, v->incidents,
		       v->nincidents * sizeof(g->incidents[0]));
	g->n = v->nincidents;
	return false;
}

static bool
silence_see(void *arg, const struct incident_view *v)
{
	struct silence_group *g = arg;

	if (g->nopen == 1)
		labels_copy(g->arena, v->labels, &g->common);
	else
		labels_keep_common(&g->common, v->labels);
	return false;
}

/* COMMON, and those of the group whatever they became. */
static struct labels
silence_both(const struct silence_group *g)
{
	struct labels_builder b;
	struct labels ret;

	labels_builder_init(&b, g->arena);
	for (size_t i = 0; i < g->common.n; i++)
		(void)labels_set(&b, g->common.v[i].name, g->common.v[i].value);
	for (size_t i = 0; i < g->labels.n; i++)
		(void)labels_set(&b, g->labels.v[i].name, g->labels.v[i].value);
	labels_finish_annotations(&b, &ret);
	return ret;
}

static struct labels
silence_group(struct engine *e, uint64_t group, struct arena *arena)
{
	struct silence_group g = {.arena = arena};

	engine_find_group(e, group, silence_see_group, &g);
	for (size_t i = 0; i < g.n && g.nopen <= SILENCE_LOOK; i++)
		if (!engine_is_over(e, g.incidents[i]) &&
		    ++g.nopen <= SILENCE_LOOK)
			engine_find(e, g.incidents[i], silence_see, &g);
	if (g.nopen > SILENCE_LOOK)
		g.common = g.labels;
	return silence_both(&g);
}

static bool
silence_has(const struct labels *v, size_t n, const struct labels *l)
{
	for (size_t i = 0; i < n; i++)
		if (labels_equal(&v[i], l))
			return true;
	return false;
}

size_t
alert_silence_labels(struct engine *e, const uint64_t *groups, size_t n,
		     struct arena *arena, struct labels **ret)
{
	struct labels *v = arena_alloc(arena, (n + 1) * sizeof(*v));
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct labels l = silence_group(e, groups[i], arena);

		if (l.n > 0 && !silence_has(v, found, &l))
			v[found++] = l;
	}
	*ret = v;
	return found;
}

/* --- set ------------------------------------------------------------------------ */

struct silence_set {
	size_t left; /* not answered yet */
	int result;
	engine_done_fn *done;
	void *arg;
};

static void
silence_answered(void *arg, int result, const char *id)
{
	struct silence_set *set = arg;

	(void)id;
	if (set->result == 0)
		set->result = result;
	if (--set->left > 0)
		return;
	set->done(set->arg, set->result);
	free(set);
}

static void
silence_one(struct engine *e, struct engine_silence s, const struct labels *l,
	    struct silence_set *set)
{
	struct arena arena;
	char *why = NULL;

	arena_init(&arena);
	s.matchers = (struct matchers){
		.v = arena_alloc(&arena, l->n * sizeof(*s.matchers.v)),
	};
	for (size_t i = 0; i < l->n; i++)
		must(matcher_set(MATCHER_EQUAL, l->v[i].name, l->v[i].value,
				 &arena, &s.matchers.v[s.matchers.n++],
				 &why) == 0);
	engine_silence_set(e, &s, silence_answered, set);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

void
alert_silence_set(struct engine *e, const struct engine_silence *s,
		  const struct labels *v, size_t n, engine_done_fn *done,
		  void *arg)
{
	struct silence_set *set;

	if (n == 0) {
		done(arg, -ENOENT);
		return;
	}
	set = xcalloc(1, sizeof(*set));
	*set = (struct silence_set){.left = n, .done = done, .arg = arg};
	for (size_t i = 0; i < n; i++)
		silence_one(e, *s, &v[i], set);
}
