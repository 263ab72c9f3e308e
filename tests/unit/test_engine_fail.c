/*
 * When telling fails.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A    "alertname=Disk host=a"
#define B    "alertname=Disk host=b"
#define C    "alertname=Load host=c"
#define CRIT "alertname=Fire host=x severity=critical"

#define FALLBACK                                                               \
	"own: []\n"                                                            \
	"receivers:\n"                                                         \
	"- {name: oncall, mail: [anna@example.org], fallback: {receiver: "     \
	"boss, after: 10m, after_critical: 3m}}\n"                             \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: oncall}\n"

/* What is written anew says what is told: a recovery that may not last is none
 * yet. */
static void
test_written_anew(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	engine_rig_fire(er, "alertname=Disk host=b severity=critical");
	/* Where an attempt is out it is written ten seconds later. */
	engine_rig_advance(er, MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 20 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +b +a\n");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna partly Disk: -a b\n");
}

/* Any other 5xx sends that notification to the fallback. */
static void
test_refused(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, FALLBACK);
	er->far = FAR_REFUSES;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 32 * SECOND, SECOND);
	assert_string_equal(er->mails[0].who, "anna@example.org");
	assert_told(er, "boss fallback Disk: +a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	/* He who was told is told the recovery. */
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "boss recovery Disk: -a\n");
	assert_non_null(strstr(engine_rig_history(er, engine_rig_id(er, A)),
			       "opened, queued, failed, queued, accepted"));
}

static const struct {
	const char *name, *labels, *told;
	int64_t after;
} late_rows[] = {
	{"a warning", A, "boss fallback Disk: +a\n", 10 * MINUTE},
	{"critical", CRIT, "boss fallback Fire: +x\n", 3 * MINUTE},
};

/* Not accepted in time: the fallback too. */
static void
test_late(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct engine_rig er;
		int64_t wait = i == 0 ? 30 * SECOND : 5 * SECOND;

		(void)state;
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, FALLBACK);
		er.far = FAR_DOWN;
		er.only = "anna@example.org";
		engine_rig_fire(&er, late_rows[i].labels);
		engine_rig_advance(&er, wait + late_rows[i].after - SECOND,
				   SECOND);
		/* The destination is one, so the fallback waits there, too. */
		assert_told(&er, "");
		assert_int_equal(er.written, 1);
		engine_rig_advance(&er, 2 * SECOND, SECOND);
		assert_int_equal(er.written, 2);
		er.far = FAR_TAKES;
		engine_rig_advance(&er, 2 * MINUTE, SECOND);
		assert_non_null(
			strstr(engine_rig_mails(&er), late_rows[i].told));
		engine_rig_done(&er);
	}
}

/* --- suspended ------------------------------------------------------------------ */

#define TWO                                                                    \
	"own: []\n"                                                            \
	"mail: [anna@example.org, ben@example.org]\n"                          \
	"route: {receiver: default, repeat_interval: 30d}\n"

static const struct {
	const char *dsn;
	bool suspended;
} dsn_rows[] = {
	{"5.1.1", true},  {"5.1.2", true},  {"5.1.10", true},
	{"5.2.1", true},  {"5.7.1", false}, {"5.2.2", false},
	{"5.1.0", false}, {"5.0.0", false}, {"5.7.26", false},
};

static void
test_suspended(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dsn_rows) / sizeof(dsn_rows[0]); i++) {
		struct engine_rig er;
		struct engine_status st;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, TWO);
		er.far = FAR_REFUSES;
		er.dsn = dsn_rows[i].dsn;
		er.only = "ben@example.org";
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 32 * SECOND, SECOND);
		engine_status(er.e, &st);
		if ((st.suspended == 1) != dsn_rows[i].suspended)
			fail_msg("%s", dsn_rows[i].dsn);
		engine_rig_done(&er);
	}
}

/* For 24 hours, then one probe. */
static void
test_probe(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;
	int written;

	engine_rig_rules(er, TWO);
	er->far = FAR_REFUSES;
	er->dsn = "5.1.1";
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 32 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	written = er->written;
	/* Also after a restart. */
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_fire(er, C);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna firing Load: +c\n");
	assert_int_equal(er->written, written + 1);
	engine_rig_advance(er, DAY, 10 * MINUTE);
	engine_rig_mails(er);
	written = er->written;
	engine_rig_fire(er, "alertname=X host=x");
	engine_rig_advance(er, MINUTE, SECOND);
	assert_int_equal(er->written, written + 2);
	assert_told(er, "anna firing X: +x\n");
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 1);
	/* Somebody mended it: a reload is enough. */
	er->far = FAR_TAKES;
	engine_rig_rules(er, TWO);
	engine_rig_fire(er, "alertname=Y host=y");
	engine_rig_advance(er, MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "ben"));
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 0);
}

