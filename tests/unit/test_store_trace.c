/*
 * The durable moment, as the kernel saw it: before a job is answered its data
 * was written, then synced, and then the write of the meta page through the
 * O_DSYNC descriptor has returned.
 *
 * The program runs itself under strace(1). Skipped where that is not possible.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define JOBS 3

static const char *self;

/* --- below strace ------------------------------------------------------------ */

static void
mark(const char *text)
{
	must(write(STDOUT_FILENO, text, strlen(text)) == (ssize_t)strlen(text));
}

static int
put(struct store_txn *txn, void *arg)
{
	struct store_key key = store_kit_key('m', *(uint64_t *)arg);
	struct store_rec rec = {
		.place = store_place_ready(1, 2, 3), .blob = 1, .pages = 1};
	char page[STORE_PAGE_MAX] = "page";
	int r;

	r = store_page_put(txn, *(uint64_t *)arg, 0, page, sizeof(page));
	return r < 0 ? r : store_put(txn, &key, &rec);
}

static void
done(void *arg, int result)
{
	(void)arg;
	must(result == 0);
	mark("ACK\n");
}

static int
traced(const char *dir)
{
	struct store_conf conf = {
		.dir = dir, .max_size = 16 << 20, .clock = clock_system()};
	struct store_job job[JOBS];
	uint64_t n[JOBS];
	struct store *store;
	char *why;

	must(store_open(&conf, &store, &why) == 0);
	for (size_t i = 0; i < JOBS; i++) {
		mark("BEGIN\n");
		n[i] = i;
		job[i] = (struct store_job){
			.fn = put, .after = done, .arg = &n[i]};
		store_run(store, &job[i]);
		/* One at a time: an empty job's answer follows the first's. */
		store_kit_run(store, put, &n[i]);
	}
	store_close(&store);
	return 0;
}

/* --- above it ------------------------------------------------------------------ */

enum stage { WRITTEN = 1, SYNCED, META };

struct reader {
	int data_fd, meta_fd; /* of data.mdb; -1: not open */
	enum stage stage;
	int acks;
};

static int
result_of(const char *line)
{
	const char *at = strrchr(line, '=');

	return at != NULL ? atoi(at + 1) : -1;
}

static int
fd_of(const char *line, const char *call)
{
	const char *at = strstr(line, call);

	return at != NULL ? atoi(at + strlen(call)) : -1;
}

static bool
is_call(const char *line, const char *call, int fd)
{
	return strstr(line, call) != NULL && fd_of(line, call) == fd &&
	       result_of(line) >= 0;
}

static void
read_line(struct reader *r, const char *line)
{
	if (strstr(line, "data.mdb\"") != NULL && strstr(line, "openat(")) {
		if (strstr(line, "O_DSYNC") != NULL)
			r->meta_fd = result_of(line);
		else
			r->data_fd = result_of(line);
	} else if (strstr(line, "\"BEGIN") != NULL) {
		r->stage = 0;
	} else if (strstr(line, "\"ACK") != NULL) {
		assert_int_equal(r->stage, META);
		r->stage = 0;
		r->acks++;
	} else if (is_call(line, "pwrite64(", r->data_fd) ||
		   is_call(line, "writev(", r->data_fd)) {
		r->stage = WRITTEN;
	} else if (is_call(line, "fdatasync(", r->data_fd)) {
		r->stage = r->stage == WRITTEN ? SYNCED : 0;
	} else if (is_call(line, "pwrite64(", r->meta_fd)) {
		r->stage = r->stage == SYNCED ? META : 0;
	}
}

static void
read_trace(const char *path)
{
	struct reader r = {.data_fd = -1, .meta_fd = -1};
	FILE *f = fopen(path, "r");
	char line[1024];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		read_line(&r, line);
	fclose(f);
	assert_true(r.data_fd >= 0 && r.meta_fd >= 0);
	assert_int_equal(r.acks, JOBS);
}

static int
run_strace(const char *dir, const char *out)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		must(freopen("/dev/null", "w", stdout) != NULL);
		execlp("strace", "strace", "-f", "-o", out, "-e",
		       "trace=openat,open,write,writev,pwrite64,pwritev,"
		       "fdatasync,fsync",
		       self, dir, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_durable_before_answer(void **state)
{
	struct store_kit kit;
	char out[96];

	(void)state;
	store_kit_init(&kit);
	store_kit_close(&kit);
	snprintf(out, sizeof(out), "%s/trace", kit.dir);
	assert_int_equal(run_strace(kit.dir, out), 0);
	read_trace(out);
	store_kit_done(&kit);
}

/* Is there an strace, and may it? */
static bool
can_trace(void)
{
#ifdef BELFRY_SANITIZED
	return false;
#else
	return system("strace -o /dev/null true 2>/dev/null") == 0;
#endif
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durable_before_answer),
	};

	if (argc == 2)
		return traced(argv[1]);
	self = argv[0];
	if (!can_trace()) {
		printf("skipped: strace does not work here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
