/*
 * time_interval - the spans of time of Alertmanager's time_intervals, as
 * version 0.25 reads them.
 *
 * An interval contains a moment when each of its fields that is given does;
 * a field does when one of its ranges does. All ranges include both ends, but
 * the end of a time of day, which is exclusive. Fields are looked at in the
 * interval's location, UTC without one. Hours of the clock that come twice
 * are contained twice.
 *
 * Two things differ on purpose: a field with an empty list is as if it was
 * not there (there: contains nothing), and the length of a month does not
 * depend on whether its clocks change (there: in such a month -1 is the last
 * day but one).
 */
#ifndef ALERT_TIME_INTERVAL_H
#define ALERT_TIME_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/zone.h"
#include "base/arena.h"
#include "base/conf.h"

struct time_interval_conf {
	struct conf_list times; /* struct time_range_conf */
	struct conf_strings weekdays, days_of_month, months, years;
	struct conf_text location;
};
extern const struct conf_table time_interval_conf_table;

/* An entry of `time_intervals`: several under one name, which contains what
 * one of them does. */
struct time_intervals_conf {
	char *name;
	struct conf_list intervals; /* struct time_interval_conf */
	struct conf_mark mark;
};
extern const struct conf_table time_intervals_conf_table;

/* For a time of day: minutes, END exclusive; else days, months, years. */
struct time_range {
	int begin, end;
};

struct time_ranges {
	size_t n; /* 0: anything */
	struct time_range *v;
};

struct time_interval {
	struct time_ranges times;
	struct time_ranges weekdays; /* 0 is Sunday */
	struct time_ranges days_of_month;
	struct time_ranges months;
	struct time_ranges years;
	struct zone *zone;
};

struct time_intervals {
	const char *name;
	size_t n;
	struct time_interval *v;
};

/* In ARENA. False: ERRORS says what is wrong, and *RET is not to be used. */
bool time_interval_read(const struct time_interval_conf *conf,
			struct arena *arena, struct conf_errors *errors,
			struct time_interval *ret);
bool time_intervals_read(const struct time_intervals_conf *conf,
			 struct arena *arena, struct conf_errors *errors,
			 struct time_intervals *ret);

bool time_interval_contains(const struct time_interval *t, int64_t wall_ms);
bool time_intervals_contain(const struct time_intervals *t, int64_t wall_ms);

#endif
