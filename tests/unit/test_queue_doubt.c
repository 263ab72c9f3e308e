/*
 * A try that ended without a word, when the message may have arrived: whoever
 * published it hears so, once.
 */
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

static void
end_in_doubt(struct rig *rig)
{
	struct attempt *a = rig->out[0];

	rig->nout = 0;
	a->rcpt[0].outcome = ATTEMPT_LATER;
	a->rcpt[0].doubted = true;
	reply_set(&a->rcpt[0].reply, 451, "4.4.2", "timed out");
	attempt_result(&a);
	rig_settle(rig);
}

static void
publish(struct rig *rig)
{
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .teller = 'i',
			       .teller_key = store_kit_key('i', 1)));
	rig_settle(rig);
}

static void
test_told_once(void **state)
{
	struct rig *rig = *state;

	publish(rig);
	end_in_doubt(rig);
	assert_int_equal(rig->ntold, 1);
	assert_true(rig->told[0].doubted);
	assert_false(rig->told[0].reached || rig->told[0].over);
	assert_int_equal(rig->told[0].nrcpt, 0);
	/* It waits as before, and for as long. */
	assert_int_equal(rig_show(rig, rig->id)->nrcpt, 1);
	rig_advance(rig, HOUR);
	end_in_doubt(rig);
	assert_int_equal(rig->ntold, 1);
	rig_advance(rig, HOUR);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 2);
	assert_true(rig->told[1].delivered && rig->told[1].over);
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* What was refused by somebody was not taken. */
static void
test_no_doubt(void **state)
{
	struct rig *rig = *state;

	publish(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 451);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, HOUR);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig->ntold, 1);
	assert_false(rig->told[0].doubted);
}

/* A sender hears of that what it is: nothing yet. */
static void
test_mail(void **state)
{
	struct rig *rig = *state;

	rig->report = true;
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}));
	rig_settle(rig);
	end_in_doubt(rig);
	assert_int_equal(rig->ntold, 0);
	rig_advance(rig, HOUR);
	rig_deliver_rest(rig);
	assert_int_equal(rig->ntold, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_told_once),
		RIG_TEST(test_no_doubt),
		RIG_TEST(test_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
