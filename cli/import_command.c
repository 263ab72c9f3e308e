/*
 * `belfry import postfix`, `import opendkim` and `import alertmanager`: work
 * without belfryd and read no configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/check_words.h"
#include "cli/command.h"
#include "cli/import_alertmanager.h"
#include "cli/import_opendkim.h"
#include "cli/import_postfix.h"
#include "cli/text.h"
#include "config/config.h"

/* All of FD. 0 or -errno. */
static int
import_read_fd(int fd, struct buf *b)
{
	char piece[65536];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		if (buf_append(b, piece, (size_t)n) < 0)
			return -EFBIG;
	return n < 0 ? -errno : 0;
}

static int
import_read_input(const char *path, struct buf *b)
{
	if (strcmp(path, "-") == 0)
		return import_read_fd(STDIN_FILENO, b);
	return postfix_read_file(NULL, path, b);
}

/* Would it be taken? What isn't is for people to mend. */
static int
import_check(const struct buf *yaml)
{
	struct conf_errors errors;
	struct config *config = NULL;
	int r = CLI_OK;

	conf_errors_init(&errors);
	if (config_load_text("belfry.yaml", buf_str(yaml), yaml->len, &config,
			     &errors) == 0)
		check_words(config, &errors);
	if (errors.total > 0)
		r = CLI_WRONG;
	if (errors.n > 0)
		fputs("\nOf what was written `belfry check` says:\n\n", stderr);
	conf_errors_sort(&errors);
	conf_errors_print(&errors, stderr);
	config_unref(&config);
	conf_errors_done(&errors);
	return r;
}

/* The configuration, and what was not carried over. */
static void
import_print(const struct buf *yaml, const struct import *im)
{
	fputs(buf_str(yaml), stdout);
	fflush(stdout);
	if (im->notes.len > 0) {
		fputs("Not carried over, or not as it was:\n\n", stderr);
		text_put_lines(buf_str(&im->notes), im->notes.len, stderr);
	}
	if (im->nnotes > IMPORT_NOTES_MAX)
		fprintf(stderr, "and %zu more\n",
			im->nnotes - IMPORT_NOTES_MAX);
}

static int
import_run_postfix(const char *path, const struct buf *text)
{
	struct import im;
	struct buf yaml;
	size_t line = 0;
	int r;

	buf_init(&yaml, IMPORT_TEXT_MAX);
	import_init(&im, postfix_read_file, NULL);
	r = import_postfix(&im, buf_str(text), text->len, &yaml, &line);
	if (r < 0) {
		cli_say("%s:%zu: %s", path, line,
			r == -EINVAL ? "this is no setting of `postconf -n`"
				     : "there are more than anybody has");
		r = CLI_CONFIG;
	} else {
		import_print(&yaml, &im);
		r = import_check(&yaml);
	}
	import_done(&im);
	buf_done(&yaml);
	return r;
}

/* What is written are sections: a configuration has a name of the host, too. */
static int
import_run_opendkim(const char *path, const struct buf *text)
{
	struct import_opendkim io;
	struct buf yaml;
	int r;

	buf_init(&yaml, IMPORT_TEXT_MAX);
	import_opendkim_init(&io);
	r = import_opendkim(&io, path, buf_str(text), text->len,
			    postfix_read_file, NULL, &yaml);
	if (r < 0) {
		cli_say("%s:%zu: %s", io.settings.path, io.settings.line,
			io.settings.why);
		r = CLI_CONFIG;
	} else {
		import_print(&yaml, &io.im);
		import_put(&yaml, "hostname: host.example\n");
		r = import_check(&yaml);
	}
	import_opendkim_done(&io);
	buf_done(&yaml);
	return r;
}

/* As with OpenDKIM. */
static int
import_run_alertmanager(const char *path, const struct buf *text)
{
	struct import_am ia;
	struct buf yaml;
	int r;

	buf_init(&yaml, IMPORT_TEXT_MAX);
	import_am_init(&ia);
	r = import_alertmanager(&ia, buf_str(text), text->len, &yaml);
	if (r < 0) {
		cli_say("%s:%zu: %s", path, ia.line, ia.why);
		r = CLI_CONFIG;
	} else {
		import_print(&yaml, &ia.im);
		import_put(&yaml, "hostname: host.example\n");
		r = import_check(&yaml);
	}
	import_am_done(&ia);
	buf_done(&yaml);
	return r;
}

static int
import_command(const struct cli *cli, int argc, char **argv,
	       int (*run)(const char *path, const struct buf *text))
{
	struct buf text;
	int r;

	if (getopt_long(argc, argv, "", (struct option[]){{0}}, NULL) != -1 ||
	    argc - optind != 1)
		return cli_usage(cli);
	buf_init(&text, POSTFIX_MAP_FILE_MAX);
	r = import_read_input(argv[optind], &text);
	if (r < 0) {
		cli_say("%s: %s", argv[optind], conf_file_error(r));
		r = CLI_NO_ID;
	} else {
		r = run(argv[optind], &text);
	}
	buf_done(&text);
	return r;
}

int
cli_import_postfix(const struct cli *cli, int argc, char **argv)
{
	return import_command(cli, argc, argv, import_run_postfix);
}

int
cli_import_opendkim(const struct cli *cli, int argc, char **argv)
{
	return import_command(cli, argc, argv, import_run_opendkim);
}

int
cli_import_alertmanager(const struct cli *cli, int argc, char **argv)
{
	return import_command(cli, argc, argv, import_run_alertmanager);
}
