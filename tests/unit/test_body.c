#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/body.h"
#include "tests/unit/test.h"

#define PART ((size_t)1 << 20)
#define MANY                                                                   \
	(BODY_TABLE_BYTES /                                                    \
	 PART) /* one more than fit: each has a head        \
				   */

static void
keep(struct body_table *t, int64_t now, uint64_t id)
{
	char *data = xcalloc(1, PART);

	data[0] = (char)id;
	body_keep(t, now, id, data, PART, PART);
}

static bool
has(struct body_table *t, uint64_t id)
{
	struct body *b = body_ref(t, id);
	bool found = b != NULL;

	if (found)
		assert_int_equal(b->data[0], (char)id);
	body_unref(&b);
	return found;
}

static void
test_first_stays(void **state)
{
	struct body_table t;

	(void)state;
	body_table_init(&t);
	for (uint64_t id = 1; id <= MANY; id++)
		keep(&t, 1000, id);
	assert_true(has(&t, 1));
	assert_true(has(&t, MANY - 1));
	assert_false(has(&t, MANY)); /* there was no room for it */
	assert_true(t.bytes <= BODY_TABLE_BYTES);
	body_forget(&t, 1);
	keep(&t, 1000, MANY + 1);
	assert_true(has(&t, MANY + 1));
	body_table_done(&t);
}

static void
test_old_goes(void **state)
{
	struct body_table t;

	(void)state;
	body_table_init(&t);
	for (uint64_t id = 1; id < MANY; id++)
		keep(&t, id == 1 ? 1000 : 1001, id);
	keep(&t, 1000 + BODY_KEEP_MS - 1, MANY);
	assert_false(has(&t, MANY));
	keep(&t, 1000 + BODY_KEEP_MS, MANY);
	assert_true(has(&t, MANY));
	assert_false(has(&t, 1));
	assert_true(has(&t, 2));
	body_table_done(&t);
}

/* Who reads one keeps it, also when the table lets go. */
static void
test_reference(void **state)
{
	struct body_table t;
	struct body *b;

	(void)state;
	body_table_init(&t);
	keep(&t, 0, 7);
	b = body_ref(&t, 7);
	body_table_done(&t);
	assert_int_equal(b->data[0], 7);
	body_unref(&b);
	assert_null(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_stays),
		cmocka_unit_test(test_old_goes),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
