/*
 * libspf2 behind its guard, beside our own evaluator: over the suite of RFC 7208
 * every difference is listed, and why; then what the guard is there for.
 */
#include "verdict/spf_libspf2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/spf_kit.h"
#include "tests/unit/spf_suite.h"
#include "tests/unit/test.h"

struct tally {
	unsigned right, refused, differ;
};

/* 0 or -ENOTSUP. */
static int
try_it(struct zone *zone, const struct spf_question *q, struct arena *arena,
       struct spf_verdict *ret, const char **ret_refused)
{
	struct answers answers;
	int r;

	answers_init(&answers, arena, SPF_SUITE_QUESTIONS);
	while ((r = spf_libspf2_try(q, &answers, arena, NULL, ret,
				    ret_refused)) == -EAGAIN)
		assert_true(zone_settle(zone, &answers));
	return r;
}

/* With its way out, every case has a result; where it is not asked, ours. */
static void
check_whole(struct zone *zone, const struct spf_case *c, bool refused)
{
	struct spf_verdict v;
	struct answers answers;
	struct arena arena;
	int r;

	arena_init(&arena);
	answers_init(&answers, &arena, SPF_SUITE_QUESTIONS);
	while ((r = spf_libspf2_check(&c->question, &answers, &arena, NULL,
				      &v)) == -EAGAIN)
		assert_true(zone_settle(zone, &answers));
	assert_int_equal(r, 0);
	if (refused)
		assert_true(spf_case_wants(c, &v));
	arena_done(&arena);
}

static void
compare_case(void *arg, struct zone *zone, const struct spf_case *c)
{
	struct tally *tally = arg;
	const char *refused = "";
	struct spf_verdict v;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = try_it(zone, &c->question, &arena, &v, &refused);
	check_whole(zone, c, r < 0);
	if (r < 0) {
		assert_int_equal(r, -ENOTSUP);
		print_message("%s: not asked: %s\n", c->name, refused);
		tally->refused++;
	} else if (spf_case_wants_result(c, v.result)) {
		tally->right++;
	} else {
		print_message("%s: %s (%s), not %s\n", c->name,
			      spf_result_names[v.result], v.why, c->results);
		tally->differ++;
	}
	arena_done(&arena);
}

/* The numbers are those of the packaged library: another one may be told. */
static void
test_suite(void **state)
{
	struct tally tally = {0};
	FILE *f = spf_suite_open();

	(void)state;
	if (f == NULL)
		skip();
	assert_int_equal(spf_suite_each(f, compare_case, &tally),
			 SPF_SUITE_CASES);
	fclose(f);
	print_message("%u right, %u not asked, %u differ\n", tally.right,
		      tally.refused, tally.differ);
	assert_int_equal(tally.differ, 3);
	assert_int_equal(tally.refused, 89);
}

/* --- the guard ------------------------------------------------------------- */

static const char *
asked(struct spf_kit *k, const char *record, size_t len)
{
	struct spf_question q = {.scope = SPF_MAIL_FROM,
				 .helo = "h.test",
				 .sender = "a@d.test",
				 .receiver = "mx.test"};
	const char *refused = "";

	spf_kit_ip(CLIENT, q.ip);
	zone_add(&k->zone, "d.test", "TXT", record, len);
	if (try_it(&k->zone, &q, &k->arena, &k->v, &refused) < 0)
		return refused;
	return spf_result_names[k->v.result];
}

/* N times TERM, then END. */
static const char *
asked_many(struct spf_kit *k, const char *term, int n, const char *end)
{
	struct buf record;
	const char *result;

	buf_init(&record, SPF_RECORD_MAX);
	buf_append_str(&record, "v=spf1");
	for (int i = 0; i < n; i++)
		buf_append_str(&record, term);
	buf_append_str(&record, end);
	spf_kit_zone(k, "e.test TXT v=spf1 ?all\ne.test A 10.0.0.1\n");
	result = asked(k, buf_str(&record), record.len);
	buf_done(&record);
	return result;
}

#define TOO_MUCH "the record is more than it can hold"
#define LABEL    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."

static void
test_what_it_can_hold(void **state)
{
	static const struct {
		const char *term;
		int n;
		const char *end, *result;
	} row[] = {
		{" ip4:10.0.0.1", 61, " -all", "fail"},
		{" ip4:10.0.0.1", 62, " -all", TOO_MUCH},
		{" ip6:2001:db8::1", 20, " -all", "fail"},
		{" ip6:2001:db8::1", 21, " -all", TOO_MUCH},
		{" ip4:10.0.0.1", 1300, " -all", TOO_MUCH},
		{" exists:" LABEL "e.test", 2, " -all", "fail"},
		{" exists:" LABEL "e.test", 7, " -all", TOO_MUCH},
		{" exists:%{i}%{i}%{i}%{i}%{i}%{i}%{i}%{i}.e.test", 2, " -all",
		 "fail"},
		{" exists:%{i}%{i}%{i}%{i}%{i}%{i}%{i}%{i}.e.test", 12, " -all",
		 TOO_MUCH},
		{" x=%{i}", 20, " -all", "fail"},
		{" x=%{i}", 30, " -all", TOO_MUCH},
		{" a:e.test", 10, " -all", "fail"},
		{" a:e.test", 11, " -all", "permerror"},
		{" ip4:10.0.0.0/8", 1, " a/0 -all",
		 "the record has a prefix length of zero"},
	};
	struct spf_kit *k = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%d%s\n", row[i].n, row[i].term);
		assert_string_equal(
			asked_many(k, row[i].term, row[i].n, row[i].end),
			row[i].result);
	}
}

