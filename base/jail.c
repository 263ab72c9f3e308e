#include "base/jail.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"

/* Entries of directory services can be long; longer ones are no account of
 * a daemon. */
#define JAIL_ENTRY_MAX (64 * 1024)

int
jail_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	char *buf = xmalloc(JAIL_ENTRY_MAX);
	struct passwd pw, *found;
	int r = getpwnam_r(name, &pw, buf, JAIL_ENTRY_MAX, &found);

	if (r == 0 && found != NULL) {
		*ret_uid = pw.pw_uid;
		*ret_gid = pw.pw_gid;
	}
	free(buf);
	if (r != 0)
		return -r;
	return found != NULL ? 0 : -ENOENT;
}

int
jail_find_group(const char *name, gid_t *ret_gid)
{
	char *buf = xmalloc(JAIL_ENTRY_MAX);
	struct group gr, *found;
	int r = getgrnam_r(name, &gr, buf, JAIL_ENTRY_MAX, &found);

	if (r == 0 && found != NULL)
		*ret_gid = gr.gr_gid;
	free(buf);
	if (r != 0)
		return -r;
	return found != NULL ? 0 : -ENOENT;
}

/* What can't be had again: no program started later may regain it either. */
static int
jail_bound(void)
{
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (cap == CAP_NET_BIND_SERVICE || cap_get_bound(cap) <= 0)
			continue;
		/* A container may have taken SETPCAP; the sets below are what
		 * counts for this process. */
		if (cap_drop_bound(cap) < 0 && errno != EPERM)
			return -errno;
	}
	return 0;
}

int
jail_capabilities(bool bind)
{
	static const cap_value_t keep[] = {CAP_NET_BIND_SERVICE};
	cap_flag_value_t has = CAP_CLEAR;
	cap_t now = cap_get_proc(), caps = cap_init();
	int r = 0;

	if (now == NULL || caps == NULL)
		r = -errno;
	if (r == 0)
		cap_get_flag(now, CAP_NET_BIND_SERVICE, CAP_PERMITTED, &has);
	if (r == 0 && bind && has == CAP_SET &&
	    (cap_set_flag(caps, CAP_PERMITTED, 1, keep, CAP_SET) < 0 ||
	     cap_set_flag(caps, CAP_EFFECTIVE, 1, keep, CAP_SET) < 0))
		r = -errno;
	if (r == 0 && cap_set_proc(caps) < 0)
		r = -errno;
	cap_free(now);
	cap_free(caps);
	if (r == 0 && cap_reset_ambient() < 0)
		r = -errno;
	return r;
}

int
jail_borrow(const char *name, gid_t gid)
{
	uid_t uid;
	gid_t own;
	int r = jail_find_user(name, &uid, &own);

	if (r < 0)
		return r;
	if (initgroups(name, own) < 0)
		return -errno;
	if (setegid(gid) < 0 || seteuid(uid) < 0) {
		r = -errno;
		jail_return();
	}
	return r;
}

/* The groups of NAME stay: root needs none. */
void
jail_return(void)
{
	must(seteuid(0) == 0 && setegid(0) == 0);
}

int
jail_become(const char *name)
{
	uid_t uid;
	gid_t gid;
	int r;

	r = jail_find_user(name, &uid, &gid);
	if (r < 0)
		return r;
	r = jail_bound();
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): both are set */
	if (initgroups(name, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	r = jail_capabilities(true);
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return -errno;
	if (uid != 0 && setuid(0) == 0) /* can root be had back? */
		return -EPERM;
	return 0;
}

int
jail_close(void)
{
	const struct rlimit no_core = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) < 0)
		return -errno;
	return 0;
}

int
jail_raise_files(uint64_t need, uint64_t *ret_limit)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	*ret_limit = limit.rlim_max;
	return need > limit.rlim_max ? -EMFILE : 0;
}