#define SOME                                                                   \
	"mail: [anna@example.org, ben@example.org]\n"                          \
	"receivers: [{name: boss, mail: [boss@example.org]}]\n"                \
	"route: {receiver: default, repeat_interval: 30d,\n"                   \
	"        routes: [{matchers: ['source=\"own\"'], receiver: "           \
	"boss}]}\n"
#define SOME_LESS                                                              \
	"mail: [anna@example.org]\n"                                           \
	"receivers: [{name: boss, mail: [boss@example.org]}]\n"                \
	"route: {receiver: default, repeat_interval: 30d,\n"                   \
	"        routes: [{matchers: ['source=\"own\"'], receiver: "           \
	"boss}]}\n"

static const struct {
	const char *name, *dsn;
	bool restart;
} gone_rows[] = {
	{"suspended", "5.1.1", false},
	{"suspended, and a restart", "5.1.1", true},
	{"refused", "5.7.1", false},
	{"refused, and a restart", "5.7.1", true},
};

/* An address that is in no receiver any more is forgotten, and what was said of
 * it is over. */
static void
test_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gone_rows) / sizeof(gone_rows[0]); i++) {
		struct engine_rig er;
		struct engine_status st;
		const char *told;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, SOME);
		er.far = FAR_REFUSES;
		er.dsn = gone_rows[i].dsn;
		er.only = "ben@example.org";
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, 2 * MINUTE, SECOND);
		told = engine_rig_mails(&er);
		if (strstr(told, "boss firing") == NULL)
			fail_msg("%s: %s", gone_rows[i].name, told);
		if (gone_rows[i].restart) {
			engine_rig_close(&er);
			er.yaml = SOME_LESS;
			engine_rig_open(&er);
		} else {
			engine_rig_rules(&er, SOME_LESS);
		}
		engine_status(er.e, &st);
		assert_int_equal(st.suspended, 0);
		engine_rig_advance(&er, 20 * MINUTE, SECOND);
		told = engine_rig_mails(&er);
		if (strstr(told, "boss recovery") == NULL)
			fail_msg("%s: %s", gone_rows[i].name, told);
		/* Nor is it there again. */
		engine_rig_close(&er);
		er.yaml = SOME;
		engine_rig_open(&er);
		engine_status(er.e, &st);
		assert_int_equal(st.suspended, 0);
		engine_rig_done(&er);
	}
}

/* The last working address of a receiver is never suspended. */
static void
test_last(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_rules(er, TWO);
	er->far = FAR_REFUSES;
	er->dsn = "5.1.1";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 32 * SECOND, SECOND);
	engine_status(er->e, &st);
	assert_int_equal(st.suspended, 1);
	assert_int_equal(st.failed, 1); /* the other one */
}

/* An address is one, however many groups it took nothing of, and until it takes
 * something of any. */
static void
test_failed_once(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_rules(er, TWO);
	er->far = FAR_REFUSES;
	er->dsn = "5.7.1";
	er->only = "ben@example.org";
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 32 * SECOND, SECOND);
	engine_status(er->e, &st);
	assert_int_equal(st.failed, 1);
	er->far = FAR_TAKES;
	engine_rig_fire(er, CRIT);
	engine_rig_advance(er, 7 * SECOND, SECOND);
	engine_status(er->e, &st);
	assert_int_equal(st.failed, 0);
}

/* --- who stands behind an address ------------------------------------------------ */

#define ALIAS                                                                  \
	"receivers:\n"                                                         \
	"- {name: team, mail: [team@example.org], fallback: {receiver: "       \
	"boss}}\n"                                                             \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"- {name: ops, mail: [ops@example.org]}\n"                             \
	"route: {receiver: team, routes: [{matchers: ['source=own'], "         \
	"receiver: ops}]}\n"
