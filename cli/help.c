#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "config/program.h"

static void
help_all(void)
{
	puts("usage: belfry [-c FILE] COMMAND [...]\n\n" PROGRAM_OPTIONS_TEXT);
	for (const struct command *c = cli_commands; c->name != NULL; c++)
		printf("  %-19s %s\n", c->name, c->help);
	puts("\n`belfry help COMMAND` tells more of one.\n\n"
	     "exit status: 0 done; 1 the verdict or the state is not right; "
	     "64 wrong usage;\n66 no such id; 69 belfryd can't be reached; "
	     "75 try again; 77 not allowed;\n78 the configuration is wrong");
}

static void
help_one(const struct command *c)
{
	printf("usage: belfry [-c FILE] %s%s%s\n\n%s\n", c->name,
	       c->synopsis[0] != '\0' ? " " : "", c->synopsis, c->help);
	if (c->more != NULL)
		printf("\n%s", c->more);
}

static void
help_json(void)
{
	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		json_t *row =
			json_pack("{s:s, s:s, s:s, s:s}", "command", c->name,
				  "synopsis", c->synopsis, "help", c->help,
				  "options", c->more != NULL ? c->more : "");

		json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(row);
	}
}

/* Does NAME begin with the N words of ARGV? */
static bool
help_begins(const char *name, int n, char **argv)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(argv[i]);

		if (strncmp(name, argv[i], len) != 0 ||
		    (name[len] != ' ' && name[len] != '\0'))
			return false;
		name += len + (name[len] == ' ');
	}
	return true;
}

int
cli_help_begins(int n, char **argv)
{
	int shown = 0;

	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		if (!help_begins(c->name, n, argv))
			continue;
		if (shown++ > 0)
			putchar('\n');
		help_one(c);
	}
	if (shown > 0)
		return CLI_OK;
	cli_say("there is no command `%s`; `belfry help` lists them", argv[0]);
	return CLI_USAGE;
}

int
cli_help(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	bool json = false;
	int c;

	if (argc == 0 && cli->command != NULL) {
		help_one(cli->command);
		return CLI_OK;
	}
	while (argc > 0 &&
	       (c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c != 'j')
			return cli_usage(cli);
		json = true;
	}
	if (json)
		help_json();
	else if (argc > 0 && optind < argc)
		return cli_help_begins(argc - optind, argv + optind);
	else
		help_all();
	return CLI_OK;
}
