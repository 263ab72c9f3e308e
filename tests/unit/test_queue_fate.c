/*
 * What becomes of a message: told, expired, watched.
 */
#include "queue/queue_impl.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* --- told ---------------------------------------------------------------- */

static void
test_three_recipients(void **state)
{
	struct rig *rig = *state;
	struct queue_message_info *mi;
	struct attempt *a;
	uint64_t id;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.nrcpt = 3));
	id = rig->id;
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 3);
	a->rcpt[0].outcome = ATTEMPT_DONE;
	reply_set(&a->rcpt[0].reply, 250, "2.0.0", "ok");
	a->rcpt[1].outcome = ATTEMPT_LATER;
	reply_set(&a->rcpt[1].reply, 451, "4.2.0", "later");
	a->rcpt[2].outcome = ATTEMPT_NEVER;
	reply_set(&a->rcpt[2].reply, 550, "5.1.1", "no such user");
	rig->nout = 0;
	attempt_result(&a);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_true(rig->told[0].id == id);
	assert_int_equal(rig->told[0].nrcpt, 1);
	assert_string_equal(rig->told[0].first, "r2@x.org");
	assert_int_equal(rig->told[0].code, 550);
	assert_int_equal(rig->told[0].what, TELL_FAILED);
	/* The report is on its way, and one recipient is left. */
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->sender, "");
	assert_string_equal(rig->out[0]->rcpt[0].address, "a@example.org");
	mi = rig_show(rig, id);
	assert_int_equal(mi->nrcpt, 1);
	assert_int_equal(mi->rcpt[0].n, 2);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_advance(rig, MINUTE);
	rig_deliver_rest(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig_logged(rig, "status=bounced"), 1);
	assert_int_equal(rig_logged(rig, "status=deferred"), 1);
	assert_int_equal(rig_logged(rig, "double_bounce"), 0);
}

static void
test_double_bounce(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.sender = "", .to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 1);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

static void
test_tell_not_now(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig->tell_busy = 2;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->nout, 1);
}

/* --- too late ------------------------------------------------------------ */

/* Each attempt ends so, one at a time, STEP of time apart, until somebody is
 * told; how many there were. */
static size_t
fail_until_told(struct rig *rig, enum attempt_outcome outcome,
		enum attempt_dest dest, int code, int64_t step)
{
	size_t n = 0;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	while (rig->ntold == 0) {
		if (rig->nout > 0) {
			rig_answer_dest(rig, 0, outcome, dest, code);
			rig_settle(rig);
			n++;
		}
		rig_advance(rig, step);
		assert_in_range(n, 0, 250);
	}
	assert_int_equal(rig->told[0].what, TELL_EXPIRED);
	assert_int_equal(rig->told[0].code, code);
	assert_int_equal(rig->told[0].tries, n);
	return n;
}

static void
test_expires_after_its_lifetime(void **state)
{
	struct rig *rig = *state;
	size_t tries =
		fail_until_told(rig, ATTEMPT_LATER, ATTEMPT_DEST_OK, 450, HOUR);

	assert_in_range(tries, 110, 125);
	assert_int_equal(rig_logged(rig, "status=expired"), 1);
}

static void
test_a_dead_destination_expires_too(void **state)
{
	fail_until_told(*state, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421,
			30 * MINUTE);
}

/* Off for a week: nothing expires before it was tried again. */
static void
test_grace_after_a_start(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_close(rig);
	clock_advance(rig->clock, 7 * DAY);
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig->nout, 1);
	rig_advance(rig, 9 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, 20 * MINUTE);
	assert_int_equal(rig->ntold, 0); /* it is still out */
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 10 * MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_EXPIRED);
}

static void
test_grace_after_a_jump(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	clock_jump(rig->clock, 30 * DAY);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_int_equal(rig->ntold, 0);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 9 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig->nout, 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 6 * MINUTE);
	assert_int_equal(rig->ntold, 1);
}

