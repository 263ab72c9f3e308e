/*
 * store_impl - what the store's own files share. Private to queue/store*.c.
 *
 * Threads: what stands under "store thread" is touched by nobody else once
 * store_open() has returned; what others read is atomic or under the mutex.
 */
#ifndef QUEUE_STORE_IMPL_H
#define QUEUE_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "queue/store.h"
#include "queue/store_engine.h"
#include "queue/store_fs.h"

/* Which state of the store this is; see store_generation.c. */
struct store_generation {
	uint64_t id;
	int64_t since_ms;  /* wall; when it began */
	int64_t backup_ms; /* wall; the last backup that succeeded; 0: none */
};

struct store {
	struct store_conf conf; /* borrowed pointers, but dir, which is owned */
	struct engine *engine;  /* owned */
	int lock_fd, dir_fd;    /* owned */
	/* Of the thread that opens; later of the one that backs up. */
	struct store_generation generation;
	bool restored;
	struct store_backup *backup; /* owned */
	_Atomic uint64_t commits;    /* that changed something */
	/* Of the registry; NULL without one. */
	struct metric_cell *commit_seconds, *used_bytes, *limit_bytes;
	struct metric_cell *backup_time;

	/* Ids and versions: everything below the limits is spent as far as the
	 * next start is concerned. */
	_Atomic uint64_t last_id, id_limit;
	_Atomic bool want_counters;
	uint64_t version, version_limit; /* store thread */

	/* Room: facts of the last look. */
	_Atomic int64_t room;
	_Atomic uint64_t used, limit;
	_Atomic int64_t full_until; /* monotonic ms: a space error was seen */
	int64_t look_due;    /* store thread; INT64_MAX: nothing changed */
	int64_t readers_due; /* store thread */
	bool told_full;      /* store thread */
	size_t last_jobs;    /* store thread; of the batch before */

	_Atomic uint32_t reads; /* under way in the disk pool */

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* Under the mutex. */
	struct store_job *first, **last;
	size_t waiting; /* how many jobs */
	size_t urgent;  /* those of them that are not patient */
	size_t want; /* the thread gathers until so many wait; 0: it doesn't */
	store_turn_fn *turn;
	void *turn_arg;
	int64_t turn_due; /* monotonic ms of conf.clock */
	bool poked, stop;
};

struct store_txn {
	struct store *store;           /* borrowed */
	struct engine_txn *engine_txn; /* owned */
	bool write;
	int error;       /* the first that ends the transaction; 0: none */
	uint64_t writes; /* operations that changed something */
	/* Limits that hold when this is committed; 0: as they were. */
	uint64_t id_limit, version_limit;
};

int store_txn_begin(struct store *store, bool write, struct store_txn *ret_txn);
/* 0 or -errno; the transaction is over. Without a write nothing is committed
 * and the disk is left alone. */
int store_txn_commit(struct store_txn *txn);
void store_txn_abort(struct store_txn *txn);

/* The record that says how to read the others. */
int store_schema_put(struct store_txn *txn);

/* ENOSPC, EDQUOT, EFBIG. */
bool store_is_full_error(int r);

/* --- store_writer.c -------------------------------------------------------- */

void store_writer_init(struct store *store);
void store_writer_done(struct store *store);
/* 0 or -errno. */
int store_writer_start(struct store *store);
/* When everything that waits is done. */
void store_writer_stop(struct store *store);

/* --- store_generation.c ---------------------------------------------------- */

#define STORE_GENERATION_FILE "generation"

struct store_generation_file {
	bool exists;
	int n; /* numbers in it; 0: it can't be understood */
	uint64_t id[2];
};

/* 0, also without the file; -errno: nobody knows what it says. */
int store_generation_read(int dir_fd, struct store_generation_file *ret);
/* What the record says; a store_fn. 0, -ENOENT, -EBADMSG. */
int store_generation_take(struct store_txn *txn, void *none);
/* Take it from the store (none: 0, and zeros), and say whether the file knows
 * it. 0, -EBADMSG. */
int store_generation_load(struct store_txn *txn);
int store_generation_put(struct store_txn *txn,
			 const struct store_generation *g);
/* A new number, from now on; the rest as it is. */
struct store_generation store_generation_next(const struct store *s);
/* Around the commit of NEXT. */
int store_generation_begin(struct store *s,
			   const struct store_generation *next);
void store_generation_end(struct store *s, const struct store_generation *next);
/* All of it; not in the store thread nor on a loop. 0 or -errno. */
int store_generation_renew(struct store *s,
			   const struct store_generation *next);

/* --- store_backup.c ---------------------------------------------------------- */

void store_backup_init(struct store *s);
/* The store's generation is known. */
void store_backup_opened(struct store *s);
/* Give up what is under way and wait for its end. */
void store_backup_done(struct store *s);

/* --- store_counters.c ------------------------------------------------------ */

/* Take the limits from the store. 0, -ENOENT (a new store), -EBADMSG. */
int store_counters_load(struct store_txn *txn);
/* Before a commit: write new limits when those that hold are (nearly) passed,
 * always when FORCE. */
int store_counters_keep(struct store_txn *txn, bool force);
/* After it. */
void store_counters_kept(struct store_txn *txn);

/* --- store_room.c ---------------------------------------------------------- */

/* Look at the map and the file system; keep the reserve allocated. */
void store_room_look(struct store *store);
/* About BYTES were committed. */
void store_room_spend(struct store *store, uint64_t bytes);
/* The space error R was seen: refuse mail for a while whatever the look says.
 */
void store_room_full(struct store *store, int r);
/* Does R, from a commit, only mean that there is no space? A short write of a
 * full file system comes as EIO. */
bool store_room_explains(struct store *store, int r);

#endif
