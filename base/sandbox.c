#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/sandbox_impl.h"

/* Does the kernel have filters, and can one end a process? */
static bool
sb_is_there(void)
{
	const uint32_t end = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &end) == 0;
}

int
sandbox_init(struct sandbox *sb, uint32_t otherwise)
{
	if (!sb_is_there())
		return -EOPNOTSUPP;
	*sb = (struct sandbox){.filter = seccomp_init(otherwise)};
	if (sb->filter == NULL)
		return -EOPNOTSUPP;
	/* Calls of another architecture, such as x32 on amd64, are not the same
	 * ones by other numbers: they end the process. */
	seccomp_attr_set(sb->filter, SCMP_FLTATR_ACT_BADARCH,
			 SCMP_ACT_KILL_PROCESS);
	return 0;
}

void
sandbox_rule(struct sandbox *sb, uint32_t action, int call,
	     const struct scmp_arg_cmp *cmp, unsigned n)
{
	if (sb->error == 0 && call >= 0)
		sb->error = seccomp_rule_add_array(sb->filter, action, call, n,
						   cmp);
	if (sb->error == -EDOM)
		sb->error = 0;
}

/* One for all threads. No run-time of a language runs in here, whose code could
 * guess at the memory of the process: nothing is gained by slower branches. */
int
sandbox_load(struct sandbox *sb)
{
	int r = sb->error;

	if (r == 0)
		r = seccomp_attr_set(sb->filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(sb->filter, SCMP_FLTATR_CTL_SSB, 1);
	if (r == 0)
		r = seccomp_attr_set(sb->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_load(sb->filter);
	seccomp_release(sb->filter);
	return r;
}
