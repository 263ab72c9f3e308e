#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "queue/store.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* --- batches ------------------------------------------------------------------ */

struct step {
	struct store_job job;
	struct store_gate *gate;
	uint64_t n;
	size_t pages;
	int refuse;       /* what FN answers; 0: it writes */
	bool write_first; /* and then refuses */
	int runs, order, result;
};

static int steps_order;

static int
step_fn(struct store_txn *txn, void *arg)
{
	struct step *st = arg;
	struct store_key key = store_kit_key('m', st->n);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_OTHER, 'm', 1),
		.blob = st->pages > 0 ? st->n : 0,
		.pages = (uint32_t)st->pages,
	};
	char page[STORE_PAGE_MAX] = "page";
	int r = 0;

	st->runs++;
	st->order = ++steps_order;
	if (st->refuse < 0 && !st->write_first)
		return st->refuse;
	for (uint32_t i = 0; i < st->pages && r == 0; i++)
		r = store_page_put(txn, st->n, i, page, sizeof(page));
	if (r == 0)
		r = store_put(txn, &key, &rec);
	return r < 0 ? r : st->refuse;
}

static void
step_after(void *arg, int result)
{
	struct step *st = arg;

	st->result = result;
	store_gate_pass(st->gate);
}

static void
run_steps(struct store *store, struct step *st, size_t n)
{
	struct store_gate g;

	store_gate_init(&g, (int)n);
	store_gate_hold(&g, store);
	for (size_t i = 0; i < n; i++) {
		st[i].gate = &g;
		st[i].job.fn = step_fn;
		st[i].job.after = step_after;
		st[i].job.arg = &st[i];
		store_run(store, &st[i].job);
	}
	store_gate_open(&g);
	store_gate_wait(&g);
	store_gate_done(&g);
}

static double
commits(struct metrics *m)
{
	struct buf b;
	const char *at;
	double n;

	buf_init(&b, 1 << 20);
	assert_int_equal(metrics_render(m, &b), 0);
	at = strstr(buf_str(&b), "belfry_store_commit_seconds_count ");
	assert_non_null(at);
	n = strtod(strchr(at, ' '), NULL);
	buf_done(&b);
	return n;
}

static void
test_batch(void **state)
{
	struct step st[5] = {{.n = 1},
			     {.n = 2, .refuse = -EBUSY},
			     {.n = 3},
			     {.n = 4, .pages = 2},
			     {.n = 5}};
	struct store_kit kit;
	double before;
	struct metrics *m = metrics_new();

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.metrics = m;
	store_kit_open(&kit);
	before = commits(m);
	run_steps(kit.store, st, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(st[i].runs, 1);
		assert_int_equal(st[i].result, st[i].refuse);
		assert_int_equal(
			store_kit_run(kit.store, store_kit_has, &st[i].n),
			st[i].refuse < 0 ? -ENOENT : 0);
	}
	store_kit_close(&kit);
	assert_true(commits(m) == before + 1); /* one for all */
	store_kit_check_whole(&kit);
	kit.conf.metrics = NULL;
	store_kit_done(&kit);
	metrics_free(&m);
}

/* A job that says no after it wrote costs the batch a second run, and only
 * its own writes. */
static void
test_batch_undone(void **state)
{
	struct step st[3] = {
		{.n = 1},
		{.n = 2, .refuse = -EINVAL, .write_first = true},
		{.n = 3, .job.need = STORE_NEED_RESULT},
	};
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	run_steps(kit.store, st, 3);
	assert_int_equal(st[0].result, 0);
	assert_int_equal(st[1].result, -EINVAL);
	assert_int_equal(st[2].result, 0);
	assert_true(st[0].runs == 2 && st[1].runs == 2);
	assert_true(st[2].order < st[0].order); /* results first */
	assert_int_equal(store_kit_run(kit.store, store_kit_has, &st[0].n), 0);
	assert_int_equal(store_kit_run(kit.store, store_kit_has, &st[1].n),
			 -ENOENT);
	assert_int_equal(store_kit_run(kit.store, store_kit_has, &st[2].n), 0);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	store_kit_done(&kit);
}

/* Counts the lines that say so. */
static void
count_full(void *arg, const char *line)
{
	int *n = arg;

	*n += strstr(line, "event=store_full") != NULL;
}

/* The map is too small for all: some are refused, all others are there, the
 * store stays whole, and room comes back with deletes. */
