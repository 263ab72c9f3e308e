#include "queue/draft.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/publish.h"

#define DRAFT_PIECE     ((size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
#define DRAFT_LOOSE_MS  (60 * 60 * 1000)
#define DRAFT_FIRST     8192 /* bytes: most messages are smaller */
#define DRAFT_IN_FLIGHT 2    /* pieces; then the writer must wait */

/*
 *	OPEN --commit--> COMMITTING --outcome--> freed
 *	OPEN --abandon--> ABANDONED --nothing under way--> freed
 */
enum draft_state { DRAFT_OPEN, DRAFT_COMMITTING, DRAFT_ABANDONED };

struct draft {
	struct queue *q;
	struct loop *loop;
	uint64_t handle;
	draft_ready_fn *ready;
	draft_commit_fn *committed;
	enum draft_state state;
	enum store_need need;
	uint64_t id;
	size_t max_bytes, size;
	int error;
	char *data; /* owned: the piece that is being filled */
	size_t len, cap;
	size_t content_at; /* where the caller's content begins */
	uint32_t reserved; /* pages for what comes in front at the end */
	struct buf prefix; /* ... which is this */
	char *head;        /* owned: the first piece, which waits for it */
	uint32_t pages;    /* given to the writer, or kept for the head */
	bool spilled;      /* some were given */
	unsigned in_flight;
	bool wants_ready;
	EVP_MD_CTX *digest;      /* of what is no longer in memory */
	struct publish *publish; /* while COMMITTING */
	int result;
	struct store_job job;
};

struct piece {
	struct draft *draft;
	char *data; /* owned */
	size_t len;
	uint32_t first; /* page */
	bool begins;    /* nothing was written before */
	int64_t due_ms;
	struct store_job job;
};

int
draft_open(struct queue *q, size_t max_bytes, enum store_need need,
	   struct loop *loop, uint64_t handle, draft_ready_fn *ready,
	   struct draft **ret_draft)
{
	struct draft *d;

	if (!store_has_room(q->store, need))
		return -ENOSPC;
	d = xcalloc(1, sizeof(*d));
	d->q = q;
	d->loop = loop;
	d->handle = handle;
	d->ready = ready;
	d->need = need;
	d->id = store_new_id(q->store);
	d->max_bytes = max_bytes;
	*ret_draft = d;
	return 0;
}

uint64_t
draft_id(const struct draft *d)
{
	return d->id;
}

void
draft_reserve(struct draft *d, size_t max_bytes)
{
	must(d->size == 0);
	d->reserved =
		(uint32_t)((max_bytes + STORE_PAGE_MAX - 1) / STORE_PAGE_MAX);
	buf_init(&d->prefix, d->reserved * (size_t)STORE_PAGE_MAX);
}

int
draft_prefix(struct draft *d, const void *data, size_t len)
{
	must(d->reserved > 0 && d->prefix.len == 0);
	if (d->error == 0 && (len > d->max_bytes - d->size ||
			      buf_append(&d->prefix, data, len) < 0))
		d->error = -EMSGSIZE;
	d->size += d->prefix.len;
	return d->error;
}

void
draft_begin_content(struct draft *d)
{
	must(d->pages == 0);
	d->content_at = d->size;
}

static void
draft_free(struct draft *d)
{
	publish_free(&d->publish);
	EVP_MD_CTX_free(d->digest);
	buf_done(&d->prefix);
	free(d->head);
	free(d->data);
	free(d);
}

/* --- what does not stay in memory ---------------------------------------- */

static int
piece_put(struct store_txn *txn, void *arg)
{
	struct piece *pc = arg;
	struct draft *d = pc->draft;
	struct store_key key = key_blob(d->id);
	struct store_rec rec;
	uint32_t n = pc->first;
	size_t at = 0, len;
	int r;

	if (!store_txn_has_room(txn, d->need))
		return -ENOSPC;
	/* It must still be there: nothing was cleared away as forgotten. */
	r = store_get(txn, &key, &rec);
	if (r < 0 && r != -ENOENT)
		return r;
	if ((r == -ENOENT) != pc->begins || (r == 0 && rec.pages != pc->first))
		return -ESTALE;
	for (; at < pc->len; at += len) {
		len = pc->len - at > STORE_PAGE_MAX ? STORE_PAGE_MAX
						    : pc->len - at;
		r = store_page_put(txn, d->id, n++, pc->data + at, len);
		if (r < 0)
			return r;
	}
	return blob_put_loose(txn, d->id, n, pc->due_ms);
}

static void draft_abandon_written(struct draft *d);
static void draft_publish(struct draft *d);

