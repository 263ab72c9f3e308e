/*
 * belfryd - the SMTP server, the queue and delivery, in the foreground.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "relay/relay.h"

#define BELFRYD_EXIT_USAGE 64

static void
belfryd_usage(FILE *out)
{
	fputs("usage: belfryd -c FILE\n"
	      "\n"
	      "  -c, --config FILE  the configuration (default: " CONFIG_PATH
	      ")\n"
	      "  -h, --help         this text\n"
	      "  -V, --version      name and version\n"
	      "\n"
	      "Runs in the foreground. SIGHUP reads the configuration anew, "
	      "SIGTERM ends it.\n",
	      out);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *path = CONFIG_PATH;
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			belfryd_usage(stdout);
			return 0;
		case 'V':
			puts("belfryd " BELFRY_VERSION);
			return 0;
		default:
			belfryd_usage(stderr);
			return BELFRYD_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		belfryd_usage(stderr);
		return BELFRYD_EXIT_USAGE;
	}
	return relay_main(path);
}
