#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/rota_impl.h"
#include "base/clock.h"

#define MINUTE_MS INT64_C(60000)

/* YAML of a schedule without its name; NULL: SAYS has the first complaint. */
static struct rota *
read_rota(const char *text, struct arena *arena, char *says, size_t size)
{
	const char *named = arena_printf(arena, "name: t\n%s\n", text);
	struct rota_conf conf;
	struct conf_errors e;
	struct rota *r = NULL;
	bool ok;

	conf_errors_init(&e);
	ok = conf_load_text("t", named, strlen(named), &rota_conf_table, arena,
			    &e, &conf) == 0 &&
	     rota_read(&conf, arena, &e, &r);
	assert_int_equal(ok, e.total == 0);
	assert_int_equal(ok, r != NULL);
	says[0] = '\0';
	if (e.n > 0)
		snprintf(says, size, "%d:%d: %s", e.v[0].mark.line,
			 e.v[0].mark.column, e.v[0].text);
	conf_errors_done(&e);
	return r;
}

static struct rota *
rota(const char *text, struct arena *arena)
{
	char says[400];
	struct rota *r = read_rota(text, arena, says, sizeof(says));

	if (r == NULL)
		fail_msg("%s", says);
	return r;
}

/* In the zone Z. */
static int64_t
moment(struct zone *z, const char *text)
{
	struct civil c;
	bool date_only;

	assert_int_equal(civil_parse(text, &c, &date_only), 0);
	return zone_to_wall_ms(z, c);
}

/* --- words ----------------------------------------------------------------- */

static void
test_hours(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned days;
		int from, until;
	} rows[] = {
		{"mon-fri 08:00-20:00", 0, 0x3e, 480, 1200},
		{"Mon-FRI 08:00-20:00", 0, 0x3e, 480, 1200},
		{"mon-fri  08:00-20:00", 0, 0x3e, 480, 1200},
		{"fri-mon", 0, 0x63, 0, 1440},
		{"sun", 0, 0x01, 0, 1440},
		{"sat,sun,wed 10:00-10:01", 0, 0x49, 600, 601},
		{"mon,tue-thu,sun", 0, 0x1f, 0, 1440},
		{"sun-sat", 0, 0x7f, 0, 1440},
		{"08:00-20:00", 0, 0x7f, 480, 1200},
		{"22:00-06:00", 0, 0x7f, 1320, 1800},
		{"fri 22:00-24:00", 0, 0x20, 1320, 1440},
		{"09:00-09:00", 0, 0x7f, 540, 1980},
		{"00:00-24:00", 0, 0x7f, 0, 1440},
		{"00:00-00:00", 0, 0x7f, 0, 1440},
		{"", -EINVAL, 0, 0, 0},
		{" ", -EINVAL, 0, 0, 0},
		{"mon ", 0, 0x02, 0, 1440},
		{"mo", -EINVAL, 0, 0, 0},
		{"monday", -EINVAL, 0, 0, 0},
		{"mon-", -EINVAL, 0, 0, 0},
		{"mon,", -EINVAL, 0, 0, 0},
		{",mon", -EINVAL, 0, 0, 0},
		{"mon-wed-fri", -EINVAL, 0, 0, 0},
		{"mon 08:00", -EINVAL, 0, 0, 0},
		{"mon 8:00-9:00", -EINVAL, 0, 0, 0},
		{"mon 24:00-25:00", -EINVAL, 0, 0, 0},
		{"24:00-08:00", -EINVAL, 0, 0, 0},
		{"08:00-20:00 mon", -EINVAL, 0, 0, 0},
		{"08:00-20:00,21:00-22:00", -EINVAL, 0, 0, 0},
		{"mon08:00-20:00", -EINVAL, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rota_hours h = {0};

		print_message("`%s`\n", rows[i].text);
		assert_int_equal(rota_parse_hours(rows[i].text, &h), rows[i].r);
		assert_int_equal(h.days, rows[i].days);
		assert_int_equal(h.from_minute, rows[i].from);
		assert_int_equal(h.until_minute, rows[i].until);
	}
}

