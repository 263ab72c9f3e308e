/* run_sort - see run_sort.h. */
#include "base/run_sort.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void
run_sort_init(struct run_sort *s, void *v, size_t n, size_t size,
	      int (*compare)(const void *a, const void *b))
{
	*s = (struct run_sort){
		.v = v, .n = n, .size = size, .compare = compare};
}

void
run_sort_done(struct run_sort *s)
{
	free(s->spare);
	*s = (struct run_sort){.n = 0};
}

static size_t
rs_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
rs_make_piece(struct run_sort *s)
{
	qsort(s->v + s->at * s->size, rs_least(RUN_SORT_PIECE, s->n - s->at),
	      s->size, s->compare);
	s->at += RUN_SORT_PIECE;
	if (s->at < s->n)
		return;
	s->run = RUN_SORT_PIECE;
	s->at = 0;
}

/* The first piece goes aside; what is written never reaches what of the second
 * is still to be read. */
static void
rs_merge(struct run_sort *s)
{
	size_t first = s->run * s->size;
	size_t second = rs_least(s->run, s->n - s->at - s->run) * s->size;
	char *to = s->v + s->at * s->size, *b = to + first, *b_end = b + second;
	char *a, *a_end;

	if (s->spare == NULL)
		s->spare = xcalloc(s->n, s->size);
	a = s->spare;
	a_end = a + first;
	memcpy(a, to, first);
	while (a < a_end) {
		char **from = b < b_end && s->compare(b, a) < 0 ? &b : &a;

		memcpy(to, *from, s->size);
		*from += s->size;
		to += s->size;
	}
	s->at += 2 * s->run;
}

bool
run_sort_step(struct run_sort *s)
{
	if (s->n == 0)
		return true;
	if (s->run == 0)
		rs_make_piece(s);
	else if (s->run < s->n)
		rs_merge(s);
	if (s->run > 0 && s->run < s->n && s->at + s->run >= s->n) {
		s->run *= 2;
		s->at = 0;
	}
	return s->run >= s->n;
}
