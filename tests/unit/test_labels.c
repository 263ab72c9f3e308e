#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/labels.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* "name=value" pairs, set in this order. */
struct pair {
	const char *name, *value;
};

static void
make(struct arena *arena, const struct pair *v, size_t n, struct labels *ret)
{
	struct labels_builder b;

	labels_builder_init(&b, arena);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(labels_set(&b, v[i].name, v[i].value), 0);
	assert_int_equal(labels_finish(&b, ret), 0);
}

static const struct {
	const char *name, *label, *value;
	int r;
} set_rows[] = {
	{"plain", "alertname", "Disk", 0},
	{"underscore", "_a9", "x", 0},
	{"empty value", "a", "", 0},
	{"UTF-8", "a", "gr\xc3\xbc\xc3\x9f", 0},
	{"newline", "a", "x\ny", 0},
	{"digit first", "9a", "x", -EINVAL},
	{"empty name", "", "x", -EINVAL},
	{"dash", "a-b", "x", -EINVAL},
	{"colon", "a:b", "x", -EINVAL},
	{"beyond ASCII", "gr\xc3\xbc", "x", -EINVAL},
	{"no UTF-8", "a", "\xff", -EINVAL},
	{"overlong", "a", "\xc0\x80", -EINVAL},
};

static void
test_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(set_rows); i++) {
		struct labels_builder b;
		struct arena arena;

		print_message("%s\n", set_rows[i].name);
		arena_init(&arena);
		labels_builder_init(&b, &arena);
		assert_int_equal(
			labels_set(&b, set_rows[i].label, set_rows[i].value),
			set_rows[i].r);
		assert_int_equal(b.n, set_rows[i].r == 0 &&
					      set_rows[i].value[0] != '\0');
		arena_done(&arena);
	}
}

static void
test_name_len(void **state)
{
	char name[LABEL_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[LABEL_NAME_MAX] = '\0';
	assert_true(label_name_is_valid(name));
	name[LABEL_NAME_MAX] = 'a';
	name[LABEL_NAME_MAX + 1] = '\0';
	assert_false(label_name_is_valid(name));
}

static void
test_order(void **state)
{
	static const struct pair v[] = {
		{"b", "2"}, {"a", "1"}, {"c", "3"}, {"B", "x"},
		{"b", "4"}, {"c", ""},  {"d", ""},
	};
	struct arena arena;
	struct labels l, copy;

	(void)state;
	arena_init(&arena);
	make(&arena, v, ROWS(v), &l);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0].name, "B");
	assert_string_equal(l.v[1].name, "a");
	assert_string_equal(l.v[2].name, "b");
	assert_string_equal(labels_get(&l, "b"), "4");
	assert_null(labels_get(&l, "c"));
	assert_null(labels_get(&l, ""));
	labels_copy(&arena, &l, &copy);
	assert_true(labels_equal(&l, &copy));
	assert_ptr_not_equal(l.v[0].name, copy.v[0].name);
	copy.n = 2;
	assert_false(labels_equal(&l, &copy));
	copy.n = 3;
	copy.v[2].value = "5";
	assert_false(labels_equal(&l, &copy));
	arena_done(&arena);
}

static void
test_limits(void **state)
{
	char value[LABELS_BYTES_MAX];
	struct labels_builder b;
	struct arena arena;
	struct labels l;
	char name[16];

	(void)state;
	arena_init(&arena);
	labels_builder_init(&b, &arena);
	for (int i = 0; i < LABELS_MAX; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		assert_int_equal(labels_set(&b, name, "x"), 0);
	}
	assert_int_equal(labels_set(&b, "more", "x"), -E2BIG);
	assert_int_equal(labels_set(&b, "l7", "y"), 0);
	assert_int_equal(labels_finish(&b, &l), 0);

	/* 2 for their number, 2 + 1 and 2 for name and value. */
	labels_builder_init(&b, &arena);
	memset(value, 'x', sizeof(value));
	value[LABELS_BYTES_MAX - 7] = '\0';
	assert_int_equal(labels_set(&b, "a", value), 0);
	assert_int_equal(labels_finish(&b, &l), 0);
	value[LABELS_BYTES_MAX - 7] = 'x';
	value[LABELS_BYTES_MAX - 6] = '\0';
	assert_int_equal(labels_set(&b, "a", value), 0);
	assert_int_equal(labels_finish(&b, &l), -E2BIG);
	labels_finish_annotations(&b, &l);
	assert_int_equal(l.n, 1);
	arena_done(&arena);
}

/* N labels of LEN bytes each beside alertname and severity; LAST is the last
 * byte of the last. */
