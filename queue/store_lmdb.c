/*
 * store_lmdb - the embedded engine: LMDB in its default, synchronous mode.
 *
 * A commit writes the data pages, fdatasyncs them and then writes the meta page
 * through a descriptor opened with O_DSYNC: the return of that write is the
 * durable moment. No flag that weakens this is ever set.
 *
 * Values have at most ENGINE_VALUE_MAX bytes: with LMDB's own header of 16 that
 * is one page of 4,096, so no run of neighbouring pages is ever searched for.
 *
 * Each table is a named database of one environment. A cursor per table lives
 * as long as its transaction.
 */
#include "queue/store_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/store_guard.h"

#define LE_LEAST_BYTES (1 << 20)
#define LE_LOCK_BYTES  (16 << 10) /* more than the table of readers needs */

struct engine {
	MDB_env *env; /* owned */
	MDB_dbi dbi[ENGINE_NTABLE];
};

struct engine_txn {
	struct engine *engine;             /* borrowed */
	MDB_txn *txn;                      /* owned */
	MDB_cursor *cursor[ENGINE_NTABLE]; /* owned; NULL until a seek */
};

static const char *const le_names[ENGINE_NTABLE] = {
	[ENGINE_REC] = "rec",
	[ENGINE_WAIT] = "wait",
	[ENGINE_PAGE] = "page",
};

static int
le_error(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
		return -ENOSPC;
	case MDB_READERS_FULL:
		return -EAGAIN;
	case MDB_PANIC:
		return -ENOTRECOVERABLE;
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return -EPROTONOSUPPORT;
	default:
		return rc > 0 ? -rc : -EUCLEAN;
	}
}

/* What LMDB found in its file can't be. */
static void
le_assert_failed(MDB_env *env, const char *text)
{
	(void)env;
	store_guard_end(text);
}

static int
le_open_env(struct engine *e, const char *path, uint64_t max_bytes,
	    unsigned int flags)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int rc;

	rc = mdb_env_create(&e->env);
	if (rc != 0)
		return rc;
	rc = mdb_env_set_assert(e->env, le_assert_failed);
	if (rc != 0)
		return rc;
	rc = mdb_env_set_maxdbs(e->env, ENGINE_NTABLE);
	if (rc != 0)
		return rc;
	rc = mdb_env_set_mapsize(e->env, max_bytes / page * page);
	if (rc != 0)
		return rc;
	return mdb_env_open(e->env, path, flags | MDB_NOTLS, 0600);
}

/* LMDB only sets the length of its lock file and then writes it through a map:
 * on a full file system that is a SIGBUS. So its blocks are there before. */
static int
le_allocate_lock(const char *path)
{
	static const char zeros[LE_LOCK_BYTES];
	struct stat st;
	int fd, r = 0;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fallocate(fd, 0, 0, sizeof(zeros)) < 0)
		r = -errno;
	if (r == -EOPNOTSUPP && fstat(fd, &st) == 0)
		r = st.st_size >= (off_t)sizeof(zeros) ||
				    pwrite(fd, zeros, sizeof(zeros), 0) ==
					    (ssize_t)sizeof(zeros)
			    ? 0
			    : -ENOSPC;
	close(fd);
	return r;
}

static int
le_open_tables(struct engine *e, unsigned int create)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(e->env, NULL, create != 0 ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return rc;
	for (int i = 0; i < ENGINE_NTABLE && rc == 0; i++)
		rc = mdb_dbi_open(txn, le_names[i], create, &e->dbi[i]);
	if (rc != 0) {
		mdb_txn_abort(txn);
		/* A file with other tables, or with none, is not ours. */
		return rc == MDB_NOTFOUND ? MDB_INVALID : rc;
	}
	return mdb_txn_commit(txn); /* keeps the handles */
}

