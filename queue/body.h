/*
 * body - the content of small messages that were just published.
 *
 * Most messages leave within milliseconds of their commit, so their bytes are
 * kept for the first attempt, which then needs no read of the store. Bounded in
 * all. Messages leave in the order they came, so when more come than leave, the
 * oldest here is the next one needed: it stays, and a new one is not kept,
 * until BODY_KEEP_MS say that it waits for something else. What is not here is
 * read from the store, so nothing depends on it.
 *
 * The table is the store thread's; a body itself is immutable and counted.
 */
#ifndef QUEUE_BODY_H
#define QUEUE_BODY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#define BODY_TABLE_BYTES ((size_t)8 << 20)
#define BODY_KEEP_MS     5000

struct body {
	uint64_t id; /* of the message */
	int64_t kept_mono_ms;
	char *data; /* owned */
	size_t len, cap;
	_Atomic unsigned refs;
	TAILQ_ENTRY(body) link;
	UT_hash_handle hh;
};

struct body_table {
	struct body *hash;
	TAILQ_HEAD(, body) list; /* oldest first */
	size_t bytes;
};

void body_table_init(struct body_table *t);
void body_table_done(struct body_table *t);
/* Takes DATA, of CAP bytes. */
void body_keep(struct body_table *t, int64_t now_mono_ms, uint64_t id,
	       char *data, size_t len, size_t cap);
/* A reference, or NULL. */
struct body *body_ref(struct body_table *t, uint64_t id);
void body_forget(struct body_table *t, uint64_t id);
/* From any thread; NULL is fine. */
void body_unref(struct body **body);

#endif
