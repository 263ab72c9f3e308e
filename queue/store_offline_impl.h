/*
 * store_offline_impl - what verify and salvage share. Private to queue/.
 */
#ifndef QUEUE_STORE_OFFLINE_IMPL_H
#define QUEUE_STORE_OFFLINE_IMPL_H

#include "queue/lmdb_file.h"
#include "queue/store_offline.h"
#include "queue/store_record.h"

/* Locked for reading, when it has a lock. 0, -EBUSY, -errno; the caller closes
 * *RET_FD (-1: none). */
int store_offline_lock(const char *dir, int *ret_fd);
/* A store of only an engine, which it owns. */
struct store *store_offline_new(struct engine *engine);

/* --- store_salvage_dir.c ---------------------------------------------------- */

/* NEW_DIR and all in it to who owns DIR, and to the disk. 0 or -errno. */
int salvage_give(const char *new_dir, const char *dir, bool has_lost);

/* A row's key as people see it: "recipient 2 of 0123...". */
#define STORE_KEY_TEXT_MAX 96
void store_key_text(const struct store_key *key,
		    char ret[static STORE_KEY_TEXT_MAX]);

#endif
