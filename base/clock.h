/*
 * clock - the time, as something that a test can set.
 *
 * Time is an argument everywhere below; only those that start work (a loop's
 * callback, the store thread, main) read a clock. A struct clock in a test is
 * frozen and moved by hand; clock_system() is the real one. Wall time is in
 * milliseconds since 1970 (UTC), monotonic time in milliseconds since some
 * start.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock;

/* The machine's clock; never freed, safe from every thread. */
struct clock *clock_system(void);

/* A clock that stands still at WALL_MS (monotonic 0) until it is moved. */
struct clock *clock_new_fixed(int64_t wall_ms);
void clock_free(struct clock **clock);
/* Both times go on. Safe while other threads read. */
void clock_advance(struct clock *clock, int64_t ms);
/* Only the wall jumps. */
void clock_jump(struct clock *clock, int64_t wall_delta_ms);

int64_t clock_wall_ms(struct clock *clock);
int64_t clock_mono_ms(struct clock *clock);

/* Dates go from the year 0000 to 9999; what lies beyond is the first or last
 * moment of these. */
#define CLOCK_RFC5322_LEN 32

/* "Fri, 21 Nov 1997 09:55:06 +0000" (RFC 5322, 3.3), always UTC. */
void clock_rfc5322(int64_t wall_ms, char ret_date[static CLOCK_RFC5322_LEN]);
#define CLOCK_RFC3339_LEN 32
/* "1997-11-21T09:55:06.123Z" (RFC 3339). */
void clock_rfc3339(int64_t wall_ms, char ret_date[static CLOCK_RFC3339_LEN]);
/* A date-time of RFC 3339, 5.6, any offset and fraction (what is below a
 * millisecond is dropped), years from 0000; what an offset moves out of these or
 * beyond 9999 is their first or last moment. A blank may stand for the T, and
 * without an offset it is UTC. 0 or -EINVAL. */
int clock_rfc3339_parse(const char *s, int64_t *ret_wall_ms);

#endif
