/*
 * store - records, pages and one transaction: what any engine must do.
 *
 * Three tables:
 *
 *	rec   kind, key        -> version, place, blob and its pages, value
 *	wait  place, kind, key -> nothing
 *	page  blob, n          -> bytes
 *
 * Every record waits in at most one place and the store alone keeps the index:
 * store_put() takes the old wait row away and writes the new one. A wait row is
 * a hint; the record must name the same place. Invariant: wait rows and records
 * with a place are one to one.
 *
 * One writer: store_run() queues a job whose FN runs in the store thread,
 * checks first and then writes, does no I/O of its own and a bounded number of
 * operations. What waits is committed together; DONE runs on the caller's loop
 * after the commit returned, AFTER (may be NULL) in the store thread before it.
 * FN may run again when a batch is split, so it changes nothing but the store;
 * what belongs to the store thread's memory is changed in AFTER.
 *
 * Nothing of the engine's own types is seen here.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "net/loop.h"
#include "net/pool.h"

#define STORE_KEY_MAX       64
#define STORE_PLACE_MAX     24
#define STORE_VALUE_MAX     4000 /* of a record */
#define STORE_PAGE_MAX      4076 /* payload of a page of a blob */
#define STORE_BLOB_IN_PLACE 16   /* pages that travel with their publish */

struct store;
struct store_txn;

struct store_key {
	uint8_t kind; /* 'm', 'd', 'b', 'k', '0', ... */
	uint8_t len;
	uint8_t bytes[STORE_KEY_MAX];
};

/* Nowhere (len 0), a time `T class kind when`, or a destination's ready list
 * `R dest lane flow`. */
struct store_place {
	uint8_t len;
	uint8_t bytes[STORE_PLACE_MAX];
};

enum store_class { STORE_CLASS_ALERT, STORE_CLASS_OTHER };

struct store_place store_place_none(void);
struct store_place store_place_time(enum store_class class, uint8_t kind,
				    int64_t wall_ms);
struct store_place store_place_ready(uint64_t dest, uint8_t lane,
				     uint32_t flow);
bool store_place_equal(const struct store_place *a,
		       const struct store_place *b);

struct store_rec {
	uint64_t version;
	struct store_place place;
	uint64_t blob;     /* 0: owns none */
	uint32_t pages;    /* of the blob */
	const void *value; /* borrowed from the transaction until its next
			    * write */
	size_t len;
};

/* Who asks for room: results are never refused. KEEP is what nobody waits for,
 * and goes long before mail is refused. An alert is refused while there is room
 * for the notices of those that were taken. */
enum store_need {
	STORE_NEED_MAIL, /* what a job asks for that doesn't say */
	STORE_NEED_ALERT,
	STORE_NEED_NOTICE,
	STORE_NEED_RESULT,
	STORE_NEED_KEEP
};

struct store_conf {
	const char *dir; /* copied */
	int64_t max_size;
	int64_t reserve; /* bytes kept free below the smaller of map and file
			  * system */
	struct clock *clock;
	struct pool *disk;             /* reads; borrowed */
	const struct log_context *log; /* borrowed */
	struct metrics *metrics;       /* borrowed; may be NULL in tests */
};

/* Open or make the store, check its schema (an unknown one: -EPROTONOSUPPORT,
 * nothing changed), take the lock (-EBUSY names the pid), make a test commit
 * and start the thread. 0, or -errno with one line for the operator in *RET_WHY
 * (owned by the caller). A store that is full opens: it must be drained.
 * SIGXFSZ is ignored from here on, so that a file at its limit is an error, not
 * the end. */
int store_open(const struct store_conf *conf, struct store **ret_store,
	       char **ret_why);
/* Run what is queued, commit, end the thread, close. No read may be under way:
 * free the disk pool first. */
void store_close(struct store **store);

/* In the store thread. 0, or a negative errno as the job's result; then nothing
 * should have been written (what was is undone, at the price of running the
 * whole batch again). */
typedef int store_fn(struct store_txn *txn, void *arg);
typedef void store_done_fn(void *arg, int result);

/* Embedded in what the job works on; the store's until DONE begins. */
struct store_job {
	struct store_job *next;
	store_fn *fn;
	store_done_fn *after, *done;
	void *arg;
	struct loop *loop;    /* borrowed; NULL: DONE is not called */
	size_t bytes;         /* what it will write, roughly: bounds a batch */
	enum store_need need; /* results go first when room is scarce */
	bool patient; /* nobody waits for it: it may stay 1 ms for company */
	int result;
	/* The store's own. */
	struct post post;
	struct pool_job read;
	struct store *store;
};

