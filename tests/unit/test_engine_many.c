/*
 * A hundred thousand firing alerts (a tenth of that without ENGINE_MANY): what
 * they take of memory, how long a start takes, and what their re-posts cost.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define EACH 1000 /* posted at once */
#define PAGE 100  /* listed at once */

static long
many(void)
{
	const char *env = getenv("ENGINE_MANY");

	return env != NULL ? atol(env) : 10000;
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Anonymous memory, in MB: the store's map is the kernel's. */
static long
anonymous_mb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb / 1024;
}

static void
heard(const struct engine_mail *m)
{
	(void)m;
}

static void
post(struct engine_rig *er, long from, int64_t ends_ms)
{
	static struct engine_alert v[EACH];
	static char labels[EACH][200];

	for (long i = 0; i < EACH; i++) {
		snprintf(labels[i], sizeof(labels[i]),
			 "alertname=Rule%ld instance=host%ld.example.org:9100 "
			 "job=node severity=warning cluster=c%ld "
			 "prometheus=monitoring/k8s",
			 (from + i) % 100, from + i, (from + i) % 7);
		v[i] = (struct engine_alert){
			.source = "alertmanager",
			.labels = labels[i],
			.annotations = "summary=a_few_words_of_what_is_wrong "
				       "description=and_some_more_words_"
				       "about_what_to_do_with_it",
			.ends_ms = ends_ms,
		};
	}
	assert_int_equal(engine_rig_take(er, v, EACH), 0);
}

static void
post_all(struct engine_rig *er)
{
	int64_t ends = clock_wall_ms(er->rig.clock) + 4 * MINUTE;

	for (long n = 0; n < many(); n += EACH)
		post(er, n, ends);
}

static bool
see(void *arg, const struct incident_view *v)
{
	size_t *n = arg;

	(void)v;
	(*n)++;
	return true;
}

/* A page costs what it shows. */
static void
list_all(struct engine_rig *er)
{
	double cpu = cpu_s();
	uint64_t from = 0;
	size_t n = 0;

	do
		from = engine_each(er->e, NULL, from, PAGE, see, &n);
	while (from != 0);
	cpu = cpu_s() - cpu;
	print_message("listed in %.2f s of CPU, %d in a page\n", cpu, PAGE);
	assert_int_equal(n, many());
	assert_true(cpu < 1 + 20e-6 * (double)many());
}

static void
hold(const char *yaml, const char *name)
{
	struct engine_rig er;
	long before = anonymous_mb(), after;
	double start, cpu, load;
	struct engine_status st;

	engine_rig_init(&er, NULL);
	er.on_mail = heard;
	engine_rig_rules(&er, yaml);
	start = now_s();
	post_all(&er);
	print_message("%s: %ld posted in %.1f s\n", name, many(),
		      now_s() - start);
	start = now_s();
	cpu = cpu_s();
	engine_rig_advance(&er, 40 * SECOND, 5 * SECOND);
	print_message("told in %.1f s, %.1f s of CPU\n", now_s() - start,
		      cpu_s() - cpu);
	cpu = cpu_s();
	for (int i = 0; i < 3; i++) {
		engine_rig_advance(&er, MINUTE, 10 * SECOND);
		post_all(&er);
	}
	print_message("re-posted: %.2f s of CPU each time\n",
		      (cpu_s() - cpu) / 3);
	list_all(&er);
	malloc_trim(0);
	after = anonymous_mb();
	print_message("%ld MB\n", after - before);
	engine_rig_close(&er);
	malloc_trim(0);
	start = now_s();
	cpu = cpu_s();
	engine_rig_open(&er);
	load = cpu_s() - cpu;
	engine_status(er.e, &st);
	assert_int_equal(st.incidents[INCIDENT_OPEN], many());
	malloc_trim(0);
	print_message("read again in %.2f s, %.2f s of CPU, %ld MB\n",
		      now_s() - start, load, anonymous_mb() - before);
	assert_true(after - before < 180 * many() / 100000 + 40);
	assert_true(load < 2.0);
	engine_rig_done(&er);
}

static void
test_groups(void **state)
{
	(void)state;
	hold("mail: [anna@example.org]\n", "by alertname");
}

static void
test_each(void **state)
{
	(void)state;
	hold("mail: [anna@example.org]\n"
	     "route: {receiver: default, group_by: ['...']}\n",
	     "each by itself");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_each),
	};

	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
