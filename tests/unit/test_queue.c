#include <errno.h>
#include <string.h>

#include "queue/body.h"
#include "queue/key.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/test.h"

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

/* Never older than anything that came. */
static void
test_age_of_the_oldest(void **state)
{
	struct rig *rig = *state;
	int64_t first;

	rig_advance(rig, 12345);
	first = clock_wall_ms(rig->clock);
	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"b@x.org"})), 0);
	rig_advance(rig, 1000);
	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"c@x.org"})), 0);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->oldest_ms[QUEUE_NORMAL], first);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->oldest_ms[QUEUE_NORMAL], 0);

	rig_advance(rig, 1000);
	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"d@x.org"})), 0);
	assert_int_equal(rig_stats(rig)->oldest_ms[QUEUE_NORMAL],
			 clock_wall_ms(rig->clock));
}

/* At a destination what is being tried is ready, and does not wait. */
static void
test_age_of_what_is_not_tried(void **state)
{
	struct rig *rig = *state;
	const struct queue_dest_info *d;
	int64_t first = clock_wall_ms(rig->clock);

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	assert_int_equal(rig_send(rig, RIG_MAIL(.nrcpt = 3)), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 1);
	d = &rig_stats(rig)->v[0];
	assert_int_equal(d->oldest_ms, first);
	assert_int_equal(d->idle_ms, 0);
	rig_advance(rig, 1000);
	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"c@x.org"})), 0);
	d = &rig_stats(rig)->v[0];
	assert_int_equal(d->oldest_ms, first);
	assert_int_equal(d->idle_ms, first + 1000);
	rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	rig_deliver_rest(rig);
}

struct reading {
	struct rig *rig;
	char data[70000];
	size_t len;
	ssize_t last;
};

static void
read_on(void *arg, const char *data, ssize_t len)
{
	struct reading *x = arg;

	x->last = len;
	if (len <= 0) {
		loop_stop(x->rig->loop);
		return;
	}
	assert_true(x->len + (size_t)len <= sizeof(x->data));
	memcpy(x->data + x->len, data, (size_t)len);
	x->len += (size_t)len;
	attempt_read(x->rig->out[0], read_on, x);
}

static void
expect_content(struct rig *rig, size_t len, char fill)
{
	static struct reading x;

	x.rig = rig;
	x.len = 0;
	attempt_read(rig->out[0], read_on, &x);
	loop_run(rig->loop);
	assert_int_equal(x.last, 0);
	assert_int_equal(x.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(x.data[i], fill);
}

/* Whether it is still in memory or not. */
static void
test_content(void **state)
{
	static const size_t size[] = {1, 4076, 4077, 8152, 65215, 65216, 65217};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		char fill = (char)('a' + i);

		rig_send(rig, RIG_MAIL(.size = size[i], .fill = fill));
		rig_settle(rig);
		expect_content(rig, size[i], fill);
		rig_close(rig);
		rig_open(rig);
		rig_start(rig);
		expect_content(rig, size[i], fill);
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
	}
}

/* More than is kept in memory. */
static void
test_content_of_many(void **state)
{
	struct rig *rig = *state;
	int n = (int)(BODY_TABLE_BYTES / 60000) + 50;

	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	for (int i = 0; i < n; i++)
		rig_send(rig,
			 RIG_MAIL(.size = 60000, .fill = (char)('0' + i % 64)));
	rig_settle(rig);
	for (int i = 0; i < n; i++) {
		assert_int_equal(rig->nout, 1);
		expect_content(rig, 60000, (char)('0' + i % 64));
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
		rig_settle(rig);
	}
	assert_int_equal(rig_stats(rig)->messages, 0);
}

/* How a destination was spoken to is in its figures, and in the log. */
static void
test_tls(void **state)
{
	static struct attempt_tls tls = {"TLSv1.3", "A_CIPHER", false};
	struct rig *rig = *state;

	assert_int_equal(rig_send(rig, RIG_MAIL(.to = {"a@x.org"})), 0);
	rig_settle(rig);
	for (int verified = 0; verified < 2; verified++) {
		tls.verified = verified;
		assert_int_equal(rig->nout, 1);
		rig->out[0]->rcpt[0].tls = &tls;
		rig_answer(rig, 0, ATTEMPT_LATER, 450);
		rig_settle(rig);
		assert_int_equal(rig_stats(rig)->v[0].tls,
				 verified ? QUEUE_TLS_VERIFIED
					  : QUEUE_TLS_UNVERIFIED);
		rig_advance(rig, INT64_C(3600) * 1000);
	}
	assert_int_equal(rig_logged(rig, "tls=TLSv1.3 cipher=A_CIPHER "
					 "verified=no status=deferred"),
			 1);
	assert_int_equal(rig_logged(rig, "verified=yes status=deferred"), 1);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->v[0].tls, QUEUE_TLS_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tls, rig_setup,
						rig_teardown),
		cmocka_unit_test(test_ids_sort_as_texts),
		cmocka_unit_test_setup_teardown(test_age_of_the_oldest,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_age_of_what_is_not_tried,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_accepted_and_delivered,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_content, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_content_of_many, rig_setup,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
