/*
 * Who sees to it: acknowledgements, escalation until there is one, and what
 * people close.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"

#define STEPS                                                                  \
	"mail: [anna@example.org]\n"                                           \
	"receivers:\n- {name: boss, mail: [boss@example.org]}\n"               \
	"- {name: ceo, mail: [ceo@example.org]}\n"                             \
	"route: {receiver: default, repeat_interval: 4h, escalate: "           \
	"[{after: 15m, receiver: boss}, {after: 1h, receiver: ceo}]}\n"

#define BOTH                                                                   \
	"own: []\nreceivers:\n"                                                \
	"- {name: disks, mail: [dora@example.org]}\n"                          \
	"- {name: all, mail: [anna@example.org]}\n"                            \
	"- {name: boss, mail: [boss@example.org]}\n"                           \
	"route: {receiver: all, escalate: [{after: 15m, receiver: boss}], "    \
	"routes: [{matchers: [alertname=\"Disk\"], receiver: disks, "          \
	"continue: "                                                           \
	"true}, {receiver: all}]}\n"

static void
test_escalation(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, STEPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	assert_string_equal(er->mails[0].next, "escalation to boss");
	assert_told(er, "anna firing Disk: +a\n");
	engine_rig_advance(er, 15 * MINUTE - SECOND, SECOND);
	assert_told(er, "");
	engine_rig_advance(er, 2 * SECOND, SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	engine_rig_advance(er, 46 * MINUTE, SECOND);
	assert_told(er, "ceo escalation Disk: +a\n");
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna recovery Disk: -a\nboss recovery Disk: -a\n"
			"ceo recovery Disk: -a\n");
}

static void
test_ack(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, STEPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, A), "anna", "on it",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	/* No step, no reminder. */
	engine_rig_advance(er, 5 * HOUR, MINUTE);
	assert_told(er, "");
	/* Another one joins, and notifies anew; the steps begin again. */
	engine_rig_fire(er, B);
	engine_rig_advance(er, MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n");
	engine_rig_advance(er, 15 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +b\n");
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, A), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -EALREADY);
	assert_string_equal(engine_rig_history(er, engine_rig_id(er, A)),
			    "opened, told, accepted, acknowledged");
}

/* It acts on those that were listed in that notice, in all of their groups. */
static void
test_ack_group(void **state)
{
	struct engine_rig *er = *state;
	char group[14];
	uint64_t id;

	engine_rig_rules(er, STEPS);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	snprintf(group, sizeof(group), "%.13s", er->mails[0].id + 2);
	assert_int_equal(queue_id_parse(group, &id), 0);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	engine_act_group(er->e, ENGINE_ACK, id, 1, "anna@example.org", "",
			 engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
	engine_rig_mails(er);
	engine_rig_advance(er, 15 * MINUTE, SECOND);
	assert_told(er, "boss escalation Disk: +b\n");
	engine_act_group(er->e, ENGINE_ACK, id + 1, 1, "x", "",
			 engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, -ENOENT);
}

/* Acknowledged by one notice, an incident is so in all of its groups. */
static void
test_ack_all(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status st;
	char group[14];
	uint64_t id;

	engine_rig_rules(er, BOTH);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	snprintf(group, sizeof(group), "%.13s", er->mails[0].id + 2);
	assert_int_equal(queue_id_parse(group, &id), 0);
	assert_told(er, "anna firing Disk: +a\ndora firing Disk: +a\n");
	engine_act_group(er->e, ENGINE_ACK, id, 1, "dora", "",
			 engine_rig_answered, er);
	engine_rig_advance(er, DAY, 10 * MINUTE);
	assert_int_equal(er->result, 0);
	assert_told(er, "");
	/* No longer: both go on. An escalation makes no group of its own. */
	engine_act(er->e, ENGINE_UNACK, engine_rig_id(er, A), "dora", "",
		   engine_rig_answered, er);
	engine_rig_advance(er, 16 * MINUTE, 10 * SECOND);
	assert_told(er, "boss escalation Disk: +a\n");
	engine_status(er->e, &st);
	assert_int_equal(st.groups, 2);
}

/* Closed by a person: told at once, and what the source says of before that
 * opens nothing. */
static void
test_close(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.labels = A};

	a.starts_ms = clock_wall_ms(er->rig.clock);
	engine_rig_take(er, &a, 1);
	engine_rig_advance(er, 30 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_act(er->e, ENGINE_CLOSE, engine_rig_id(er, A), "anna", "done",
		   engine_rig_answered, er);
	engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, "anna closed Disk: -a by anna\n");
	engine_rig_take(er, &a, 1);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_RESOLVED);
	a.starts_ms = clock_wall_ms(er->rig.clock) + 1;
	engine_rig_take(er, &a, 1);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_escalation), ENGINE_TEST(test_ack),
		ENGINE_TEST(test_ack_group),  ENGINE_TEST(test_ack_all),
		ENGINE_TEST(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
