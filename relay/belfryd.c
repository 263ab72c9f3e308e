/*
 * belfryd - the SMTP server, the queue and delivery, in the foreground.
 */
#include <getopt.h>
#include <stdio.h>

#include "config/program.h"
#include "relay/relay.h"

static void
belfryd_usage(FILE *out)
{
	fputs("usage: belfryd [-c FILE]\n\n" PROGRAM_OPTIONS_TEXT "\n"
	      "Runs in the foreground. SIGHUP reads the configuration anew, "
	      "SIGTERM ends it.\n",
	      out);
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_PATH;

	switch (program_options("belfryd", argc, argv, &path)) {
	case PROGRAM_RUN:
		break;
	case PROGRAM_HELP:
		belfryd_usage(stdout);
		return 0;
	case PROGRAM_VERSION:
		return 0;
	case PROGRAM_WRONG:
		belfryd_usage(stderr);
		return PROGRAM_EXIT_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "belfryd: `%s` is one word too many\n",
			argv[optind]);
		belfryd_usage(stderr);
		return PROGRAM_EXIT_USAGE;
	}
	return relay_main(path);
}
