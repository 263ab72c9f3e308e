/*
 * belfry - the command line.
 */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

void
cli_say(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("belfry: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
cli_usage(const struct cli *cli)
{
	fflush(stdout);
	fprintf(stderr, "usage: belfry %s %s\n(see `belfry help %s`)\n",
		cli->command->name, cli->command->synopsis, cli->command->name);
	return CLI_USAGE;
}

/* How many of ARGV's words are NAME's ("queue list" has two); 0: others. */
static int
cli_match(const char *name, int argc, char **argv)
{
	int words = 0;

	while (*name != '\0') {
		size_t n = strcspn(name, " ");

		if (words == argc || strlen(argv[words]) != n ||
		    strncmp(argv[words], name, n) != 0)
			return 0;
		words++;
		name += n + (name[n] == ' ');
	}
	return words;
}

/* "queue" alone, or a word that begins no command. */
static int
cli_unknown(const char *word)
{
	size_t len = strlen(word);

	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		if (strncmp(c->name, word, len) != 0 || c->name[len] != ' ')
			continue;
		cli_say("`%s` is no command by itself; `belfry help %s` lists "
			"those that begin so",
			word, word);
		return CLI_USAGE;
	}
	cli_say("there is no command `%s`; `belfry help` lists them", word);
	return CLI_USAGE;
}

static int
cli_run(struct cli *cli, char *program, int argc, char **argv)
{
	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		int words = cli_match(c->name, argc, argv);

		if (words == 0)
			continue;
		cli->command = c;
		argc -= words - 1;
		argv += words - 1;
		for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
			if (strcmp(argv[i], "--help") == 0)
				return cli_help(cli, 0, NULL);
		optind =
			0; /* begins anew, also with what the first pass kept */
		argv[0] = program; /* getopt's errors begin with it */
		return c->run(cli, argc, argv);
	}
	return cli_unknown(argv[0]);
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
	struct cli cli = {.conf_path = CLI_CONF_PATH};
	int c;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	while ((c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cli.conf_path = optarg;
			cli.conf_given = true;
			break;
		case 'h':
			return cli_help(&cli, 0, NULL);
		case 'V':
			printf("belfry %s\n", BELFRY_VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE;
		}
	}
	if (optind == argc) {
		cli_help(&cli, 0, NULL);
		return CLI_USAGE;
	}
	c = cli_run(&cli, argv[0], argc - optind, argv + optind);
	if (fflush(stdout) != 0 && c == CLI_OK)
		c = CLI_WRONG; /* whoever reads us did not get all of it */
	return c;
}
