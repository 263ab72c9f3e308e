/*
 * The engine's promises as a table of stories. Each is told to a child that is
 * killed at a point where something becomes durable, then to the next life,
 * whose source does not post again. Whatever the moment: what was said to be
 * accepted is told, nothing is repeated but what was in flight, and nothing is
 * left over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"
#include "tests/unit/crash_kit.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define B "alertname=Disk host=b"
#define C "alertname=Load host=c"

#define MOVED(name)                                                            \
	"retention: 1d\nown: []\nreceivers:\n"                                 \
	"- {name: " name ", mail: [anna@example.org]}\n"                       \
	"route: {receiver: " name "}\n"

/* What the world saw; outlives every child. */
struct seen {
	int fired, resolved, acked; /* answers of 0 */
	int lives;
	int64_t wall_ms; /* of the last life */
	/* By the letter of the host. */
	int firing[26], over[26], down[26], reminded[26];
	int fallback, told_acked;
	int muted, unmuted, missed;
	bool finished;
};

static struct seen *seen; /* shared with the children */

struct story {
	struct crash_story crash;
	const char *yaml;
	void (*tell)(struct engine_rig *er, bool again);
	void (*judge)(const struct seen *s);
	/* The far end, as it is when a life begins. */
	enum engine_far far;
	const char *only, *dsn;
};

/* --- what arrives ---------------------------------------------------------------- */

static void
hear_one(const char *kind, const char *word)
{
	size_t at;

	if (strcmp(kind, "acked") == 0)
		seen->told_acked += word[0] == '+';
	else if (word[0] == '+' && word[1] >= 'a' && word[1] <= 'z') {
		at = (size_t)(word[1] - 'a');
		seen->firing[at]++;
	} else if (word[0] == '-' && word[1] >= 'a' && word[1] <= 'z') {
		at = (size_t)(word[1] - 'a');
		if (strcmp(kind, "was_down") == 0)
			seen->down[at]++;
		else
			seen->over[at]++;
	}
}

static void
hear(const struct engine_mail *m)
{
	char text[sizeof(m->text)], kind[32], *save, *word;

	snprintf(text, sizeof(text), "%s", m->text);
	word = strtok_r(text, " ", &save);
	snprintf(kind, sizeof(kind), "%s", word);
	seen->fallback += strcmp(kind, "fallback") == 0;
	seen->muted += strcmp(kind, "mute_begin") == 0;
	seen->unmuted += strcmp(kind, "mute_end") == 0;
	seen->missed +=
		strcmp(kind, "mute_end") == 0 && strstr(m->text, " -b") != NULL;
	while ((word = strtok_r(NULL, " ", &save)) != NULL)
		hear_one(kind, word);
}

static void
go_on(struct engine_rig *er, int64_t ms, int64_t step)
{
	for (; ms > 0; ms -= step) {
		engine_rig_advance(er, step, step);
		seen->wall_ms = clock_wall_ms(er->rig.clock);
		er->nmails = 0;
	}
}

static void
fire(struct engine_rig *er, const char *labels)
{
	if (engine_rig_fire(er, labels) == 0)
		seen->fired++;
}

/* --- stories ---------------------------------------------------------------------- */

static void
resolve(struct engine_rig *er, const char *labels)
{
	if (engine_rig_resolve(er, labels) == 0)
		seen->resolved++;
}

/* A source says that it is over until it is heard. */
static void
end_one(struct engine_rig *er)
{
	if (seen->resolved == 0)
		resolve(er, A);
	go_on(er, 6 * MINUTE, 30 * SECOND);
}

/* Posted once, told, over. */
static void
tell_one(struct engine_rig *er, bool again)
{
	if (!again)
		fire(er, A);
	go_on(er, 40 * SECOND, 10 * SECOND);
	end_one(er);
}

static void
judge_one(const struct seen *s)
{
	if (s->fired == 0 && s->firing[0] == 0)
		return;
	/* A crash may leave no time between the two. */
	if (s->firing[0] == 0) {
		assert_int_equal(s->over[0], 0);
		assert_true(s->lives > 1);
		return;
	}
	assert_in_range(s->firing[0], 1, 2);
	assert_in_range(s->over[0], 1, 2);
}

/* Two recipients, and one whose messages don't leave before all is over. */
static void
tell_two(struct engine_rig *er, bool again)
{
	if (!again)
		fire(er, A);
	go_on(er, 40 * SECOND, 10 * SECOND);
	if (seen->resolved == 0)
		resolve(er, A);
	go_on(er, 4 * MINUTE, 30 * SECOND);
	er->far = FAR_TAKES;
	go_on(er, 10 * MINUTE, MINUTE);
}

