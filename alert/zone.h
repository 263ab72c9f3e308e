/*
 * zone - a time zone: what its clocks show, and when.
 *
 * glibc has one zone per process, so these come from ICU. A zone is opened by
 * its name in the tz database, stays for as long as the process lives, and is
 * one object for all who ask for the same name: nobody closes it. Safe from
 * every thread.
 *
 * Wall times that do not exist (the hour that spring leaves out) are the first
 * moment after them; those that come twice are the first of the two. So a
 * later civil time is never an earlier moment. Moments are taken from year 1
 * to year 9999; those outside are the nearest inside.
 */
#ifndef ALERT_ZONE_H
#define ALERT_ZONE_H

#include <stdint.h>

#include "alert/civil.h"

struct zone;

/* "Europe/Berlin"; "UTC"; "Local" or "" for the machine's own (UTC when it has
 * none that has a name). 0, or -ENOENT: no zone is called that. */
int zone_open(const char *name, struct zone **ret);
const char *zone_name(struct zone *z);

/* What its clocks show at WALL_MS. */
struct civil zone_civil(struct zone *z, int64_t wall_ms);
/* When they first show that. Hours, minutes, seconds and days may lie beyond
 * their day and month, and count on from it: 24:00 is the next midnight. */
int64_t zone_to_wall_ms(struct zone *z, struct civil civil);

/* "2026-11-22 14:05 CET"; "... UTC+09:00" where no abbreviation is known. */
#define ZONE_TEXT_MAX 48
void zone_format(struct zone *z, int64_t wall_ms,
		 char ret_text[static ZONE_TEXT_MAX]);

#endif