static void
test_shift_lengths(void **state)
{
	static const struct {
		const char *text;
		int days;
	} rows[] = {{"daily", 1},      {"weekly", 7},   {"3d", 3},
		    {"2w", 14},        {"366d", 366},   {"367d", -EINVAL},
		    {"53w", -EINVAL},  {"0d", -EINVAL}, {"d", -EINVAL},
		    {"3", -EINVAL},    {"3h", -EINVAL}, {"Daily", -EINVAL},
		    {"3dd", -EINVAL},  {"", -EINVAL},   {"-3d", -EINVAL},
		    {"1000d", -EINVAL}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rota_parse_shift(rows[i].text), rows[i].days);
}

static void
test_mistakes(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"people: []", "1:1: `people` names nobody"},
		{"people: [anna]\ntime_zone: Berlin",
		 "3:12: `time_zone` is one like Europe/Berlin, not `Berlin`"},
		{"people: [anna]\nrotate: hourly",
		 "3:9: `rotate` is daily, weekly, or a number of days or "
		 "weeks up to 366d, like 3d or 2w, not `hourly`"},
		{"people: [anna]\nstart: monday",
		 "3:8: `start` is a time like 2026-01-05T09:00, not "
		 "`monday`"},
		{"people: [anna]\nhours: [sat, mondays]",
		 "3:14: `hours` lists times like \"mon-fri 08:00-20:00\", "
		 "\"sat,sun\" or \"22:00-06:00\", not `mondays`"},
		{"people: [anna]\noverrides: [{from: 2026-12-24, until: "
		 "2026-12-23, person: ben}]",
		 "3:39: `until` 2026-12-23 is not after `from` 2026-12-24"},
		{"people: [anna]\noverrides: [{from: christmas, until: "
		 "2026-12-27, person: ben}]",
		 "3:20: `from` is a day or a time, like 2026-12-24 or "
		 "2026-12-24T09:00, not `christmas`"},
	};
	struct arena arena;
	char says[400];

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(
			read_rota(rows[i].text, &arena, says, sizeof(says)));
		assert_string_equal(says, rows[i].says);
	}
	arena_done(&arena);
}

/* --- who, and until when --------------------------------------------------- */

#define WEEKLY                                                                 \
	"time_zone: Europe/Berlin\nstart: 2026-01-05T09:00\n"                  \
	"people: [anna, ben]\n"
#define OFFICE WEEKLY "hours: ['mon-fri 08:00-20:00']\n"
#define NIGHTS                                                                 \
	"time_zone: Europe/Berlin\npeople: [anna]\n"                           \
	"hours: ['fri-sun 22:00-06:00']\n"
#define CHRISTMAS                                                              \
	OFFICE "overrides: [{from: 2026-12-24, until: 2026-12-27, "            \
	       "person: cleo}, {from: 2026-12-24T12:00, until: "               \
	       "2026-12-24T14:00, person: dora}]\n"
#define DAILY(zone, time)                                                      \
	"time_zone: " zone "\nrotate: daily\nstart: 2026-01-01T" time "\n"     \
	"people: [anna, ben, cleo]\n"
#define HOURS(zone, hours)                                                     \
	"time_zone: " zone "\npeople: [anna]\nhours: ['" hours "']\n"

