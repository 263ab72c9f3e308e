/*
 * engine_status - the engine at a glance, and its groups.
 */
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"

/* --- groups ------------------------------------------------------------------ */

static void
status_see_group(struct engine *e, const struct alert_group *g,
		 struct group_view *ret)
{
	uint64_t *ids = arena_alloc(&e->scratch, (g->n + 1u) * sizeof(*ids));
	struct labels *labels = arena_alloc(&e->scratch, sizeof(*labels));
	struct unpack u;

	unpack_init(&u, g->labels, g->labels_len);
	if (labels_unpack(&u, &e->scratch, labels) < 0)
		*labels = (struct labels){0};
	*ret = (struct group_view){
		.id = g->id,
		.receiver = g->receiver,
		.labels = labels,
		.seq = g->c.seq,
		.due_ms = g->due.when_ms,
		.incidents = ids,
	};
	for (uint32_t i = 0; i < g->n; i++)
		if ((g->v[i].flags & MEMBER_LEFT) == 0)
			ids[ret->nincidents++] = g->v[i].incident->id;
}

uint64_t
engine_each_group(struct engine *e, uint64_t from, size_t max,
		  engine_see_group_fn *fn, void *arg)
{
	const struct alert_group *g;
	struct group_view view;
	bool more = true;
	size_t seen = 0;
	uint64_t id;

	while (more &&
	       (g = id_index_from(&e->groups_in_order, from, &id)) != NULL) {
		if (seen == max)
			return id;
		from = id + 1;
		if ((g->c.flags & GROUP_OWN) != 0)
			continue;
		seen++;
		status_see_group(e, g, &view);
		more = fn(arg, &view);
		arena_done(&e->scratch);
	}
	return 0;
}

bool
engine_find_group(struct engine *e, uint64_t id, engine_see_group_fn *fn,
		  void *arg)
{
	const struct alert_group *g = group_find_id(e, id);
	struct group_view view;

	if (g == NULL || (g->c.flags & GROUP_OWN) != 0)
		return false;
	status_see_group(e, g, &view);
	(void)fn(arg, &view);
	arena_done(&e->scratch);
	return true;
}

/* --- figures ------------------------------------------------------------------- */

static void
status_mute(const struct engine *e, struct engine_status *ret)
{
	if (!engine_is_muted(e, engine_now(e)))
		return;
	ret->muted_until_ms = e->mute.ended ? 0 : e->mute.until_ms;
	ret->muted_since_ms = e->mute.since_ms;
	snprintf(ret->muted_reason, sizeof(ret->muted_reason), "%s",
		 e->mute.reason);
	snprintf(ret->muted_by, sizeof(ret->muted_by), "%s", e->mute.who);
}

/* An address that a notice could not reach. */
struct failing {
	UT_hash_handle hh;   /* by the pointer, since it is a name */
	const char *address; /* a name */
	uint8_t channel;
	int64_t failed_ms,
		told_ms; /* when what it took last, or not, was sent */
};

static void
failing_note(struct failing **all, struct notice *n, struct arena *arena)
{
	bool failed = (n->c.flags & NOTICE_FAILED) != 0;
	struct failing *f;

	HASH_FIND_PTR(*all, &n->address, f);
	if (f == NULL && failed) {
		f = arena_alloc(arena, sizeof(*f));
		*f = (struct failing){.address = n->address,
				      .channel = n->channel};
		HASH_ADD_PTR(*all, address, f);
	}
	if (f != NULL && failed && n->c.published_ms > f->failed_ms)
		f->failed_ms = n->c.published_ms;
	if (f != NULL && n->c.told_ms > f->told_ms)
		f->told_ms = n->c.told_ms;
}

/* Addresses of which the last that was sent failed, in whatever group, but for
 * those that are suspended. */
static uint64_t
status_failed(struct engine *e)
{
	struct failing *all = NULL, *f, *after;
	struct alert_group *g, *next;
	struct arena arena;
	uint64_t many = 0;

	if (e->nfailed == 0)
		return 0;
	arena_init(&arena);
	for (int pass = 0; pass < 2; pass++) /* who failed, then who took */
		HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++)
		failing_note(&all, g->notices[i], &arena);
	HASH_ITER(hh, all, f, after)
	many += f->failed_ms >= f->told_ms &&
		!suspend_knows(e, (enum channel)f->channel, f->address);
	HASH_CLEAR(hh, all);
	arena_done(&arena);
	return many;
}

void
engine_status(struct engine *e, struct engine_status *ret)
{
	*ret = (struct engine_status){
		.loaded = e->loaded,
		.groups = HASH_CNT(by_id, e->groups),
		.acked = e->nacked,
		.flapping = e->nflapping,
		.suppressed = e->nsuppressed,
		.notices_out = e->nout,
		.failed = status_failed(e),
		.suspended = suspend_count(e),
		.clock_doubt = e->clock_doubt,
		.awake_since_ms = e->awake_since_ms,
	};
	memcpy(ret->incidents, e->count, sizeof(ret->incidents));
	for (size_t i = 0; i < e->nsilences; i++)
		ret->silences +=
			silence_state_at(&e->silences[i]->s, engine_now(e)) !=
			SILENCE_EXPIRED;
	status_mute(e, ret);
}
