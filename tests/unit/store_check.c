#include "tests/unit/store_check.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/store_record.h"

#define SC_MAX_BYTES (UINT64_C(1) << 30)

struct sc_blob {
	uint64_t blob;
	uint32_t pages, found;
	bool loose;
};

struct sc_walk {
	struct engine_txn *txn;
	struct store_check *check;
	struct sc_blob *blob; /* owned; sorted once all records were seen */
	size_t n;
};

static void __attribute__((format(printf, 2, 3)))
sc_fault(struct sc_walk *w, const char *fmt, ...)
{
	va_list ap;

	if (w->check->faults++ > 0)
		return;
	va_start(ap, fmt);
	vsnprintf(w->check->fault, sizeof(w->check->fault), fmt, ap);
	va_end(ap);
}

typedef void sc_row_fn(struct sc_walk *w, const struct engine_bytes *key,
		       const struct engine_bytes *value);

static void
sc_each(struct sc_walk *w, enum engine_table table, sc_row_fn *fn)
{
	struct engine_bytes k, v;
	struct store_row row = {.len = 1};

	while (engine_seek(w->txn, table, row.bytes, row.len, &k, &v) == 0) {
		if (k.len >= sizeof(row.bytes)) {
			sc_fault(w, "table %d: a key of %zu bytes", table,
				 k.len);
			return;
		}
		fn(w, &k, &v);
		memcpy(row.bytes, k.data, k.len); /* behind it: its
						   * successor */
		row.bytes[k.len] = 0;
		row.len = (uint8_t)(k.len + 1);
	}
}

static void
sc_own(struct sc_walk *w, const struct store_key *key,
       const struct store_rec *rec)
{
	if (rec->blob == 0)
		return;
	w->blob = xreallocarray(w->blob, w->n + 1, sizeof(*w->blob));
	w->blob[w->n++] =
		(struct sc_blob){rec->blob, rec->pages, 0, key->kind == 'b'};
}

static void
sc_rec(struct sc_walk *w, const struct engine_bytes *k,
       const struct engine_bytes *v)
{
	struct engine_bytes none;
	struct store_row row, wait;
	struct store_rec rec;
	struct store_key key;

	w->check->recs++;
	if (store_row_parse_rec(k->data, k->len, &key) < 0) {
		sc_fault(w, "rec: a key of %zu bytes", k->len);
		return;
	}
	store_row_rec(&key, &row);
	if (store_rec_decode(&row, v->data, v->len, &rec) < 0) {
		sc_fault(w, "rec %c: checksum", key.kind);
		return;
	}
	sc_own(w, &key, &rec);
	if (rec.place.len == 0)
		return;
	store_row_wait(&rec.place, &key, &wait);
	if (engine_get(w->txn, ENGINE_WAIT, wait.bytes, wait.len, &none) < 0)
		sc_fault(w, "rec %c: has a place and no wait row", key.kind);
}

static void
sc_wait(struct sc_walk *w, const struct engine_bytes *k,
	const struct engine_bytes *v)
{
	struct store_place place;
	struct engine_bytes value;
	struct store_rec rec;
	struct store_key key;
	struct store_row row;

	(void)v;
	w->check->waits++;
	if (store_row_parse_wait(k->data, k->len, &place, &key) < 0) {
		sc_fault(w, "wait: a key that makes no sense");
		return;
	}
	store_row_rec(&key, &row);
	if (engine_get(w->txn, ENGINE_REC, row.bytes, row.len, &value) < 0)
		sc_fault(w, "wait: no record %c", key.kind);
	else if (store_rec_decode(&row, value.data, value.len, &rec) == 0 &&
		 !store_place_equal(&rec.place, &place))
		sc_fault(w, "wait: record %c waits elsewhere", key.kind);
}

static int
sc_blob_cmp(const void *a, const void *b)
{
	const struct sc_blob *x = a, *y = b;

	return x->blob < y->blob ? -1 : x->blob > y->blob;
}

static void
sc_page(struct sc_walk *w, const struct engine_bytes *k,
	const struct engine_bytes *v)
{
	struct sc_blob *blob, want = {0};
	struct store_row row = {.len = 8 + 4};
	uint64_t be;
	uint32_t n;
	size_t len;

	w->check->pages++;
	if (k->len != row.len) {
		sc_fault(w, "page: a key of %zu bytes", k->len);
		return;
	}
	memcpy(row.bytes, k->data, k->len);
	if (store_page_decode(&row, v->data, v->len, &len) < 0)
		sc_fault(w, "page: checksum");
	memcpy(&be, row.bytes, sizeof(be));
	memcpy(&n, row.bytes + sizeof(be), sizeof(n));
	want.blob = be64toh(be);
	n = be32toh(n);
	blob = w->n == 0 ? NULL
			 : bsearch(&want, w->blob, w->n, sizeof(want),
				   sc_blob_cmp);
	if (blob == NULL)
		sc_fault(w, "page: nobody owns its blob %llx",
			 (unsigned long long)want.blob);
	else if (n < blob->pages)
		blob->found++;
	else if (!blob->loose)
		sc_fault(w, "page: %u is behind the end of its blob", n);
}

