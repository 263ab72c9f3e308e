/* The report of which rules told people how much. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "alert/report.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define DISK_A "alertname=Disk host=a"
#define DISK_B "alertname=Disk host=b"
#define LOAD   "alertname=Load host=b"
#define QUIET  "alertname=Quiet host=c"

/* Entries of a history, as the engine would write them. */
struct entry {
	const char *labels;
	enum history_what what;
	int64_t when_ms;
	const char *text;
	int times;
};

struct writing {
	const struct entry *v;
	size_t n;
	uint64_t ids[16];
};

static int
write_entries(struct store_txn *txn, void *arg)
{
	const struct writing *w = arg;
	uint64_t number = UINT64_C(1) << 62;

	for (size_t i = 0; i < w->n; i++)
		for (int k = 0; k < w->v[i].times; k++) {
			struct history h = {
				.when_ms = w->v[i].when_ms,
				.what = w->v[i].what,
				.who = "",
				.text = w->v[i].text,
			};
			struct store_key key =
				engine_key_2('h', w->ids[i], number++);
			struct store_rec rec = {0};
			struct buf value;
			int r;

			buf_init(&value, 4096);
			history_encode(&h, &value);
			rec.value = buf_str(&value);
			rec.len = value.len;
			r = store_put(txn, &key, &rec);
			buf_done(&value);
			if (r < 0)
				return r;
		}
	return 0;
}

static void
write_all(struct engine_rig *er, const struct entry *v, size_t n)
{
	struct writing w = {.v = v, .n = n};

	assert_true(n <= 16);
	for (size_t i = 0; i < n; i++)
		w.ids[i] = engine_rig_id(er, v[i].labels);
	assert_int_equal(
		store_kit_run(queue_store(er->rig.q), write_entries, &w), 0);
}

/* "Disk 3/2 acked 1 flapping 0 noise 0; ..." */
struct answer {
	bool there;
	int result;
	char text[2048];
};

static void
take_report(void *arg, int result, size_t n, const struct report_row *v)
{
	struct answer *a = arg;
	size_t len = 0;

	a->there = true;
	a->result = result;
	for (size_t i = 0; i < n && len < sizeof(a->text); i++)
		len += (size_t)snprintf(
			a->text + len, sizeof(a->text) - len,
			"%s%s %s: %d of %d, %d acked, %d flapping, %d noise",
			i > 0 ? "; " : "", v[i].source, v[i].alertname,
			(int)v[i].notices, (int)v[i].incidents, (int)v[i].acked,
			(int)v[i].flapping, (int)v[i].noise);
}

static void
assert_report(struct engine_rig *er, int64_t since_ms, const char *expected)
{
	struct answer a = {.there = false};

	engine_report(er->e, since_ms, take_report, &a);
	while (!a.there)
		rig_settle(&er->rig);
	assert_int_equal(a.result, 0);
	assert_string_equal(a.text, expected);
}

static void
test_empty(void **state)
{
	struct engine_rig *er = *state;

	assert_report(er, 0, "");
	assert_int_equal(engine_rig_fire(er, QUIET), 0);
	assert_report(er, 0, "");
}

/* One message of two incidents is one; two at another time, or to others, are
 * others; what was only sent, or failed, was told to nobody. */
static void
test_counts(void **state)
{
	struct engine_rig *er = *state;
	const struct entry v[] = {
		{DISK_A, HISTORY_PUBLISHED, 1000, "mail anna", 1},
		{DISK_A, HISTORY_ACCEPTED, 2000, "mail anna", 1},
		{DISK_A, HISTORY_ACCEPTED, 2000, "mail ben", 1},
		{DISK_A, HISTORY_ACKED, 2500, "", 2},
		{DISK_A, HISTORY_ACCEPTED, 9000, "mail anna", 1},
		{DISK_B, HISTORY_ACCEPTED, 2000, "mail anna", 1},
		{LOAD, HISTORY_ACCEPTED, 2000, "mail anna", 1},
		{LOAD, HISTORY_FLAPPING, 2000, "", 1},
		{LOAD, HISTORY_FAILED, 2000, "mail ben", 1},
		{QUIET, HISTORY_NOISE, 3000, "", 1},
	};

	assert_int_equal(engine_rig_fire(er, DISK_A), 0);
	assert_int_equal(engine_rig_fire(er, DISK_B), 0);
	assert_int_equal(engine_rig_fire(er, LOAD), 0);
	assert_int_equal(engine_rig_fire(er, QUIET), 0);
	write_all(er, v, sizeof(v) / sizeof(v[0]));
	assert_report(er, 0,
		      "test Disk: 3 of 2, 1 acked, 0 flapping, 0 noise; "
		      "test Load: 1 of 1, 0 acked, 1 flapping, 0 noise; "
		      "test Quiet: 0 of 0, 0 acked, 0 flapping, 1 noise");
	/* Only what is as young as that. */
	assert_report(er, 2600,
		      "test Disk: 1 of 1, 0 acked, 0 flapping, 0 noise; "
		      "test Quiet: 0 of 0, 0 acked, 0 flapping, 1 noise");
	assert_report(er, 9001, "");
}

