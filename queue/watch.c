/*
 * watch - who waits for a message's fate.
 *
 * The fates of the last messages are remembered, so that one may also ask right
 * after the commit. Store thread, but for queue_watch().
 */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

static void
watch_tell(void *arg)
{
	struct watch *w = arg;
	void *object = loop_handle_find(w->loop, w->handle);

	if (object != NULL)
		w->fn(object, w->delivered, &w->last);
	free(w);
}

static void
watch_answer(struct watch *w, bool delivered)
{
	w->delivered = delivered;
	loop_post(w->loop, &w->post, watch_tell, w);
}

static struct watch *
watch_find(struct queue *q, uint64_t id)
{
	struct watch *w;

	HASH_FIND(hh, q->watches, &id, sizeof(id), w);
	return w;
}

static struct words *
words_find(struct queue *q, uint64_t id)
{
	for (size_t i = 0; i < QUEUE_WORDS; i++)
		if (q->words[i].id == id)
			return &q->words[i];
	return NULL;
}

/* A refusal may be faster than the one who asks for it. */
static void
words_keep(struct queue *q, uint64_t id, const struct reply *last)
{
	struct words *words = words_find(q, id);

	if (words == NULL) {
		words = &q->words[q->next_words];
		q->next_words = (q->next_words + 1) % QUEUE_WORDS;
	}
	words->id = id;
	reply_copy(&words->last, last);
}

void
watch_note(struct queue *q, uint64_t id, const struct reply *last)
{
	if (!reply_ok(last))
		words_keep(q, id, last);
	for (struct watch *w = watch_find(q, id); w != NULL; w = w->same)
		reply_copy(&w->last, last);
}

/* All who wait for what W waits for. */
static void
watch_answer_all(struct queue *q, struct watch *w, bool delivered)
{
	struct watch *next;

	if (w == NULL)
		return;
	HASH_DEL(q->watches, w);
	for (; w != NULL; w = next) {
		next = w->same;
		q->nwatches--;
		watch_answer(w, delivered);
	}
}

static const struct fate *
fate_find(const struct queue *q, uint64_t id)
{
	for (size_t i = 0; i < QUEUE_FATES; i++)
		if (q->fates[i].id == id)
			return &q->fates[i];
	return NULL;
}

void
watch_gone(struct queue *q, uint64_t id, bool delivered)
{
	/* It was known before its copies were gone. */
	if (fate_find(q, id) != NULL)
		return;
	q->fates[q->next_fate] = (struct fate){id, delivered};
	q->next_fate = (q->next_fate + 1) % QUEUE_FATES;
	watch_answer_all(q, watch_find(q, id), delivered);
}

/* Is it there still? */
static int
watch_job(struct store_txn *txn, void *arg)
{
	struct watch *w = arg;
	struct store_key key = key_message(w->id, 0);
	struct store_rec rec;

	w->there = store_get(txn, &key, &rec) != -ENOENT;
	return 0;
}

static void
watch_enter(struct queue *q, struct watch *w)
{
	struct watch *first;

	/* The one that waits longest goes: nobody leaves without an answer. */
	if (q->nwatches >= QUEUE_WATCHES)
		watch_answer_all(q, q->watches, false);
	q->nwatches++;
	first = watch_find(q, w->id);
	if (first != NULL) {
		w->same = first->same;
		first->same = w;
		return;
	}
	HASH_ADD(hh, q->watches, id, sizeof(w->id), w);
}

static void
watch_after(void *arg, int result)
{
	struct watch *w = arg;
	struct queue *q = w->q;
	const struct words *words = words_find(q, w->id);
	const struct fate *fate = fate_find(q, w->id);

	if (words != NULL)
		reply_copy(&w->last, &words->last);
	if (fate != NULL)
		watch_answer(w, fate->delivered);
	/* So long ago that nobody remembers how it ended. */
	else if (result == 0 && !w->there)
		watch_answer(w, false);
	else
		watch_enter(q, w);
}

void
queue_watch(struct queue *q, uint64_t id, struct loop *loop, uint64_t handle,
	    queue_fate_fn *fn)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->id = id;
	w->q = q;
	w->loop = loop;
	w->handle = handle;
	w->fn = fn;
	w->job = (struct store_job){
		.fn = watch_job,
		.need = STORE_NEED_RESULT,
		.after = watch_after,
		.arg = w,
	};
	queue_run(q, &w->job);
}

void
watch_done(struct queue *q)
{
	struct watch *w, *next, *same;

	HASH_ITER(hh, q->watches, w, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		HASH_DEL(q->watches, w);
		for (; w != NULL; w = same) {
			same = w->same;
			free(w);
		}
	}
}
