#include "deliver/slots.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/must.h"
#include "base/xalloc.h"

/* One per key, there while a place is out or somebody waits. */
struct slot {
	struct slots *slots; /* borrowed */
	int64_t used;
	atomic_uint nwaiting;
	STAILQ_HEAD(, slot_wait) line; /* owned */
	UT_hash_handle hh;
	char key[];
};

struct slot_wait {
	STAILQ_ENTRY(slot_wait) next;
	struct slot *slot;
	struct loop *loop; /* borrowed */
	int64_t max;
	slot_fn *fn;
	void *arg;
	struct post post;
	bool granted;   /* out of the line, on its way to the loop */
	bool cancelled; /* the loop's: the place goes back on arrival */
};

struct slots {
	pthread_mutex_t lock; /* keeps all below */
	struct slot *keys;
	void (*wanted)(void *ctx, const char *key);
	void *ctx;
};

struct slots *
slots_new(void (*wanted)(void *ctx, const char *key), void *ctx)
{
	struct slots *s = xcalloc(1, sizeof(*s));

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	s->wanted = wanted;
	s->ctx = ctx;
	return s;
}

void
slots_free(struct slots **sp)
{
	struct slots *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	must(!s->keys);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct slot *
slot_of(struct slots *s, const char *key)
{
	size_t len = strlen(key);
	struct slot *slot;

	HASH_FIND(hh, s->keys, key, len, slot);
	if (slot)
		return slot;
	slot = xcalloc(1, sizeof(*slot) + len + 1);
	slot->slots = s;
	atomic_init(&slot->nwaiting, 0);
	STAILQ_INIT(&slot->line);
	memcpy(slot->key, key, len + 1);
	HASH_ADD_KEYPTR(hh, s->keys, slot->key, len, slot);
	return slot;
}

/* A key that nobody uses any more is forgotten. */
static void
slot_drop(struct slot *slot)
{
	if (slot->used > 0 || !STAILQ_EMPTY(&slot->line))
		return;
	HASH_DEL(slot->slots->keys, slot);
	free(slot);
}

static struct slot_wait *
slot_queue(struct slot *slot, int64_t max, struct loop *loop, slot_fn *fn,
	   void *arg)
{
	struct slot_wait *w = xcalloc(1, sizeof(*w));

	w->slot = slot;
	w->loop = loop;
	w->max = max;
	w->fn = fn;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&slot->line, w, next);
	atomic_fetch_add(&slot->nwaiting, 1);
	return w;
}

struct slot *
slots_take(struct slots *s, const char *key, int64_t max, struct loop *loop,
	   slot_fn *fn, void *arg, struct slot_wait **ret_wait)
{
	struct slot *slot;

	pthread_mutex_lock(&s->lock);
	slot = slot_of(s, key);
	if (slot->used < max) {
		slot->used++;
		pthread_mutex_unlock(&s->lock);
		return slot;
	}
	*ret_wait = slot_queue(slot, max, loop, fn, arg);
	pthread_mutex_unlock(&s->lock);
	s->wanted(s->ctx, key);
	return NULL;
}

static void
slot_arrived(void *arg)
{
	struct slot_wait *w = arg;
	struct slot *slot = w->slot;

	if (w->cancelled)
		slots_give(&slot);
	else
		w->fn(w->arg, slot);
	free(w);
}

/* Who gets a place that comes back: the first in line that it is not above the
 * ceiling of; an alert's is higher than that of those before it. */
static struct slot_wait *
slot_next(const struct slot *slot)
{
	struct slot_wait *w;

	STAILQ_FOREACH (w, &slot->line, next)
		if (slot->used <= w->max)
			return w;
	return NULL;
}

void
slots_give(struct slot **slotp)
{
	struct slot *slot = *slotp;
	struct slots *s;
	struct slot_wait *w;

	*slotp = NULL;
	if (!slot)
		return;
	s = slot->slots;
	pthread_mutex_lock(&s->lock);
	w = slot_next(slot);
	if (w) { /* the place stays used, by another */
		STAILQ_REMOVE(&slot->line, w, slot_wait, next);
		atomic_fetch_sub(&slot->nwaiting, 1);
		w->granted = true;
		loop_post(w->loop, &w->post, slot_arrived, w);
	} else {
		slot->used--;
		slot_drop(slot);
	}
	pthread_mutex_unlock(&s->lock);
}

void
slots_cancel(struct slot_wait **wait)
{
	struct slot_wait *w = *wait;
	struct slots *s;

	*wait = NULL;
	if (!w)
		return;
	s = w->slot->slots;
	pthread_mutex_lock(&s->lock);
	if (w->granted) {
		w->cancelled = true;
		w = NULL; /* freed on arrival */
	} else {
		STAILQ_REMOVE(&w->slot->line, w, slot_wait, next);
		atomic_fetch_sub(&w->slot->nwaiting, 1);
		slot_drop(w->slot);
	}
	pthread_mutex_unlock(&s->lock);
	free(w);
}

bool
slots_wanted(const struct slot *slot)
{
	return slot && atomic_load(&slot->nwaiting) > 0;
}

const char *
slots_key(const struct slot *slot)
{
	return slot->key;
}
