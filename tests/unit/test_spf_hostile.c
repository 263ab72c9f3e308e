/*
 * SPF where the DNS is a stranger's: what he may make us do, what is asked at
 * once, and records that bring down others.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "tests/unit/spf_kit.h"
#include "tests/unit/test.h"

static void
test_smash_record(void **state)
{
	struct spf_kit *f = *state;
	struct buf record;

	buf_init(&record, SPF_RECORD_MAX);
	spf_kit_smash_record(&record);
	buf_append_str(&record, " ip4:" CLIENT " -all");
	zone_add(&f->zone, "d.test", "TXT", record.data, record.len);
	spf_kit_check(f, CLIENT, "h.test", "a@d.test");
	/* The name keeps its last label only, which nobody has. */
	assert_int_equal(f->v.result, SPF_PASS);
	assert_int_equal(f->v.voids, 1);
	spf_kit_check(f, "2001:db8::1", "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_PERMERROR);
	assert_non_null(strstr(f->v.why, "becomes too long a name"));
	buf_clear(&record);
	buf_append_str(&record, "v=spf1 a:");
	for (int i = 0; i < 2000; i++)
		buf_append_str(&record, "%{d}");
	buf_append_str(&record, " all");
	zone_add(&f->zone, "flood.test", "TXT", record.data, record.len);
	spf_kit_check(f, CLIENT, "h.test", "a@flood.test");
	assert_int_equal(f->v.result, SPF_PERMERROR);
	assert_non_null(strstr(f->v.why, "becomes too long a name"));
	buf_done(&record);
}

/* Ten includes of ten includes ...: ten questions for records, not a million. */
static void
test_include_tree(void **state)
{
	struct spf_kit *f = *state;
	struct buf record;

	buf_init(&record, SPF_RECORD_MAX);
	buf_append_str(&record, "v=spf1");
	for (int i = 0; i < 10; i++)
		buf_printf(&record, " include:%d.%%{d}", i);
	buf_append_str(&record, " ?all");
	f->questions = 10000;
	zone_add(&f->zone, "tree.test", "TXT", record.data, record.len);
	for (int depth = 0, at; depth < 12; depth++) {
		char name[256];

		at = 0;
		for (int i = 0; i <= depth; i++)
			at += snprintf(name + at, sizeof(name) - (size_t)at,
				       "0.");
		snprintf(name + at, sizeof(name) - (size_t)at, "tree.test");
		zone_add(&f->zone, name, "TXT", record.data, record.len);
	}
	spf_kit_check(f, CLIENT, "h.test", "a@tree.test");
	assert_int_equal(f->v.result, SPF_PERMERROR);
	assert_int_equal(f->v.lookups, 11);
	assert_in_range(f->answers.questions, 1, 11);
	buf_done(&record);
}

