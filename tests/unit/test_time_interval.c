#include "tests/unit/test.h"

#include <string.h>

#include "alert/time_interval.h"

/* YAML of an interval; false: SAYS has the first complaint. */
static bool
read_interval(const char *text, struct arena *arena, struct time_interval *ret,
	      char *says, size_t size)
{
	struct time_interval_conf conf;
	struct conf_errors e;
	bool ok;

	conf_errors_init(&e);
	ok = conf_load_text("t", text, strlen(text), &time_interval_conf_table,
			    arena, &e, &conf) == 0 &&
	     time_interval_read(&conf, arena, &e, ret);
	assert_int_equal(ok, e.total == 0);
	says[0] = '\0';
	if (e.n > 0)
		snprintf(says, size, "%d:%d: %s", e.v[0].mark.line,
			 e.v[0].mark.column, e.v[0].text);
	conf_errors_done(&e);
	return ok;
}

static int64_t
utc(const char *text)
{
	struct zone *z;
	struct civil c;
	bool date_only;

	assert_int_equal(zone_open("UTC", &z), 0);
	assert_int_equal(civil_parse(text, &c, &date_only), 0);
	return zone_to_wall_ms(z, c);
}

static const struct {
	const char *name, *text, *utc;
	bool contains;
} rows[] = {
	{"nothing is anything", "{}", "2026-11-22 12:00", true},
	{"an empty field is none", "weekdays: []", "2026-11-22 12:00", true},
	{"the begin of a time", "times: [{start_time: 09:00, end_time: 17:00}]",
	 "2026-11-22 09:00", true},
	{"before it", "times: [{start_time: 09:00, end_time: 17:00}]",
	 "2026-11-22 08:59", false},
	{"its last minute", "times: [{start_time: 09:00, end_time: 17:00}]",
	 "2026-11-22 16:59", true},
	{"its end", "times: [{start_time: 09:00, end_time: 17:00}]",
	 "2026-11-22 17:00", false},
	{"the end of the day", "times: [{start_time: 23:59, end_time: 24:00}]",
	 "2026-11-22 23:59", true},
	{"the second of two times",
	 "times: [{start_time: 00:00, end_time: 06:00}, "
	 "{start_time: 22:00, end_time: 24:00}]",
	 "2026-11-22 22:30", true},
	{"a weekday", "weekdays: [Sunday]", "2026-11-22 12:00", true},
	{"another", "weekdays: [sunday]", "2026-11-23 12:00", false},
	{"the week begins on sunday", "weekdays: ['sunday:tuesday']",
	 "2026-11-22 12:00", true},
	{"the end of weekdays", "weekdays: ['monday:friday']",
	 "2026-11-27 23:59", true},
	{"after them", "weekdays: ['monday:friday']", "2026-11-28 00:00",
	 false},
	{"a day of the month", "days_of_month: ['1:5']", "2026-11-05 12:00",
	 true},
	{"after it", "days_of_month: ['1:5']", "2026-11-06 12:00", false},
	{"the last day", "days_of_month: ['-1']", "2026-11-30 12:00", true},
	{"the last day of february", "days_of_month: ['-1']",
	 "2024-02-29 12:00", true},
	{"not the last", "days_of_month: ['-1']", "2024-02-28 12:00", false},
	{"from the end", "days_of_month: ['-3:-1']", "2026-11-28 12:00", true},
	{"before that", "days_of_month: ['-3:-1']", "2026-11-27 12:00", false},
	{"from the begin to the end", "days_of_month: ['2:-2']",
	 "2026-11-29 12:00", true},
	{"and not the last", "days_of_month: ['2:-2']", "2026-11-30 12:00",
	 false},
	{"a day that the month does not have", "days_of_month: ['30:31']",
	 "2026-02-28 12:00", false},
	{"a range beyond the month", "days_of_month: ['25:31']",
	 "2026-02-28 12:00", true},
	{"a range that begins before it", "days_of_month: ['-31:-28']",
	 "2026-02-01 12:00", true},
	{"all of it before", "days_of_month: ['-31:-30']", "2026-02-01 12:00",
	 false},
	{"a month that changes its clocks",
	 "{days_of_month: ['-1'], location: Europe/Berlin}", "2026-03-31 12:00",
	 true},
	{"months by number", "months: ['1:3', '11']", "2026-11-22 12:00", true},
	{"a number without quotes", "months: [11]", "2026-11-22 12:00", true},
	{"months by name", "months: ['September:NOVEMBER']", "2026-11-22 12:00",
	 true},
	{"one of both", "months: ['october:11']", "2026-11-22 12:00", true},
	{"another month", "months: [may]", "2026-11-22 12:00", false},
	{"years", "years: ['2020:2022', '2026']", "2026-11-22 12:00", true},
	{"other years", "years: ['2027:2030']", "2026-11-22 12:00", false},
	{"a sign", "years: ['+2026']", "2026-11-22 12:00", true},
	{"every field counts", "{weekdays: [sunday], months: [may]}",
	 "2026-11-22 12:00", false},
	{"in a location",
	 "{location: Europe/Berlin, times: [{start_time: 09:00, "
	 "end_time: 10:00}]}",
	 "2026-11-22 08:30", true},
	{"in its summer",
	 "{location: Europe/Berlin, times: [{start_time: 09:00, "
	 "end_time: 10:00}]}",
	 "2026-07-01 07:30", true},
	{"its day", "{location: Asia/Kolkata, weekdays: [monday]}",
	 "2026-11-22 18:30", true},
	{"the day before there", "{location: Asia/Kolkata, weekdays: [monday]}",
	 "2026-11-22 18:29", false},
	{"its year", "{location: America/New_York, years: ['2026']}",
	 "2027-01-01 04:59", true},
	{"an empty location is UTC", "{location: '', weekdays: [sunday]}",
	 "2026-11-22 23:59", true},
	{"a time that spring leaves out is of no day",
	 "{location: Europe/Berlin, times: [{start_time: 02:00, "
	 "end_time: 03:00}]}",
	 "2026-03-29 01:00", false},
	{"a time that comes twice, the first",
	 "{location: Europe/Berlin, times: [{start_time: 02:00, "
	 "end_time: 03:00}]}",
	 "2026-10-25 00:30", true},
	{"and the second",
	 "{location: Europe/Berlin, times: [{start_time: 02:00, "
	 "end_time: 03:00}]}",
	 "2026-10-25 01:30", true},
};