/* At a time of its zone, and when that changes, in UTC; "" never. */
static const struct {
	const char *name, *text, *at, *person, *change;
} rows[] = {
	{"the first shift", WEEKLY, "2026-01-05T09:00", "anna",
	 "2026-01-12T08:00:00.000Z"},
	{"before the first", WEEKLY, "2026-01-05T08:59", "ben",
	 "2026-01-05T08:00:00.000Z"},
	{"long before it", WEEKLY, "2020-01-01T12:00", "anna",
	 "2020-01-06T08:00:00.000Z"},
	{"the day before it, of three", DAILY("UTC", "00:00"),
	 "2025-12-31T12:00", "cleo", "2026-01-01T00:00:00.000Z"},
	{"two days before it", DAILY("UTC", "00:00"), "2025-12-30T12:00", "ben",
	 "2025-12-31T00:00:00.000Z"},
	{"hours of one day of the week", HOURS("UTC", "mon 08:00-09:00"),
	 "2026-01-05T09:00", NULL, "2026-01-12T08:00:00.000Z"},
	{"the second week", WEEKLY, "2026-01-12T09:00", "ben",
	 "2026-01-19T08:00:00.000Z"},
	{"a shift with spring in it", WEEKLY, "2026-03-24T12:00", "ben",
	 "2026-03-30T07:00:00.000Z"},
	{"a shift with autumn in it", WEEKLY, "2026-10-20T12:00", "ben",
	 "2026-10-26T08:00:00.000Z"},
	{"years later", WEEKLY, "2036-06-01T12:00", "anna",
	 "2036-06-02T07:00:00.000Z"},
	{"in office hours", OFFICE, "2026-01-06T12:00", "anna",
	 "2026-01-06T19:00:00.000Z"},
	{"until the shift ends", OFFICE, "2026-01-12T08:30", "anna",
	 "2026-01-12T08:00:00.000Z"},
	{"their end", OFFICE, "2026-01-06T20:00", NULL,
	 "2026-01-07T07:00:00.000Z"},
	{"over the weekend", OFFICE, "2026-01-09T20:00", NULL,
	 "2026-01-12T07:00:00.000Z"},
	{"over a weekend that has 47 hours", OFFICE, "2026-03-28T12:00", NULL,
	 "2026-03-30T06:00:00.000Z"},
	{"over one that has 49", OFFICE, "2026-10-24T12:00", NULL,
	 "2026-10-26T07:00:00.000Z"},
	{"a night", NIGHTS, "2026-11-20T23:00", "anna",
	 "2026-11-21T05:00:00.000Z"},
	{"its morning", NIGHTS, "2026-11-23T05:59", "anna",
	 "2026-11-23T05:00:00.000Z"},
	{"no night", NIGHTS, "2026-11-23T22:30", NULL,
	 "2026-11-27T21:00:00.000Z"},
	{"the night of spring", NIGHTS, "2026-03-28T22:00", "anna",
	 "2026-03-29T04:00:00.000Z"},
	{"the night of autumn", NIGHTS, "2026-10-24T22:00", "anna",
	 "2026-10-25T05:00:00.000Z"},
	{"an override", CHRISTMAS, "2026-12-24T09:00", "cleo",
	 "2026-12-24T11:00:00.000Z"},
	{"the later one", CHRISTMAS, "2026-12-24T13:59", "dora",
	 "2026-12-24T13:00:00.000Z"},
	{"the other again", CHRISTMAS, "2026-12-24T14:00", "cleo",
	 "2026-12-24T19:00:00.000Z"},
	{"not outside the hours", CHRISTMAS, "2026-12-26T12:00", NULL,
	 "2026-12-28T07:00:00.000Z"},
	{"its last day is part of it",
	 WEEKLY "overrides: [{from: 2026-12-24, until: 2026-12-27, person: "
		"cleo}]",
	 "2026-12-27T23:59", "cleo", "2026-12-27T23:00:00.000Z"},
	{"an override for whose shift it is",
	 WEEKLY "overrides: [{from: 2026-01-06, until: 2026-01-07, person: "
		"anna}]",
	 "2026-01-05T12:00", "anna", "2026-01-12T08:00:00.000Z"},
	{"at a time that spring leaves out", DAILY("Europe/Berlin", "02:30"),
	 "2026-03-29T01:59", "cleo", "2026-03-29T01:00:00.000Z"},
	{"at a time that comes twice", DAILY("Europe/Berlin", "02:30"),
	 "2026-10-25T02:29", "cleo", "2026-10-25T00:30:00.000Z"},
	{"and on the day after", DAILY("Europe/Berlin", "02:30"),
	 "2026-10-25T12:00", "anna", "2026-10-26T01:30:00.000Z"},
	{"spring in New York", DAILY("America/New_York", "02:15"),
	 "2026-03-08T01:00", "cleo", "2026-03-08T07:00:00.000Z"},
	{"autumn in New York", DAILY("America/New_York", "01:15"),
	 "2026-11-01T01:00", "anna", "2026-11-01T05:15:00.000Z"},
	{"spring by half an hour", DAILY("Australia/Lord_Howe", "02:15"),
	 "2026-10-04T01:59", "cleo", "2026-10-03T15:30:00.000Z"},
	{"autumn by half an hour", DAILY("Australia/Lord_Howe", "01:45"),
	 "2026-04-05T01:44", "anna", "2026-04-04T14:45:00.000Z"},
	{"the day after that", DAILY("Australia/Lord_Howe", "01:45"),
	 "2026-04-05T12:00", "ben", "2026-04-05T15:15:00.000Z"},
	{"half hours from UTC", DAILY("Asia/Kolkata", "09:00"),
	 "2026-03-29T08:59", "cleo", "2026-03-29T03:30:00.000Z"},
	{"hours within what is left out", HOURS("Europe/Berlin", "02:10-02:50"),
	 "2026-03-28T12:00", NULL, "2026-03-30T00:10:00.000Z"},
	{"hours that begin in it", HOURS("Europe/Berlin", "02:10-03:50"),
	 "2026-03-29T01:00", NULL, "2026-03-29T01:00:00.000Z"},
	{"hours that end in it", HOURS("Europe/Berlin", "01:10-02:50"),
	 "2026-03-29T01:10", "anna", "2026-03-29T01:00:00.000Z"},
	{"hours that come twice count once",
	 HOURS("Europe/Berlin", "02:10-02:50"), "2026-10-25T02:49", "anna",
	 "2026-10-25T00:50:00.000Z"},
	{"and not again", HOURS("Europe/Berlin", "02:10-02:50"),
	 "2026-10-25T02:50", NULL, "2026-10-26T01:10:00.000Z"},
	{"three weeks each",
	 "time_zone: UTC\nrotate: 3w\nstart: 2026-01-05\n"
	 "people: [anna, ben]\n",
	 "2026-01-26T00:00", "ben", "2026-02-16T00:00:00.000Z"},
	{"one person", "time_zone: UTC\npeople: [anna]\n", "2026-01-26T00:00",
	 "anna", ""},
	{"one person twice", "time_zone: UTC\npeople: [anna, anna]\n",
	 "2026-01-26T00:00", "anna", ""},
	{"all hours", HOURS("Europe/Berlin", "00:00-24:00"), "2026-01-26T00:00",
	 "anna", ""},
	{"one and an override",
	 "time_zone: UTC\npeople: [anna]\noverrides: [{from: "
	 "2026-12-24T10:00, until: 2026-12-24T11:00, person: ben}]",
	 "2026-01-26T00:00", "anna", "2026-12-24T10:00:00.000Z"},
	{"one that is over",
	 "time_zone: UTC\npeople: [anna]\noverrides: [{from: "
	 "2026-12-24T10:00, until: 2026-12-24T11:00, person: ben}]",
	 "2026-12-24T11:00", "anna", ""},
	{"one that is too far away",
	 "time_zone: UTC\npeople: [anna]\noverrides: [{from: "
	 "2036-12-24T10:00, until: 2036-12-24T11:00, person: ben}]",
	 "2026-12-24T11:00", "anna", ""},
};