#define ALIAS_LATE 5 /* minutes, until Y can be reached */
#define OPS(who)                                                               \
	"ops firing BelfryAlertNotDelivered: mail team@example.org of "        \
	"receiver team could not be told: " who "@example.org: 550 5.7.1 no: " \
	"+BelfryAlertNotDelivered\n"

/* X and Y stand behind an address. */
static const struct alias_row {
	const char *name;
	enum engine_far x, y;
	bool late; /* Y's comes later than X's */
	const char *told, *told_late, *over;
} alias_rows[] = {
	{"one refuses: the other was reached", FAR_REFUSES, FAR_TAKES, false,
	 OPS("x") "y firing Disk: +a\n", "", "y recovery Disk: -a\n"},
	{"one refuses, the other is reached later", FAR_REFUSES, FAR_TAKES,
	 true, OPS("x"), "y firing Disk: +a\n", "y recovery Disk: -a\n"},
	{"both refuse", FAR_REFUSES, FAR_REFUSES, false,
	 "boss fallback Disk: +a\n" OPS("x"), "", "boss recovery Disk: -a\n"},
	{"both refuse, one of them later", FAR_REFUSES, FAR_REFUSES, true,
	 OPS("x"), "boss fallback Disk: +a\n", "boss recovery Disk: -a\n"},
	{"one is reached, the other refuses later", FAR_TAKES, FAR_REFUSES,
	 true, "x firing Disk: +a\n", OPS("y"), "x recovery Disk: -a\n"},
};

static void
alias_far(struct engine_rig *er, const struct alias_row *row)
{
	bool both = row->x == FAR_REFUSES && row->y == FAR_REFUSES;

	er->alias = "team@example.org";
	er->far = FAR_REFUSES;
	er->only = row->x == FAR_REFUSES ? "x@example.org" : "y@example.org";
	er->also = both ? "y@example.org" : NULL;
	er->down = row->late ? "y@example.org" : NULL;
}

/* Who is behind an address has outcomes of their own, at their own time: while
 * one is reached nobody else is told instead, and who looks after it hears once
 * of the one that refused. */
static void
test_alias(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alias_rows) / sizeof(alias_rows[0]);
	     i++) {
		const struct alias_row *row = &alias_rows[i];
		struct engine_rig er;

		print_message("%s\n", row->name);
		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, ALIAS);
		alias_far(&er, row);
		engine_rig_fire(&er, A);
		engine_rig_advance(&er, ALIAS_LATE * MINUTE, SECOND);
		assert_told(&er, row->told);
		er.down = NULL;
		engine_rig_advance(&er, ALIAS_LATE * MINUTE, SECOND);
		assert_told(&er, row->told_late);
		engine_rig_resolve(&er, A);
		engine_rig_advance(&er, 10 * MINUTE, 10 * SECOND);
		assert_told(&er, row->over);
		engine_rig_done(&er);
	}
}

/* One was reached, and the other is tried on: what one was told they know, and
 * nobody else is told instead. */
static void
test_alias_waits(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ALIAS);
	er->alias = "team@example.org";
	er->down = "y@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x firing Disk: +a\n");
	engine_rig_fire(er, B);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x more Disk: +b a\n");
	/* A start forgets nothing of that. */
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x partly Disk: -b a\n");
	engine_rig_advance(er, 4 * HOUR, MINUTE);
	assert_told(er, "x reminder Disk: a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x recovery Disk: -a\n");
	er->down = NULL;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "y recovery Disk: -a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_int_equal(engine_rig_rows(er, "gs"), 0);
}

/* ... and what joined a mail with it. */
static void
test_alias_waits_joined(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, ALIAS);
	er->alias = "team@example.org";
	er->down = "y@example.org";
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x firing Disk and 1 more: +a +c\n");
	engine_rig_fire(er, B);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x more Disk and 1 more: +b a\n");
	engine_rig_resolve(er, C);
	engine_rig_advance(er, 20 * MINUTE, SECOND);
	assert_told(er, "x recovery Disk and 1 more: -c\n");
}

/* --- what was accepted comes back --------------------------------------------------- */

static void
test_bounced(void **state)
{
	struct engine_rig *er = *state;
	uint64_t group;

	engine_rig_rules(er, FALLBACK);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	group = er->mails[0].group;
	engine_rig_mails(er);
	engine_bounced(er->e, group, 1, "anna@example.org", "5.7.1", "no",
		       engine_rig_answered, er);
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "boss fallback Disk: +a\n");
}

