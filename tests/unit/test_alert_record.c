/*
 * The records of the engine as bytes: what is written is read, what is cut off
 * or of a later release is not; and a heap of what is due.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_group.h"
#include "alert/due_heap.h"
#include "alert/history.h"
#include "alert/incident.h"
#include "alert/notice.h"
#include "alert/silence.h"
#include "tests/unit/test.h"

static void
make_labels(struct arena *arena, struct labels *ret)
{
	struct labels_builder b;

	labels_builder_init(&b, arena);
	assert_int_equal(labels_set(&b, "alertname", "Disk"), 0);
	assert_int_equal(labels_set(&b, "host", "gr\xc3\xbc\xc3\x9f"), 0);
	assert_int_equal(labels_finish(&b, ret), 0);
}

/* --- one of each ----------------------------------------------------------------- */

static void
write_incident(struct arena *arena, struct buf *out)
{
	struct incident_core c = {
		.state = INCIDENT_STALE,
		.flags = INCIDENT_NOISE,
		.starts_ms = 1,
		.changed_ms = 2,
		.opened_ms = 3,
		.updated_ms = 4,
		.expires_ms = 5,
		.acked_ms = 6,
		.changes_ms = {9, 8, 7},
		.print = {1, 2, 3},
	};
	struct alert a = {.source = "nas", .url = "https://x/"};
	struct buf text;

	make_labels(arena, &a.labels);
	buf_init(&text, INCIDENT_TEXT_MAX);
	assert_int_equal(incident_text_pack(&a, "key", &text), 0);
	incident_encode(&c, "anna", "on it", text.data, text.len, out);
	buf_done(&text);
}

static int
read_incident(const void *v, size_t len, struct arena *arena)
{
	struct incident_who who;
	struct incident_core c;
	struct incident_text t;
	const void *text;
	size_t n;
	int r = incident_decode(v, len, &c, &who, &text, &n);

	if (r < 0)
		return r;
	assert_int_equal(c.state, INCIDENT_STALE);
	assert_int_equal(c.flags, INCIDENT_NOISE);
	assert_int_equal(c.acked_ms, 6);
	assert_int_equal(c.changes_ms[2], 7);
	assert_int_equal(c.print[2], 3);
	assert_string_equal(who.name, "anna");
	assert_string_equal(who.note, "on it");
	assert_int_equal(incident_text_unpack(text, n, arena, &t), 0);
	assert_string_equal(t.source, "nas");
	assert_string_equal(t.key, "key");
	assert_string_equal(labels_get(&t.labels, "alertname"), "Disk");
	return 0;
}

static void
write_group(struct arena *arena, struct buf *out)
{
	struct group_core c = {
		.steps = 2, .seq = 3, .due_ms = 4, .clock_ms = 5};
	struct labels labels;
	struct buf packed;
	struct pack p = {.out = &packed};

	make_labels(arena, &labels);
	buf_init(&packed, 1000);
	labels_pack(&p, &labels);
	group_encode(&c, "oncall", packed.data, packed.len, out);
	buf_done(&packed);
}

static int
read_group(const void *v, size_t len, struct arena *arena)
{
	struct group_core c;
	struct labels labels;
	const char *receiver;
	int r = group_decode(v, len, arena, &c, &receiver, &labels);

	if (r < 0)
		return r;
	assert_int_equal(c.steps, 2);
	assert_int_equal(c.seq, 3);
	assert_int_equal(c.clock_ms, 5);
	assert_string_equal(receiver, "oncall");
	assert_int_equal(labels.n, 2);
	return 0;
}

static void
write_notice(struct arena *arena, struct buf *out)
{
	struct notice_core c = {
		.id = 1,
		.message = 2,
		.root_seq = 3,
		.joined = {{.lead = 4, .lead_seq = 5, .seq = 6}},
	};
	struct notice_names names = {"mail", "a@x.org", "anna", "UTC",
				     "oncall"};
	struct notice_entry e = {.incident = 7, .both = 0x41, .seq = 9};
	struct buf entries;

	(void)arena;
	buf_init(&entries, 1000);
	notice_entry_pack(&e, &entries);
	e.incident = 8;
	notice_entry_pack(&e, &entries);
	notice_encode(&c, &names, entries.data, entries.len, out);
	buf_done(&entries);
}

