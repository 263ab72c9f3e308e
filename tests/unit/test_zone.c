#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "alert/zone.h"
#include "base/clock.h"

static struct zone *
zone(const char *name)
{
	struct zone *z = NULL;

	assert_int_equal(zone_open(name, &z), 0);
	return z;
}

static struct civil
civil(const char *text)
{
	struct civil c;
	bool date_only;

	assert_int_equal(civil_parse(text, &c, &date_only), 0);
	return c;
}

/* --- the calendar ---------------------------------------------------------- */

static void
test_days(void **state)
{
	static const struct {
		const char *name;
		int year, month, day;
		int64_t days;
		int weekday;
	} rows[] = {
		{"the first", 1970, 1, 1, 0, 4},
		{"the day before", 1969, 12, 31, -1, 3},
		{"a leap day", 2024, 2, 29, 19782, 4},
		{"of a century", 2000, 2, 29, 11016, 2},
		{"after a century without", 1900, 3, 1, -25508, 4},
		{"the last", 9999, 12, 31, 2932896, 5},
		{"year 1", 1, 1, 1, -719162, 1},
		{"before year 0", -1, 12, 31, -719529, 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct civil c = civil_of_days(rows[i].days);

		print_message("%s\n", rows[i].name);
		assert_int_equal(
			civil_days(rows[i].year, rows[i].month, rows[i].day),
			rows[i].days);
		assert_int_equal(c.year, rows[i].year);
		assert_int_equal(c.month, rows[i].month);
		assert_int_equal(c.day, rows[i].day);
		assert_int_equal(civil_weekday(rows[i].days), rows[i].weekday);
	}
}

/* Day by day through 800 years. */
static void
test_every_day(void **state)
{
	struct civil last = civil_of_days(civil_days(1600, 1, 1) - 1), c;
	int64_t end = civil_days(2400, 1, 1);

	(void)state;
	for (int64_t day = civil_days(1600, 1, 1); day < end; day++) {
		c = civil_of_days(day);
		assert_int_equal(civil_days(c.year, c.month, c.day), day);
		if (c.day == 1)
			assert_int_equal(
				last.day,
				civil_month_days(last.year, last.month));
		else
			assert_int_equal(c.day, last.day + 1);
		last = c;
	}
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		int r, hour, minute;
		bool date_only;
	} rows[] = {
		{"2026-01-05T09:00", 0, 9, 0, false},
		{"2026-01-05 09:05", 0, 9, 5, false},
		{"2026-01-05", 0, 0, 0, true},
		{"2024-02-29", 0, 0, 0, true},
		{"2026-01-05T24:00", 0, 24, 0, false},
		{"2026-02-29", -EINVAL, 0, 0, false},
		{"1969-12-31", -EINVAL, 0, 0, false},
		{"2026-13-01", -EINVAL, 0, 0, false},
		{"2026-00-01", -EINVAL, 0, 0, false},
		{"2026-01-00", -EINVAL, 0, 0, false},
		{"2026-1-05", -EINVAL, 0, 0, false},
		{"2026-01-05T24:01", -EINVAL, 0, 0, false},
		{"2026-01-05T9:00", -EINVAL, 0, 0, false},
		{"2026-01-05t09:00", -EINVAL, 0, 0, false},
		{"2026-01-05T09:60", -EINVAL, 0, 0, false},
		{"2026-01-05T09:00Z", -EINVAL, 0, 0, false},
		{"2026/01/05", -EINVAL, 0, 0, false},
		{"+026-01-05", -EINVAL, 0, 0, false},
		{"", -EINVAL, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct civil c = {0};
		bool date_only = false;

		print_message("`%s`\n", rows[i].text);
		assert_int_equal(civil_parse(rows[i].text, &c, &date_only),
				 rows[i].r);
		assert_int_equal(c.hour, rows[i].hour);
		assert_int_equal(c.minute, rows[i].minute);
		assert_int_equal(date_only, rows[i].date_only);
	}
}

static void
test_duration(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{-5, "0s"},
		{0, "0s"},
		{999, "0s"},
		{1000, "1s"},
		{59999, "59s"},
		{60000, "1m"},
		{65000, "1m 5s"},
		{3600000, "1h"},
		{3605000, "1h"},
		{11520000, "3h 12m"},
		{11579999, "3h 12m"},
		{86400000, "1d"},
		{86400000 + 59 * 60000, "1d"},
		{2 * INT64_C(86400000) + 4 * 3600000, "2d 4h"},
		{INT64_MAX, "106751991167d 7h"},
	};
	char text[DURATION_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		duration_format(rows[i].ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* --- zones ----------------------------------------------------------------- */

static void
test_names(void **state)
{
	static const char *const known[] = {
		"Europe/Berlin", "UTC",       "CET",
		"EST5EDT",       "Etc/GMT+3", "America/Argentina/Buenos_Aires"};
	static const char *const unknown[] = {
		"europe/berlin",
		"Europe/Berlin ",
		"GMT+3",
		"UTC+1",
		"Etc/Unknown",
		"Mars/Olympus",
		"\xff",
		"a-name-that-is-longer-than-any-zone-of-the-database-could-be-"
		"x",
		"a-name-that-is-longer-than-any-zone-of-the-database-could-be-"
		"and-then-some-more"};
	struct zone *z = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_string_equal(zone_name(zone(known[i])), known[i]);
		assert_ptr_equal(zone(known[i]), zone(known[i]));
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(zone_open(unknown[i], &z), -ENOENT);
	assert_null(z);
	assert_ptr_equal(zone("Local"), zone(""));
}

struct moment {
	const char *name, *zone, *civil, *utc, *shown;
};

/* A civil time is that moment, and the clocks show then what stands last. */
static const struct moment moments[] = {
	{"winter", "Europe/Berlin", "2026-11-22 14:05",
	 "2026-11-22T13:05:00.000Z", "2026-11-22 14:05 CET"},
	{"summer", "Europe/Berlin", "2026-07-01 14:05",
	 "2026-07-01T12:05:00.000Z", "2026-07-01 14:05 CEST"},
	{"before spring", "Europe/Berlin", "2026-03-29 01:59",
	 "2026-03-29T00:59:00.000Z", "2026-03-29 01:59 CET"},
	{"left out, its begin", "Europe/Berlin", "2026-03-29 02:00",
	 "2026-03-29T01:00:00.000Z", "2026-03-29 03:00 CEST"},
	{"left out, within", "Europe/Berlin", "2026-03-29 02:30",
	 "2026-03-29T01:00:00.000Z", "2026-03-29 03:00 CEST"},
	{"after spring", "Europe/Berlin", "2026-03-29 03:01",
	 "2026-03-29T01:01:00.000Z", "2026-03-29 03:01 CEST"},
	{"twice, the first", "Europe/Berlin", "2026-10-25 02:00",
	 "2026-10-25T00:00:00.000Z", "2026-10-25 02:00 CEST"},
	{"twice, the end of the first", "Europe/Berlin", "2026-10-25 02:59",
	 "2026-10-25T00:59:00.000Z", "2026-10-25 02:59 CEST"},
	{"after autumn", "Europe/Berlin", "2026-10-25 03:00",
	 "2026-10-25T02:00:00.000Z", "2026-10-25 03:00 CET"},
	{"New York, left out", "America/New_York", "2026-03-08 02:30",
	 "2026-03-08T07:00:00.000Z", "2026-03-08 03:00 EDT"},
	{"New York, twice", "America/New_York", "2026-11-01 01:30",
	 "2026-11-01T05:30:00.000Z", "2026-11-01 01:30 EDT"},
	{"half an hour left out", "Australia/Lord_Howe", "2026-10-04 02:15",
	 "2026-10-03T15:30:00.000Z", "2026-10-04 02:30 LHDT"},
	{"half an hour twice", "Australia/Lord_Howe", "2026-04-05 01:45",
	 "2026-04-04T14:45:00.000Z", "2026-04-05 01:45 LHDT"},
	{"not twice there", "Australia/Lord_Howe", "2026-04-05 02:00",
	 "2026-04-04T15:30:00.000Z", "2026-04-05 02:00 LHST"},
	{"half hours all year", "Asia/Kolkata", "2026-07-01 00:10",
	 "2026-06-30T18:40:00.000Z", "2026-07-01 00:10 IST"},
	{"no abbreviation", "Asia/Kathmandu", "2026-07-01 12:00",
	 "2026-07-01T06:15:00.000Z", "2026-07-01 12:00 UTC+05:45"},
	{"none, in the west", "America/Sao_Paulo", "2026-07-01 12:00",
	 "2026-07-01T15:00:00.000Z", "2026-07-01 12:00 UTC-03:00"},
	{"a midnight that is left out", "America/Sao_Paulo", "2018-11-04 00:00",
	 "2018-11-04T03:00:00.000Z", "2018-11-04 01:00 UTC-02:00"},
	{"a day that is left out", "Pacific/Apia", "2011-12-30 12:00",
	 "2011-12-30T10:00:00.000Z", "2011-12-31 00:00 UTC+14:00"},
	{"no change ever", "UTC", "2026-03-29 02:30",
	 "2026-03-29T02:30:00.000Z", "2026-03-29 02:30 UTC"},
	{"the next midnight", "Europe/Berlin", "2026-12-31 24:00",
	 "2026-12-31T23:00:00.000Z", "2027-01-01 00:00 CET"},
	{"long from now", "Europe/Berlin", "2999-07-01 12:00",
	 "2999-07-01T10:00:00.000Z", "2999-07-01 12:00 CEST"},
};

static void
test_moments(void **state)
{
	char utc[CLOCK_RFC3339_LEN], shown[ZONE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		const struct moment *m = &moments[i];
		struct zone *z = zone(m->zone);
		int64_t wall_ms = zone_to_wall_ms(z, civil(m->civil));

		print_message("%s\n", m->name);
		clock_rfc3339(wall_ms, utc);
		assert_string_equal(utc, m->utc);
		zone_format(z, wall_ms, shown);
		assert_string_equal(shown, m->shown);
	}
}

/* The second time has the same civil time and another name. */
static void
test_the_second_time(void **state)
{
	struct zone *z = zone("Europe/Berlin");
	int64_t first = zone_to_wall_ms(z, civil("2026-10-25 02:30"));
	struct civil c = zone_civil(z, first + 3600000);
	char shown[ZONE_TEXT_MAX];

	(void)state;
	assert_int_equal(c.hour, 2);
	assert_int_equal(c.minute, 30);
	assert_int_equal(zone_to_wall_ms(z, c), first);
	zone_format(z, first + 3600000, shown);
	assert_string_equal(shown, "2026-10-25 02:30 CET");
}

static void
test_counting_on(void **state)
{
	struct zone *z = zone("Europe/Berlin");
	struct civil c = civil("2026-03-28 20:00");
	char shown[ZONE_TEXT_MAX];

	(void)state;
	c.minute = 12 * 60;
	zone_format(z, zone_to_wall_ms(z, c), shown);
	assert_string_equal(shown, "2026-03-29 08:00 CEST");
	c = civil("2026-12-31");
	c.day += 7;
	zone_format(z, zone_to_wall_ms(z, c), shown);
	assert_string_equal(shown, "2027-01-07 00:00 CET");
}

static void
test_far_away(void **state)
{
	struct zone *z = zone("America/New_York");
	char shown[ZONE_TEXT_MAX];

	(void)state;
	zone_format(z, INT64_MAX, shown);
	assert_string_equal(shown, "9999-12-31 18:59 EST");
	zone_format(z, INT64_MIN, shown);
	assert_int_equal(zone_civil(z, INT64_MIN).year, 0);
}

/* A later civil time is never an earlier moment, and what is shown at a
 * moment is the moment again, or its first time. */
static void
test_in_order(void **state)
{
	static const char *const names[] = {
		"Europe/Berlin",       "America/New_York",  "Asia/Kolkata",
		"Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
		"America/St_Johns",    "Asia/Gaza"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *z = zone(names[i]);
		int64_t at, last = INT64_MIN, moment, back;
		struct civil c = civil("2009-01-01");

		at = zone_to_wall_ms(z, c);
		for (int quarter = 0; quarter < 2 * 366 * 96; quarter++) {
			c.minute = quarter * 15;
			moment = zone_to_wall_ms(z, c);
			assert_true(moment >= last);
			last = moment;
			back = zone_to_wall_ms(z, zone_civil(z, at));
			assert_true(back == at ||
				    (back >= at - 7200000 && back < at));
			at += 15 * 60000;
		}
	}
}

/* --- threads --------------------------------------------------------------- */

static void *
look(void *arg)
{
	char shown[ZONE_TEXT_MAX];
	struct zone *z = NULL;
	long wrong = 0;

	(void)arg;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]);
		     i++) {
			struct civil c;
			bool date_only;

			if (zone_open(moments[i].zone, &z) < 0 ||
			    civil_parse(moments[i].civil, &c, &date_only) < 0)
				return look;
			zone_format(z, zone_to_wall_ms(z, c), shown);
			wrong += strcmp(shown, moments[i].shown) != 0;
		}
	}
	return wrong > 0 ? look : NULL;
}

static void
test_threads(void **state)
{
	pthread_t t[4];
	void *wrong;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, look, NULL), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(t[i], &wrong), 0);
		assert_null(wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_the_second_time),
		cmocka_unit_test(test_counting_on),
		cmocka_unit_test(test_far_away),
		cmocka_unit_test(test_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