/* From any thread. */
void store_run(struct store *store, struct store_job *job);
/* FN as a job of need result, waited for: at open and in threads of one's own,
 * never on a loop. 0 or -errno. */
int store_run_wait(struct store *store, store_fn *fn, void *arg);
/* A read transaction in the disk pool: bounded, never kept (a reader that stays
 * makes the file grow). AFTER runs in the pool's thread, when the transaction
 * is over. 0 or -EAGAIN when the pool's queue is full. */
int store_read(struct store *store, struct store_job *job);
/* FN(ARG) in the store thread at the beginning of every batch, and at the time
 * (monotonic ms) it returned last: it sees only what is committed, hands out
 * work and submits jobs, and writes nothing itself. */
typedef int64_t store_turn_fn(struct store_txn *txn, void *arg);
void store_set_turn(struct store *store, store_turn_fn *fn, void *arg);
/* From any thread: run the turn soon. */
void store_poke(struct store *store);

/* From any thread: is there room? A fact of the last look, so a commit may
 * still answer -ENOSPC. */
bool store_has_room(struct store *store, enum store_need need);
/* A job freed about BYTES: until the next look they count as room. */
void store_note_freed(struct store *store, uint64_t bytes);
uint64_t store_used_bytes(struct store *store);
uint64_t store_limit_bytes(struct store *store);
/* How much of the limit mail leaves alone. */
uint64_t store_reserve_bytes(const struct store *store);
/* From any thread: a new id, larger than every one given out before, also by
 * earlier processes on this store. */
uint64_t store_new_id(struct store *store);

/* Is this an older state of the store, which was put back? *RET_OF_MS: wall
 * time it is of. Asked before the store is used. */
bool store_is_restored(struct store *store, int64_t *ret_of_ms);
/* From now on it is the store of this place; waits for a commit. */
int store_adopt(struct store *store);
uint32_t store_schema(void);

/* --- inside a transaction ------------------------------------------------ */

bool store_txn_has_room(struct store_txn *txn, enum store_need need);

/* 0, -ENOENT, -EBADMSG (checksum). */
int store_get(struct store_txn *txn, const struct store_key *key,
	      struct store_rec *ret_rec);
/* 0, or -ENOSPC and the like, which also end the job. Sets a new version, which
 * is returned in REC->version. The old wait row goes, the new one comes. */
int store_put(struct store_txn *txn, const struct store_key *key,
	      struct store_rec *rec);
/* Record and wait row; its blob is the caller's. 0 or -ENOENT. */
int store_del(struct store_txn *txn, const struct store_key *key);

/* The first record of KEY's kind at or after KEY. 1, 0 at the end of the kind,
 * -EBADMSG with *RET_KEY set. (Of kind '0' the store itself has "schema" and
 * "counters".) */
int store_next(struct store_txn *txn, const struct store_key *key,
	       struct store_key *ret_key, struct store_rec *ret_rec);
/* The first wait row at or after (PLACE, KEY; KEY may be NULL) whose place
 * begins with the first PREFIX_LEN bytes of PLACE. 1 or 0. */
int store_next_waiting(struct store_txn *txn, const struct store_place *place,
		       const struct store_key *key, size_t prefix_len,
		       struct store_place *ret_place,
		       struct store_key *ret_key);
/* Remove a wait row that its record does not name. 0, -ENOENT, or -EBUSY when
 * the record does name it. */
int store_drop_hint(struct store_txn *txn, const struct store_place *place,
		    const struct store_key *key);
/* Is the wait row of a record that waits at PLACE there? 1 (also of one that
 * waits nowhere), 0, -errno. And put it back. */
int store_has_hint(struct store_txn *txn, const struct store_place *place,
		   const struct store_key *key);
int store_put_hint(struct store_txn *txn, const struct store_place *place,
		   const struct store_key *key);

int store_page_put(struct store_txn *txn, uint64_t blob, uint32_t n,
		   const void *data, size_t len);
/* Into BUF of STORE_PAGE_MAX. 0, -ENOENT, -EBADMSG. */
int store_page_get(struct store_txn *txn, uint64_t blob, uint32_t n, void *buf,
		   size_t *ret_len);
int store_page_del(struct store_txn *txn, uint64_t blob, uint32_t n);

#endif
