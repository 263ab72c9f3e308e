/*
 * When something that people were told of is news again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"

static const char ops[] = "own: []\n"
			  "receivers:\n"
			  "- {name: ops, mail: [ops@example.org]}\n"
			  "route: {receiver: ops, repeat_interval: 30d}\n";

static void
ack(struct engine_rig *er, const char *labels)
{
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, labels), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
}

/* --- its recovery was refused ------------------------------------------------------ */

static void
refuse_recovery(struct engine_rig *er)
{
	engine_rig_rules(er, ops);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "ops firing Disk: +a\n");
	er->far = FAR_REFUSES;
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 3 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	assert_told(er, "");
}

static void
test_refused_recovery(void **state)
{
	struct engine_rig *er = *state;

	refuse_recovery(er);
	engine_rig_advance(er, 20 * HOUR, MINUTE);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "ops more Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "ops recovery Disk: -a\n");
}

/* The next mail of the group tells it. */
static void
test_refused_recovery_later(void **state)
{
	struct engine_rig *er = *state;

	refuse_recovery(er);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "ops more Disk: -a +b\n");
}

/* Nothing of it stays for ever. */
static void
test_refused_recovery_forgotten(void **state)
{
	struct engine_rig *er = *state;

	refuse_recovery(er);
	engine_rig_advance(er, 27 * HOUR, MINUTE);
	assert_int_equal(engine_rig_state(er, A), -1);
	assert_null(er->e->groups);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
	assert_told(er, "ops firing Disk: +a\n");
}

/* --- it was acknowledged ------------------------------------------------------------ */

/* Whoever saw to it was told that it is no longer reported. */
static void
test_acked_stale(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v = {.labels = A};

	engine_rig_rules(er, ops);
	v.ends_ms = clock_wall_ms(er->rig.clock) + 5 * MINUTE;
	engine_rig_take(er, &v, 1);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "ops firing Disk: +a\n");
	ack(er, A);
	engine_rig_advance(er, 20 * HOUR, MINUTE);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_STALE);
	assert_told(er, "ops acked Disk: +a by anna\nops stale Disk: ~a\n");
	v.ends_ms = clock_wall_ms(er->rig.clock) + 5 * HOUR;
	engine_rig_take(er, &v, 1);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "ops more Disk: +a\n");
}

/* --- it is worse ---------------------------------------------------------------------- */

static void
say(struct engine_rig *er, const char *labels)
{
	struct engine_alert v = {.key = "k", .labels = labels};

	assert_int_equal(engine_rig_take(er, &v, 1), 0);
}

static const struct {
	const char *name, *from, *to, *told;
} rises[] = {
	{"critical", "severity=warning", "severity=critical",
	 "ops more Disk: +k\n"},
	{"error", "severity=warning", "severity=error", "ops more Disk: +k\n"},
	{"named", "team=db", "severity=critical", "ops more Disk: +k\n"},
	{"less", "severity=critical", "severity=warning", ""},
	{"same", "severity=critical", "severity=page", ""},
	{"own words", "severity=blue", "severity=error", ""},
};

static void
test_worse(void **state)
{
	struct engine_rig *er = *state;
	char labels[200];

	engine_rig_rules(er, ops);
	for (size_t i = 0; i < sizeof(rises) / sizeof(rises[0]); i++) {
		snprintf(labels, sizeof(labels), "alertname=Disk host=k %s",
			 rises[i].from);
		say(er, labels);
		engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
		engine_rig_mails(er);
		snprintf(labels, sizeof(labels), "alertname=Disk host=k %s",
			 rises[i].to);
		say(er, labels);
		engine_rig_advance(er, 30 * MINUTE, 10 * SECOND);
		print_message("%s\n", rises[i].name);
		assert_told(er, rises[i].told);
		engine_rig_take(er,
				&(struct engine_alert){.key = "k",
						       .labels = labels,
						       .resolved = true},
				1);
		engine_rig_advance(er, 2 * HOUR, MINUTE);
		engine_rig_mails(er);
	}
}

#define WARNING  "alertname=Disk host=k severity=warning"
#define ERROR    "alertname=Disk host=k severity=error"
#define CRITICAL "alertname=Disk host=k severity=critical"

/* Nobody has seen to that. */
static void
test_worse_acked(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ops);
	say(er, WARNING);
	engine_rig_advance(er, MINUTE, SECOND);
	ack(er, WARNING);
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_mails(er);
	say(er, CRITICAL);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "ops more Disk: +k\n");
}

enum then { THEN_SAY, THEN_ACK, THEN_RESOLVE, THEN_SILENCE };

