/*
 * A message that may have been heard though nobody said so, and is taken back
 * since something else is true by now: they are told what is true, whichever of
 * both they know.
 */
#include <string.h>

#include "alert/engine_impl.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define A "alertname=Disk host=a"
#define OPS                                                                    \
	"own: []\nreceivers:\n"                                                \
	"- {name: ops, mail: [anna@example.org]}\n"                            \
	"route: {receiver: ops, repeat_interval: 30d}\n"

/* What happens is tried once by a far end that is FAR, and then there is none
 * until something else is true for long. */
struct row {
	enum engine_far far;
	const char *heard, *told; /* then, and in the end */
};

struct story {
	const char *name;
	void (*tell)(struct engine_rig *er, const struct row *row);
	struct row rows[2];
};

static void
meet(struct engine_rig *er, const struct row *row)
{
	for (int s = 0; s < 300 && er->nmails == 0; s++)
		engine_rig_advance(er, SECOND, SECOND);
	assert_told(er, row->heard);
	er->far = FAR_DOWN;
}

static void
end(struct engine_rig *er, const struct row *row)
{
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	assert_told(er, row->told);
}

static void
tell_anna(struct engine_rig *er)
{
	engine_rig_fire(er, A);
	engine_rig_advance(er, 40 * SECOND, SECOND);
	assert_told(er, "anna firing Disk: +a\n");
}

/* It fires again after its recovery. */
static void
tell_recovery(struct engine_rig *er, const struct row *row)
{
	tell_anna(er);
	er->far = row->far;
	engine_rig_resolve(er, A);
	meet(er, row);
	engine_rig_fire(er, A);
}

/* It is reported again. */
static void
tell_stale(struct engine_rig *er, const struct row *row)
{
	struct engine_alert v = {.labels = A};

	tell_anna(er);
	er->far = row->far;
	v.ends_ms = clock_wall_ms(er->rig.clock) + 10 * SECOND;
	engine_rig_take(er, &v, 1);
	engine_rig_advance(er, 20 * SECOND, SECOND);
	meet(er, row);
	engine_rig_fire(er, A);
}

static void
silenced(void *arg, int result, const char *id)
{
	(void)arg;
	(void)id;
	assert_int_equal(result, 0);
}

static void
silence(struct engine_rig *er)
{
	struct engine_silence s = {
		.starts_ms = clock_wall_ms(er->rig.clock),
		.ends_ms = clock_wall_ms(er->rig.clock) + 10 * HOUR,
		.created_by = "ben",
		.comment = "",
	};
	struct arena arena;
	char *why = NULL;

	arena_init(&arena);
	assert_int_equal(
		matchers_parse("host=\"a\"", &arena, &s.matchers, &why), 0);
	engine_silence_set(er->e, &s, silenced, NULL);
	matchers_done(&s.matchers);
	arena_done(&arena);
	engine_rig_advance(er, 10 * MINUTE, SECOND);
}

/* It is silenced before anybody said that they were told, and ends so. */
static void
tell_silence(struct engine_rig *er, const struct row *row)
{
	er->far = row->far;
	engine_rig_fire(er, A);
	meet(er, row);
	silence(er);
	assert_told(er, "");
	engine_rig_resolve(er, A);
}

/* So it does when more was told in its place, before it was silenced. */
static void
tell_replaced(struct engine_rig *er, const struct row *row)
{
	er->far = row->far;
	engine_rig_fire(er, A);
	meet(er, row);
	engine_rig_fire(er, "alertname=Disk host=b");
	engine_rig_advance(er, 10 * MINUTE, SECOND);
	silence(er);
	assert_told(er, "");
	engine_rig_resolve(er, A);
}

static const struct story stories[] = {
	{"recovery",
	 tell_recovery,
	 {{FAR_MUTE, "anna recovery Disk: -a\n", "anna more Disk: +a\n"},
	  {FAR_DOWN, "", ""}}},
	{"stale",
	 tell_stale,
	 {{FAR_MUTE, "anna stale Disk: ~a\n", "anna more Disk: +a\n"},
	  {FAR_DOWN, "", ""}}},
	{"silence",
	 tell_silence,
	 {{FAR_MUTE, "anna firing Disk: +a\n", "anna recovery Disk: -a\n"},
	  {FAR_DOWN, "", ""}}},
	{"replaced",
	 tell_replaced,
	 {{FAR_MUTE, "anna firing Disk: +a\n", "anna more Disk: -a +b\n"},
	  {FAR_DOWN, "", "anna firing Disk: +b\n"}}},
};

static void
tell(const struct story *story, const struct row *row)
{
	struct engine_rig er;

	print_message("%s, far end %d\n", story->name, (int)row->far);
	engine_rig_init(&er, NULL);
	engine_rig_rules(&er, OPS);
	story->tell(&er, row);
	end(&er, row);
	if (story->tell == tell_silence)
		assert_int_equal(engine_rig_rows(&er, "gs"), 0);
	engine_rig_done(&er);
}

static void
test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		for (size_t k = 0; k < 2; k++)
			tell(&stories[i], &stories[i].rows[k]);
}

/* Nobody knows what was under way when it was killed. */
static void
test_killed(void **state)
{
	static const struct row row = {FAR_DOWN, "", "anna more Disk: +a\n"};
	struct engine_rig er;

	(void)state;
	engine_rig_init(&er, NULL);
	engine_rig_rules(&er, OPS);
	tell_anna(&er);
	er.far = row.far;
	engine_rig_resolve(&er, A);
	meet(&er, &row);
	engine_rig_close(&er);
	er.yaml = OPS;
	engine_rig_open(&er);
	engine_rig_fire(&er, A);
	end(&er, &row);
	/* What came since the start is known. */
	er.far = FAR_DOWN;
	engine_rig_resolve(&er, A);
	engine_rig_advance(&er, 10 * MINUTE, SECOND);
	engine_rig_fire(&er, A);
	engine_rig_advance(&er, 10 * MINUTE, SECOND);
	er.far = FAR_TAKES;
	engine_rig_advance(&er, 10 * MINUTE, SECOND);
	assert_told(&er, "");
	engine_rig_done(&er);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
