/*
 * What the sender wants to hear (RFC 3461) through the queue: kept with the
 * message, handed to agents and tellers.
 */
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

static void
test_kept_and_handed_out(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;

	assert_int_equal(
		rig_send(rig, RIG_MAIL(.to = {"b@x.org", "c@x.org"},
				       .ret = DSN_RET_HDRS, .envid = "QQ 1",
				       .orcpt = "rfc822;b+1@x.org",
				       .smtputf8 = true, .utf8_header = true,
				       .notify = {DSN_NOTIFY_SUCCESS |
							  DSN_NOTIFY_FAILURE,
						  DSN_NOTIFY_DELAY})),
		0);
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->ret, DSN_RET_HDRS);
	assert_string_equal(a->envid, "QQ 1");
	assert_true(a->smtputf8);
	assert_true(a->utf8_header);
	assert_int_equal(a->nrcpt, 2);
	assert_int_equal(a->rcpt[0].notify,
			 DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE);
	assert_string_equal(a->rcpt[0].orcpt, "rfc822;b+1@x.org");
	assert_int_equal(a->rcpt[1].notify, DSN_NOTIFY_DELAY);

	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].ret, DSN_RET_HDRS);
	assert_string_equal(rig->told[0].envid, "QQ 1");
	assert_true(rig->told[0].utf8_header);
	assert_int_equal(rig->told[0].notify,
			 DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE);
	assert_string_equal(rig->told[0].orcpt, "rfc822;b+1@x.org");
}

/* Who sent it is no wish, and comes to the agent in the same way. */
static void
test_who_sent_it(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"b@x.org"},
						.verdict = "dmarc=pass")),
			 0);
	rig_settle(rig);
	assert_string_equal(rig->out[0]->verdict, "dmarc=pass");
	assert_false(rig->out[0]->submitted);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);

	assert_int_equal(
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .submitted = true)),
		0);
	rig_settle(rig);
	assert_string_equal(rig->out[0]->verdict, "");
	assert_true(rig->out[0]->submitted);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
}

static void
test_nothing_said(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	rig_settle(rig);
	assert_int_equal(rig->out[0]->ret, DSN_RET_NONE);
	assert_null(rig->out[0]->envid);
	assert_false(rig->out[0]->smtputf8);
	assert_int_equal(rig->out[0]->rcpt[0].notify, 0);
	assert_null(rig->out[0]->rcpt[0].orcpt);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_string_equal(rig->told[0].envid, "-");
	assert_int_equal(rig->told[0].notify, 0);
	assert_string_equal(rig->told[0].orcpt, "-");
}

static void
warn_after(struct rig *rig, int64_t ms)
{
	rig->report = true;
	rig->conf.warn_after_ms = ms;
	queue_set_conf(rig->q, &rig->conf);
	rig_settle(rig);
}

/* Deferred each time, for so long. */
static void
defer_for(struct rig *rig, int64_t ms, int64_t step)
{
	for (int64_t t = 0; t < ms; t += step) {
		while (rig->nout > 0) {
			bool report = rig->out[0]->sender[0] == '\0';

			rig_answer(rig, 0,
				   report ? ATTEMPT_DONE : ATTEMPT_LATER,
				   report ? 250 : 450);
			rig_settle(rig);
		}
		rig_advance(rig, step);
	}
}

/* --- success --------------------------------------------------------------- */

#define ONE(bits) RIG_MAIL(.to = {"b@x.org"}, .notify = {bits})
#define S         DSN_NOTIFY_SUCCESS
#define F         DSN_NOTIFY_FAILURE
#define D         DSN_NOTIFY_DELAY
#define N         DSN_NOTIFY_NEVER

static const struct done_row {
	const char *name, *sender;
	uint8_t notify;
	enum attempt_reach reach;
	bool told;
	enum tell_what what;
} done_rows[] = {
	{"asked, relayed", NULL, S, ATTEMPT_RELAYED, true, TELL_RELAYED},
	{"asked, delivered", NULL, S | F, ATTEMPT_DELIVERED, true,
	 TELL_DELIVERED},
	{"asked, passed on", NULL, S | F | D, ATTEMPT_PASSED_ON, false, 0},
	{"not asked", NULL, 0, ATTEMPT_DELIVERED, false, 0},
	{"asked for failure", NULL, F, ATTEMPT_RELAYED, false, 0},
	{"asked for nothing", NULL, N, ATTEMPT_DELIVERED, false, 0},
	{"nobody asked", "", S, ATTEMPT_DELIVERED, false, 0},
};

