/*
 * A copy is a store of its own: whole, whatever happened meanwhile; known as a
 * copy to who starts from it; and nothing of it is seen before it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "queue/store_backup.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define GROWTH 320 /* records of 64 KiB */

static void
put_recs(struct store *store, uint64_t from, uint64_t to)
{
	for (; from <= to; from++)
		assert_int_equal(store_kit_run(store, store_kit_put, &from), 0);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
check_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX], is[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(is, 1, sizeof(is) - 1, f), strlen(text));
	assert_string_equal(is, text);
	assert_int_equal(fclose(f), 0);
}

static void
del_file(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static bool
has_file(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
copy_file(const char *from, const char *to, const char *name)
{
	char a[PATH_MAX], b[PATH_MAX], block[65536];
	int in, out;
	ssize_t n;

	snprintf(a, sizeof(a), "%s/%s", from, name);
	snprintf(b, sizeof(b), "%s/%s", to, name);
	in = open(a, O_RDONLY | O_CLOEXEC);
	out = open(b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof(block))) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	close(in);
	close(out);
}

struct place {
	struct store_kit kit;
	char to[80];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	store_kit_init(&p->kit);
	snprintf(p->to, sizeof(p->to), "%s-copy", p->kit.dir);
	assert_int_equal(mkdir(p->to, 0700), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	store_kit_done(&p->kit);
	store_kit_remove(p->to);
	free(p);
	return 0;
}

#define BACKUP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Until it has ended. */
static struct store_backup_info
wait_backup(struct store *store)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	struct store_backup_info info;

	do {
		nanosleep(&moment, NULL);
		store_backup_look(store, &info);
	} while (info.state == STORE_BACKUP_RUNNING);
	return info;
}

static struct store_backup_info
backup(struct store *store, const char *to)
{
	assert_int_equal(store_backup_start(store, to), 0);
	return wait_backup(store);
}

/* The copy in DIR has records FROM to TO and is sound. */
static void
check_copy(const char *dir, uint64_t from, uint64_t to)
{
	struct store_check check;
	struct store_kit copy = {.clock = clock_new_fixed(1)};

	snprintf(copy.dir, sizeof(copy.dir), "%s", dir);
	copy.conf = (struct store_conf){
		.dir = copy.dir, .max_size = 64 << 20, .clock = copy.clock};
	store_kit_open(&copy);
	for (uint64_t n = from; n <= to; n++)
		assert_int_equal(store_kit_run(copy.store, store_kit_has, &n),
				 0);
	store_kit_close(&copy);
	assert_int_equal(store_check(dir, &check), 0);
	assert_string_equal(check.fault, "");
	clock_free(&copy.clock);
}

static void
test_copy(void **state)
{
	struct place *p = *state;
	struct store_backup_info info;
	struct stat st;
	char path[PATH_MAX];
	uint64_t n;

	put_file(p->to, "data.mdb.part", "of one that was killed");
	put_recs(p->kit.store, 1, 100);
	for (n = 1; n <= 50; n++)
		assert_int_equal(store_kit_run(p->kit.store, store_kit_del, &n),
				 0);
	info = backup(p->kit.store, p->to);
	assert_string_equal(info.error, "");
	assert_int_equal(info.state, STORE_BACKUP_DONE);
	assert_true(info.success_ms == clock_wall_ms(p->kit.clock));
	assert_false(has_file(p->to, "data.mdb.part"));
	snprintf(path, sizeof(path), "%s/data.mdb", p->to);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true((uint64_t)st.st_size == info.bytes);
	/* Half of what was ever there. */
	assert_in_range(info.bytes, 50 * 16 * 4096, 65 * 16 * 4096);
	check_copy(p->to, 51, 100);
	/* And again, over the one before. */
	put_recs(p->kit.store, 101, 110);
	info = backup(p->kit.store, p->to);
	assert_int_equal(info.state, STORE_BACKUP_DONE);
	check_copy(p->to, 51, 110);
}

/* What is committed before it begins is in it, others or not. */
static void
test_busy(void **state)
{
	struct place *p = *state;
	struct store_backup_info info;
	uint64_t n = 200;

	put_recs(p->kit.store, 1, 200);
	assert_int_equal(store_backup_start(p->kit.store, p->to), 0);
	assert_int_equal(store_backup_start(p->kit.store, p->to), -EBUSY);
	/* Less than it is given up for, however slow it may be. */
	while (n++ < 240) {
		assert_int_equal(store_kit_run(p->kit.store, store_kit_put, &n),
				 0);
		assert_int_equal(store_kit_run(p->kit.store, store_kit_del, &n),
				 0);
	}
	info = wait_backup(p->kit.store);
	assert_string_equal(info.error, "");
	check_copy(p->to, 1, 200);
}

/* The long reader is given up before it fills the disk: here the store grows
 * by 20 MiB between its first look and its second. */
static void
test_growth(void **state)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	static struct store_job job[GROWTH];
	static uint64_t number[GROWTH];
	struct place *p = *state;
	struct store_backup_info info;
	struct store_gate gate;

	store_gate_init(&gate, 0);
	store_gate_hold(&gate, p->kit.store);
	for (uint64_t i = 0; i < GROWTH; i++) {
		number[i] = i + 1;
		job[i] = (struct store_job){.fn = store_kit_put,
					    .arg = &number[i]};
		store_run(p->kit.store, &job[i]);
	}
	assert_int_equal(store_backup_start(p->kit.store, p->to), 0);
	while (!has_file(p->to, "data.mdb.part"))
		nanosleep(&moment, NULL);
	store_gate_open(&gate);
	info = wait_backup(p->kit.store);
	store_gate_done(&gate);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "store.reserve"));
	assert_false(has_file(p->to, "data.mdb"));
	assert_false(has_file(p->to, "data.mdb.part"));
	assert_true(info.success_ms == 0);
}

