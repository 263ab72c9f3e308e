/*
 * A file system that is really full: a small one of its own, in a mount
 * namespace that goes with the test. Skipped where that is not allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define FS_BYTES (6 << 20)
#define MAX_RECS 200

static char mount_dir[64];

/* Somebody else on the same file system takes all that is left. */
static void
fill(const char *path)
{
	char block[4096] = "x";
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		continue;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

/* Put until the store says full; how many it took. */
static uint64_t
put_all(struct store_kit *kit)
{
	uint64_t n = 1;
	int r;

	while ((r = store_kit_run(kit->store, store_kit_put, &n)) == 0) {
		n++;
		assert_true(n < MAX_RECS);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(store_kit_run(kit->store, store_kit_has, &n), -ENOENT);
	return n - 1;
}

static void
drain(struct store_kit *kit, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		assert_int_equal(store_kit_run(kit->store, store_kit_has, &i),
				 0);
		assert_int_equal(store_kit_run_need(kit->store,
						    STORE_NEED_RESULT,
						    store_kit_del, &i),
				 0);
	}
}

/* Nothing kept back: the store itself runs into the end, is whole, starts again
 * and can be drained. */
static void
test_runs_full(void **state)
{
	struct store_kit kit;
	uint64_t n;

	(void)state;
	store_kit_init(&kit);
	n = put_all(&kit);
	assert_true(n > 20);
	assert_false(store_has_room(kit.store, STORE_NEED_MAIL));
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	store_kit_open(&kit);
	drain(&kit, n);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	store_kit_open(&kit);
	n = 1;
	assert_int_equal(store_kit_run(kit.store, store_kit_put, &n), 0);
	store_kit_done(&kit);
}

/* The reserve was allocated ahead: nobody takes it, mail stops, results go. */
static void
test_reserve(void **state)
{
	struct store_kit kit;
	char path[96];
	uint64_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/other", mount_dir);
	store_kit_init(&kit);
	store_kit_close(&kit);
	kit.conf.reserve = 2 << 20;
	store_kit_open(&kit);
	for (n = 1; n <= 10; n++)
		assert_int_equal(store_kit_run(kit.store, store_kit_put, &n),
				 0);
	fill(path);
	store_kit_close(&kit);
	store_kit_open(&kit); /* the file system is full; it starts */
	assert_false(store_has_room(kit.store, STORE_NEED_MAIL));
	for (; n <= 20; n++) /* a result may still need room, and has it */
		assert_int_equal(store_kit_run_need(kit.store,
						    STORE_NEED_RESULT,
						    store_kit_put, &n),
				 0);
	drain(&kit, n - 1);
	store_kit_close(&kit);
	store_kit_check_whole(&kit);
	assert_int_equal(unlink(path), 0);
	store_kit_open(&kit);
	assert_true(store_has_room(kit.store, STORE_NEED_MAIL));
	store_kit_done(&kit);
}

/* No room for even a first page: refused with a line, and again with room it
 * starts. */
static void
test_no_room_to_start(void **state)
{
	struct store_kit kit;
	char path[96], *why = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/other", mount_dir);
	store_kit_init(&kit);
	store_kit_close(&kit);
	store_kit_remove(kit.dir);
	fill(path);
	assert_true(store_open(&kit.conf, &kit.store, &why) < 0);
	assert_non_null(strstr(why, kit.dir));
	free(why);
	assert_int_equal(unlink(path), 0);
	store_kit_open(&kit);
	store_kit_done(&kit);
}

static bool
mount_small(void)
{
	char size[32];

	snprintf(mount_dir, sizeof(mount_dir), "/tmp/belfry-full-XXXXXX");
	if (mkdtemp(mount_dir) == NULL)
		return false;
	snprintf(size, sizeof(size), "size=%d", FS_BYTES);
	if (unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", mount_dir, "tmpfs", 0, size) == 0)
		return true;
	rmdir(mount_dir);
	return false;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_full),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_no_room_to_start),
	};
	int r;

	if (!mount_small()) {
		printf("skipped: no file system of our own here\n");
		return 77;
	}
	setenv("TMPDIR", mount_dir, 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)umount(mount_dir);
	(void)rmdir(mount_dir);
	return r;
}