static void
test_contains(void **state)
{
	struct time_interval t;
	struct arena arena;
	char says[400];

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		if (!read_interval(rows[i].text, &arena, &t, says,
				   sizeof(says)))
			fail_msg("%s", says);
		assert_int_equal(time_interval_contains(&t, utc(rows[i].utc)),
				 rows[i].contains);
	}
	arena_done(&arena);
}

/* What amtool check-config of 0.25 takes and refuses. */
static const struct {
	const char *text, *says; /* NULL: nothing */
} grammar[] = {
	{"location: Local", NULL},
	{"location: CET", NULL},
	{"location: Etc/GMT+3", NULL},
	{"months: ['01']", NULL},
	{"months: ['+1']", NULL},
	{"days_of_month: ['27:-1']", NULL},
	{"days_of_month: [1:5]", NULL},
	{"days_of_month: ['-31:-30']", NULL},
	{"years: ['-5:0']", NULL},
	{"times: [{start_time: '00:00', end_time: '24:00'}]", NULL},
	{"location: europe/berlin",
	 "1:11: `location` is a time zone, like Europe/Berlin, UTC or Local, "
	 "not `europe/berlin`"},
	{"location: GMT+3",
	 "1:11: `location` is a time zone, like Europe/Berlin, UTC or Local, "
	 "not `GMT+3`"},
	{"months: ['december:january']",
	 "1:10: `december:january` of `months` ends before it begins"},
	{"months: ['Jan']",
	 "1:10: `months` lists months, like 1 or january, or ranges of them "
	 "with a colon, not `Jan`"},
	{"months: [' may']",
	 "1:10: `months` lists months, like 1 or january, or ranges of them "
	 "with a colon, not ` may`"},
	{"months: ['1:']",
	 "1:10: `months` lists months, like 1 or january, or ranges of them "
	 "with a colon, not `1:`"},
	{"months: [':']",
	 "1:10: `months` lists months, like 1 or january, or ranges of them "
	 "with a colon, not `:`"},
	{"weekdays: [friday:monday]",
	 "1:12: `friday:monday` of `weekdays` ends before it begins"},
	{"weekdays: [1]",
	 "1:12: `weekdays` lists days, like monday, or ranges of them with a "
	 "colon, not `1`"},
	{"weekdays: [monday, mon]",
	 "1:20: `weekdays` lists days, like monday, or ranges of them with a "
	 "colon, not `mon`"},
	{"weekdays: ['monday : friday']",
	 "1:12: `weekdays` lists days, like monday, or ranges of them with a "
	 "colon, not `monday : friday`"},
	{"days_of_month: ['-1:1']",
	 "1:17: `-1:1` of `days_of_month` begins from the end of the month "
	 "and so must end from there, with a negative day"},
	{"days_of_month: ['0']",
	 "1:17: `0` of `days_of_month` is out of range: days are 1 to 31, or "
	 "-31 to -1 from the end of the month"},
	{"days_of_month: ['32']",
	 "1:17: `32` of `days_of_month` is out of range: days are 1 to 31, or "
	 "-31 to -1 from the end of the month"},
	{"days_of_month: ['-32:-1']",
	 "1:17: `-32:-1` of `days_of_month` is out of range: days are 1 to "
	 "31, or -31 to -1 from the end of the month"},
	{"days_of_month: ['28:-1']",
	 "1:17: `28:-1` of `days_of_month` ends before it begins in some "
	 "months"},
	{"days_of_month: ['5:3']",
	 "1:17: `5:3` of `days_of_month` ends before it begins in some "
	 "months"},
	{"days_of_month: ['1:2:3']",
	 "1:17: `days_of_month` lists days, like 1 or -1 for the last, or "
	 "ranges of them with a colon, not `1:2:3`"},
	{"days_of_month: ['']",
	 "1:17: `days_of_month` lists days, like 1 or -1 for the last, or "
	 "ranges of them with a colon, not ``"},
	{"years: ['2022:2020']",
	 "1:9: `2022:2020` of `years` ends before it begins"},
	{"years: ['99999999999999999999']",
	 "1:9: `years` lists years or ranges of them with a colon, not "
	 "`99999999999999999999`"},
	{"years: ['0x7e4']",
	 "1:9: `years` lists years or ranges of them with a colon, not "
	 "`0x7e4`"},
	{"times: [{start_time: 9:00, end_time: 17:00}]",
	 "1:22: a time of day is 00:00 to 24:00, not `9:00`"},
	{"times: [{start_time: '09:00', end_time: '24:01'}]",
	 "1:41: a time of day is 00:00 to 24:00, not `24:01`"},
	{"times: [{start_time: '24:00', end_time: '24:00'}]",
	 "1:9: `start_time` 24:00 is not before `end_time` 24:00: write two, "
	 "one until 24:00 and one from 00:00"},
	{"times: [{start_time: '22:00', end_time: '06:00'}]",
	 "1:9: `start_time` 22:00 is not before `end_time` 06:00: write two, "
	 "one until 24:00 and one from 00:00"},
};

