/*
 * A receiver's rate, and what else falls due while something waits for its
 * digest.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Disk host=c"
#define K "alertname=Load host=a severity=critical"

#define RATE(limit, more)                                                      \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: ops, mail: [anna@example.org],\n"                            \
	"   rate: {limit: " limit ", burst: 1, digest: 30m}}\n"                \
	"route: {receiver: ops, group_by: [host]" more "}\n"

static const struct {
	const char *name, *first, *told;
} storm_rows[] = {
	/* One is told at once, whichever is first. */
	{"the rate is not used up", NULL,
	 "anna digest Storm1 and 1 more: +Storm1 +Storm2\n"
	 "anna firing Storm0: +Storm0\n"},
	{"it is used up", C,
	 "anna digest Storm0 and 2 more: +Storm0 +Storm1 +Storm2\n"
	 "anna firing Disk: +c\n"},
};

/* What the rate has room for comes by itself, the rest in the digest. */
static void
test_storm(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(storm_rows) / sizeof(storm_rows[0]);
	     i++) {
		struct engine_rig er;
		char labels[64];

		print_message("%s\n", storm_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er,
				 "own: []\n"
				 "receivers:\n"
				 "- {name: ops, mail: [anna@example.org],\n"
				 "   rate: {limit: 1/1d, burst: 1, digest: "
				 "30m}}\n"
				 "route: {receiver: ops, group_by: "
				 "['...']}\n");
		if (storm_rows[i].first != NULL)
			engine_rig_fire(&er, storm_rows[i].first);
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		for (int k = 0; k < 3; k++) {
			snprintf(labels, sizeof(labels), "alertname=Storm%d",
				 k);
			engine_rig_fire(&er, labels);
			engine_rig_advance(&er, SECOND, SECOND);
		}
		engine_rig_advance(&er, HOUR, 10 * SECOND);
		assert_told(&er, storm_rows[i].told);
		engine_rig_done(&er);
	}
}

/* A reminder that falls due meanwhile brings none of it before its time. */
static void
test_reminder(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, RATE("1/1d", ", repeat_interval: 10m"));
	engine_rig_fire(er, C);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +c\n");
	engine_rig_resolve(er, C);
	engine_rig_fire(er, A);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 29 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	assert_told(er, "anna digest Disk: -c +a +b\n");
}

/* One of what is critical is not held back, and brings what it has. */
static void
test_reminder_critical(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, RATE("1/1d", ", repeat_interval: 10m"));
	engine_rig_fire(er, C);
	engine_rig_fire(er, K);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +c\nanna firing Load: +a\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 8 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna more Load: +a a\nanna reminder Disk: c\n");
}

static void
silence_done(void *arg, int result, const char *id)
{
	(void)id;
	engine_rig_answered(arg, result);
}

static void
silence(struct engine_rig *er, const char *text, int64_t ms)
{
	int64_t now = clock_wall_ms(er->rig.clock);
	struct engine_silence s = {.starts_ms = now,
				   .ends_ms = now + ms,
				   .created_by = "anna",
				   .comment = ""};
	struct arena arena;
	char *why = NULL;

	arena_init(&arena);
	assert_int_equal(matchers_parse(text, &arena, &s.matchers, &why), 0);
	engine_silence_set(er->e, &s, silence_done, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

/* Nothing was to be said when the digest was due: what comes long after it is
 * told by itself. */
static void
test_digest_past(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, RATE("2/1h", ""));
	engine_rig_fire(er, C);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +c\n");
	silence(er, "host=a", 3 * HOUR);
	engine_rig_advance(er, 179 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* The first of the rate, and a digest, can't be written: the next try is in a
 * minute, and no digest later. */
static void
test_unwritten(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, RATE("1/1d", ""));
	er->unwritten = "anna@example.org";
	engine_rig_fire(er, C);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	er->unwritten = NULL;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +c\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	er->unwritten = "anna@example.org";
	engine_rig_advance(er, 11 * MINUTE, SECOND);
	assert_told(er, "");
	er->unwritten = NULL;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna digest Disk: +a\n");
}

static void
test_rate(void **state)
{
	struct engine_rig *er = *state;
	char labels[64];

	engine_rig_rules(er,
			 "receivers:\n- {name: all, mail: [anna@example.org], "
			 "rate: {limit: 6/1h, burst: 2, digest: 15m}}\n"
			 "route: {receiver: all, group_by: ['...']}\n");
	for (int i = 0; i < 5; i++) {
		snprintf(labels, sizeof(labels), "alertname=N%d", i);
		engine_rig_fire(er, labels);
		engine_rig_advance(er, SECOND, SECOND);
	}
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing N0: +N0\nanna firing N1: +N1\n");
	/* Critical is never held back. */
	engine_rig_fire(er, "alertname=Fire severity=critical");
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Fire: +Fire\n");
	engine_rig_advance(er, 15 * MINUTE, SECOND);
	assert_told(er, "anna digest N2 and 2 more: +N2 +N3 +N4\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

static const char slow[] = "own: []\n"
			   "receivers:\n"
			   "- {name: ops, mail: [anna@example.org],\n"
			   "   rate: {limit: 1/10m, burst: 1, digest: 5m}}\n"
			   "route: {receiver: ops, group_by: [host]}\n";

static const struct {
	const char *name;
	bool restart;    /* before the digest */
	int64_t back_ms; /* it fires again so long after its end; 0: never */
	const char *told;
} rate_rows[] = {
	{"it ended before", false, 0, "anna digest Disk: +b -a\n"},
	{"after a start", true, 0,
	 "anna digest Disk: +b\nanna was_down Disk: -a\n"},
	{"it is back", false, 3 * MINUTE, "anna digest Disk: +b +a\n"},
};

/* What is over the rate is in the digest, also if it is over by then. */
static void
test_rate_ended(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rate_rows) / sizeof(rate_rows[0]); i++) {
		struct engine_rig er;

		print_message("%s\n", rate_rows[i].name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, slow);
		engine_rig_fire(&er, "alertname=Disk host=c");
		engine_rig_advance(&er, 40 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk: +c\n");
		engine_rig_fire(&er, A);
		engine_rig_fire(&er, B);
		engine_rig_advance(&er, MINUTE, SECOND);
		engine_rig_resolve(&er, A);
		if (rate_rows[i].restart) {
			engine_rig_close(&er);
			engine_rig_open(&er);
		}
		if (rate_rows[i].back_ms != 0) {
			engine_rig_advance(&er, rate_rows[i].back_ms, SECOND);
			assert_told(&er, "");
			engine_rig_fire(&er, A);
		}
		engine_rig_advance(&er, 12 * MINUTE, SECOND);
		assert_told(&er, rate_rows[i].told);
		engine_rig_done(&er);
	}
}

/* What joins a group that waits for the digest waits with it. */
static void
test_rate_joined(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, slow);
	engine_rig_fire(er, "alertname=Disk host=c");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +c\n");
	engine_rig_fire(er, "alertname=Load host=a");
	engine_rig_advance(er, 4 * MINUTE, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna digest Disk: +a +a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
		ENGINE_TEST(test_reminder),
		ENGINE_TEST(test_reminder_critical),
		ENGINE_TEST(test_digest_past),
		ENGINE_TEST(test_unwritten),
		ENGINE_TEST(test_rate),
		cmocka_unit_test(test_rate_ended),
		ENGINE_TEST(test_rate_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
