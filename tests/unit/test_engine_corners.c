/*
 * Where two rules meet: what one of them does must not lose what the other
 * owes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

static char silence_id[ENGINE_SILENCE_ID];

static void
silenced(void *arg, int result, const char *id)
{
	engine_rig_answered(arg, result);
	snprintf(silence_id, sizeof(silence_id), "%s", id);
}

static void
silence(struct engine_rig *er, const char *matchers, int64_t until)
{
	int64_t now = clock_wall_ms(er->rig.clock);
	struct engine_silence s = {
		.starts_ms = now,
		.ends_ms = now + until,
		.created_by = "anna",
		.comment = "",
	};
	struct arena arena;
	char *why = NULL;

	arena_init(&arena);
	assert_int_equal(matchers_parse(matchers, &arena, &s.matchers, &why),
			 0);
	engine_silence_set(er->e, &s, silenced, er);
	matchers_done(&s.matchers);
	arena_done(&arena);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
}

/* --- a reload ------------------------------------------------------------------ */

#define STEPS                                                                  \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: oncall, mail: [anna@example.org]}\n"                         \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"- {name: chief, mail: [chief@example.org]}\n"                         \
	"route:\n"                                                             \
	"  receiver: oncall\n"                                                 \
	"  escalate: [{after: 10m, receiver: boss}, {after: 20m, receiver: "   \
	"chief}]\n"
#define NO_STEPS                                                               \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: oncall, mail: [anna@example.org]}\n"                         \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: oncall}\n"

/* The steps that were taken are no more. */
static void
test_reload_steps(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, STEPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 25 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a\n"
			"boss escalation Disk: +a\n"
			"chief escalation Disk: +a\n");
	engine_rig_rules(er, NO_STEPS);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_told(er, "anna more Disk: +b a\n");
	engine_rig_resolve(er, A);
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	/* Whoever was told is told the end. */
	assert_told(er, "anna recovery Disk: -a -b\n"
			"boss recovery Disk: -a\n"
			"chief recovery Disk: -a\n");
}

#define HOOKS                                                                  \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- name: oncall\n"                                                     \
	"  mail: [anna@example.org]\n"                                         \
	"  ntfy: [{name: x, url: 'https://ntfy.example.org/x'}]\n"             \
	"route: {receiver: oncall}\n"
#define NO_HOOKS                                                               \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: oncall, mail: [anna@example.org]}\n"                         \
	"route: {receiver: oncall}\n"

/* An endpoint is no more: nothing is written for it, and nobody else waits. */
static void
test_reload_endpoint(void **state)
{
	struct engine_rig *er = *state;
	int written;

	engine_rig_rules(er, HOOKS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n"
			"oncall/ntfy/x firing Disk: +a\n");
	engine_rig_rules(er, NO_HOOKS);
	er->unwritten = "oncall/ntfy/x";
	written = er->written;
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "anna recovery Disk: -a\n");
	assert_int_equal(er->written, written + 1);
}

/* --- silences ------------------------------------------------------------------- */

/* One is silenced while another waits for its turn: it does not wait longer. */
static void
test_silence_beside(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_fire(er, "alertname=Disk host=z");
	engine_rig_advance(er, 35 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_rig_fire(er, B);
	engine_rig_advance(er, SECOND, SECOND);
	silence(er, "host=a", 10 * HOUR);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b z\n");
}

/* Somebody else of its group could not be told of another: it is as new all
 * the same. */
static void
test_silence_refused(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\n"
			     "mail: [anna@example.org, ben@example.org]\n");
	er->far = FAR_REFUSES;
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	silence(er, "host=b", HOUR);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 59 * MINUTE, MINUTE);
	assert_told(er, "");
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_told(er, "anna more Disk: +b a\n");
}

/* --- when telling fails ------------------------------------------------------------ */

/* A letter that can't be written keeps nobody else waiting. */
static void
test_unwritten(void **state)
{
	struct engine_rig *er = *state;
	int written;

	engine_rig_rules(er, "own: []\n"
			     "mail: [anna@example.org, ben@example.org]\n");
	er->unwritten = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk and 1 more: +a +c\n");
	written = er->written;
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "");
	/* ... and is tried by the minute. */
	assert_in_range(er->written - written, 8, 24);
	er->unwritten = NULL;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "+a"));
}

/* Nor is it tried all the time where something else is overdue. */
static void
test_unwritten_step(void **state)
{
	struct engine_rig *er = *state;
	int written;

	engine_rig_rules(er, STEPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	er->unwritten = "boss@example.org";
	clock_advance(er->rig.clock, 11 * MINUTE);
	for (int i = 0; i < 10; i++) {
		engine_turn(er->e);
		rig_settle(&er->rig);
	}
	written = er->written;
	assert_in_range(written, 2, 4);
	er->unwritten = NULL;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
}

#define TEAMS                                                                  \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: both, mail: [anna@example.org, ben@example.org]}\n"          \
	"- {name: ben, mail: [ben@example.org]}\n"                             \
	"route:\n"                                                             \
	"  receiver: both\n"                                                   \
	"  routes: [{matchers: ['team=ben'], receiver: ben}]\n"

/* Never the last address of a receiver, whoever found that out. */
static void
test_suspended_last(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_rules(er, TEAMS);
	er->far = FAR_REFUSES;
	er->dsn = "5.1.1";
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 1);
	er->far = FAR_TAKES;
	engine_rig_fire(er, "alertname=Load host=c team=ben");
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "ben firing Load: +c\n");
}

