/*
 * zone - see zone.h.
 *
 * ICU is asked only for spans: from one change of the clocks to the next the
 * offset is the same, and the span that was used last nearly always serves
 * again. The calendar is ours (civil.h).
 */
#include "alert/zone.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "base/must.h"
#include "base/xalloc.h"

#define ZONE_NAME_MAX 64
#define ABBR_MAX      16
#define DAY_MS        INT64_C(86400000)
/* No offset is further from UTC, local mean times included. */
#define OFFSET_MAX_MS (16 * INT64_C(3600000))
#define WALL_MIN_MS   INT64_C(-62135596800000) /* year 1 */
#define WALL_MAX_MS   INT64_C(253402300799999) /* year 9999 */

/* One offset holds from FROM_MS until before UNTIL_MS. */
struct span {
	int64_t from_ms, until_ms, offset_ms;
	bool summer;
};

struct zone {
	char name[ZONE_NAME_MAX];
	char abbr[2][ABBR_MAX]; /* [summer]; "" where none is known */
	struct zone *next;
	pthread_mutex_t lock; /* for what follows */
	UCalendar *cal;       /* owned */
	struct span last;
};

/* Those that were opened; they are never more than the tz database has. */
static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *zones;

/* --- spans ----------------------------------------------------------------- */

static int64_t
zo_change(UCalendar *cal, UTimeZoneTransitionType type, int64_t none)
{
	UErrorCode status = U_ZERO_ERROR;
	UDate at;

	if (!ucal_getTimeZoneTransitionDate(cal, type, &at, &status))
		return none;
	must(U_SUCCESS(status));
	return (int64_t)at;
}

static struct span
zo_ask(UCalendar *cal, int64_t wall_ms)
{
	UErrorCode status = U_ZERO_ERROR;
	struct span s;
	int summer;

	ucal_setMillis(cal, (UDate)wall_ms, &status);
	summer = ucal_get(cal, UCAL_DST_OFFSET, &status);
	s.offset_ms = ucal_get(cal, UCAL_ZONE_OFFSET, &status) + summer;
	s.summer = summer != 0;
	s.from_ms = zo_change(cal, UCAL_TZ_TRANSITION_PREVIOUS_INCLUSIVE,
			      INT64_MIN);
	s.until_ms = zo_change(cal, UCAL_TZ_TRANSITION_NEXT, INT64_MAX);
	must(U_SUCCESS(status));
	return s;
}

static bool
zo_within(const struct span *s, int64_t wall_ms)
{
	return wall_ms >= s->from_ms && wall_ms < s->until_ms;
}

static struct span
zo_span(struct zone *z, int64_t wall_ms)
{
	struct span s;

	pthread_mutex_lock(&z->lock);
	if (!zo_within(&z->last, wall_ms))
		z->last = zo_ask(z->cal, wall_ms);
	s = z->last;
	pthread_mutex_unlock(&z->lock);
	return s;
}

/* --- opening --------------------------------------------------------------- */

/* ICU's English has the abbreviations that are in use where it is spoken;
 * elsewhere it says GMT+9. */
static bool
zo_ask_abbr(UCalendar *cal, bool summer, const char *locale, char *ret)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar wide[ABBR_MAX];
	int32_t len;

	ucal_getTimeZoneDisplayName(
		cal, summer ? UCAL_SHORT_DST : UCAL_SHORT_STANDARD, locale,
		wide, ABBR_MAX - 1, &status);
	if (U_FAILURE(status))
		return false;
	wide[ABBR_MAX - 1] = 0;
	u_strToUTF8(ret, ABBR_MAX, &len, wide, -1, &status);
	return U_SUCCESS(status) && len < ABBR_MAX &&
	       !(strncmp(ret, "GMT", 3) == 0 && ret[3] != '\0');
}

static void
zo_find_abbr(struct zone *z, bool summer)
{
	static const char *const locales[] = {"en_GB", "en_US", "en_AU",
					      "en_NZ", "en_IN", "en_ZA",
					      "en_IE", "ja"};

	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++)
		if (zo_ask_abbr(z->cal, summer, locales[i], z->abbr[summer]))
			return;
	z->abbr[summer][0] = '\0';
}

/* Only what the tz database names: ICU takes any text for a kind of GMT. */
static bool
zo_is_known(const UChar *name)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar canonical[ZONE_NAME_MAX];
	UBool known = 0;

	ucal_getCanonicalTimeZoneID(name, -1, canonical, ZONE_NAME_MAX, &known,
				    &status);
	return U_SUCCESS(status) && known;
}

