/*
 * What Belfry says itself: of deliveries, and what is said to it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

#define OWN                                                                    \
	"receivers:\n"                                                         \
	"- {name: oncall, mail: [anna@example.org]}\n"                         \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: oncall, routes: [{matchers: [source=\"own\"], "     \
	"receiver: boss, continue: true}, {receiver: oncall}]}\n"

#define NOT_TOLD                                                               \
	"mail anna@example.org of receiver oncall could not be told: 550 "     \
	"5.7.1 no: "

/* It never goes to the receiver that failed; it ends when that works again. */
static void
test_own(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OWN);
	er->far = FAR_REFUSES;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_fire(er, C);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss firing BelfryAlertNotDelivered: " NOT_TOLD
			"+BelfryAlertNotDelivered\n");
	er->far = FAR_TAKES;
	engine_rig_fire(er, B);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing Disk: +a +b\n"
			"boss recovery BelfryAlertNotDelivered: " NOT_TOLD
			"-BelfryAlertNotDelivered\n");
}

/* Its own failure is only logged, counted and shown. */
static void
test_own_fails(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;

	engine_rig_rules(er, OWN);
	er->far = FAR_REFUSES;
	engine_rig_fire(er, A);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "");
	assert_int_equal(er->written, 2);
	assert_int_equal(rig_logged(&er->rig, "event=alert_failed"), 2);
	engine_status(er->e, &st);
	assert_int_equal(st.failed, 2);
	assert_int_equal(st.incidents[INCIDENT_OPEN], 2);
}

static void
say(struct engine_rig *er, const char *key, bool firing)
{
	engine_own(er->e, "heartbeat", key, firing, "silent", "warning");
}

/* It was said before the records were read, and once. */
static void
test_own_early(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_close(er);
	engine_rig_start(er);
	assert_false(engine_is_loaded(er->e));
	say(er, "a", true);
	say(er, "b", true);
	say(er, "b", false);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er,
		    "anna firing BelfryHeartbeat: silent: +BelfryHeartbeat\n");
	/* One after the other, in one moment. */
	say(er, "a", false);
	say(er, "a", true);
	say(er, "a", false);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(
		er,
		"anna recovery BelfryHeartbeat: silent: -BelfryHeartbeat\n");
}

static void
see_own(void *arg, const char *key, const char *summary)
{
	assert_int_equal(buf_printf(arg, "%s: %s\n", key, summary), 0);
}

/* What is not over, after a start, too. */
static void
test_own_seen(void **state)
{
	struct engine_rig *er = *state;
	struct buf seen;

	buf_init(&seen, 1000);
	engine_rig_fire(er, A);
	say(er, "a", true);
	say(er, "b", true);
	engine_own(er->e, "store", "", true, "full", "warning");
	engine_rig_advance(er, MINUTE, SECOND);
	say(er, "a", false);
	engine_rig_advance(er, MINUTE, SECOND);
	for (int i = 0; i < 2; i++) {
		buf_clear(&seen);
		engine_each_own(er->e, see_own, &seen);
		if (strcmp(buf_str(&seen), "heartbeat b: silent\n"
					   "store : full\n") != 0)
			assert_string_equal(buf_str(&seen),
					    "store : full\n"
					    "heartbeat b: silent\n");
		engine_rig_close(er);
		engine_rig_open(er);
	}
	buf_done(&seen);
}

/* It ends when that address works, whatever was sent there: what failed may be
 * over, and its group with it. */
static void
test_own_elsewhere(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OWN);
	er->far = FAR_REFUSES;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss firing BelfryAlertNotDelivered: " NOT_TOLD
			"+BelfryAlertNotDelivered\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "");
	er->far = FAR_TAKES;
	engine_rig_fire(er, C);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, "anna firing Load: +c\n"
			"boss recovery BelfryAlertNotDelivered: " NOT_TOLD
			"-BelfryAlertNotDelivered\n");
}

#define SPACE                                                                  \
	"receivers:\n"                                                         \
	"- {name: on call, ntfy: [{name: x, url: "                             \
	"'https://ntfy.example.org/x'}]}\n"                                    \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: on call, routes: [{matchers: [source=\"own\"], "    \
	"receiver: boss}]}\n"

/* A reload ends what was said of addresses that are no more: not this one. */
static void
test_own_reload(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, SPACE);
	er->far = FAR_REFUSES;
	er->only = "on call/ntfy/x";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(er), "boss firing"));
	engine_rig_rules(er, SPACE);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "");
}

/* What is not to be said any more ends all the same. */
static void
test_own_unwanted(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, OWN);
	engine_own(er->e, "paused", "", true, "paused", "warning");
	er->far = FAR_REFUSES;
	er->only = "anna@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_told(er, "boss firing BelfryAlertNotDelivered: " NOT_TOLD
			"+BelfryAlertNotDelivered\n"
			"boss firing BelfryPaused: paused: +BelfryPaused\n");
	engine_rig_rules(er, "own: []\n" OWN);
	er->far = FAR_TAKES;
	engine_own(er->e, "paused", "", false, "paused", "warning");
	engine_own(er->e, "store", "", true, "full", "warning");
	engine_rig_fire(er, B);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "anna firing Disk: +a +b\n"
			"boss recovery BelfryAlertNotDelivered: " NOT_TOLD
			"-BelfryAlertNotDelivered\n"
			"boss recovery BelfryPaused: paused: -BelfryPaused\n");
}

/* Somebody else changes the record of an incident. */
static int
touch(struct store_txn *txn, void *arg)
{
	struct store_key from = {.kind = 'i'}, at;
	struct store_rec rec;
	int r = store_next(txn, &from, &at, &rec);

	(void)arg;
	return r > 0 ? store_put(txn, &at, &rec) : -ENOENT;
}

/* The store could not take it, for the sake of what came with it: it is said
 * again. */
static void
test_own_unstored(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, A);
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_mails(er);
	assert_int_equal(store_kit_run(queue_store(er->rig.q), touch, NULL), 0);
	say(er, "a", true);
	assert_int_equal(engine_rig_resolve(er, A), -ESTALE);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er,
		    "anna firing BelfryHeartbeat: silent: +BelfryHeartbeat\n");
}

/* With nobody else to tell, nobody is. */
static void
test_own_nobody(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\n");
	er->far = FAR_REFUSES;
	engine_rig_fire(er, A);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_int_equal(er->written, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_own),          ENGINE_TEST(test_own_fails),
		ENGINE_TEST(test_own_early),    ENGINE_TEST(test_own_elsewhere),
		ENGINE_TEST(test_own_unstored), ENGINE_TEST(test_own_nobody),
		ENGINE_TEST(test_own_reload),   ENGINE_TEST(test_own_unwanted),
		ENGINE_TEST(test_own_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
