/*
 * store_engine - what store.c needs of an engine: three ordered tables and one
 * transaction.
 *
 * Private to queue/. The engine knows keys and values as bytes; what they mean,
 * their checksums, jobs and retries are store.c's and the same for every
 * engine. At most one transaction that writes at a time, always from one
 * thread; transactions that read may come from any thread.
 *
 * Every call returns 0 or -errno. A call that failed for want of space answers
 * -ENOSPC, -EDQUOT or -EFBIG; an engine whose own structure is broken answers
 * -EUCLEAN, one that must be closed and opened anew -ENOTRECOVERABLE.
 */
#ifndef QUEUE_STORE_ENGINE_H
#define QUEUE_STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine_table { ENGINE_REC, ENGINE_WAIT, ENGINE_PAGE };
#define ENGINE_NTABLE 3

#define ENGINE_KEY_MAX   128
#define ENGINE_VALUE_MAX 4080 /* exactly one page of storage */

struct engine;
struct engine_txn;

struct engine_bytes {
	const void *data; /* borrowed until the transaction's next write */
	size_t len;
};

/* What is in use, in bytes. */
struct engine_usage {
	uint64_t file_bytes; /* of the data file that hold or held something */
	uint64_t free_bytes; /* of those: to be used again */
	uint64_t map_bytes;  /* the most the file may become */
};

/* Open the store in DIR, or make an empty one. Nothing is written to one that
 * exists. -EPROTONOSUPPORT: what is there was not made by this engine. */
int engine_open(const char *dir, uint64_t max_bytes,
		struct engine **ret_engine);
/* Only to read, on what may be a medium that can't be written; nobody may write
 * meanwhile. */
int engine_open_to_read(const char *dir, struct engine **ret_engine);
/* Is there anything that engine_open() would open? */
bool engine_exists(const char *dir);
void engine_close(struct engine **engine);
/* The descriptor of the data file, borrowed. */
int engine_fd(struct engine *engine);
/* Forget readers of processes that died. */
int engine_check_readers(struct engine *engine);
/* Counts what is free, so its cost grows with that. */
int engine_usage(struct engine *engine, struct engine_usage *ret_usage);

/* What of FILE_BYTES alone; cheap, from any thread. */
uint64_t engine_file_bytes(struct engine *engine);
/* Write what is committed now, without what is free, to FD as a file that
 * engine_open() takes. Reads for as long as FD takes to swallow it: meanwhile
 * nothing that is freed is used again. -EPIPE when FD's other end went away. */
int engine_copy(struct engine *engine, int fd);

int engine_begin(struct engine *engine, bool write,
		 struct engine_txn **ret_txn);
/* Both consume *TXN, whatever the outcome. When commit returns 0 the
 * transaction survives a power cut. */
int engine_commit(struct engine_txn **txn);
void engine_abort(struct engine_txn **txn);

/* 0 or -ENOENT. */
int engine_get(struct engine_txn *txn, enum engine_table table, const void *key,
	       size_t key_len, struct engine_bytes *ret_value);
/* The first row at or after KEY. 0 or -ENOENT. */
int engine_seek(struct engine_txn *txn, enum engine_table table,
		const void *key, size_t key_len, struct engine_bytes *ret_key,
		struct engine_bytes *ret_value);
int engine_put(struct engine_txn *txn, enum engine_table table, const void *key,
	       size_t key_len, const void *value, size_t len);
/* 0 or -ENOENT. */
int engine_del(struct engine_txn *txn, enum engine_table table, const void *key,
	       size_t key_len);

#endif
