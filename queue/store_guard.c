#include "queue/store_guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"

/* Written once, before there are threads; a handler finds nothing else. */
static char gd_text[1400];
static size_t gd_text_len;
static struct sigaction gd_before[2];
static bool gd_installed;
static _Thread_local int gd_depth;

static void
gd_write(const char *text, size_t len)
{
	ssize_t n = write(STDERR_FILENO, text, len);

	(void)n; /* there is nobody else to tell */
}

static const char gd_begin[] = "belfryd: the store is damaged: ";

_Noreturn void
store_guard_end(const char *what)
{
	gd_write(gd_begin, sizeof(gd_begin) - 1);
	gd_write(what, strlen(what));
	gd_write(gd_text, gd_text_len);
	_exit(STORE_GUARD_EXIT);
}

static void
gd_handle(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (signo == SIGBUS)
		store_guard_end("SIGBUS while reading it");
	if (gd_depth > 0)
		store_guard_end("SIGSEGV while reading it");
	/* Not ours: it happens again, and goes where it went before. */
	sigaction(signo, &gd_before[signo == SIGBUS], NULL);
}

void
store_guard_install(const char *dir)
{
	struct sigaction sa = {.sa_sigaction = gd_handle,
			       .sa_flags = SA_SIGINFO};
	int len = snprintf(gd_text, sizeof(gd_text),
			   "; stop it from being started again; `belfryd "
			   "--verify %.400s` says what is wrong, `belfryd "
			   "--salvage %.400s NEWDIR` reads what can be read "
			   "into a new store\n",
			   dir, dir);

	gd_text_len = (size_t)len < sizeof(gd_text) ? (size_t)len
						    : sizeof(gd_text) - 1;
	if (gd_installed)
		return;
	gd_installed = true;
	sigemptyset(&sa.sa_mask);
	must(sigaction(SIGSEGV, &sa, &gd_before[0]) == 0);
	must(sigaction(SIGBUS, &sa, &gd_before[1]) == 0);
}

void
store_guard_enter(void)
{
	gd_depth++;
}

void
store_guard_leave(void)
{
	gd_depth--;
}
