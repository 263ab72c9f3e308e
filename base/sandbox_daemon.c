/*
 * The daemons' filters: what belfryd, belfry-milter and the libraries under them
 * need, by groups, each with its reason.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <sched.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/sandbox_impl.h"

/* The first number, and behind the last: what comes after those of this
 * library's table is of kernels that are newer. Up to here is room for years. */
#ifdef __NR_Linux
#define SB_FIRST __NR_Linux
#else
#define SB_FIRST 0
#endif
#define SB_END (SB_FIRST + 512)

#ifdef BELFRY_SANITIZED
#define SB_SANITIZED true
#else
#define SB_SANITIZED false
#endif

/* A call that this architecture has not has a negative number. */
#define C(name) SCMP_SYS(name)

static const int sb_memory[] = {
	/* malloc, stacks of threads, LMDB's map; mmap and mprotect have a rule
	 * of their own */
	C(brk),    C(madvise), C(mlock), /* libcrypto, of keys */
	C(mremap), C(msync),   C(munlock), C(munmap),
};

static const int sb_threads[] = {
	/* glibc; clone has a rule of its own */
	C(exit),
	C(exit_group),
	C(futex),
	C(futex_time64),
	C(gettid),
	C(membarrier),
	C(rseq),
	C(sched_getaffinity), /* how many arenas malloc makes */
	C(sched_yield),
	C(set_robust_list),
	C(set_tid_address),
	C(setpriority), /* of threads that give way */
};

static const int sb_descriptors[] = {
	/* of whatever kind */
	C(close),  C(close_range), C(dup),     C(dup2),    C(dup3),
	C(fcntl),  C(fcntl64),     C(fstat),   C(fstat64), C(pread64),
	C(preadv), C(pwrite64),    C(pwritev), C(read),    C(readv),
	C(write),  C(writev),
};

static const int sb_files[] = {
	/* the log, the configuration, what is written down for reports */
	C(_llseek),     C(access),       C(faccessat),  C(faccessat2),
	C(fadvise64),   C(fadvise64_64), C(fchmod),     C(fdatasync),
	C(flock),       C(fstatat64),    C(fsync),      C(ftruncate),
	C(ftruncate64), C(getcwd),       C(getdents64), C(lseek),
	C(lstat),       C(lstat64),      C(newfstatat), C(open),
	C(openat),      C(readlink),     C(readlinkat), C(rename),
	C(renameat),    C(renameat2),    C(sendfile), /* libmicrohttpd */
	C(sendfile64),  C(stat),         C(stat64),     C(statx),
	C(umask),       C(unlink),       C(unlinkat),
};

static const int sb_store[] = {
	/* the store, bodies, drop folder, Maildirs */
	C(chmod),         C(chown),           /* the admin socket's group */
	C(chown32),       C(copy_file_range), /* a backup */
	C(fallocate),     C(fchmodat),
	C(fchown),        C(fchown32),
	C(fchownat),      C(fstatfs),
	C(fstatfs64),     C(inotify_add_watch), /* the drop folder */
	C(inotify_init1), C(inotify_rm_watch),
	C(lchown),        C(lchown32),
	C(link),          C(linkat),
	C(mkdir),         C(mkdirat),
	C(rmdir),         C(statfs),
	C(statfs64),      C(sync_file_range),
	C(utimensat),
};

static const int sb_waiting[] = {
	/* libevent, libmicrohttpd, libunbound, the pipes of programs */
	C(_newselect),
	C(clock_nanosleep),
	C(clock_nanosleep_time64),
	C(epoll_create),
	C(epoll_create1),
	C(epoll_ctl),
	C(epoll_pwait),
	C(epoll_pwait2),
	C(epoll_wait),
	C(eventfd2),
	C(nanosleep),
	C(pipe),
	C(pipe2),
	C(poll),
	C(ppoll),
	C(ppoll_time64),
	C(pselect6),
	C(pselect6_time64),
	C(restart_syscall), /* a wait goes on after SIGSTOP and SIGCONT */
	C(select),
	C(timerfd_create),
	C(timerfd_settime),
	C(timerfd_settime64),
};

static const int sb_sockets[] = {
	/* socket and socketpair have rules of their own */
	C(accept),          C(accept4),     C(bind),
	C(connect),         C(getpeername), C(getsockname),
	C(getsockopt),      C(listen),      C(recv),
	C(recvfrom),        C(recvmmsg), /* libc's resolver */
	C(recvmmsg_time64), C(recvmsg),     C(send),
	C(sendmmsg),        C(sendmsg),     C(sendto),
	C(setsockopt),      C(shutdown),
};

