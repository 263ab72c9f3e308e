#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/metric.h"

static const struct metric_desc plain = {
	.name = "t_plain_total", .type = METRIC_COUNTER, .help = "Plain."};
static const struct metric_desc labelled = {.name = "t_labelled_total",
					    .type = METRIC_COUNTER,
					    .help = "Labelled.",
					    .labels = {"a", "b"}};
static const struct metric_desc gauge = {
	.name = "t_gauge", .type = METRIC_GAUGE, .help = "A gauge."};
static const struct metric_desc dests = {.name = "t_waiting",
					 .type = METRIC_GAUGE,
					 .help = "By destination.",
					 .labels = {"destination"}};
static const double buckets[] = {0.001, 0.5, 10, 0};
static const struct metric_desc seconds = {.name = "t_seconds",
					   .type = METRIC_HISTOGRAM,
					   .help = "How long.",
					   .labels = {"class"},
					   .buckets = buckets};

static void
assert_text(struct metrics *m, const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(metrics_render(m, &out), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
}

static void
test_text(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f;

	(void)state;
	metric_add(metric_cell(metric_register(m, &plain), NULL), 3);
	f = metric_register(m, &labelled);
	metric_add(metric_cell(f, "x", "q\"\\\n\xff\xc3\xa4", NULL), 1);
	metric_add(metric_cell(f, "x", "y", NULL), 2);
	metric_add(metric_cell(f, "x", "y", NULL), 2);
	f = metric_register(m, &gauge);
	metric_set(metric_cell(f, NULL), 0.5);
	metric_add(metric_cell(f, NULL), -2);
	f = metric_register(m, &seconds);
	metric_observe(metric_cell(f, "normal", NULL), 0.001);
	metric_observe(metric_cell(f, "normal", NULL), 0.25);
	metric_observe(metric_cell(f, "normal", NULL), 99);
	/* A wall clock that was set back. */
	metric_observe(metric_cell(f, "normal", NULL), -3600);
	assert_text(m,
		    "# HELP t_plain_total Plain.\n"
		    "# TYPE t_plain_total counter\n"
		    "t_plain_total 3\n"
		    "# HELP t_labelled_total Labelled.\n"
		    "# TYPE t_labelled_total counter\n"
		    "t_labelled_total{a=\"x\",b=\"q\\\"\\\\\\n?\xc3\xa4\"} 1\n"
		    "t_labelled_total{a=\"x\",b=\"y\"} 4\n"
		    "# HELP t_gauge A gauge.\n"
		    "# TYPE t_gauge gauge\n"
		    "t_gauge -1.5\n"
		    "# HELP t_seconds How long.\n"
		    "# TYPE t_seconds histogram\n"
		    "t_seconds_bucket{class=\"normal\",le=\"0.001\"} 2\n"
		    "t_seconds_bucket{class=\"normal\",le=\"0.5\"} 3\n"
		    "t_seconds_bucket{class=\"normal\",le=\"10\"} 3\n"
		    "t_seconds_bucket{class=\"normal\",le=\"+Inf\"} 4\n"
		    "t_seconds_sum{class=\"normal\"} 99.251\n"
		    "t_seconds_count{class=\"normal\"} 4\n");
	metrics_free(&m);
}

static void
test_value(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f = metric_register(m, &plain);

	(void)state;
	assert_ptr_equal(metric_register(m, &plain), f);
	metric_add(metric_cell(f, NULL), 7);
	assert_true(metric_value(metric_cell(f, NULL)) == 7);
	f = metric_register(m, &seconds);
	metric_observe(metric_cell(f, "bulk", NULL), 1);
	assert_true(metric_value(metric_cell(f, "bulk", NULL)) == 1);
	metrics_free(&m);
	metrics_free(&m);
}

static void
scrape_dests(void *arg)
{
	struct metric_family *f = arg;

	metric_family_clear(f);
	metric_set(metric_cell(f, "now", NULL), 1);
}

static void
test_scrape_hook(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f = metric_register(m, &dests);

	(void)state;
	metric_set(metric_cell(f, "gone", NULL), 9);
	metrics_on_scrape(m, scrape_dests, f);
	assert_text(m, "# HELP t_waiting By destination.\n"
		       "# TYPE t_waiting gauge\n"
		       "t_waiting{destination=\"now\"} 1\n");
	metrics_free(&m);
}

static void
test_ceilings(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f = metric_register(m, &dests);
	struct buf out;
	char name[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		metric_add(metric_cell(f, name, NULL), 1);
	}
	assert_true(metric_value(metric_cell(f, "other", NULL)) == 5000 - 4096);
	for (size_t max = 0; max < 300; max++) {
		buf_init(&out, max);
		assert_int_equal(metrics_render(m, &out), -EMSGSIZE);
		buf_done(&out);
	}
	metrics_free(&m);
}

static void *
adder(void *arg)
{
	struct metrics *m = arg;
	struct metric_family *f = metric_register(m, &labelled);
	struct metric_cell *g = metric_cell(metric_register(m, &gauge), NULL);
	struct buf out;

	for (int i = 0; i < 20000; i++) {
		metric_add(metric_cell(f, "x", "y", NULL), 1);
		metric_add(g, i % 2 ? 1 : -1);
	}
	buf_init(&out, 1 << 20);
	assert_int_equal(metrics_render(m, &out), 0);
	buf_done(&out);
	return NULL;
}

static void
test_threads(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f = metric_register(m, &labelled);
	pthread_t t[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, adder, m), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_true(metric_value(metric_cell(f, "x", "y", NULL)) == 80000);
	f = metric_register(m, &gauge);
	assert_true(metric_value(metric_cell(f, NULL)) == 0);
	metrics_free(&m);
}

/* What Prometheus itself says of our text. */
static void
test_promtool(void **state)
{
	struct metrics *m = metrics_new();
	struct metric_family *f;
	struct buf out;
	FILE *to;

	(void)state;
	if (access("/usr/bin/promtool", X_OK) < 0)
		skip();
	metric_register(m, &plain);
	f = metric_register(m, &labelled);
	metric_add(metric_cell(f, "x", "q\"\\\n\xff\xc3\xa4", NULL), 1);
	metric_register(m, &dests);
	f = metric_register(m, &seconds);
	metric_observe(metric_cell(f, "normal", NULL), 0.25);
	buf_init(&out, 1 << 20);
	assert_int_equal(metrics_render(m, &out), 0);
	to = popen("promtool check metrics", "w");
	assert_non_null(to);
	fputs(buf_str(&out), to);
	assert_int_equal(pclose(to), 0);
	buf_done(&out);
	metrics_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_scrape_hook),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
