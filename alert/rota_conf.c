/*
 * rota_conf - schedules as the configuration writes them.
 *
 *	hours	= days | times | days " " times
 *	days	= part *("," part)
 *	part	= day ["-" day]			"fri-mon" goes over the weekend
 *	day	= "mon" | "tue" | ... | "sun"	in any case
 *	times	= HH:MM "-" HH:MM		over midnight when it ends at or
 *						before its begin
 *	rotate	= "daily" | "weekly" | number ("d" | "w")
 */
#include "alert/rota_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_MINUTES     (24 * 60)
#define ALL_DAYS        0x7fu
#define SHIFT_DAYS_MAX  366
#define HOURS_MAX       64
#define HOURS_BYTES_MAX 64

/* --- words ----------------------------------------------------------------- */

/* At the begin of S; -1 none. */
static int
ro_weekday(const char *s)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed",
					    "thu", "fri", "sat"};

	for (int i = 0; i < 7; i++)
		if (strncasecmp(s, names[i], 3) == 0)
			return i;
	return -1;
}

/* The days at *S, which moves behind them; 0 none. */
static unsigned
ro_parse_days(const char **s)
{
	unsigned days = 0;
	int first, last;

	for (;; (*s)++) {
		first = last = ro_weekday(*s);
		if (first < 0)
			return 0;
		*s += 3;
		if (**s == '-') {
			last = ro_weekday(*s + 1);
			if (last < 0)
				return 0;
			*s += 4;
		}
		for (int d = first; d != last; d = (d + 1) % 7)
			days |= 1u << d;
		days |= 1u << last;
		if (**s != ',')
			return days;
	}
}

/* "08:00-20:00" and nothing behind it. */
static int
ro_parse_times(const char *s, struct rota_hours *h)
{
	char from[6] = "";

	if (strlen(s) != 11 || s[5] != '-')
		return -EINVAL;
	memcpy(from, s, 5);
	h->from_minute = civil_parse_minute(from);
	h->until_minute = civil_parse_minute(s + 6);
	if (h->from_minute < 0 || h->from_minute == DAY_MINUTES ||
	    h->until_minute < 0)
		return -EINVAL;
	if (h->until_minute <= h->from_minute)
		h->until_minute += DAY_MINUTES;
	return 0;
}

int
rota_parse_hours(const char *text, struct rota_hours *ret)
{
	struct rota_hours h = {ALL_DAYS, 0, DAY_MINUTES};

	if (strlen(text) > HOURS_BYTES_MAX)
		return -EINVAL;
	if (*text < '0' || *text > '9') {
		h.days = ro_parse_days(&text);
		if (h.days == 0 || (*text != '\0' && *text != ' '))
			return -EINVAL;
		text += strspn(text, " ");
		if (*text == '\0') {
			*ret = h;
			return 0;
		}
	}
	if (ro_parse_times(text, &h) < 0)
		return -EINVAL;
	*ret = h;
	return 0;
}

int
rota_parse_shift(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int n;

	if (strcmp(text, "daily") == 0)
		return 1;
	if (strcmp(text, "weekly") == 0)
		return 7;
	if (digits == 0 || digits > 3 ||
	    (strcmp(text + digits, "d") != 0 &&
	     strcmp(text + digits, "w") != 0))
		return -EINVAL;
	n = atoi(text) * (text[digits] == 'w' ? 7 : 1);
	return n < 1 || n > SHIFT_DAYS_MAX ? -EINVAL : n;
}

/* --- an entry -------------------------------------------------------------- */

static bool
ro_read_zone(struct rota *r, const struct rota_conf *c,
	     struct conf_errors *errors)
{
	if (zone_open(c->time_zone.text, &r->zone) == 0)
		return true;
	conf_error(errors, &c->time_zone.mark,
		   "`time_zone` is one like Europe/Berlin, not `%s`",
		   c->time_zone.text);
	return false;
}

static bool
ro_read_shifts(struct rota *r, const struct rota_conf *c,
	       struct conf_errors *errors)
{
	struct civil start = {0};
	bool ok = true, date_only;

	r->shift_days = rota_parse_shift(c->rotate.text);
	if (r->shift_days < 0) {
		conf_error(errors, &c->rotate.mark,
			   "`rotate` is daily, weekly, or a number of days or "
			   "weeks up to %dd, like 3d or 2w, not `%s`",
			   SHIFT_DAYS_MAX, c->rotate.text);
		ok = false;
	}
	if (civil_parse(c->start.text, &start, &date_only) < 0) {
		conf_error(errors, &c->start.mark,
			   "`start` is a time like 2026-01-05T09:00, not `%s`",
			   c->start.text);
		return false;
	}
	r->start_day = civil_days(start.year, start.month, start.day);
	r->start_minute = start.hour * 60 + start.minute;
	return ok;
}

static bool
ro_read_people(struct rota *r, const struct rota_conf *c, struct arena *arena,
	       struct conf_errors *errors)
{
	if (c->people.n == 0) {
		conf_error(errors, &c->mark, "`people` names nobody");
		return false;
	}
	r->npeople = c->people.n;
	r->people = arena_alloc(arena, c->people.n * sizeof(*r->people));
	for (size_t i = 0; i < c->people.n; i++)
		r->people[i] = arena_strdup(arena, c->people.v[i]);
	return true;
}

static bool
ro_read_hours(struct rota *r, const struct rota_conf *c, struct arena *arena,
	      struct conf_errors *errors)
{
	bool ok = true;

