#include "queue/store_record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"

#define SR_TIME_LEN  (1 + 1 + 1 + 8)
#define SR_READY_LEN (1 + 8 + 1 + 4)
#define SR_FIXED_LEN (8 + 8 + 4 + 1) /* of a record, before its place */
#define SR_CRC_LEN   4

_Static_assert(SR_TIME_LEN <= STORE_PLACE_MAX, "a time is a place");
_Static_assert(SR_READY_LEN <= STORE_PLACE_MAX, "a ready list is a place");
_Static_assert(STORE_PLACE_MAX + 1 + STORE_KEY_MAX <= ENGINE_KEY_MAX,
	       "a wait row is a key");
_Static_assert(SR_FIXED_LEN + STORE_PLACE_MAX + STORE_VALUE_MAX + SR_CRC_LEN <=
		       ENGINE_VALUE_MAX,
	       "a record is at most a page");
_Static_assert(STORE_PAGE_MAX + SR_CRC_LEN == ENGINE_VALUE_MAX,
	       "a page of a blob is a page");

static uint8_t *
sr_put(uint8_t *at, const void *data, size_t len)
{
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

static uint8_t *
sr_put32(uint8_t *at, uint32_t v)
{
	v = htobe32(v);
	return sr_put(at, &v, sizeof(v));
}

static uint8_t *
sr_put64(uint8_t *at, uint64_t v)
{
	v = htobe64(v);
	return sr_put(at, &v, sizeof(v));
}

static uint32_t
sr_get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return be32toh(v);
}

static uint64_t
sr_get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return be64toh(v);
}

struct store_place
store_place_none(void)
{
	return (struct store_place){0};
}

struct store_place
store_place_time(enum store_class class, uint8_t kind, int64_t wall_ms)
{
	struct store_place p = {.len = SR_TIME_LEN};
	uint8_t *at = p.bytes;

	*at++ = 'T';
	*at++ = (uint8_t) class;
	*at++ = kind;
	sr_put64(at, wall_ms > 0 ? (uint64_t)wall_ms : 0);
	return p;
}

struct store_place
store_place_ready(uint64_t dest, uint8_t lane, uint32_t flow)
{
	struct store_place p = {.len = SR_READY_LEN};
	uint8_t *at = p.bytes;

	*at++ = 'R';
	at = sr_put64(at, dest);
	*at++ = lane;
	sr_put32(at, flow);
	return p;
}

