#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "alert/link.h"

#define NOW    INT64_C(1780000000000)
#define MINUTE INT64_C(60000)

static const struct alert_link_key key = {"a key that nobody else knows ..."};
static const struct alert_link_key other = {"another key, of another house .."};
static const struct alert_token ack = {
	.kind = ALERT_TOKEN_LINK,
	.action = ALERT_LINK_ACK,
	.seq = 7,
	.group = 0x0123456789abcdef,
	.expires_ms = NOW + MINUTE,
};

static void
test_round(void **state)
{
	char text[ALERT_TOKEN_LEN + 1];
	struct alert_token got;

	(void)state;
	alert_token_make(&key, &ack, "anna@example.org", text);
	assert_int_equal(strlen(text), ALERT_TOKEN_LEN);
	assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, text,
					  "anna@example.org", NOW, &got),
			 0);
	assert_int_equal(got.kind, ALERT_TOKEN_LINK);
	assert_int_equal(got.action, ALERT_LINK_ACK);
	assert_int_equal(got.seq, 7);
	assert_int_equal(got.group, 0x0123456789abcdef);
	assert_in_range(got.expires_ms, ack.expires_ms,
			ack.expires_ms + MINUTE - 1);
}

static void
test_case(void **state)
{
	char text[ALERT_TOKEN_LEN + 1];
	struct alert_token got;

	(void)state;
	alert_token_make(&key, &ack, "Anna@Example.org", text);
	for (char *c = text; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, text,
					  "anna@example.ORG", NOW, &got),
			 0);
}

static const struct row {
	const char *name, *recipient;
	const struct alert_link_key *key;
	enum alert_token_kind kind;
	int64_t now_ms;
	int result;
} rows[] = {
	{"as it was made", "anna@example.org", &key, ALERT_TOKEN_LINK, NOW, 0},
	{"another recipient", "ben@example.org", &key, ALERT_TOKEN_LINK, NOW,
	 -EBADMSG},
	{"nobody", "", &key, ALERT_TOKEN_LINK, NOW, -EBADMSG},
	{"another kind", "anna@example.org", &key, ALERT_TOKEN_REPLY, NOW,
	 -EBADMSG},
	{"another key", "anna@example.org", &other, ALERT_TOKEN_LINK, NOW,
	 -EBADMSG},
	{"just in time", "anna@example.org", &key, ALERT_TOKEN_LINK,
	 NOW + MINUTE, 0},
	{"too late", "anna@example.org", &key, ALERT_TOKEN_LINK,
	 NOW + 2 * MINUTE + 1, -ETIME},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ALERT_TOKEN_LEN + 1];
		struct alert_token got;
		int result;

		alert_token_make(&key, &ack, "anna@example.org", text);
		result = alert_token_read(rows[i].key, rows[i].kind, text,
					  rows[i].recipient, rows[i].now_ms,
					  &got);
		if (result != rows[i].result)
			fail_msg("%s: %d", rows[i].name, result);
	}
}

/* Each letter counts, and so does the length. */
static void
test_changed(void **state)
{
	char text[ALERT_TOKEN_LEN + 2], was;
	struct alert_token got;

	(void)state;
	alert_token_make(&key, &ack, "anna@example.org", text);
	for (size_t i = 0; i < ALERT_TOKEN_LEN; i++) {
		was = text[i];
		text[i] = was == 'a' ? 'b' : 'a';
		assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, text,
						  "anna@example.org", NOW,
						  &got),
				 -EBADMSG);
		text[i] = '1'; /* no letter of ours */
		assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, text,
						  "anna@example.org", NOW,
						  &got),
				 -EBADMSG);
		text[i] = was;
	}
	memcpy(text + ALERT_TOKEN_LEN, "a", 2);
	assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, text,
					  "anna@example.org", NOW, &got),
			 -EBADMSG);
	assert_int_equal(alert_token_read(&key, ALERT_TOKEN_LINK, "",
					  "anna@example.org", NOW, &got),
			 -EBADMSG);
}

static void
test_may_be(void **state)
{
	char text[ALERT_TOKEN_LEN + 1];

	(void)state;
	alert_token_make(&other, &ack, "anybody", text);
	assert_true(alert_token_may_be(ALERT_TOKEN_LINK, text));
	assert_false(alert_token_may_be(ALERT_TOKEN_REPLY, text));
	assert_false(alert_token_may_be(ALERT_TOKEN_LINK, text + 1));
	text[0] = '1';
	assert_false(alert_token_may_be(ALERT_TOKEN_LINK, text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),  cmocka_unit_test(test_case),
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_changed),
		cmocka_unit_test(test_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