static void
test_map_full(void **state)
{
	enum { N = 60 };
	static struct step st[N];
	struct store_kit kit;
	int kept = 0, refused = 0, lines = 0;
	struct log_context log = {.log = log_new_capture(count_full, &lines)};

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.log = &log;
	kit.conf.max_size = 1 << 20;
	store_kit_open(&kit);
	assert_true(store_has_room(kit.store, STORE_NEED_MAIL));
	memset(st, 0, sizeof(st));
	for (uint64_t i = 0; i < N; i++) {
		st[i].n = i + 1;
		st[i].pages = 8;
	}
	st[N - 1].job.need = STORE_NEED_RESULT;
	run_steps(kit.store, st, N);
	for (size_t i = 0; i < N; i++) {
		bool there =
			store_kit_run(kit.store, store_kit_has, &st[i].n) == 0;

		assert_true(st[i].result == 0 || st[i].result == -ENOSPC);
		assert_true(there == (st[i].result == 0));
		if (st[i].result == 0)
			kept++;
		else
			refused++;
	}
	assert_true(kept > 10 && refused > 10);
	assert_int_equal(st[N - 1].result, 0);
	assert_false(store_has_room(kit.store, STORE_NEED_MAIL));
	assert_false(store_has_room(kit.store, STORE_NEED_NOTICE));
	assert_true(store_has_room(kit.store, STORE_NEED_RESULT));
	assert_true(store_used_bytes(kit.store) > 512 << 10);
	assert_true(store_limit_bytes(kit.store) <= 1 << 20);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	assert_int_equal(lines, 1);
	store_kit_open(&kit); /* a full store opens */
	store_kit_done(&kit);
	log_close(&log.log);
}

/* A file at its limit (EFBIG; SIGXFSZ is ignored) is full too. */
static void
test_file_limit(void **state)
{
	struct rlimit old, limit;
	struct step st = {.n = 0, .pages = 16};
	struct store_kit kit;
	uint64_t kept = 0;
	int r;

	(void)state;
	store_kit_init(&kit);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (3 << 20) + 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	do {
		st.n++;
		r = store_kit_run(kit.store, step_fn, &st);
		kept += r == 0;
		assert_true(st.n < 100);
	} while (r == 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -ENOSPC);
	assert_true(kept > 20);
	assert_false(store_has_room(kit.store, STORE_NEED_MAIL));
	assert_int_equal(store_kit_run(kit.store, store_kit_has, &kept), 0);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	store_kit_done(&kit);
}

static int
del_step(struct store_txn *txn, void *arg)
{
	struct step *st = arg;
	struct store_key key = store_kit_key('m', st->n);
	int r = store_del(txn, &key);

	for (uint32_t i = 0; i < st->pages && r == 0; i++)
		r = store_page_del(txn, st->n, i);
	return r;
}

/* On a full map deletes of 16 pages a transaction always succeed, down to the
 * empty store. */
static void
test_map_full_drains(void **state)
{
	enum { N = 100 };
	static struct step st[N];
	struct store_check check;
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.max_size = 2 << 20;
	store_kit_open(&kit);
	memset(st, 0, sizeof(st));
	for (uint64_t i = 0; i < N; i++) {
		st[i].n = i + 1;
		st[i].pages = STORE_BLOB_IN_PLACE;
		st[i].result = store_kit_run(kit.store, step_fn, &st[i]);
	}
	assert_int_equal(st[N - 1].result, -ENOSPC);
	for (size_t i = 0; i < N; i++) {
		if (st[i].result < 0)
			continue;
		assert_int_equal(store_kit_run_need(kit.store,
						    STORE_NEED_RESULT, del_step,
						    &st[i]),
				 0);
	}
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	assert_int_equal(store_check(kit.dir, &check), 0);
	assert_true(check.pages == 0 && check.waits == 0);
	store_kit_open(&kit);
	assert_true(store_has_room(kit.store, STORE_NEED_MAIL));
	st[0].result = store_kit_run(kit.store, step_fn, &st[0]);
	assert_int_equal(st[0].result, 0);
	store_kit_done(&kit);
}

static void
test_marks(void **state)
{
	struct store_kit kit;
	struct step st = {.n = 1};

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.max_size = 4 << 20;
	kit.conf.reserve = 2 << 20;
	store_kit_open(&kit);
	while (store_has_room(kit.store, STORE_NEED_MAIL)) {
		st.n++;
		st.pages = 16;
		st.job.bytes = 16 << 12;
		assert_int_equal(store_kit_run(kit.store, step_fn, &st), 0);
		store_kit_close(&kit); /* the next look is taken at once */
		store_kit_open(&kit);
	}
	assert_true(store_has_room(kit.store, STORE_NEED_ALERT));
	while (store_has_room(kit.store, STORE_NEED_ALERT)) {
		st.n++;
		assert_int_equal(store_kit_run(kit.store, step_fn, &st), 0);
		store_kit_close(&kit);
		store_kit_open(&kit);
	}
	assert_true(store_has_room(kit.store, STORE_NEED_NOTICE));
	while (store_has_room(kit.store, STORE_NEED_NOTICE)) {
		st.n++;
		assert_int_equal(store_kit_run(kit.store, step_fn, &st), 0);
		store_kit_close(&kit);
		store_kit_open(&kit);
	}
	assert_int_equal(store_kit_run(kit.store, step_fn, &st), 0);
	assert_true(store_has_room(kit.store, STORE_NEED_RESULT));
	store_kit_done(&kit);
}