bool
store_place_equal(const struct store_place *a, const struct store_place *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* How long a place is whose first byte is FIRST; 0: no such place. */
static size_t
place_length(uint8_t first)
{
	switch (first) {
	case 'T':
		return SR_TIME_LEN;
	case 'R':
		return SR_READY_LEN;
	default:
		return 0;
	}
}

void
store_row_rec(const struct store_key *key, struct store_row *ret_row)
{
	must(key->len <= STORE_KEY_MAX);
	ret_row->bytes[0] = key->kind;
	memcpy(ret_row->bytes + 1, key->bytes, key->len);
	ret_row->len = (uint8_t)(1 + key->len);
}

void
store_row_wait(const struct store_place *place, const struct store_key *key,
	       struct store_row *ret_row)
{
	uint8_t *at = ret_row->bytes;

	must(place->len > 0 && place->len <= STORE_PLACE_MAX);
	at = sr_put(at, place->bytes, place->len);
	if (key != NULL) {
		must(key->len <= STORE_KEY_MAX);
		*at++ = key->kind;
		at = sr_put(at, key->bytes, key->len);
	}
	ret_row->len = (uint8_t)(at - ret_row->bytes);
}

void
store_row_page(uint64_t blob, uint32_t n, struct store_row *ret_row)
{
	sr_put32(sr_put64(ret_row->bytes, blob), n);
	ret_row->len = 8 + 4;
}

int
store_row_parse_rec(const void *row, size_t len, struct store_key *ret_key)
{
	const uint8_t *at = row;

	if (len < 1 || len > 1 + STORE_KEY_MAX)
		return -EBADMSG;
	*ret_key = (struct store_key){.kind = *at, .len = (uint8_t)(len - 1)};
	memcpy(ret_key->bytes, at + 1, len - 1);
	return 0;
}

int
store_row_parse_wait(const void *row, size_t len, struct store_place *ret_place,
		     struct store_key *ret_key)
{
	const uint8_t *at = row;
	size_t place_len;
	int r;

	place_len = len > 0 ? place_length(*at) : 0;
	if (place_len == 0 || place_len >= len)
		return -EBADMSG;
	r = store_row_parse_rec(at + place_len, len - place_len, ret_key);
	if (r < 0)
		return r;
	*ret_place = (struct store_place){.len = (uint8_t)place_len};
	memcpy(ret_place->bytes, at, place_len);
	return 0;
}

static uint32_t
sr_crc(const struct store_row *row, const void *data, size_t len)
{
	return crc32c(crc32c(0, row->bytes, row->len), data, len);
}

size_t
store_rec_encode(const struct store_row *row, const struct store_rec *rec,
		 uint8_t *ret)
{
	const struct store_place *place = &rec->place;
	uint8_t *at = ret;

	must(rec->len <= STORE_VALUE_MAX);
	must(place->len == 0 || place->len == place_length(*place->bytes));
	at = sr_put64(at, rec->version);
	at = sr_put64(at, rec->blob);
	at = sr_put32(at, rec->pages);
	*at++ = place->len;
	at = sr_put(at, place->bytes, place->len);
	at = sr_put(at, rec->value, rec->len);
	at = sr_put32(at, sr_crc(row, ret, (size_t)(at - ret)));
	return (size_t)(at - ret);
}

/* The place at AT, where LEN bytes are. 0 or -EBADMSG. */
static int
sr_get_place(const uint8_t *at, size_t len, struct store_place *ret_place)
{
	size_t n = *at++;

	if (n > STORE_PLACE_MAX || n > len - 1)
		return -EBADMSG;
	if (n > 0 && n != place_length(*at))
		return -EBADMSG;
	*ret_place = (struct store_place){.len = (uint8_t)n};
	memcpy(ret_place->bytes, at, n);
	return 0;
}

int
store_rec_decode(const struct store_row *row, const void *data, size_t len,
		 struct store_rec *ret_rec)
{
	const uint8_t *at = data, *end;
	int r;

	*ret_rec = (struct store_rec){0};
	if (len < SR_FIXED_LEN + SR_CRC_LEN || len > ENGINE_VALUE_MAX)
		return -EBADMSG;
	end = at + len - SR_CRC_LEN;
	r = sr_get_place(at + SR_FIXED_LEN - 1,
			 len - SR_CRC_LEN - (SR_FIXED_LEN - 1),
			 &ret_rec->place);
	if (r < 0)
		return r;
	if (sr_get32(end) != sr_crc(row, data, len - SR_CRC_LEN))
		return -EBADMSG;
	ret_rec->version = sr_get64(at);
	ret_rec->blob = sr_get64(at + 8);
	ret_rec->pages = sr_get32(at + 16);
	ret_rec->value = at + SR_FIXED_LEN + ret_rec->place.len;
	ret_rec->len = (size_t)(end - (const uint8_t *)ret_rec->value);
	return ret_rec->len <= STORE_VALUE_MAX ? 0 : -EBADMSG;
}

size_t
store_page_encode(const struct store_row *row, const void *data, size_t len,
		  uint8_t *ret)
{
	must(len <= STORE_PAGE_MAX);
	sr_put32(sr_put(ret, data, len), sr_crc(row, data, len));
	return len + SR_CRC_LEN;
}

int
store_page_decode(const struct store_row *row, const void *data, size_t len,
		  size_t *ret_len)
{
	const uint8_t *at = data;

	if (len < SR_CRC_LEN || len > ENGINE_VALUE_MAX)
		return -EBADMSG;
	len -= SR_CRC_LEN;
	if (sr_get32(at + len) != sr_crc(row, data, len))
		return -EBADMSG;
	*ret_len = len;
	return 0;
}
