/*
 * The whole of a message in memory, and what becomes of the recipient by what
 * is said of it.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver/whole.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

#define MOST 8

struct whole_rig {
	struct fake_rig fake;
	int code; /* what is said of it */
	const char *dsn;
	char seen[64], delimiter;
	int calls;
};

static void
see(void *ctx, struct whole *w)
{
	struct whole_rig *g = ctx;

	g->calls++;
	assert_true(w->len < sizeof(g->seen));
	memcpy(g->seen, w->data, w->len);
	g->seen[w->len] = '\0';
	g->delimiter = w->delimiter;
	assert_string_equal(w->a->rcpt[0].address, g->fake.mail.rcpt[0]);
	whole_done(w, g->code, g->dsn, "so it is");
}

static void
whole_rig_start(struct whole_rig *g, const char *content)
{
	memset(g, 0, sizeof(*g));
	fake_rig_init(&g->fake);
	g->fake.mail.agent = g->fake.mail.dest = "alert";
	g->fake.mail.rcpt[0] = "alert@" ROUTE_ALERT_DOMAIN;
	g->fake.mail.content = content;
	g->fake.mail.len = strlen(content);
	agent_rig_open(&g->fake.agent, g->fake.queue, NULL);
	deliver_whole(g->fake.agent.deliver, "alert", MOST, see, g);
	agent_rig_run(&g->fake.agent);
}

static void
test_said(void **state)
{
	static const struct {
		int code;
		const char *dsn;
		enum attempt_outcome outcome;
	} row[] = {
		{250, "2.0.0", ATTEMPT_DONE},
		{451, "4.3.0", ATTEMPT_LATER},
		{554, "5.6.0", ATTEMPT_NEVER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_result *r;
		struct whole_rig g;

		whole_rig_start(&g, "hello");
		g.code = row[i].code;
		g.dsn = row[i].dsn;
		r = fake_rig_send(&g.fake);
		assert_int_equal(r->rcpt[0].outcome, row[i].outcome);
		assert_int_equal(r->rcpt[0].reply.code, row[i].code);
		assert_string_equal(r->rcpt[0].reply.dsn, row[i].dsn);
		assert_string_equal(r->rcpt[0].reply.text, "so it is");
		assert_string_equal(r->rcpt[0].relay, "local");
		assert_int_equal(r->dest_state, ATTEMPT_DEST_OK);
		assert_string_equal(g.seen, "hello");
		assert_int_equal(g.delimiter, '+');
		free(r);
		fake_rig_done(&g.fake);
	}
}

/* What is beyond the ceiling is left out; nothing at all is fine. */
static void
test_length(void **state)
{
	static const struct {
		const char *content, *seen;
	} row[] = {
		{"", ""},
		{"1234567", "1234567"},
		{"12345678", "12345678"},
		{"123456789", "12345678"},
		{"12345678901234567890", "12345678"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct whole_rig g;

		whole_rig_start(&g, row[i].content);
		g.code = 250;
		g.dsn = "2.0.0";
		fake_rig_expect_done(&g.fake);
		assert_string_equal(g.seen, row[i].seen);
		fake_rig_done(&g.fake);
	}
}

/* What can't be read whole is shown to nobody, and comes again. */
static void
test_unread(void **state)
{
	static const struct {
		int64_t size, broken_at;
	} row[] = {
		{0, 1}, /* a page that is damaged */
		{7, 0}, /* shorter than it was */
		{3, 0}, /* longer */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct whole_rig g;

		whole_rig_start(&g, "hello");
		g.fake.mail.size = row[i].size;
		g.fake.mail.broken_at = row[i].broken_at;
		fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK,
				"4.3.0");
		assert_int_equal(g.calls, 0);
		fake_rig_done(&g.fake);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
