/*
 * piece - the content for people, who ask for it piece by piece: no reader is
 * kept in between.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"

struct piece {
	uint64_t id;
	uint32_t page;
	queue_piece_fn *fn;
	void *fn_arg;
	char *data; /* owned */
	size_t len;
	bool cut; /* a damaged page follows */
	struct store_job job;
};

static int
piece_read(struct piece *x, struct store_txn *txn, const struct store_rec *rec)
{
	uint32_t end = rec->pages - x->page > QUEUE_PIECE_PAGES
			       ? x->page + QUEUE_PIECE_PAGES
			       : rec->pages;

	x->data = xmalloc((size_t)(end - x->page) * STORE_PAGE_MAX);
	for (uint32_t n = x->page; n < end; n++) {
		size_t len;
		int r = store_page_get(txn, rec->blob, n, x->data + x->len,
				       &len);

		x->cut = r < 0 && x->len > 0;
		if (x->cut)
			return 0;
		if (r < 0)
			return r == -ENOENT ? -EBADMSG : r;
		x->len += len;
	}
	return 0;
}

/* In the disk pool. */
static int
piece_job(struct store_txn *txn, void *arg)
{
	struct piece *x = arg;
	struct store_rec rec;
	struct message m;
	struct arena a;
	int r;

	arena_init(&a);
	r = queue_get_message(txn, x->id, &a, &m, &rec);
	arena_done(&a);
	if (r < 0 || x->page >= rec.pages)
		return r;
	return piece_read(x, txn, &rec);
}

static void
piece_done(void *arg, int result)
{
	struct piece *x = arg;

	x->fn(x->fn_arg, x->data, result < 0 ? result : (ssize_t)x->len,
	      x->cut);
	free(x->data);
	free(x);
}

int
queue_piece(struct queue *q, uint64_t id, uint32_t page, struct loop *loop,
	    queue_piece_fn *fn, void *arg)
{
	struct piece *x = xcalloc(1, sizeof(*x));
	int r;

	x->id = id;
	x->page = page;
	x->fn = fn;
	x->fn_arg = arg;
	x->job = (struct store_job){
		.fn = piece_job,
		.done = piece_done,
		.arg = x,
		.loop = loop,
	};
	r = queue_read(q, &x->job);
	if (r < 0)
		free(x);
	return r;
}
