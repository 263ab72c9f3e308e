#include <errno.h>
#include <string.h>

#include "queue/key.h"
#include "queue/store_fs.h"
#include "queue/store_record.h"
#include "tests/unit/test.h"

static int
row_cmp(const struct store_row *a, const struct store_row *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int r = memcmp(a->bytes, b->bytes, n);

	return r != 0 ? r : (int)a->len - (int)b->len;
}

/* Each row of the table sorts before the one below it. */
static void
test_places_sort(void **state)
{
	const struct {
		const char *name;
		struct store_place place;
	} row[] = {
		{"a list", store_place_ready(1, 0, 0)},
		{"its next flow", store_place_ready(1, 0, 1)},
		{"a large flow", store_place_ready(1, 0, UINT32_MAX)},
		{"its next lane", store_place_ready(1, 1, 0)},
		{"another destination", store_place_ready(256, 0, 0)},
		{"the last", store_place_ready(UINT64_MAX, 255, UINT32_MAX)},
		{"an alert's time",
		 store_place_time(STORE_CLASS_ALERT, 'm', 9)},
		{"later", store_place_time(STORE_CLASS_ALERT, 'm', 300)},
		{"another kind", store_place_time(STORE_CLASS_ALERT, 'n', 0)},
		{"another class", store_place_time(STORE_CLASS_OTHER, 'a', -5)},
		{"after 1970", store_place_time(STORE_CLASS_OTHER, 'a', 1)},
		{"this century", store_place_time(STORE_CLASS_OTHER, 'a',
						  INT64_C(1767225600000))},
		{"never", store_place_time(STORE_CLASS_OTHER, 'a', INT64_MAX)},
	};
	struct store_key low = {.kind = 0}, high = {.kind = 255, .len = 1};
	struct store_row a, b;

	(void)state;
	for (size_t i = 1; i < sizeof(row) / sizeof(row[0]); i++) {
		/* Whatever the keys in them. */
		store_row_wait(&row[i - 1].place, &high, &a);
		store_row_wait(&row[i].place, &low, &b);
		if (row_cmp(&a, &b) >= 0)
			fail_msg("%s", row[i].name);
	}
}

static void
test_places_tell(void **state)
{
	struct store_place t = store_place_time(STORE_CLASS_ALERT, 'm', 77);
	struct store_place r = store_place_ready(5, 2, 9), none;

	(void)state;
	none = store_place_none();
	assert_true(place_is_time(&t) && !place_is_ready(&t));
	assert_int_equal(place_when(&t), 77);
	assert_true(place_is_ready(&r) && !place_is_time(&r));
	assert_true(place_dest(&r) == 5 && place_lane(&r) == 2 &&
		    place_flow(&r) == 9);
	assert_false(place_is_ready(&none) || place_is_time(&none));
	assert_true(store_place_equal(&t, &t));
	assert_false(store_place_equal(&t, &r));
	assert_false(store_place_equal(&none, &r));
}

static size_t
encode(struct store_row *row, uint8_t *ret)
{
	const struct store_key key = {.kind = 'm', .len = 2, .bytes = {1, 2}};
	const struct store_rec rec = {
		.version = 0x0102030405060708,
		.blob = 42,
		.pages = 3,
		.place = store_place_ready(7, 1, 2),
		.value = "value",
		.len = 5,
	};

	store_row_rec(&key, row);
	return store_rec_encode(row, &rec, ret);
}

static void
test_record_round_trip(void **state)
{
	uint8_t bytes[ENGINE_VALUE_MAX];
	struct store_place place = store_place_ready(7, 1, 2);
	struct store_rec rec;
	struct store_row row;
	size_t len;

	(void)state;
	len = encode(&row, bytes);
	assert_int_equal(store_rec_decode(&row, bytes, len, &rec), 0);
	assert_true(rec.version == 0x0102030405060708);
	assert_true(rec.blob == 42 && rec.pages == 3);
	assert_true(store_place_equal(&rec.place, &place));
	assert_int_equal(rec.len, 5);
	assert_memory_equal(rec.value, "value", 5);
}