static void
piece_done(void *arg, int result)
{
	struct piece *pc = arg;
	struct draft *d = pc->draft;
	void *object;

	free(pc->data);
	free(pc);
	d->in_flight--;
	if (result < 0 && d->error == 0)
		d->error = result;
	if (d->state == DRAFT_ABANDONED && d->in_flight == 0) {
		draft_abandon_written(d);
		return;
	}
	if (d->state == DRAFT_COMMITTING && d->in_flight == 0) {
		draft_publish(d);
		return;
	}
	if (d->state != DRAFT_OPEN || !d->wants_ready)
		return;
	d->wants_ready = false;
	object = loop_handle_find(d->loop, d->handle);
	if (object != NULL && d->ready != NULL)
		d->ready(object);
}

static void
draft_hash(struct draft *d, size_t from)
{
	if (d->digest == NULL) {
		d->digest = EVP_MD_CTX_new();
		must(d->digest != NULL);
		must(EVP_DigestInit_ex(d->digest, EVP_sha256(), NULL) == 1);
	}
	must(EVP_DigestUpdate(d->digest, d->data + from, d->len - from) == 1);
}

/* The first piece stays, and leaves room for what comes in front of it. */
static void
draft_keep_head(struct draft *d)
{
	draft_hash(d, d->content_at);
	d->head = d->data;
	d->pages = d->reserved + STORE_BLOB_IN_PLACE;
	d->data = NULL;
	d->len = d->cap = 0;
}

/* The full piece goes to the writer. */
static void
draft_spill(struct draft *d)
{
	struct piece *pc;

	if (d->reserved > 0 && d->head == NULL) {
		draft_keep_head(d);
		return;
	}
	draft_hash(d, d->pages == 0 ? d->content_at : 0);
	pc = xcalloc(1, sizeof(*pc));
	pc->draft = d;
	pc->begins = !d->spilled;
	d->spilled = true;
	pc->data = d->data;
	pc->len = d->len;
	pc->first = d->pages;
	pc->due_ms = loop_wall_ms(d->loop) + DRAFT_LOOSE_MS;
	d->pages += STORE_BLOB_IN_PLACE;
	d->in_flight++;
	d->data = NULL;
	d->len = d->cap = 0;
	pc->job = (struct store_job){
		.fn = piece_put,
		.need = d->need,
		.done = piece_done,
		.arg = pc,
		.loop = d->loop,
		.bytes = pc->len,
	};
	queue_run(d->q, &pc->job);
}

static void
draft_room(struct draft *d, size_t more)
{
	size_t want = d->len + more;

	if (want <= d->cap)
		return;
	if (want < DRAFT_FIRST)
		want = DRAFT_FIRST;
	if (want < 2 * d->cap)
		want = 2 * d->cap;
	if (want > DRAFT_PIECE)
		want = DRAFT_PIECE;
	d->data = xrealloc(d->data, want);
	d->cap = want;
}

int
draft_write(struct draft *d, const void *data, size_t len)
{
	const char *from = data;

	if (d->error == 0 && len > d->max_bytes - d->size)
		d->error = -EMSGSIZE;
	if (d->error < 0)
		return d->error;
	d->size += len;
	while (len > 0) {
		size_t part = DRAFT_PIECE - d->len;

		/* The last full piece stays: it may travel with the publish. */
		if (part == 0) {
			draft_spill(d);
			continue;
		}
		if (part > len)
			part = len;
		draft_room(d, part);
		memcpy(d->data + d->len, from, part);
		d->len += part;
		from += part;
		len -= part;
	}
	d->wants_ready = d->in_flight >= DRAFT_IN_FLIGHT;
	return d->wants_ready ? 1 : 0;
}

/* --- the end ------------------------------------------------------------- */

static int
abandon_put(struct store_txn *txn, void *arg)
{
	struct draft *d = arg;
	struct store_key key = key_blob(d->id);
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return blob_put_loose(txn, d->id, rec.pages,
			      clock_wall_ms(d->q->clock));
}

static void
abandon_done(void *arg, int result)
{
	(void)result; /* else it is due within the hour */
	draft_free(arg);
}

/* Nothing is under way: what was written is due now. */
static void
draft_abandon_written(struct draft *d)
{
	d->state = DRAFT_ABANDONED;
	if (!d->spilled) {
		draft_free(d);
		return;
	}
	d->job = (struct store_job){
		.fn = abandon_put,
		.need = STORE_NEED_RESULT,
		.done = abandon_done,
		.arg = d,
		.loop = d->loop,
		.bytes = 256,
	};
	queue_run(d->q, &d->job);
}

