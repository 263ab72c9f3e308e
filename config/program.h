/*
 * program - what the command lines of all programs have in common: the options
 * before the first word, and how they speak of a wrong one.
 */
#ifndef CONFIG_PROGRAM_H
#define CONFIG_PROGRAM_H

#include "config/config.h"

#define PROGRAM_EXIT_USAGE 64

/* For the usage text. */
#define PROGRAM_OPTIONS_TEXT                                                   \
	"  -c, --config FILE   the configuration, default " CONFIG_PATH "\n"   \
	"  -h, --help          this text\n"                                    \
	"  -V, --version       name and version\n"

enum program_asked {
	PROGRAM_RUN,     /* what stands from optind on is the program's */
	PROGRAM_HELP,    /* the usage text; exit 0 */
	PROGRAM_VERSION, /* was printed; exit 0 */
	PROGRAM_WRONG,   /* was said; PROGRAM_EXIT_USAGE */
};

/* Read the options of NAME, which becomes argv[0]: getopt's errors begin with
 * it. *RET_CONF_PATH is left alone when none is given. */
enum program_asked program_options(const char *name, int argc, char **argv,
				   const char **ret_conf_path);

#endif