/* Near the end of its lifetime there is a reload. */
static void
a_reload_before_the_end(struct rig *rig, bool rerouted)
{
	static const unsigned char other[QUEUE_ROUTES_LEN] = {1};

	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	rig_advance(rig, 5 * DAY - MINUTE);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	clock_advance(rig->clock, 1);
	if (rerouted)
		queue_set_routes(rig->q, other);
	queue_set_conf(rig->q, &rig->conf);
	rig_settle(rig);
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, rerouted ? 0 : 1);
	for (int i = 0; i < 6 && rig->ntold == 0; i++) {
		rig_advance(rig, 5 * MINUTE);
		if (rig->nout > 0 && rig->ntold == 0)
			rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
	}
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_EXPIRED);
}

static void
test_other_routes_give_grace(void **state)
{
	a_reload_before_the_end(*state, true);
}

static void
test_other_settings_give_none(void **state)
{
	a_reload_before_the_end(*state, false);
}

/* Its agent is no more: it ends as all mail does. */
static void
an_agent_is_gone(struct rig *rig, bool tried)
{
	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	if (tried) {
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
	}
	rig_close(rig);
	rig->no_agent = true;
	clock_advance(rig->clock, 5 * DAY - MINUTE);
	rig_open(rig);
	rig_start(rig);
	rig_advance(rig, 9 * MINUTE);
	assert_int_equal(rig->ntold, 0); /* it may come back */
	rig_advance(rig, MINUTE);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->told[0].what, TELL_EXPIRED);
	assert_int_equal(rig->told[0].code, tried ? 450 : 451);
	assert_int_equal(rig->told[0].tries, tried ? 1 : 0);
}

static void
test_an_agent_that_is_gone(void **state)
{
	an_agent_is_gone(*state, false);
}

static void
test_an_agent_that_is_gone_tried(void **state)
{
	an_agent_is_gone(*state, true);
}

/* --- told at once ---------------------------------------------------------- */

/* Two failed, the second while the first was being told. */
static void
test_another_fails_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;

	rig->report = rig->tell_slow = true;
	rig_send(rig, RIG_MAIL(.nrcpt = 2));
	rig_settle(rig);
	a = rig->out[0];
	rig->nout = 0;
	a->rcpt[0].outcome = ATTEMPT_NEVER;
	a->rcpt[1].outcome = ATTEMPT_LATER;
	for (int i = 0; i < 2; i++)
		reply_set(&a->rcpt[i].reply, i == 0 ? 550 : 450, "", "no");
	attempt_result(&a);
	rig_settle(rig);
	assert_non_null(rig->telling);
	/* A tell that takes longer than its lease is still the only one. */
	rig_advance(rig, 2 * MINUTE);
	assert_int_equal(rig->ntold, 0);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	rig_tell(rig);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 2);
	assert_int_equal(rig->told[1].nrcpt, 2);
	assert_int_equal(rig->nout, 1); /* one report */
	rig_deliver_rest(rig);
}

/* Killed while it is being told. */
static void
test_killed_before_it_is_told(void **state)
{
	struct rig *rig = *state;

	rig->report = rig->tell_slow = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_non_null(rig->telling);
	rig_close(rig);
	clock_advance(rig->clock, 1);
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig->ntold, 1);
	assert_int_equal(rig->nout, 1);
	rig_deliver_rest(rig);
}

/* --- waiting for its fate ------------------------------------------------ */

static void
fated(void *object, bool delivered, const struct reply *last)
{
	struct rig *rig = object;

	rig->fated = true;
	rig->delivered = delivered;
	rig->fate = *last;
}

static void
test_watch(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_false(rig->fated);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_true(rig->fated && rig->delivered);
	assert_int_equal(rig->fate.code, 250);
	/* A moment too late is early enough. */
	rig->fated = false;
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_true(rig->fated && rig->delivered);
	rig->fated = false;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 550);
	rig_settle(rig);
	assert_true(rig->fated && !rig->delivered);
	assert_int_equal(rig->fate.code, 550);
}

