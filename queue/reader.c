/*
 * reader - the content, in pieces of at most 64 KiB, through the disk pool.
 *
 * That of a small message that was just published is still in memory.
 * Every page's checksum is looked at before its bytes leave, and the sum of all
 * is the message's size, or the message is damaged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"

#define READER_AGAIN_MS 20

void
reader_init(struct reader *r, struct queue *q, struct loop *loop, uint64_t blob,
	    uint32_t pages, int64_t size)
{
	memset(r, 0, sizeof(*r));
	r->q = q;
	r->loop = loop;
	r->blob = blob;
	r->pages = pages;
	r->size = size;
}

void
reader_done(struct reader *r)
{
	must(!r->busy);
	if (r->has_timer)
		loop_timer_done(&r->again);
	r->has_timer = false;
	body_unref(&r->body);
	free(r->buf);
	r->buf = NULL;
}

/* In the disk pool. */
static int
reader_read(struct store_txn *txn, void *arg)
{
	struct reader *r = arg;
	uint32_t end = r->at + STORE_BLOB_IN_PLACE;
	size_t len, have = 0;
	int e;

	if (end > r->pages)
		end = r->pages;
	for (uint32_t n = r->at; n < end; n++) {
		e = store_page_get(txn, r->blob, n, r->buf + have, &len);
		if (e < 0)
			return e == -ENOENT ? -EBADMSG : e;
		have += len;
	}
	r->result = (ssize_t)have;
	return 0;
}

static void
reader_answer(void *arg, int result)
{
	struct reader *r = arg;
	attempt_read_fn *fn = r->fn;

	r->busy = false;
	if (result == 0) {
		r->at += STORE_BLOB_IN_PLACE;
		r->given += r->result;
		if (r->given > r->size ||
		    (r->at >= r->pages && r->given != r->size))
			result = -EBADMSG;
	}
	fn(r->arg, r->buf, result < 0 ? result : r->result);
}

static void reader_submit(void *arg);

static void
reader_try_again(struct reader *r)
{
	if (!r->has_timer) {
		loop_timer_init(&r->again, r->loop, reader_submit, r);
		r->has_timer = true;
	}
	loop_timer_set(&r->again, READER_AGAIN_MS);
}

static void
reader_submit(void *arg)
{
	struct reader *r = arg;
	int e;

	r->job = (struct store_job){
		.fn = reader_read,
		.done = reader_answer,
		.arg = r,
		.loop = r->loop,
	};
	e = queue_read(r->q, &r->job);
	if (e == -EAGAIN)
		reader_try_again(r);
	else if (e < 0)
		reader_answer(r, e);
}

/* At the end of the turn: the caller may count on being called back. */
static void
reader_give_body(void *arg)
{
	struct reader *r = arg;

	r->busy = false;
	r->at = r->pages;
	r->given = (int64_t)r->body->len;
	r->fn(r->arg, r->body->data, (ssize_t)r->body->len);
}

void
reader_next(struct reader *r, attempt_read_fn *fn, void *arg)
{
	uint32_t most =
		r->pages < STORE_BLOB_IN_PLACE ? r->pages : STORE_BLOB_IN_PLACE;

	must(!r->busy);
	if (r->at >= r->pages) {
		fn(arg, "", r->given == r->size ? 0 : -EBADMSG);
		return;
	}
	r->fn = fn;
	r->arg = arg;
	r->busy = true;
	if (r->body != NULL) {
		loop_defer(r->loop, &r->post, reader_give_body, r);
		return;
	}
	if (r->buf == NULL)
		r->buf = xmalloc((size_t)most * STORE_PAGE_MAX);
	reader_submit(r);
}
