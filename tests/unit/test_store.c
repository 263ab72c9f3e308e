#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/store.h"
#include "tests/unit/store_check.h"
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

/* --- many records against a model -------------------------------------------- */

#define MODEL_KEYS  40
#define MODEL_STEPS 2000

struct model {
	bool there[MODEL_KEYS];
	struct store_place place[MODEL_KEYS];
	uint64_t version[MODEL_KEYS];
	uint64_t seed;
	int step;
};

static struct store_place
model_place(uint64_t r)
{
	switch (r % 3) {
	case 0:
		return store_place_none();
	case 1:
		return store_place_time(r / 3 % 2 ? STORE_CLASS_ALERT
						  : STORE_CLASS_OTHER,
					'm', (int64_t)(r / 6 % 50));
	default:
		return store_place_ready(r / 3 % 4, 1, (uint32_t)(r / 12 % 5));
	}
}

/* One random step, on the store and on the model. */
static int
model_step(struct store_txn *txn, void *arg)
{
	struct model *m = arg;
	uint64_t r = store_kit_random(&m->seed);
	size_t i = r % MODEL_KEYS;
	struct store_key key = store_kit_key('m', i);
	struct store_rec rec = {.value = &r, .len = sizeof(r)};
	int result;

	r = store_kit_random(&m->seed);
	if (r % 4 == 0) {
		result = store_del(txn, &key);
		assert_int_equal(result, m->there[i] ? 0 : -ENOENT);
		m->there[i] = false;
		return 0;
	}
	result = store_get(txn, &key, &rec);
	assert_int_equal(result, m->there[i] ? 0 : -ENOENT);
	if (m->there[i])
		assert_true(rec.version == m->version[i]);
	rec.place = model_place(r / 4); /* the value may be the store's own */
	assert_int_equal(store_put(txn, &key, &rec), 0);
	assert_true(rec.version > m->version[i]);
	m->version[i] = rec.version;
	m->place[i] = rec.place;
	m->there[i] = true;
	return 0;
}

/* Every record of the model is there, in order, and no other. */
static int
model_compare(struct store_txn *txn, void *arg)
{
	struct store_key key = {.kind = 'm'}, found;
	const struct model *m = arg;
	struct store_rec rec;

	for (size_t i = 0; i < MODEL_KEYS; i++) {
		if (!m->there[i])
			continue;
		assert_int_equal(store_next(txn, &key, &found, &rec), 1);
		assert_int_equal(store_kit_key_number(&found), i);
		assert_true(store_place_equal(&rec.place, &m->place[i]));
		assert_true(rec.version == m->version[i]);
		key = store_kit_key('m', i + 1);
	}
	assert_int_equal(store_next(txn, &key, &found, &rec), 0);
	return 0;
}

/* What waits under "R", against the model's number; in order. */
static int
model_waiting(struct store_txn *txn, void *arg)
{
	struct store_place at = store_place_ready(0, 0, 0), place;
	struct store_key key = {.kind = 0}, found;
	const struct model *m = arg;
	size_t want = 0, n = 0;

	for (size_t i = 0; i < MODEL_KEYS; i++)
		want += m->there[i] && m->place[i].len > 0 &&
			m->place[i].bytes[0] == 'R';
	while (store_next_waiting(txn, &at, &key, 1, &place, &found) == 1) {
		size_t i = store_kit_key_number(&found);

		assert_true(m->there[i]);
		assert_true(store_place_equal(&place, &m->place[i]));
		at = place;
		key = found;
		key.bytes[key.len++] = 0; /* the least key behind it */
		n++;
	}
	assert_int_equal(n, want);
	return 0;
}

static void
test_model(void **state)
{
	struct store_kit kit;
	struct model m = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		store_kit_init(&kit);
		m = (struct model){.seed = seed};
		for (m.step = 0; m.step < MODEL_STEPS; m.step++) {
			store_kit_run(kit.store, model_step, &m);
			if (m.step % 500 != 499)
				continue;
			store_kit_run(kit.store, model_compare, &m);
			store_kit_run(kit.store, model_waiting, &m);
			store_kit_close(&kit);
			store_kit_check_whole(&kit);
			store_kit_open(&kit);
		}
		store_kit_done(&kit);
	}
}