static const int sb_signals[] = {
	/* kill and tgkill have rules of their own */
	C(rt_sigaction),
	C(rt_sigprocmask),
	C(rt_sigreturn),
	C(rt_sigtimedwait),
	C(rt_sigtimedwait_time64),
	C(sigaltstack),
	C(signalfd4),
	C(sigreturn),
};

static const int sb_spawner[] = {
	/* that it ended */
	C(wait4),
	C(waitid),
};

static const int sb_clock[] = {
	/* Is it synchronised? To set it takes a capability that belfryd has
	 * not. */
	C(adjtimex),
	C(clock_adjtime),
	C(clock_adjtime64),
};

static const int sb_questions[] = {
	/* that change nothing */
	C(capget),        C(clock_getres),    C(clock_getres_time64),
	C(clock_gettime), C(clock_gettime64), C(getcpu),
	C(getegid),       C(getegid32),       C(geteuid),
	C(geteuid32),     C(getgid),          C(getgid32),
	C(getgroups),     C(getgroups32),     C(getpgid),
	C(getpgrp),       C(getpid),          C(getppid),
	C(getpriority),   C(getrandom),       C(getresgid),
	C(getresgid32),   C(getresuid),       C(getresuid32),
	C(getrlimit),     C(getrusage),       C(getsid),
	C(gettimeofday),  C(getuid),          C(getuid32),
	C(sysinfo), /* qsort, of much */
	C(time),          C(times),           C(ugetrlimit),
	C(uname),
};

/* LeakSanitizer stops all threads by way of a process that it makes, and hangs
 * where that is killed. All of them look over memory, and load what they need
 * for a report. */
static const int sb_sanitizers[] = {
	C(clone),
	C(clone3),
	C(getdents),
	C(kill),
	C(mincore),
	C(mmap),
	C(mmap2),
	C(mprotect),
	C(personality),
	C(prctl),
	C(process_vm_readv),
	C(ptrace),
	C(sched_setaffinity),
	C(setrlimit),
	C(prlimit64),
	C(tgkill),
	C(tkill),
	C(wait4),
	C(waitid),
};

#define GROUP(list)                                                            \
	{                                                                      \
		list, sizeof(list) / sizeof((list)[0])                         \
	}
struct sb_group {
	const int *call;
	size_t n;
};

static const struct sb_group sb_groups[] = {
	GROUP(sb_memory),  GROUP(sb_threads),   GROUP(sb_descriptors),
	GROUP(sb_files),   GROUP(sb_waiting),   GROUP(sb_sockets),
	GROUP(sb_signals), GROUP(sb_questions),
};

/* Of belfryd alone. */
static const struct sb_group sb_groups_of_daemon[] = {
	GROUP(sb_clock),
	GROUP(sb_store),
	GROUP(sb_spawner),
};

/* --- calls of which the arguments count ---------------------------------------- */

/* Nothing that was written can be run: neither memory of ours nor a file. That
 * is an answer, no end: a library that wants to load a module does without. */
static void
sb_add_executable(struct sandbox *sb)
{
	static const int call[] = {C(mmap), C(mmap2), C(mprotect)};
	const struct scmp_arg_cmp no = sandbox_has(2, PROT_EXEC, 0);
	const struct scmp_arg_cmp yes = sandbox_has(2, PROT_EXEC, PROT_EXEC);

	for (size_t i = 0; i < sizeof(call) / sizeof(call[0]); i++) {
		sandbox_rule(sb, SCMP_ACT_ALLOW, call[i], &no, 1);
		sandbox_rule(sb, SCMP_ACT_ERRNO(EPERM), call[i], &yes, 1);
	}
}

/* Threads, and no process. The flags of clone3 lie in memory, where no filter
 * sees them; without it libc takes clone. */
static void
sb_add_threads(struct sandbox *sb)
{
	const struct scmp_arg_cmp thread =
		sandbox_has(SANDBOX_CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD);

	sandbox_rule(sb, SCMP_ACT_ALLOW, C(clone), &thread, 1);
	sandbox_rule(sb, SCMP_ACT_ERRNO(ENOSYS), C(clone3), NULL, 0);
}

/* abort(3) is tgkill. */
static void
sb_add_signals(struct sandbox *sb, pid_t child)
{
	const struct scmp_arg_cmp self = sandbox_is(0, (uint64_t)getpid());
	const struct scmp_arg_cmp it = sandbox_is(0, (uint64_t)child);

	sandbox_rule(sb, SCMP_ACT_ALLOW, C(tgkill), &self, 1);
	if (child > 0)
		sandbox_rule(sb, SCMP_ACT_ALLOW, C(kill), &it, 1);
}