/* What has left memory counts as well. */
static void
test_past(void **state)
{
	struct engine_rig *er = *state;
	const struct entry v[] = {
		{DISK_A, HISTORY_ACCEPTED, 2000, "mail anna", 1},
	};

	assert_int_equal(engine_rig_fire(er, DISK_A), 0);
	write_all(er, v, 1);
	assert_int_equal(engine_rig_resolve(er, DISK_A), 0);
	engine_rig_advance(er, 3 * HOUR, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK_A), -1);
	assert_report(er, 0, "test Disk: 1 of 1, 0 acked, 0 flapping, 0 noise");
}

static int
mark(struct engine_rig *er, enum engine_act act, uint64_t id)
{
	int before = er->answers;

	engine_act(er->e, act, id, "anna", "again", engine_rig_answered, er);
	while (er->answers == before)
		engine_rig_settle(er);
	return er->result;
}

/* In the morning. */
static void
test_marked_later(void **state)
{
	struct engine_rig *er = *state;
	uint64_t id;

	assert_int_equal(engine_rig_fire(er, DISK_A), 0);
	id = engine_rig_id(er, DISK_A);
	assert_int_equal(engine_rig_resolve(er, DISK_A), 0);
	engine_rig_advance(er, 3 * HOUR, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK_A), -1);
	assert_int_equal(mark(er, ENGINE_ACK, id), -ENOENT);
	assert_int_equal(mark(er, ENGINE_NOISE, id + 1), -ENOENT);
	assert_int_equal(mark(er, ENGINE_NOISE, id), 0);
	assert_int_equal(mark(er, ENGINE_NOISE, id), -EALREADY);
	assert_string_equal(engine_rig_history(er, id),
			    "opened, resolved, noise");
	assert_report(er, clock_wall_ms(er->rig.clock) - HOUR,
		      "test Disk: 0 of 0, 0 acked, 0 flapping, 1 noise");
}

/* More than is read at once; the incident goes on in the next piece. */
static void
test_pages(void **state)
{
	struct engine_rig *er = *state;
	const struct entry v[] = {
		{DISK_A, HISTORY_ACCEPTED, 2000, "mail anna", 6000},
		{DISK_A, HISTORY_ACCEPTED, 2000, "mail ben", 1},
		{LOAD, HISTORY_ACCEPTED, 2000, "mail anna", 6000},
	};

	assert_int_equal(engine_rig_fire(er, DISK_A), 0);
	assert_int_equal(engine_rig_fire(er, LOAD), 0);
	write_all(er, v, 3);
	assert_report(er, 0,
		      "test Disk: 2 of 1, 0 acked, 0 flapping, 0 noise; "
		      "test Load: 1 of 1, 0 acked, 0 flapping, 0 noise");
}

/* Of one message, more than it lists. */
static void
test_unlisted(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[2 * ENGINE_LISTED_MAX];
	char labels[2 * ENGINE_LISTED_MAX][64];

	for (size_t i = 0; i < 2 * ENGINE_LISTED_MAX; i++) {
		snprintf(labels[i], sizeof(labels[i]),
			 "alertname=Disk host=h%zu", i);
		v[i] = (struct engine_alert){.labels = labels[i]};
	}
	assert_int_equal(engine_rig_take(er, v, 2 * ENGINE_LISTED_MAX), 0);
	engine_rig_advance(er, 2 * MINUTE, SECOND);
	assert_report(er, 0,
		      "test Disk: 1 of 100, 0 acked, 0 flapping, 0 noise");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_empty), ENGINE_TEST(test_counts),
		ENGINE_TEST(test_past),  ENGINE_TEST(test_marked_later),
		ENGINE_TEST(test_pages), ENGINE_TEST(test_unlisted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
