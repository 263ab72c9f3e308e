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
		rig_send(rig,
			 RIG_MAIL(.to = {"b@x.org", "c@x.org"},
				  .ret = DSN_RET_HDRS, .envid = "QQ 1",
				  .orcpt = "rfc822;b+1@x.org", .smtputf8 = true,
				  .notify = {DSN_NOTIFY_SUCCESS |
						     DSN_NOTIFY_FAILURE,
					     DSN_NOTIFY_DELAY})),
		0);
	rig_settle(rig);
	a = rig->out[0];
	assert_int_equal(a->ret, DSN_RET_HDRS);
	assert_string_equal(a->envid, "QQ 1");
	assert_true(a->smtputf8);
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
	assert_true(rig->told[0].smtputf8);
	assert_int_equal(rig->told[0].notify,
			 DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE);
	assert_string_equal(rig->told[0].orcpt, "rfc822;b+1@x.org");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_kept_and_handed_out),
		RIG_TEST(test_nothing_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
