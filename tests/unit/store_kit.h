/*
 * store_kit - a store in a folder of its own, and jobs that one waits for.
 */
#ifndef TESTS_UNIT_STORE_KIT_H
#define TESTS_UNIT_STORE_KIT_H

#include <pthread.h>

#include "queue/store.h"

struct store_kit {
	char dir[64];
	struct store_conf conf;
	struct store *store; /* NULL while closed */
	struct clock *clock; /* owned; stands still */
};

/* Make the folder and open; a failure ends the test. */
void store_kit_init(struct store_kit *kit);
void store_kit_open(struct store_kit *kit);
void store_kit_close(struct store_kit *kit);
/* Close and remove the folder. */
void store_kit_done(struct store_kit *kit);

/* Remove DIR and the files in it. */
void store_kit_remove(const char *dir);

/* Run FN as a job of STORE, wait, and return its result. */
int store_kit_run(struct store *store, store_fn *fn, void *arg);
int store_kit_run_need(struct store *store, enum store_need need, store_fn *fn,
		       void *arg);

/* The key `KIND n`, N in eight bytes. */
struct store_key store_kit_key(uint8_t kind, uint64_t n);
uint64_t store_kit_key_number(const struct store_key *key);

/* A job: 0 where the record `m n` is there, ARG being n's address. */
int store_kit_has(struct store_txn *txn, void *arg);
/* Jobs: put, remove it with a blob of STORE_BLOB_IN_PLACE pages. */
int store_kit_put(struct store_txn *txn, void *arg);
int store_kit_del(struct store_txn *txn, void *arg);

/* The closed store has no fault; else the test ends. */
void store_kit_check_whole(const struct store_kit *kit);

/* A job that holds the store thread until all the others are queued, so that
 * these are one batch; and a wait for them. */
struct store_gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct store_job job;
	bool entered, open;
	int left; /* jobs that are not through */
};

void store_gate_init(struct store_gate *g, int left);
void store_gate_done(struct store_gate *g);
/* The gate stands behind the jobs that wait already. */
void store_gate_queue(struct store_gate *g, struct store *store);
/* Until the thread stands at the gate. */
void store_gate_reached(struct store_gate *g);
/* Both. */
void store_gate_hold(struct store_gate *g, struct store *store);
void store_gate_open(struct store_gate *g);
/* One job is through; the last one ends store_gate_wait(). */
void store_gate_pass(struct store_gate *g);
void store_gate_wait(struct store_gate *g);

/* A small generator with a seed, the same everywhere. */
uint64_t store_kit_random(uint64_t *state);

#endif
