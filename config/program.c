#include "config/program.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>

enum program_asked
program_options(const char *name, int argc, char **argv,
		const char **ret_conf_path)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int c;

	if (argc > 0)
		argv[0] = (char *)(uintptr_t)name; /* nobody writes to it */
	while ((c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			*ret_conf_path = optarg;
			break;
		case 'h':
			return PROGRAM_HELP;
		case 'V':
			printf("%s %s\n", name, BELFRY_VERSION);
			return PROGRAM_VERSION;
		default:
			return PROGRAM_WRONG;
		}
	}
	return PROGRAM_RUN;
}
