/*
 * pack - records as bytes: fixed-width big-endian numbers and length-prefixed
 * strings.
 *
 * Big-endian, so that packed numbers sort as keys do. A writer appends to a buf
 * and never fails short of the buf's ceiling, which it remembers; a reader
 * never reads past the end: it turns bad, returns zeros and stays bad, so a
 * parser checks once, at its end.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct pack {
	struct buf *out; /* borrowed */
	bool bad;        /* the ceiling of OUT was hit */
};

void pack_u8(struct pack *p, uint8_t v);
void pack_u16(struct pack *p, uint16_t v);
void pack_u32(struct pack *p, uint32_t v);
void pack_u64(struct pack *p, uint64_t v);
/* A 16-bit length and the bytes; longer than 65,535 turns it bad. */
void pack_bytes(struct pack *p, const void *data, size_t len);
void pack_str(struct pack *p, const char *s);

struct unpack {
	const uint8_t *at, *end; /* borrowed */
	bool bad;
};

void unpack_init(struct unpack *u, const void *data, size_t len);
uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
/* Points into the input; *ret_len 0 and NULL when bad. */
const void *unpack_bytes(struct unpack *u, size_t *ret_len);
/* A copy with a NUL in A; "" when bad. A NUL inside turns the reader bad. */
char *unpack_str(struct unpack *u, struct arena *a);
/* True when everything was read and nothing was bad. */
bool unpack_end(const struct unpack *u);

#endif
