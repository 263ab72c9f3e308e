#include "queue/effect.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

void
effects_init(struct effects *e)
{
	arena_init(&e->arena);
	count_list_init(&e->counts);
	e->n = 0;
	e->cap = EFFECTS_INLINE;
	e->v = e->first;
}

void
effects_done(struct effects *e)
{
	arena_done(&e->arena);
	count_list_done(&e->counts);
	if (e->v != e->first)
		free(e->v);
	e->v = e->first;
	e->n = 0;
	e->cap = EFFECTS_INLINE;
}

void
effects_clear(struct effects *e)
{
	arena_done(&e->arena);
	count_list_clear(&e->counts);
	e->n = 0;
}

static struct effect *
effect_add(struct effects *e, enum effect_kind kind, uint64_t id)
{
	struct effect *more;

	if (e->n == e->cap) {
		more = xreallocarray(NULL, 4 * e->cap, sizeof(*more));
		memcpy(more, e->v, e->n * sizeof(*more));
		if (e->v != e->first)
			free(e->v);
		e->v = more;
		e->cap *= 4;
	}
	more = &e->v[e->n++];
	*more = (struct effect){.kind = kind, .id = id};
	return more;
}

void
effect_wake(struct effects *e, uint64_t id, const struct rcpt *r)
{
	struct effect *x = effect_add(e, EFFECT_WAKE, id);

	x->dest = r->dest;
	x->lane = rcpt_lane(r);
	x->flow = r->flow;
	x->agent = arena_strdup(&e->arena, r->agent);
	x->name = arena_strdup(&e->arena, r->dest_name);
}

void
effect_tell(struct effects *e, uint64_t id)
{
	effect_add(e, EFFECT_TELL, id);
}

void
effect_gone(struct effects *e, uint64_t id, bool delivered)
{
	effect_add(e, EFFECT_GONE, id)->delivered = delivered;
}

void
effect_fate(struct effects *e, uint64_t id, bool delivered)
{
	effect_add(e, EFFECT_FATE, id)->delivered = delivered;
}

void
effect_expired(struct effects *e, uint64_t id, const struct rcpt *r)
{
	struct rcpt *copy = arena_alloc(&e->arena, sizeof(*copy));

	*copy = *r;
	copy->reply_dsn = arena_strdup(&e->arena, r->reply_dsn);
	copy->reply_text = arena_strdup(&e->arena, r->reply_text);
	copy->relay = arena_strdup(&e->arena, r->relay);
	copy->address = arena_strdup(&e->arena, r->address);
	copy->original = arena_strdup(&e->arena, r->original);
	copy->agent = arena_strdup(&e->arena, r->agent);
	effect_add(e, EFFECT_EXPIRED, id)->rcpt = copy;
}

void
effect_corrupt(struct effects *e, uint8_t record, uint64_t id, uint32_t n)
{
	struct effect *x = effect_add(e, EFFECT_CORRUPT, id);

	x->record = record;
	x->n = n;
}

void
effect_probe(struct effects *e, uint64_t dest, const char *agent,
	     const char *name)
{
	struct effect *x = effect_add(e, EFFECT_PROBE, 0);

	x->dest = dest;
	x->agent = arena_strdup(&e->arena, agent);
	x->name = arena_strdup(&e->arena, name);
}

void
effect_resume(struct effects *e)
{
	effect_add(e, EFFECT_RESUME, 0);
}

static void
effect_do_wake(struct queue *q, const struct effect *x)
{
	struct dest *d = dest_enter(&q->dests, x->dest, x->agent, x->name);

	if (d != NULL)
		dest_wake(&q->dests, d, x->lane, x->flow, x->id);
}

static void
effect_do_probe(struct queue *q, const struct effect *x)
{
	struct dest *d = dest_enter(&q->dests, x->dest, x->agent, x->name);

	if (d == NULL)
		return;
	/* Its record says what it says: look again. */
	d->loaded = d->probing;
	d->hurrying = false;
	d->lanes = LANES_ALL;
	dest_wake(&q->dests, d, 0, 0, UINT64_MAX);
}

static void
effect_do_expired(struct queue *q, const struct effect *x)
{
	const struct queue_agent *agent = queue_find_agent(q, x->rcpt->agent);
	struct reply reply;

	rcpt_get_reply(x->rcpt, &reply);
	log_deliver(q->log, x->id, agent != NULL && agent->secret, x->rcpt,
		    x->rcpt->relay, NULL, "expired", &reply, x->rcpt->tries,
		    clock_wall_ms(q->clock));
	if (!x->rcpt->copy)
		watch_note(q, x->id, &reply);
	if (q->metric.deliveries != NULL)
		metric_add(metric_cell(q->metric.deliveries, x->rcpt->agent,
				       "expired", NULL),
			   1);
}

static void
effect_do_corrupt(struct queue *q, const struct effect *x)
{
	char id[QUEUE_ID_LEN], kind[2] = {(char)x->record, '\0'};

	queue_id_text(x->id, id);
	log_event(q->log, LOG_ERROR, "corrupt", LOG_STR("id", id),
		  LOG_INT("n", x->n), LOG_STR("record", kind),
		  LOG_STR("reason", "a stored value is damaged; set aside"));
	if (q->metric.corrupt != NULL)
		metric_add(q->metric.corrupt, 1);
}

static void
effect_do(struct queue *q, const struct effect *x)
{
	switch (x->kind) {
	case EFFECT_WAKE:
		effect_do_wake(q, x);
		return;
	case EFFECT_TELL:
		tell_start(q, x->id);
		return;
	case EFFECT_GONE:
		body_forget(&q->bodies, x->id);
		watch_gone(q, x->id, x->delivered);
		return;
	case EFFECT_FATE:
		watch_gone(q, x->id, x->delivered);
		return;
	case EFFECT_EXPIRED:
		effect_do_expired(q, x);
		return;
	case EFFECT_CORRUPT:
		effect_do_corrupt(q, x);
		return;
	case EFFECT_PROBE:
		effect_do_probe(q, x);
		return;
	case EFFECT_RESUME:
		pause_over(q);
		return;
	}
}

void
effects_apply(struct queue *q, struct effects *e)
{
	count_apply(&q->count, &e->counts);
	for (size_t i = 0; i < e->n; i++)
		effect_do(q, &e->v[i]);
	if (e->n > 0)
		queue_poke(q);
}
