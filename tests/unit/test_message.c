/*
 * The record that all recipients of a message have in common, as it lies in the
 * store: with what was thought of the message, and as it was before there was
 * such a thing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/message.h"
#include "tests/unit/test.h"

static const struct message whole = {
	.flags = MESSAGE_HELD | MESSAGE_QUOTES,
	.class = QUEUE_BULK,
	.teller = 'm',
	.flow = 7,
	.nrcpt = 3,
	.size = 1234,
	.arrival_ms = 1000,
	.expires_ms = 2000,
	.warn_ms = 1500,
	.tell_ms = 1700,
	.ret = DSN_RET_HDRS,
	.sender = "anna@example.org",
	.message_id = "<1@example.org>",
	.envid = "e",
	.verdict = "spf=pass dkim=none dmarc=fail; hold: why",
};

#define VERDICT_AT (sizeof(before) - 1 + 2)

/* The same, written before there were verdicts. */
static const char before[] = "\x01" /* format */
			     "\x01\x02\x02m\x02"
			     "\0\0\0\x07\0\0\0\x03"
			     "\0\0\0\0\0\0\x04\xd2"
			     "\0\0\0\0\0\0\x03\xe8"
			     "\0\0\0\0\0\0\x07\xd0"
			     "\0\0\0\0\0\0\x05\xdc"
			     "\0\0\0\0\0\0\x06\xa4"
			     "\0\0"
			     "\0\x10"
			     "anna@example.org"
			     "\0\x0f"
			     "<1@example.org>"
			     "\0\x01"
			     "e";

static void
encode(const struct message *m, struct buf *out)
{
	buf_init(out, 65536);
	assert_int_equal(message_encode(m, out), 0);
}

static void
is_whole(const struct message *m, const char *verdict)
{
	assert_int_equal(m->flags, whole.flags);
	assert_int_equal(m->class, whole.class);
	assert_int_equal(m->nrcpt, whole.nrcpt);
	assert_int_equal(m->size, whole.size);
	assert_int_equal(m->expires_ms, whole.expires_ms);
	assert_int_equal(m->tell_ms, whole.tell_ms);
	assert_string_equal(m->sender, whole.sender);
	assert_string_equal(m->message_id, whole.message_id);
	assert_string_equal(m->envid, whole.envid);
	assert_string_equal(m->verdict, verdict);
}

static void
test_round(void **state)
{
	struct message m;
	struct buf with;
	struct arena a;

	(void)state;
	arena_init(&a);
	encode(&whole, &with);
	assert_int_equal(with.data[0], 2);
	assert_int_equal(message_decode(with.data, with.len, &a, &m), 0);
	is_whole(&m, whole.verdict);

	buf_done(&with);
	arena_done(&a);
}

/* What an older belfryd wrote, and, where nothing was thought of it, reads. */
static void
test_older(void **state)
{
	struct message m;
	struct buf again;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(message_decode(before, sizeof(before) - 1, &a, &m), 0);
	is_whole(&m, "");
	encode(&m, &again);
	assert_int_equal(again.len, sizeof(before) - 1);
	assert_memory_equal(again.data, before, again.len);
	buf_done(&again);
	arena_done(&a);
}

static void
refuses(const char *name, const char *data, size_t len)
{
	char *copy = malloc(len); /* what is beyond it is not to be read */
	struct message m;
	struct arena a;

	arena_init(&a);
	memcpy(copy, data, len);
	if (message_decode(copy, len, &a, &m) != -EBADMSG)
		fail_msg("%s (%zu octets) is taken", name, len);
	free(copy);
	arena_done(&a);
}

static void
test_damaged(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		char octet;
	} rows[] = {
		{"no format", 0, 0},
		{"a later format", 0, 3},
		{"no such class", 3, 99},
		{"no such wish", 5, 3},
		{"a negative size", 14, (char)0x80},
		{"a NUL in the verdict", VERDICT_AT, 0},
	};
	struct buf with;
	char more[512];

	(void)state;
	encode(&whole, &with);
	assert_true(with.len < sizeof(more));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(more, with.data, with.len);
		more[rows[i].at] = rows[i].octet;
		refuses(rows[i].name, more, with.len);
	}
	for (size_t len = 1; len < with.len; len++)
		refuses("a part of it", with.data, len);
	for (size_t len = 1; len < sizeof(before) - 1; len++)
		refuses("a part of an older one", before, len);
	memcpy(more, with.data, with.len);
	more[with.len] = 0;
	refuses("more than it", more, with.len + 1);
	/* A verdict where there is none yet, and none where there is one. */
	more[0] = 1;
	refuses("the format of an older one", more, with.len);
	memcpy(more, before, sizeof(before) - 1);
	more[0] = 2;
	refuses("an older one in the later format", more, sizeof(before) - 1);
	buf_done(&with);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