static void
judge_two(const struct seen *s)
{
	if (s->fired == 0 && s->firing[0] == 0)
		return;
	assert_in_range(s->firing[0], 1, 2);
	assert_in_range(s->over[0], 1, 2);
	assert_in_range(s->down[0], 1, 2);
}

/* Several, of two groups in one mail, one of which is acknowledged. */
static void
tell_ack(struct engine_rig *er, bool again)
{
	if (!again) {
		struct engine_alert v[] = {
			{.labels = A}, {.labels = B}, {.labels = C}};

		if (engine_rig_take(er, v, 3) == 0)
			seen->fired++;
	}
	go_on(er, 40 * SECOND, 10 * SECOND);
	if (engine_rig_state(er, C) == INCIDENT_OPEN && seen->acked == 0) {
		engine_act(er->e, ENGINE_ACK, engine_rig_id(er, C), "ben", "",
			   engine_rig_answered, er);
		engine_rig_settle(er);
		if (er->result == 0 || er->result == -EALREADY)
			seen->acked++;
	}
	go_on(er, 5 * HOUR, HOUR);
	if (seen->resolved == 0) {
		struct engine_alert v[] = {{.labels = A, .resolved = true},
					   {.labels = B, .resolved = true},
					   {.labels = C, .resolved = true}};

		if (engine_rig_take(er, v, 3) == 0)
			seen->resolved++;
	}
	go_on(er, 10 * MINUTE, MINUTE);
}

static void
judge_ack(const struct seen *s)
{
	if (s->fired == 0 && s->firing[0] == 0)
		return;
	for (int i = 0; i < 3; i++) {
		assert_in_range(s->firing[i], 1, 2);
		assert_in_range(s->over[i], 1, 2);
	}
	assert_in_range(s->told_acked, s->acked > 0, 2);
}

/* Refused: the fallback is told. */
static void
tell_refused(struct engine_rig *er, bool again)
{
	if (!again)
		fire(er, A);
	go_on(er, 5 * MINUTE, 30 * SECOND);
	if (seen->resolved == 0)
		resolve(er, A);
	go_on(er, 10 * MINUTE, 30 * SECOND);
}

static void
judge_refused(const struct seen *s)
{
	if (s->fired == 0 && s->firing[0] == 0)
		return;
	assert_in_range(s->fallback, 1, 2);
	assert_in_range(s->over[0], 1, 2);
}

/* A silence and a mute on the way; both end by themselves. */
static void
silence_done(void *arg, int result, const char *id)
{
	(void)id;
	engine_rig_answered(arg, result);
}

static void
tell_quiet(struct engine_rig *er, bool again)
{
	int64_t now = clock_wall_ms(er->rig.clock);

	if (!again) {
		struct engine_silence s = {.starts_ms = now,
					   .ends_ms = now + 10 * MINUTE,
					   .created_by = "a",
					   .comment = ""};
		struct arena arena;
		char *why = NULL;

		arena_init(&arena);
		must(matchers_parse("host=a", &arena, &s.matchers, &why) == 0);
		engine_silence_set(er->e, &s, silence_done, er);
		matchers_done(&s.matchers);
		arena_done(&arena);
		engine_mute(er->e, now + 20 * MINUTE, "x", "anna",
			    engine_rig_answered, er);
		engine_rig_settle(er);
		fire(er, A);
	}
	go_on(er, 30 * MINUTE, MINUTE);
	if (seen->resolved == 0)
		resolve(er, A);
	go_on(er, 10 * MINUTE, MINUTE);
}

/* A mute that is ended early, while that it began is still on its way; what
 * came and went meanwhile is told. */
static void
tell_mute(struct engine_rig *er, bool again)
{
	int64_t now = clock_wall_ms(er->rig.clock);

	if (!again) {
		engine_mute(er->e, now + 20 * MINUTE, "x", "anna",
			    engine_rig_answered, er);
		engine_rig_settle(er);
		fire(er, B);
		go_on(er, MINUTE, 30 * SECOND);
		resolve(er, B);
		go_on(er, MINUTE, 30 * SECOND);
		engine_unmute(er->e, "ben", engine_rig_answered, er);
	}
	go_on(er, 2 * MINUTE, 30 * SECOND);
	er->far = FAR_TAKES;
	if (seen->resolved == 0)
		resolve(er, B);
	go_on(er, 30 * MINUTE, MINUTE);
}

