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
		.failed = e->nfailed,
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
