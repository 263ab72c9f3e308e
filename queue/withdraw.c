/*
 * withdraw - taking back a message that is not out.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

/* The caller's job has no AFTER of ours, and may run again or fail: one more
 * job looks whether the message is gone and then changes what is in memory. */
struct withdraw {
	struct queue *q;
	uint64_t id;
	bool gone;
	struct effects effects;
	struct store_job job;
	UT_hash_handle hh;
};

static int
withdraw_job(struct store_txn *txn, void *arg)
{
	struct withdraw *w = arg;
	struct store_key key = key_message(w->id, 0);
	struct store_rec rec;

	w->gone = store_get(txn, &key, &rec) == -ENOENT;
	return 0;
}

static void
withdraw_after(void *arg, int result)
{
	struct withdraw *w = arg;

	HASH_DEL(w->q->withdraws, w);
	if (result == 0 && w->gone)
		effects_apply(w->q, &w->effects);
	effects_done(&w->effects);
	free(w);
}

static struct withdraw *
withdraw_enter(struct queue *q, uint64_t id)
{
	struct withdraw *w;

	HASH_FIND(hh, q->withdraws, &id, sizeof(id), w);
	if (w != NULL) {
		effects_clear(&w->effects);
		return w;
	}
	w = xcalloc(1, sizeof(*w));
	w->q = q;
	w->id = id;
	effects_init(&w->effects);
	HASH_ADD(hh, q->withdraws, id, sizeof(w->id), w);
	w->job = (struct store_job){
		.fn = withdraw_job,
		.after = withdraw_after,
		.arg = w,
	};
	queue_run(q, &w->job);
	return w;
}

bool
publish_is_out_in(struct store_txn *txn, struct queue *q, uint64_t id)
{
	struct store_rec rec;
	struct arena arena;
	struct message m;
	bool tells;

	if (out_find(q, id) != NULL)
		return true;
	arena_init(&arena);
	tells = queue_get_message(txn, id, &arena, &m, &rec) == 0 &&
		m.teller != 'm' && m.tell_ms > 0;
	arena_done(&arena);
	return tells;
}

bool
publish_is_gone_in(struct store_txn *txn, uint64_t id)
{
	struct store_key key = key_message(id, 0);
	struct store_rec rec;

	return store_get(txn, &key, &rec) == -ENOENT;
}

int
publish_withdraw_in(struct store_txn *txn, struct queue *q, uint64_t id)
{
	struct withdraw *w;

	if (publish_is_out_in(txn, q, id))
		return -EBUSY;
	if (publish_is_gone_in(txn, id))
		return -ENOENT;
	w = withdraw_enter(q, id);
	return message_del_all(q, txn, id, &w->effects,
			       clock_wall_ms(q->clock));
}
