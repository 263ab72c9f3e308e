#include "tests/unit/test.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jail.h"

static void
finds_accounts(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(jail_find_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(jail_find_user("no-such-account", &uid, &gid),
			 -ENOENT);
	assert_int_equal(jail_find_group("root", &gid), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(jail_find_group("no-such-group", &gid), -ENOENT);
}

/* In a child, since there is no way back. */
static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
has_capability(cap_value_t cap)
{
	cap_flag_value_t has = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	cap_get_flag(caps, cap, CAP_EFFECTIVE, &has);
	cap_free(caps);
	return has == CAP_SET;
}

/* The number of the first check that fails; 0: none. */
static int
become_nobody(void)
{
	bool could_bind = has_capability(CAP_NET_BIND_SERVICE);
	uid_t uid;
	gid_t gid;

	if (jail_find_user("nobody", &uid, &gid) < 0)
		return 1;
	if (jail_become("nobody") < 0)
		return 2;
	if (getuid() != uid || geteuid() != uid || getgid() != gid)
		return 3;
	if (setuid(0) == 0)
		return 4;
	if (has_capability(CAP_NET_BIND_SERVICE) != could_bind)
		return 5;
	if (has_capability(CAP_SETUID) || has_capability(CAP_DAC_OVERRIDE))
		return 6;
	if (jail_close() < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 7;
	if (getgroups(0, NULL) > 1)
		return 8;
	return 0;
}

static void
becomes_another(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(become_nobody), 0);
}

static int
raise_files(void)
{
	struct rlimit limit = {64, 128}, now;
	uint64_t most = 0;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	if (jail_raise_files(128, &most) != 0 || most != 128)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 128)
		return 3;
	if (jail_raise_files(129, &most) != -EMFILE || most != 128)
		return 4;
	return 0;
}

static void
raises_the_limit_of_files(void **state)
{
	(void)state;
	assert_int_equal(in_child(raise_files), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_accounts),
		cmocka_unit_test(becomes_another),
		cmocka_unit_test(raises_the_limit_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
