/*
 * What sources say becomes incidents, and is there after a restart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "queue/queue_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/store_fail.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define DISK "alertname=Disk host=a"
#define LOAD "alertname=Load host=b"

static void
test_states(void **state)
{
	struct engine_rig *er = *state;

	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	assert_int_equal(engine_rig_resolve(er, LOAD), 0);
	assert_int_equal(engine_rig_state(er, LOAD), -1);
	assert_int_equal(engine_rig_resolve(er, DISK), 0);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_RESOLVED);
	assert_int_equal(engine_rig_resolve(er, DISK), 0);
	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	assert_string_equal(engine_rig_history(er, engine_rig_id(er, DISK)),
			    "opened, resolved, opened again");
}

/* One key is one incident, whatever its labels; another source's is not. */
static void
test_keys(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert v[] = {
		{.key = "k", .labels = DISK},
		{.key = "k", .labels = LOAD},
		{.key = "k", .labels = LOAD, .source = "other"},
	};
	struct engine_status st;

	assert_int_equal(engine_rig_take(er, v, 3), 0);
	engine_status(er->e, &st);
	assert_int_equal(st.incidents[INCIDENT_OPEN], 2);
	assert_int_equal(engine_rig_state(er, DISK), -1);
	assert_int_equal(engine_rig_state(er, LOAD), INCIDENT_OPEN);
}

static void
test_restart(void **state)
{
	struct engine_rig *er = *state;
	static char words[12000];
	struct engine_alert big = {.labels = LOAD, .annotations = words};
	uint64_t id;

	/* A text of several pages. */
	snprintf(words, sizeof(words), "description=");
	memset(words + strlen(words), 'w', 11000);
	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_equal(engine_rig_take(er, &big, 1), 0);
	assert_int_equal(engine_rig_resolve(er, DISK), 0);
	id = engine_rig_id(er, LOAD);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_RESOLVED);
	assert_int_equal(engine_rig_state(er, LOAD), INCIDENT_OPEN);
	assert_int_equal(engine_rig_id(er, LOAD), id);
	assert_string_equal(engine_rig_history(er, id), "opened");
}

static int
count_versions(struct store_txn *txn, void *arg)
{
	struct store_key from = {.kind = 'i'}, at;
	uint64_t *sum = arg;
	struct store_rec rec;

	*sum = 0;
	while (store_next(txn, &from, &at, &rec) > 0) {
		*sum += rec.version;
		from = at;
		from.bytes[from.len++] = 0;
	}
	return 0;
}

static uint64_t
versions(struct engine_rig *er)
{
	uint64_t sum;

	assert_int_equal(
		store_kit_run(queue_store(er->rig.q), count_versions, &sum), 0);
	return sum;
}

/* A re-post that changes only its expiry writes nothing; the stored expiry is
 * rewritten every 10 minutes. */
static void
test_repost(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.labels = DISK};
	int64_t start = clock_wall_ms(er->rig.clock);
	uint64_t first, at;

	a.ends_ms = start + 4 * MINUTE;
	assert_int_equal(engine_rig_take(er, &a, 1), 0);
	first = versions(er);
	for (int i = 1; i < 10; i++) {
		engine_rig_advance(er, MINUTE, MINUTE);
		a.ends_ms = start + (i + 4) * MINUTE;
		assert_int_equal(engine_rig_take(er, &a, 1), 0);
		assert_int_equal(versions(er), first);
	}
	engine_rig_advance(er, MINUTE, MINUTE);
	a.ends_ms = start + 14 * MINUTE;
	assert_int_equal(engine_rig_take(er, &a, 1), 0);
	at = versions(er);
	assert_int_not_equal(at, first);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	/* Words that changed are written at once. */
	a.annotations = "summary=full";
	assert_int_equal(engine_rig_take(er, &a, 1), 0);
	assert_int_not_equal(versions(er), at);
}

