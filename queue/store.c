/*
 * store - opened, with a commit that tries it, and closed. What runs in between
 * is the writer's.
 */
#include "queue/store.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/store_guard.h"
#include "queue/store_impl.h"

#define ST_SCHEMA 1

static const double st_buckets[] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03,
				    0.1,    0.3,    1,     3,     10,   0};

static const struct metric_desc st_commit_seconds = {
	.name = "belfry_store_commit_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "Time of a commit of the store, the disk's sync included.",
	.buckets = st_buckets,
};
static const struct metric_desc st_used_bytes = {
	.name = "belfry_store_used_bytes",
	.type = METRIC_GAUGE,
	.help = "Bytes in use in the store.",
};
static const struct metric_desc st_limit_bytes = {
	.name = "belfry_store_limit_bytes",
	.type = METRIC_GAUGE,
	.help = "Bytes the store can hold: the smaller of store.max_size and "
		"what the file system gives.",
};
static const struct metric_desc st_backup_time = {
	.name = "belfry_backup_last_success_timestamp_seconds",
	.type = METRIC_GAUGE,
	.help = "When the last backup of the store succeeded; 0: none yet.",
};

static const struct store_key st_schema_key = {
	.kind = '0', .len = 6, .bytes = "schema"};

/* 0; -ENOENT: an empty store; -EPROTONOSUPPORT. */
static int
st_check_schema(struct store_txn *txn, char **ret_why)
{
	static const struct store_key first = {.kind = '0'};
	struct store_key found;
	struct store_rec rec;
	uint32_t schema = 0;
	int r;

	r = store_get(txn, &st_schema_key, &rec);
	if (r == -ENOENT) /* empty, or somebody's records without a schema? */
		return store_next(txn, &first, &found, &rec) == 0
			       ? -ENOENT
			       : -EPROTONOSUPPORT;
	if (r < 0)
		return r;
	if (rec.len == sizeof(schema))
		memcpy(&schema, rec.value, sizeof(schema));
	schema = be32toh(schema);
	if (schema == ST_SCHEMA)
		return 0;
	*ret_why = xasprintf("the store has schema %u, this release knows %d; "
			     "nothing was changed",
			     (unsigned)schema, ST_SCHEMA);
	return -EPROTONOSUPPORT;
}

/* *RET_NEW: the store is empty. */
static int
st_load(struct store *s, bool *ret_new, char **ret_why)
{
	struct store_txn txn;
	int r;

	r = store_txn_begin(s, false, &txn);
	if (r < 0)
		return r;
	r = st_check_schema(&txn, ret_why);
	*ret_new = r == -ENOENT;
	if (r == 0)
		r = store_counters_load(&txn);
	if (r == 0)
		r = store_generation_load(&txn);
	store_txn_abort(&txn);
	return *ret_new ? 0 : r;
}

int
store_schema_put(struct store_txn *txn)
{
	uint32_t schema = htobe32(ST_SCHEMA);
	struct store_rec rec = {.value = &schema, .len = sizeof(schema)};

	return store_put(txn, &st_schema_key, &rec);
}

/* NEXT NULL: it stays the generation that it is. */
static int
st_test_commit(struct store *s, bool is_new,
	       const struct store_generation *next)
{
	struct store_txn txn;
	int r;

	r = store_txn_begin(s, true, &txn);
	if (r < 0)
		return r;
	if (is_new)
		r = store_schema_put(&txn);
	if (r == 0)
		r = store_counters_keep(&txn, true);
	if (r == 0 && next != NULL)
		r = store_generation_put(&txn, next);
	if (r == 0)
		return store_txn_commit(&txn);
	store_txn_abort(&txn);
	return r;
}

/* A new store must have room for its first rows; one that is full opens, since
 * it must be drained: then the next commit that succeeds does what this one was
 * to do. */
static int
st_start_commit(struct store *s, bool is_new)
{
	struct store_generation next = store_generation_next(s);
	bool renew = !s->restored && store_generation_begin(s, &next) == 0;
	int r;

	r = st_test_commit(s, is_new, renew ? &next : NULL);
	if (r == -EIO) /* a short write on a full disk looks like this */
		r = st_test_commit(s, is_new, renew ? &next : NULL);
	if (r == 0 && renew)
		store_generation_end(s, &next);
	if (r < 0 && !is_new && store_room_explains(s, r)) {
		store_room_full(s, r);
		return 0;
	}
	return r;
}