/* Of the records that take another program's stack apart none gets there. */
static void
test_smash_record(void **state)
{
	struct spf_kit *k = *state;
	struct buf record;

	buf_init(&record, SPF_RECORD_MAX);
	spf_kit_smash_record(&record);
	assert_string_equal(asked(k, record.data, record.len), TOO_MUCH);
	buf_done(&record);
}

/* Ten includes of ten includes ...: over the whole evaluation ten. */
static void
test_include_tree(void **state)
{
	struct spf_kit *k = *state;
	struct buf record;
	char name[256];

	buf_init(&record, SPF_RECORD_MAX);
	buf_append_str(&record, "v=spf1");
	for (int i = 0; i < 10; i++)
		buf_printf(&record, " include:%d.%%{d}", i);
	buf_append_str(&record, " ?all");
	snprintf(name, sizeof(name), "d.test");
	for (int depth = 0; depth < 12; depth++) {
		memmove(name + 2, name, strlen(name) + 1);
		memcpy(name, "0.", 2);
		zone_add(&k->zone, name, "TXT", record.data, record.len);
	}
	assert_string_equal(asked(k, record.data, record.len), "permerror");
	assert_string_equal(k->v.why, "over 10 terms that ask the DNS");
	assert_int_equal(k->v.lookups, 11);
	buf_done(&record);
}

static void
test_limits(void **state)
{
	static const struct {
		const char *zone, *record, *result, *why;
	} row[] = {
		{"", "v=spf1 a:x.test a:y.test exists:z.test -all", "permerror",
		 "over 2 questions without an answer, the last for z.test A"},
		{"", "v=spf1 a:x.test exists:z.test -all", "fail", ""},
		{"s.test TIMEOUT -\n", "v=spf1 a:s.test -all", "temperror",
		 "s.test A: timeout"},
		{"s.test TIMEOUT -\n", "v=spf1 exists:s.test -all", "temperror",
		 "s.test A: timeout"},
		{"s.test TIMEOUT -\n", "v=spf1 include:s.test -all",
		 "temperror", "s.test TXT: timeout"},
		{"s.test TIMEOUT -\n", "v=spf1 redirect=s.test", "temperror",
		 "s.test TXT: timeout"},
		{"s.test TIMEOUT -\n", "v=spf1 -all exp=s.test", "fail", ""},
		{"s.test TXT %{i}%{x}\n", "v=spf1 -all exp=s.test", "fail", ""},
		{"e.test TXT v=spf1 a a a a -all\ne.test A 10.0.0.1\n",
		 "v=spf1 include:e.test include:e.test -all", "fail", ""},
		{"e.test TXT v=spf1 a a a a -all\ne.test A 10.0.0.1\n",
		 "v=spf1 include:e.test include:e.test mx -all", "permerror",
		 "over 10 terms that ask the DNS"},
	};
	struct spf_kit *k = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].record);
		spf_kit_zone(k, row[i].zone);
		assert_string_equal(
			asked(k, row[i].record, strlen(row[i].record)),
			row[i].result);
		assert_string_equal(k->v.why, row[i].why);
	}
}

/* Who is refused as a client, a sender or a name of EHLO. */
static void
test_odd_questions(void **state)
{
	static const struct {
		const char *ip, *helo, *sender;
		bool asked;
	} row[] = {
		{CLIENT, "h.test", "a@d.test", true},
		{"2001:db8::1", "h.test", "a@d.test", true},
		{CLIENT, "d.test", "", true},
		{"127.0.0.1", "h.test", "a@d.test", false},
		{"::1", "h.test", "a@d.test", false},
		{CLIENT, "h\xc3\xa9.test", "a@d.test", false},
		{CLIENT, "h.test", "a b@d.test", false},
		{CLIENT, "h.test", "a\n@d.test", false},
		{CLIENT, "localhost", "", false},
	};
	struct spf_kit *k = *state;
	struct spf_verdict v;
	const char *refused;

	spf_kit_zone(k,
		     "d.test TXT v=spf1 ip4:" CLIENT " ip6:2001:db8::1 -all\n");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct spf_question q = {.helo = row[i].helo,
					 .sender = row[i].sender,
					 .receiver = "mx.test"};
		int r;

		print_message("%s %s\n", row[i].ip, row[i].sender);
		spf_kit_ip(row[i].ip, q.ip);
		r = try_it(&k->zone, &q, &k->arena, &v, &refused);
		assert_int_equal(r, row[i].asked ? 0 : -ENOTSUP);
		if (row[i].asked)
			assert_int_equal(v.result, SPF_PASS);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, spf_kit_setup, spf_kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		T(test_what_it_can_hold),
		T(test_smash_record),
		T(test_include_tree),
		T(test_limits),
		T(test_odd_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