static void
sb_add_sockets(struct sandbox *sb)
{
	/* syslog, the manager's notify socket, name services; mail */
	static const int family[] = {AF_UNIX, AF_INET, AF_INET6};
	const struct scmp_arg_cmp local = sandbox_is(0, AF_UNIX);
	/* libc asks so for the machine's addresses */
	const struct scmp_arg_cmp netlink[] = {
		sandbox_is(0, AF_NETLINK),
		sandbox_is(2, NETLINK_ROUTE),
	};

	for (size_t i = 0; i < sizeof(family) / sizeof(family[0]); i++) {
		const struct scmp_arg_cmp one =
			sandbox_is(0, (uint64_t)family[i]);

		sandbox_rule(sb, SCMP_ACT_ALLOW, C(socket), &one, 1);
	}
	sandbox_rule(sb, SCMP_ACT_ALLOW, C(socket), netlink, 2);
	sandbox_rule(sb, SCMP_ACT_ALLOW, C(socketpair), &local, 1);
}

/* Above all not TIOCSTI, which types into a terminal. */
static void
sb_add_ioctl(struct sandbox *sb)
{
	static const unsigned long request[] = {
		FIONBIO,  FIONREAD,    SIOCGIFINDEX, /* of fe80::1%eth0 */
		SIOCOUTQ, SIOCGIFNAME, TCGETS,       /* stdio, isatty(3) */
	};

	for (size_t i = 0; i < sizeof(request) / sizeof(request[0]); i++) {
		const struct scmp_arg_cmp one = sandbox_is(1, request[i]);

		sandbox_rule(sb, SCMP_ACT_ALLOW, C(ioctl), &one, 1);
	}
}

/* Names, of threads and of malloc's memory; what libcap asks; limits of ours. */
static void
sb_add_process(struct sandbox *sb)
{
	static const int option[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA,
				     PR_CAPBSET_READ, PR_GET_DUMPABLE};
	const struct scmp_arg_cmp self = sandbox_is(0, 0);

	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++) {
		const struct scmp_arg_cmp one =
			sandbox_is(0, (uint64_t)option[i]);

		sandbox_rule(sb, SCMP_ACT_ALLOW, C(prctl), &one, 1);
	}
	sandbox_rule(sb, SCMP_ACT_ALLOW, C(prlimit64), &self, 1);
}

/* --- the filter ------------------------------------------------------------------ */

static bool
sb_is_known(int call)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

	free(name);
	return name != NULL;
}

static void
sb_add_newer(struct sandbox *sb)
{
	for (int call = SB_END; call-- > SB_FIRST && !sb_is_known(call);)
		sandbox_rule(sb, SCMP_ACT_ERRNO(ENOSYS), call, NULL, 0);
}

/* The modules of the name services, and those that OpenSSL is configured to
 * have. Nobody has these numbers, so all services are asked. */
static void
sb_load_modules(void)
{
	getpwuid((uid_t)-2);
	getgrgid((gid_t)-2);
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

static void
sb_add_group(struct sandbox *sb, const struct sb_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		sandbox_rule(sb, SCMP_ACT_ALLOW, group->call[i], NULL, 0);
}

/* What both programs need, N groups more, and CHILD that may be signalled. */
static int
sb_put_on(const struct sb_group *more, size_t n, pid_t child)
{
	static const struct sb_group sanitizers = GROUP(sb_sanitizers);
	struct sandbox sb;
	int r;

	sb_load_modules();
	r = sandbox_init(&sb, SCMP_ACT_KILL_PROCESS);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(sb_groups) / sizeof(sb_groups[0]); i++)
		sb_add_group(&sb, &sb_groups[i]);
	for (size_t i = 0; i < n; i++)
		sb_add_group(&sb, &more[i]);
	sb_add_sockets(&sb);
	sb_add_ioctl(&sb);
	sb_add_newer(&sb);
	if (SB_SANITIZED) {
		sb_add_group(&sb, &sanitizers);
	} else {
		sb_add_executable(&sb);
		sb_add_threads(&sb);
		sb_add_signals(&sb, child);
		sb_add_process(&sb);
	}
	return sandbox_load(&sb);
}

int
sandbox_daemon(pid_t child)
{
	return sb_put_on(sb_groups_of_daemon,
			 sizeof(sb_groups_of_daemon) /
				 sizeof(sb_groups_of_daemon[0]),
			 child);
}

int
sandbox_milter(void)
{
	return sb_put_on(NULL, 0, 0);
}
