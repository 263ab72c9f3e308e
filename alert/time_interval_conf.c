/*
 * time_interval_conf - intervals as the configuration writes them.
 *
 *	range	= member [":" member]		in any case, no blanks
 *	member	= "sunday" ... "saturday"	of weekdays
 *		| "january" ... | number	of months
 *		| number			of days of the month, of years
 *	number	= ["+" | "-"] digits
 */
#include "alert/time_interval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

struct time_range_conf {
	struct conf_text start_time, end_time;
	struct conf_mark mark;
};

static const char *const ti_weekdays[] = {"sunday",    "monday",   "tuesday",
					  "wednesday", "thursday", "friday",
					  "saturday",  NULL};
static const char *const ti_months[] = {
	"january",  "february", "march",  "april",     "may",
	"june",     "july",     "august", "september", "october",
	"november", "december", NULL};

/* --- members and ranges ---------------------------------------------------- */

/* NAMES begin at FIRST. */
static bool
ti_name(const char *s, const char *const *names, int first, int *ret)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(s, names[i]) == 0) {
			*ret = first + i;
			return true;
		}
	}
	return false;
}

static bool
ti_number(const char *s, int *ret)
{
	const char *digits = s + (*s == '+' || *s == '-');
	size_t len = strspn(digits, "0123456789");

	if (len == 0 || len > 9 || digits[len] != '\0')
		return false;
	*ret = atoi(s);
	return true;
}

static bool
ti_weekday(const char *s, int *ret)
{
	return ti_name(s, ti_weekdays, 0, ret);
}

static bool
ti_month(const char *s, int *ret)
{
	return ti_name(s, ti_months, 1, ret) || ti_number(s, ret);
}

typedef bool ti_member_fn(const char *s, int *ret);

static bool
ti_range(const char *text, struct arena *arena, ti_member_fn *member,
	 struct time_range *ret)
{
	char *begin = arena_strdup(arena, text), *end = strchr(begin, ':');

	ascii_lower_str(begin);
	if (end != NULL)
		*end++ = '\0';
	else
		end = begin;
	return member(begin, &ret->begin) && member(end, &ret->end);
}

/* What is wrong with a range that could be read; NULL nothing. */
typedef const char *ti_wrong_fn(const struct time_range *r);

static const char *
ti_backwards(const struct time_range *r)
{
	return r->begin > r->end ? "ends before it begins" : NULL;
}

/* The shortest month has 28 days: a range that would be empty in it, or in
 * any other, is refused as far as that can be known. */
static const char *
ti_wrong_days(const struct time_range *r)
{
	int begin = r->begin < 0 ? 28 + r->begin : r->begin;
	int end = r->end < 0 ? 28 + r->end : r->end;

	if (r->begin == 0 || abs(r->begin) > 31 || r->end == 0 ||
	    abs(r->end) > 31)
		return "is out of range: days are 1 to 31, or -31 to -1 from "
		       "the end of the month";
	if (r->begin < 0 && r->end > 0)
		return "begins from the end of the month and so must end from "
		       "there, with a negative day";
	return begin > end ? "ends before it begins in some months" : NULL;
}

/* --- fields ---------------------------------------------------------------- */

struct ti_field {
	const char *name, *items; /* what a range is made of */
	ti_member_fn *member;
	ti_wrong_fn *wrong;
};

static bool
ti_read_ranges(const struct ti_field *f, const struct conf_strings *s,
	       struct arena *arena, struct conf_errors *errors,
	       struct time_ranges *ret)
{
	const char *wrong;
	bool ok = true;

	ret->n = s->n;
	ret->v = arena_alloc(arena, (s->n + 1) * sizeof(*ret->v));
	for (size_t i = 0; i < s->n; i++) {
		if (!ti_range(s->v[i], arena, f->member, &ret->v[i])) {
			conf_error(errors, &s->marks[i],
				   "`%s` lists %s or ranges of them with a "
				   "colon, not `%s`",
				   f->name, f->items, s->v[i]);
			ok = false;
			continue;
		}
		wrong = f->wrong(&ret->v[i]);
		if (wrong == NULL)
			continue;
		conf_error(errors, &s->marks[i], "`%s` of `%s` %s", s->v[i],
			   f->name, wrong);
		ok = false;
	}
	return ok;
}

/* A month that no year has is taken, as it is there, and named. */
static void
ti_warn_months(const struct time_ranges *r, const struct conf_strings *s,
	       struct conf_errors *errors)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].begin < 1 || r->v[i].end > 12)
			conf_warning(errors, &s->marks[i],
				     "`%s` of `months` is beyond 1 to 12",
				     s->v[i]);
}

static bool
ti_read_time(const struct time_range_conf *c, struct conf_errors *errors,
	     struct time_range *ret)
{
	const struct conf_text *wrong = NULL;

	ret->begin = civil_parse_minute(c->start_time.text);
	ret->end = civil_parse_minute(c->end_time.text);
	if (ret->end < 0)
		wrong = &c->end_time;
	if (ret->begin < 0)
		wrong = &c->start_time;
	if (wrong != NULL)
		conf_error(errors, &wrong->mark,
			   "a time of day is 00:00 to 24:00, not `%s`",
			   wrong->text);
	else if (ret->begin >= ret->end)
		conf_error(errors, &c->mark,
			   "`start_time` %s is not before `end_time` %s: write "
			   "two, one until 24:00 and one from 00:00",
			   c->start_time.text, c->end_time.text);
	return wrong == NULL && ret->begin < ret->end;
}

