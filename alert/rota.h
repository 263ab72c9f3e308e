/*
 * rota - who of several people is on call, and until when.
 *
 * A shift is so many days of the calendar in the rota's time zone, so it
 * changes at the same time of the day in summer and in winter. Shifts count
 * from `start`, backwards too: before it somebody is on call as well. Outside
 * `hours` nobody is. Within them an override puts its person in the place of
 * whose shift it is; of several that overlap the last one counts.
 *
 * Hours and shifts that begin at a time that spring leaves out begin at the
 * first moment after it, at one that comes twice the first time.
 *
 * Immutable and in the arena that it was read into; every thread.
 */
#ifndef ALERT_ROTA_H
#define ALERT_ROTA_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/zone.h"
#include "base/arena.h"
#include "base/conf.h"

/* An entry of `schedules`. */
struct rota_conf {
	char *name;
	struct conf_text time_zone, rotate, start;
	struct conf_strings people, hours;
	struct conf_list overrides; /* struct rota_override_conf */
	struct conf_mark mark;
};
extern const struct conf_table rota_conf_table;

struct rota_override_conf {
	struct conf_text from, until, person;
};

struct rota;

/* In ARENA. False: ERRORS says what is wrong, *RET is untouched. That the
 * people exist is not looked at. */
bool rota_read(const struct rota_conf *conf, struct arena *arena,
	       struct conf_errors *errors, struct rota **ret);
const char *rota_name(const struct rota *r);
struct zone *rota_zone(const struct rota *r);

/* NULL: nobody. Borrowed from the rota. */
const char *rota_on_call(const struct rota *r, int64_t wall_ms);
/* The first moment after WALL_MS at which rota_on_call() says something else;
 * INT64_MAX: there is none within ROTA_AHEAD_MS. */
#define ROTA_AHEAD_MS (INT64_C(400) * 86400000)
int64_t rota_next_change(const struct rota *r, int64_t wall_ms);

#endif