static void
test_done(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	for (size_t i = 0; i < sizeof(done_rows) / sizeof(done_rows[0]); i++) {
		const struct done_row *row = &done_rows[i];

		print_message("%s\n", row->name);
		rig->ntold = 0;
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .sender = row->sender,
				       .notify = {row->notify}));
		rig_settle(rig);
		rig->reach = row->reach;
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
		assert_int_equal(rig->ntold, row->told);
		if (row->told) {
			assert_int_equal(rig->told[0].what, row->what);
			assert_int_equal(rig->told[0].code, 250);
			assert_int_equal(rig->told[0].tries, 1);
		}
		rig->reach = ATTEMPT_PASSED_ON;
		rig_deliver_rest(rig);
		rig_advance(rig, DAY);
		assert_int_equal(rig->ntold, row->told);
	}
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 0);
}

/* Served, and its report is not yet written: counted and shown as that. */
static void
test_served_is_shown(void **state)
{
	struct rig *rig = *state;

	rig->tell_slow = true;
	rig->reach = ATTEMPT_DELIVERED;
	rig_send(rig, ONE(S));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_SERVED][QUEUE_NORMAL], 1);
	assert_int_equal(rig_show(rig, rig->id)->rcpt[0].state,
			 QUEUE_RCPT_SERVED);
	rig_tell(rig);
	rig_settle(rig);
	assert_int_equal(
		rig_stats(rig)->deliveries[QUEUE_RCPT_SERVED][QUEUE_NORMAL], 0);
	assert_int_equal(rig_stats(rig)->messages, 0);
	/* Nobody could be told: that is no bounce. */
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 0);
}

/* Two recipients end within a minute: one report. The third is late for it. */
static void
test_gathered(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig->conf.destination.recipients_per_message = 1;
	queue_set_conf(rig->q, &rig->conf);
	rig_settle(rig);
	rig_send(rig, RIG_MAIL(.to = {"b@x.org", "c@x.org", "d@x.org"},
			       .notify = {S, S, S}));
	rig_settle(rig);
	assert_int_equal(rig->nout, 3);
	rig->reach = ATTEMPT_RELAYED;
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, 30000);
	assert_int_equal(rig->ntold, 0);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, 29999);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].nrcpt, 2);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 2);
	assert_int_equal(rig->told[1].nrcpt, 1);
	rig_deliver_rest(rig);
}

/* --- failure --------------------------------------------------------------- */

static void
test_failure_unwanted(void **state)
{
	static const uint8_t wishes[] = {N, S, D, S | D};
	struct rig *rig = *state;

	rig->report = true;
	for (size_t i = 0; i < sizeof(wishes); i++) {
		rig_send(rig, ONE(wishes[i]));
		rig_settle(rig);
		rig_answer(rig, 0, ATTEMPT_NEVER, 550);
		rig_settle(rig);
		assert_int_equal(rig->ntold, 0);
		assert_int_equal(rig_stats(rig)->messages, 0);
	}
	assert_int_equal(rig_logged(rig, "status=bounced"), 4);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 0);

	/* One of two wants it. */
	rig_send(rig, RIG_MAIL(.to = {"b@x.org", "c@x.org"}, .notify = {N, F}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].nrcpt, 1);
	assert_string_equal(rig->told[0].first, "c@x.org");
	rig_deliver_rest(rig);

	/* Behind the null path nobody can have asked for silence. */
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .sender = "", .notify = {N}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 1);
}

static void
test_expiry_unwanted(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig_send(rig, ONE(N));
	rig_settle(rig);
	defer_for(rig, 5 * DAY + 30 * MINUTE, 10 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig_logged(rig, "status=expired"), 1);
	assert_int_equal(rig_stats(rig)->messages, 0);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 0);
}

/* Of whom nobody is told, the log has no more than of a delivery. */
static void
test_failure_of_secret(void **state)
{
	struct rig *rig = *state;

	rig_close(rig);
	rig_open(rig);
	queue_secret_agent(rig->q, "test");
	rig_start(rig);
	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"alert+token@x.org"}, .sender = ""));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 1);
	assert_int_equal(rig_logged(rig, " to=@x.org reply="), 1);
	assert_int_equal(rig_logged(rig, "token"), 0);
}