static bool
ti_read_times(const struct conf_list *l, struct arena *arena,
	      struct conf_errors *errors, struct time_ranges *ret)
{
	const struct time_range_conf *v = l->v;
	bool ok = true;

	ret->n = l->n;
	ret->v = arena_alloc(arena, (l->n + 1) * sizeof(*ret->v));
	for (size_t i = 0; i < l->n; i++)
		ok = ti_read_time(&v[i], errors, &ret->v[i]) && ok;
	return ok;
}

static bool
ti_read_location(const struct conf_text *t, struct conf_errors *errors,
		 struct zone **ret)
{
	if (zone_open(t->text[0] != '\0' ? t->text : "UTC", ret) == 0)
		return true;
	conf_error(errors, &t->mark,
		   "`location` is a time zone, like Europe/Berlin, UTC or "
		   "Local, not `%s`",
		   t->text);
	return false;
}

bool
time_interval_read(const struct time_interval_conf *conf, struct arena *arena,
		   struct conf_errors *errors, struct time_interval *ret)
{
	static const struct ti_field weekdays = {
		"weekdays", "days, like monday,", ti_weekday, ti_backwards};
	static const struct ti_field days = {"days_of_month",
					     "days, like 1 or -1 for the last,",
					     ti_number, ti_wrong_days};
	static const struct ti_field months = {
		"months", "months, like 1 or january,", ti_month, ti_backwards};
	static const struct ti_field years = {"years", "years", ti_number,
					      ti_backwards};
	struct time_interval t = {0};
	bool ok;

	ok = ti_read_times(&conf->times, arena, errors, &t.times);
	ok = ti_read_ranges(&weekdays, &conf->weekdays, arena, errors,
			    &t.weekdays) &&
	     ok;
	ok = ti_read_ranges(&days, &conf->days_of_month, arena, errors,
			    &t.days_of_month) &&
	     ok;
	ok = ti_read_ranges(&months, &conf->months, arena, errors, &t.months) &&
	     ok;
	ok = ti_read_ranges(&years, &conf->years, arena, errors, &t.years) &&
	     ok;
	ok = ti_read_location(&conf->location, errors, &t.zone) && ok;
	if (!ok)
		return false;
	ti_warn_months(&t.months, &conf->months, errors);
	*ret = t;
	return true;
}

bool
time_intervals_read(const struct time_intervals_conf *conf, struct arena *arena,
		    struct conf_errors *errors, struct time_intervals *ret)
{
	const struct time_interval_conf *v = conf->intervals.v;
	struct time_intervals t = {.name = conf->name, .n = conf->intervals.n};
	bool ok = true;

	t.v = arena_alloc(arena, (t.n + 1) * sizeof(*t.v));
	for (size_t i = 0; i < t.n; i++)
		ok = time_interval_read(&v[i], arena, errors, &t.v[i]) && ok;
	if (ok)
		*ret = t;
	return ok;
}

/* --- tables ---------------------------------------------------------------- */

static const struct conf_option time_range_options[] = {
	{.name = "start_time",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct time_range_conf, start_time),
	 .help = "When it begins, 00:00 to 24:00.",
	 .example = "\"09:00\""},
	{.name = "end_time",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct time_range_conf, end_time),
	 .help = "When it is over, later on the same day.",
	 .example = "\"17:00\""},
	{.name = NULL},
};

static const struct conf_table time_range_conf_table = {
	.size = sizeof(struct time_range_conf),
	.options = time_range_options,
	.mark_offset = offsetof(struct time_range_conf, mark),
};

static const struct conf_option time_interval_options[] = {
	{.name = "times",
	 .type = CONF_LIST,
	 .offset = offsetof(struct time_interval_conf, times),
	 .dflt = "[]",
	 .help = "Times of the day; none: all day.",
	 .table = &time_range_conf_table},
	{.name = "weekdays",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct time_interval_conf, weekdays),
	 .dflt = "[]",
	 .help = "Days of the week or ranges of them; the week begins on "
		 "Sunday.",
	 .example = "[\"monday:friday\"]"},
	{.name = "days_of_month",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct time_interval_conf, days_of_month),
	 .dflt = "[]",
	 .help = "Days of the month or ranges of them; -1 is the last day.",
	 .example = "[\"1:5\", \"-3:-1\"]"},
	{.name = "months",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct time_interval_conf, months),
	 .dflt = "[]",
	 .help = "Months or ranges of them, by name or number.",
	 .example = "[\"1:3\", december]"},
	{.name = "years",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct time_interval_conf, years),
	 .dflt = "[]",
	 .help = "Years or ranges of them.",
	 .example = "[\"2026:2028\"]"},
	{.name = "location",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct time_interval_conf, location),
	 .dflt = "UTC",
	 .help = "The time zone of all of these; Local is the machine's.",
	 .example = "Europe/Berlin"},
	{.name = NULL},
};

const struct conf_table time_interval_conf_table = {
	.size = sizeof(struct time_interval_conf),
	.options = time_interval_options,
};

static const struct conf_option time_intervals_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct time_intervals_conf, name),
	 .help = "By which routes and maintenance name it.",
	 .example = "nights"},
	{.name = "time_intervals",
	 .type = CONF_LIST,
	 .offset = offsetof(struct time_intervals_conf, intervals),
	 .help = "The spans of time, any of which is enough.",
	 .table = &time_interval_conf_table},
	{.name = NULL},
};

const struct conf_table time_intervals_conf_table = {
	.size = sizeof(struct time_intervals_conf),
	.options = time_intervals_options,
	.mark_offset = offsetof(struct time_intervals_conf, mark),
};
