/*
 * store_backup - a copy of the store while it is in use.
 *
 * One at a time, in threads of its own, as one long reader: it goes slowly
 * while others commit, and gives up when the store has grown by the reserve
 * meanwhile, since nothing that is freed can be used again before it ends. The
 * copy is written under another name, synced, and gets its own, `data.mdb`,
 * only when it is whole. It holds no free room, and it is another generation
 * than the store: who starts from it is told so.
 *
 * From any thread.
 */
#ifndef QUEUE_STORE_BACKUP_H
#define QUEUE_STORE_BACKUP_H

#include "queue/store.h"

#define STORE_BACKUP_DIR_MAX 1024

enum store_backup_state {
	STORE_BACKUP_NONE, /* not since the start */
	STORE_BACKUP_RUNNING,
	STORE_BACKUP_DONE,
	STORE_BACKUP_FAILED,
};
extern const char *const store_backup_state_names[];

struct store_backup_info {
	enum store_backup_state state;
	uint64_t bytes, expected;     /* written; roughly how much it will be */
	int64_t started_ms, ended_ms; /* wall; 0: not yet */
	int64_t success_ms; /* wall; of the last that succeeded, ever */
	char dir[STORE_BACKUP_DIR_MAX];
	char error[256], help[512]; /* of FAILED; "" none */
};

/* Begin to copy into DIR, an absolute path of a folder that is there. 0;
 * -EBUSY: one is under way; -EINVAL: no such path; -EAGAIN: no thread. What
 * comes of it is in the info. */
int store_backup_start(struct store *s, const char *dir);
void store_backup_look(struct store *s, struct store_backup_info *ret);

#endif
