/*
 * spawn_serve - the spawner's life: requests in, programs out, reports back.
 *
 * One thread and one poll(2): the socket of requests, a signalfd for children
 * that ended, and the control of each program.
 *
 * The runner's life is the same for another user, but for where requests come
 * from, one a connection, and that each has to be on its list.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/must.h"
#include "base/run_list.h"
#include "base/sandbox.h"
#include "base/spawn_impl.h"
#include "base/xalloc.h"

/* How long the runner waits for a request whose connection is there. One at a
 * time: belfryd's comes right behind it. */
#define SV_REQUEST_MS 1000

enum sv_state {
	SV_RUNS,
	SV_TERM, /* got SIGTERM */
	SV_KILL, /* got SIGKILL */
};

struct sv_program {
	pid_t pid;
	int control; /* owned; -1: nobody asks any more */
	int hold;    /* owned; -1: nothing is held, or no longer */
	enum sv_state state;
	bool timed_out;
	int64_t due_ms; /* of the next step, monotonic */
};

struct sv {
	int requests; /* the runner's listens; -1: no more come */
	int caller;   /* of the runner, its request is awaited; -1: none */
	int64_t caller_due_ms;
	int children;
	const char *list;             /* of the runner; else NULL */
	const struct passwd *account; /* likewise */
	struct sv_program program[SPAWN_MAX];
	size_t n;
	char packet[SPAWN_REQUEST_MAX + 1];
};

static int64_t
sv_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- ends ----------------------------------------------------------------- */

