/*
 * engine_say - Belfry's own alerts on their way in. What can't be taken now is
 * tried again, and only the last that was said of a key counts: whoever says it
 * says it once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"

struct own_word {
	UT_hash_handle hh; /* by the alert's key */
	struct engine *e;
	struct arena arena;
	struct alert alert; /* in ARENA */
	bool out;           /* it is being taken ... */
	bool newer;         /* ... and is not what is said now */
	int64_t again_mono_ms;
};

static void own_said(void *arg, int result);

static void
own_send(struct own_word *w)
{
	w->out = true;
	w->newer = false;
	engine_take(w->e, &w->alert, 1, own_said, w);
}

static void
own_drop(struct own_word *w)
{
	HASH_DEL(w->e->own_words, w);
	arena_done(&w->arena);
	free(w);
}

static void
own_said(void *arg, int result)
{
	struct own_word *w = arg;
	struct engine *e = w->e;

	w->out = false;
	/* It is too long, as it will be again. */
	if (result == -EMSGSIZE)
		result = 0;
	if (result == -ESHUTDOWN || (result == 0 && !w->newer))
		own_drop(w);
	else if (result == 0)
		own_send(w);
	else
		w->again_mono_ms =
			clock_mono_ms(e->deps.clock) + ENGINE_AGAIN_MS;
}

void
own_say(struct engine *e, const struct alert *a, struct arena *arena)
{
	size_t len = strlen(a->key);
	struct own_word *w;

	HASH_FIND(hh, e->own_words, a->key, len, w);
	if (w != NULL) {
		HASH_DEL(e->own_words, w);
		arena_done(&w->arena);
	} else {
		w = xcalloc(1, sizeof(*w));
		w->e = e;
	}
	w->arena = *arena;
	w->alert = *a;
	HASH_ADD_KEYPTR(hh, e->own_words, w->alert.key, len, w);
	w->newer = w->out;
	if (!w->out)
		own_send(w);
}

void
own_turn(struct engine *e)
{
	struct own_word *w, *next;

	HASH_ITER(hh, e->own_words, w, next)
	if (!w->out && w->again_mono_ms <= clock_mono_ms(e->deps.clock))
		own_send(w);
}

void
own_words_free(struct engine *e)
{
	struct own_word *w, *next;

	HASH_ITER(hh, e->own_words, w, next)
	own_drop(w);
}
