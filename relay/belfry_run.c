/*
 * belfry-run - runs commands for belfryd as another user: `as` of a route.
 *
 * belfry-run@USER.socket starts it as that user, with a socket that only the
 * group belfry can connect to. It runs what is on a list, and nothing else.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/std_fds.h"

#define RUN_EXIT_USAGE  64
#define RUN_EXIT_CONFIG 78

static int
run_failed(int status, const char *what)
{
	fprintf(stderr, "belfry-run: %s\n", what);
	return status;
}

int
main(int argc, char **argv)
{
	const struct passwd *account;

	if (std_fds_fill() < 0)
		return 1;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("belfry-run " BELFRY_VERSION);
		return 0;
	}
	if (argc != 2 || argv[1][0] != '/')
		return run_failed(RUN_EXIT_USAGE,
				  "usage: belfry-run /etc/belfry/run/USER\n"
				  "Started by belfry-run@USER.socket: runs for "
				  "belfryd the commands on that list.");
	if (geteuid() == 0)
		return run_failed(RUN_EXIT_CONFIG, "not as root");
	if (sd_listen_fds(1) != 1 ||
	    sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_SEQPACKET, 1) <= 0)
		return run_failed(RUN_EXIT_CONFIG,
				  "one listening socket is needed, with "
				  "ListenSequentialPacket= and Accept=no");
	account = getpwuid(geteuid());
	if (account == NULL)
		return run_failed(RUN_EXIT_CONFIG, "no account has this uid");
	spawn_run(SD_LISTEN_FDS_START, argv[1], account);
}