static int
read_notice(const void *v, size_t len, struct arena *arena)
{
	struct notice_core c;
	struct notice_names names;
	struct notice_entry e;
	const uint8_t *at;
	size_t n;
	int r = notice_decode(v, len, arena, &c, &names, &at, &n);

	if (r < 0)
		return r;
	assert_int_equal(c.message, 2);
	assert_int_equal(c.root_seq, 3);
	assert_int_equal(c.joined[0].lead, 4);
	assert_int_equal(c.joined[0].lead_seq, 5);
	assert_int_equal(c.joined[0].seq, 6);
	assert_string_equal(names.receiver, "oncall");
	assert_int_equal(n, 2 * NOTICE_ENTRY_LEN);
	notice_entry_unpack(at + NOTICE_ENTRY_LEN, &e);
	assert_int_equal(e.incident, 8);
	assert_int_equal(told_of(e.both), TOLD_FIRING);
	assert_int_equal(told_pending(e.both), TOLD_DOWN);
	return 0;
}

static void
write_silence(struct arena *arena, struct buf *out)
{
	struct engine_silence s = {
		.starts_ms = 1,
		.ends_ms = 2,
		.created_by = "anna",
		.comment = "c",
	};
	char *why = NULL;

	silence_new_id(s.id);
	assert_int_equal(
		matchers_parse("a=b,c=~\"d.*\"", arena, &s.matchers, &why), 0);
	assert_int_equal(silence_encode(&s, out), 0);
	matchers_done(&s.matchers);
}

static int
read_silence(const void *v, size_t len, struct arena *arena)
{
	struct engine_silence s;
	int r = silence_decode(v, len, arena, &s);

	if (r < 0)
		return r;
	assert_int_equal(s.ends_ms, 2);
	assert_int_equal(s.matchers.n, 2);
	assert_int_equal(strlen(s.id), ENGINE_SILENCE_ID - 1);
	matchers_done(&s.matchers);
	return 0;
}

static void
write_history(struct arena *arena, struct buf *out)
{
	struct history h = {.when_ms = 1,
			    .what = HISTORY_ACKED,
			    .who = "anna",
			    .text = "on it"};

	(void)arena;
	history_encode(&h, out);
}

static int
read_history(const void *v, size_t len, struct arena *arena)
{
	struct history h;
	int r = history_decode(v, len, arena, &h);

	if (r < 0)
		return r;
	assert_int_equal(h.what, HISTORY_ACKED);
	assert_string_equal(h.who, "anna");
	assert_string_equal(h.text, "on it");
	return 0;
}

static const struct {
	const char *name;
	void (*write)(struct arena *arena, struct buf *out);
	int (*read)(const void *v, size_t len, struct arena *arena);
} rows[] = {
	{"incident", write_incident, read_incident},
	{"group", write_group, read_group},
	{"notice", write_notice, read_notice},
	{"silence", write_silence, read_silence},
	{"history", write_history, read_history},
};

/* Cut off anywhere, or longer: bad. Another format: of a later release. */
static void
test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct buf b;
		int r;

		arena_init(&arena);
		buf_init(&b, STORE_VALUE_MAX);
		rows[i].write(&arena, &b);
		assert_int_equal(rows[i].read(b.data, b.len, &arena), 0);
		for (size_t len = 0; len < b.len; len++) {
			r = rows[i].read(b.data, len, &arena);
			if (r != -EBADMSG)
				fail_msg("%s cut at %zu: %d", rows[i].name, len,
					 r);
		}
		assert_int_equal(buf_append_char(&b, 'x'), 0);
		assert_int_equal(rows[i].read(b.data, b.len, &arena), -EBADMSG);
		b.data[0] = 9;
		assert_int_equal(rows[i].read(b.data, b.len - 1, &arena),
				 -EPROTONOSUPPORT);
		buf_done(&b);
		arena_done(&arena);
	}
}

