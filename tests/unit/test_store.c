#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/store.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* --- one record ------------------------------------------------------------ */

static int
put_one(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', 7);
	struct store_rec *rec = arg;

	return store_put(txn, &key, rec);
}

static int
get_one(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', 7);
	struct store_rec *rec = arg;

	return store_get(txn, &key, rec);
}

static int
del_one(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', 7);

	(void)arg;
	return store_del(txn, &key);
}

struct waiting {
	struct store_place from, place;
	size_t prefix;
	struct store_key key;
};

static int
next_waiting(struct store_txn *txn, void *arg)
{
	struct waiting *w = arg;

	return store_next_waiting(txn, &w->from, NULL, w->prefix, &w->place,
				  &w->key);
}

static void
test_record(void **state)
{
	struct store_place due = store_place_time(STORE_CLASS_OTHER, 'm', 1000);
	struct store_rec rec = {
		.place = due, .blob = 9, .pages = 2, .value = "abc", .len = 3};
	struct waiting w = {
		.from = store_place_time(STORE_CLASS_OTHER, 'm', 0),
		.prefix = 3,
	};
	struct store_rec got;
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	assert_int_equal(store_kit_run(kit.store, get_one, &got), -ENOENT);
	assert_int_equal(store_kit_run(kit.store, put_one, &rec), 0);
	assert_int_equal(store_kit_run(kit.store, get_one, &got), 0);
	assert_true(got.version == rec.version && got.version > 0);
	assert_int_equal(got.blob, 9);
	assert_int_equal(got.pages, 2);
	assert_int_equal(got.len, 3);
	assert_true(store_place_equal(&got.place, &due));
	assert_int_equal(store_kit_run(kit.store, next_waiting, &w), 1);
	assert_true(store_place_equal(&w.place, &due));
	assert_int_equal(store_kit_key_number(&w.key), 7);

	store_kit_close(&kit);
	store_kit_open(&kit);
	assert_int_equal(store_kit_run(kit.store, get_one, &got), 0);
	assert_true(got.version == rec.version);
	assert_int_equal(store_kit_run(kit.store, del_one, NULL), 0);
	assert_int_equal(store_kit_run(kit.store, del_one, NULL), -ENOENT);
	assert_int_equal(store_kit_run(kit.store, get_one, &got), -ENOENT);
	assert_int_equal(store_kit_run(kit.store, next_waiting, &w), 0);
	store_kit_done(&kit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
