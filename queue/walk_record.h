/*
 * walk_record - the record `0 walk`: how far the walk is, and by which routes.
 */
#ifndef QUEUE_WALK_RECORD_H
#define QUEUE_WALK_RECORD_H

#include "base/buf.h"
#include "queue/queue.h"

enum walk_work { WALK_NONE, WALK_ROWS, WALK_ROUTES };
extern const char *const walk_work_names[]; /* "none", "rows", "routes" */

struct walk_rec {
	enum walk_work work;
	unsigned char routes[QUEUE_ROUTES_LEN]; /* of this walk or the last */
	struct store_key at;                    /* the next is at or after it */
	uint64_t seen, moved, mended;           /* recipients; rows */
	int64_t began_ms, ended_ms;             /* wall; of this, of the last */
};

/* Append the value. */
void walk_rec_encode(const struct walk_rec *wr, struct buf *out);
/* 0 or -EBADMSG. */
int walk_rec_decode(const void *value, size_t len, struct walk_rec *ret);
/* By way of SCRATCH. 0 or -errno. */
int walk_rec_put(struct store_txn *txn, struct buf *scratch,
		 const struct walk_rec *wr);
/* 0, -ENOENT, -EBADMSG. */
int walk_rec_get(struct store_txn *txn, struct walk_rec *ret);

#endif