/* The reason is told also to who asks when all is over. */
/* Asked when so many others have ended that this one is forgotten. */
static void
test_watch_too_late(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig->agent = rig_deliver;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	id = rig->id;
	for (int i = 0; i < QUEUE_FATES + 5; i++)
		rig_post(rig, RIG_MAIL(.to = {"c@x.org"}));
	rig_settle(rig);
	queue_watch(rig->q, id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_true(rig->fated);
	assert_int_equal(rig->fate.code, 0);
}

static void
test_watch_knows_why(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_NEVER, 551);
	rig_settle(rig);
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_true(rig->fated && !rig->delivered);
	assert_int_equal(rig->fate.code, 551);
}

/* --- copies -------------------------------------------------------------- */

/* One that was named and a copy end so, in one attempt. */
static void
end_with_copy(struct rig *rig, enum attempt_outcome named,
	      enum attempt_outcome copy)
{
	static const int code[] = {
		[ATTEMPT_DONE] = 250,
		[ATTEMPT_LATER] = 450,
		[ATTEMPT_NEVER] = 550,
	};
	struct attempt *a;

	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	a = rig->out[0];
	assert_int_equal(a->nrcpt, 2);
	assert_false(a->rcpt[0].copy);
	assert_true(a->rcpt[1].copy);
	a->rcpt[0].outcome = named;
	reply_set(&a->rcpt[0].reply, code[named], "", "of the named one");
	a->rcpt[1].outcome = copy;
	reply_set(&a->rcpt[1].reply, code[copy], "", "of the copy");
	rig->nout = 0;
	attempt_result(&a);
	rig_settle(rig);
}

#define WITH_COPY(...)                                                         \
	RIG_MAIL(.to = {"b@x.org", "archive@x.org"}, .copy = {false, true},    \
		 .notify = {0, DSN_NOTIFY_NEVER}, __VA_ARGS__)

