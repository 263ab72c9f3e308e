/*
 * belfry - the command line.
 */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/must.h"
#include "base/std_fds.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "config/program.h"

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
	fprintf(stderr, "usage: belfry %s%s%s\n(see `belfry help %s`)\n",
		cli->command->name,
		cli->command->synopsis[0] != '\0' ? " " : "",
		cli->command->synopsis, cli->command->name);
	return CLI_USAGE;
}

int
cli_extra(const struct cli *cli, const char *word)
{
	cli_say("`%s` does not belong here", word);
	return cli_usage(cli);
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

/* The second words of the commands that begin with WORD, LEN long. */
static size_t
cli_list_words(const char *word, size_t len, struct buf *out)
{
	size_t n = 0;

	for (const struct command *c = cli_commands; c->name != NULL; c++)
		if (strncmp(c->name, word, len) == 0 && c->name[len] == ' ') {
			(void)buf_append_str(out, n++ > 0 ? ", " : "");
			(void)buf_append_str(out, c->name + len + 1);
		}
	return n;
}

#define MEANT_MAX 256

/* The command that WORD may be meant for: one that ends with it, or nearly is
 * it. NULL: none. */
static const char *
cli_meant(const char *word)
{
	const char *names[MEANT_MAX];
	size_t n = 0;

	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		const char *last = strrchr(c->name, ' ');

		if (last != NULL && strcmp(last + 1, word) == 0)
			return c->name;
		must(n < MEANT_MAX);
		names[n++] = c->name;
	}
	return conf_nearest(word, names, n);
}

static void
cli_say_unknown(const char *word)
{
	const char *meant = cli_meant(word);

	if (meant != NULL)
		cli_say("there is no command `%s`; did you mean `%s`? `belfry "
			"help` lists them",
			word, meant);
	else
		cli_say("there is no command `%s`; `belfry help` lists them",
			word);
}

/* "queue" alone or before what it doesn't know, or a word that begins no
 * command. */
static int
cli_unknown(int argc, char **argv)
{
	const char *word = argv[0];
	struct buf words;

	buf_init(&words, 4096);
	if (cli_list_words(word, strlen(word), &words) > 0)
		cli_say("`%s%s%s` is no command%s; behind `%s` goes one of: %s "
			"(`belfry help %s` explains)",
			word, argc > 1 ? " " : "", argc > 1 ? argv[1] : "",
			argc > 1 ? "" : " by itself", word, words.data, word);
	else
		cli_say_unknown(word);
	buf_done(&words);
	return CLI_USAGE;
}

static bool
cli_asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
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
		if (cli_asks_help(argc, argv))
			return cli_help(cli, 0, NULL);
		optind =
			0; /* begins anew, also with what the first pass kept */
		argv[0] = program; /* getopt's errors begin with it */
		return c->run(cli, argc, argv);
	}
	if (cli_asks_help(argc, argv))
		return cli_help_begins(1, argv);
	return cli_unknown(argc, argv);
}

/* The exit status: whoever reads us may not have got all of it. */
static int
cli_end(int r)
{
	api_close();
	return fflush(stdout) != 0 && r == CLI_OK ? CLI_WRONG : r;
}

/* By which name was the program called? */
static bool
cli_is_called(const char *argv0, const char *name)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash != NULL ? slash + 1 : argv0, name) == 0;
}

static int
cli_as_sendmail(struct cli *cli, int argc, char **argv)
{
	static char name[] = "sendmail";

	cli->conf_path = CONFIG_PATH;
	argv[0] = name; /* getopt's errors begin with it */
	return cli_end(cli_sendmail(cli, argc, argv));
}

int
main(int argc, char **argv)
{
	struct cli cli = {0};

	if (std_fds_fill() < 0)
		return CLI_WRONG;
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc > 0 && cli_is_called(argv[0], "sendmail"))
		return cli_as_sendmail(&cli, argc, argv);
	switch (program_options("belfry", argc, argv, &cli.conf_path)) {
	case PROGRAM_RUN:
		break;
	case PROGRAM_HELP:
		return cli_help(&cli, 0, NULL);
	case PROGRAM_VERSION:
		return CLI_OK;
	case PROGRAM_WRONG:
		fputs("(see `belfry help`)\n", stderr);
		return CLI_USAGE;
	}
	cli.conf_given = cli.conf_path != NULL;
	if (!cli.conf_given)
		cli.conf_path = CONFIG_PATH;
	if (optind == argc) {
		cli_help(&cli, 0, NULL);
		return CLI_USAGE;
	}
	return cli_end(cli_run(&cli, argv[0], argc - optind, argv + optind));
}