static void
test_refused(void **state)
{
	struct place *p = *state;
	struct store_backup_info info;
	char missing[128], lock[PATH_MAX];
	int fd;

	snprintf(missing, sizeof(missing), "%s/no/such", p->to);
	assert_int_equal(store_backup_start(p->kit.store, "relative"), -EINVAL);
	info = backup(p->kit.store, missing);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "install -d"));
	info = backup(p->kit.store, p->kit.dir);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "the store itself"));
	snprintf(lock, sizeof(lock), "%s/lock", p->to);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	info = backup(p->kit.store, p->to);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "another process"));
	close(fd);
	/* That of a belfryd that is stopped: its mail would be gone. */
	put_file(p->to, "generation", "belfry-generation 1\n");
	put_file(p->to, "data.mdb", "mail");
	info = backup(p->kit.store, p->to);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "is a store itself"));
	check_file(p->to, "data.mdb", "mail");
	del_file(p->to, "generation");
	assert_int_equal(backup(p->kit.store, p->to).state, STORE_BACKUP_DONE);
}

/* A copy that does not get its name is none: the last success is the one
 * before, after a restart too. */
static void
test_not_renamed(void **state)
{
	struct place *p = *state;
	struct store_backup_info info;
	char path[PATH_MAX];
	int64_t first_ms, of_ms;

	put_recs(p->kit.store, 1, 3);
	snprintf(path, sizeof(path), "%s/data.mdb", p->to);
	first_ms = backup(p->kit.store, p->to).success_ms;
	assert_true(first_ms == clock_wall_ms(p->kit.clock));
	clock_advance(p->kit.clock, 3600 * 1000);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	info = backup(p->kit.store, p->to);
	assert_int_equal(info.state, STORE_BACKUP_FAILED);
	assert_non_null(strstr(info.help, "renaming in"));
	assert_true(info.success_ms == first_ms);
	assert_false(has_file(p->to, "data.mdb.part"));
	store_kit_close(&p->kit);
	store_kit_open(&p->kit);
	store_backup_look(p->kit.store, &info);
	assert_true(info.success_ms == first_ms);
	assert_false(store_is_restored(p->kit.store, &of_ms));
	assert_int_equal(rmdir(path), 0);
	info = backup(p->kit.store, p->to);
	assert_int_equal(info.state, STORE_BACKUP_DONE);
	assert_true(info.success_ms == clock_wall_ms(p->kit.clock));
	store_kit_close(&p->kit);
	store_kit_open(&p->kit);
	store_backup_look(p->kit.store, &info);
	assert_true(info.success_ms == clock_wall_ms(p->kit.clock));
}

