#include <errno.h>
#include <string.h>

#include "queue/key.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

static int
setup(void **state)
{
	static struct rig rig;

	rig_init(&rig, NULL);
	rig_open(&rig);
	rig_start(&rig);
	*state = &rig;
	return 0;
}

static int
teardown(void **state)
{
	rig_done(*state);
	return 0;
}

static void
test_ids_sort_as_texts(void **state)
{
	static const uint64_t ids[] = {0, 1, 31, 32, 1ull << 40, UINT64_MAX};
	char text[QUEUE_ID_LEN], before[QUEUE_ID_LEN] = "";
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		queue_id_text(ids[i], text);
		assert_int_equal(strlen(text), 13);
		assert_true(strcmp(before, text) < 0);
		assert_int_equal(queue_id_parse(text, &id), 0);
		assert_true(id == ids[i]);
		memcpy(before, text, sizeof(text));
	}
	assert_int_equal(queue_id_parse("ZZZZZZZZZZZZZ", &id), -EINVAL);
	assert_int_equal(queue_id_parse("000", &id), -EINVAL);
	assert_int_equal(queue_id_parse("000000000000a", &id), -EINVAL);
}

static void
test_accepted_and_delivered(void **state)
{
	struct rig *rig = *state;
	struct queue_stats *s;

	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->sender, "a@example.org");
	assert_string_equal(rig->out[0]->dest, "hop");
	assert_string_equal(rig->out[0]->agent, "test");
	assert_int_equal(rig->out[0]->size, 21);
	assert_string_equal(rig->out[0]->rcpt[0].address, "b@x.org");
	s = rig_stats(rig);
	assert_int_equal(s->messages, 1);
	assert_int_equal(s->active, 1);
	assert_int_equal(s->deliveries[QUEUE_RCPT_READY][QUEUE_NORMAL], 1);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	s = rig_stats(rig);
	assert_int_equal(s->messages, 0);
	assert_int_equal(s->active, 0);
	assert_int_equal(s->deliveries[QUEUE_RCPT_READY][QUEUE_NORMAL], 0);
	assert_null(rig_show(rig, rig->id));
	assert_int_equal(rig_logged(rig, "event=deliver"), 1);
	assert_int_equal(rig_logged(rig, "status=delivered"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_sort_as_texts),
		cmocka_unit_test_setup_teardown(test_accepted_and_delivered,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