static uint64_t
cut(struct arena *arena, size_t n, size_t len, char last, struct labels *ret)
{
	char *value = arena_alloc(arena, len + 1), name[24];
	struct labels_builder b;

	labels_builder_init(&b, arena);
	b.most = LABELS_TOLD_MAX;
	memset(value, 'x', len);
	value[len] = '\0';
	assert_int_equal(labels_set(&b, "alertname", value), 0);
	assert_int_equal(labels_set(&b, "severity", "critical"), 0);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "l%03zu", i);
		if (i + 1 == n)
			value[len - 1] = last;
		assert_int_equal(labels_set(&b, name, value), 0);
	}
	return labels_finish_cut(&b, ret);
}

static void
test_cut(void **state)
{
	static const struct {
		size_t n, len, left;
		const char *severity;
	} row[] = {
		{1, 10, 3, "critical"},     {1, 2000, 3, "critical"},
		{60, 2000, 62, "critical"}, {254, 3, 64, "critical"},
		{254, 500, 64, "critical"},
	};
	struct arena arena;
	struct buf packed;
	struct labels l, other;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ROWS(row); i++) {
		uint64_t print = cut(&arena, row[i].n, row[i].len, 'y', &l);
		struct pack p = {.out = &packed};

		print_message("%zu of %zu\n", row[i].n, row[i].len);
		assert_int_equal(l.n, row[i].left);
		assert_string_equal(labels_get(&l, "severity"),
				    row[i].severity);
		assert_non_null(labels_get(&l, "alertname"));
		for (size_t k = 1; k < l.n; k++)
			assert_true(strcmp(l.v[k - 1].name, l.v[k].name) < 0);
		buf_init(&packed, 10000);
		labels_pack(&p, &l);
		assert_true(packed.len <= LABELS_BYTES_MAX);
		buf_done(&packed);
		/* The same each time; and another where only what was cut is. */
		assert_true(cut(&arena, row[i].n, row[i].len, 'y', &other) ==
			    print);
		assert_true(labels_equal(&l, &other));
		assert_true(cut(&arena, row[i].n, row[i].len, 'z', &other) !=
			    print);
	}
	cut(&arena, 1, 2000, 'y', &l);
	assert_string_equal(labels_get(&l, "l000") +
				    strlen(labels_get(&l, "l000")) - 3,
			    "...");
	arena_done(&arena);
}

/* What Alertmanager 0.25 says of them in its webhook. */
static void
test_fingerprint(void **state)
{
	static const struct pair v[] = {
		{"alertname", "DiskWillFillIn4Hours"},
		{"cluster", "london"},
		{"monitor", "ocp"},
		{"severity", "critical"},
	};
	struct labels l, none = {.n = 0};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	make(&arena, v, ROWS(v), &l);
	assert_true(labels_fingerprint(&l) == UINT64_C(0x628dbe579bc25680));
	assert_true(labels_fingerprint(&none) ==
		    UINT64_C(14695981039346656037));
	arena_done(&arena);
}

static void
test_pack(void **state)
{
	static const struct pair v[] = {{"a", "1"},
					{"b", "gr\xc3\xbc\xc3\x9f"}};
	struct labels l, again;
	struct arena arena;
	struct pack p;
	struct unpack u;
	struct buf out;

	(void)state;
	arena_init(&arena);
	buf_init(&out, 1000);
	make(&arena, v, ROWS(v), &l);
	p = (struct pack){.out = &out};
	labels_pack(&p, &l);
	assert_false(p.bad);
	unpack_init(&u, out.data, out.len);
	assert_int_equal(labels_unpack(&u, &arena, &again), 0);
	assert_true(unpack_end(&u));
	assert_true(labels_equal(&l, &again));
	for (size_t len = 0; len < out.len; len++) {
		unpack_init(&u, out.data, len);
		assert_int_equal(labels_unpack(&u, &arena, &again), -EBADMSG);
	}
	buf_done(&out);
	arena_done(&arena);
}

static const struct {
	const char *name;
	struct pair v[2];
} bad_rows[] = {
	{"out of order", {{"b", "1"}, {"a", "1"}}},
	{"twice", {{"a", "1"}, {"a", "1"}}},
	{"no name", {{"", "1"}, {"a", "1"}}},
	{"empty value", {{"a", "1"}, {"b", ""}}},
	{"no UTF-8", {{"a", "1"}, {"b", "\xff"}}},
};

static void
test_unpack_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bad_rows); i++) {
		struct labels l = {.n = 7};
		struct arena arena;
		struct unpack u;
		struct pack p;
		struct buf out;

		print_message("%s\n", bad_rows[i].name);
		arena_init(&arena);
		buf_init(&out, 1000);
		p = (struct pack){.out = &out};
		pack_u16(&p, 2);
		for (size_t k = 0; k < 2; k++) {
			pack_str(&p, bad_rows[i].v[k].name);
			pack_str(&p, bad_rows[i].v[k].value);
		}
		unpack_init(&u, out.data, out.len);
		assert_int_equal(labels_unpack(&u, &arena, &l), -EBADMSG);
		assert_int_equal(l.n, 7);
		buf_done(&out);
		arena_done(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_name_len),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_unpack_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