/* Where nobody is told instead it is tried again, ever later; the end of what
 * they never heard of is none to them. */
static void
test_bounced_again(void **state)
{
	struct engine_rig *er = *state;
	int64_t began = clock_wall_ms(er->rig.clock);
	uint64_t group;

	engine_rig_rules(er, "own: []\nmail: [anna@example.org]\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	group = er->mails[0].group;
	assert_told(er, "anna firing Disk: +a\n");
	for (int i = 0; i < 4; i++) {
		int64_t wait = clock_wall_ms(er->rig.clock) - began;

		if (wait < 5 * MINUTE)
			wait = 5 * MINUTE;
		engine_bounced(er->e, group, 1, "anna@example.org", "4.4.1",
			       "no", engine_rig_answered, er);
		engine_rig_advance(er, wait - SECOND, SECOND);
		assert_told(er, "");
		engine_rig_advance(er, MINUTE, SECOND);
		assert_told(er, "anna firing Disk: +a\n");
	}
	engine_bounced(er->e, group, 1, "anna@example.org", "4.4.1", "no",
		       engine_rig_answered, er);
	engine_rig_settle(er);
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 3 * HOUR, MINUTE);
	assert_told(er, "");
}

/* One mail that told two groups: neither was told. */
static void
test_bounced_joined(void **state)
{
	struct engine_rig *er = *state;
	uint64_t group;

	engine_rig_rules(er, FALLBACK);
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	group = er->mails[0].group;
	assert_told(er, "anna firing Disk and 1 more: +a +c\n");
	engine_rig_close(er);
	engine_rig_start(er);
	engine_bounced(er->e, group, 1, "anna@example.org", "5.7.1", "no",
		       engine_rig_answered, er);
	engine_rig_settle(er);
	/* Its mail comes again. */
	assert_int_equal(er->result, -EAGAIN);
	engine_bounced(er->e, group, 1, "anna@example.org", "5.7.1", "no",
		       engine_rig_answered, er);
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_int_equal(er->result, 0);
	assert_told(er, "boss fallback Disk and 1 more: +a +c\n");
}

/* The next mail waits already: it says what it says, and the fallback hears of
 * what came back. */
static void
test_bounced_later(void **state)
{
	struct engine_rig *er = *state;
	uint64_t group;

	engine_rig_rules(er, FALLBACK);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	group = er->mails[0].group;
	engine_rig_mails(er);
	er->far = FAR_SLOW;
	er->only = "anna@example.org";
	engine_rig_fire(er, B);
	engine_rig_advance(er, 5 * MINUTE, SECOND);
	assert_int_equal(er->nout, 1);
	engine_bounced(er->e, group, 1, "anna@example.org", "5.7.1", "no",
		       engine_rig_answered, er);
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "boss fallback Disk: +a +b\n");
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "anna more Disk: +a b\nanna more Disk: +b a\n");
}

/* --- retries are the queue's ---------------------------------------------------------- */

/* Down for two hours, then all is delivered, once. */
static void
test_outage(void **state)
{
	struct engine_rig *er = *state;

	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 2 * HOUR, MINUTE);
	assert_told(er, "");
	er->far = FAR_TAKES;
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* Nobody could be told for a day: it is tried anew with the next reminder. */
static void
test_expired(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "own: []\nmail: [anna@example.org]\n");
	er->far = FAR_DOWN;
	engine_rig_fire(er, A);
	engine_rig_advance(er, 25 * HOUR, MINUTE);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 4 * HOUR, MINUTE);
	assert_told(er, "anna firing Disk: +a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_written_anew),
		ENGINE_TEST(test_refused),
		ENGINE_TEST(test_late),
		ENGINE_TEST(test_suspended),
		ENGINE_TEST(test_probe),
		cmocka_unit_test(test_gone),
		ENGINE_TEST(test_last),
		ENGINE_TEST(test_failed_once),
		cmocka_unit_test(test_alias),
		ENGINE_TEST(test_alias_waits),
		ENGINE_TEST(test_alias_waits_joined),
		ENGINE_TEST(test_bounced),
		ENGINE_TEST(test_bounced_again),
		ENGINE_TEST(test_bounced_joined),
		ENGINE_TEST(test_bounced_later),
		ENGINE_TEST(test_outage),
		ENGINE_TEST(test_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
