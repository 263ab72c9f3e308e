#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/run_sort.h"

static size_t ncompared;

static int
compare(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	ncompared++;
	return (*x > *y) - (*x < *y);
}

static const struct {
	const char *name;
	size_t n;
	unsigned mask; /* few values; or in order */
} rows[] = {
	{"none", 0, 0},
	{"one", 1, ~0u},
	{"a piece", RUN_SORT_PIECE, ~0u},
	{"and one more", RUN_SORT_PIECE + 1, ~0u},
	{"two pieces", 2 * RUN_SORT_PIECE, ~0u},
	{"three", 3 * RUN_SORT_PIECE, ~0u},
	{"five, and some", 5 * RUN_SORT_PIECE + 17, ~0u},
	{"few values", 7 * RUN_SORT_PIECE - 1, 3},
	{"all the same", 4 * RUN_SORT_PIECE + 1, 0},
};

static void
test_rows(void **state)
{
	(void)state;
	srandom(7);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = rows[i].n, steps = 0;
		unsigned *v = calloc(n + 1, sizeof(*v));
		unsigned *w = calloc(n + 1, sizeof(*w));
		struct run_sort s;
		bool done;

		assert_true(v != NULL && w != NULL);
		for (size_t k = 0; k < n; k++)
			v[k] = w[k] = (unsigned)random() & rows[i].mask;
		v[n] = w[n] = 42; /* not its own */
		qsort(w, n, sizeof(*w), compare);
		run_sort_init(&s, v, n, sizeof(*v), compare);
		do {
			size_t bound = n < RUN_SORT_PIECE ? 14 * n : n;

			ncompared = 0;
			done = run_sort_step(&s);
			if (bound < RUN_SORT_PIECE * 14)
				bound = RUN_SORT_PIECE * 14;
			if (ncompared > bound || ++steps > 100)
				fail_msg("%s: %zu", rows[i].name, ncompared);
		} while (!done);
		run_sort_done(&s);
		if (memcmp(v, w, (n + 1) * sizeof(*v)) != 0)
			fail_msg("%s", rows[i].name);
		free(v);
		free(w);
	}
}

static void
test_nothing(void **state)
{
	struct run_sort s = {0};

	(void)state;
	run_sort_done(&s);
	assert_null(s.spare);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
