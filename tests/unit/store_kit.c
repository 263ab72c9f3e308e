#include "tests/unit/store_kit.h"

#include <dirent.h>
#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/store_check.h"

#define KIT_WALL_MS INT64_C(1767225600000) /* 2026-01-01 */

static const char *
kit_tmp(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp";
}

void
store_kit_init(struct store_kit *kit)
{
	*kit = (struct store_kit){0};
	snprintf(kit->dir, sizeof(kit->dir), "%s/belfry-store-XXXXXX",
		 kit_tmp());
	must(mkdtemp(kit->dir) != NULL);
	kit->clock = clock_new_fixed(KIT_WALL_MS);
	kit->conf = (struct store_conf){
		.dir = kit->dir, .max_size = 64 << 20, .clock = kit->clock};
	store_kit_open(kit);
}

void
store_kit_open(struct store_kit *kit)
{
	char *why = NULL;

	if (store_open(&kit->conf, &kit->store, &why) < 0)
		fprintf(stderr, "%s\n", why);
	must(kit->store != NULL);
}

void
store_kit_close(struct store_kit *kit)
{
	store_close(&kit->store);
}

void
store_kit_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	(void)rmdir(dir);
}

void
store_kit_done(struct store_kit *kit)
{
	store_kit_close(kit);
	store_kit_remove(kit->dir);
	clock_free(&kit->clock);
}

struct kit_wait {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool over;
	int result;
	store_fn *fn;
	void *arg;
};

static int
kit_fn(struct store_txn *txn, void *arg)
{
	struct kit_wait *w = arg;

	return w->fn(txn, w->arg);
}

static void
kit_after(void *arg, int result)
{
	struct kit_wait *w = arg;

	pthread_mutex_lock(&w->mutex);
	w->over = true;
	w->result = result;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

int
store_kit_run_need(struct store *store, enum store_need need, store_fn *fn,
		   void *arg)
{
	struct kit_wait w = {.mutex = PTHREAD_MUTEX_INITIALIZER,
			     .cond = PTHREAD_COND_INITIALIZER,
			     .fn = fn,
			     .arg = arg};
	struct store_job job = {
		.fn = kit_fn, .after = kit_after, .arg = &w, .need = need};

	store_run(store, &job);
	pthread_mutex_lock(&w.mutex);
	while (!w.over)
		pthread_cond_wait(&w.cond, &w.mutex);
	pthread_mutex_unlock(&w.mutex);
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.mutex);
	return w.result;
}

int
store_kit_run(struct store *store, store_fn *fn, void *arg)
{
	return store_kit_run_need(store, STORE_NEED_MAIL, fn, arg);
}

struct store_key
store_kit_key(uint8_t kind, uint64_t n)
{
	struct store_key key = {.kind = kind, .len = sizeof(n)};

	n = htobe64(n);
	memcpy(key.bytes, &n, sizeof(n));
	return key;
}

uint64_t
store_kit_key_number(const struct store_key *key)
{
	uint64_t n;

	must(key->len == sizeof(n));
	memcpy(&n, key->bytes, sizeof(n));
	return be64toh(n);
}

int
store_kit_has(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', *(uint64_t *)arg);
	struct store_rec rec;

	return store_get(txn, &key, &rec);
}

int
store_kit_put(struct store_txn *txn, void *arg)
{
	uint64_t n = *(uint64_t *)arg;
	struct store_key key = store_kit_key('m', n);
	struct store_rec rec = {
		.place = store_place_ready(1, 1, (uint32_t)n),
		.blob = n,
		.pages = STORE_BLOB_IN_PLACE,
	};
	char page[STORE_PAGE_MAX] = "page";
	int r = 0;

	for (uint32_t i = 0; i < rec.pages && r == 0; i++)
		r = store_page_put(txn, n, i, page, sizeof(page));
	return r < 0 ? r : store_put(txn, &key, &rec);
}

int
store_kit_del(struct store_txn *txn, void *arg)
{
	uint64_t n = *(uint64_t *)arg;
	struct store_key key = store_kit_key('m', n);
	int r = store_del(txn, &key);

	for (uint32_t i = 0; i < STORE_BLOB_IN_PLACE && r == 0; i++)
		r = store_page_del(txn, n, i);
	return r;
}

void
store_kit_check_whole(const struct store_kit *kit)
{
	struct store_check check;

	must(store_check(kit->dir, &check) == 0);
	if (check.faults > 0)
		fprintf(stderr, "%s\n", check.fault);
	must(check.faults == 0);
}

/* --- a gate -------------------------------------------------------------- */

void
store_gate_init(struct store_gate *g, int left)
{
	*g = (struct store_gate){.left = left};
	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->cond, NULL);
}

void
store_gate_done(struct store_gate *g)
{
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->mutex);
}

static int
gate_fn(struct store_txn *txn, void *arg)
{
	struct store_gate *g = arg;

	(void)txn;
	pthread_mutex_lock(&g->mutex);
	g->entered = true;
	pthread_cond_broadcast(&g->cond);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
	return 0;
}

void
store_gate_queue(struct store_gate *g, struct store *store)
{
	g->job = (struct store_job){.fn = gate_fn, .arg = g};
	store_run(store, &g->job);
}

void
store_gate_reached(struct store_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	while (!g->entered)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
}

void
store_gate_hold(struct store_gate *g, struct store *store)
{
	store_gate_queue(g, store);
	store_gate_reached(g);
}

void
store_gate_open(struct store_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	g->open = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

void
store_gate_pass(struct store_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	g->left--;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

void
store_gate_wait(struct store_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	while (g->left > 0)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
}

/* splitmix64 */
uint64_t
store_kit_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