static struct zone *
zo_new(const char *name)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar wide[ZONE_NAME_MAX];
	struct zone *z;

	u_strFromUTF8(wide, ZONE_NAME_MAX, NULL, name, -1, &status);
	if (U_FAILURE(status) || strcmp(name, "Etc/Unknown") == 0 ||
	    !zo_is_known(wide))
		return NULL;
	z = xcalloc(1, sizeof(*z));
	z->cal = ucal_open(wide, -1, "en_US", UCAL_GREGORIAN, &status);
	must(U_SUCCESS(status));
	snprintf(z->name, sizeof(z->name), "%s", name);
	pthread_mutex_init(&z->lock, NULL);
	zo_find_abbr(z, false);
	zo_find_abbr(z, true);
	return z;
}

/* "UTC" where the machine has no zone with a name. */
static void
zo_machine(char ret_name[static ZONE_NAME_MAX])
{
	UErrorCode status = U_ZERO_ERROR;
	UChar wide[ZONE_NAME_MAX];

	ucal_getHostTimeZone(wide, ZONE_NAME_MAX, &status);
	if (U_SUCCESS(status))
		u_strToUTF8(ret_name, ZONE_NAME_MAX, NULL, wide, -1, &status);
	if (U_FAILURE(status) || !zo_is_known(wide) ||
	    strcmp(ret_name, "Etc/Unknown") == 0)
		snprintf(ret_name, ZONE_NAME_MAX, "UTC");
}

int
zone_open(const char *name, struct zone **ret)
{
	char machine[ZONE_NAME_MAX];
	struct zone *z;

	if (name[0] == '\0' || strcmp(name, "Local") == 0) {
		zo_machine(machine);
		name = machine;
	}
	if (strlen(name) >= ZONE_NAME_MAX)
		return -ENOENT;
	pthread_mutex_lock(&zones_lock);
	z = zones;
	while (z != NULL && strcmp(z->name, name) != 0)
		z = z->next;
	if (z == NULL && (z = zo_new(name)) != NULL) {
		z->next = zones;
		zones = z;
	}
	pthread_mutex_unlock(&zones_lock);
	if (z == NULL)
		return -ENOENT;
	*ret = z;
	return 0;
}

const char *
zone_name(struct zone *z)
{
	return z->name;
}

/* --- both ways ------------------------------------------------------------- */

static int64_t
zo_clamp(int64_t wall_ms)
{
	return wall_ms < WALL_MIN_MS   ? WALL_MIN_MS
	       : wall_ms > WALL_MAX_MS ? WALL_MAX_MS
				       : wall_ms;
}

static struct civil
zo_civil(int64_t wall_ms, int64_t offset_ms)
{
	int64_t local_ms = wall_ms + offset_ms;
	int64_t days = local_ms / DAY_MS - (local_ms % DAY_MS < 0);
	int second = (int)((local_ms - days * DAY_MS) / 1000);
	struct civil c = civil_of_days(days);

	c.hour = second / 3600;
	c.minute = second / 60 % 60;
	c.second = second % 60;
	return c;
}

struct civil
zone_civil(struct zone *z, int64_t wall_ms)
{
	wall_ms = zo_clamp(wall_ms);
	return zo_civil(wall_ms, zo_span(z, wall_ms).offset_ms);
}

/* Through the spans in their order: the first that shows it, or else the one
 * that begins after it was left out. */
int64_t
zone_to_wall_ms(struct zone *z, struct civil civil)
{
	int64_t local_ms =
		civil_days(civil.year, civil.month, civil.day) * DAY_MS +
		(((int64_t)civil.hour * 60 + civil.minute) * 60 +
		 civil.second) *
			1000;
	struct span s = zo_span(z, zo_clamp(local_ms - OFFSET_MAX_MS));

	while (s.until_ms != INT64_MAX && local_ms - s.offset_ms >= s.until_ms)
		s = zo_span(z, s.until_ms);
	if (s.from_ms != INT64_MIN && local_ms - s.offset_ms < s.from_ms)
		return zo_clamp(s.from_ms);
	return zo_clamp(local_ms - s.offset_ms);
}

void
zone_format(struct zone *z, int64_t wall_ms,
	    char ret_text[static ZONE_TEXT_MAX])
{
	struct span s = zo_span(z, zo_clamp(wall_ms));
	struct civil c = zo_civil(zo_clamp(wall_ms), s.offset_ms);
	int minutes = (int)(s.offset_ms / 60000);
	int n;

	n = snprintf(ret_text, ZONE_TEXT_MAX, "%04d-%02d-%02d %02d:%02d ",
		     c.year, c.month, c.day, c.hour, c.minute);
	if (z->abbr[s.summer][0] != '\0')
		snprintf(ret_text + n, ZONE_TEXT_MAX - (size_t)n, "%s",
			 z->abbr[s.summer]);
	else
		snprintf(ret_text + n, ZONE_TEXT_MAX - (size_t)n,
			 "UTC%c%02d:%02d", minutes < 0 ? '-' : '+',
			 abs(minutes) / 60, abs(minutes) % 60);
}
