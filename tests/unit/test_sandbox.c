/*
 * Each row is done by a child of its own, under the filter.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"

#ifdef BELFRY_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define PAGE ((size_t)4096)

/* 0 or an errno; most do not come back. */
typedef int deed_fn(void);

static int
told(long r)
{
	return r < 0 ? errno : 0;
}

/* --- what nobody in here has to do ---------------------------------------------- */

static int
do_execve(void)
{
	char name[] = "true", *argv[] = {name, NULL}, *env[] = {NULL};

	return told(execve("/bin/true", argv, env));
}

static int
do_execveat(void)
{
	char name[] = "true", *argv[] = {name, NULL}, *env[] = {NULL};

	return told(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, env, 0));
}

static int
do_process(void)
{
	long pid = syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);

	if (pid == 0)
		_exit(0);
	return told(pid);
}

static int
do_ptrace(void)
{
	return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
do_look_into_parent(void)
{
	return told(syscall(SYS_process_vm_readv, getppid(), NULL, 0L, NULL, 0L,
			    0L));
}

static int
do_signal_parent(void)
{
	return told(kill(getppid(), 0));
}

static int
do_signal_its_thread(void)
{
	return told(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
do_mount(void)
{
	return told(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0L, NULL));
}

static int
do_chroot(void)
{
	return told(chroot("/"));
}

static int
do_unshare(void)
{
	return told(unshare(CLONE_NEWUSER));
}

static int
do_setuid(void)
{
	return told(syscall(SYS_setuid, (long)getuid()));
}

static int
do_bpf(void)
{
	return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int
do_io_uring(void)
{
	return told(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
do_keyctl(void)
{
	return told(syscall(SYS_keyctl, 0L, 0L, 0L, 0L, 0L));
}

static int
do_module(void)
{
	return told(syscall(SYS_init_module, NULL, 0L, ""));
}

static int
do_kexec(void)
{
	return told(syscall(SYS_kexec_load, 0L, 0L, NULL, 0L));
}

static int
do_reboot(void)
{
	return told(syscall(SYS_reboot, 0, 0, 0, NULL));
}

static int
do_clock(void)
{
	return told(syscall(SYS_clock_settime, CLOCK_REALTIME, NULL));
}

static int
do_look_at_clock(void)
{
	struct timex t = {.modes = 0};

	return told(adjtimex(&t));
}

static int
do_personality(void)
{
	return told(syscall(SYS_personality, 0xffffffffL));
}

static int
do_dumpable(void)
{
	return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
do_type(void)
{
	return told(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int
do_packet_socket(void)
{
	return told(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int
do_alg_socket(void)
{
	return told(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int
do_vsock_socket(void)
{
	return told(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static int
do_audit_socket(void)
{
	return told(socket(AF_NETLINK, SOCK_RAW, 9)); /* NETLINK_AUDIT */
}

#ifdef __x86_64__
static int
do_x32(void)
{
	return told(syscall(0x40000000L | SYS_getpid));
}
#endif

/* --- what is answered -------------------------------------------------------------- */

static int
do_map_code(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int
do_make_code(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return EIO;
	return told(mprotect(page, PAGE, PROT_READ | PROT_EXEC));
}

static int
do_clone3(void)
{
	return told(syscall(SYS_clone3, NULL, 0L));
}

static int
do_newer_call(void)
{
	return told(syscall(511L));
}

/* --- what goes on -------------------------------------------------------------------- */

static void *
nothing(void *arg)
{
	return arg;
}

static int
do_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, nothing, NULL);

	return r != 0 ? r : pthread_join(thread, NULL);
}

/* All modules of the name services are asked for one that is nowhere. */
static int
do_account(void)
{
	errno = 0;
	return getpwuid(0) == NULL || getpwuid((uid_t)-3) != NULL ? EIO : 0;
}

static int
do_sockets(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0) < 0 ||
			       socket(AF_INET, SOCK_STREAM, 0) < 0 ||
			       socket(AF_INET6, SOCK_STREAM, 0) < 0
		       ? (errno == EAFNOSUPPORT ? 0 : errno)
		       : 0;
}

static int
do_file(void)
{
	char path[] = "/tmp/belfry-sandbox-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	return fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) < 0 ||
			       unlink(path) < 0
		       ? errno
		       : 0;
}

static int
do_abort(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static int
do_program(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(do_execve());
	return pid < 0 || waitpid(pid, &status, 0) != pid ? errno : status;
}

/* --- the rows -------------------------------------------------------------------------- */

#define KILLED  (-SIGSYS)
#define ABORTED (-SIGABRT)

static const struct row {
	const char *name;
	deed_fn *deed;
	int daemon, spawner; /* an errno, or a signal below 0 */
	bool of_sanitizers;  /* which need it themselves */
} rows[] = {
	{"execve", do_execve, KILLED, 0, false},
	{"execveat", do_execveat, KILLED, 0, false},
	{"fork", do_process, KILLED, 0, true},
	{"ptrace", do_ptrace, KILLED, EPERM, true},
	{"process_vm_readv", do_look_into_parent, KILLED, EPERM, true},
	{"kill", do_signal_parent, KILLED, 0, true},
	{"tgkill", do_signal_its_thread, KILLED, 0, true},
	{"mount", do_mount, KILLED, EPERM, false},
	{"chroot", do_chroot, KILLED, EPERM, false},
	{"unshare", do_unshare, KILLED, EPERM, false},
	{"setuid", do_setuid, KILLED, 0, false},
	{"bpf", do_bpf, KILLED, EPERM, false},
	{"io_uring_setup", do_io_uring, KILLED, EPERM, false},
	{"keyctl", do_keyctl, KILLED, EPERM, false},
	{"init_module", do_module, KILLED, EPERM, false},
	{"kexec_load", do_kexec, KILLED, EPERM, false},
	{"reboot", do_reboot, KILLED, EPERM, false},
	{"clock_settime", do_clock, KILLED, EPERM, false},
	{"adjtimex, to look", do_look_at_clock, 0, EPERM, false},
	{"personality", do_personality, KILLED, 0, true},
	{"PR_SET_DUMPABLE", do_dumpable, KILLED, 0, true},
	{"TIOCSTI", do_type, KILLED, EPERM, false},
	{"socket AF_PACKET", do_packet_socket, KILLED, EAFNOSUPPORT, false},
	{"socket AF_ALG", do_alg_socket, KILLED, EAFNOSUPPORT, false},
	{"socket AF_VSOCK", do_vsock_socket, KILLED, EAFNOSUPPORT, false},
	{"socket NETLINK_AUDIT", do_audit_socket, KILLED, 0, false},
	{"mmap PROT_EXEC", do_map_code, EPERM, 0, true},
	{"mprotect PROT_EXEC", do_make_code, EPERM, 0, true},
	{"clone3", do_clone3, ENOSYS, ENOSYS, true},
	{"a newer call", do_newer_call, ENOSYS, ENOSYS, false},
#ifdef __x86_64__
	{"x32", do_x32, KILLED, ENOSYS, false},
#endif
	{"a thread", do_thread, 0, 0, false},
	{"an account", do_account, 0, 0, false},
	{"sockets", do_sockets, 0, 0, false},
	{"a file", do_file, 0, 0, false},
	{"abort", do_abort, ABORTED, ABORTED, false},
};

static int
filter_daemon(void)
{
	return sandbox_daemon(0);
}

/* What DEED came to under FILTER: an errno, or a signal below 0. */
static int
child(int (*filter)(void), deed_fn *deed)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		dup2(null, STDIN_FILENO);
		_exit(filter() < 0 ? 255 : deed());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
holds(const char *whose, int (*filter)(void), bool daemon)
{
	int bad = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		int want = daemon ? row->daemon : row->spawner, got;

		if (daemon && SANITIZED && row->of_sanitizers)
			continue;
		got = child(filter, row->deed);
		if (got == want)
			continue;
		print_error("%s: %s: %d, not %d\n", whose, row->name, got,
			    want);
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void
daemon_is_held(void **state)
{
	(void)state;
	holds("daemon", filter_daemon, true);
}

static void
spawner_is_held(void **state)
{
	(void)state;
	holds("spawner", sandbox_spawner, false);
	assert_int_equal(child(sandbox_spawner, do_program), 0);
}

/* --- more than one thread, more than one process ------------------------------------------ */

static pthread_barrier_t filtered;

static void *
exec_later(void *arg)
{
	pthread_barrier_wait(&filtered);
	do_execve();
	return arg;
}

/* One that ran before is held too. */
static int
do_in_older_thread(void)
{
	pthread_t thread;

	pthread_barrier_init(&filtered, NULL, 2);
	if (pthread_create(&thread, NULL, exec_later, NULL) != 0 ||
	    sandbox_daemon(0) < 0)
		return 1;
	pthread_barrier_wait(&filtered);
	pthread_join(thread, NULL);
	return 2;
}

static int
no_filter(void)
{
	return 0;
}

static void
holds_all_threads(void **state)
{
	(void)state;
	assert_int_equal(child(no_filter, do_in_older_thread), -SIGSYS);
}

/* The one process that is named may be ended, and waited for. */
static int
do_end_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		for (;;)
			pause();
	if (sandbox_daemon(pid) < 0 || kill(pid, SIGKILL) < 0 ||
	    waitpid(pid, &status, 0) != pid)
		return errno;
	return status == SIGKILL ? 0 : EIO;
}

static void
may_end_the_spawner(void **state)
{
	(void)state;
	assert_int_equal(child(no_filter, do_end_child), 0);
}

/* As on a kernel without filters. */
static int
hide_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
				 SCMP_SYS(seccomp), 0);

	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

static int
do_filter(void)
{
	return -sandbox_daemon(0);
}

static int
do_filter_spawner(void)
{
	return -sandbox_spawner();
}

static void
says_that_there_are_no_filters(void **state)
{
	(void)state;
	assert_int_equal(child(hide_seccomp, do_filter), EOPNOTSUPP);
	assert_int_equal(child(hide_seccomp, do_filter_spawner), EOPNOTSUPP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(daemon_is_held),
		cmocka_unit_test(spawner_is_held),
		cmocka_unit_test(holds_all_threads),
		cmocka_unit_test(may_end_the_spawner),
		cmocka_unit_test(says_that_there_are_no_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
