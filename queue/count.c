#include "queue/count.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define COUNT_MINUTE_MS  60000
#define COUNT_DESTS_KEPT 10000 /* empty ones are forgotten above this */

void
count_list_init(struct count_list *l)
{
	l->n = 0;
	l->cap = COUNT_INLINE;
	l->v = l->first;
}

void
count_list_done(struct count_list *l)
{
	if (l->v != l->first)
		free(l->v);
	count_list_init(l);
}

void
count_list_clear(struct count_list *l)
{
	l->n = 0;
}

static struct count_change *
count_list_add(struct count_list *l)
{
	struct count_change *more;

	if (l->n == l->cap) {
		more = xreallocarray(NULL, 4 * l->cap, sizeof(*more));
		memcpy(more, l->v, l->n * sizeof(*more));
		if (l->v != l->first)
			free(l->v);
		l->v = more;
		l->cap *= 4;
	}
	return &l->v[l->n++];
}

void
count_note_message(struct count_list *l, uint64_t id, enum queue_class class,
		   int64_t arrival_ms, bool came)
{
	*count_list_add(l) = (struct count_change){
		.id = id,
		.arrival_ms = arrival_ms,
		.class = (uint8_t) class,
		.from = came ? COUNT_NONE : 0,
		.to = came ? 0 : COUNT_NONE,
	};
}

void
count_note_rcpt(struct count_list *l, uint64_t id, const struct rcpt *r,
		int from, int to)
{
	if (from == to)
		return;
	*count_list_add(l) = (struct count_change){
		.id = id,
		.dest = r->dest,
		.arrival_ms = r->arrival_ms,
		.agent = r->agent,
		.name = r->dest_name,
		.class = (uint8_t)r->class,
		.from = (int8_t)from,
		.to = (int8_t)to,
	};
}

void
count_init(struct count *c)
{
	memset(c, 0, sizeof(*c));
	c->counting = true;
	for (int i = 0; i < QUEUE_NCLASS; i++)
		c->minutes[i] = xcalloc(COUNT_MINUTES, sizeof(*c->minutes[i]));
}

static void
count_dest_free(struct count *c, struct count_dest *d)
{
	HASH_DEL(c->dests, d);
	free(d->agent);
	free(d);
}

void
count_done(struct count *c)
{
	struct count_dest *d, *next;

	HASH_ITER(hh, c->dests, d, next)
	count_dest_free(c, d);
	for (int i = 0; i < QUEUE_NCLASS; i++)
		free(c->minutes[i]);
	memset(c, 0, sizeof(*c));
}

static struct count_dest *
count_dest_new(struct count *c, const struct count_change *ch)
{
	struct count_dest *d = xcalloc(1, sizeof(*d));

	d->key = ch->dest;
	d->agent = key_dup_names(ch->agent, ch->name, &d->name);
	HASH_ADD(hh, c->dests, key, sizeof(d->key), d);
	return d;
}

static bool
count_waits(int state)
{
	return state == QUEUE_RCPT_READY || state == QUEUE_RCPT_DEFERRED;
}

static void
count_at_dest(struct count *c, const struct count_change *ch)
{
	int delta = count_waits(ch->to) - count_waits(ch->from);
	struct count_dest *d;

	if (delta == 0)
		return;
	HASH_FIND(hh, c->dests, &ch->dest, sizeof(ch->dest), d);
	if (d == NULL && delta > 0)
		d = count_dest_new(c, ch);
	if (d == NULL)
		return;
	if (delta > 0)
		d->waiting++;
	else if (d->waiting > 0)
		d->waiting--;
	if (d->waiting == 0 && HASH_COUNT(c->dests) > COUNT_DESTS_KEPT)
		count_dest_free(c, d);
}

static void
count_message(struct count *c, const struct count_change *ch)
{
	int64_t minute = ch->arrival_ms / COUNT_MINUTE_MS;
	uint8_t k = ch->class;
	bool came = ch->to != COUNT_NONE;
	struct count_minute *slot;
	uint32_t ms;

	if (minute < 0)
		minute = 0;
	slot = &c->minutes[k][minute % COUNT_MINUTES];

	c->messages += came ? 1 : (uint64_t)-1;
	if (c->in_ring[k] == 0)
		c->first_minute[k] = minute;
	if (minute < c->first_minute[k] &&
	    c->first_minute[k] - minute < COUNT_MINUTES / 2 && came)
		c->first_minute[k] = minute;
	if (minute < c->first_minute[k]) {
		/* Older than the ring reaches: held for more than a week. */
		if (came &&
		    (c->ancient[k] == 0 || ch->arrival_ms < c->ancient_ms[k]))
			c->ancient_ms[k] = ch->arrival_ms;
		if (came || c->ancient[k] > 0)
			c->ancient[k] += came ? 1 : (uint64_t)-1;
		return;
	}
	if (!came && slot->n == 0)
		return;
	ms = ch->arrival_ms > 0 ? (uint32_t)(ch->arrival_ms % COUNT_MINUTE_MS)
				: 0;
	if (came && (slot->n == 0 || ms < slot->first_ms))
		slot->first_ms = ms;
	slot->n += came ? 1 : (uint32_t)-1;
	c->in_ring[k] += came ? 1 : (uint64_t)-1;
}

static void
count_change_apply(struct count *c, const struct count_change *ch)
{
	if (ch->dest == 0) {
		count_message(c, ch);
		return;
	}
	if (ch->from != COUNT_NONE)
		c->deliveries[ch->from][ch->class]--;
	if (ch->to != COUNT_NONE)
		c->deliveries[ch->to][ch->class]++;
	count_at_dest(c, ch);
}

void
count_apply(struct count *c, const struct count_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!c->counting || l->v[i].id < c->cursor)
			count_change_apply(c, &l->v[i]);
}

void
count_add(struct count *c, const struct count_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		count_change_apply(c, &l->v[i]);
}

int64_t
count_oldest(struct count *c, enum queue_class class)
{
	int64_t m = c->first_minute[class];

	if (c->ancient[class] > 0)
		return c->ancient_ms[class];
	if (c->in_ring[class] == 0)
		return 0;
	for (int i = 0; i < COUNT_MINUTES; i++, m++)
		if (c->minutes[class][m % COUNT_MINUTES].n > 0)
			break;
	c->first_minute[class] = m;
	return m * COUNT_MINUTE_MS +
	       c->minutes[class][m % COUNT_MINUTES].first_ms;
}