/* Closing the store ends one that is under way, and leaves nothing half. */
static void
test_closed(void **state)
{
	struct place *p = *state;

	put_recs(p->kit.store, 1, 200);
	assert_int_equal(store_backup_start(p->kit.store, p->to), 0);
	store_kit_close(&p->kit);
	assert_false(has_file(p->to, "data.mdb.part"));
	if (has_file(p->to, "data.mdb"))
		check_copy(p->to, 1, 200);
	store_kit_open(&p->kit);
}

/* --- which state of the store is this? -------------------------------------- */

enum put_back { NOTHING, BACKUP, OLD_FILES, NO_FILE, GARBLED };

static void
test_restored(void **state)
{
	static const struct {
		const char *name;
		enum put_back what;
		bool restored;
	} row[] = {
		{"nothing happened", NOTHING, false},
		{"a backup is put back", BACKUP, true},
		{"a copy of the data made by hand is put back", OLD_FILES,
		 true},
		{"the data came without the file", NO_FILE, true},
		{"the file makes no sense", GARBLED, true},
	};
	struct place *p = *state;
	int64_t of_ms;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put_recs(p->kit.store, 1, 1);
		assert_int_equal(backup(p->kit.store, p->to).state,
				 STORE_BACKUP_DONE);
		store_kit_close(&p->kit);
		if (row[i].what == OLD_FILES)
			copy_file(p->kit.dir, p->to, "data.mdb");
		store_kit_open(&p->kit);
		store_kit_close(&p->kit);
		if (row[i].what == BACKUP || row[i].what == OLD_FILES)
			copy_file(p->to, p->kit.dir, "data.mdb");
		if (row[i].what == NO_FILE)
			del_file(p->kit.dir, "generation");
		if (row[i].what == GARBLED)
			put_file(p->kit.dir, "generation", "hello\n");
		/* It stays so until somebody says otherwise. */
		for (int again = 0; again < 2; again++) {
			store_kit_open(&p->kit);
			if (store_is_restored(p->kit.store, &of_ms) !=
			    row[i].restored)
				fail_msg("%s", row[i].name);
			assert_true(of_ms == clock_wall_ms(p->kit.clock));
			if (again == 0)
				store_kit_close(&p->kit);
		}
		assert_int_equal(store_adopt(p->kit.store), 0);
		store_kit_close(&p->kit);
		store_kit_open(&p->kit);
		assert_false(store_is_restored(p->kit.store, &of_ms));
		(void)store_kit_run(p->kit.store, store_kit_del,
				    &(uint64_t){1});
	}
}

static void
test_lost(void **state)
{
	struct place *p = *state;
	char *why = NULL;

	store_kit_close(&p->kit);
	del_file(p->kit.dir, "data.mdb");
	assert_int_equal(store_open(&p->kit.conf, &p->kit.store, &why),
			 -ENODATA);
	assert_non_null(strstr(why, "the store is lost"));
	free(why);
	assert_false(has_file(p->kit.dir, "data.mdb"));
	del_file(p->kit.dir, "generation");
	store_kit_open(&p->kit);
}

/* What the file says can't be told: as good as never opened. */
static void
test_unreadable(void **state)
{
	struct place *p = *state;
	char path[PATH_MAX], *why = NULL;
	int64_t of_ms;

	for (int lost = 0; lost < 2; lost++) {
		store_kit_close(&p->kit);
		snprintf(path, sizeof(path), "%s/generation", p->kit.dir);
		del_file(p->kit.dir, "generation");
		assert_int_equal(mkdir(path, 0700), 0);
		if (lost)
			del_file(p->kit.dir, "data.mdb");
		assert_int_equal(store_open(&p->kit.conf, &p->kit.store, &why),
				 -EISDIR);
		assert_non_null(strstr(why, "generation: can't read it"));
		free(why);
		assert_int_equal(has_file(p->kit.dir, "data.mdb"), !lost);
		assert_int_equal(rmdir(path), 0);
		store_kit_open(&p->kit);
		assert_int_equal(store_is_restored(p->kit.store, &of_ms),
				 !lost);
		assert_int_equal(store_adopt(p->kit.store), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BACKUP_TEST(test_copy),       BACKUP_TEST(test_busy),
		BACKUP_TEST(test_growth),     BACKUP_TEST(test_refused),
		BACKUP_TEST(test_closed),     BACKUP_TEST(test_restored),
		BACKUP_TEST(test_lost),       BACKUP_TEST(test_not_renamed),
		BACKUP_TEST(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