/* An expiry is no recovery. */
static void
test_stale(void **state)
{
	struct engine_rig *er = *state;
	struct engine_alert a = {.labels = DISK};

	engine_rig_advance(er, HOUR, HOUR);
	a.ends_ms = clock_wall_ms(er->rig.clock) + 4 * MINUTE;
	assert_int_equal(engine_rig_take(er, &a, 1), 0);
	engine_rig_advance(er, 3 * MINUTE, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	engine_rig_advance(er, 3 * MINUTE, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_STALE);
	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
}

/* Down for an hour: nothing is stale before its source had the time to speak
 * of it again. */
static void
test_awake(void **state)
{
	struct engine_rig *er = *state;

	assert_int_equal(
		engine_rig_take(er,
				&(struct engine_alert){.source = "alertmanager",
						       .labels = DISK},
				1),
		0);
	engine_rig_close(er);
	clock_advance(er->rig.clock, HOUR);
	engine_rig_open(er);
	engine_rig_advance(er, 4 * MINUTE, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	engine_rig_advance(er, 2 * MINUTE, MINUTE);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_STALE);
}

struct past_seen {
	int n;
	bool over;
};

static bool
see_past(void *arg, const struct incident_view *v)
{
	struct past_seen *seen = arg;

	seen->n += v->state == INCIDENT_RESOLVED;
	return true;
}

static void
past_done(void *arg, int result, uint64_t next)
{
	struct past_seen *seen = arg;

	assert_int_equal(result, 0);
	assert_int_equal(next, 0);
	seen->over = true;
}

/* What is over leaves memory, and is kept. */
static void
test_past(void **state)
{
	struct engine_rig *er = *state;
	struct past_seen seen = {0};
	uint64_t id;

	assert_int_equal(engine_rig_fire(er, DISK), 0);
	id = engine_rig_id(er, DISK);
	assert_int_equal(engine_rig_resolve(er, DISK), 0);
	engine_rig_advance(er, 2 * HOUR, HOUR);
	assert_int_equal(engine_rig_state(er, DISK), -1);
	engine_each_past(er->e, 0, 10, see_past, past_done, &seen);
	while (!seen.over)
		engine_rig_settle(er);
	assert_int_equal(seen.n, 1);
	assert_string_equal(engine_rig_history(er, id), "opened, resolved");
	/* The same again is another incident. */
	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_not_equal(engine_rig_id(er, DISK), id);
}

/* Too much waits, or nothing is known yet: come again. */
static void
test_busy(void **state)
{
	struct engine_rig *er = *state;
	static struct engine_alert many[ENGINE_WAITING_MAX + 1];

	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i].labels = DISK;
	assert_int_equal(engine_rig_take(er, many, ENGINE_WAITING_MAX + 1),
			 -EAGAIN);
	assert_int_equal(engine_rig_state(er, DISK), -1);
	engine_stop(er->e);
	assert_int_equal(engine_rig_fire(er, DISK), -ESHUTDOWN);
}

/* What they say has a ceiling, too. */
static void
test_long(void **state)
{
	struct engine_rig *er = *state;
	static struct engine_alert v[6000];
	static char words[16000];

	snprintf(words, sizeof(words), "description=");
	memset(words + strlen(words), 'w', 15000);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		v[i] = (struct engine_alert){.labels = DISK,
					     .annotations = words};
	assert_int_equal(engine_rig_take(er, v, 6000), -EAGAIN);
	assert_int_equal(engine_rig_state(er, DISK), -1);
	assert_int_equal(engine_rig_take(er, v, 100), 0);
}

#define WORDS 30000 /* of one alert */

static const struct {
	const char *name, *yaml;
	size_t fits;
	bool long_text; /* of the first, later */
	int result;
} room_rows[] = {
	{"incidents", "mail: [anna@example.org]\nlimits: {incidents: 3}\n", 3,
	 true, 0},
	{"bytes", "mail: [anna@example.org]\nlimits: {bytes: 64K}\n", 2, true,
	 -EAGAIN},
	{"bytes, of few words",
	 "mail: [anna@example.org]\nlimits: {bytes: 64K}\n", 2, false, 0},
};

