/*
 * engine_status - the engine at a glance, and its groups.
 */
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"

/* Of so many incidents it is looked whether they are kept quiet: more would hold
 * up the loop. */
#define STATUS_LOOK 20000

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

void
engine_each_group(struct engine *e, engine_see_group_fn *fn, void *arg)
{
	struct alert_group *g, *next;
	struct group_view view;
	bool more = true;

	HASH_ITER(by_id, e->groups, g, next)
	{
		if (!more || (g->c.flags & GROUP_OWN) != 0)
			continue;
		status_see_group(e, g, &view);
		more = fn(arg, &view);
		arena_done(&e->scratch);
	}
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

static bool
status_is_quiet(struct engine *e, const struct incident *in)
{
	struct incident_text text;
	enum quiet quiet;

	if (e->rules == NULL || in->c.state == INCIDENT_RESOLVED)
		return false;
	incident_get_text(in, &e->scratch, &text);
	quiet = engine_quiet(e, in, &text.labels, NULL, engine_now(e));
	arena_done(&e->scratch);
	return quiet != QUIET_NOT;
}

static void
status_incidents(struct engine *e, struct engine_status *ret)
{
	struct incident *in, *next;
	size_t n = 0;

	HASH_ITER(by_id, e->incidents, in, next)
	{
		ret->acked += in->c.acked_ms != 0;
		ret->flapping += (in->c.flags & INCIDENT_FLAPPING) != 0;
		ret->suppressed += n++ < STATUS_LOOK && status_is_quiet(e, in);
	}
}

static void
status_notices(const struct engine *e, struct engine_status *ret)
{
	struct alert_group *g, *next;

	HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++) {
		const struct notice_core *c = &g->notices[i]->c;

		ret->notices_out += c->message != 0;
		ret->failed += (c->flags & NOTICE_FAILED) != 0;
	}
	ret->suspended = suspend_count(e);
}

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
		.clock_doubt = e->clock_doubt,
		.awake_since_ms = e->awake_since_ms,
	};
	memcpy(ret->incidents, e->count, sizeof(ret->incidents));
	for (size_t i = 0; i < e->nsilences; i++)
		ret->silences +=
			silence_state_at(&e->silences[i]->s, engine_now(e)) !=
			SILENCE_EXPIRED;
	status_incidents(e, ret);
	status_notices(e, ret);
	status_mute(e, ret);
}