void
draft_abandon(struct draft **dp)
{
	struct draft *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	d->state = DRAFT_ABANDONED;
	if (d->in_flight == 0)
		draft_abandon_written(d);
}

static void
digest_add(EVP_MD_CTX *ctx, const char *text)
{
	must(EVP_DigestUpdate(ctx, text, strlen(text) + 1) == 1);
}

/* Content and envelope: the same key with others of either is refused. */
static void
draft_take_key(struct draft *d, struct publish *p, const struct envelope *env)
{
	unsigned len = sizeof(p->digest);

	p->has_key = true;
	p->key_kept = env->key_kept;
	p->key = key_caller(env->key);
	draft_hash(d, d->pages == 0 ? d->content_at : 0);
	digest_add(d->digest, env->sender);
	for (size_t i = 0; i < env->nrcpt; i++)
		digest_add(d->digest, env->rcpt[i].address);
	must(EVP_DigestFinal_ex(d->digest, p->digest, &len) == 1);
}

/* All that is in memory, where nothing is written yet, becomes one. */
static void
draft_join(struct draft *d)
{
	size_t head = d->head != NULL ? DRAFT_PIECE : 0;
	size_t len = d->prefix.len + head + d->len;
	char *all;

	if (d->spilled || d->prefix.len + head == 0)
		return;
	all = xmalloc(len);
	memcpy(all, buf_str(&d->prefix), d->prefix.len);
	if (head > 0)
		memcpy(all + d->prefix.len, d->head, head);
	if (d->len > 0)
		memcpy(all + d->prefix.len + head, d->data, d->len);
	free(d->data);
	free(d->head);
	buf_done(&d->prefix);
	d->data = all;
	d->head = NULL;
	d->len = d->cap = len;
	d->pages = 0;
}

/* The records are made here, on the loop: the writer only puts them. */
static struct publish *
draft_prepare(struct draft *d, const struct envelope *env)
{
	struct publish *p =
		publish_new(d->q, d->id, d->need, loop_wall_ms(d->loop));

	p->error = d->error;
	publish_compose(p, env, (int64_t)d->size);
	if (env->key != NULL)
		draft_take_key(d, p, env);
	draft_join(d);
	p->loose = d->pages;
	if (d->head != NULL) {
		p->prefix = d->prefix;
		p->head = d->head;
		p->head_len = DRAFT_PIECE;
		p->head_pages = d->reserved + STORE_BLOB_IN_PLACE;
		buf_init(&d->prefix, 0);
		d->head = NULL;
	}
	p->data = d->data;
	p->data_len = d->len;
	p->data_cap = d->cap;
	d->data = NULL;
	return p;
}

static int
commit_put(struct store_txn *txn, void *arg)
{
	struct draft *d = arg;

	return publish_in(txn, d->publish);
}

static void
commit_after(void *arg, int result)
{
	struct draft *d = arg;

	if (result == 0)
		publish_committed(d->publish);
}

static void
commit_done(void *arg, int result)
{
	struct draft *d = arg;
	uint64_t id = result == 1 ? d->publish->found : d->id;
	void *object = loop_handle_find(d->loop, d->handle);

	if (object != NULL)
		d->committed(object, result, id);
	if (result == 0)
		draft_free(d);
	else
		draft_abandon_written(d);
}

static void
draft_publish(struct draft *d)
{
	if (d->error < 0)
		d->publish->error = d->error;
	d->job = (struct store_job){
		.fn = commit_put,
		.need = d->need,
		.after = commit_after,
		.done = commit_done,
		.arg = d,
		.loop = d->loop,
		.bytes = publish_bytes(d->publish),
	};
	queue_run(d->q, &d->job);
}

void
draft_commit(struct draft **dp, const struct envelope *env, draft_commit_fn *fn)
{
	struct draft *d = *dp;

	*dp = NULL;
	d->state = DRAFT_COMMITTING;
	d->committed = fn;
	d->publish = draft_prepare(d, env);
	if (d->in_flight == 0)
		draft_publish(d);
}

struct publish *
publish_prepare(struct draft **dp, const struct envelope *env)
{
	struct draft *d = *dp;
	struct publish *p;

	if (d->spilled && d->error == 0)
		d->error = -EMSGSIZE;
	p = draft_prepare(d, env);
	/* There may be many at once, and each is kept for its first attempt. */
	if (p->data_len > 0 && p->data_len < p->data_cap) {
		p->data = xrealloc(p->data, p->data_len);
		p->data_cap = p->data_len;
	}
	draft_abandon(dp);
	return p;
}