static void
sv_report(int control, enum spawn_end end, int value, pid_t pid)
{
	const struct spawn_report report = {(int32_t)end, value, pid};

	if (control >= 0)
		send(control, &report, sizeof(report),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Until it has made its session there is no group. */
static void
sv_signal(const struct sv_program *p, int signal_number)
{
	if (kill(-p->pid, signal_number) < 0)
		kill(p->pid, signal_number);
}

static void
sv_end(struct sv_program *p)
{
	if (p->state != SV_RUNS)
		return;
	sv_signal(p, SIGTERM);
	p->state = SV_TERM;
	p->due_ms = sv_now() + SPAWN_GRACE_MS;
}

static void
sv_step(struct sv_program *p)
{
	if (p->state == SV_RUNS) {
		p->timed_out = true;
		sv_end(p);
	} else if (p->state == SV_TERM) {
		sv_signal(p, SIGKILL);
		p->state = SV_KILL;
	}
}

static void
sv_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The caller says that the input is complete, or that it wants no more of the
 * program, and where it closed the control altogether no report either. */
static void
sv_heard(struct sv_program *p, bool closed)
{
	char octet;

	if (p->state == SV_RUNS &&
	    recv(p->control, &octet, 1, MSG_DONTWAIT) > 0) {
		sv_close(&p->hold);
		return; /* what else there is comes with the next turn */
	}
	if (closed)
		sv_close(&p->control);
	sv_end(p);
}

static void
sv_remove(struct sv *sv, size_t at)
{
	sv_close(&sv->program[at].control);
	sv_close(&sv->program[at].hold);
	sv->program[at] = sv->program[--sv->n];
}

static void
sv_reap(struct sv *sv, size_t at)
{
	struct sv_program *p = &sv->program[at];
	int status = 0;

	/* While it is not waited for, its number is nobody else's. */
	kill(-p->pid, SIGKILL);
	waitpid(p->pid, &status, 0);
	if (p->timed_out)
		sv_report(p->control, SPAWN_TIMED_OUT, 0, p->pid);
	else if (WIFSIGNALED(status))
		sv_report(p->control, SPAWN_SIGNALLED, WTERMSIG(status),
			  p->pid);
	else
		sv_report(p->control, SPAWN_EXITED, WEXITSTATUS(status),
			  p->pid);
	sv_remove(sv, at);
}

/* No more requests, and an end to all that runs. */
static void
sv_stop(struct sv *sv)
{
	if (sv->requests >= 0)
		close(sv->requests);
	sv->requests = -1;
	sv_close(&sv->caller);
	for (size_t i = 0; i < sv->n; i++) {
		sv_close(&sv->program[i].control);
		sv_end(&sv->program[i]);
	}
}

static void
sv_signalled(struct sv *sv)
{
	struct signalfd_siginfo info;

	while (read(sv->children, &info, sizeof(info)) > 0)
		if (info.ssi_signo != SIGCHLD)
			sv_stop(sv);
	for (;;) {
		siginfo_t si = {.si_pid = 0};
		size_t at = 0;

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid == 0)
			return;
		while (at < sv->n && sv->program[at].pid != si.si_pid)
			at++;
		must(at < sv->n);
		sv_reap(sv, at);
	}
}

/* --- a request -------------------------------------------------------------- */

static pid_t
sv_fork(const struct sv *sv, const struct spawn_packet *head, const char *text,
	size_t len, const int fds[static SPAWN_NFD])
{
	pid_t self = getpid(), pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	/* It dies with the spawner, which may have died already. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self)
		_exit(127);
	spawn_exec(head, text, len, fds, sv->account);
}

/* A folder and as many arguments as it says, each with its end. */
static bool
sv_is_request(const struct sv *sv, size_t len)
{
	struct spawn_packet head;
	size_t ends = 0;

	if (len <= sizeof(head) || sv->packet[len - 1] != '\0')
		return false;
	memcpy(&head, sv->packet, sizeof(head));
	for (size_t i = sizeof(head); i < len; i++)
		ends += sv->packet[i] == '\0';
	return head.nargs > 0 && ends == (size_t)head.nargs + 1;
}

/* For the one who reads the journal: what would have to be on the list. */
static void
sv_say_refused(const struct sv *sv, char *const *argv, int error)
{
	char text[512];
	size_t n = 0;

	for (size_t i = 0; argv[i] != NULL && n < sizeof(text) - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"%s\"",
				      i > 0 ? " " : "", argv[i]);
	for (size_t i = 0; text[i] != '\0'; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	fprintf(stderr, "belfry-run: %s: %s: refused: %s\n", sv->list,
		error < 0 ? strerror(-error) : "it is not there", text);
}

/* Whoever asks may be belfryd, or somebody in its place. */
static bool
sv_may_run(const struct sv *sv, const struct spawn_packet *head,
	   const char *text, size_t len)
{
	char **argv = spawn_args(head, text, len - sizeof(*head));
	int r = strcmp(text, "/") == 0
			? run_list_has(sv->list, (const char *const *)argv)
			: -EINVAL;

	if (r != 1)
		sv_say_refused(sv, argv, r);
	spawn_args_free(argv);
	return r == 1;
}

/* Who asks the runner says how long, and may be anybody in belfryd's place. */
static int64_t
sv_due(const struct spawn_packet *head)
{
	int64_t time_ms = head->time_ms;

	if (time_ms < 0)
		time_ms = 0;
	return sv_now() +
	       (time_ms < SPAWN_TIME_MAX_MS ? time_ms : SPAWN_TIME_MAX_MS);
}

static void
sv_start(struct sv *sv, size_t len, const int fds[static SPAWN_NFD])
{
	int control = fds[SPAWN_FD_CONTROL], hold = fds[SPAWN_FD_HOLD];
	struct spawn_packet head;
	const char *text = sv->packet + sizeof(head);
	pid_t pid = -EAGAIN;

	memcpy(&head, sv->packet, sizeof(head));
	if (sv->list != NULL && !sv_may_run(sv, &head, text, len))
		pid = -EPERM;
	else if (sv->n < SPAWN_MAX)
		pid = sv_fork(sv, &head, text, len - sizeof(head), fds);
	close(fds[SPAWN_FD_IN]);
	close(fds[SPAWN_FD_OUT]);
	if (pid < 0) {
		sv_report(control, SPAWN_NOT_STARTED, -pid, 0);
		close(control);
		sv_close(&hold);
		return;
	}
	sv->program[sv->n++] = (struct sv_program){
		.pid = pid,
		.control = control,
		.hold = hold,
		.due_ms = sv_due(&head),
	};
}

static void
sv_request(struct sv *sv, int from)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SPAWN_NFD * sizeof(int))];
	} control;
	struct iovec iov = {sv->packet, SPAWN_REQUEST_MAX};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	int fds[SPAWN_NFD] = {-1, -1, -1, -1};
	struct cmsghdr *c;
	size_t nfds;
	ssize_t n;

	n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EINTR || errno == EMFILE || errno == ENFILE))
		return;
	if (n <= 0) {
		if (from == sv->requests) /* belfryd is gone */
			sv_stop(sv);
		return;
	}
	c = CMSG_FIRSTHDR(&msg);
	nfds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (nfds > 0)
		memcpy(fds, CMSG_DATA(c), nfds * sizeof(int));
	/* No room for descriptors: what came of them is closed, and so the
	 * other side hears that its program is lost. */
	if (nfds < SPAWN_FD_HOLD || (msg.msg_flags & MSG_CTRUNC) != 0 ||
	    !sv_is_request(sv, (size_t)n)) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return;
	}
	sv_start(sv, (size_t)n, fds);
}

