#include "tests/unit/crash_kit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_fail.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

/* Of a story; points are taken from each. */
enum part { ALIKE, REST, PARTS };

/* Of the first life, shared with it. */
struct life {
	long calls[PARTS]; /* that made something durable */
	bool over;
};

/* Where a first life is killed. */
struct point {
	enum part part;
	long n; /* the nth call of the part; 0: not at all */
};

static struct life *life;
static struct point point;
static enum part part; /* that is told now */

void *
crash_kit_share(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

void
crash_kit_begin(void)
{
	struct store_fail fail = {.n = point.part == part ? point.n : 0,
				  .how = STORE_FAIL_KILL_AFTER,
				  .durable_only = true};

	store_fail_arm(&fail);
}

void
crash_kit_rest(void)
{
	life->calls[ALIKE] = store_fail_calls();
	part = REST;
	crash_kit_begin();
}

static _Noreturn void
live(const struct crash_kit *kit, const struct crash_story *story,
     const char *dir, bool again)
{
	part = story->alike ? ALIKE : REST;
	if (again)
		point.n = 0;
	kit->live(story, dir, again);
	if (!again) {
		life->calls[REST] = store_fail_calls();
		store_fail_disarm();
		life->over = true;
	}
	_exit(0);
}

/* True when it was killed at the point. */
static bool
one_life(const struct crash_kit *kit, const struct crash_story *story,
	 const char *dir, bool again)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		live(kit, story, dir, again);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!again && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (status != 0)
		fail_msg("%s %d %ld: life %d ended with %#x", story->name,
			 point.part, point.n, again + 1, status);
	return false;
}

static void
check(const struct crash_story *story, const char *dir, struct store_check *sc)
{
	assert_int_equal(store_check(dir, sc), 0);
	if (sc->faults > 0)
		fail_msg("%s %d %ld: %s", story->name, point.part, point.n,
			 sc->fault);
	assert_int_equal(sc->pages, 0);
}

/* Killed at the point, and told again. */
static bool
both_lives(const struct crash_kit *kit, const struct crash_story *story)
{
	char dir[] = "/tmp/belfry-story-XXXXXX";
	struct crash_end end = {0};

	assert_non_null(mkdtemp(dir));
	memset(life, 0, sizeof(*life));
	memset(kit->seen, 0, kit->seen_len);
	end.killed = one_life(kit, story, dir, false);
	assert_true(end.killed || life->over);
	one_life(kit, story, dir, true);
	check(story, dir, &end.store);
	kit->judge(story, &end);
	store_kit_remove(dir);
	return end.killed;
}

/* POINTS of a part's CALLS, or each; how many there were. Another life may need
 * fewer calls: what it could not be killed at is asked again, of those. */
static long
run_part(const struct crash_kit *kit, const struct crash_story *story,
	 long calls, long points)
{
	long killed = 0, most;

	points = calls < 2 * points ? calls : points;
	most = 2 * points;
	for (long i = 0; i < most && killed < points; i++) {
		point.n = 1 + killed * calls / points;
		if (both_lives(kit, story))
			killed++;
		else if (life->calls[point.part] < calls)
			calls = life->calls[point.part];
	}
	return killed;
}

static void
run(const struct crash_kit *kit, const struct crash_story *story)
{
	const char *env = getenv("STORY_POINTS");
	long points = env != NULL ? atol(env) : kit->points;
	long calls[PARTS], all, killed;

	point = (struct point){.part = REST};
	assert_false(both_lives(kit, story));
	memcpy(calls, life->calls, sizeof(calls));
	point.part = ALIKE;
	killed = run_part(kit, story, calls[ALIKE], points / 4 + 1);
	point.part = REST;
	killed += run_part(kit, story, calls[REST], points);
	all = calls[ALIKE] + calls[REST];
	print_message("%s: %ld points, killed at %ld\n", story->name, all,
		      killed);
	assert_true(all >= story->least);
	assert_true(killed >= (points < story->least ? points : story->least));
}

void
crash_kit_run(const struct crash_kit *kit)
{
	const char *only = getenv("STORY");
	size_t told = 0;

	life = crash_kit_share(sizeof(*life));
	for (size_t i = 0; i < kit->n; i++) {
		const struct crash_story *story =
			(const void *)((const char *)kit->stories +
				       i * kit->size);

		if (only != NULL && strcmp(only, story->name) != 0)
			continue;
		run(kit, story);
		told++;
	}
	assert_true(told > 0);
	munmap(life, sizeof(*life));
}
