/*
 * civil - dates and times of day as people write them, without a zone, and
 * lengths of time as people read them.
 *
 * The calendar is the Gregorian one throughout. Pure; every thread.
 */
#ifndef ALERT_CIVIL_H
#define ALERT_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second;
};

/* Days from 1970-01-01. DAY may lie outside the month. */
int64_t civil_days(int year, int month, int day);
/* The date of these, at midnight. */
struct civil civil_of_days(int64_t days);
/* 0 is Sunday. */
int civil_weekday(int64_t days);
int civil_month_days(int year, int month);

/* "2026-01-05T09:00", "2026-01-05 09:00" or the date alone, which is its
 * midnight; from 1970 to 9999. 0 or -EINVAL. */
int civil_parse(const char *text, struct civil *ret, bool *ret_date_only);
/* "09:00", also "24:00" for the end of the day; exactly five characters.
 * Minutes of the day, or -EINVAL. */
int civil_parse_minute(const char *text);

/* "45s", "3h 12m", "2d 4h": the two largest units, rounded down; "0s" for what
 * is less than a second. */
#define DURATION_TEXT_MAX 32
void duration_format(int64_t ms, char ret_text[static DURATION_TEXT_MAX]);

#endif