static void
sv_accept(struct sv *sv)
{
	sv->caller = accept4(sv->requests, NULL, NULL, SOCK_CLOEXEC);
	sv->caller_due_ms = sv_now() + SV_REQUEST_MS;
}

/* What the socket that was polled has for us; nothing but the time may have
 * come. */
static void
sv_asked(struct sv *sv, bool ready)
{
	if (sv->requests < 0)
		return;
	if (sv->caller >= 0) {
		if (ready)
			sv_request(sv, sv->caller);
		if (ready || sv_now() >= sv->caller_due_ms)
			sv_close(&sv->caller);
	} else if (ready && sv->list != NULL) {
		sv_accept(sv);
	} else if (ready) {
		sv_request(sv, sv->requests);
	}
}

/* --- the loop ---------------------------------------------------------------- */

/* Milliseconds until somebody's time is up; -1: nobody waits for that. */
static int
sv_patience(const struct sv *sv)
{
	int64_t first = sv->caller >= 0 ? sv->caller_due_ms : INT64_MAX, left;

	for (size_t i = 0; i < sv->n; i++)
		if (sv->program[i].state != SV_KILL &&
		    sv->program[i].due_ms < first)
			first = sv->program[i].due_ms;
	if (first == INT64_MAX)
		return -1;
	left = first - sv_now();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* A caller that shut its side down is heard once; one that closed always. */
static short
sv_interest(const struct sv_program *p)
{
	return p->state == SV_RUNS ? POLLIN : 0;
}

static void
sv_turn(struct sv *sv, struct pollfd *fds)
{
	size_t n = sv->n;
	int64_t now;

	fds[0] = (struct pollfd){sv->caller >= 0 ? sv->caller : sv->requests,
				 POLLIN, 0};
	fds[1] = (struct pollfd){sv->children, POLLIN, 0};
	for (size_t i = 0; i < n; i++)
		fds[2 + i] = (struct pollfd){sv->program[i].control,
					     sv_interest(&sv->program[i]), 0};
	if (poll(fds, 2 + n, sv_patience(sv)) < 0)
		return;
	now = sv_now();
	for (size_t i = 0; i < n; i++) {
		struct sv_program *p = &sv->program[i];

		if (p->control >= 0 && fds[2 + i].revents != 0)
			sv_heard(p, fds[2 + i].revents & POLLHUP);
		if (now >= p->due_ms)
			sv_step(p);
	}
	if (fds[1].revents != 0)
		sv_signalled(sv);
	sv_asked(sv, fds[0].revents != 0);
}

static void
sv_watch(struct sv *sv, int requests, bool ends)
{
	struct rlimit files;
	sigset_t watched;

	sigfillset(&watched);
	sigprocmask(SIG_SETMASK, &watched, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	if (ends) {
		sigaddset(&watched, SIGTERM);
		sigaddset(&watched, SIGINT);
	}
	sv->requests = requests;
	sv->caller = -1;
	sv->children = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	must(sv->children >= 0);
}

/* What belfryd has open is not ours to hold: ports, above all. Signals to its
 * group or from its terminal are not for us: we end with it, and after it. */
static void
sv_detach(struct sv *sv, int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	must(null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	     dup2(null, STDOUT_FILENO) >= 0);
	if (socket != 3) {
		must(dup3(socket, 3, O_CLOEXEC) == 3);
		socket = 3;
	}
	close_range(4, ~0U, 0);
	setsid();
	prctl(PR_SET_NAME, "belfry-spawner");
	sv_watch(sv, socket, false);
}

/* Where there are no filters belfryd says so. */
static void
sv_confine(void)
{
	int r;

	must(jail_capabilities(false) == 0);
	must(jail_close() == 0);
	r = sandbox_spawner();
	must(r == 0 || r == -EOPNOTSUPP);
}

static _Noreturn void
sv_live(struct sv *sv)
{
	struct pollfd *fds = xcalloc(SPAWN_MAX + 2, sizeof(*fds));

	while (sv->requests >= 0 || sv->n > 0)
		sv_turn(sv, fds);
	_exit(0);
}

void
spawn_serve(int socket)
{
	struct sv *sv = xcalloc(1, sizeof(*sv));

	sv_detach(sv, socket);
	sv_confine();
	sv_live(sv);
}

void
spawn_run(int listener, const char *list, const struct passwd *account)
{
	struct sv *sv = xcalloc(1, sizeof(*sv));

	sv->list = list;
	sv->account = account;
	sv_watch(sv, listener, true);
	sv_live(sv);
}