/* What becomes of a copy is nobody's to hear of, nor to wait for. */
static void
test_copies(void **state)
{
	static const struct {
		const char *name;
		enum attempt_outcome named, copy;
		bool fated, delivered;
		size_t told;
	} row[] = {
		{"both", ATTEMPT_DONE, ATTEMPT_DONE, true, true, 0},
		{"the copy is refused", ATTEMPT_DONE, ATTEMPT_NEVER, true, true,
		 0},
		{"the copy waits", ATTEMPT_DONE, ATTEMPT_LATER, true, true, 0},
		{"the copy alone", ATTEMPT_LATER, ATTEMPT_DONE, false, false,
		 0},
		{"the copy alone is refused", ATTEMPT_LATER, ATTEMPT_NEVER,
		 false, false, 0},
		{"neither", ATTEMPT_NEVER, ATTEMPT_NEVER, true, false, 1},
		{"the copy waits, the other is refused", ATTEMPT_NEVER,
		 ATTEMPT_LATER, true, false, 1},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		rig->fated = false;
		rig->ntold = 0;
		rig_send(rig, WITH_COPY(.flow = 0));
		queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
		end_with_copy(rig, row[i].named, row[i].copy);
		if (rig->fated != row[i].fated ||
		    (rig->fated && rig->delivered != row[i].delivered) ||
		    (rig->fated &&
		     strcmp(rig->fate.text, "of the named one") != 0) ||
		    rig->ntold != row[i].told)
			fail_msg("%s: %d, %d, %s, told %zu", row[i].name,
				 rig->fated, rig->delivered, rig->fate.text,
				 rig->ntold);
		if (rig->ntold > 0)
			assert_int_equal(rig->told[0].nrcpt, 1);
		/* Who asks only now hears the same. */
		rig->fated = false;
		queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
		rig_settle(rig);
		assert_int_equal(rig->fated, row[i].fated);
		assert_int_equal(rig->fated && rig->delivered,
				 row[i].delivered);
		rig_advance(rig, HOUR);
		rig_deliver_rest(rig);
	}
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* Of what nobody sent nobody hears; a copy of it is no double bounce. */
static void
test_copy_of_a_report(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, WITH_COPY(.sender = ""));
	end_with_copy(rig, ATTEMPT_DONE, ATTEMPT_NEVER);
	assert_int_equal(rig->ntold, 0);
	assert_int_equal(rig_logged(rig, "status=bounced"), 1);
	assert_int_equal(rig_logged(rig, "event=double_bounce"), 0);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* It is too late for the copy: the fate of the message is known for long. */
static void
test_copy_expires(void **state)
{
	struct rig *rig = *state;

	rig->conf.keep_bounced_ms = DAY;
	rig_close(rig);
	rig_open(rig);
	rig_start(rig);
	rig_send(rig, WITH_COPY(.flow = 0));
	end_with_copy(rig, ATTEMPT_DONE, ATTEMPT_LATER);
	for (int i = 0; i < 24 * 6; i++) {
		rig_advance(rig, HOUR);
		if (rig->nout > 0)
			rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
	}
	assert_int_equal(rig_logged(rig, "status=expired"), 1);
	assert_int_equal(rig->ntold, 0);
	/* It did not fail, so nothing is kept. */
	assert_int_equal(rig_stats(rig)->messages, 0);
	rig_show(rig, rig->id);
	assert_int_equal(rig->listing->n, 0);
	queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
	rig_settle(rig);
	assert_true(rig->fated && rig->delivered);
	assert_string_equal(rig->fate.text, "");
}

/* Whoever published a message hears what became of those that were named, also
 * when the operator removes the rest. */
static void
test_copies_and_remove(void **state)
{
	static const struct {
		const char *name;
		enum attempt_outcome named;
		size_t told, nrcpt; /* ... of which the last has so many */
		bool delivered;
	} row[] = {
		{"only the copy is left", ATTEMPT_DONE, 2, 0, true},
		{"it was told of the failure", ATTEMPT_NEVER, 1, 1, false},
		{"both wait", ATTEMPT_LATER, 1, 1, false},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		rig->ntold = 0;
		rig->fated = false;
		rig_send(rig,
			 WITH_COPY(.teller = 'i',
				   .teller_key = store_kit_key('i', 1 + i)));
		queue_watch(rig->q, rig->id, rig->loop, rig->handle, fated);
		end_with_copy(rig, row[i].named, ATTEMPT_LATER);
		assert_int_equal(rig_act(rig, QUEUE_REMOVE, rig->id), 0);
		rig_settle(rig);
		if (rig->ntold != row[i].told ||
		    rig->told[0].nrcpt != row[i].nrcpt ||
		    rig->told[0].delivered != row[i].delivered || !rig->fated ||
		    rig->delivered != row[i].delivered)
			fail_msg("%s: told %zu, %zu, delivered %d, %d",
				 row[i].name, rig->ntold, rig->told[0].nrcpt,
				 rig->told[0].delivered, rig->delivered);
		assert_int_equal(rig_stats(rig)->messages, 0);
		for (size_t s = 0; s < QUEUE_RCPT_NSTATE; s++)
			assert_int_equal(
				rig_stats(rig)->deliveries[s][QUEUE_NORMAL], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_three_recipients),
		RIG_TEST(test_double_bounce),
		RIG_TEST(test_tell_not_now),
		RIG_TEST(test_expires_after_its_lifetime),
		RIG_TEST(test_a_dead_destination_expires_too),
		RIG_TEST(test_grace_after_a_start),
		RIG_TEST(test_grace_after_a_jump),
		RIG_TEST(test_other_routes_give_grace),
		RIG_TEST(test_other_settings_give_none),
		RIG_TEST(test_an_agent_that_is_gone),
		RIG_TEST(test_an_agent_that_is_gone_tried),
		RIG_TEST(test_another_fails_meanwhile),
		RIG_TEST(test_killed_before_it_is_told),
		RIG_TEST(test_watch),
		RIG_TEST(test_watch_knows_why),
		RIG_TEST(test_watch_too_late),
		RIG_TEST(test_copies),
		RIG_TEST(test_copy_of_a_report),
		RIG_TEST(test_copy_expires),
		RIG_TEST(test_copies_and_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
