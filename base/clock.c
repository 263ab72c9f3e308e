#include "base/clock.h"

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

/* Floor division, so that times before 1970 come out right. */
static time_t
clock_seconds(int64_t wall_ms, int *ret_ms)
{
	int64_t s = wall_ms / 1000, ms = wall_ms % 1000;

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
		 "%.3s, %u %.3s %u %02u:%02u:%02u +0000", day + tm.tm_wday * 3,
		 (unsigned)tm.tm_mday % 100, month + tm.tm_mon * 3,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour,
		 (unsigned)tm.tm_min, (unsigned)tm.tm_sec);
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