static void
sc_all(struct sc_walk *w)
{
	sc_each(w, ENGINE_REC, sc_rec);
	sc_each(w, ENGINE_WAIT, sc_wait);
	if (w->n > 0)
		qsort(w->blob, w->n, sizeof(*w->blob), sc_blob_cmp);
	sc_each(w, ENGINE_PAGE, sc_page);
	for (size_t i = 0; i < w->n; i++) {
		struct sc_blob *b = &w->blob[i];

		if (!b->loose && b->found != b->pages)
			sc_fault(w, "a blob has %u of its %u pages", b->found,
				 b->pages);
		if (i > 0 && b->blob == w->blob[i - 1].blob)
			sc_fault(w, "two records own one blob");
	}
}

int
store_check(const char *dir, struct store_check *ret_check)
{
	struct sc_walk w = {.check = ret_check};
	struct engine *engine;
	int r;

	*ret_check = (struct store_check){0};
	r = engine_open(dir, SC_MAX_BYTES, &engine);
	if (r < 0)
		return r;
	r = engine_begin(engine, false, &w.txn);
	if (r == 0) {
		sc_all(&w);
		engine_abort(&w.txn);
	}
	free(w.blob);
	engine_close(&engine);
	return r;
}

/* Where in its file the mapped byte AT lies (proc(5), maps). */
static int64_t
sc_file_offset(const void *at)
{
	uint64_t start, end, offset, p = (uint64_t)(uintptr_t)at;
	FILE *f = fopen("/proc/self/maps", "re");
	int64_t found = -ENOENT;
	char line[512];

	must(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &start,
			   &end, &offset) == 3 &&
		    start <= p && p < end)
			found = (int64_t)(p - start + offset);
	}
	fclose(f);
	return found;
}

/* Where in the file the value of ROW begins. */
static int64_t
sc_find(const char *dir, const char *table, const struct store_row *row,
	size_t *ret_len)
{
	MDB_val k = {row->len, (void *)(uintptr_t)row->bytes}, v;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	int64_t at = -ENOENT;

	must(mdb_env_create(&env) == 0);
	must(mdb_env_set_maxdbs(env, ENGINE_NTABLE) == 0);
	must(mdb_env_open(env, dir, MDB_RDONLY, 0) == 0);
	must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
	must(mdb_dbi_open(txn, table, 0, &dbi) == 0);
	if (mdb_get(txn, dbi, &k, &v) == 0) {
		at = sc_file_offset(v.mv_data);
		*ret_len = v.mv_size;
	}
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return at;
}

static int
sc_flip(const char *dir, const char *table, const struct store_row *row,
	int64_t offset)
{
	char *path = xasprintf("%s/data.mdb", dir);
	size_t len = 0;
	int64_t at;
	uint8_t byte;
	int fd;

	at = sc_find(dir, table, row, &len);
	if (at < 0) {
		free(path);
		return (int)at;
	}
	at += offset < 0 ? offset + (int64_t)len : offset;
	fd = open(path, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && pread(fd, &byte, 1, at) == 1);
	byte ^= 0x10;
	must(pwrite(fd, &byte, 1, at) == 1);
	close(fd);
	free(path);
	return 0;
}

int
store_check_flip_rec(const char *dir, const struct store_key *key,
		     int64_t offset)
{
	struct store_row row;

	store_row_rec(key, &row);
	return sc_flip(dir, "rec", &row, offset);
}

int
store_check_flip_page(const char *dir, uint64_t blob, uint32_t n,
		      int64_t offset)
{
	struct store_row row;

	store_row_page(blob, n, &row);
	return sc_flip(dir, "page", &row, offset);
}

static int
sc_drop_wait(struct engine_txn *txn, const struct store_key *key)
{
	struct engine_bytes k, v;
	struct store_row row, wait;
	struct store_rec rec;
	int r;

	store_row_rec(key, &row);
	r = engine_seek(txn, ENGINE_REC, row.bytes, row.len, &k, &v);
	if (r == 0)
		r = store_rec_decode(&row, v.data, v.len, &rec);
	if (r < 0)
		return r;
	store_row_wait(&rec.place, key, &wait);
	return engine_del(txn, ENGINE_WAIT, wait.bytes, wait.len);
}

int
store_check_drop_wait(const char *dir, const struct store_key *key)
{
	struct engine_txn *txn;
	struct engine *engine;
	int r = engine_open(dir, SC_MAX_BYTES, &engine);

	if (r < 0)
		return r;
	r = engine_begin(engine, true, &txn);
	if (r == 0)
		r = sc_drop_wait(txn, key);
	if (r == 0)
		r = engine_commit(&txn);
	engine_close(&engine);
	return r;
}

int
store_check_put_rec(const char *dir, const struct store_key *key,
		    const void *value, size_t len)
{
	struct store_rec rec = {.version = 1, .value = value, .len = len};
	uint8_t bytes[ENGINE_VALUE_MAX];
	struct engine_txn *txn;
	struct engine *engine;
	struct store_row row;
	int r;

	r = engine_open(dir, SC_MAX_BYTES, &engine);
	if (r < 0)
		return r;
	store_row_rec(key, &row);
	len = store_rec_encode(&row, &rec, bytes);
	r = engine_begin(engine, true, &txn);
	if (r == 0)
		r = engine_put(txn, ENGINE_REC, row.bytes, row.len, bytes, len);
	if (r == 0)
		r = engine_commit(&txn);
	engine_close(&engine);
	return r;
}