/* Whatever bit flips, wherever it is cut, whoever's row it is. */
static void
test_record_damage(void **state)
{
	uint8_t bytes[ENGINE_VALUE_MAX];
	struct store_rec rec;
	struct store_row row;
	size_t len;

	(void)state;
	len = encode(&row, bytes);
	for (size_t bit = 0; bit < len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (store_rec_decode(&row, bytes, len, &rec) != -EBADMSG)
			fail_msg("bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < len; n++) {
		if (store_rec_decode(&row, bytes, n, &rec) != -EBADMSG)
			fail_msg("cut at %zu", n);
	}
	row.bytes[1] ^= 1;
	assert_int_equal(store_rec_decode(&row, bytes, len, &rec), -EBADMSG);
}

static void
test_largest(void **state)
{
	static uint8_t bytes[ENGINE_VALUE_MAX], data[STORE_PAGE_MAX];
	struct store_key key = {.kind = 'm', .len = STORE_KEY_MAX};
	struct store_rec rec = {
		.place = store_place_ready(1, 2, 3),
		.value = data,
		.len = STORE_VALUE_MAX,
	};
	struct store_row row;
	size_t len;

	(void)state;
	store_row_rec(&key, &row);
	len = store_rec_encode(&row, &rec, bytes);
	assert_true(len <= ENGINE_VALUE_MAX);
	assert_int_equal(store_rec_decode(&row, bytes, len, &rec), 0);
	assert_int_equal(rec.len, STORE_VALUE_MAX);
	store_row_page(1, 2, &row);
	len = store_page_encode(&row, data, sizeof(data), bytes);
	assert_int_equal(len, ENGINE_VALUE_MAX);
	assert_int_equal(store_page_decode(&row, bytes, len, &len), 0);
	assert_int_equal(len, STORE_PAGE_MAX);
	row.bytes[11] ^= 1; /* another page's number */
	assert_int_equal(store_page_decode(&row, bytes, sizeof(bytes), &len),
			 -EBADMSG);
}

static void
test_rows_parse(void **state)
{
	static const struct {
		const char *name;
		const char *row;
		size_t len;
		int want;
	} row[] = {
		{"nothing", "", 0, -EBADMSG},
		{"an unknown place", "X\0\0\0\0\0\0\0\0\0\0m", 12, -EBADMSG},
		{"half a time", "T\0m\0\0\0\0\0\0\0", 10, -EBADMSG},
		{"a time and no key", "T\0m\0\0\0\0\0\0\0\7", 11, -EBADMSG},
		{"a time and a kind", "T\0m\0\0\0\0\0\0\0\7m", 12, 0},
		{"a list and a kind", "R\0\0\0\0\0\0\0\0\0\0\0\0\0m", 15, 0},
	};
	struct store_place place;
	struct store_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int r = store_row_parse_wait(row[i].row, row[i].len, &place,
					     &key);

		if (r != row[i].want)
			fail_msg("%s: %d", row[i].name, r);
	}
}

static void
test_network_file_systems(void **state)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} row[] = {
		{0x6969, "nfs"},
		{0xff534d42, "cifs"},
		{0xfe534d42, "smb2"},
		{0x00c36400, "ceph"},
		{0xef53, NULL /* ext4 */},
		{0x58465342, NULL /* xfs */},
		{0x9123683e, NULL /* btrfs */},
		{0x01021994, NULL /* tmpfs */},
		{0x794c7630, NULL /* overlay */},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *name = store_fs_network_name(row[i].magic);

		if (row[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, row[i].name);
	}
	assert_true(store_fs_type_is_network("fuse.sshfs"));
	assert_false(store_fs_type_is_network("fuse.fuse-overlayfs"));
	assert_false(store_fs_type_is_network("fuseblk"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_sort),
		cmocka_unit_test(test_places_tell),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_record_damage),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_rows_parse),
		cmocka_unit_test(test_network_file_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