static int
le_sync_dir(const char *dir)
{
	int fd, r = 0;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* A store that is half made must not stand in the way of the next start: it is
 * made under another name and renamed when it is whole. */
static int
le_make(const char *dir, const char *path, uint64_t max_bytes)
{
	char *tmp = xasprintf("%s.new", path);
	char *tmp_lock = xasprintf("%s.new-lock", path); /* LMDB's name */
	struct engine *e = xcalloc(1, sizeof(*e));
	int r;

	unlink(tmp);
	r = le_allocate_lock(tmp_lock);
	if (r == 0)
		r = le_error(le_open_env(e, tmp, max_bytes, MDB_NOSUBDIR));
	if (r == 0)
		r = le_error(le_open_tables(e, MDB_CREATE));
	engine_close(&e);
	unlink(tmp_lock);
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r == 0)
		r = le_sync_dir(dir);
	free(tmp_lock);
	free(tmp);
	return r;
}

bool
engine_exists(const char *dir)
{
	char *path = xasprintf("%s/data.mdb", dir);
	bool exists = access(path, F_OK) == 0 || errno != ENOENT;

	free(path);
	return exists;
}

int
engine_open(const char *dir, uint64_t max_bytes, struct engine **ret_engine)
{
	char *path = xasprintf("%s/data.mdb", dir); /* LMDB's names */
	char *lock = xasprintf("%s/lock.mdb", dir);
	struct engine *e = xcalloc(1, sizeof(*e));
	int r = 0;

	if (access(path, F_OK) < 0)
		r = errno == ENOENT ? le_make(dir, path, max_bytes) : -errno;
	if (r == 0)
		r = le_allocate_lock(lock);
	if (r == 0)
		r = le_error(le_open_env(e, dir, max_bytes, 0));
	store_guard_enter();
	if (r == 0)
		r = le_error(le_open_tables(e, 0));
	store_guard_leave();
	free(lock);
	free(path);
	if (r < 0)
		engine_close(&e);
	else
		*ret_engine = e;
	return r;
}

int
engine_open_to_read(const char *dir, struct engine **ret_engine)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	int r;

	/* The map becomes as large as the file says that it must be. */
	r = le_error(
		le_open_env(e, dir, LE_LEAST_BYTES, MDB_RDONLY | MDB_NOLOCK));
	if (r == 0)
		r = le_error(le_open_tables(e, 0));
	if (r < 0)
		engine_close(&e);
	else
		*ret_engine = e;
	return r;
}

void
engine_close(struct engine **engine)
{
	if (engine == NULL || *engine == NULL)
		return;
	if ((*engine)->env != NULL)
		mdb_env_close((*engine)->env);
	free(*engine);
	*engine = NULL;
}

int
engine_fd(struct engine *engine)
{
	int fd = -1;

	must(mdb_env_get_fd(engine->env, &fd) == 0);
	return fd;
}

int
engine_check_readers(struct engine *engine)
{
	int dead;

	return le_error(mdb_reader_check(engine->env, &dead));
}

/* The free list is LMDB's database 0: each value begins with the number of
 * pages in it. */
static int
le_count_free(MDB_txn *txn, uint64_t *ret_pages)
{
	MDB_cursor *cursor;
	MDB_val key, data;
	uint64_t n = 0;
	int rc;

	rc = mdb_cursor_open(txn, 0, &cursor);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) == 0) {
		size_t pages;

		memcpy(&pages, data.mv_data, sizeof(pages));
		n += pages;
	}
	mdb_cursor_close(cursor);
	*ret_pages = n;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
