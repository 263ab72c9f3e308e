/*
 * belfry-milter - verdicts and signatures for Postfix and Sendmail, in the
 * foreground.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/std_fds.h"
#include "config/program.h"
#include "milter/milter.h"

static void
bm_usage(FILE *out)
{
	fputs("usage: belfry-milter [-c FILE]\n\n" PROGRAM_OPTIONS_TEXT "\n"
	      "Runs in the foreground. SIGUSR1 reads the configuration anew, "
	      "SIGTERM ends it.\n",
	      out);
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_PATH;

	if (std_fds_fill() < 0)
		return MILTER_EXIT_FAILED;
	switch (program_options("belfry-milter", argc, argv, &path)) {
	case PROGRAM_RUN:
		break;
	case PROGRAM_HELP:
		bm_usage(stdout);
		return 0;
	case PROGRAM_VERSION:
		return 0;
	case PROGRAM_WRONG:
		bm_usage(stderr);
		return PROGRAM_EXIT_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "belfry-milter: `%s` is one word too many\n",
			argv[optind]);
		bm_usage(stderr);
		return PROGRAM_EXIT_USAGE;
	}
	return milter_main(path);
}
