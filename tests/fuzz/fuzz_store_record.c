/*
 * Stored rows: a table, a key and a value, as whatever lies on a disk.
 *
 *	input: length of the key (1), key, value
 *
 * The value is read as it is, and again with its checksum put right, since no
 * fuzzer finds one. What is read must come out again as it went in.
 */
#include <endian.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"
#include "queue/store_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_record(const struct store_row *row, const uint8_t *value, size_t len)
{
	uint8_t again[ENGINE_VALUE_MAX];
	struct store_rec rec;

	if (store_rec_decode(row, value, len, &rec) < 0)
		return;
	must(store_rec_encode(row, &rec, again) == len);
	must(memcmp(again, value, len) == 0);
}

static void
try_page(const struct store_row *row, const uint8_t *value, size_t len)
{
	uint8_t again[ENGINE_VALUE_MAX];
	size_t n;

	if (store_page_decode(row, value, len, &n) < 0)
		return;
	must(store_page_encode(row, value, n, again) == len);
	must(memcmp(again, value, len) == 0);
}

static void
try_keys(const uint8_t *key, size_t len)
{
	struct store_place place;
	struct store_row row;
	struct store_key k;

	if (store_row_parse_rec(key, len, &k) == 0) {
		store_row_rec(&k, &row);
		must(row.len == len && memcmp(row.bytes, key, len) == 0);
	}
	if (store_row_parse_wait(key, len, &place, &k) == 0) {
		store_row_wait(&place, &k, &row);
		must(row.len == len && memcmp(row.bytes, key, len) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t value[ENGINE_VALUE_MAX + 8];
	struct store_row row;
	uint32_t crc;
	size_t len;

	if (size < 1 || data[0] > sizeof(row.bytes) || data[0] > size - 1)
		return 0;
	row.len = data[0];
	memcpy(row.bytes, data + 1, row.len);
	try_keys(data + 1, row.len);
	len = size - 1 - row.len;
	if (len > sizeof(value))
		return 0;
	memcpy(value, data + 1 + row.len, len);
	try_record(&row, value, len);
	try_page(&row, value, len);
	if (len < sizeof(crc))
		return 0;
	crc = crc32c(0, row.bytes, row.len);
	crc = htobe32(crc32c(crc, value, len - sizeof(crc)));
	memcpy(value + len - sizeof(crc), &crc, sizeof(crc));
	try_record(&row, value, len);
	try_page(&row, value, len);
	return 0;
}
