/*
 * What a mail's subject says where no rule does: how it is, and of what.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/mail_intake.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

static const struct rules_source source = {.name = "cron", .kind = SOURCE_MAIL};
static const struct alert_link_key key = {.bytes = {1, 2, 3}};

static const struct {
	const char *subject;
	enum alert_status status;
	const char *key;
} rows[] = {
	{"ERROR: success: 0 of 9", ALERT_FIRING, "0 of 9"},
	{"[CRITICAL] RESOLVED: disk on db1", ALERT_RESOLVED, "disk on db1"},
	{"[FIRING] Error: backup of db1", ALERT_FIRING, "backup of db1"},
	{"[RESOLVED] Error: backup of db1", ALERT_RESOLVED, "backup of db1"},
	{"Re: [OK] Failed: backup of db1", ALERT_RESOLVED, "backup of db1"},
	{"RESOLVED: DOWN: shop", ALERT_RESOLVED, "shop"},
	{"[WARNING] UP: down: shop", ALERT_RESOLVED, "shop"},
	{"[FIRING] Resolved: dns", ALERT_FIRING, "dns"},
	{"[FIRING]", ALERT_FIRING, "[FIRING]"},
	{"the shop is: UP: down", ALERT_FIRING, "the shop is: UP: down"},
};

static void
check(size_t i)
{
	char *text = xasprintf("Subject: %s\n\nx\n", rows[i].subject);
	struct mail_meaning got;
	struct mime_mail mail;
	struct mail_intake in = {.mail = &mail,
				 .sender = "somebody@example.org",
				 .token = "",
				 .nsources = 1,
				 .sources = &source,
				 .key = &key,
				 .by_token = &source};
	struct arena arena;

	arena_init(&arena);
	alert_batch_init(&got.batch);
	assert_int_equal(mime_read(text, strlen(text), &arena, &mail), 0);
	mail_intake(&in, &got);
	assert_int_equal(got.kind, MAIL_ALERT);
	if (got.batch.v[0].status != rows[i].status ||
	    strcmp(got.batch.v[0].key, rows[i].key) != 0)
		fail_msg("%s: %s %s", rows[i].subject,
			 got.batch.v[0].status == ALERT_FIRING ? "firing"
							       : "resolved",
			 got.batch.v[0].key);
	alert_batch_done(&got.batch);
	arena_done(&arena);
	free(text);
}

static void
test_subjects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_subjects)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