	if (c->hours.n > HOURS_MAX) {
		conf_error(errors, &c->hours.marks[HOURS_MAX],
			   "`hours` has at most %d entries", HOURS_MAX);
		return false;
	}
	r->nhours = c->hours.n;
	r->hours = arena_alloc(arena, (r->nhours + 1) * sizeof(*r->hours));
	for (size_t i = 0; i < r->nhours; i++) {
		if (rota_parse_hours(c->hours.v[i], &r->hours[i]) == 0)
			continue;
		conf_error(errors, &c->hours.marks[i],
			   "`hours` lists times like \"mon-fri 08:00-20:00\", "
			   "\"sat,sun\" or \"22:00-06:00\", not `%s`",
			   c->hours.v[i]);
		ok = false;
	}
	return ok;
}

static bool
ro_read_moment(struct rota *r, const struct conf_text *t, const char *name,
	       bool end, struct conf_errors *errors, int64_t *ret)
{
	struct civil c;
	bool date_only;

	if (civil_parse(t->text, &c, &date_only) < 0) {
		conf_error(errors, &t->mark,
			   "`%s` is a day or a time, like 2026-12-24 or "
			   "2026-12-24T09:00, not `%s`",
			   name, t->text);
		return false;
	}
	/* The day that ends it is part of it. */
	if (end && date_only)
		c.day++;
	*ret = zone_to_wall_ms(r->zone, c);
	return true;
}

static bool
ro_read_override(struct rota *r, const struct rota_override_conf *c,
		 struct arena *arena, struct conf_errors *errors,
		 struct rota_override *ret)
{
	struct rota_override o;

	if (!ro_read_moment(r, &c->from, "from", false, errors, &o.from_ms) ||
	    !ro_read_moment(r, &c->until, "until", true, errors, &o.until_ms))
		return false;
	if (o.from_ms >= o.until_ms) {
		conf_error(errors, &c->until.mark,
			   "`until` %s is not after `from` %s", c->until.text,
			   c->from.text);
		return false;
	}
	o.person = arena_strdup(arena, c->person.text);
	*ret = o;
	return true;
}

static bool
ro_read_overrides(struct rota *r, const struct rota_conf *c,
		  struct arena *arena, struct conf_errors *errors)
{
	const struct rota_override_conf *v = c->overrides.v;
	bool ok = true;

	r->noverrides = c->overrides.n;
	r->overrides =
		arena_alloc(arena, (r->noverrides + 1) * sizeof(*r->overrides));
	for (size_t i = 0; i < r->noverrides; i++)
		ok = ro_read_override(r, &v[i], arena, errors,
				      &r->overrides[i]) &&
		     ok;
	return ok;
}

bool
rota_read(const struct rota_conf *conf, struct arena *arena,
	  struct conf_errors *errors, struct rota **ret)
{
	struct rota *r = arena_alloc(arena, sizeof(*r));
	bool ok;

	r->name = arena_strdup(arena, conf->name);
	ok = ro_read_zone(r, conf, errors);
	/* Their times are of the zone. */
	if (ok)
		ok = ro_read_overrides(r, conf, arena, errors);
	ok = ro_read_shifts(r, conf, errors) && ok;
	ok = ro_read_people(r, conf, arena, errors) && ok;
	ok = ro_read_hours(r, conf, arena, errors) && ok;
	if (ok)
		*ret = r;
	return ok;
}

/* --- tables ---------------------------------------------------------------- */

static const struct conf_option rota_override_options[] = {
	{.name = "from",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_override_conf, from),
	 .help = "When it begins: a day or a time.",
	 .example = "2026-12-24"},
	{.name = "until",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_override_conf, until),
	 .help = "When it ends: a time, or the last day of it.",
	 .example = "2026-12-27"},
	{.name = "person",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_override_conf, person),
	 .help = "Who of `people` is on call instead.",
	 .example = "ben"},
	{.name = NULL},
};

static const struct conf_table rota_override_conf_table = {
	.size = sizeof(struct rota_override_conf),
	.options = rota_override_options,
};

static const struct conf_option rota_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct rota_conf, name),
	 .help = "By which receivers name it.",
	 .example = "primary"},
	{.name = "time_zone",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_conf, time_zone),
	 .dflt = "\"\"",
	 .help = "Of all its times. Empty: the machine's.",
	 .example = "Europe/Berlin"},
	{.name = "rotate",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_conf, rotate),
	 .dflt = "weekly",
	 .help = "How long a shift is: daily, weekly, or a number of days or "
		 "weeks, like 3d or 2w.",
	 .example = "daily"},
	{.name = "start",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct rota_conf, start),
	 .dflt = "1970-01-05T09:00",
	 .help = "When a shift of the first of `people` began or begins; "
		 "shifts count from there in both directions, and change at "
		 "its time of the day.",
	 .example = "2026-01-05T09:00"},
	{.name = "people",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct rota_conf, people),
	 .help = "Names of `people`, who take turns in this order.",
	 .example = "[anna, ben]"},
	{.name = "hours",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct rota_conf, hours),
	 .dflt = "[]",
	 .help = "When somebody is on call at all: days, times, or both; "
		 "times may go over midnight. None: always.",
	 .example = "[\"mon-fri 08:00-20:00\"]"},
	{.name = "overrides",
	 .type = CONF_LIST,
	 .offset = offsetof(struct rota_conf, overrides),
	 .dflt = "[]",
	 .help = "Who stands in for whose shift it is, within `hours`; the "
		 "last one that holds counts.",
	 .table = &rota_override_conf_table},
	{.name = NULL},
};

const struct conf_table rota_conf_table = {
	.size = sizeof(struct rota_conf),
	.options = rota_options,
	.mark_offset = offsetof(struct rota_conf, mark),
};
