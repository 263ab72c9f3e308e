/*
 * store_room - how much the store can still take: the smaller of the map and of
 * what the file system gives.
 *
 * A look counts LMDB's free list, so it is taken at most 20 times a second,
 * once a second while commits go on, and between looks what is committed is
 * subtracted. Mail stops at the reserve, notices at half of it, results never.
 * The reserve is allocated behind the end of the file, so that others on the
 * same file system can't take it away.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "queue/store_impl.h"

#define SR_LOOK_MS      1000
#define SR_LOOK_NEAR_MS 50
#define SR_FULL_MS      5000
#define SR_LEAST        (INT64_C(1) << 20)

static int64_t
sr_now(void)
{
	return clock_mono_ms(clock_system());
}

static int64_t
sr_least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A failure (no space left, or nothing of the kind here) shows in the room. */
static void
sr_allocate(struct store *s, int64_t ahead)
{
	int fd = engine_fd(s->engine);

	if (ahead < s->conf.reserve - s->conf.reserve / 4)
		(void)store_fs_allocate(fd, s->conf.reserve);
}

static void
sr_show(struct store *s)
{
	if (s->used_bytes == NULL)
		return;
	metric_set(s->used_bytes, (double)store_used_bytes(s));
	metric_set(s->limit_bytes, (double)store_limit_bytes(s));
}

/* Once when mail stops, once when it goes on. */
static void
sr_tell(struct store *s, const char *error)
{
	bool full = !store_has_room(s, STORE_NEED_MAIL);

	if (full == s->told_full)
		return;
	s->told_full = full;
	log_event(s->conf.log, full ? LOG_WARNING : LOG_INFO,
		  full ? "store_full" : "store_room", LOG_STR("error", error),
		  LOG_INT("used", store_used_bytes(s)),
		  LOG_INT("limit", store_limit_bytes(s)),
		  LOG_INT("reserve", s->conf.reserve));
}

void
store_room_look(struct store *s)
{
	struct engine_usage u;
	int64_t fs, ahead, map, room;
	int r;

	s->look_due = atomic_load(&s->full_until);
	if (s->look_due <= sr_now())
		s->look_due = INT64_MAX;
	r = engine_usage(s->engine, &u);
	if (r == 0)
		r = store_fs_room(engine_fd(s->engine), &fs, &ahead);
	if (r != 0) {
		store_room_full(s, r); /* in doubt */
		return;
	}
	sr_allocate(s, ahead);
	map = sr_least((int64_t)u.map_bytes, s->conf.max_size) -
	      (int64_t)u.file_bytes;
	room = sr_least(map > 0 ? map : 0, fs) + (int64_t)u.free_bytes;
	atomic_store(&s->room, room);
	atomic_store(&s->used, u.file_bytes - u.free_bytes);
	atomic_store(&s->limit, u.file_bytes - u.free_bytes + (uint64_t)room);
	sr_show(s);
	sr_tell(s, NULL);
}

void
store_room_spend(struct store *s, uint64_t bytes)
{
	int64_t room = atomic_fetch_sub(&s->room, (int64_t)bytes);
	int64_t due = sr_now() + SR_LOOK_MS;

	if (room - (int64_t)bytes < 2 * s->conf.reserve)
		due = sr_now() + SR_LOOK_NEAR_MS;
	if (s->look_due > due)
		s->look_due = due;
}

void
store_room_full(struct store *s, int r)
{
	atomic_store(&s->full_until, sr_now() + SR_FULL_MS);
	s->look_due = sr_now() + SR_FULL_MS;
	sr_tell(s, strerror(-r));
}

bool
store_is_full_error(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

bool
store_room_explains(struct store *s, int r)
{
	int64_t bytes, ahead;
	int fd = engine_fd(s->engine);

	if (store_is_full_error(r))
		return true;
	if (r != -EIO)
		return false;
	if (store_fs_room(fd, &bytes, &ahead) == 0 && bytes < SR_LEAST)
		return true;
	return store_is_full_error(store_fs_allocate(fd, SR_LEAST));
}

/* What must be left for NEED. */
static int64_t
sr_mark(const struct store *s, enum store_need need)
{
	switch (need) {
	case STORE_NEED_KEEP:
		return 2 * s->conf.reserve;
	case STORE_NEED_MAIL:
		return s->conf.reserve;
	case STORE_NEED_ALERT:
		return s->conf.reserve / 4 * 3;
	case STORE_NEED_NOTICE:
		return s->conf.reserve / 2;
	case STORE_NEED_RESULT:
		return INT64_MIN;
	}
	must(!"a need");
}

bool
store_has_room(struct store *store, enum store_need need)
{
	int64_t full_until = atomic_load(&store->full_until);

	if (need == STORE_NEED_RESULT)
		return true;
	if (full_until != 0 && sr_now() < full_until)
		return false;
	return atomic_load(&store->room) > sr_mark(store, need);
}

void
store_note_freed(struct store *store, uint64_t bytes)
{
	atomic_fetch_add(&store->room, (int64_t)bytes);
}

uint64_t
store_used_bytes(struct store *store)
{
	return atomic_load(&store->used);
}

uint64_t
store_limit_bytes(struct store *store)
{
	return atomic_load(&store->limit);
}

uint64_t
store_reserve_bytes(const struct store *store)
{
	return (uint64_t)store->conf.reserve;
}
