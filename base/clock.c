#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "base/xalloc.h"

struct clock {
	bool fixed;
	_Atomic int64_t wall_ms, mono_ms; /* of a fixed clock */
};

static struct clock clock_real = {.fixed = false};

struct clock *
clock_system(void)
{
	return &clock_real;
}

struct clock *
clock_new_fixed(int64_t wall_ms)
{
	struct clock *clock = xcalloc(1, sizeof(*clock));

	clock->fixed = true;
	clock->wall_ms = wall_ms;
	return clock;
}

void
clock_free(struct clock **clock)
{
	if (clock == NULL || *clock == NULL)
		return;
	must((*clock)->fixed);
	free(*clock);
	*clock = NULL;
}

void
clock_advance(struct clock *clock, int64_t ms)
{
	must(clock->fixed);
	atomic_fetch_add(&clock->mono_ms, ms);
	atomic_fetch_add(&clock->wall_ms, ms);
}

void
clock_jump(struct clock *clock, int64_t wall_delta_ms)
{
	must(clock->fixed);
	atomic_fetch_add(&clock->wall_ms, wall_delta_ms);
}

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	must(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(struct clock *clock)
{
	return clock->fixed ? atomic_load(&clock->wall_ms)
			    : clock_read(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(struct clock *clock)
{
	return clock->fixed ? atomic_load(&clock->mono_ms)
			    : clock_read(CLOCK_MONOTONIC);
}

/* What can be written in four digits. */
#define YEAR_ZERO_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define YEAR_LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static int64_t
clock_clamp(int64_t wall_ms)
{
	if (wall_ms < YEAR_ZERO_MS)
		return YEAR_ZERO_MS;
	return wall_ms > YEAR_LAST_MS ? YEAR_LAST_MS : wall_ms;
}

/* Floor division, so that times before 1970 come out right. */
static time_t
clock_seconds(int64_t wall_ms, int *ret_ms)
{
	int64_t clamped = clock_clamp(wall_ms);
	int64_t s = clamped / 1000, ms = clamped % 1000;

	if (ms < 0) {
		ms += 1000;
		s--;
	}
	*ret_ms = (int)ms;
	return (time_t)s;
}

void
clock_rfc5322(int64_t wall_ms, char ret_date[static CLOCK_RFC5322_LEN])
{
	static const char day[] = "SunMonTueWedThuFriSat";
	static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;
	int ms;
	time_t t = clock_seconds(wall_ms, &ms);

	must(gmtime_r(&t, &tm) != NULL);
	snprintf(ret_date, CLOCK_RFC5322_LEN,
		 "%.3s, %u %.3s %04u %02u:%02u:%02u +0000",
		 day + tm.tm_wday * 3, (unsigned)tm.tm_mday % 100,
		 month + tm.tm_mon * 3, (unsigned)(tm.tm_year + 1900) % 10000,
		 (unsigned)tm.tm_hour, (unsigned)tm.tm_min,
		 (unsigned)tm.tm_sec);
}

void
clock_rfc3339(int64_t wall_ms, char ret_date[static CLOCK_RFC3339_LEN])
{
	struct tm tm;
	int ms;
	time_t t = clock_seconds(wall_ms, &ms);

	must(gmtime_r(&t, &tm) != NULL);
	snprintf(ret_date, CLOCK_RFC3339_LEN,
		 "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_mon + 1,
		 (unsigned)tm.tm_mday, (unsigned)tm.tm_hour,
		 (unsigned)tm.tm_min, (unsigned)tm.tm_sec, (unsigned)ms);
}

/* N digits at *S, which moves behind them; -1: there are none. */
static int
clock_digits(const char **s, int n)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool
clock_skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* Days since 1970-01-01; years are counted from March, so that the day that
 * comes and goes is the last. */
static int64_t
clock_days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 1 - 719468;
}

static int
clock_month_days(int year, int month)
{
	static const char days[] = {31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* date = YYYY "-" MM "-" DD */
static int
clock_parse_date(const char **s, int64_t *ret_days)
{
	int year = clock_digits(s, 4), month, day;

	if (year < 0 || !clock_skip(s, '-'))
		return -EINVAL;
	month = clock_digits(s, 2);
	if (month < 1 || month > 12 || !clock_skip(s, '-'))
		return -EINVAL;
	day = clock_digits(s, 2);
	if (day < 1 || day > clock_month_days(year, month))
		return -EINVAL;
	*ret_days = clock_days(year, month, day);
	return 0;
}

/* time = HH ":" MM ":" SS [ "." 1*DIGIT ]; a leap second is the next one. */
static int
clock_parse_time(const char **s, int64_t *ret_ms)
{
	int hour = clock_digits(s, 2), minute, second, scale = 100;
	int64_t ms = 0;

	if (hour < 0 || hour > 23 || !clock_skip(s, ':'))
		return -EINVAL;
	minute = clock_digits(s, 2);
	if (minute < 0 || minute > 59 || !clock_skip(s, ':'))
		return -EINVAL;
	second = clock_digits(s, 2);
	if (second < 0 || second > 60)
		return -EINVAL;
	if (clock_skip(s, '.')) {
		if (**s < '0' || **s > '9')
			return -EINVAL;
		for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
			ms += (int64_t)(**s - '0') * scale;
	}
	*ret_ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
	return 0;
}

/* offset = "Z" / ( "+" / "-" ) HH ":" MM */
static int
clock_parse_offset(const char **s, int64_t *ret_ms)
{
	int sign = **s == '-' ? -1 : 1, hour, minute;

	*ret_ms = 0;
	if (**s == '\0' || clock_skip(s, 'Z') || clock_skip(s, 'z'))
		return 0;
	if (!clock_skip(s, '+') && !clock_skip(s, '-'))
		return -EINVAL;
	hour = clock_digits(s, 2);
	if (hour < 0 || hour > 23 || !clock_skip(s, ':'))
		return -EINVAL;
	minute = clock_digits(s, 2);
	if (minute < 0 || minute > 59)
		return -EINVAL;
	*ret_ms = sign * (hour * 60 + minute) * INT64_C(60000);
	return 0;
}

int
clock_rfc3339_parse(const char *s, int64_t *ret_wall_ms)
{
	int64_t days, ms, offset_ms;

	if (clock_parse_date(&s, &days) < 0)
		return -EINVAL;
	if (!clock_skip(&s, 'T') && !clock_skip(&s, 't') &&
	    !clock_skip(&s, ' '))
		return -EINVAL;
	if (clock_parse_time(&s, &ms) < 0 ||
	    clock_parse_offset(&s, &offset_ms) < 0 || *s != '\0')
		return -EINVAL;
	*ret_wall_ms = clock_clamp(days * INT64_C(86400000) + ms - offset_ms);
	return 0;
}
