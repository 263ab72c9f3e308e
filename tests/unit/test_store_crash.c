/*
 * Every call to the disk fails once, fails for good, is cut short, or is the
 * last: what was answered is there and whole, what was refused is not, and the
 * next start works.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_fail.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/store_work.h"
#include "tests/unit/test.h"

#define EXIT_OVER    0 /* all of the work was answered */
#define EXIT_ENDED   1 /* the store ended the process */
#define EXIT_REFUSED 3 /* the store could not be opened */

/* Under ThreadSanitizer, where a life takes ten times as long, each row has a
 * fourth of the calls, and the next one those behind them. */
#ifdef __SANITIZE_THREAD__
#define STEP 4
#else
#define STEP 1
#endif

/* The child's whole life. The number of calls is its last answer. */
static _Noreturn void
live(struct store_kit *kit, const struct store_fail *fail, int fd)
{
	struct store_work_answer calls = {0};
	char *why = NULL;

	/* The line of a process that ends is expected here. */
	must(freopen("/dev/null", "w", stderr) != NULL);
	store_fail_arm(fail);
	if (store_open(&kit->conf, &kit->store, &why) < 0)
		_exit(EXIT_REFUSED);
	store_work_run(kit->store, fd);
	store_close(&kit->store);
	calls.result = (int)store_fail_calls();
	store_fail_disarm();
	must(write(fd, &calls, sizeof(calls)) == sizeof(calls));
	_exit(EXIT_OVER);
}

struct life {
	struct store_work_answer answer[STORE_WORK_JOBS];
	size_t n;
	long calls; /* 0: it did not get that far */
	int status;
};

static void
listen_to(int fd, struct life *life)
{
	struct store_work_answer a;

	while (read(fd, &a, sizeof(a)) == sizeof(a)) {
		if (a.job == 0) {
			life->calls = a.result;
			continue;
		}
		assert_true(life->n < STORE_WORK_JOBS);
		life->answer[life->n++] = a;
	}
}

static struct life
spawn(struct store_kit *kit, const struct store_fail *fail)
{
	struct life life = {.n = 0};
	int fd[2];
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		live(kit, fail, fd[1]);
	}
	close(fd[1]);
	listen_to(fd[0], &life);
	close(fd[0]);
	assert_int_equal(waitpid(pid, &life.status, 0), pid);
	return life;
}

static bool
ended_well(const struct store_fail *fail, int status)
{
	bool kills = fail->how == STORE_FAIL_KILL_BEFORE ||
		     fail->how == STORE_FAIL_KILL_AFTER;

	if (WIFSIGNALED(status))
		return kills && WTERMSIG(status) == SIGKILL;
	switch (WEXITSTATUS(status)) {
	case EXIT_OVER:
		return true;
	case EXIT_ENDED:
	case EXIT_REFUSED:
		return !kills;
	default:
		return false;
	}
}

static int
put_more(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('x', 1);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_ALERT, 'x', 1)};

	(void)arg;
	return store_put(txn, &key, &rec);
}

/* The next life: it opens, is right, and works. */
static void
judge(struct store_kit *kit, const char *name, long n, const struct life *life)
{
	struct store_check check;
	const char *wrong;
	int64_t of_ms;

	store_kit_open(kit);
	if (store_is_restored(kit->store, &of_ms))
		fail_msg("%s %ld: taken for one that was put back", name, n);
	wrong = store_work_judge(kit->store, life->answer, life->n);
	if (wrong != NULL)
		fail_msg("%s %ld: %s", name, n, wrong);
	assert_int_equal(store_kit_run(kit->store, put_more, NULL), 0);
	store_kit_close(kit);
	assert_int_equal(store_check(kit->dir, &check), 0);
	if (check.faults > 0)
		fail_msg("%s %ld: %s", name, n, check.fault);
}

struct tally {
	long over, ended, refused, killed, full;
};

static void
count(struct tally *t, const struct life *life)
{
	if (WIFSIGNALED(life->status))
		t->killed++;
	else if (WEXITSTATUS(life->status) == EXIT_OVER)
		t->over++;
	else if (WEXITSTATUS(life->status) == EXIT_ENDED)
		t->ended++;
	else
		t->refused++;
	for (size_t i = 0; i < life->n; i++)
		t->full += life->answer[i].result == -ENOSPC;
}

/* Once for every call that a whole life makes. FRESH: from a store that does
 * not exist; else from one that is empty. */
static struct tally
each_call(const char *name, struct store_fail fail, bool fresh, size_t row)
{
	struct tally t = {0};
	struct life life;
	struct store_kit kit;
	long calls = 1;

	for (fail.n = 0; fail.n <= calls;
	     fail.n += fail.n > 0 ? STEP : 1 + (long)(row % STEP)) {
		store_kit_init(&kit);
		kit.conf.reserve = 1 << 20;
		store_kit_close(&kit);
		if (fresh)
			store_kit_remove(kit.dir);
		life = spawn(&kit, &fail);
		if (!ended_well(&fail, life.status))
			fail_msg("%s %ld: status %x", name, fail.n,
				 life.status);
		if (fail.n == 0)
			calls = life.calls;
		count(&t, &life);
		judge(&kit, name, fail.n, &life);
		store_kit_done(&kit);
	}
	assert_true(calls > 40);
	print_message("%s: %ld calls: %ld went on, %ld ended, %ld did not "
		      "open, %ld killed; %ld jobs refused\n",
		      name, calls, t.over, t.ended, t.refused, t.killed,
		      t.full);
	return t;
}

static void
test_fail_once(void **state)
{
	static const struct {
		const char *name;
		struct store_fail fail;
	} row[] = {
		{"ENOSPC once", {.error = ENOSPC}},
		{"EIO once", {.error = EIO}},
		{"EDQUOT once", {.error = EDQUOT}},
		{"a short write once", {.how = STORE_FAIL_SHORT}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tally t = each_call(row[i].name, row[i].fail, true, i);

		/* The retry saves what one failure hits, but for the meta
		 * page, after which the process must end. */
		assert_true(t.over > t.ended);
		assert_int_equal(t.full, 0);
	}
}

static void
test_fail_for_good(void **state)
{
	static const struct {
		const char *name;
		struct store_fail fail;
	} row[] = {
		{"ENOSPC", {.error = ENOSPC}},
		{"EIO", {.error = EIO}},
		{"EDQUOT", {.error = EDQUOT}},
		{"short writes", {.how = STORE_FAIL_SHORT}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct store_fail fail = row[i].fail;
		struct tally t;

		fail.sticky = true;
		t = each_call(row[i].name, fail, false, i);
		if (fail.error == ENOSPC || fail.error == EDQUOT)
			assert_true(t.full > 0);
		else
			assert_true(t.ended > 0);
	}
}

static void
test_kill(void **state)
{
	static const struct {
		const char *name;
		struct store_fail fail;
		bool fresh;
	} row[] = {
		{"killed before", {.how = STORE_FAIL_KILL_BEFORE}, true},
		{"killed after", {.how = STORE_FAIL_KILL_AFTER}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct store_fail fail = row[i].fail;
		struct tally t;

		fail.durable_only = true;
		t = each_call(row[i].name, fail, row[i].fresh, i);
		assert_true(t.killed > 40 / STEP && t.over == 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_once),
		cmocka_unit_test(test_fail_for_good),
		cmocka_unit_test(test_kill),
	};

	/* Hundreds of lives, none of which needs a real disk's sync. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