/* --- hints ----------------------------------------------------------------- */

static int
hint_kept(struct store_txn *txn, void *arg)
{
	struct store_place here = store_place_ready(1, 2, 3);
	struct store_place other = store_place_ready(1, 2, 4);
	struct store_key key = store_kit_key('m', 1);
	struct store_rec rec = {.place = here};

	(void)arg;
	assert_int_equal(store_put(txn, &key, &rec), 0);
	assert_int_equal(store_drop_hint(txn, &here, &key), -EBUSY);
	assert_int_equal(store_drop_hint(txn, &other, &key), -ENOENT);
	return 0;
}

static void
test_hint(void **state)
{
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	assert_int_equal(store_kit_run(kit.store, hint_kept, NULL), 0);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	store_kit_done(&kit);
}

/* --- damage ---------------------------------------------------------------- */

static int
put_with_pages(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', 7);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_OTHER, 'm', 5),
		.blob = 7,
		.pages = 3,
		.value = "0123456789",
		.len = 10,
	};
	char page[STORE_PAGE_MAX];

	(void)arg;
	for (uint32_t n = 0; n < 3; n++) {
		memset(page, 'a' + (int)n, sizeof(page));
		assert_int_equal(store_page_put(txn, 7, n, page, sizeof(page)),
				 0);
	}
	return store_put(txn, &key, &rec);
}

static int
get_page_one(struct store_txn *txn, void *arg)
{
	char page[STORE_PAGE_MAX];
	size_t len;
	int r;

	(void)arg;
	r = store_page_get(txn, 7, 1, page, &len);
	if (r == 0)
		assert_true(len == sizeof(page) && page[99] == 'b');
	return r;
}

static int
del_pages(struct store_txn *txn, void *arg)
{
	(void)arg;
	for (uint32_t n = 0; n < 3; n++)
		assert_int_equal(store_page_del(txn, 7, n), 0);
	return store_page_del(txn, 7, 3);
}

static int
next_one(struct store_txn *txn, void *arg)
{
	struct store_key key = {.kind = 'm'}, *found = arg;
	struct store_rec rec;

	return store_next(txn, &key, found, &rec);
}

static void
test_damage(void **state)
{
	struct store_key key = store_kit_key('m', 7), found = {0};
	struct store_check check;
	struct store_rec rec;
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	assert_int_equal(store_kit_run(kit.store, put_with_pages, NULL), 0);
	assert_int_equal(store_kit_run(kit.store, get_page_one, NULL), 0);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);

	for (int64_t at = -8; at < 30; at += 3) {
		assert_int_equal(store_check_flip_rec(kit.dir, &key, at), 0);
		assert_int_equal(store_check_flip_page(kit.dir, 7, 1, at), 0);
		store_kit_open(&kit);
		assert_int_equal(store_kit_run(kit.store, get_one, &rec),
				 -EBADMSG);
		assert_int_equal(store_kit_run(kit.store, next_one, &found),
				 -EBADMSG);
		assert_int_equal(store_kit_key_number(&found), 7);
		assert_int_equal(store_kit_run(kit.store, get_page_one, NULL),
				 -EBADMSG);
		store_kit_close(&kit);
		assert_int_equal(store_check(kit.dir, &check), 0);
		assert_true(check.faults >= 2);
		assert_int_equal(store_check_flip_rec(kit.dir, &key, at), 0);
		assert_int_equal(store_check_flip_page(kit.dir, 7, 1, at), 0);
	}
	store_kit_check_whole(&kit);

	/* Damaged records can be written over and deleted. */
	assert_int_equal(store_check_flip_rec(kit.dir, &key, 0), 0);
	store_kit_open(&kit);
	assert_int_equal(store_kit_run(kit.store, put_with_pages, NULL), 0);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	assert_int_equal(store_check_flip_rec(kit.dir, &key, -1), 0);
	store_kit_open(&kit);
	assert_int_equal(store_kit_run(kit.store, del_one, NULL), 0);
	assert_int_equal(store_kit_run(kit.store, del_pages, NULL), -ENOENT);
	store_kit_close(&kit);
	store_kit_open(&kit);
	assert_int_equal(store_kit_run(kit.store, get_page_one, NULL), 0);
	store_kit_done(&kit);
}

