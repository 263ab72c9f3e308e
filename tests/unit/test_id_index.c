/*
 * Against a plain table of what is there: additions at the end and between,
 * removals, and what comes next after every id.
 */
#include "alert/id_index.h"

#include "tests/unit/test.h"

#define IDS 500

struct model {
	struct id_index index;
	char there[IDS];
};

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
check(struct model *m)
{
	for (uint64_t from = 0; from <= IDS; from++) {
		uint64_t want = from, got = 0;
		void *at = id_index_from(&m->index, from, &got);

		while (want < IDS && !m->there[want])
			want++;
		if (want == IDS) {
			assert_null(at);
			continue;
		}
		assert_ptr_equal(at, &m->there[want]);
		assert_int_equal(got, want);
	}
}

static void
flip(struct model *m, uint64_t id)
{
	if (m->there[id])
		id_index_remove(&m->index, id);
	else
		id_index_add(&m->index, id, &m->there[id]);
	m->there[id] = !m->there[id];
}

static void
test_random(void **state)
{
	struct model m = {.there = {0}};
	uint32_t seed = 7;

	(void)state;
	check(&m);
	for (int i = 0; i < 3000; i++) {
		flip(&m, next_random(&seed) % IDS);
		if (i % 50 == 0)
			check(&m);
	}
	check(&m);
	id_index_done(&m.index);
}

/* All come and all go, the oldest first: holes are not kept. */
static void
test_all(void **state)
{
	struct model m = {.there = {0}};

	(void)state;
	for (uint64_t id = 0; id < IDS; id++)
		flip(&m, id);
	check(&m);
	for (uint64_t id = 0; id < IDS; id++) {
		flip(&m, id);
		assert_true(m.index.n <= 2 * (IDS - id) + 64);
	}
	check(&m);
	flip(&m, IDS - 1);
	check(&m);
	id_index_done(&m.index);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
