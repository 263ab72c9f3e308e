#include "queue/body.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

void
body_table_init(struct body_table *t)
{
	t->hash = NULL;
	t->bytes = 0;
	TAILQ_INIT(&t->list);
}

void
body_unref(struct body **bp)
{
	struct body *b = *bp;

	*bp = NULL;
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) > 1)
		return;
	free(b->data);
	free(b);
}

static void
body_drop(struct body_table *t, struct body *b)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): hashed */
	HASH_DEL(t->hash, b);
	TAILQ_REMOVE(&t->list, b, link);
	t->bytes -= b->cap;
	body_unref(&b);
}

void
body_table_done(struct body_table *t)
{
	struct body *b;

	while ((b = TAILQ_FIRST(&t->list)) != NULL)
		body_drop(t, b);
}

static struct body *
body_find(struct body_table *t, uint64_t id)
{
	struct body *b;

	HASH_FIND(hh, t->hash, &id, sizeof(id), b);
	return b;
}

/* Whether there is room for CAP bytes, once those that stayed too long are
 * gone. */
static bool
body_has_room(struct body_table *t, int64_t now_mono_ms, size_t cap)
{
	struct body *b;

	while (t->bytes + cap > BODY_TABLE_BYTES) {
		b = TAILQ_FIRST(&t->list);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		if (b == NULL || now_mono_ms - b->kept_mono_ms < BODY_KEEP_MS)
			return false;
		body_drop(t, b);
	}
	return true;
}

void
body_keep(struct body_table *t, int64_t now_mono_ms, uint64_t id, char *data,
	  size_t len, size_t cap)
{
	struct body *b;

	if (!body_has_room(t, now_mono_ms, cap + sizeof(*b))) {
		free(data);
		return;
	}
	b = xcalloc(1, sizeof(*b));
	b->id = id;
	b->kept_mono_ms = now_mono_ms;
	b->data = data;
	b->len = len;
	b->cap = cap + sizeof(*b);
	atomic_init(&b->refs, 1);
	HASH_ADD(hh, t->hash, id, sizeof(b->id), b);
	TAILQ_INSERT_TAIL(&t->list, b, link);
	t->bytes += b->cap;
}

struct body *
body_ref(struct body_table *t, uint64_t id)
{
	struct body *b = body_find(t, id);

	if (b != NULL)
		atomic_fetch_add(&b->refs, 1);
	return b;
}

void
body_forget(struct body_table *t, uint64_t id)
{
	struct body *b = body_find(t, id);

	if (b != NULL)
		body_drop(t, b);
}
