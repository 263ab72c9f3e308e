#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "alert/deadman.h"

#define MINUTE INT64_C(60000)
#define START  INT64_C(1800000000000)

struct fixture {
	struct arena arena;
	struct matchers expect;
	struct deadman d;
};

static void
begin(struct fixture *f, const char *expect, int64_t within_ms, bool silent)
{
	char *why = NULL;

	arena_init(&f->arena);
	if (matchers_parse(expect, &f->arena, &f->expect, &why) < 0)
		fail_msg("%s", why);
	deadman_init(&f->d, within_ms, silent);
}

static void
end(struct fixture *f)
{
	matchers_done(&f->expect);
	arena_done(&f->arena);
}

/* An alert called NAME comes at minute AT. */
static bool
come(struct fixture *f, const char *name, enum alert_status status, int64_t at)
{
	struct label label = {"alertname", name};
	struct alert a = {.status = status, .labels = {1, &label}, .url = ""};

	return deadman_hear(&f->d, &f->expect, &a, START + at * MINUTE);
}

static enum deadman_change
look(struct fixture *f, int64_t at, int64_t awake)
{
	return deadman_look(&f->d, START + at * MINUTE, START + awake * MINUTE);
}

/* Minute by minute: "w" the alert comes, "r" it is said to be over, "." nothing,
 * "z" we sleep, "a" we wake up; and what is told then, "S" and "B". Silence is
 * three minutes. */
static const struct {
	const char *name, *comes, *told;
	bool silent;
} rows[] = {
	{"it comes", "wwwwwwwwww", "..........", false},
	{"in time", "w..w..w..w", "..........", false},
	{"it stops", "www......", ".....S...", false},
	{"it never came", "......", "...S..", false},
	{"and comes again", "w....w...", "...S.B..S", false},
	{"only once told", "w........w", "...S.....B", false},
	{"over is not alive", "wrrrrr", "...S..", false},
	{"we slept", "wzzzzzzza..w.", ".............", false},
	{"we slept, and it is gone", "wzzzzzzza.....", "...........S..", false},
	{"silent from an earlier life", "......", "......", true},
	{"until it comes", "....w....", "....B..S.", true},
	{"waking is no sign of it", "w....a.....w", "...S.......B", false},
};

static void
test_minutes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		int64_t awake = 0;

		print_message("%s\n", rows[i].name);
		begin(&f, "alertname=\"Watchdog\"", 3 * MINUTE, rows[i].silent);
		for (int64_t at = 0; rows[i].comes[at] != '\0'; at++) {
			enum deadman_change want =
				rows[i].told[at] == 'S'   ? DEADMAN_SILENT
				: rows[i].told[at] == 'B' ? DEADMAN_BACK
							  : DEADMAN_SAME;

			switch (rows[i].comes[at]) {
			case 'w':
				assert_true(
					come(&f, "Watchdog", ALERT_FIRING, at));
				break;
			case 'r':
				assert_true(come(&f, "Watchdog", ALERT_RESOLVED,
						 at));
				break;
			case 'a':
				awake = at;
				break;
			default:
				break;
			}
			if (rows[i].comes[at] != 'z')
				assert_int_equal(look(&f, at, awake), want);
		}
		end(&f);
	}
}

static void
test_what_is_expected(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "alertname=~\"Watchdog|DeadMansSwitch\"", 3 * MINUTE, false);
	assert_true(come(&f, "DeadMansSwitch", ALERT_FIRING, 0));
	assert_false(come(&f, "DiskFull", ALERT_FIRING, 2));
	assert_int_equal(look(&f, 2, 0), DEADMAN_SAME);
	assert_int_equal(look(&f, 3, 0), DEADMAN_SILENT);
	end(&f);
	/* Else it would expect everything. */
	begin(&f, "", 3 * MINUTE, false);
	assert_false(come(&f, "DiskFull", ALERT_FIRING, 0));
	end(&f);
	begin(&f, "alertname=\"Watchdog\"", 0, false);
	assert_false(come(&f, "Watchdog", ALERT_FIRING, 0));
	assert_int_equal(look(&f, 100, 0), DEADMAN_SAME);
	assert_int_equal(deadman_next(&f.d, START), INT64_MAX);
	end(&f);
}

static void
test_next(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "alertname=\"Watchdog\"", 3 * MINUTE, false);
	assert_int_equal(deadman_next(&f.d, START), START + 3 * MINUTE);
	come(&f, "Watchdog", ALERT_FIRING, 1);
	assert_int_equal(deadman_next(&f.d, START), START + 4 * MINUTE);
	assert_int_equal(deadman_next(&f.d, START + 9 * MINUTE),
			 START + 12 * MINUTE);
	/* At that moment and not before. */
	assert_int_equal(deadman_look(&f.d, START + 4 * MINUTE - 1, START),
			 DEADMAN_SAME);
	assert_int_equal(deadman_look(&f.d, START + 4 * MINUTE, START),
			 DEADMAN_SILENT);
	assert_int_equal(deadman_next(&f.d, START), INT64_MAX);
	end(&f);
}

static void
test_reload(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "alertname=\"Watchdog\"", 3 * MINUTE, false);
	come(&f, "Watchdog", ALERT_FIRING, 0);
	assert_int_equal(look(&f, 4, 0), DEADMAN_SILENT);
	/* More patience than it was gone for. */
	deadman_set(&f.d, 10 * MINUTE, START + 5 * MINUTE);
	assert_int_equal(look(&f, 5, 0), DEADMAN_BACK);
	assert_int_equal(look(&f, 10, 0), DEADMAN_SILENT);
	deadman_set(&f.d, 0, START + 11 * MINUTE);
	assert_int_equal(look(&f, 11, 0), DEADMAN_BACK);
	assert_int_equal(look(&f, 12, 0), DEADMAN_SAME);
	/* Expected again: it has its time. */
	deadman_set(&f.d, 3 * MINUTE, START + 60 * MINUTE);
	assert_int_equal(look(&f, 62, 0), DEADMAN_SAME);
	assert_int_equal(look(&f, 63, 0), DEADMAN_SILENT);
	end(&f);
}

/* Set back by an hour: the engine wakes then. */
static void
test_clock_set_back(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "alertname=\"Watchdog\"", 3 * MINUTE, false);
	come(&f, "Watchdog", ALERT_FIRING, 60);
	assert_int_equal(look(&f, 60, 0), DEADMAN_SAME);
	assert_int_equal(look(&f, 1, 1), DEADMAN_SAME);
	assert_int_equal(look(&f, 3, 1), DEADMAN_SAME);
	assert_int_equal(look(&f, 4, 1), DEADMAN_SILENT);
	end(&f);
}

static void
test_words(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "alertname=\"Watchdog\"", 3 * MINUTE, false);
	look(&f, 12, 0);
	assert_string_equal(deadman_words(&f.d, &f.expect, START + 12 * MINUTE,
					  START, &f.arena),
			    "alertname=\"Watchdog\" has not come for 12m");
	come(&f, "Watchdog", ALERT_FIRING, 13);
	look(&f, 13, 0);
	assert_string_equal(deadman_words(&f.d, &f.expect, START + 13 * MINUTE,
					  START, &f.arena),
			    "alertname=\"Watchdog\" comes again");
	deadman_set(&f.d, 0, START);
	assert_string_equal(
		deadman_words(&f.d, &f.expect, START, START, &f.arena),
		"alertname=\"Watchdog\" is not expected any more");
	assert_string_equal(deadman_change_names[DEADMAN_BACK], "back");
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minutes),
		cmocka_unit_test(test_what_is_expected),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
