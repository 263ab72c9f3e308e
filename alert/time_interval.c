/* time_interval - see time_interval.h; time_interval_conf.c reads them. */
#include "alert/time_interval.h"

static bool
ti_within(const struct time_ranges *r, int v)
{
	for (size_t i = 0; i < r->n; i++)
		if (v >= r->v[i].begin && v <= r->v[i].end)
			return true;
	return r->n == 0;
}

static bool
ti_within_times(const struct time_ranges *r, int minute)
{
	for (size_t i = 0; i < r->n; i++)
		if (minute >= r->v[i].begin && minute < r->v[i].end)
			return true;
	return r->n == 0;
}

/* Of a month with DAYS; -1 is the last. */
static int
ti_day(int day, int days)
{
	return day < 0 ? days + day + 1 : day;
}

/* A range that ends beyond the month ends with it. */
static bool
ti_within_month(const struct time_ranges *r, const struct civil *c)
{
	int days = civil_month_days(c->year, c->month);

	for (size_t i = 0; i < r->n; i++)
		if (c->day >= ti_day(r->v[i].begin, days) &&
		    c->day <= ti_day(r->v[i].end, days))
			return true;
	return r->n == 0;
}

bool
time_interval_contains(const struct time_interval *t, int64_t wall_ms)
{
	struct civil c = zone_civil(t->zone, wall_ms);

	return ti_within_times(&t->times, c.hour * 60 + c.minute) &&
	       ti_within(&t->weekdays,
			 civil_weekday(civil_days(c.year, c.month, c.day))) &&
	       ti_within_month(&t->days_of_month, &c) &&
	       ti_within(&t->months, c.month) && ti_within(&t->years, c.year);
}

bool
time_intervals_contain(const struct time_intervals *t, int64_t wall_ms)
{
	for (size_t i = 0; i < t->n; i++)
		if (time_interval_contains(&t->v[i], wall_ms))
			return true;
	return false;
}