/* --- outcomes ------------------------------------------------------------------------- */

static void
stepped(void *arg)
{
	loop_stop(arg);
}

/* The loop's next turn, and what it does at once. */
static void
step(struct engine_rig *er)
{
	struct post post = {0};

	loop_post(er->rig.loop, &post, stepped, er->rig.loop);
	loop_run(er->rig.loop);
}

static int
times(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* Keeps the store busy for a moment. */
static void
other_take(struct engine_rig *er)
{
	struct labels none = {.n = 0};
	struct alert a = {.source = "test",
			  .key = "other",
			  .status = ALERT_FIRING,
			  .url = "",
			  .labels = none,
			  .annotations = none};

	engine_take(er->e, &a, 1, NULL, NULL);
}

/* What becomes of a message comes at any moment of what changes: nobody is told
 * twice, and who was told hears of the end. */
static void
test_outcome_at(void **state)
{
	(void)state;
	for (int at = 0; at < 80; at++) {
		int give = at / 8, other = at % 8;
		struct engine_rig er;
		const char *told;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er,
				 "own: []\nmail: [anna@example.org]\n"
				 "route: {receiver: default, resolve_hold: 1s, "
				 "group_interval: 1s}\n");
		er.far = FAR_SLOW;
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 31 * SECOND, SECOND);
		assert_int_equal(er.nout, 1);
		engine_rig_resolve(&er, A);
		clock_advance(er.rig.clock, 5 * SECOND);
		er.far = FAR_TAKES;
		engine_turn(er.e);
		for (int i = 0; i < give; i++) {
			if (i == other)
				other_take(&er);
			step(&er);
		}
		if (give <= other)
			other_take(&er);
		engine_rig_answer(&er, true);
		engine_rig_advance(&er, 2 * MINUTE, SECOND);
		told = engine_rig_mails(&er);
		if (times(told, "+a") != 1 || times(told, "-a") != 1 ||
		    strstr(told, "recovery Disk: -a") == NULL)
			fail_msg("at %d: %s", at, told);
		engine_rig_done(&er);
	}
}

#define ONE_TWO(one, two)                                                      \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: one, mail: [anna@example.org]}\n"                            \
	"- {name: two, mail: [anna@example.org]}\n"                            \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route:\n"                                                             \
	"  receiver: boss\n"                                                   \
	"  routes: [{matchers: ['alertname=Disk'], receiver: " one             \
	"}, {matchers: ['alertname=Load'], receiver: " two "}]\n"

static const struct {
	const char *name, *yaml, *told;
} gone_rows[] = {
	{"the first",
	 "own: []\n"
	 "receivers:\n"
	 "- {name: two, mail: [anna@example.org]}\n"
	 "- {name: boss, mail: [boss@example.org]}\n"
	 "route:\n"
	 "  receiver: boss\n"
	 "  routes: [{matchers: ['alertname=Load'], receiver: two}]\n",
	 "anna recovery Disk and 1 more: -c\n"},
	{"the second",
	 "own: []\n"
	 "receivers:\n"
	 "- {name: one, mail: [anna@example.org]}\n"
	 "- {name: boss, mail: [boss@example.org]}\n"
	 "route:\n"
	 "  receiver: boss\n"
	 "  routes: [{matchers: ['alertname=Disk'], receiver: one}]\n",
	 "anna recovery Disk and 1 more: -a\n"},
};

/* A mail of two receivers is out while one of them vanishes: who is told by the
 * other hears the end. */
static void
test_reload_joined(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct engine_rig er;
		const char *told;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, ONE_TWO("one", "two"));
		er.far = FAR_SLOW;
		engine_rig_take(
			&er,
			(struct engine_alert[]){{.labels = A}, {.labels = C}},
			2);
		engine_rig_advance(&er, 31 * SECOND, SECOND);
		assert_int_equal(er.nout, 1);
		engine_rig_rules(&er, gone_rows[i].yaml);
		er.far = FAR_TAKES;
		engine_rig_answer(&er, true);
		engine_rig_advance(&er, MINUTE, SECOND);
		engine_rig_mails(&er);
		engine_rig_resolve(&er, A);
		engine_rig_resolve(&er, C);
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		told = engine_rig_mails(&er);
		if (strstr(told, gone_rows[i].told) == NULL)
			fail_msg("%s: %s", gone_rows[i].name, told);
		engine_rig_done(&er);
	}
}

/* --- time ------------------------------------------------------------------------------ */

/* A source was silent, and speaks again of some: that the others have not come
 * back is told. */
