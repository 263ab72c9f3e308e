/*
 * spawn_exec - between fork and exec, in the program's process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spawn_impl.h"
#include "base/xalloc.h"

/* Nobody sees it but the program's users: belfryd's own says nothing of where
 * their programs are. */
#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* As they are at a login; what belfryd ignores or blocks is its own affair. */
static void
se_signals(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
se_limit(int what, int64_t want)
{
	struct rlimit limit;

	if (want == 0)
		return 0;
	if (getrlimit((__rlimit_resource_t)what, &limit) < 0)
		return -errno;
	if (limit.rlim_max > (rlim_t)want)
		limit.rlim_max = (rlim_t)want;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &limit) < 0 ? -errno : 0;
}

static int
se_limits(const struct spawn_packet *p)
{
	const struct rlimit no_core = {0, 0};
	int r = setrlimit(RLIMIT_CORE, &no_core) < 0 ? -errno : 0;

	if (r == 0)
		r = se_limit(RLIMIT_CPU, p->cpu_s);
	if (r == 0)
		r = se_limit(RLIMIT_NOFILE, p->files);
	if (r == 0)
		r = se_limit(RLIMIT_NPROC, p->processes);
	return r == 0 ? se_limit(RLIMIT_AS, p->memory) : r;
}

static int
se_files(const int fds[static SPAWN_NFD])
{
	if (dup2(fds[SPAWN_FD_IN], STDIN_FILENO) < 0 ||
	    dup2(fds[SPAWN_FD_OUT], STDOUT_FILENO) < 0 ||
	    dup2(fds[SPAWN_FD_OUT], STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

char **
spawn_args(const struct spawn_packet *p, const char *text, size_t len)
{
	char **argv = xcalloc((size_t)p->nargs + 1, sizeof(*argv));
	const char *at = text + strlen(text) + 1, *end = text + len;

	for (uint32_t i = 0; i < p->nargs && at < end; i++) {
		argv[i] = xstrdup(at);
		at += strlen(at) + 1;
	}
	return argv;
}

void
spawn_args_free(char **argv)
{
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

static char **
se_environment(const struct passwd *account)
{
	const char *tz = getenv("TZ");
	char **env = xcalloc(7, sizeof(*env)), **at = env;

	*at++ = xstrdup(PATH);
	*at++ = xstrdup("LANG=C.UTF-8");
	*at++ = xasprintf("HOME=%s", account ? account->pw_dir : "/");
	if (account != NULL) {
		*at++ = xasprintf("USER=%s", account->pw_name);
		*at++ = xasprintf("LOGNAME=%s", account->pw_name);
	}
	if (tz != NULL)
		*at++ = xasprintf("TZ=%s", tz);
	return env;
}

void
spawn_exec(const struct spawn_packet *packet, const char *text, size_t len,
	   const int fds[static SPAWN_NFD], const struct passwd *account)
{
	char **argv = spawn_args(packet, text, len);
	char **env = se_environment(account);
	struct spawn_report report = {.end = SPAWN_NOT_STARTED};
	int r = se_files(fds);

	setsid();
	umask(077);
	if (r == 0 && chdir(text) < 0)
		r = -errno;
	if (r == 0)
		r = se_limits(packet);
	if (r == 0) {
		se_signals();
		execve(argv[0], argv, env);
		r = -errno;
	}
	/* The first report is the one that counts. */
	report.value = -r;
	send(fds[SPAWN_FD_CONTROL], &report, sizeof(report), MSG_NOSIGNAL);
	_exit(127);
}