/* --- late ------------------------------------------------------------------ */

static void
test_late_is_told_once(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, 4 * HOUR);
	rig_send(rig, ONE(0));
	defer_for(rig, 4 * HOUR - MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 0);
	defer_for(rig, 10 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_LATE);
	assert_int_equal(rig->told[0].code, 450);
	defer_for(rig, 4 * DAY, HOUR);
	assert_int_equal(rig->ntold, 1);
	defer_for(rig, 2 * DAY, HOUR);
	assert_int_equal(rig->ntold, 2);
	assert_int_equal(rig->told[1].what, TELL_EXPIRED);
	rig_deliver_rest(rig);
}

static const struct late_row {
	const char *name, *sender;
	uint8_t notify;
	int64_t after, told_by;
	uint8_t teller;
	size_t ntold;
} late_rows[] = {
	{"asked", NULL, D, HOUR, 2 * HOUR, 0, 1},
	{"asked for other things", NULL, S | F, HOUR, 3 * HOUR, 0, 0},
	{"never", NULL, N, HOUR, 3 * HOUR, 0, 0},
	{"nobody asked", "", D, HOUR, 3 * HOUR, 0, 0},
	{"switched off", NULL, D, 0, DAY, 0, 0},
	{"after its lifetime", NULL, D, 6 * DAY, DAY, 0, 0},
	{"another's teller", NULL, D, HOUR, 3 * HOUR, 'i', 0},
};

static void
test_who_hears_of_late(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(late_rows) / sizeof(late_rows[0]); i++) {
		const struct late_row *row = &late_rows[i];

		print_message("%s\n", row->name);
		rig->ntold = 0;
		warn_after(rig, row->after);
		rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .sender = row->sender,
				       .notify = {row->notify},
				       .teller = row->teller));
		defer_for(rig, row->told_by, MINUTE);
		assert_int_equal(rig->ntold, row->ntold);
		rig_act(rig, QUEUE_REQUEUE, rig->id);
		rig_settle(rig);
		rig_deliver_rest(rig);
	}
}

/* A dead destination's words are the recipient's. */
static void
test_late_at_a_dead_destination(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, HOUR);
	rig_send(rig, ONE(0));
	for (int i = 0; i < 120 && rig->ntold == 0; i++) {
		if (rig->nout > 0)
			rig_answer_dest(rig, 0, ATTEMPT_UNTRIED,
					ATTEMPT_DEST_FAILED, 421);
		rig_advance(rig, MINUTE);
	}
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_LATE);
	assert_int_equal(rig->told[0].code, 421);
	assert_true(rig->told[0].tries > 2);
}

static void
test_held_is_not_late(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, HOUR);
	rig_send(rig, ONE(0));
	defer_for(rig, 30 * MINUTE, MINUTE);
	assert_int_equal(rig_act(rig, QUEUE_HOLD, rig->id), 0);
	rig_advance(rig, 10 * HOUR);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig_act(rig, QUEUE_RELEASE, rig->id), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	defer_for(rig, 9 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 0);
	defer_for(rig, 10 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 1);
}

static void
test_paused_is_not_late(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, HOUR);
	rig_send(rig, ONE(0));
	defer_for(rig, 30 * MINUTE, MINUTE);
	assert_int_equal(rig_pause(rig, false, 0), 0);
	rig_advance(rig, 10 * HOUR);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig_resume(rig), 0);
	defer_for(rig, 9 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 0);
	defer_for(rig, 20 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 1);
}

/* Off for a day: first a try. */
static void
test_late_after_a_start(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, HOUR);
	rig_send(rig, ONE(0));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_close(rig);
	clock_advance(rig->clock, DAY);
	rig_open(rig);
	rig_start(rig);
	rig_advance(rig, 30 * MINUTE);
	assert_int_equal(rig->ntold, 0); /* it is still out */
	defer_for(rig, 6 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_LATE);
}