/* --- the turn ------------------------------------------------------------------ */

struct turn {
	struct store *store;
	struct step step;
	int n, seen;
};

static int64_t
turn_fn(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', 1);
	struct turn *t = arg;
	struct store_rec rec;

	t->n++;
	if (store_get(txn, &key, &rec) == 0)
		t->seen = t->n;
	else if (t->n == 1) /* submitted in the turn: runs in this batch */
		store_run(t->store, &t->step.job);
	return INT64_MAX;
}

static void
test_turn(void **state)
{
	struct store_gate g;
	struct turn t = {.step = {.n = 1, .gate = &g}};
	struct store_kit kit;

	(void)state;
	store_gate_init(&g, 1);
	store_kit_init(&kit);
	t.store = kit.store;
	t.step.job = (struct store_job){
		.fn = step_fn, .after = step_after, .arg = &t.step};
	store_set_turn(kit.store, turn_fn, &t);
	store_gate_wait(&g);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.seen, 0); /* only what is committed */
	assert_int_equal(store_kit_run(kit.store, store_kit_has, &t.step.n), 0);
	assert_int_equal(t.seen, 2);
	store_kit_done(&kit);
	store_gate_done(&g);
}

static int64_t
turn_in_time(struct store_txn *txn, void *arg)
{
	struct turn *t = arg;

	(void)txn;
	t->n++;
	if (t->n == 3)
		store_gate_pass(t->step.gate);
	return t->n < 3 ? t->n * 5 : INT64_MAX;
}

/* The time it asked for comes without a poke, on the real clock. */
static void
test_turn_time(void **state)
{
	struct store_gate g;
	struct turn t = {.step = {.gate = &g}};
	struct store_kit kit;

	(void)state;
	store_gate_init(&g, 1);
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.clock = clock_system();
	store_kit_open(&kit);
	store_set_turn(kit.store, turn_in_time, &t);
	store_gate_wait(&g);
	store_kit_close(&kit);
	assert_int_equal(t.n, 3);
	store_kit_done(&kit);
	store_gate_done(&g);
}

/* --- reads, and DONE on a loop --------------------------------------------------- */

struct reading {
	struct store_job job;
	struct loop *loop;
	uint64_t n;
	int after, done;
};

static int
read_fn(struct store_txn *txn, void *arg)
{
	struct reading *rd = arg;

	return store_kit_has(txn, &rd->n);
}

static void
read_after(void *arg, int result)
{
	struct reading *rd = arg;

	rd->after = result;
}

static void
read_done(void *arg, int result)
{
	struct reading *rd = arg;

	rd->done = result;
	loop_stop(rd->loop);
}

static void
test_reads(void **state)
{
	struct reading rd = {.n = 7, .after = 1, .done = 1};
	struct step st = {.n = 7};
	struct store_kit kit;

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.disk = pool_new("disk", 2, 10);
	store_kit_open(&kit);
	rd.loop = loop_new(kit.clock);
	rd.job = (struct store_job){.fn = read_fn,
				    .after = read_after,
				    .done = read_done,
				    .arg = &rd,
				    .loop = rd.loop};
	assert_int_equal(store_read(kit.store, &rd.job), 0);
	loop_run(rd.loop);
	assert_true(rd.after == -ENOENT && rd.done == -ENOENT);

	/* The same job again, now through the store thread. */
	assert_int_equal(store_kit_run(kit.store, step_fn, &st), 0);
	store_run(kit.store, &rd.job);
	loop_run(rd.loop);
	assert_true(rd.after == 0 && rd.done == 0);

	rd.after = 1;
	rd.job.loop = NULL;
	assert_int_equal(store_read(kit.store, &rd.job), 0);
	pool_free(&kit.conf.disk);
	assert_int_equal(rd.after, 0);
	store_kit_close(&kit); /* nobody posts any more */
	loop_free(&rd.loop);
	store_kit_done(&kit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_undone),
		cmocka_unit_test(test_map_full),
		cmocka_unit_test(test_file_limit),
		cmocka_unit_test(test_map_full_drains),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_turn_time),
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
