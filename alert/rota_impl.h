/* rota_impl - what rota.c and rota_conf.c share. */
#ifndef ALERT_ROTA_IMPL_H
#define ALERT_ROTA_IMPL_H

#include "alert/rota.h"

/* From FROM_MINUTE of each of these days until before UNTIL_MINUTE, which is
 * of the next day when it is beyond 24:00. */
struct rota_hours {
	unsigned days; /* a bit each; 0 is Sunday */
	int from_minute, until_minute;
};

struct rota_override {
	int64_t from_ms, until_ms;
	const char *person;
};

struct rota {
	const char *name;
	struct zone *zone;
	int64_t start_day; /* since 1970 */
	int start_minute;
	int shift_days;
	size_t npeople; /* at least one */
	char **people;
	size_t nhours; /* 0: always */
	struct rota_hours *hours;
	size_t noverrides;
	struct rota_override *overrides;
};

/* "mon-fri 08:00-20:00", "sat,sun", "22:00-06:00". 0 or -EINVAL. */
int rota_parse_hours(const char *text, struct rota_hours *ret);
/* "daily", "weekly", "3d", "2w" in days, or -EINVAL. */
int rota_parse_shift(const char *text);

/* MINUTE of a day of the calendar, also of one that has fewer or more. */
int64_t rota_moment(const struct rota *r, int64_t day, int minute);

#endif