/* Killed before it was over, it is told as firing, or missed. */
static void
judge_mute(const struct seen *s)
{
	assert_in_range(s->muted, 0, 2);
	assert_in_range(s->unmuted, s->fired > 0, 2);
	if (s->fired == 0)
		return;
	if (s->firing[1] == 0)
		assert_in_range(s->missed, 1, 2);
	else
		assert_in_range(s->over[1], 1, 2);
}

/* Its receiver is called otherwise. */
static void
tell_moved(struct engine_rig *er, bool again)
{
	if (!again) {
		fire(er, A);
		fire(er, C);
	}
	go_on(er, 40 * SECOND, 10 * SECOND);
	engine_rig_rules(er, MOVED("team"));
	go_on(er, MINUTE, 10 * SECOND);
	end_one(er);
	if (seen->resolved == 1)
		resolve(er, C);
	go_on(er, 6 * MINUTE, 30 * SECOND);
}

static void
judge_moved(const struct seen *s)
{
	judge_one(s);
	if (!s->finished)
		return;
	assert_int_equal(s->firing[0], 1);
	assert_int_equal(s->firing[2], 1);
	assert_int_equal(s->over[0], 1);
	assert_int_equal(s->over[2], 1);
}

static const struct story stories[] = {
	{{.name = "one", .least = 15},
	 "mail: [anna@example.org]\nretention: 1d\n",
	 tell_one,
	 judge_one,
	 FAR_TAKES,
	 NULL,
	 NULL},
	{{.name = "two", .least = 20},
	 "mail: [anna@example.org, ben@example.org]\nretention: 1d\n",
	 tell_two,
	 judge_two,
	 FAR_DOWN,
	 "ben@example.org",
	 NULL},
	{{.name = "acknowledged", .least = 20},
	 "mail: [anna@example.org]\nretention: 1d\n",
	 tell_ack,
	 judge_ack,
	 FAR_TAKES,
	 NULL,
	 NULL},
	{{.name = "refused", .least = 15},
	 "retention: 1d\nown: []\nreceivers:\n"
	 "- {name: oncall, mail: [anna@example.org], fallback: {receiver: "
	 "boss}}\n"
	 "- {name: boss, mail: [boss@example.org]}\n"
	 "route: {receiver: oncall}\n",
	 tell_refused,
	 judge_refused,
	 FAR_REFUSES,
	 "anna@example.org",
	 "5.1.1"},
	{{.name = "quiet", .least = 15},
	 "mail: [anna@example.org]\nretention: 1d\n",
	 tell_quiet,
	 judge_one,
	 FAR_TAKES,
	 NULL,
	 NULL},
	{{.name = "mute", .least = 15},
	 "mail: [anna@example.org]\nretention: 1d\n",
	 tell_mute,
	 judge_mute,
	 FAR_DOWN,
	 NULL,
	 NULL},
	{{.name = "moved", .least = 15},
	 MOVED("ops"),
	 tell_moved,
	 judge_moved,
	 FAR_TAKES,
	 NULL,
	 NULL},
};

/* --- lives --------------------------------------------------------------------------- */

static void
begin(struct engine_rig *er, const struct story *story, const char *dir)
{
	engine_rig_begin(er, dir);
	er->yaml = story->yaml;
	er->on_mail = hear;
	er->far = story->far;
	er->only = story->only;
	er->dsn = story->dsn;
	if (seen->wall_ms > 0)
		clock_advance(er->rig.clock,
			      seen->wall_ms - clock_wall_ms(er->rig.clock));
	seen->lives++;
}

static void
live(const void *arg, const char *dir, bool again)
{
	static struct engine_rig er;
	const struct story *story = arg;

	begin(&er, story, dir);
	crash_kit_begin();
	engine_rig_open(&er);
	story->tell(&er, again);
	if (!again)
		return;
	/* What is kept of it goes, too, but Belfry's own words to a receiver:
	 * these have a group and a notice. */
	engine_rig_advance(&er, 4 * DAY, 6 * HOUR);
	must(engine_rig_rows(&er, "ijhgsm") <= 2);
	engine_rig_done(&er);
}

static void
judge(const void *arg, const struct crash_end *end)
{
	const struct story *story = arg;

	seen->finished = !end->killed;
	story->judge(seen);
}

static void
test_stories(void **state)
{
	struct crash_kit kit = {.stories = stories,
				.n = sizeof(stories) / sizeof(stories[0]),
				.size = sizeof(stories[0]),
				.points = 8,
				.live = live,
				.judge = judge,
				.seen_len = sizeof(*seen)};

	(void)state;
	kit.seen = seen = crash_kit_share(sizeof(*seen));
	crash_kit_run(&kit);
	munmap(seen, sizeof(*seen));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