static void
test_on_call(void **state)
{
	char change[CLOCK_RFC3339_LEN];
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rota *r = rota(rows[i].text, &arena);
		int64_t at = moment(rota_zone(r), rows[i].at);
		int64_t next = rota_next_change(r, at);
		const char *who = rota_on_call(r, at);

		print_message("%s\n", rows[i].name);
		assert_string_equal(who == NULL ? "nobody" : who,
				    rows[i].person == NULL ? "nobody"
							   : rows[i].person);
		change[0] = '\0';
		if (next != INT64_MAX)
			clock_rfc3339(next, change);
		assert_string_equal(change, rows[i].change);
	}
	arena_done(&arena);
}

/* The second 02:10 to 02:50 of that night is nobody's. */
static void
test_the_second_time(void **state)
{
	struct arena arena;
	struct rota *r;
	int64_t at;

	(void)state;
	arena_init(&arena);
	r = rota(HOURS("Europe/Berlin", "02:10-02:50"), &arena);
	at = moment(rota_zone(r), "2026-10-25T02:30");
	assert_string_equal(rota_on_call(r, at), "anna");
	assert_null(rota_on_call(r, at + 60 * MINUTE_MS));
	arena_done(&arena);
}

/* --- every minute ---------------------------------------------------------- */

/* Between AT and what rota_next_change() says, nothing changes; then it does.
 * Every edge of these is at a full minute. */
