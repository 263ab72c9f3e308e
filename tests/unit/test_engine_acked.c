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
#define C "alertname=Load host=c"

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
			    "opened, queued, accepted, acknowledged");
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

static void
ack_mail(struct engine_rig *er, const struct engine_mail *m)
{
	engine_act_group(er->e, ENGINE_ACK, m->group, m->seq,
			 "anna@example.org", "", engine_rig_answered, er);
	engine_rig_settle(er);
}

/* One mail tells of both groups. */
static void
joined(struct engine_rig *er, struct engine_mail *ret)
{
	const struct engine_alert v[] = {{.labels = A}, {.labels = C}};

	engine_rig_rules(er, STEPS);
	assert_int_equal(engine_rig_take(er, v, 2), 0);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_int_equal(er->nmails, 1);
	*ret = er->mails[0];
	engine_rig_mails(er);
}

/* Those of the groups that came with the same mail, too. */
static void
test_ack_joined(void **state)
{
	struct engine_rig *er = *state;
	struct engine_mail m;
	struct engine_status st;
	struct arena arena;
	uint64_t *groups;

	joined(er, &m);
	arena_init(&arena);
	assert_int_equal(engine_mail_groups(er->e, m.group, m.seq,
					    "anna@example.org", &arena,
					    &groups),
			 2);
	assert_int_equal(engine_mail_groups(er->e, m.group, m.seq,
					    "boss@example.org", &arena,
					    &groups),
			 1);
	arena_done(&arena);
	ack_mail(er, &m);
	assert_int_equal(er->result, 0);
	engine_status(er->e, &st);
	assert_int_equal(st.acked, 2);
	engine_rig_advance(er, HOUR, 10 * SECOND);
	assert_told(er, "");
}

/* By the first mail, after others, in another life. */
static void
test_ack_joined_later(void **state)
{
	struct engine_rig *er = *state;
	struct engine_mail m;
	struct engine_status st;

	joined(er, &m);
	engine_rig_advance(er, 5 * HOUR, MINUTE);
	engine_rig_fire(er, "alertname=Load host=d");
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_close(er);
	engine_rig_open(er);
	ack_mail(er, &m);
	assert_int_equal(er->result, 0);
	engine_status(er->e, &st);
	/* What joined since is not meant. */
	assert_int_equal(st.acked, 2);
	ack_mail(er, &m);
	assert_int_equal(er->result, -EALREADY);
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
	assert_told(er, "anna acked Disk: +a by dora\n");
	/* No longer: both go on. An escalation makes no group of its own. */
	engine_act(er->e, ENGINE_UNACK, engine_rig_id(er, A), "dora", "",
		   engine_rig_answered, er);
	engine_rig_advance(er, 10 * SECOND, SECOND);
	assert_told(er, "anna more Disk: +a\n");
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
	assert_told(er, "anna closed Disk: -a done by anna\n");
	engine_rig_take(er, &a, 1);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_RESOLVED);
	a.starts_ms = clock_wall_ms(er->rig.clock) + 1;
	engine_rig_take(er, &a, 1);
	assert_int_equal(engine_rig_state(er, A), INCIDENT_OPEN);
}

/* --- somebody sees to it ------------------------------------------------------ */

#define THREE                                                                  \
	"people:\n  ben: {mail: b@example.org}\n"                              \
	"mail: [anna@example.org, carl@example.org]\n"                         \
	"receivers:\n- {name: all, people: [ben], mail: [anna@example.org, "   \
	"carl@example.org]}\n"                                                 \
	"route: {receiver: all}\n"

/* Who is told within seconds of an acknowledgement by WHO. */
static const struct acked {
	const char *name, *who;
	const char *told;
} acked[] = {
	{"a person, by login", "ben",
	 "anna acked Disk: +a on it by ben\ncarl acked Disk: +a on it by "
	 "ben\n"},
	{"a person, by address", "B@example.org",
	 "anna acked Disk: +a on it by B@example.org\n"
	 "carl acked Disk: +a on it by B@example.org\n"},
	{"an address", "anna@example.org",
	 "b acked Disk: +a on it by anna@example.org\n"
	 "carl acked Disk: +a on it by anna@example.org\n"},
	{"its login", "carl",
	 "anna acked Disk: +a on it by carl\nb acked Disk: +a on it by carl\n"},
	{"another", "dora",
	 "anna acked Disk: +a on it by dora\nb acked Disk: +a on it by dora\n"
	 "carl acked Disk: +a on it by dora\n"},
};

static void
ack(struct engine_rig *er, const char *labels, const char *who)
{
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, labels), who, "on it",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	assert_int_equal(er->result, 0);
}

static void
test_acked(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, THREE);
	for (size_t i = 0; i < sizeof(acked) / sizeof(acked[0]); i++) {
		const char *told;

		engine_rig_fire(er, A);
		engine_rig_advance(er, 5 * MINUTE + 30 * SECOND, 10 * SECOND);
		assert_told(er, "anna firing Disk: +a\nb firing Disk: +a\n"
				"carl firing Disk: +a\n");
		/* It joins, and waits for its turn all the same. */
		engine_rig_fire(er, B);
		ack(er, A, acked[i].who);
		engine_rig_advance(er, 3 * SECOND, SECOND);
		told = engine_rig_mails(er);
		if (strcmp(told, acked[i].told) != 0)
			fail_msg("%s: %s", acked[i].name, told);
		engine_rig_resolve(er, B);
		engine_rig_resolve(er, A);
		engine_rig_advance(er, 8 * MINUTE, 10 * SECOND);
		assert_told(er, "anna recovery Disk: -a\nb recovery Disk: -a\n"
				"carl recovery Disk: -a\n");
		engine_rig_advance(er, 2 * HOUR, MINUTE);
		assert_told(er, "");
	}
}

