/*
 * publish - a message on its way through the writer. Private to queue/.
 */
#ifndef QUEUE_PUBLISH_H
#define QUEUE_PUBLISH_H

#include <openssl/sha.h>

#include "queue/queue_impl.h"

/* A record that is put as it stands. */
struct publish_rec {
	struct store_key key;
	struct store_place place;
	size_t at, len; /* in values */
};

struct publish {
	struct queue *q;
	uint64_t id, found; /* FOUND: what a key named before */
	enum store_need need;
	int error;  /* of the preparation or the draft */
	char *data; /* owned: the last pages */
	size_t data_len, data_cap;
	uint32_t loose; /* pages that are written already, or the head's */
	/* The first pages, where others were written before them: PREFIX and
	 * HEAD are to be spread over all of them. Owned. */
	struct buf prefix;
	char *head;
	size_t head_len;
	uint32_t head_pages; /* 0: there is none */
	bool has_key, key_kept;
	struct store_key key;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	int64_t now_ms;
	size_t nrecs;
	struct publish_rec *recs; /* owned */
	struct publish_rec first[2];
	struct buf values;
	struct effects effects; /* made before, applied after */
};

struct publish *publish_new(struct queue *q, uint64_t id, enum store_need need,
			    int64_t now_ms);
void publish_free(struct publish **p);
/* Make the records of ENV for a content of SIZE. */
void publish_compose(struct publish *p, const struct envelope *env,
		     int64_t size);
/* In the store thread, when it is committed. */
void publish_committed(struct publish *p);

#endif
