#include "deliver/endpoint.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/must.h"
#include "base/xalloc.h"

struct endpoints {
	atomic_uint refs;
	struct arena arena;
	size_t n;
	struct endpoint *v; /* of the arena; by name */
};

static int
endpoint_compare(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static const char *
endpoint_dup(struct arena *a, const char *s)
{
	return s != NULL ? arena_strdup(a, s) : NULL;
}

static const struct endpoint_codes *
endpoint_dup_codes(struct arena *a, const struct endpoint_codes *v, size_t n)
{
	struct endpoint_codes *copy = arena_alloc(a, (n + 1) * sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = v[i];
	return copy;
}

static const char *const *
endpoint_dup_argv(struct arena *a, const char *const *argv)
{
	const char **copy;
	size_t n = 0;

	while (argv != NULL && argv[n] != NULL)
		n++;
	copy = arena_alloc(a, (n + 1) * sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = arena_strdup(a, argv[i]);
	return copy;
}

static void
endpoint_copy(struct arena *a, const struct endpoint *from, struct endpoint *to)
{
	struct endpoint_header *headers =
		arena_alloc(a, (from->nheaders + 1) * sizeof(*headers));

	*to = *from;
	to->name = arena_strdup(a, from->name);
	to->method = endpoint_dup(a, from->method);
	to->url = endpoint_dup(a, from->url);
	to->sign = endpoint_dup(a, from->sign);
	to->insert = endpoint_dup(a, from->insert);
	to->ca_file = endpoint_dup(a, from->ca_file);
	for (size_t i = 0; i < from->nheaders; i++) {
		headers[i].name = arena_strdup(a, from->headers[i].name);
		headers[i].value = arena_strdup(a, from->headers[i].value);
	}
	to->headers = headers;
	to->done = endpoint_dup_codes(a, from->done, from->ndone);
	to->dead = endpoint_dup_codes(a, from->dead, from->ndead);
	to->argv = endpoint_dup_argv(a, from->argv);
}

struct endpoints *
endpoints_new(const struct endpoint *v, size_t n)
{
	struct endpoints *e = xcalloc(1, sizeof(*e));

	atomic_init(&e->refs, 1);
	arena_init(&e->arena);
	e->n = n;
	e->v = arena_alloc(&e->arena, (n + 1) * sizeof(*e->v));
	for (size_t i = 0; i < n; i++)
		endpoint_copy(&e->arena, &v[i], &e->v[i]);
	qsort(e->v, n, sizeof(*e->v), endpoint_compare);
	for (size_t i = 1; i < n; i++)
		must(strcmp(e->v[i - 1].name, e->v[i].name) != 0);
	return e;
}

struct endpoints *
endpoints_ref(struct endpoints *e)
{
	atomic_fetch_add(&e->refs, 1);
	return e;
}

void
endpoints_unref(struct endpoints **ep)
{
	struct endpoints *e = *ep;

	*ep = NULL;
	if (e == NULL || atomic_fetch_sub(&e->refs, 1) > 1)
		return;
	arena_wipe(&e->arena);
	free(e);
}

const struct endpoint *
endpoints_find(const struct endpoints *e, const char *name)
{
	const struct endpoint key = {.name = name};

	return bsearch(&key, e->v, e->n, sizeof(*e->v), endpoint_compare);
}
