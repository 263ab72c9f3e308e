/*
 * store_record - keys and values of the three tables as bytes.
 *
 * Private to queue/. Numbers are big-endian, so rows sort as their numbers do.
 *
 *	rec key    kind(1) key
 *	rec value  version(8) blob(8) pages(4) place-len(1) place value crc(4)
 *	wait key   place kind(1) key
 *	page key   blob(8) n(4)
 *	page value bytes crc(4)
 *
 * The CRC-32C stands over key and value, so a row that lies under another key
 * is found as well as a flipped bit. The length of a place follows from its
 * first byte.
 */
#ifndef QUEUE_STORE_RECORD_H
#define QUEUE_STORE_RECORD_H

#include "queue/store.h"
#include "queue/store_engine.h"

struct store_row {
	uint8_t len;
	uint8_t bytes[ENGINE_KEY_MAX];
};

void store_row_rec(const struct store_key *key, struct store_row *ret_row);
/* KEY NULL: only the place, before all of its rows. */
void store_row_wait(const struct store_place *place,
		    const struct store_key *key, struct store_row *ret_row);
void store_row_page(uint64_t blob, uint32_t n, struct store_row *ret_row);

/* 0 or -EBADMSG. */
int store_row_parse_rec(const void *row, size_t len, struct store_key *ret_key);
int store_row_parse_wait(const void *row, size_t len,
			 struct store_place *ret_place,
			 struct store_key *ret_key);

/* Into RET of ENGINE_VALUE_MAX bytes; the length. */
size_t store_rec_encode(const struct store_row *row,
			const struct store_rec *rec, uint8_t *ret);
/* 0 or -EBADMSG; REC's value points into DATA. On -EBADMSG the place is still
 * given when it can be read, as a hint where the wait row may be. */
int store_rec_decode(const struct store_row *row, const void *data, size_t len,
		     struct store_rec *ret_rec);
size_t store_page_encode(const struct store_row *row, const void *data,
			 size_t len, uint8_t *ret);
/* 0, and the payload's length in *RET_LEN; or -EBADMSG. */
int store_page_decode(const struct store_row *row, const void *data, size_t len,
		      size_t *ret_len);

#endif
