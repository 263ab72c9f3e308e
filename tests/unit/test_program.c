/*
 * Programs on a loop: input, output, ends.
 */
#include "net/program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

#define PIECE      ((size_t)64 * 1024)
#define OUTPUT_MAX ((size_t)4096)

struct rig {
	struct spawner *spawner;
	struct loop *loop;
	struct loop_timer patience;
	struct program *p;
	size_t to_write; /* pieces still to be written */
	char *piece;
	unsigned written, ended;
	bool late, drop_more;
};

static void
rig_late(void *arg)
{
	struct rig *g = arg;

	g->late = true;
	loop_stop(g->loop);
}

static int
setup(void **state)
{
	struct rig *g = xcalloc(1, sizeof(*g));

	*state = g;
	if (spawner_new(&g->spawner) < 0)
		return -1;
	g->loop = loop_new(clock_system());
	g->piece = xmalloc(PIECE);
	memset(g->piece, 'x', PIECE);
	loop_timer_init(&g->patience, g->loop, rig_late, g);
	return 0;
}

static int
teardown(void **state)
{
	struct rig *g = *state;

	program_free(&g->p);
	loop_timer_done(&g->patience);
	loop_free(&g->loop);
	spawner_free(&g->spawner);
	free(g->piece);
	free(g);
	return 0;
}

static void
rig_next(struct rig *g)
{
	if (program_is_deaf(g->p))
		return;
	if (g->to_write == 0) {
		program_write_end(g->p);
		return;
	}
	g->to_write--;
	program_write(g->p, g->piece, PIECE);
}

static void
rig_event(void *arg, enum program_event event)
{
	struct rig *g = arg;

	if (event == PROGRAM_WRITTEN) {
		g->written++;
		rig_next(g);
		return;
	}
	g->ended++;
	loop_stop(g->loop);
}

static int
rig_begin(struct rig *g, const char *script, size_t pieces)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	const struct spawn_request r = {
		.argv = argv, .cwd = "/", .time_ms = 8000};
	int e;

	g->written = g->ended = 0;
	g->to_write = pieces;
	e = program_start(g->loop, g->spawner, &r, OUTPUT_MAX, rig_event, g,
			  &g->p);
	if (e == 0 && g->drop_more)
		program_drop_more(g->p);
	if (e == 0)
		rig_next(g);
	return e;
}

/* What it said. */
static const char *
rig_run(struct rig *g, const char *script, size_t pieces)
{
	size_t len;

	assert_int_equal(rig_begin(g, script, pieces), 0);
	loop_timer_set(&g->patience, 10000);
	loop_run(g->loop);
	loop_timer_clear(&g->patience);
	assert_false(g->late);
	assert_int_equal(g->ended, 1);
	return program_output(g->p, &len);
}

static void
rig_expect_end(struct rig *g, enum spawn_end end, int value)
{
	assert_int_equal(program_report(g->p)->end, end);
	assert_int_equal(program_report(g->p)->value, value);
	program_free(&g->p);
}

static void
test_in_and_out(void **state)
{
	struct rig *g = *state;

	assert_string_equal(rig_run(g, "wc -c; echo and >&2; exit 4", 20),
			    "1310720\nand\n");
	assert_int_equal(g->written, 20);
	assert_false(program_said_too_much(g->p));
	rig_expect_end(g, SPAWN_EXITED, 4);
	assert_string_equal(rig_run(g, "wc -c", 0), "0\n");
	rig_expect_end(g, SPAWN_EXITED, 0);
}

static void
test_does_not_read(void **state)
{
	static const char *const script[] = {"exit 0",
					     "exec <&-; sleep 0.2; exit 0",
					     "head -c 100000 >/dev/null"};
	struct rig *g = *state;

	for (size_t i = 0; i < 3; i++) {
		print_message("%s\n", script[i]);
		rig_run(g, script[i], 20);
		rig_expect_end(g, SPAWN_EXITED, 0);
	}
}

static void
test_says_too_much(void **state)
{
	struct rig *g = *state;
	size_t len;

	rig_run(g, "yes; exit 0", 0);
	program_output(g->p, &len);
	assert_int_equal(len, OUTPUT_MAX);
	assert_true(program_said_too_much(g->p));
	program_free(&g->p);
	/* Just as much is not too much. */
	rig_run(g, "head -c 4096 /dev/zero", 0);
	program_output(g->p, &len);
	assert_int_equal(len, OUTPUT_MAX);
	assert_false(program_said_too_much(g->p));
	rig_expect_end(g, SPAWN_EXITED, 0);
}

/* What is dropped is the beginning, and it ends by itself. */
static void
test_more_is_dropped(void **state)
{
	struct rig *g = *state;
	const char *said;
	size_t len;

	g->drop_more = true;
	rig_run(g, "yes | head -c 1000000; printf end; exit 3", 0);
	said = program_output(g->p, &len);
	assert_int_equal(len, OUTPUT_MAX);
	assert_string_equal(said + len - 5, "y\nend");
	assert_false(program_said_too_much(g->p));
	rig_expect_end(g, SPAWN_EXITED, 3);
}

static void
test_closes_its_output(void **state)
{
	struct rig *g = *state;

	assert_string_equal(rig_run(g, "echo a; exec >&- 2>&-; cat; exit 7", 3),
			    "a\n");
	program_free(&g->p);
}

static void
test_no_such_program(void **state)
{
	static const char *const argv[] = {"/proc/nonexistent", NULL};
	const struct spawn_request r = {
		.argv = argv, .cwd = "/", .time_ms = 1000};
	struct rig *g = *state;

	assert_int_equal(program_start(g->loop, g->spawner, &r, OUTPUT_MAX,
				       rig_event, g, &g->p),
			 0);
	g->to_write = 3;
	rig_next(g);
	loop_run(g->loop);
	rig_expect_end(g, SPAWN_NOT_STARTED, ENOENT);
}

static void
test_freed_while_it_runs(void **state)
{
	struct rig *g = *state;

	assert_int_equal(rig_begin(g, "sleep 60", 3), 0);
	program_free(&g->p);
	assert_string_equal(rig_run(g, "echo next", 0), "next\n");
}

#define PROGRAM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PROGRAM_TEST(test_in_and_out),
		PROGRAM_TEST(test_does_not_read),
		PROGRAM_TEST(test_says_too_much),
		PROGRAM_TEST(test_more_is_dropped),
		PROGRAM_TEST(test_closes_its_output),
		PROGRAM_TEST(test_no_such_program),
		PROGRAM_TEST(test_freed_while_it_runs),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