static void
test_grammar(void **state)
{
	struct time_interval t;
	struct arena arena;
	char says[400];

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(grammar) / sizeof(grammar[0]); i++) {
		bool ok;

		print_message("%s\n", grammar[i].text);
		ok = read_interval(grammar[i].text, &arena, &t, says,
				   sizeof(says));
		assert_int_equal(ok, grammar[i].says == NULL);
		assert_string_equal(says, ok ? "" : grammar[i].says);
	}
	arena_done(&arena);
}

/* Taken, and named. */
static void
test_months_beyond(void **state)
{
	struct time_interval t;
	struct arena arena;
	char says[400];

	(void)state;
	arena_init(&arena);
	assert_true(read_interval("months: ['-3:2']", &arena, &t, says,
				  sizeof(says)));
	assert_string_equal(says, "1:10: `-3:2` of `months` is beyond 1 to 12");
	assert_true(time_interval_contains(&t, utc("2026-02-01 00:00")));
	assert_false(time_interval_contains(&t, utc("2026-12-01 00:00")));
	arena_done(&arena);
}

static void
test_several(void **state)
{
	static const char text[] = "name: nights and sundays\n"
				   "time_intervals:\n"
				   "- times: [{start_time: 00:00, "
				   "end_time: 06:00}]\n"
				   "- weekdays: [sunday]\n";
	struct time_intervals_conf conf;
	struct time_intervals t;
	struct conf_errors e;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	conf_errors_init(&e);
	assert_int_equal(conf_load_text("t", text, strlen(text),
					&time_intervals_conf_table, &arena, &e,
					&conf),
			 0);
	assert_true(time_intervals_read(&conf, &arena, &e, &t));
	assert_string_equal(t.name, "nights and sundays");
	assert_true(time_intervals_contain(&t, utc("2026-11-23 05:59")));
	assert_true(time_intervals_contain(&t, utc("2026-11-22 12:00")));
	assert_false(time_intervals_contain(&t, utc("2026-11-23 06:00")));
	conf_errors_done(&e);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_months_beyond),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