/* A key of any length is its own, and is cut only where it is shown. */
static void
test_long_key(void **state)
{
	static char key[3][2000];
	uint8_t print[3][INCIDENT_PRINT];
	struct alert a = {.source = "s", .url = ""};
	struct incident_text t;
	struct arena arena;
	struct buf text;

	(void)state;
	arena_init(&arena);
	make_labels(&arena, &a.labels);
	for (int i = 0; i < 3; i++) {
		memset(key[i], 'k', sizeof(key[i]) - 1);
		key[i][1500] = (char)('0' + i);
		incident_print("s", key[i], print[i]);
	}
	assert_memory_not_equal(print[0], print[1], INCIDENT_PRINT);
	incident_print("t", key[0], print[1]);
	assert_memory_not_equal(print[0], print[1], INCIDENT_PRINT);
	/* Not in the middle of a character. */
	memcpy(key[0] + INCIDENT_KEY_MAX - 1, "\xc3\xbc", 2);
	buf_init(&text, INCIDENT_TEXT_MAX);
	assert_int_equal(incident_text_pack(&a, key[0], &text), 0);
	assert_int_equal(incident_text_unpack(text.data, text.len, &arena, &t),
			 0);
	assert_int_equal(strlen(t.key), INCIDENT_KEY_MAX - 1);
	buf_done(&text);
	arena_done(&arena);
}

static void
test_too_long(void **state)
{
	static char words[SILENCE_TEXT_MAX + 2];
	struct engine_silence s = {.created_by = "a", .comment = words};
	struct buf b;

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	buf_init(&b, STORE_VALUE_MAX);
	assert_int_equal(silence_encode(&s, &b), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

/* --- what flaps -------------------------------------------------------------------- */

static const struct {
	const char *name;
	int64_t every_ms;
	int changes;
	bool flaps;
} flap_rows[] = {
	{"three", 1000, 3, false},
	{"four", 1000, 4, true},
	{"four, too slow", 200001, 4, false},
	{"four, just within", 199999, 4, true},
	{"twenty", 1000, 20, true},
};

static void
test_flaps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flap_rows) / sizeof(flap_rows[0]); i++) {
		struct incident_core c = {.state = INCIDENT_OPEN};
		int64_t now = 1000000;
		bool flaps = false;

		for (int k = 0; k < flap_rows[i].changes; k++) {
			flaps = incident_note_change(&c, now, 4, 600000);
			now += flap_rows[i].every_ms;
		}
		if (flaps != flap_rows[i].flaps)
			fail_msg("%s", flap_rows[i].name);
		assert_false(incident_note_change(&c, now, 0, 600000));
	}
}

/* --- what is due --------------------------------------------------------------------- */

static void
test_heap(void **state)
{
	struct due_heap h = {.n = 0};
	static struct due_node v[1000];
	unsigned seed = 1;
	int64_t last = 0;
	size_t n = 0;

	(void)state;
	for (int round = 0; round < 5; round++)
		for (size_t i = 0; i < 1000; i++) {
			seed = seed * 1103515245 + 12345;
			due_heap_set(&h, &v[i],
				     seed >> 16 & 7 ? seed >> 8 & 0xffff : 0);
		}
	for (size_t i = 0; i < 1000; i++)
		n += v[i].when_ms != 0;
	assert_int_equal(h.n, n);
	for (; h.n > 0; n--) {
		struct due_node *first = due_heap_first(&h);

		assert_true(first->when_ms >= last);
		last = first->when_ms;
		due_heap_set(&h, first, 0);
	}
	assert_int_equal(n, 0);
	assert_null(due_heap_first(&h));
	/* Of those at one time the first that came. */
	for (size_t i = 0; i < 10; i++)
		due_heap_set(&h, &v[i], 5);
	for (size_t i = 0; i < 10; i++) {
		assert_ptr_equal(due_heap_first(&h), &v[i]);
		due_heap_set(&h, &v[i], 0);
	}
	due_heap_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_long_key),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_flaps),
		cmocka_unit_test(test_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