/* While the warning is being written the mail gets through. */
static void
test_late_and_served_meanwhile(void **state)
{
	struct rig *rig = *state;

	warn_after(rig, HOUR);
	rig->tell_slow = true;
	rig_send(rig, ONE(0));
	defer_for(rig, HOUR + 10 * MINUTE, MINUTE);
	assert_non_null(rig->telling);
	rig_act(rig, QUEUE_REQUEUE, rig->id);
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_null(rig_show(rig, rig->id));
	rig_tell(rig);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* One has failed, another is late: one report, and the late one stays. */
static void
test_failed_and_late(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;

	warn_after(rig, HOUR);
	rig->tell_busy = 1;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org", "c@x.org"}));
	defer_for(rig, HOUR - MINUTE, MINUTE);
	rig_act(rig, QUEUE_REQUEUE, rig->id);
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 2);
	rig->nout = 0;
	a->dest_state = ATTEMPT_DEST_OK;
	a->rcpt[0].outcome = ATTEMPT_LATER;
	reply_set(&a->rcpt[0].reply, 450, "", "later");
	a->rcpt[1].outcome = ATTEMPT_NEVER;
	reply_set(&a->rcpt[1].reply, 550, "", "no");
	attempt_result(&a);
	rig_settle(rig);
	/* The teller had no time for a minute: the hour is over. */
	rig_advance(rig, MINUTE);
	rig_advance(rig, MINUTE);
	assert_in_range(rig->ntold, 1, 2);
	assert_string_equal(rig->told[0].first, "c@x.org");
	assert_int_equal(rig->told[0].what, TELL_FAILED);
	defer_for(rig, 10 * MINUTE, MINUTE);
	assert_int_equal(rig->ntold, 2);
	assert_int_equal(rig->told[1].what, TELL_LATE);
	assert_int_equal(rig->told[1].nrcpt, 1);
}

/* --- equal deliveries ------------------------------------------------------ */

/* The one that is made keeps all that was promised. */
static void
test_equal_ones(void **state)
{
	static const struct {
		const char *name;
		uint8_t first, second, notify;
		bool second_orcpt;
	} row[] = {
		{"silence, then a wish", N, S, S, true},
		{"silence, then nothing said", N, 0, 0, true},
		{"a wish, then silence", S, N, S, false},
		{"nothing said, then silence", 0, N, 0, false},
		{"two wishes", S, D, S | D, false},
		{"a wish, then nothing said", S, 0, S | F | D, false},
		{"nothing said, then a wish", 0, S, S | F | D, false},
		{"nothing said", 0, 0, 0, false},
		{"silence", N, N, N, false},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct attempt_rcpt *r;

		print_message("  %s\n", row[i].name);
		rig_send(rig,
			 RIG_MAIL(.to = {"b@x.org", "c@x.org", "b@x.org"},
				  .orcpts = {"rfc822;1@x", "rfc822;2@x",
					     "rfc822;3@x"},
				  .notify = {row[i].first, F, row[i].second}));
		rig_settle(rig);
		assert_int_equal(rig->nout, 1);
		assert_int_equal(rig->out[0]->nrcpt, 2);
		r = rig->out[0]->rcpt;
		assert_string_equal(r[0].address, "b@x.org");
		assert_int_equal(r[0].notify, row[i].notify);
		assert_string_equal(r[0].orcpt, row[i].second_orcpt
							? "rfc822;3@x"
							: "rfc822;1@x");
		assert_int_equal(r[1].notify, F);
		rig_deliver_rest(rig);
		/* The reports that were asked for. */
		rig_advance(rig, MINUTE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_kept_and_handed_out),
		RIG_TEST(test_who_sent_it),
		RIG_TEST(test_nothing_said),
		RIG_TEST(test_done),
		RIG_TEST(test_served_is_shown),
		RIG_TEST(test_gathered),
		RIG_TEST(test_failure_unwanted),
		RIG_TEST(test_expiry_unwanted),
		RIG_TEST(test_failure_of_secret),
		RIG_TEST(test_late_is_told_once),
		RIG_TEST(test_who_hears_of_late),
		RIG_TEST(test_late_at_a_dead_destination),
		RIG_TEST(test_held_is_not_late),
		RIG_TEST(test_paused_is_not_late),
		RIG_TEST(test_late_after_a_start),
		RIG_TEST(test_late_and_served_meanwhile),
		RIG_TEST(test_failed_and_late),
		RIG_TEST(test_equal_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
