/*
 * Which messages a filter means: a table.
 */
#include "queue/filter.h"

#include <string.h>

#include "tests/unit/test.h"

static struct queue_rcpt_info rcpts[] = {
	{.address = "ben@example.net", .dest = "provider"},
	{.address = "carl@inner.example.org",
	 .original = "sales@example.org",
	 .dest = "inner:25",
	 .state = QUEUE_RCPT_HELD},
	{.address = "postmaster", .dest = "inner:25"},
	{.address = "", .dest = "", .state = QUEUE_RCPT_SET_ASIDE},
};

static struct pattern *
pattern(const char *text)
{
	struct pattern *p = NULL;
	char *why = NULL;

	if (text != NULL && pattern_new(text, '+', &p, &why) < 0)
		fail_msg("%s", why);
	return p;
}

static void
test_table(void **state)
{
	static const struct {
		const char *name, *to, *sender, *dest;
		int64_t before_ms;
		bool null_sender, held, corrupt;
		size_t first, n; /* of RCPTS */
		bool means;
	} row[] = {
		{.name = "nothing asked", .n = 1, .means = true},
		{.name = "to", .to = "ben@example.net", .n = 2, .means = true},
		{.name = "to another", .to = "x@example.net", .n = 4},
		{.name = "to a domain",
		 .to = "example.net",
		 .n = 2,
		 .means = true},
		{.name = "as it was given",
		 .to = "example.org",
		 .first = 1,
		 .n = 1,
		 .means = true},
		{.name = "as it is",
		 .to = ".example.org",
		 .first = 1,
		 .n = 1,
		 .means = true},
		{.name = "bare postmaster",
		 .to = "/^postmaster$/",
		 .first = 2,
		 .n = 1,
		 .means = true},
		{.name = "from",
		 .sender = "example.com",
		 .n = 1,
		 .means = true},
		{.name = "from another", .sender = "example.org", .n = 1},
		{.name = "from nobody", .null_sender = true, .n = 1},
		{.name = "dest", .dest = "Provider", .n = 2, .means = true},
		{.name = "dest of another one",
		 .to = "example.net",
		 .dest = "inner:25",
		 .n = 2},
		{.name = "dest and to",
		 .to = "example.org",
		 .dest = "inner:25",
		 .n = 2,
		 .means = true},
		{.name = "part of a dest", .dest = "inner", .n = 2},
		{.name = "older", .before_ms = 1001, .n = 1, .means = true},
		{.name = "as old", .before_ms = 1000, .n = 1},
		{.name = "held", .held = true, .n = 2, .means = true},
		{.name = "not held", .held = true, .n = 1},
		{.name = "a damaged recipient",
		 .corrupt = true,
		 .n = 4,
		 .means = true},
		{.name = "not damaged", .corrupt = true, .n = 3},
		{.name = "all of it",
		 .to = "example.net",
		 .sender = "example.com",
		 .before_ms = 2000,
		 .held = true,
		 .n = 2,
		 .means = true},
		{.name = "all but one",
		 .to = "example.net",
		 .sender = "example.com",
		 .before_ms = 900,
		 .held = true,
		 .n = 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct pattern *to = pattern(row[i].to);
		struct pattern *sender = pattern(row[i].sender);
		struct queue_filter f = {
			.to = to,
			.sender = sender,
			.null_sender = row[i].null_sender,
			.dest = row[i].dest,
			.before_ms = row[i].before_ms,
			.held = row[i].held,
			.corrupt = row[i].corrupt,
		};
		struct queue_message_info m = {
			.sender = "anna@example.com",
			.arrival_ms = 1000,
			.nrcpt = row[i].n,
			.rcpt = rcpts + row[i].first,
		};

		if (filter_means(&f, &m) != row[i].means)
			fail_msg("%s", row[i].name);
		pattern_free(&to);
		pattern_free(&sender);
	}
}

/* What is damaged says of itself only that. */
static void
test_damaged(void **state)
{
	struct queue_message_info m = {.sender = "", .corrupt = true};
	struct queue_filter older = {.before_ms = 5000};
	struct queue_filter corrupt = {.corrupt = true};
	struct queue_filter bounce = {.null_sender = true};
	struct pattern *any = pattern("/^/");
	struct queue_filter from_any = {.sender = any}, to_any = {.to = any};

	(void)state;
	assert_false(filter_means(&older, &m));
	assert_true(filter_means(&corrupt, &m));
	assert_false(filter_means(&bounce, &m));
	assert_false(filter_means(&from_any, &m));
	m.rcpt = &rcpts[3];
	m.nrcpt = 1;
	assert_false(filter_means(&to_any, &m));
	/* Set aside, but its record can be read: it has a sender. */
	m.arrival_ms = 1000;
	assert_true(filter_means(&bounce, &m));
	bounce.corrupt = true;
	assert_true(filter_means(&bounce, &m));
	pattern_free(&any);
}

static void
test_long(void **state)
{
	char text[2 * ADDRESS_MAX];
	struct pattern *p = pattern("*");
	struct queue_filter f = {.sender = p};
	struct queue_message_info m = {.sender = text};

	(void)state;
	memset(text, 'x', sizeof(text));
	text[10] = '@';
	text[sizeof(text) - 1] = '\0';
	assert_false(filter_means(&f, &m));
	pattern_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
