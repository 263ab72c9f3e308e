#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "base/xalloc.h"
#include "config/users.h"

#define CR_WIDTH 78

/* A section's own default says nothing: its keys have theirs. */
static const char *
cr_default(const struct conf_option *o)
{
	if (o->unset != NULL)
		return o->unset;
	if (o->dflt == NULL)
		return "required";
	return o->type == CONF_TABLE ? NULL : o->dflt;
}

/* The words of S behind four blanks, in lines that a terminal shows whole. */
static void
cr_put_wrapped(const char *s)
{
	size_t column = 0;

	while (*s != '\0') {
		size_t n = strcspn(s, " ");

		if (column == 0 || column + 1 + n > CR_WIDTH) {
			printf("%s    ", column == 0 ? "" : "\n");
			column = 4;
		} else {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)n, s);
		column += n;
		s += n + (s[n] == ' ');
	}
	putchar('\n');
}

static void
cr_text(void *arg, const char *path, const struct conf_option *o)
{
	char *type = conf_type_name(o), *range = conf_range_name(o);
	const char *dflt = cr_default(o);

	(void)arg;
	printf("%s\n    %s", path, type);
	if (range != NULL)
		printf(", %s", range);
	if (conf_is_required(o))
		printf("; required");
	else if (dflt != NULL)
		printf("; default: %s", dflt);
	putchar('\n');
	cr_put_wrapped(o->help);
	if (o->example != NULL)
		printf("    e.g. %s: %s\n", o->name, o->example);
	free(type);
	free(range);
}

/* A bar would end the cell. */
static void
cr_put_cell(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			putchar('\\');
		putchar(*s);
	}
}

static void
cr_markdown(void *arg, const char *path, const struct conf_option *o)
{
	char *type = conf_type_name(o), *range = conf_range_name(o);
	const char *dflt = cr_default(o);

	(void)arg;
	printf("| `%s` | ", path);
	cr_put_cell(type);
	if (range != NULL)
		printf(", %s", range);
	printf(" | ");
	if (o->unset != NULL || o->dflt == NULL) {
		cr_put_cell(dflt);
	} else if (dflt != NULL) {
		putchar('`');
		cr_put_cell(dflt);
		putchar('`');
	}
	printf(" | ");
	cr_put_cell(o->help);
	if (o->example != NULL) {
		printf(" E.g. `%s: ", o->name);
		cr_put_cell(o->example);
		printf("`");
	}
	printf(" |\n");
	free(type);
	free(range);
}

static void
cr_json(void *arg, const char *path, const struct conf_option *o)
{
	char *type = conf_type_name(o), *range = conf_range_name(o);
	json_t *row = json_pack("{s:s, s:s, s:b, s:s*, s:s*, s:s, s:s*}", "key",
				path, "type", type, "required",
				conf_is_required(o), "default",
				o->unset != NULL ? o->unset : o->dflt, "range",
				range, "help", o->help, "example", o->example);

	(void)arg;
	json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(row);
	free(type);
	free(range);
}

/* The users file has names of its own, and below each the same keys. */
static void
cr_user(void *arg, const char *path, const struct conf_option *o)
{
	conf_walk_fn *const *fn = arg;
	char *whole = xasprintf("users_file{}.%s", path);

	(*fn)(NULL, whole, o);
	free(whole);
}

int
cli_config_reference(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"markdown", no_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	conf_walk_fn *fn = cr_text;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j' && c != 'm')
			return cli_usage(cli);
		fn = c == 'j' ? cr_json : cr_markdown;
	}
	if (optind < argc)
		return cli_usage(cli);
	if (fn == cr_markdown)
		puts("| key | type | default | meaning |\n|---|---|---|---|");
	conf_walk(&config_table, fn, NULL);
	conf_walk(&user_conf_table, cr_user, &fn);
	return CLI_OK;
}