static void
st_register(struct store *s)
{
	struct metrics *m = s->conf.metrics;

	if (m == NULL)
		return;
	s->commit_seconds =
		metric_cell(metric_register(m, &st_commit_seconds), NULL);
	s->used_bytes = metric_cell(metric_register(m, &st_used_bytes), NULL);
	s->limit_bytes = metric_cell(metric_register(m, &st_limit_bytes), NULL);
	s->backup_time = metric_cell(metric_register(m, &st_backup_time), NULL);
	metric_set(s->backup_time, (double)(s->generation.backup_ms / 1000));
}

static struct store *
st_new(const struct store_conf *conf)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	s->conf.dir = xstrdup(conf->dir);
	s->lock_fd = s->dir_fd = -1;
	store_writer_init(s);
	store_backup_init(s);
	return s;
}

static void
st_free(struct store *s)
{
	engine_close(&s->engine);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	store_backup_done(s);
	store_writer_done(s);
	free((char *)(uintptr_t)s->conf.dir);
	free(s);
}

/* The file says that there was a store: an empty one in its place would let
 * nobody know that mail is missing. */
static int
st_check_lost(struct store *s, const char *dir, char **ret_why)
{
	struct store_generation_file file;
	int r;

	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	r = store_generation_read(s->dir_fd, &file);
	if (r < 0) {
		*ret_why = xasprintf("%s/" STORE_GENERATION_FILE
				     ": can't read it: %s; it says whether the "
				     "store is the one that was here last, and "
				     "belongs to belfryd's user",
				     dir, strerror(-r));
		return r;
	}
	if (!file.exists || engine_exists(dir))
		return 0;
	*ret_why = xasprintf("%s: the store is lost: its data file is gone; "
			     "put it back from a backup, or remove "
			     "%s/generation to begin with an empty store",
			     dir, dir);
	return -ENODATA;
}

static int
st_open(struct store *s, const char *dir, char **ret_why)
{
	bool new = false;
	int r;

	r = store_fs_open(dir, &s->lock_fd, ret_why);
	if (r == 0)
		r = st_check_lost(s, dir, ret_why);
	if (r == 0)
		r = engine_open(dir, (uint64_t)s->conf.max_size, &s->engine);
	if (r == 0)
		r = engine_check_readers(s->engine);
	if (r == 0)
		r = st_load(s, &new, ret_why);
	if (r == 0)
		r = st_start_commit(s, new);
	if (r < 0)
		return r;
	st_register(s);
	store_backup_opened(s);
	store_room_look(s);
	return store_writer_start(s);
}

/* Not LMDB's any more, or not ours inside of it, although it was our store. */
static bool
st_is_damaged(struct store *s, int r)
{
	struct store_generation_file file;

	if (r == -EUCLEAN || r == -EBADMSG)
		return true;
	if (r != -EPROTONOSUPPORT || s->dir_fd < 0)
		return false;
	return store_generation_read(s->dir_fd, &file) == 0 && file.exists;
}

int
store_open(const struct store_conf *conf, struct store **ret_store,
	   char **ret_why)
{
	struct store *s = st_new(conf);
	char *why = NULL;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	store_guard_install(conf->dir);
	r = st_open(s, conf->dir, &why);
	if (why == NULL && st_is_damaged(s, r)) {
		r = -EUCLEAN;
		why = xasprintf("%s: the store is damaged; `belfryd --verify "
				"%s` says what is wrong, `belfryd --salvage %s "
				"NEWDIR` reads what can be read into a new "
				"store",
				conf->dir, conf->dir, conf->dir);
	}
	if (r < 0) {
		if (why == NULL)
			why = xasprintf("%s: can't open the store: %s",
					conf->dir, strerror(-r));
		*ret_why = why;
		st_free(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

uint32_t
store_schema(void)
{
	return ST_SCHEMA;
}

void
store_close(struct store **store)
{
	struct store *s;

	if (store == NULL || *store == NULL)
		return;
	s = *store;
	must(atomic_load(&s->reads) == 0);
	store_backup_done(s);
	store_writer_stop(s);
	st_free(s);
	*store = NULL;
}
