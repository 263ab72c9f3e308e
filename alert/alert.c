#include "alert/alert.h"

#include <string.h>

void
alert_batch_init(struct alert_batch *b)
{
	*b = (struct alert_batch){.n = 0};
	arena_init(&b->arena);
}

void
alert_batch_done(struct alert_batch *b)
{
	if (b != NULL)
		arena_done(&b->arena);
}

struct alert *
alert_batch_add(struct alert_batch *b)
{
	struct alert *a;

	if (b->n == ALERT_BATCH_MAX)
		return NULL;
	if (b->n == b->room) {
		size_t room = b->room == 0 ? 16 : b->room * 2;

		a = arena_alloc(&b->arena, room * sizeof(*a));
		if (b->n > 0)
			memcpy(a, b->v, b->n * sizeof(*a));
		b->v = a;
		b->room = room;
	}
	a = &b->v[b->n++];
	a->url = "";
	return a;
}

void
alert_trim(struct alert *a, struct arena *arena)
{
	if (a->url == NULL || strlen(a->url) > ALERT_URL_MAX)
		a->url = "";
	labels_cut_values(&a->annotations, ALERT_ANNOTATIONS_MAX, arena);
}
