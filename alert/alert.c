#include "alert/alert.h"

#include <string.h>

#define CUT "..."

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

/* How long all values of L are when none is longer than MOST. */
static size_t
values_len(const struct labels *l, size_t most)
{
	size_t sum = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t len = strlen(l->v[i].value);

		sum += len < most ? len : most;
	}
	return sum;
}

/* The most that a value may be long so that all of them fit. */
static size_t
fitting_len(const struct labels *l)
{
	size_t low = ALERT_ANNOTATIONS_MAX / LABELS_MAX;
	size_t high = ALERT_ANNOTATIONS_MAX;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (values_len(l, mid) <= ALERT_ANNOTATIONS_MAX)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

/* At most MOST bytes of S, which is longer. */
static const char *
cut_value(const char *s, size_t most, struct arena *arena)
{
	size_t len = most - strlen(CUT);

	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return arena_printf(arena, "%.*s" CUT, (int)len, s);
}

void
alert_trim(struct alert *a, struct arena *arena)
{
	struct labels *l = &a->annotations;
	size_t most = fitting_len(l);
	struct label *v;

	if (a->url == NULL || strlen(a->url) > ALERT_URL_MAX)
		a->url = "";
	if (values_len(l, SIZE_MAX) <= ALERT_ANNOTATIONS_MAX)
		return;
	v = arena_alloc(arena, l->n * sizeof(*v));
	for (size_t i = 0; i < l->n; i++) {
		v[i] = l->v[i];
		if (strlen(v[i].value) > most)
			v[i].value = cut_value(v[i].value, most, arena);
	}
	l->v = v;
}