/* Where there is no room for what is new, what is known goes on. */
static void
test_room(void **state)
{
	static char words[WORDS], longer[2 * WORDS];
	static char labels[4][40];
	struct engine_alert v[4];

	(void)state;
	snprintf(words, sizeof(words), "description=");
	memset(words + strlen(words), 'w', sizeof(words) - 1 - strlen(words));
	snprintf(longer, sizeof(longer), "%s summary=%s", words, words + 12);
	for (size_t i = 0; i < 4; i++) {
		snprintf(labels[i], sizeof(labels[i]),
			 "alertname=Disk host=%zu", i);
		v[i] = (struct engine_alert){.labels = labels[i],
					     .annotations = words};
	}
	for (size_t i = 0; i < sizeof(room_rows) / sizeof(room_rows[0]); i++) {
		struct engine_rig er;
		struct engine_status st;
		int r;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, room_rows[i].yaml);
		if (engine_rig_take(&er, v, 4) != -EAGAIN)
			fail_msg("%s", room_rows[i].name);
		engine_status(er.e, &st);
		assert_int_equal(st.incidents[INCIDENT_OPEN],
				 room_rows[i].fits);
		assert_int_equal(rig_logged(&er.rig, "event=alert_full"), 1);
		/* Again, with what is known and what is not. */
		assert_int_equal(engine_rig_take(&er, v, 1), 0);
		assert_int_equal(engine_rig_take(&er, v + 3, 1), -EAGAIN);
		assert_int_equal(rig_logged(&er.rig, "event=alert_full"), 1);
		/* Other words of one that is known. */
		r = engine_rig_take(
			&er,
			&(struct engine_alert){
				.labels = labels[0],
				.annotations = room_rows[i].long_text
						       ? longer
						       : "summary=less",
			},
			1);
		assert_int_equal(r, room_rows[i].result);
		/* What is over makes room once it has left memory. */
		for (size_t k = 0; k < 4; k++)
			engine_rig_resolve(&er, labels[k]);
		engine_status(er.e, &st);
		assert_int_equal(st.incidents[INCIDENT_OPEN], 0);
		engine_rig_advance(&er, 2 * HOUR, HOUR);
		assert_int_equal(engine_rig_take(&er, v + 3, 1), 0);
		assert_int_equal(rig_logged(&er.rig, "event=alert_room"), 1);
		engine_rig_done(&er);
	}
}

/* Programs of this machine, whosever they are, leave room for others. */
static void
test_room_for_others(void **state)
{
	static char labels[10][40];
	struct engine_alert v[10], other[3];
	struct engine_status st;
	struct engine_rig er;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		snprintf(labels[i], sizeof(labels[i]), "alertname=%c",
			 (int)('a' + i));
		v[i] = (struct engine_alert){.labels = labels[i],
					     .source = "cli"};
	}
	for (size_t i = 0; i < 3; i++)
		other[i] = (struct engine_alert){.labels = labels[i]};
	engine_rig_init(&er, NULL);
	engine_rig_rules(&er,
			 "mail: [anna@example.org]\nlimits: {incidents: 8}\n");
	assert_int_equal(engine_rig_take(&er, v, 10), -EAGAIN);
	engine_status(er.e, &st);
	assert_int_equal(st.incidents[INCIDENT_OPEN], 6);
	assert_int_equal(rig_logged(&er.rig, "event=alert_full"), 0);
	assert_int_equal(engine_rig_take(&er, v, 6), 0);
	assert_int_equal(engine_rig_take(&er, other, 2), 0);
	assert_int_equal(engine_rig_take(&er, other, 3), -EAGAIN);
	assert_int_equal(rig_logged(&er.rig, "event=alert_full"), 1);
	engine_rig_done(&er);
}

/* Somebody else wrote the record: nothing is changed. */
static int
put_again(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('i', *(uint64_t *)arg);
	char value[STORE_VALUE_MAX];
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	if (r < 0)
		return r;
	memcpy(value, rec.value, rec.len);
	rec.value = value;
	return store_put(txn, &key, &rec);
}

static void
test_version(void **state)
{
	struct engine_rig *er = *state;
	uint64_t id;

	assert_int_equal(engine_rig_fire(er, DISK), 0);
	id = engine_rig_id(er, DISK);
	assert_int_equal(store_kit_run(queue_store(er->rig.q), put_again, &id),
			 0);
	assert_int_equal(engine_rig_resolve(er, DISK), -ESTALE);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	assert_string_equal(engine_rig_history(er, id), "opened");
}

/* A record of a later release is left alone. */
static int
put_strange(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('i', 7);
	struct store_rec rec = {.value = "\xff later", .len = 7};

	(void)arg;
	return store_put(txn, &key, &rec);
}

static int
has_strange(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('i', 7);
	struct store_rec rec;

	(void)arg;
	return store_get(txn, &key, &rec);
}

static void
test_strange(void **state)
{
	struct engine_rig *er = *state;
	struct store *store = queue_store(er->rig.q);

	assert_int_equal(engine_rig_fire(er, DISK), 0);
	assert_int_equal(store_kit_run(store, put_strange, NULL), 0);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_int_equal(rig_logged(&er->rig, "event=alert_record"), 1);
	assert_int_equal(engine_rig_state(er, DISK), INCIDENT_OPEN);
	assert_int_equal(
		store_kit_run(queue_store(er->rig.q), has_strange, NULL), 0);
}

