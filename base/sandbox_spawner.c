/*
 * The spawner's filter. The programs that it starts inherit it, so it is a list
 * of what is refused: calls for administrators, and those by which one program
 * looks into another, which runs as the same user.
 */
#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/sandbox.h"
#include "base/sandbox_impl.h"

#define C(name) SCMP_SYS(name)

static const int sb_refused[] = {
	/* other processes: belfryd's memory, above all */
	C(kcmp),
	C(perf_event_open),
	C(pidfd_getfd),
	C(process_madvise),
	C(process_vm_readv),
	C(process_vm_writev),
	C(ptrace),
	/* what is mounted, and name spaces */
	C(chroot),
	C(fsconfig),
	C(fsmount),
	C(fsopen),
	C(fspick),
	C(mount),
	C(mount_setattr),
	C(move_mount),
	C(open_by_handle_at),
	C(open_tree),
	C(pivot_root),
	C(quotactl),
	C(setns),
	C(swapoff),
	C(swapon),
	C(umount),
	C(umount2),
	C(unshare),
	/* the kernel */
	C(acct),
	C(bpf),
	C(create_module),
	C(delete_module),
	C(finit_module),
	C(init_module),
	C(ioperm),
	C(iopl),
	C(kexec_file_load),
	C(kexec_load),
	C(lookup_dcookie),
	C(reboot),
	C(syslog),
	/* young or crooked ways into it */
	C(add_key),
	C(io_uring_enter),
	C(io_uring_register),
	C(io_uring_setup),
	C(keyctl),
	C(request_key),
	C(userfaultfd),
	C(vhangup),
	/* the machine's time and name */
	C(adjtimex),
	C(clock_adjtime),
	C(clock_adjtime64),
	C(clock_settime),
	C(clock_settime64),
	C(setdomainname),
	C(sethostname),
	C(settimeofday),
	C(stime),
};

/* Programs of the machine's other word size are programs, too. */
static void
sb_add_architectures(struct sandbox *sb)
{
#if defined(__x86_64__)
	static const uint32_t other[] = {SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
	static const uint32_t other[] = {SCMP_ARCH_ARM};
#else
	static const uint32_t other[] = {SCMP_ARCH_NATIVE};
#endif

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		int r = seccomp_arch_add(sb->filter, other[i]);

		if (r < 0 && r != -EEXIST)
			sb->error = r;
	}
}

/* A user's own name space, in which everything may be tried. */
static void
sb_refuse_clone(struct sandbox *sb)
{
	const struct scmp_arg_cmp user =
		sandbox_has(SANDBOX_CLONE_FLAGS, CLONE_NEWUSER, CLONE_NEWUSER);

	sandbox_rule(sb, SCMP_ACT_ERRNO(EPERM), C(clone), &user, 1);
	/* Its flags lie in memory, where no filter sees them; without it libc
	 * takes clone. */
	sandbox_rule(sb, SCMP_ACT_ERRNO(ENOSYS), C(clone3), NULL, 0);
}

static void
sb_refuse_sockets(struct sandbox *sb)
{
	const struct scmp_arg_cmp above = sandbox_from(0, AF_MAX);

	for (int family = 0; family < AF_MAX; family++) {
		const struct scmp_arg_cmp one = sandbox_is(0, (uint64_t)family);

		if (family != AF_UNIX && family != AF_INET &&
		    family != AF_INET6 && family != AF_NETLINK)
			sandbox_rule(sb, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				     C(socket), &one, 1);
	}
	sandbox_rule(sb, SCMP_ACT_ERRNO(EAFNOSUPPORT), C(socket), &above, 1);
}

/* Typing into a terminal that somebody else reads. */
static void
sb_refuse_terminal(struct sandbox *sb)
{
	/* The upper half of the request is nothing to the kernel. */
	const struct scmp_arg_cmp type = sandbox_has(1, UINT32_MAX, TIOCSTI);
	const struct scmp_arg_cmp console =
		sandbox_has(1, UINT32_MAX, TIOCLINUX);

	sandbox_rule(sb, SCMP_ACT_ERRNO(EPERM), C(ioctl), &type, 1);
	sandbox_rule(sb, SCMP_ACT_ERRNO(EPERM), C(ioctl), &console, 1);
}

int
sandbox_spawner(void)
{
	struct sandbox sb;
	int r = sandbox_init(&sb, SCMP_ACT_ALLOW);

	if (r < 0)
		return r;
	sb_add_architectures(&sb);
	for (size_t i = 0; i < sizeof(sb_refused) / sizeof(sb_refused[0]); i++)
		sandbox_rule(&sb, SCMP_ACT_ERRNO(EPERM), sb_refused[i], NULL,
			     0);
	sb_refuse_clone(&sb);
	sb_refuse_sockets(&sb);
	sb_refuse_terminal(&sb);
	return sandbox_load(&sb);
}
