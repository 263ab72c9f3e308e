/*
 * rota - see rota.h.
 *
 * Everything is a question of edges: moments at which a shift, some hours or
 * an override begin or end. Between two edges nothing changes.
 */
#include "alert/rota_impl.h"

#include <string.h>

const char *
rota_name(const struct rota *r)
{
	return r->name;
}

struct zone *
rota_zone(const struct rota *r)
{
	return r->zone;
}

int64_t
rota_moment(const struct rota *r, int64_t day, int minute)
{
	struct civil c = civil_of_days(day);

	c.minute = minute;
	return zone_to_wall_ms(r->zone, c);
}

static int64_t
ro_day(const struct rota *r, int64_t wall_ms)
{
	struct civil c = zone_civil(r->zone, wall_ms);

	return civil_days(c.year, c.month, c.day);
}

/* --- shifts ---------------------------------------------------------------- */

static int64_t
ro_shift_begins(const struct rota *r, int64_t k)
{
	return rota_moment(r, r->start_day + k * r->shift_days,
			   r->start_minute);
}

/* The one that WALL_MS is in; that of `start` is 0. */
static int64_t
ro_shift(const struct rota *r, int64_t wall_ms)
{
	int64_t k = (ro_day(r, wall_ms) - r->start_day) / r->shift_days;

	while (ro_shift_begins(r, k) > wall_ms)
		k--;
	while (ro_shift_begins(r, k + 1) <= wall_ms)
		k++;
	return k;
}

static const char *
ro_shift_person(const struct rota *r, int64_t wall_ms)
{
	int64_t n = (int64_t)r->npeople;
	int64_t at = ro_shift(r, wall_ms) % n;

	return r->people[at < 0 ? at + n : at];
}

/* --- hours ----------------------------------------------------------------- */

static bool
ro_hours_of_day(const struct rota_hours *h, int64_t day)
{
	return (h->days >> civil_weekday(day) & 1) != 0;
}

/* A night belongs to the day on which it began. Where the clocks go back over
 * midnight, hours of the next day begin while it is this day once more. */
static bool
ro_hours_hold(const struct rota *r, const struct rota_hours *h, int64_t wall_ms)
{
	int64_t today = ro_day(r, wall_ms);

	for (int64_t day = today - 1; day <= today + 1; day++)
		if (ro_hours_of_day(h, day) &&
		    wall_ms >= rota_moment(r, day, h->from_minute) &&
		    wall_ms < rota_moment(r, day, h->until_minute))
			return true;
	return false;
}

static bool
ro_is_open(const struct rota *r, int64_t wall_ms)
{
	for (size_t i = 0; i < r->nhours; i++)
		if (ro_hours_hold(r, &r->hours[i], wall_ms))
			return true;
	return r->nhours == 0;
}

const char *
rota_on_call(const struct rota *r, int64_t wall_ms)
{
	if (!ro_is_open(r, wall_ms))
		return NULL;
	for (size_t i = r->noverrides; i-- > 0;)
		if (wall_ms >= r->overrides[i].from_ms &&
		    wall_ms < r->overrides[i].until_ms)
			return r->overrides[i].person;
	return ro_shift_person(r, wall_ms);
}

/* --- edges ----------------------------------------------------------------- */

/* EDGE into *NEXT when it is the nearest after WALL_MS so far. */
static void
ro_nearer(int64_t edge, int64_t wall_ms, int64_t *next)
{
	if (edge > wall_ms && edge < *next)
		*next = edge;
}

/* Each day of the week has come within eight days. */
static void
ro_hours_edge(const struct rota *r, const struct rota_hours *h, int64_t wall_ms,
	      int64_t *next)
{
	int64_t today = ro_day(r, wall_ms);

	for (int64_t day = today - 1; day <= today + 8; day++) {
		if (!ro_hours_of_day(h, day))
			continue;
		ro_nearer(rota_moment(r, day, h->from_minute), wall_ms, next);
		ro_nearer(rota_moment(r, day, h->until_minute), wall_ms, next);
		if (day > today && *next != INT64_MAX)
			return;
	}
}

static int64_t
ro_edge(const struct rota *r, int64_t wall_ms)
{
	int64_t next = INT64_MAX;

	if (r->npeople > 1)
		ro_nearer(ro_shift_begins(r, ro_shift(r, wall_ms) + 1), wall_ms,
			  &next);
	for (size_t i = 0; i < r->nhours; i++)
		ro_hours_edge(r, &r->hours[i], wall_ms, &next);
	for (size_t i = 0; i < r->noverrides; i++) {
		ro_nearer(r->overrides[i].from_ms, wall_ms, &next);
		ro_nearer(r->overrides[i].until_ms, wall_ms, &next);
	}
	return next;
}

static bool
ro_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int64_t
rota_next_change(const struct rota *r, int64_t wall_ms)
{
	const char *now = rota_on_call(r, wall_ms);
	int64_t at = ro_edge(r, wall_ms);

	while (at != INT64_MAX && at - wall_ms <= ROTA_AHEAD_MS) {
		if (!ro_same(rota_on_call(r, at), now))
			return at;
		at = ro_edge(r, at);
	}
	return INT64_MAX;
}
