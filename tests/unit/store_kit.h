/*
 * store_kit - a store in a folder of its own, and jobs that one waits for.
 */
#ifndef TESTS_UNIT_STORE_KIT_H
#define TESTS_UNIT_STORE_KIT_H

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

/* A small generator with a seed, the same everywhere. */
uint64_t store_kit_random(uint64_t *state);

#endif
