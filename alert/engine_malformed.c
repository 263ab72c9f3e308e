/*
 * engine_malformed - what could not be understood is kept for people to look
 * at: a ring of records, each with its body in pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

#define MALFORMED_FORMAT 1
#define MALFORMED_WHY    512
#define MALFORMED_WAIT   32 /* at once; what is more is not kept */

struct malformed {
	struct work work;
	char *source, *why; /* owned */
	uint8_t *body;      /* owned */
	size_t len, size;
};

static struct store_key
malformed_key(uint8_t at)
{
	return (struct store_key){.kind = 'a', .len = 2, .bytes = {'M', at}};
}

static void
malformed_encode(const struct malformed *m, int64_t now, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, MALFORMED_FORMAT);
	pack_u64(&p, (uint64_t)now);
	pack_u64(&p, m->size);
	pack_str(&p, m->source);
	pack_str(&p, m->why);
	must(!p.bad);
}

/* The oldest place: its blob goes with it. */
static int
malformed_prepare(struct engine *e, struct work *w)
{
	struct malformed *m = (struct malformed *)w;
	struct malformed_place *at;
	struct put *p;

	if (!e->loaded)
		return -EAGAIN;
	at = &e->malformed[e->next_malformed];
	p = job_put(e, malformed_key((uint8_t)e->next_malformed));
	e->next_malformed = (e->next_malformed + 1) % ENGINE_MALFORMED_MAX;
	if (at->blob == 0)
		at->blob = store_new_id(e->store);
	p->any = true;
	p->ret_pages = &at->pages;
	malformed_encode(m, engine_now(e), &e->job.bytes);
	put_seal(e, p);
	put_text(p, at->blob, m->body, m->len, at->pages);
	return 0;
}

static void
malformed_done(struct engine *e, struct work *w, int result)
{
	struct malformed *m = (struct malformed *)w;

	(void)result;
	e->nmalformed_waiting--;
	free(m->source);
	free(m->why);
	free(m->body);
	free(m);
}

void
engine_keep_malformed(struct engine *e, const char *source, const char *why,
		      const void *body, size_t len)
{
	struct malformed *m;

	if (e->nmalformed_waiting >= MALFORMED_WAIT)
		return;
	e->nmalformed_waiting++;
	m = xcalloc(1, sizeof(*m));
	m->source = xstrndup(source, MALFORMED_WHY);
	m->why = xstrndup(why, MALFORMED_WHY);
	m->size = len;
	m->len = len < ENGINE_BODY_MAX ? len : ENGINE_BODY_MAX;
	m->body = xmemdup(body, m->len);
	m->work.prepare = malformed_prepare;
	m->work.done = malformed_done;
	m->work.need = STORE_NEED_ALERT;
	m->work.bytes = m->len + 1024;
	engine_submit(e, &m->work);
}

/* One that is there at start: the ring goes on behind the newest. */
void
malformed_load(struct engine *e, uint8_t at, uint64_t blob, uint32_t pages,
	       const void *value, size_t len)
{
	struct unpack u;
	int64_t when;

	unpack_init(&u, value, len);
	if (at >= ENGINE_MALFORMED_MAX || unpack_u8(&u) != MALFORMED_FORMAT)
		return;
	when = (int64_t)unpack_u64(&u);
	e->malformed[at].blob = blob;
	e->malformed[at].pages = pages;
	if (when < e->newest_malformed_ms)
		return;
	e->newest_malformed_ms = when;
	e->next_malformed = (at + 1u) % ENGINE_MALFORMED_MAX;
}

/* --- looking ------------------------------------------------------------------ */

struct malformed_list {
	struct store_job job;
	struct arena arena;
	struct malformed_view *v;
	size_t n;
	engine_malformed_fn *fn;
	void *arg;
};

static int
malformed_read_body(struct store_txn *txn, const struct store_rec *rec,
		    struct arena *arena, struct malformed_view *v)
{
	uint8_t *body =
		arena_alloc(arena, (size_t)rec->pages * STORE_PAGE_MAX + 1);

	v->body = body;
	for (uint32_t n = 0; n < rec->pages; n++) {
		size_t len;
		int r = store_page_get(txn, rec->blob, n, body + v->len, &len);

		if (r < 0)
			return r;
		v->len += len;
	}
	return 0;
}

static int
malformed_read(struct store_txn *txn, void *arg)
{
	struct malformed_list *l = arg;

	l->v = arena_alloc(&l->arena, ENGINE_MALFORMED_MAX * sizeof(l->v[0]));
	for (unsigned at = 0; at < ENGINE_MALFORMED_MAX; at++) {
		struct store_key key = malformed_key((uint8_t)at);
		struct malformed_view *v = &l->v[l->n];
		struct store_rec rec;
		struct unpack u;

		if (store_get(txn, &key, &rec) < 0)
			continue;
		unpack_init(&u, rec.value, rec.len);
		if (unpack_u8(&u) != MALFORMED_FORMAT)
			continue;
		v->number = at + 1;
		v->when_ms = (int64_t)unpack_u64(&u);
		v->size = unpack_u64(&u);
		v->source = unpack_str(&u, &l->arena);
		v->why = unpack_str(&u, &l->arena);
		v->len = 0;
		if (unpack_end(&u) &&
		    malformed_read_body(txn, &rec, &l->arena, v) == 0)
			l->n++;
	}
	return 0;
}

static int
malformed_order(const void *a, const void *b)
{
	const struct malformed_view *x = a, *y = b;

	if (x->when_ms == y->when_ms)
		return x->number > y->number ? -1 : x->number < y->number;
	return x->when_ms > y->when_ms ? -1 : 1;
}

static void
malformed_did(void *arg, int result)
{
	struct malformed_list *l = arg;

	qsort(l->v, l->n, sizeof(l->v[0]), malformed_order);
	l->fn(l->arg, result, l->n, l->v);
	arena_done(&l->arena);
	free(l);
}

void
engine_each_malformed(struct engine *e, engine_malformed_fn *fn, void *arg)
{
	struct malformed_list *l = xcalloc(1, sizeof(*l));

	arena_init(&l->arena);
	l->fn = fn;
	l->arg = arg;
	l->job = (struct store_job){
		.fn = malformed_read,
		.done = malformed_did,
		.arg = l,
		.loop = e->deps.loop,
	};
	if (store_read(e->store, &l->job) < 0) {
		fn(arg, -EAGAIN, 0, NULL);
		free(l);
	}
}