/* --- ids and versions -------------------------------------------------------- */

static void *
take_ids(void *arg)
{
	struct store_kit *kit = arg;
	uint64_t last = 0;

	for (int i = 0; i < 50000; i++) {
		uint64_t id = store_new_id(kit->store);

		assert_true(id > last);
		last = id;
	}
	return NULL;
}

static void
test_ids(void **state)
{
	uint64_t id, last = 0, version = 0;
	struct store_rec rec = {.len = 0};
	struct store_kit kit;
	pthread_t thread[3];

	(void)state;
	store_kit_init(&kit);
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 3; i++)
			pthread_create(&thread[i], NULL, take_ids, &kit);
		for (int i = 0; i < 3; i++)
			pthread_join(thread[i], NULL);
		id = store_new_id(kit.store);
		assert_true(id >= last + 150000);
		last = id;
		assert_int_equal(store_kit_run(kit.store, put_one, &rec), 0);
		assert_true(rec.version > version);
		version = rec.version;
		/* Back by a day, on by a day, and a year that nobody saw. */
		clock_jump(kit.clock, round % 2 ? 86400000 : -86400000);
		if (round == 3)
			clock_advance(kit.clock, INT64_C(31536000000));
		store_kit_close(&kit);
		store_kit_open(&kit);
		assert_true(store_new_id(kit.store) > last);
	}
	store_kit_done(&kit);
}

/* --- who may open, and what -------------------------------------------------- */

static void
test_second_opener(void **state)
{
	struct store *second = NULL;
	struct store_kit kit;
	char *why = NULL, pid[24];

	(void)state;
	store_kit_init(&kit);
	assert_int_equal(store_open(&kit.conf, &second, &why), -EBUSY);
	assert_null(second);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	assert_non_null(strstr(why, pid));
	free(why);
	store_kit_close(&kit);
	store_kit_open(&kit);
	store_kit_done(&kit);
}

static void
test_directory(void **state)
{
	struct store_kit kit;
	char deep[96], *why = NULL;
	struct stat st;

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	store_kit_remove(kit.dir);
	store_kit_open(&kit); /* made anew */
	assert_int_equal(stat(kit.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	store_kit_close(&kit);
	snprintf(deep, sizeof(deep), "%s/a/b", kit.dir);
	kit.conf.dir = deep;
	assert_int_equal(store_open(&kit.conf, &kit.store, &why), -ENOENT);
	assert_non_null(strstr(why, deep));
	free(why);
	store_kit_done(&kit);
}

static char *
read_file(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_non_null(data);
	*ret_len = (size_t)st.st_size;
	assert_true(read(fd, data, *ret_len) == st.st_size);
	close(fd);
	return data;
}

static void
test_unknown_schema(void **state)
{
	static const struct store_key schema = {
		.kind = '0', .len = 6, .bytes = "schema"};
	char path[96], *before, *after, *why = NULL;
	size_t before_len, after_len;
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	assert_int_equal(store_check_put_rec(kit.dir, &schema, "\0\0\0\143", 4),
			 0);
	snprintf(path, sizeof(path), "%s/data.mdb", kit.dir);
	before = read_file(path, &before_len);
	assert_int_equal(store_open(&kit.conf, &kit.store, &why),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(why, "schema 99"));
	free(why);
	after = read_file(path, &after_len);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, before_len);
	free(before);
	free(after);
	store_kit_done(&kit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_hint),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_second_opener),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_unknown_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
