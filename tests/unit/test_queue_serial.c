/*
 * An agent that takes one at a time: nothing passes what came before it.
 */
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

#define MAILS 5

static void
test_one_after_the_other(void **state)
{
	static struct rig rig;

	(void)state;
	for (int alert = 0; alert < 2; alert++) {
		uint64_t ids[MAILS];

		rig_init(&rig, NULL);
		rig_open(&rig);
		queue_serial_agent(rig.q, "test");
		rig_start(&rig);
		for (size_t i = 0; i < MAILS; i++) {
			rig_send(&rig,
				 RIG_MAIL(.to = {"b@x.org"}, .alert = alert));
			ids[i] = rig.id;
		}
		for (size_t i = 0; i < MAILS; i++) {
			rig_settle(&rig);
			assert_int_equal(rig.nout, 1);
			assert_true(rig.out[0]->id == ids[i]);
			/* A second look finds no room, either. */
			rig_advance(&rig, MINUTE);
			assert_int_equal(rig.nout, 1);
			rig_answer(&rig, 0, ATTEMPT_DONE, 250);
		}
		rig_settle(&rig);
		assert_int_equal(rig.nout, 0);
		rig_done(&rig);
	}
}

static void
test_elsewhere(void **state)
{
	static struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_open(&rig);
	queue_serial_agent(rig.q, "test");
	rig_start(&rig);
	for (int i = 0; i < 2; i++) {
		rig_send(&rig, RIG_MAIL(.to = {"b@x.org"}, .dest = "one"));
		rig_send(&rig, RIG_MAIL(.to = {"c@x.org"}, .dest = "two"));
	}
	for (int i = 0; i < 2; i++) {
		rig_settle(&rig);
		assert_int_equal(rig.nout, 2);
		assert_string_not_equal(rig.out[0]->dest, rig.out[1]->dest);
		rig_answer(&rig, 0, ATTEMPT_DONE, 250);
		rig_answer(&rig, 0, ATTEMPT_DONE, 250);
	}
	rig_deliver_rest(&rig);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