engine_usage(struct engine *engine, struct engine_usage *ret_usage)
{
	struct MDB_envinfo info;
	struct MDB_stat stat;
	uint64_t free_pages;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(engine->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return le_error(rc);
	store_guard_enter();
	rc = le_count_free(txn, &free_pages);
	store_guard_leave();
	mdb_txn_abort(txn);
	if (rc != 0)
		return le_error(rc);
	must(mdb_env_info(engine->env, &info) == 0);
	must(mdb_env_stat(engine->env, &stat) == 0);
	ret_usage->file_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
	ret_usage->free_bytes = free_pages * stat.ms_psize;
	ret_usage->map_bytes = info.me_mapsize;
	return 0;
}

uint64_t
engine_file_bytes(struct engine *engine)
{
	struct MDB_envinfo info;
	struct MDB_stat stat;

	must(mdb_env_info(engine->env, &info) == 0);
	must(mdb_env_stat(engine->env, &stat) == 0);
	return (info.me_last_pgno + 1) * stat.ms_psize;
}

int
engine_copy(struct engine *engine, int fd)
{
	int rc;

	store_guard_enter();
	rc = mdb_env_copyfd2(engine->env, fd, MDB_CP_COMPACT);
	store_guard_leave();
	return le_error(rc);
}

int
engine_begin(struct engine *engine, bool write, struct engine_txn **ret_txn)
{
	struct engine_txn *txn = xcalloc(1, sizeof(*txn));
	int rc;

	txn->engine = engine;
	rc = mdb_txn_begin(engine->env, NULL, write ? 0 : MDB_RDONLY,
			   &txn->txn);
	if (rc != 0) {
		free(txn);
		return le_error(rc);
	}
	*ret_txn = txn;
	return 0;
}

static void
le_drop_cursors(struct engine_txn *txn)
{
	for (int i = 0; i < ENGINE_NTABLE; i++) {
		if (txn->cursor[i] != NULL)
			mdb_cursor_close(txn->cursor[i]);
	}
}

/* Cursors of a transaction that writes must be closed before it ends. */
int
engine_commit(struct engine_txn **txn)
{
	int rc;

	le_drop_cursors(*txn);
	rc = mdb_txn_commit((*txn)->txn); /* failed or not, it is gone */
	free(*txn);
	*txn = NULL;
	return le_error(rc);
}

void
engine_abort(struct engine_txn **txn)
{
	if (txn == NULL || *txn == NULL)
		return;
	le_drop_cursors(*txn);
	mdb_txn_abort((*txn)->txn);
	free(*txn);
	*txn = NULL;
}

static MDB_val
le_val(const void *data, size_t len)
{
	/* LMDB's type serves in and out; it does not write through this. */
	return (MDB_val){.mv_size = len, .mv_data = (void *)(uintptr_t)data};
}

int
engine_get(struct engine_txn *txn, enum engine_table table, const void *key,
	   size_t key_len, struct engine_bytes *ret_value)
{
	MDB_val k = le_val(key, key_len), v;
	int rc;

	rc = mdb_get(txn->txn, txn->engine->dbi[table], &k, &v);
	if (rc != 0)
		return le_error(rc);
	*ret_value = (struct engine_bytes){v.mv_data, v.mv_size};
	return 0;
}

int
engine_seek(struct engine_txn *txn, enum engine_table table, const void *key,
	    size_t key_len, struct engine_bytes *ret_key,
	    struct engine_bytes *ret_value)
{
	MDB_val k = le_val(key, key_len), v;
	int rc = 0;

	if (txn->cursor[table] == NULL)
		rc = mdb_cursor_open(txn->txn, txn->engine->dbi[table],
				     &txn->cursor[table]);
	if (rc == 0)
		rc = mdb_cursor_get(txn->cursor[table], &k, &v, MDB_SET_RANGE);
	if (rc != 0)
		return le_error(rc);
	*ret_key = (struct engine_bytes){k.mv_data, k.mv_size};
	*ret_value = (struct engine_bytes){v.mv_data, v.mv_size};
	return 0;
}

int
engine_put(struct engine_txn *txn, enum engine_table table, const void *key,
	   size_t key_len, const void *value, size_t len)
{
	MDB_val k = le_val(key, key_len), v = le_val(value, len);

	must(key_len <= ENGINE_KEY_MAX && len <= ENGINE_VALUE_MAX);
	return le_error(mdb_put(txn->txn, txn->engine->dbi[table], &k, &v, 0));
}

int
engine_del(struct engine_txn *txn, enum engine_table table, const void *key,
	   size_t key_len)
{
	MDB_val k = le_val(key, key_len);

	return le_error(mdb_del(txn->txn, txn->engine->dbi[table], &k, NULL));
}