static const struct cycle {
	const char *name;
	struct {
		enum then then;
		const char *labels, *told;
	} steps[8];
} cycles[] = {
	{"up and down: only the first is news",
	 {{THEN_SAY, WARNING, "ops firing Disk: +k\n"},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""}}},
	{"it began with the worst",
	 {{THEN_SAY, CRITICAL, "ops firing Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""}}},
	{"acknowledged as the worst: so it stays",
	 {{THEN_SAY, WARNING, "ops firing Disk: +k\n"},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"},
	  {THEN_ACK, CRITICAL, "ops acked Disk: +k by anna\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""}}},
	{"acknowledged as the less: the worse is news, once",
	 {{THEN_SAY, CRITICAL, "ops firing Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_ACK, WARNING, "ops acked Disk: +k by anna\n"},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""}}},
	{"it opened anew",
	 {{THEN_SAY, CRITICAL, "ops firing Disk: +k\n"},
	  {THEN_RESOLVE, CRITICAL, "ops recovery Disk: -k\n"},
	  {THEN_SAY, WARNING, "ops firing Disk: +k\n"},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"}}},
	{"above the worst",
	 {{THEN_SAY, WARNING, "ops firing Disk: +k\n"},
	  {THEN_SAY, ERROR, "ops more Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, ERROR, ""},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"}}},
	{"worse while nobody was told",
	 {{THEN_SAY, WARNING, "ops firing Disk: +k\n"},
	  {THEN_SILENCE, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""},
	  {THEN_SAY, WARNING, "ops more Disk: +k\n"},
	  {THEN_SAY, CRITICAL, "ops more Disk: +k\n"},
	  {THEN_SAY, WARNING, ""},
	  {THEN_SAY, CRITICAL, ""}}},
};

static void
silenced(void *arg, int result, const char *id)
{
	(void)id;
	engine_rig_answered(arg, result);
}

/* For 50 minutes: over before the next but one. */
static void
silence(struct engine_rig *er)
{
	int64_t now = clock_wall_ms(er->rig.clock);
	char *why;
	struct engine_silence s = {
		.starts_ms = now,
		.ends_ms = now + 50 * MINUTE,
		.created_by = "anna",
		.comment = "",
	};
	struct arena arena;

	arena_init(&arena);
	assert_int_equal(matchers_parse("host=k", &arena, &s.matchers, &why),
			 0);
	engine_silence_set(er->e, &s, silenced, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

static void
cycle_step(struct engine_rig *er, enum then then, const char *labels)
{
	struct engine_alert v = {.key = "k", .labels = labels};

	v.resolved = then == THEN_RESOLVE;
	if (then == THEN_ACK)
		ack(er, labels);
	else if (then == THEN_SILENCE)
		silence(er);
	else
		assert_int_equal(engine_rig_take(er, &v, 1), 0);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
}

/* Whoever was told of the worst is told no more when it comes and goes; a start
 * forgets nothing of that. */
static void
test_worse_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cycles) / sizeof(cycles[0]); i++) {
		const struct cycle *c = &cycles[i / 2];
		struct engine_rig er;

		print_message("%s%s\n", c->name, i % 2 ? ", with starts" : "");
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, ops);
		for (size_t k = 0; c->steps[k].labels != NULL; k++) {
			cycle_step(&er, c->steps[k].then, c->steps[k].labels);
			assert_told(&er, c->steps[k].told);
			if (i % 2 == 0)
				continue;
			engine_rig_close(&er);
			engine_rig_open(&er);
		}
		engine_rig_done(&er);
	}
}

#define NIGHT                                                                  \
	"own: []\n"                                                            \
	"time_intervals:\n- {name: night, time_intervals: [{times: "           \
	"[{start_time: \"01:00\", end_time: \"06:00\"}]}]}\n"                  \
	"receivers:\n- {name: ops, mail: [ops@example.org]}\n"                 \
	"route: {receiver: ops, repeat_interval: 30d, routes: [{matchers: "    \
	"[alertname=\"Disk\"], mute_time_intervals: [night]}]}\n"

/* What was so only while nobody was told is no worst that was told: at night,
 * before there was a first mail, while a rate held it back. */
static void
test_worse_unheard(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, NIGHT);
	say(er, CRITICAL);
	engine_rig_advance(er, SECOND, SECOND);
	say(er, WARNING);
	engine_rig_advance(er, HOUR - MINUTE, 10 * SECOND);
	assert_told(er, "ops firing Disk: +k\n");
	engine_rig_advance(er, HOUR, 10 * SECOND);
	say(er, CRITICAL);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	say(er, WARNING);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 3 * HOUR, 10 * SECOND);
	assert_told(er, "ops more Disk: +k\n");
	say(er, CRITICAL);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "ops more Disk: +k\n");
	say(er, WARNING);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	say(er, CRITICAL);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "");
}

/* What says the less is taken back. */
static void
test_worse_queued(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ops);
	er->far = FAR_DOWN;
	say(er, WARNING);
	engine_rig_advance(er, MINUTE, SECOND);
	say(er, CRITICAL);
	engine_rig_advance(er, MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "ops firing Disk: +k\n");
}

/* ... or, where it is out, followed. */
static void
test_worse_out(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ops);
	er->far = FAR_SLOW;
	say(er, WARNING);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_int_equal(er->nout, 1);
	say(er, CRITICAL);
	engine_rig_advance(er, MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, 10 * MINUTE, 10 * SECOND);
	assert_told(er, "ops firing Disk: +k\nops more Disk: +k\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_refused_recovery),
		ENGINE_TEST(test_refused_recovery_later),
		ENGINE_TEST(test_refused_recovery_forgotten),
		ENGINE_TEST(test_acked_stale),
		ENGINE_TEST(test_worse),
		ENGINE_TEST(test_worse_acked),
		cmocka_unit_test(test_worse_again),
		ENGINE_TEST(test_worse_unheard),
		ENGINE_TEST(test_worse_queued),
		ENGINE_TEST(test_worse_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