static void
test_silent_back(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.source = "alertmanager", .labels = A},
		{.source = "alertmanager", .labels = B},
	};

	engine_rig_advance(er, HOUR, HOUR);
	v[0].ends_ms = v[1].ends_ms = clock_wall_ms(er->rig.clock) + 4 * MINUTE;
	engine_rig_take(er, v, 2);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n");
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing BelfrySourceSilent: Nothing has come from "
			"alertmanager any more, with 2 alerts open there: "
			"+BelfrySourceSilent\n");
	for (int i = 0; i < 20; i++) {
		v[0].ends_ms = clock_wall_ms(er->rig.clock) + 4 * MINUTE;
		engine_rig_take(er, v, 1);
		engine_rig_advance(er, MINUTE, 10 * SECOND);
	}
	assert_non_null(strstr(engine_rig_mails(er), "~b"));
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
}

/* The clock is set back: who waits does not wait for as long as that. */
static void
test_clock_back(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	clock_jump(er->rig.clock, -3 * HOUR);
	engine_rig_advance(er, 21 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_fire(er, "alertname=Load host=z");
	engine_rig_advance(er, 6 * MINUTE, 10 * SECOND);
	assert_told(er, "anna more Load: +z c\n");
}

/* --- as many as there may be ---------------------------------------------------------- */

#define AUDIENCE 300
#define ROUTES   40

/* So many addresses of one receiver, which each of so many routes leads to, and
 * to one of its own. */
static const char *
audience(void)
{
	static char yaml[32768];
	size_t len = 0;

#define ADD(...)                                                               \
	len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, __VA_ARGS__)
	ADD("own: []\nmail: [");
	for (int i = 0; i < AUDIENCE; i++)
		ADD("%sa%d@example.org", i > 0 ? ", " : "", i);
	ADD("]\nreceivers:\n");
	for (int i = 0; i < ROUTES; i++)
		ADD("- {name: r%d, mail: [r%d@example.org]}\n", i, i);
	ADD("route:\n  receiver: default\n  routes:\n");
	for (int i = 0; i < ROUTES; i++)
		ADD("  - {receiver: r%d, continue: true}\n", i);
	ADD("  - {receiver: default}\n");
#undef ADD
	assert_true(len < sizeof(yaml));
	return yaml;
}

/* Nobody is left out. */
static void
test_audience(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, audience());
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_int_equal(er->nmails, AUDIENCE + ROUTES);
	er->nmails = 0;
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	assert_int_equal(er->nmails, AUDIENCE + ROUTES);
}

#define CROWD 20000

/* CPU time. */
static int64_t
crowd(struct engine_rig *er, bool resolved)
{
	struct engine_alert *v = calloc(1000, sizeof(*v));
	char(*text)[64] = calloc(1000, sizeof(*text));
	int64_t began = (int64_t)clock();

	for (int at = 0; at < CROWD; at += 1000) {
		for (int i = 0; i < 1000; i++) {
			snprintf(text[i], sizeof(text[i]),
				 "alertname=Disk host=h%d", at + i);
			v[i] = (struct engine_alert){.labels = text[i],
						     .resolved = resolved};
		}
		assert_int_equal(engine_rig_take(er, v, 1000), 0);
	}
	free(v);
	free(text);
	return (int64_t)clock() - began;
}

/* Many of one group that are over in one moment cost no more than it cost to
 * open them. */
static void
test_crowd(void **state)
{
	struct engine_rig *er = *state;
	int64_t opened = crowd(er, false), ended;

	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	ended = crowd(er, true);
	if (ended > 2 * opened)
		fail_msg("%lld us, %lld us", (long long)opened,
			 (long long)ended);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "(0 20000 0)"));
}

/* Of more than are shown, those that still fire are. */
static void
test_partly_many(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[ENGINE_LISTED_MAX + 10];
	char labels[ENGINE_LISTED_MAX + 10][64];
	size_t n = ENGINE_LISTED_MAX + 10;

	for (size_t i = 0; i < n; i++) {
		snprintf(labels[i], sizeof(labels[i]),
			 "alertname=Disk host=h%zu", i);
		v[i] = (struct engine_alert){.labels = labels[i]};
	}
	assert_int_equal(engine_rig_take(er, v, n), 0);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	for (size_t i = 0; i < n; i++)
		v[i].resolved = true;
	assert_int_equal(engine_rig_take(er, v, n - 5), 0);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_true(er->nmails >= 2);
	assert_non_null(strstr(er->mails[er->nmails - 1].text, "partly"));
	assert_non_null(strstr(er->mails[er->nmails - 1].text, "h59"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_reload_steps),
		ENGINE_TEST(test_reload_endpoint),
		ENGINE_TEST(test_silence_beside),
		ENGINE_TEST(test_silence_refused),
		ENGINE_TEST(test_unwritten),
		ENGINE_TEST(test_unwritten_step),
		ENGINE_TEST(test_suspended_last),
		cmocka_unit_test(test_outcome_at),
		ENGINE_TEST(test_silent_back),
		ENGINE_TEST(test_clock_back),
		cmocka_unit_test(test_reload_joined),
		ENGINE_TEST(test_audience),
		ENGINE_TEST(test_crowd),
		ENGINE_TEST(test_partly_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
