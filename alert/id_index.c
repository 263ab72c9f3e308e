#include "alert/id_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

#define HOLES_FEW 64

void
id_index_done(struct id_index *x)
{
	free(x->v);
	*x = (struct id_index){.n = 0};
}

/* Where ID stands, or would. */
static size_t
index_place(const struct id_index *x, uint64_t id)
{
	size_t from = 0, to = x->n;

	if (x->n > 0 && x->v[x->n - 1].id < id)
		return x->n;
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (x->v[middle].id < id)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

void
id_index_add(struct id_index *x, uint64_t id, void *at)
{
	size_t i = index_place(x, id);

	if (i < x->n && x->v[i].id == id) {
		must(x->v[i].at == NULL);
		x->v[i].at = at;
		x->holes--;
		return;
	}
	if (x->n == x->cap) {
		x->cap = x->cap > 0 ? 2 * x->cap : 64;
		x->v = xreallocarray(x->v, x->cap, sizeof(x->v[0]));
	}
	memmove(x->v + i + 1, x->v + i, (x->n - i) * sizeof(x->v[0]));
	x->v[i] = (struct id_place){id, at};
	x->n++;
}

void
id_index_remove(struct id_index *x, uint64_t id)
{
	size_t i = index_place(x, id), n = 0;

	must(i < x->n && x->v[i].id == id && x->v[i].at != NULL);
	x->v[i].at = NULL;
	x->holes++;
	if (x->holes < HOLES_FEW || x->holes < x->n / 2)
		return;
	for (i = 0; i < x->n; i++)
		if (x->v[i].at != NULL)
			x->v[n++] = x->v[i];
	x->n = n;
	x->holes = 0;
}

void *
id_index_from(const struct id_index *x, uint64_t id, uint64_t *ret_id)
{
	for (size_t i = index_place(x, id); i < x->n; i++)
		if (x->v[i].at != NULL) {
			*ret_id = x->v[i].id;
			return x->v[i].at;
		}
	return NULL;
}