static void
step(const struct rota *r, int64_t at, int64_t end)
{
	int64_t next = rota_next_change(r, at);
	const char *who = rota_on_call(r, at), *now;

	for (; at < end; at += MINUTE_MS) {
		now = rota_on_call(r, at);
		if (at == next) {
			assert_false(now == who ||
				     (now != NULL && who != NULL &&
				      strcmp(now, who) == 0));
			who = now;
			next = rota_next_change(r, at);
			assert_true(next > at);
			continue;
		}
		if (now == NULL || who == NULL)
			assert_ptr_equal(now, who);
		else
			assert_string_equal(now, who);
	}
}

static void
test_every_minute(void **state)
{
	static const char *const texts[] = {
		WEEKLY,
		OFFICE,
		NIGHTS,
		CHRISTMAS,
		DAILY("Europe/Berlin", "02:30"),
		DAILY("America/New_York", "01:30"),
		DAILY("Australia/Lord_Howe", "01:45"),
		DAILY("Asia/Kolkata", "00:00"),
		DAILY("Africa/Casablanca", "02:59"),
		HOURS("Europe/Berlin", "02:10-02:50"),
		HOURS("Australia/Lord_Howe", "02:10-01:50"),
		DAILY("America/New_York",
		      "02:30") "hours: ['mon-wed 22:00-02:30', 'thu "
			       "00:00-00:00', 'sat,sun 01:30-01:30']\n",
	};
	/* Around changes of the clocks, on both halves of the world. */
	static const char *const from[] = {"2026-03-05", "2026-03-26",
					   "2026-10-01", "2026-10-22",
					   "2026-12-20"};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rota *r = rota(texts[i], &arena);

		for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++) {
			int64_t at = moment(rota_zone(r), from[k]);

			step(r, at, at + 12 * 1440 * MINUTE_MS);
		}
	}
	arena_done(&arena);
}

/* In Goose Bay the clocks went back at 00:01, over midnight: the first minute
 * of the day came an hour before the day did. */
static void
test_back_over_midnight(void **state)
{
	struct arena arena;
	int64_t at;

	(void)state;
	arena_init(&arena);
	for (int i = 0; i < 3; i++) {
		static const char *const texts[] = {
			DAILY("America/Goose_Bay", "00:00"),
			HOURS("America/Goose_Bay", "sun 00:00-12:00"),
			HOURS("America/Goose_Bay", "sun 12:00-12:00")};
		struct rota *r = rota(texts[i], &arena);

		at = moment(rota_zone(r), "2009-10-28");
		step(r, at, at + 7 * 1440 * MINUTE_MS);
	}
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_shift_lengths),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_on_call),
		cmocka_unit_test(test_the_second_time),
		cmocka_unit_test(test_every_minute),
		cmocka_unit_test(test_back_over_midnight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
