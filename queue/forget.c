/* Keys of callers that will not come again. */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

struct forget {
	struct queue *q;
	struct store_key key;
	struct store_job job;
};

static int
forget_job(struct store_txn *txn, void *arg)
{
	struct forget *f = arg;
	struct queue *q = f->q;
	struct store_rec rec;
	int r = store_get(txn, &f->key, &rec);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	buf_clear(&q->scratch);
	if (buf_append(&q->scratch, rec.value, rec.len) < 0)
		return -EMSGSIZE;
	rec.value = q->scratch.data;
	rec.place = store_place_time(STORE_CLASS_OTHER, 'k',
				     clock_wall_ms(q->clock) + QUEUE_KEY_MS);
	return store_put(txn, &f->key, &rec);
}

static void
forget_done(void *arg, int result)
{
	(void)result; /* else it is forgotten in a month */
	free(arg);
}

void
queue_forget_key(struct queue *q, const char *key, struct loop *loop)
{
	struct forget *f = xcalloc(1, sizeof(*f));

	f->q = q;
	f->key = key_caller(key);
	f->job = (struct store_job){
		.fn = forget_job,
		.need = STORE_NEED_RESULT,
		.done = forget_done,
		.arg = f,
		.loop = loop,
		.bytes = 256,
	};
	queue_run(q, &f->job);
}