/* 900 networks in one record count to the last. */
static void
test_long_record(void **state)
{
	struct spf_kit *f = *state;
	struct buf record;

	buf_init(&record, 2 * SPF_RECORD_MAX);
	buf_append_str(&record, "v=spf1");
	for (int i = 0; i < 900; i++)
		buf_printf(&record, " ip4:10.%d.%d.0/24", i / 250, i % 250);
	buf_append_str(&record, " ip4:" CLIENT " -all");
	zone_add(&f->zone, "d.test", "TXT", record.data, record.len);
	spf_kit_check(f, CLIENT, "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_PASS);
	spf_kit_check(f, "192.0.2.2", "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_FAIL);
	buf_clear(&record);
	buf_append_str(&record, "v=spf1 +all");
	while (record.len <= SPF_RECORD_MAX)
		buf_append_char(&record, ' ');
	zone_add(&f->zone, "over.test", "TXT", record.data, record.len);
	spf_kit_check(f, CLIENT, "h.test", "a@over.test");
	assert_int_equal(f->v.result, SPF_PERMERROR);
	assert_non_null(strstr(f->v.why, "over 16384 octets"));
	buf_done(&record);
}

/* Of a hundred names of the client ten count, and all of those are asked for in
 * one round; so are the mail exchangers. */
static void
test_rounds(void **state)
{
	struct spf_kit *f = *state;
	char name[64];

	zone_load(&f->zone, "ptr.test TXT v=spf1 ptr -all\n"
			    "mx.test TXT v=spf1 mx -all\n");
	for (int i = 0; i < 90; i++) {
		snprintf(name, sizeof(name), "h%d.ptr.test", i);
		zone_add(&f->zone, "1.2.0.192.in-addr.arpa", "PTR", name,
			 strlen(name));
		zone_add(&f->zone, name, "A", i < 10 ? "192.0.2.7" : CLIENT, 9);
	}
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d m%d.mx.test", i, i);
		zone_add(&f->zone, "mx.test", "MX", name, strlen(name));
		zone_add(&f->zone, strchr(name, 'm'), "A", "192.0.2.7", 9);
	}
	spf_kit_check(f, CLIENT, "h.test", "a@ptr.test");
	assert_int_equal(f->v.result, SPF_FAIL);
	assert_int_equal(f->answers.questions, 12);
	assert_int_equal(f->zone.rounds, 3);
	spf_kit_check(f, CLIENT, "h.test", "a@mx.test");
	assert_int_equal(f->v.result, SPF_FAIL);
	assert_int_equal(f->answers.questions, 12);
	assert_int_equal(f->zone.rounds, 3);
}

/* Nine terms of MACRO 300 times over, for DOMAIN. */
static void
add_flood(struct spf_kit *f, const char *domain, const char *macro)
{
	struct buf record;

	buf_init(&record, SPF_RECORD_MAX);
	buf_append_str(&record, "v=spf1");
	for (int i = 0; i < 9; i++) {
		buf_append_str(&record, " a:");
		for (int j = 0; j < 300; j++)
			buf_append_str(&record, macro);
		buf_append_str(&record, ".e.test");
	}
	buf_append_str(&record, " -all");
	zone_add(&f->zone, domain, "TXT", record.data, record.len);
	buf_done(&record);
}

/* The CPU time of a failure for SENDER: the best of a few. */
static clock_t
cost_of(struct spf_kit *f, const char *sender)
{
	clock_t best = 0;

	for (int i = 0; i < 9; i++) {
		clock_t begun = clock(), took;

		spf_kit_check(f, CLIENT, "h.test", sender);
		took = clock() - begun;
		best = i == 0 || took < best ? took : best;
		assert_int_equal(f->v.result, SPF_FAIL);
	}
	return best;
}

/* The client's name in every place that there is, and each of ten to be checked:
 * it is looked for once, and costs what any other macro does. */
static void
test_name_flood(void **state)
{
	struct spf_kit *f = *state;
	clock_t plain, named;
	char name[64];

	zone_load(&f->zone, "e.test A 10.0.0.1\n");
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "host%d.elsewhere.test", i);
		zone_add(&f->zone, "1.2.0.192.in-addr.arpa", "PTR", name,
			 strlen(name));
		zone_add(&f->zone, name, "A", i < 9 ? "192.0.2.7" : CLIENT, 9);
	}
	add_flood(f, "plain.test", "%{d1}");
	add_flood(f, "named.test", "%{p1}");
	plain = cost_of(f, "a@plain.test");
	named = cost_of(f, "a@named.test");
	print_message("%ld and %ld us\n", (long)plain, (long)named);
	assert_in_range(f->answers.questions, 13, 20);
	assert_true(named < 6 * plain);
}

/* What one message may cost is spent: that is no reason to refuse it. */
static void
test_budget(void **state)
{
	struct spf_kit *f = *state;

	zone_load(&f->zone, "d.test TXT v=spf1 a:x.test a:y.test -all\n"
			    "x.test A 10.0.0.1\ny.test A 10.0.0.1\n");
	f->questions = 2;
	spf_kit_check(f, CLIENT, "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_TEMPERROR);
	f->questions = 3;
	spf_kit_check(f, CLIENT, "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_FAIL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, spf_kit_setup, spf_kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_smash_record), T(test_include_tree), T(test_long_record),
		T(test_rounds),       T(test_budget),       T(test_name_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
