/*
 * belfryd - the SMTP server, the queue and delivery, in the foreground.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/std_fds.h"
#include "config/program.h"
#include "relay/relay.h"

static void
belfryd_usage(FILE *out)
{
	fputs("usage: belfryd [-c FILE]\n"
	      "       belfryd --verify DIR | --salvage DIR NEWDIR | "
	      "--export DIR OUT\n\n" PROGRAM_OPTIONS_TEXT "\n"
	      "Runs in the foreground. SIGHUP reads the configuration anew, "
	      "SIGTERM ends it.\n\n"
	      "With a store that no belfryd uses (`state_dir`, or a backup), "
	      "as the first option:\n\n"
	      "  --verify DIR            walk everything, say what is wrong\n"
	      "  --salvage DIR NEWDIR    what can be read into a new store; "
	      "also makes it small\n"
	      "  --export DIR OUT        every message as OUT/ID.eml and "
	      "OUT/ID.json\n\n"
	      "Exit status: 0 all is well; 1 something is damaged; 66 there is "
	      "no store;\n73 the folder can't be made; 74 the disk failed; 75 "
	      "the store is in use\n",
	      out);
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_PATH;
	int status;

	if (std_fds_fill() < 0)
		return RELAY_EXIT_FAILED;
	if (relay_offline(argc, argv, &status))
		return status;
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