/* An earlier release kept a key that nobody used. */
static int
put_old_key(struct store_txn *txn, void *arg)
{
	struct store_key key = {.kind = 'a', .len = 4, .bytes = "link"};
	struct store_rec rec = {.value = "an old key, of thirty-two octets",
				.len = 32};

	(void)arg;
	return store_put(txn, &key, &rec);
}

static void
test_old_key(void **state)
{
	struct engine_rig *er = *state;

	assert_int_equal(engine_rig_rows(er, "a"), 0);
	assert_int_equal(
		store_kit_run(queue_store(er->rig.q), put_old_key, NULL), 0);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_true(engine_is_loaded(er->e));
	assert_int_equal(rig_logged(&er->rig, "event=alert_record"), 0);
}

/* --- a full disk ------------------------------------------------------------------ */

#define FULL_A "alertname=Disk host=a"
#define FULL_B "alertname=Disk host=b"
#define FULL_TWO                                                               \
	"own: []\nmail: [anna@example.org, ben@example.org]\n"                 \
	"route: {receiver: default}\n"

/* What is posted while nothing can be written is answered so, and nothing of it is
 * there; what was taken before stays, and what comes again is taken. */
static void
test_full_disk(void **state)
{
	static const int errors[] = {ENOSPC, EDQUOT};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const struct store_fail full = {.n = 1,
						.how = STORE_FAIL_ERRNO,
						.error = errors[i],
						.sticky = true,
						.durable_only = true};
		struct engine_status st;
		struct engine_rig er;

		engine_rig_init(&er, NULL);
		engine_rig_rules(&er, FULL_TWO);
		engine_rig_fire(&er, FULL_A);
		store_fail_arm(&full);
		engine_rig_fire(&er, FULL_B);
		assert_true(store_fail_calls() > 0);
		store_fail_disarm();
		assert_true(er.result < 0);
		engine_status(er.e, &st);
		assert_int_equal(st.incidents[INCIDENT_OPEN], 1);
		engine_rig_close(&er);
		engine_rig_open(&er);
		engine_status(er.e, &st);
		assert_int_equal(st.incidents[INCIDENT_OPEN], 1);
		engine_rig_fire(&er, FULL_B);
		assert_int_equal(er.result, 0);
		engine_rig_advance(&er, 31 * SECOND, SECOND);
		assert_told(&er, "anna firing Disk: +a +b\n"
				 "ben firing Disk: +a +b\n");
		engine_rig_done(&er);
	}
}

/* Alerts until one is refused; how many were taken. */
static int
fill(struct engine_rig *er, int from)
{
	char labels[64], text[4096];
	struct engine_alert a = {.labels = labels, .annotations = text};
	int n = from;

	snprintf(text, sizeof(text), "description=%03000d", 0);
	do
		snprintf(labels, sizeof(labels), "alertname=Disk host=h%d",
			 n++);
	while (engine_rig_take(er, &a, 1) == 0 && n < 4000);
	return n - 1 - from;
}

/* Alerts are refused while there is room to tell of those that were taken, and of
 * that. */
static void
test_room_to_tell(void **state)
{
	struct engine_rig er;
	int n = 0, taken;

	(void)state;
	engine_rig_begin(&er, NULL);
	er.rig.conf.max_size = 8 << 20;
	er.rig.conf.reserve = 4 << 20;
	engine_rig_open(&er);
	engine_rig_rules(&er, "mail: [anna@example.org]\n"
			      "receivers: [{name: nobody}]\n"
			      "route: {routes: [{matchers: [alertname=Disk], "
			      "receiver: nobody}]}\n");
	/* An open looks at how much there really is. */
	while ((taken = fill(&er, n)) > 0) {
		n += taken;
		engine_rig_close(&er);
		engine_rig_open(&er);
	}
	assert_int_equal(er.result, -ENOSPC);
	engine_own(er.e, "store", "", true, "full", "warning");
	engine_rig_advance(&er, MINUTE, SECOND);
	assert_non_null(strstr(engine_rig_mails(&er), "BelfryStore"));
	engine_rig_done(&er);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_states),
		ENGINE_TEST(test_keys),
		ENGINE_TEST(test_restart),
		ENGINE_TEST(test_repost),
		ENGINE_TEST(test_stale),
		ENGINE_TEST(test_awake),
		ENGINE_TEST(test_past),
		ENGINE_TEST(test_busy),
		ENGINE_TEST(test_strange),
		ENGINE_TEST(test_old_key),
		ENGINE_TEST(test_long),
		ENGINE_TEST(test_version),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_room_for_others),
		cmocka_unit_test(test_room_to_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
