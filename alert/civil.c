/*
 * civil - see civil.h.
 *
 * Years are counted from March here, so that the day which comes and goes is
 * the last one of its year; 400 of them have 146,097 days.
 */
#include "alert/civil.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#define ERA_YEARS      400
#define ERA_DAYS       146097
#define DAYS_0000_1970 719468 /* from 0000-03-01 to 1970-01-01 */

static int64_t
ci_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
civil_days(int year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = ci_floor_div(y, ERA_YEARS);
	int64_t of_era = y - era * ERA_YEARS;
	int64_t from_march = (month + 9) % 12;

	must(month >= 1 && month <= 12);
	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 +
	       (153 * from_march + 2) / 5 + day - 1 - DAYS_0000_1970;
}

struct civil
civil_of_days(int64_t days)
{
	int64_t era = ci_floor_div(days + DAYS_0000_1970, ERA_DAYS);
	int64_t day = days + DAYS_0000_1970 - era * ERA_DAYS;
	int64_t year =
		(day - day / 1460 + day / 36524 - day / (ERA_DAYS - 1)) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;
	struct civil c = {0};

	c.day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
	c.month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
	c.year = (int)(year + era * ERA_YEARS + (c.month <= 2));
	return c;
}

int
civil_weekday(int64_t days)
{
	/* 1970-01-01 was a Thursday. */
	return (int)(days + 4 - 7 * ci_floor_div(days + 4, 7));
}

int
civil_month_days(int year, int month)
{
	return (int)((month == 12 ? civil_days(year + 1, 1, 1)
				  : civil_days(year, month + 1, 1)) -
		     civil_days(year, month, 1));
}

/* N digits; -1 when they are none. */
static int
ci_digits(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

int
civil_parse_minute(const char *text)
{
	int hour, minute;

	if (strlen(text) != 5 || text[2] != ':')
		return -EINVAL;
	hour = ci_digits(text, 2);
	minute = ci_digits(text + 3, 2);
	if (hour < 0 || minute < 0 || minute > 59 ||
	    hour * 60 + minute > 24 * 60)
		return -EINVAL;
	return hour * 60 + minute;
}

int
civil_parse(const char *text, struct civil *ret, bool *ret_date_only)
{
	size_t len = strlen(text);
	struct civil c = {0};
	int minute = 0;

	if ((len != 10 && len != 16) || text[4] != '-' || text[7] != '-')
		return -EINVAL;
	c.year = ci_digits(text, 4);
	c.month = ci_digits(text + 5, 2);
	c.day = ci_digits(text + 8, 2);
	if (c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1 ||
	    c.day > civil_month_days(c.year, c.month))
		return -EINVAL;
	if (len == 16) {
		if (text[10] != 'T' && text[10] != ' ')
			return -EINVAL;
		minute = civil_parse_minute(text + 11);
		if (minute < 0)
			return -EINVAL;
	}
	c.hour = minute / 60;
	c.minute = minute % 60;
	*ret = c;
	*ret_date_only = len == 10;
	return 0;
}

void
duration_format(int64_t ms, char ret_text[static DURATION_TEXT_MAX])
{
	static const struct {
		int64_t ms;
		char name;
	} units[] = {
		{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
	size_t u = 0;
	int64_t more;
	int n;

	while (u < 3 && ms < units[u].ms)
		u++;
	if (ms < 0)
		ms = 0;
	n = snprintf(ret_text, DURATION_TEXT_MAX, "%lld%c",
		     (long long)(ms / units[u].ms), units[u].name);
	if (u == 3)
		return;
	more = ms % units[u].ms / units[u + 1].ms;
	if (more > 0)
		snprintf(ret_text + n, DURATION_TEXT_MAX - (size_t)n, " %lld%c",
			 (long long)more, units[u + 1].name);
}
