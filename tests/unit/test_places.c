/* In whose hands a folder is. As root only: others are who they are. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/places.h"

#define OTHER_GID 4711 /* no group of the account's that we know of */

static void
test_whose_it_is(void **state)
{
	struct place_owner o = {.user = "nobody"};
	char dir[] = "/tmp/places.XXXXXX";

	(void)state;
	assert_int_equal(jail_find_user(o.user, &o.uid, &o.gid), 0);
	assert_non_null(mkdtemp(dir));

	const struct {
		const char *name;
		uid_t uid;
		gid_t gid;
		mode_t mode;
		int entered;
	} rows[] = {
		{"root's", 0, 0, 0755, 0},
		{"root's, its group writes", 0, 0, 0775, 0},
		{"root's, everybody writes", 0, 0, 0777, 1},
		{"root's, everybody adds", 0, 0, 01777, 0},
		{"the account's", o.uid, 0, 0755, 1},
		{"its group's", 0, o.gid, 0775, 1},
		{"its group's, who only reads", 0, o.gid, 0755, 0},
		{"another group's", 0, OTHER_GID, 0775, 1},
		{"another group's, sticky", 0, OTHER_GID, 01775, 1},
		{"another group's, who only reads", 0, OTHER_GID, 0755, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r;

		assert_int_equal(chown(dir, rows[i].uid, rows[i].gid), 0);
		assert_int_equal(chmod(dir, rows[i].mode), 0);
		r = place_enter(dir, &o, o.gid);
		if (r != rows[i].entered)
			fail_msg("%s: %d", rows[i].name, r);
		assert_int_equal(geteuid(), r == 1 ? o.uid : 0);
		place_leave(r);
		assert_int_equal(geteuid(), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* What is made in a group's folder is not made as root. */
static void
test_made_in_a_groups_folder(void **state)
{
	struct place_owner o = {.user = "nobody"};
	char dir[] = "/tmp/places.XXXXXX", made[64];
	struct stat st;

	(void)state;
	assert_int_equal(jail_find_user(o.user, &o.uid, &o.gid), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(made, sizeof(made), "%s/made", dir);
	assert_int_equal(chmod(dir, 0775), 0);
	assert_int_equal(chown(dir, 0, OTHER_GID), 0);
	assert_int_equal(place_make_dir(made, 0711, &o), -EACCES);
	assert_int_equal(chown(dir, 0, o.gid), 0);
	assert_int_equal(place_make_dir(made, 0711, &o), 0);
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_uid, o.uid);
	assert_int_equal(geteuid(), 0);
	assert_int_equal(rmdir(made), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_it_is),
		cmocka_unit_test(test_made_in_a_groups_folder),
	};

	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
