/* deadman - see deadman.h. */
#include "alert/deadman.h"

#include "alert/civil.h"

const char *const deadman_change_names[] = {
	[DEADMAN_SAME] = "same",
	[DEADMAN_SILENT] = "silent",
	[DEADMAN_BACK] = "back",
};

void
deadman_init(struct deadman *d, int64_t within_ms, bool silent)
{
	*d = (struct deadman){.within_ms = within_ms, .silent = silent};
}

void
deadman_set(struct deadman *d, int64_t within_ms, int64_t now_ms)
{
	if (d->within_ms == 0)
		d->since_ms = now_ms;
	d->within_ms = within_ms;
}

bool
deadman_hear(struct deadman *d, const struct matchers *expect,
	     const struct alert *a, int64_t now_ms)
{
	if (d->within_ms == 0 || expect->n == 0 ||
	    !matchers_match(expect, &a->labels, NULL))
		return false;
	if (a->status == ALERT_FIRING)
		d->heard_ms = now_ms;
	return true;
}

/* From when silence counts. */
static int64_t
dm_since(const struct deadman *d, int64_t awake_since_ms)
{
	int64_t since =
		d->since_ms > awake_since_ms ? d->since_ms : awake_since_ms;

	return d->heard_ms > since ? d->heard_ms : since;
}

int64_t
deadman_next(const struct deadman *d, int64_t awake_since_ms)
{
	if (d->within_ms == 0 || d->silent)
		return INT64_MAX;
	return dm_since(d, awake_since_ms) + d->within_ms;
}

/* A new life is not a sign of life: what was silent is back only when it was
 * heard. */
static bool
dm_is_silent(const struct deadman *d, int64_t now_ms, int64_t awake_since_ms)
{
	if (d->within_ms == 0)
		return false;
	if (d->silent &&
	    (d->heard_ms == 0 || now_ms - d->heard_ms >= d->within_ms))
		return true;
	return now_ms - dm_since(d, awake_since_ms) >= d->within_ms;
}

enum deadman_change
deadman_look(struct deadman *d, int64_t now_ms, int64_t awake_since_ms)
{
	bool silent;

	if (d->heard_ms > now_ms)
		d->heard_ms = now_ms;
	if (d->since_ms > now_ms)
		d->since_ms = now_ms;
	silent = dm_is_silent(d, now_ms, awake_since_ms);
	if (silent == d->silent)
		return DEADMAN_SAME;
	d->silent = silent;
	return silent ? DEADMAN_SILENT : DEADMAN_BACK;
}

const char *
deadman_words(const struct deadman *d, const struct matchers *expect,
	      int64_t now_ms, int64_t awake_since_ms, struct arena *arena)
{
	const char *what = matchers_text(expect, arena);
	char age[DURATION_TEXT_MAX];

	if (d->within_ms == 0)
		return arena_printf(arena, "%s is not expected any more", what);
	if (!d->silent)
		return arena_printf(arena, "%s comes again", what);
	duration_format(now_ms - dm_since(d, awake_since_ms), age);
	return arena_printf(arena, "%s has not come for %s", what, age);
}