/* Nobody was told yet: there is nothing to take back. Carl's mail was on its
 * way: he hears of it when that has come. */
static void
test_acked_early(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, THREE);
	engine_rig_fire(er, A);
	ack(er, A, "dora");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	er->far = FAR_SLOW;
	er->only = "carl@example.org";
	engine_rig_fire(er, C);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Load: +c\nb firing Load: +c\n");
	ack(er, C, "anna");
	engine_rig_advance(er, 5 * SECOND, SECOND);
	assert_told(er, "b acked Load: +c on it by anna\n");
	er->far = FAR_TAKES;
	engine_rig_answer(er, true);
	engine_rig_advance(er, 5 * SECOND, SECOND);
	assert_told(er, "carl acked Load: +c on it by anna\n"
			"carl firing Load: +c\n");
}

/* What waited for Carl was taken back, since somebody saw to it, and nobody
 * does any more: he need not wait for the reminder. */
static void
test_unacked(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, THREE);
	er->far = FAR_DOWN;
	er->only = "carl@example.org";
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\nb firing Disk: +a\n");
	ack(er, A, "anna");
	engine_rig_fire(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "anna more Disk: +b a\n"
			"b acked Disk: +a on it by anna\n"
			"b more Disk: +b a\n");
	engine_rig_resolve(er, B);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, MINUTE, SECOND);
	engine_rig_mails(er);
	engine_act(er->e, ENGINE_UNACK, engine_rig_id(er, A), "anna", "",
		   engine_rig_answered, er);
	engine_rig_advance(er, 5 * MINUTE + SECOND, SECOND);
	assert_told(er, "b more Disk: +a\ncarl firing Disk: +a\n");
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
}

/* What could not be told is not tried for ever; and a start tells nothing
 * twice. */
static void
test_acked_failed(void **state)
{
	struct engine_rig *er = *state;
	int written;

	engine_rig_rules(er, THREE);
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	er->far = FAR_REFUSES;
	er->only = "carl@example.org";
	ack(er, A, "anna");
	written = (int)er->written;
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "b acked Disk: +a on it by anna\n");
	assert_true((int)er->written <= written + 2);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_rig_advance(er, HOUR, MINUTE);
	assert_told(er, "");
	assert_true((int)er->written <= written + 2);
}

/* PagerDuty keeps a state of its own: it is told by whomever it was that somebody
 * acknowledged, also where it alone was told, and that nobody does any more. */
static void
test_acked_pagerduty(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(
		er, "own: []\nreceivers:\n"
		    "- {name: desk, pagerduty: [{name: pd, routing_key_env: "
		    "K}]}\nroute: {receiver: desk}\n");
	engine_rig_fire(er, A);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	assert_told(er, "desk/pagerduty/pd firing Disk: +a\n");
	ack(er, A, "anna");
	assert_told(er, "desk/pagerduty/pd acked Disk: +a on it by anna\n");
	/* Its incident there ends with the recovery. */
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 6 * MINUTE, SECOND);
	assert_told(er, "desk/pagerduty/pd recovery Disk: -a\n");
}

#define HOOKS_OF(v)                                                            \
	"own: []\nreceivers:\n"                                                \
	"- {name: oncall, webhook: [" v "]}\nroute: {receiver: oncall}\n"
#define HOOK(n) "{name: " n ", url: 'https://" n ".example.org/'}"

/* Another one in front of it: each hears of what it was told. */
static void
test_reload_inserted(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, HOOKS_OF(HOOK("a")));
	engine_rig_fire(er, A);
	engine_rig_advance(er, 35 * SECOND, SECOND);
	assert_told(er, "oncall/webhook/a firing Disk: +a\n");
	engine_rig_rules(er, HOOKS_OF(HOOK("new") ", " HOOK("a")));
	engine_rig_resolve(er, A);
	engine_rig_advance(er, 20 * MINUTE, 10 * SECOND);
	assert_told(er, "oncall/webhook/a recovery Disk: -a\n");
}

/* It is closed while another is open: that is not over. */
static void
test_closed_one(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, THREE);
	engine_rig_fire(er, A);
	engine_rig_fire(er, B);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_rig_mails(er);
	engine_act(er->e, ENGINE_CLOSE, engine_rig_id(er, A), "ben", "",
		   engine_rig_answered, er);
	engine_rig_advance(er, 3 * SECOND, SECOND);
	assert_told(er, "anna closed Disk: -a b by ben\n"
			"b closed Disk: -a b by ben\n"
			"carl closed Disk: -a b by ben\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_escalation),
		ENGINE_TEST(test_ack),
		ENGINE_TEST(test_ack_group),
		ENGINE_TEST(test_ack_all),
		ENGINE_TEST(test_close),
		ENGINE_TEST(test_acked),
		ENGINE_TEST(test_acked_early),
		ENGINE_TEST(test_unacked),
		ENGINE_TEST(test_acked_failed),
		ENGINE_TEST(test_reload_inserted),
		ENGINE_TEST(test_closed_one),
		ENGINE_TEST(test_ack_joined),
		ENGINE_TEST(test_ack_joined_later),
		ENGINE_TEST(test_acked_pagerduty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
