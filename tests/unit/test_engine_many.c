/*
 * A hundred thousand firing alerts (a tenth of that without ENGINE_MANY): what
 * they take of memory; each is told once, whatever its source repeats, and all
 * are there after a start. How long that takes is the bench's to say.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static size_t nheard;

static void
heard(const struct engine_mail *m)
{
	(void)m;
	nheard++;
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

/* Page by page. */
static void
list_all(struct engine_rig *er)
{
	uint64_t from = 0;
	size_t n = 0, before;

	do {
		before = n;
		from = engine_each(er->e, NULL, from, PAGE, see, &n);
		assert_true(n - before <= PAGE);
	} while (from != 0);
	assert_int_equal(n, many());
}

static void
count_is(struct engine_rig *er)
{
	struct engine_status st;

	engine_status(er->e, &st);
	assert_int_equal(st.incidents[INCIDENT_OPEN], many());
	assert_int_equal(st.notices_out, 0);
	assert_int_equal(st.failed, 0);
}

/* NMAILS are sent. */
static void
hold(const char *yaml, const char *name, size_t nmails)
{
	struct engine_rig er;
	long before = anonymous_mb(), after;

	nheard = 0;
	engine_rig_init(&er, NULL);
	er.on_mail = heard;
	engine_rig_rules(&er, yaml);
	post_all(&er);
	engine_rig_advance(&er, 40 * SECOND, 5 * SECOND);
	assert_int_equal(nheard, nmails);
	for (int i = 0; i < 3; i++) {
		engine_rig_advance(&er, MINUTE, 10 * SECOND);
		post_all(&er);
	}
	list_all(&er);
	count_is(&er);
	malloc_trim(0);
	after = anonymous_mb();
	engine_rig_close(&er);
	engine_rig_open(&er);
	list_all(&er);
	count_is(&er);
	engine_rig_advance(&er, MINUTE, 10 * SECOND);
	assert_int_equal(nheard, nmails);
	malloc_trim(0);
	print_message("%s: %ld MB, after a start %ld MB\n", name,
		      after - before, anonymous_mb() - before);
	assert_true(after - before < 180 * many() / 100000 + 40);
	engine_rig_done(&er);
}

static void
test_groups(void **state)
{
	(void)state;
	hold("mail: [anna@example.org]\n", "by alertname", 100);
}

static void
test_each(void **state)
{
	(void)state;
	hold("mail: [anna@example.org]\n"
	     "route: {receiver: default, group_by: ['...']}\n",
	     "each by itself", (size_t)many());
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
