#include <string.h>

#include "base/crc32c.h"
#include "base/pack.h"
#include "tests/unit/test.h"

static void
test_round_trip(void **state)
{
	struct arena a;
	struct buf b;
	struct pack p = {.out = &b};
	struct unpack u;

	(void)state;
	arena_init(&a);
	buf_init(&b, 100);
	pack_u8(&p, 7);
	pack_u16(&p, 0x1234);
	pack_u32(&p, 0xdeadbeef);
	pack_u64(&p, 1ull << 63);
	pack_str(&p, "anna");
	assert_false(p.bad);

	unpack_init(&u, b.data, b.len);
	assert_int_equal(unpack_u8(&u), 7);
	assert_int_equal(unpack_u16(&u), 0x1234);
	assert_int_equal(unpack_u32(&u), 0xdeadbeef);
	assert_true(unpack_u64(&u) == 1ull << 63);
	assert_string_equal(unpack_str(&u, &a), "anna");
	assert_true(unpack_end(&u));
	assert_int_equal(unpack_u8(&u), 0);
	assert_true(u.bad);
	buf_done(&b);
	arena_done(&a);
}

static void
test_bad_input_stays_bad(void **state)
{
	static const struct {
		const char *name;
		const char *data;
		size_t len;
	} row[] = {
		{"empty", "", 0},
		{"half a length", "\0", 1},
		{"longer than the rest", "\0\5ab", 4},
		{"a NUL inside", "\0\2a\0", 4},
	};
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct unpack u;

		unpack_init(&u, row[i].data, row[i].len);
		unpack_str(&u, &a);
		if (!u.bad)
			fail_msg("%s", row[i].name);
		assert_false(unpack_end(&u));
	}
	arena_done(&a);
}

static void
test_pack_ceiling(void **state)
{
	struct buf b;
	struct pack p = {.out = &b};

	(void)state;
	buf_init(&b, 3);
	pack_u32(&p, 1);
	assert_true(p.bad);
	buf_done(&b);
}

/* RFC 3720, B.4: 32 bytes of zeros; and "123456789", the usual check value. */
static void
test_crc32c(void **state)
{
	static const char zeros[32];
	const char *text = "123456789";
	uint32_t crc;

	(void)state;
	assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c(0, text, 9), 0xe3069283);
	assert_int_equal(crc32c_portable(0, text, 9), 0xe3069283);
	crc = crc32c(0, text, 4);
	assert_int_equal(crc32c(crc, text + 4, 5), 0xe3069283);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad_input_stays_bad),
		cmocka_unit_test(test_pack_ceiling),
		cmocka_unit_test(test_crc32c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
