#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static void
test_batch(void **state)
{
	struct alert_batch b;

	(void)state;
	alert_batch_init(&b);
	for (int i = 0; i < ALERT_BATCH_MAX; i++) {
		struct alert *a = alert_batch_add(&b);

		assert_non_null(a);
		assert_string_equal(a->url, "");
		a->starts_ms = i;
	}
	assert_null(alert_batch_add(&b));
	assert_int_equal(b.n, ALERT_BATCH_MAX);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(b.v[i].starts_ms, i);
	alert_batch_done(&b);
	alert_batch_done(NULL);
}

/* TIMES PIECE. */
static char *
repeat(const char *piece, size_t times)
{
	size_t len = strlen(piece);
	char *s = xcalloc(times * len + 1, 1);

	for (size_t i = 0; i < times; i++)
		memcpy(s + i * len, piece, len);
	return s;
}

static const struct {
	const char *name, *piece;
	size_t a, b, c; /* pieces in each of three annotations */
	size_t a_len, b_len, c_len;
} rows[] = {
	{"all fit", "x", 10, 20, 16354, 10, 20, 16354},
	{"one byte too many", "x", 10, 20, 16355, 10, 20, 16354},
	{"one is long", "x", 10, 20, 100000, 10, 20, 16354},
	{"two are long", "x", 10, 50000, 100000, 10, 8187, 8187},
	{"all are long", "x", 50000, 6000, 5000, 5692, 5692, 5000},
	{"at a character", "\xc3\xbc", 5, 10, 20000, 10, 20, 16353},
	{"one of four bytes", "\xf0\x9f\x94\x94", 0, 0, 5000, 0, 0, 16383},
};

static size_t
annotation_len(const struct alert *a, const char *name)
{
	const char *value = labels_get(&a->annotations, name);

	return value == NULL ? 0 : strlen(value);
}

static void
test_trim(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *v[] = {repeat(rows[i].piece, rows[i].a),
			     repeat(rows[i].piece, rows[i].b),
			     repeat(rows[i].piece, rows[i].c)};
		struct labels_builder b;
		struct arena arena;
		struct alert a = {.url = "http://x/"};
		const char *c;

		print_message("%s\n", rows[i].name);
		arena_init(&arena);
		labels_builder_init(&b, &arena);
		assert_int_equal(labels_set(&b, "a", v[0]), 0);
		assert_int_equal(labels_set(&b, "b", v[1]), 0);
		assert_int_equal(labels_set(&b, "c", v[2]), 0);
		labels_finish_annotations(&b, &a.annotations);
		alert_trim(&a, &arena);
		assert_int_equal(annotation_len(&a, "a"), rows[i].a_len);
		assert_int_equal(annotation_len(&a, "b"), rows[i].b_len);
		assert_int_equal(annotation_len(&a, "c"), rows[i].c_len);
		c = labels_get(&a.annotations, "c");
		assert_true(utf8_is_valid(c));
		if (strlen(c) < strlen(v[2]))
			assert_string_equal(c + strlen(c) - 3, "...");
		assert_string_equal(a.url, "http://x/");
		arena_done(&arena);
		for (size_t k = 0; k < ROWS(v); k++)
			free(v[k]);
	}
}

static void
test_trim_url(void **state)
{
	char *url = repeat("u", ALERT_URL_MAX + 1);
	struct alert a = {.url = url + 1};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	alert_trim(&a, &arena);
	assert_ptr_equal(a.url, url + 1);
	a.url = url;
	alert_trim(&a, &arena);
	assert_string_equal(a.url, "");
	arena_done(&arena);
	free(url);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_trim_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
